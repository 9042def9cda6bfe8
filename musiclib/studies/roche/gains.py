"""Where a model gains over another: by frequency, by genre, by change and over time."""

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from musiclib.models.frames import FrameAutoencoder
from musiclib.models.losses import DB_PER_NEPER
from musiclib.stats import mean_interval
from musiclib.studies.roche.spectra import DoubleArray, Errors, Spectra

BANDS_HZ = (0, 500, 1000, 2000, 4000, 8000, 12_000)
CHANGE = ("steadiest", "steady", "moving", "most moving")


def by_band(
    errors: Errors, baseline: Errors, sample_rate: int, artists: Sequence[str]
) -> pd.DataFrame:
    """Gain over the baseline in bands of frequency.

    Args:
        errors: Of a model.
        baseline: Of another one, on the same clips.
        sample_rate: In Hz.
        artists: Artist of each clip.

    Returns:
        One row for each band: ``group``, ``mean``, ``low``, ``high`` in dB.
    """
    bins = errors.by_bin.shape[1]
    hertz = np.linspace(0.0, sample_rate / 2, bins)
    rows = []
    for low, high in itertools.pairwise(BANDS_HZ):
        inside = (hertz >= low) & ((hertz < high) | (high == BANDS_HZ[-1]))
        values = [np.sqrt(item.by_bin[:, inside].mean(axis=1)) for item in (baseline, errors)]
        rows.append(_row(f"{low / 1000:g}–{high / 1000:g} kHz", values[0] - values[1], artists))
    return pd.DataFrame(rows)


def by_genre(
    errors: Errors, baseline: Errors, genres: Sequence[str], artists: Sequence[str]
) -> pd.DataFrame:
    """Gain over the baseline for each genre.

    Args:
        errors: Of a model.
        baseline: Of another one, on the same clips.
        genres: Genre of each clip.
        artists: Artist of each clip.

    Returns:
        One row for each genre: ``group``, ``mean``, ``low``, ``high`` in dB. A genre with fewer
        than eight artists has no interval.
    """
    names, owners = np.asarray(genres), np.asarray(artists)
    gain = baseline.rmse_db - errors.rmse_db
    return pd.DataFrame(
        [
            _row(str(genre).replace("_", " "), gain[names == genre], owners[names == genre])
            for genre in sorted(set(genres))
        ]
    )


def spectral_change(material: Spectra) -> list[DoubleArray]:
    """How much each frame differs from the one before it.

    Args:
        material: Spectra of clips.

    Returns:
        RMS difference in dB for each clip ``(T,)``; the first frame has that of the second.
    """
    found = []
    for logs in material.logs:
        steps = logs.diff(dim=1).square().mean(dim=0).sqrt().double().numpy() * DB_PER_NEPER
        first = steps[:1] if len(steps) else np.zeros(1)
        found.append(np.concatenate([first, steps]))
    return found


def by_change(
    errors: Errors, baseline: Errors, change: Sequence[DoubleArray], artists: Sequence[str]
) -> pd.DataFrame:
    """Gain over the baseline in four groups of frames, from steady sound to attacks.

    The borders are the quartiles of all frames, so a clip may have frames in some groups only.

    Args:
        errors: Of a model.
        baseline: Of another one, on the same clips.
        change: Result of :func:`spectral_change`.
        artists: Artist of each clip.

    Returns:
        One row for each group that has frames: ``group``, ``mean``, ``low``, ``high`` in dB.
    """
    borders = np.quantile(np.concatenate(list(change)), [0.25, 0.5, 0.75])
    groups = [np.searchsorted(borders, item) for item in change]
    rows = []
    for number, word in enumerate(CHANGE):
        chosen = [place for place, group in enumerate(groups) if (group == number).any()]
        values = [
            np.array(
                [np.sqrt(item.by_frame[n][groups[n] == number].mean()) for n in chosen],
            )
            for item in (baseline, errors)
        ]
        if chosen:
            rows.append(_row(word, values[0] - values[1], [artists[n] for n in chosen]))
    return pd.DataFrame(rows)


def over_time(errors: Errors, baseline: Errors, frames: int) -> DoubleArray:
    """Gain over the baseline by the number of the frame within the excerpt.

    Args:
        errors: Of a model.
        baseline: Of another one, on the same clips.
        frames: Largest number of frames.

    Returns:
        Difference of RMSEs over all clips that have the frame, in dB, ``(T,)``.
    """
    count = min(frames, max(len(item) for item in errors.by_frame))
    total = np.full((2, len(errors.by_frame), count), np.nan)
    for side, item in enumerate((baseline, errors)):
        for place, values in enumerate(item.by_frame):
            part = values[:count]
            total[side, place, : len(part)] = part
    roots = np.sqrt(np.nanmean(total, axis=1))
    return np.asarray(roots[0] - roots[1])


def left_over(model: FrameAutoencoder, material: Spectra, lags: Sequence[int]) -> dict[int, float]:
    """How much of what a model leaves is still there some frames later.

    Windows overlap, so near frames are alike even in noise; from a whole window on, only sound that
    lasts is.

    Args:
        model: In evaluation mode.
        material: Spectra of clips.
        lags: Distances in frames.

    Returns:
        Mean over clips of the correlation of the residual with itself, by lag. Clips that are too
        short, or rebuilt exactly, are left out; NaN where none is left.
    """
    found: dict[int, list[float]] = {lag: [] for lag in lags}
    with torch.inference_mode():
        for logs in material.logs:
            inputs = model.spectrogram.normalise(logs)[None]
            rest = (inputs - model.decode(model.encode(inputs), inputs.shape[-1]))[0].double()
            power = float(rest.square().mean())
            for lag in lags:
                if rest.shape[1] > lag and power > 0.0:
                    product = rest[:, lag:] * rest[:, : rest.shape[1] - lag]
                    found[lag].append(float(product.mean()) / power)
    return {
        lag: float(np.mean(values)) if values else float("nan") for lag, values in found.items()
    }


def _row(
    group: str, gain: DoubleArray, artists: Sequence[str] | npt.NDArray[np.str_]
) -> dict[str, float | str]:
    found = mean_interval(gain, artists)
    return {"group": group, "mean": found.mean, "low": found.low, "high": found.high}

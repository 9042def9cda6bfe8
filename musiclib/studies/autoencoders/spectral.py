"""What is left of a spectrogram behind bottlenecks of several widths, and what goes first."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import scipy.fft
from torch import Tensor

from musiclib.audio import FloatArray
from musiclib.models import Autoencoder
from musiclib.stats import Interval, mean_interval
from musiclib.studies.autoencoders.running import (
    DoubleArray,
    error_nepers,
    features,
    rebuilt,
    view,
)

FREQUENCY, TIME = "along frequency", "along time"


def bottleneck_table(
    models: Mapping[int, Autoencoder],
    clips: Mapping[str, FloatArray],
    artists: Mapping[str, str],
) -> pd.DataFrame:
    """Errors of models of several latent sizes, and of knowing nothing about a clip.

    Args:
        models: Spectrogram models by latent size, with one STFT and offset.
        clips: Clips at the models' rate by name, each of shape ``(N,)``.
        artists: Artist of each clip.

    Returns:
        One row for each clip and size, and one with size 0 for the mean of each bin, which is the
        best guess that needs no latent: ``clip``, ``artist``, ``size``, ``nominal_kbps``,
        ``spectral_rmse`` (nepers), ``spread`` (variance of what came out over that of the clip)
        and ``explained`` (1 minus squared error over variance). Variances are around each bin's
        mean in the music that the model was fitted to.
    """
    rows = []
    first = next(iter(models.values()))
    for name, audio in clips.items():
        logs = view(first, audio).logs
        for size, model in models.items():
            output = rebuilt(model, logs)
            centre = features(model).mean[:, None]
            total = float((logs - centre).double().square().mean())
            kept = float((output - centre).double().square().mean())
            error = error_nepers(logs, output)
            rows.append(
                {
                    "clip": name,
                    "artist": artists[name],
                    "size": size,
                    "nominal_kbps": model.nominal_kbps,
                    "spectral_rmse": error,
                    "spread": kept / total,
                    "explained": 1.0 - error**2 / total,
                }
            )
        rows.append(
            {
                "clip": name,
                "artist": artists[name],
                "size": 0,
                "nominal_kbps": 0.0,
                "spectral_rmse": error_nepers(logs, centre.expand_as(logs)),
                "spread": 0.0,
                "explained": 0.0,
            }
        )
    return pd.DataFrame(rows)


def by_size(table: pd.DataFrame, column: str = "spectral_rmse") -> dict[int, Interval]:
    """Mean and interval over artists for each size, the widest first."""
    sizes = sorted(table["size"].unique(), reverse=True)
    parts = {int(size): table[table["size"] == size] for size in sizes}
    return {size: mean_interval(part[column], part["artist"]) for size, part in parts.items()}


def detail_table(
    models: Mapping[int, Autoencoder],
    clips: Mapping[str, FloatArray],
    bands: int = 12,
) -> pd.DataFrame:
    """Which detail a model loses: error by its fineness along frequency and along time.

    A cosine transform of each frame splits it into ripples over frequency, and one of each bin
    splits it into ripples over time. The error's energy in a band of ripples is divided by the
    clip's.

    Args:
        models: Spectrogram models by latent size.
        clips: Clips at the models' rate by name, each of shape ``(N,)``.
        bands: Bands of ripples in each direction, equally wide on a logarithmic scale.

    Returns:
        One row for each size, direction and band: ``size``, ``direction``, ``ripple`` (along
        frequency: distance of ripples in Hz; along time: ripples a second) and ``lost``: 0 for
        nothing, 1 for everything, energies summed over the clips.
    """
    edges = _edges(bands)
    centres = np.sqrt(edges[:-1] * edges[1:])
    rows = []
    for size, model in models.items():
        spectrogram = features(model)
        frames_per_second = model.config.sample_rate / spectrogram.stft.hop_length
        sums: dict[str, DoubleArray] = {}
        for audio in clips.values():
            logs = view(model, audio).logs
            output = rebuilt(model, logs)
            centre = spectrogram.mean[:, None]
            for direction, axis in ((FREQUENCY, 0), (TIME, 1)):
                pair = np.stack(
                    [_ripples(logs - output, axis, bands), _ripples(logs - centre, axis, bands)]
                )
                sums[direction] = sums.get(direction, np.zeros_like(pair)) + pair
        for direction, (lost, whole) in sums.items():
            # Ripple k of n cosines has k / 2 periods over the whole axis.
            nyquist = model.config.sample_rate / 2.0
            bins = spectrogram.stft.n_bins
            ripple = (
                2.0 * nyquist / (centres * bins)
                if direction == FREQUENCY
                else centres * frames_per_second / 2.0
            )
            rows += [
                {"size": size, "direction": direction, "ripple": place, "lost": share}
                for place, share, energy in zip(ripple, lost / whole, whole, strict=True)
                if energy > 0.0
            ]
    return pd.DataFrame(rows)


def lost_half(table: pd.DataFrame, direction: str) -> dict[int, float]:
    """The coarsest ripple of which a model loses half or more, by size; NaN where it loses none."""
    found = {}
    for size, part in table[table["direction"] == direction].groupby("size"):
        coarse_first = part.sort_values("ripple", ascending=direction == TIME)
        gone = coarse_first.loc[coarse_first["lost"] >= 0.5, "ripple"]
        found[int(str(size))] = float(gone.iloc[0]) if len(gone) else float("nan")
    return found


def _edges(bands: int) -> DoubleArray:
    """Edges of bands of cosines as fractions of their number."""
    edges: DoubleArray = np.geomspace(1.0 / 64.0, 1.0, bands + 1)
    return edges


def _ripples(values: Tensor, axis: int, bands: int) -> DoubleArray:
    """Energy of ``(F, T)`` in bands of cosines along an axis, ``(bands,)``."""
    spectrum = scipy.fft.dct(values.double().numpy(), axis=axis, norm="ortho")
    energy = np.square(spectrum).sum(axis=1 - axis)
    places = np.arange(len(energy)) / len(energy)
    edges = _edges(bands)
    which = np.searchsorted(edges, places, side="right") - 1
    inside = (which >= 0) & (which < bands)
    summed: DoubleArray = np.bincount(which[inside], energy[inside], bands).astype(np.float64)
    return summed


def size_table(models: Mapping[int, Autoencoder], table: pd.DataFrame) -> pd.DataFrame:
    """One row for each latent size, for the page.

    Args:
        models: Models by latent size.
        table: From :func:`bottleneck_table`.

    Returns:
        Values for a group, values a second, nominal kbps, spectral RMSE with its interval, share
        of variance explained, variance of what came out.
    """
    errors, explained, spread = (
        by_size(table, column) for column in ("spectral_rmse", "explained", "spread")
    )
    rows = [
        {
            "values": str(size) if size else "0 (mean of each bin)",
            "values a second": round(models[size].values_per_second) if size else 0,
            "nominal kbps": round(models[size].nominal_kbps, 1) if size else 0.0,
            "spectral RMSE": _ranged(error),
            "explained (%)": round(100 * explained[size].mean, 1),
            "variance left (%)": round(100 * spread[size].mean, 1),
        }
        for size, error in errors.items()
    ]
    return pd.DataFrame(rows).set_index("values").rename_axis(None)


def _ranged(interval: Interval, digits: int = 3) -> str:
    if np.isnan(interval.low):
        return f"{interval.mean:.{digits}f} (one clip)"
    return f"{interval.mean:.{digits}f} ({interval.low:.{digits}f}–{interval.high:.{digits}f})"

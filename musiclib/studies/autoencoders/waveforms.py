"""Autoencoders of samples that were trained with different losses, beside plain downsampling."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy.signal

from musiclib.audio import FloatArray, resample
from musiclib.metrics import METRICS
from musiclib.models import Autoencoder
from musiclib.stats import Interval, mean_interval
from musiclib.studies.autoencoders.denoising import format_interval, over_artists
from musiclib.studies.autoencoders.running import DoubleArray, rebuilt_waveform

LOSS_METRICS = ("si_sdr", "log_spectral_distance", "zimtohrli_mos")
DOWNSAMPLING = "downsampling"


def downsample(audio: FloatArray, sample_rate: int, factor: int) -> FloatArray:
    """Keep one sample in ``factor`` and interpolate back: the original report's baseline.

    Args:
        audio: Samples, shape ``(N,)``.
        sample_rate: In Hz, a multiple of ``factor``.
        factor: 1 returns a copy.

    Returns:
        Samples, shape ``(N,)``, without anything above ``sample_rate / (2 * factor)``.

    Raises:
        ValueError: If the sample rate is not a multiple of the factor.
    """
    if sample_rate % factor:
        raise ValueError(f"{sample_rate} Hz cannot be divided by {factor}: choose a factor of it")
    if factor == 1:
        return audio.copy()
    low = resample(audio, sample_rate, sample_rate // factor)
    back = resample(low, sample_rate // factor, sample_rate)
    return np.pad(back, (0, max(0, len(audio) - len(back))))[: len(audio)]


def energy_above(audio: FloatArray, sample_rate: int, cutoff_hz: float) -> float:
    """Share of a clip's energy above a frequency.

    Args:
        audio: Samples, shape ``(N,)``.
        sample_rate: In Hz.
        cutoff_hz: In Hz.

    Returns:
        Between 0 and 1.
    """
    frequencies, power = scipy.signal.welch(
        audio.astype(np.float64), fs=sample_rate, nperseg=min(2048, len(audio)), detrend=False
    )
    return float(power[frequencies > cutoff_hz].sum() / power.sum())


def versions(
    models: Mapping[str, Autoencoder], audio: FloatArray, sample_rate: int, factor: int
) -> dict[str, FloatArray]:
    """A clip by plain downsampling and by each model.

    Args:
        models: Models of samples by name, all of one factor.
        audio: Samples at the models' rate, ``(N,)``.
        sample_rate: In Hz.
        factor: Samples for one that is kept.

    Returns:
        Sounds of shape ``(N,)`` by name, :data:`DOWNSAMPLING` first.
    """
    sounds = {DOWNSAMPLING: downsample(audio, sample_rate, factor)}
    return sounds | {name: rebuilt_waveform(model, audio) for name, model in models.items()}


def loss_table(
    rendered: Mapping[str, Mapping[str, FloatArray]],
    clips: Mapping[str, FloatArray],
    sample_rate: int,
    artists: Mapping[str, str],
    metrics: Sequence[str] = LOSS_METRICS,
) -> pd.DataFrame:
    """Every metric for plain downsampling and for each model on each clip.

    Args:
        rendered: Results of :func:`versions` for each clip.
        clips: The clips by name, each of shape ``(N,)``.
        sample_rate: In Hz.
        artists: Artist of each clip.
        metrics: Keys of :data:`musiclib.metrics.METRICS`.

    Returns:
        One row for each clip and system: ``clip``, ``artist``, ``system`` and the metrics.
    """
    return pd.DataFrame(
        [
            {
                "clip": clip,
                "artist": artists[clip],
                "system": system,
                **{key: METRICS[key].function(audio, sound, sample_rate) for key in metrics},
            }
            for clip, audio in clips.items()
            for system, sound in rendered[clip].items()
        ]
    )


def gain_over_downsampling(table: pd.DataFrame, system: str, metric: str) -> Interval:
    """A system's metric minus that of downsampling on the same clips, over artists."""
    values = table.pivot(index=["artist", "clip"], columns="system", values=metric)
    return over_artists(values[system] - values[DOWNSAMPLING])


def summary_table(table: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """Means with intervals for the page.

    Args:
        table: From :func:`loss_table`.
        labels: What each system is called on the page.

    Returns:
        One row for each system.
    """
    metrics = [column for column in table.columns if column in METRICS]
    headings = {key: _heading(key) for key in metrics}
    rows = {
        labels[str(system)]: {
            headings[key]: format_interval(mean_interval(part[key], part["artist"]), 2)
            for key in metrics
        }
        for system, part in table.groupby("system", sort=False)
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def best_by_metric(table: pd.DataFrame, among: Sequence[str]) -> dict[str, str]:
    """The system with the best mean of each metric."""
    means = mean_table(table[table["system"].isin(among)])
    return {
        str(key): str(
            means[key].idxmax() if METRICS[str(key)].higher_is_better else means[key].idxmin()
        )
        for key in means.columns
    }


def mean_table(table: pd.DataFrame) -> pd.DataFrame:
    """Mean of each metric (columns) over artists for each system (rows)."""
    by_artist = table.groupby(["system", "artist"], sort=False).mean(numeric_only=True)
    return by_artist.groupby("system", sort=False).mean()


def mean_spectrum_db(sounds: Sequence[FloatArray], n_fft: int = 1024) -> DoubleArray:
    """Mean over sounds and frames of the level of each bin, floored 80 dB below the loudest.

    A mean of levels shows where quiet sounds are empty, which a mean of powers hides.

    Args:
        sounds: Samples, each of shape ``(N,)``.
        n_fft: Length of the window.

    Returns:
        Levels in dB relative to each sound's loudest bin, ``(F,)``.
    """
    import torch

    from musiclib.stft import StftConfig, db, stft

    config = StftConfig(n_fft, n_fft // 4)
    means = [
        db(stft(torch.from_numpy(sound), config)).double().mean(dim=-1).numpy() for sound in sounds
    ]
    level: DoubleArray = np.mean(means, axis=0)
    return level


def _heading(key: str) -> str:
    unit = f" ({METRICS[key].unit})" if METRICS[key].unit else ""
    return METRICS[key].label + unit

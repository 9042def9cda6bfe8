"""Experiments of the chapter on metrics: what each one punishes and what it cannot see.

Clips are float32, mono, shape ``(N,)``. Levels are in dB, energies relative to the clip's own.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import scipy.signal

from musiclib.audio import FloatArray
from musiclib.errors import AudioError
from musiclib.metrics import (
    METRICS,
    waveform_rmse,
)
from musiclib.studies.distortions import Distortion, add_noise

CHAPTER_METRICS = (
    "relative_rmse",
    "si_sdr",
    "spectral_rmse",
    "log_spectral_distance",
    "zimtohrli_mos",
)
"""Keys of :func:`measure` in the order of the chapter's tables."""

METRIC_NAMES = {
    "relative_rmse": "waveform RMSE",
    "si_sdr": "SI-SDR",
    "spectral_rmse": "spectral RMSE",
    "log_spectral_distance": "log-spectral distance",
    "zimtohrli_mos": "Zimtohrli MOS",
}
"""Names of the metrics within a sentence."""

METRIC_LABELS = {
    "relative_rmse": "Waveform RMSE (%)",
    "si_sdr": "SI-SDR (dB)",
    "spectral_rmse": "Spectral RMSE",
    "log_spectral_distance": "LSD (dB)",
    "zimtohrli_mos": "Zimtohrli MOS",
    "visqol_mos": "ViSQOL MOS",
}


def relative_rmse(reference: FloatArray, estimate: FloatArray) -> float:
    """Waveform RMSE as a percentage of the reference's own RMS value.

    Args:
        reference: Samples, shape ``(N,)``.
        estimate: Samples, shape ``(N,)``.

    Returns:
        0 for a perfect copy, 100 for silence, 200 for a flipped polarity.
    """
    silence = np.zeros_like(reference)
    return 100.0 * waveform_rmse(reference, estimate) / waveform_rmse(reference, silence)


def measure(
    reference: FloatArray,
    estimate: FloatArray,
    sample_rate: int,
    metrics: Sequence[str] = CHAPTER_METRICS,
) -> dict[str, float]:
    """Values of several metrics for one pair of clips.

    Args:
        reference: Samples, shape ``(N,)``.
        estimate: Samples, shape ``(N,)``.
        sample_rate: In Hz.
        metrics: Keys of :data:`musiclib.metrics.METRICS`, or ``"relative_rmse"``.

    Returns:
        One value for each metric.
    """
    values = {}
    for key in metrics:
        if key == "relative_rmse":
            values[key] = relative_rmse(reference, estimate)
        else:
            values[key] = METRICS[key].function(reference, estimate, sample_rate)
    return values


def distortion_table(
    clips: Mapping[str, FloatArray],
    sample_rate: int,
    distortions: Sequence[Distortion],
    metrics: Sequence[str] = CHAPTER_METRICS,
    seed: int = 0,
) -> pd.DataFrame:
    """Every metric for every kind of damage on every clip.

    Args:
        clips: Clips by name, each of shape ``(N,)``.
        sample_rate: In Hz.
        distortions: Kinds of damage.
        metrics: See :func:`measure`.
        seed: Of the random parts of the damage.

    Returns:
        One row for each clip and distortion: ``clip``, ``distortion``, ``label`` and the metrics.
    """
    rows = [
        {
            "clip": name,
            "distortion": distortion.key,
            "label": distortion.label,
            **measure(audio, distortion.apply(audio, sample_rate, seed), sample_rate, metrics),
        }
        for name, audio in clips.items()
        for distortion in distortions
    ]
    return pd.DataFrame(rows)


def noise_ladder(
    clips: Mapping[str, FloatArray],
    sample_rate: int,
    snrs_db: Sequence[float],
    metrics: Sequence[str] = CHAPTER_METRICS,
    seed: int = 0,
) -> pd.DataFrame:
    """Mean value of every metric for white noise at several signal-to-noise ratios.

    Args:
        clips: Clips by name, each of shape ``(N,)``.
        sample_rate: In Hz.
        snrs_db: Signal-to-noise ratios in dB.
        metrics: See :func:`measure`.
        seed: Of the noise.

    Returns:
        One row for each ratio (the index ``snr_db``, rising), one column for each metric.
    """
    rows = [
        {"snr_db": snr, **measure(audio, add_noise(audio, snr, seed), sample_rate, metrics)}
        for snr in snrs_db
        for audio in clips.values()
    ]
    return pd.DataFrame(rows).groupby("snr_db").mean().sort_index()


def equivalent_noise_db(table: pd.DataFrame, ladder: pd.DataFrame) -> pd.DataFrame:
    """White noise that each metric would find as bad as each kind of damage.

    It brings all metrics to one unit. Values outside the ladder are set to its ends.

    Args:
        table: Result of :func:`distortion_table`.
        ladder: Result of :func:`noise_ladder` with the same clips and metrics.

    Returns:
        Signal-to-noise ratios in dB: rows are the distortions' labels in the table's order,
        columns the metrics. High means that the metric hardly objects.
    """
    metrics = list(ladder.columns)
    means = table.groupby("label", sort=False)[metrics].mean()
    snrs = ladder.index.to_numpy(dtype=np.float64)
    columns = {}
    for metric in metrics:
        curve = ladder[metric].to_numpy()
        rising = curve[-1] >= curve[0]
        # A metric is monotone in the noise but for rounding at the quiet end: force it, so that
        # the curve can be read backwards.
        monotone = np.maximum.accumulate(curve) if rising else np.minimum.accumulate(curve)
        values = means[metric].to_numpy()
        columns[metric] = (
            np.interp(values, monotone, snrs) if rising else np.interp(-values, -monotone, snrs)
        )
    return pd.DataFrame(columns, index=means.index)


def hearing_models(
    reference: FloatArray, sample_rate: int, distortions: Sequence[Distortion], seed: int = 0
) -> pd.DataFrame:
    """Two models of hearing on the same damage of one clip.

    ViSQOL refuses clips in which it finds nothing to compare; its value is then NaN.

    Args:
        reference: Samples, shape ``(N,)``.
        sample_rate: In Hz.
        distortions: Kinds of damage.
        seed: Of the random parts of the damage.

    Returns:
        One row for each kind of damage, indexed by its label: ``zimtohrli_mos``, ``visqol_mos``.
    """
    rows = {}
    for distortion in distortions:
        damaged = distortion.apply(reference, sample_rate, seed)
        row = measure(reference, damaged, sample_rate, ["zimtohrli_mos"])
        try:
            row |= measure(reference, damaged, sample_rate, ["visqol_mos"])
        except AudioError:
            row["visqol_mos"] = float("nan")
        rows[distortion.label] = row
    return pd.DataFrame.from_dict(rows, orient="index")


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

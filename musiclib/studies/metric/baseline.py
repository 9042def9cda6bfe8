"""The original report's baseline, plain downsampling, by the original report's metric."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from musiclib.audio import FloatArray, resample
from musiclib.metrics.diagnostics import REPORT_HOP, REPORT_N_FFT, REPORT_PEAK
from musiclib.stft import StftConfig, log_magnitude, stft
from musiclib.studies.clip_intervals import clip_interval

ORIGINAL_REPORT = pd.DataFrame(
    {
        "nominal_kbps": [126.0, 63.0, 31.5, 15.7, 7.9],
        "factor": [1, 2, 4, 8, 16],
        "autoencoder": [0.867, 0.803, 0.929, 1.24, 1.61],
        "downsampling": [0.0, 0.48, 0.81, 1.19, 1.53],
    }
)
"""Log-spectral RMSE of the report that this book grew out of (pgrady3/music-compression-web).

The autoencoder's figures are printed there; those of downsampling are read off its graph.
"""


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


def spectral_rmse_by_offset(
    reference: FloatArray, estimate: FloatArray, offsets: Sequence[float]
) -> list[float]:
    """Spectral RMSE for several values of its constant c, to see how much hangs on it.

    For ``c = 0.1`` it is :func:`musiclib.metrics.spectral_rmse`.

    Args:
        reference: Samples at 8 kHz, shape ``(N,)``, not silent.
        estimate: Samples at 8 kHz, shape ``(N,)``.
        offsets: Values of c.

    Returns:
        One distance for each c.
    """
    config = StftConfig(REPORT_N_FFT, REPORT_HOP)
    gain = REPORT_PEAK / float(np.max(np.abs(reference)))
    first, second = (
        gain * stft(torch.from_numpy(clip.astype(np.float64)), config).abs()
        for clip in (reference, estimate)
    )
    return [
        float((log_magnitude(first, c) - log_magnitude(second, c)).square().mean().sqrt())
        for c in offsets
    ]


def downsampling_baseline(
    clips: Mapping[str, FloatArray],
    sample_rate: int,
    factors: Sequence[int] = (2, 4, 8, 16),
    offsets: Sequence[float] = (0.1,),
) -> pd.DataFrame:
    """Spectral RMSE of plain downsampling, with 95 % intervals over clips.

    Args:
        clips: Clips by name, each of shape ``(N,)``.
        sample_rate: In Hz: 8,000 is the original report's.
        factors: Fewer samples by these factors.
        offsets: Values of the constant c of the spectral RMSE.

    Returns:
        One row for each offset and factor: ``offset``, ``factor``, ``mean``, ``low``, ``high``.
    """
    rows = []
    for factor in factors:
        distances = np.array(
            [
                spectral_rmse_by_offset(audio, downsample(audio, sample_rate, factor), offsets)
                for audio in clips.values()
            ]
        )
        for offset, values in zip(offsets, distances.T, strict=True):
            interval = clip_interval(values)
            rows.append(
                {
                    "offset": offset,
                    "factor": factor,
                    "mean": interval.mean,
                    "low": interval.low,
                    "high": interval.high,
                }
            )
    return pd.DataFrame(rows)


def nearest_offset(table: pd.DataFrame) -> float:
    """The constant c with which downsampling here comes nearest to the report's graph.

    Args:
        table: From :func:`downsampling_baseline`, with several offsets.

    Returns:
        The offset of the table with the least mean square of the logarithms of the ratios.
    """
    report = ORIGINAL_REPORT.set_index("factor")["downsampling"]
    ratio = np.log(table["mean"] / table["factor"].map(report))
    return float((ratio**2).groupby(table["offset"]).mean().idxmin())

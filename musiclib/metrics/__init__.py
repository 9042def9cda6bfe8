"""Measures of how far a decoded clip is from its reference, defined once for the whole book.

Every measure takes a reference and an estimate, mono `(N,)` and of equal length, at one sampling
rate. Each one alone can be gamed; read them together.
"""

from musiclib.metrics.bd_rate import bd_rate, bd_rate_interval
from musiclib.metrics.perceptual import visqol_mos, zimtohrli_mos
from musiclib.metrics.registry import METRICS, Metric
from musiclib.metrics.spectral import log_spectral_distance, spectral_rmse
from musiclib.metrics.statistics import (
    Interval,
    bitrate_kbps,
    bootstrap_interval,
    difference_interval,
)
from musiclib.metrics.waveform import si_sdr, waveform_rmse

__all__ = [
    "METRICS",
    "Interval",
    "Metric",
    "bd_rate",
    "bd_rate_interval",
    "bitrate_kbps",
    "bootstrap_interval",
    "difference_interval",
    "log_spectral_distance",
    "si_sdr",
    "spectral_rmse",
    "visqol_mos",
    "waveform_rmse",
    "zimtohrli_mos",
]

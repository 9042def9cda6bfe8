"""Measures of how far a decoded clip is from its reference, defined once for the whole book.

Every measure takes a reference and an estimate, mono `(N,)` and of equal length, at one sampling
rate. Each one alone can be gamed; read them together.
"""

from musiclib.metrics.diagnostics import (
    bitrate_kbps,
    log_spectral_distance,
    si_sdr,
    spectral_rmse,
    waveform_rmse,
)
from musiclib.metrics.judges import two_f_mushra, visqol_mos, zimtohrli_mos
from musiclib.metrics.registry import JUDGES, METRICS, Metric

__all__ = [
    "JUDGES",
    "METRICS",
    "Metric",
    "bitrate_kbps",
    "log_spectral_distance",
    "si_sdr",
    "spectral_rmse",
    "two_f_mushra",
    "visqol_mos",
    "waveform_rmse",
    "zimtohrli_mos",
]

"""All measures by name, for tables, figures and the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy.typing as npt

from musiclib.metrics.diagnostics import (
    log_spectral_distance,
    si_sdr,
    spectral_rmse,
    waveform_rmse,
)
from musiclib.metrics.judges import two_f_mushra, visqol_mos, zimtohrli_mos

MetricFunction = Callable[[npt.ArrayLike, npt.ArrayLike, int], float]


@dataclass(frozen=True)
class Metric:
    """A measure and how to show it.

    Attributes:
        name: Key in `METRICS` and column name in tables.
        label: Name for axes and table heads, without the unit.
        unit: Unit, or an empty string.
        higher_is_better: Whether larger values mean closer to the reference.
        function: Takes reference `(N,)`, estimate `(N,)` and sampling rate in Hz.
        scale: Ends of a judge's scale, for example `1 to 5`; empty for a diagnostic.
        family: What kind of judge it is; judges of one family share their blind spots. Empty for a
            diagnostic, which predicts no listener.
        trained_on: Parts of the book's systems that were trained towards a relative of this judge,
            so that a figure with it can say so. Such a judge carries no headline alone.
    """

    name: str
    label: str
    unit: str
    higher_is_better: bool
    function: MetricFunction
    scale: str = ""
    family: str = ""
    trained_on: tuple[str, ...] = ()

    def __call__(
        self, reference: npt.ArrayLike, estimate: npt.ArrayLike, sample_rate: int
    ) -> float:
        """Measure an estimate against its reference."""
        return self.function(reference, estimate, sample_rate)

    @property
    def axis_label(self) -> str:
        """Label with the unit or the scale in brackets, for axes."""
        within = self.unit or self.scale
        return f"{self.label} ({within})" if within else self.label


def _log_spectral_distance(
    reference: npt.ArrayLike, estimate: npt.ArrayLike, _sample_rate: int
) -> float:
    return log_spectral_distance(reference, estimate)


def _waveform_rmse(reference: npt.ArrayLike, estimate: npt.ArrayLike, _sample_rate: int) -> float:
    return waveform_rmse(reference, estimate)


def _si_sdr(reference: npt.ArrayLike, estimate: npt.ArrayLike, _sample_rate: int) -> float:
    return si_sdr(reference, estimate)


_SIMILARITY = "structural similarity of auditory spectrograms"

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "log_spectral_distance", "Log-spectral distance", "dB", False, _log_spectral_distance
        ),
        Metric("spectral_rmse", "Spectral RMSE", "", False, spectral_rmse),
        Metric("si_sdr", "SI-SDR", "dB", True, _si_sdr),
        Metric(
            "zimtohrli_mos",
            "Predicted quality, Zimtohrli",
            "",
            True,
            zimtohrli_mos,
            "1 to 5",
            _SIMILARITY,
            # Its loss, `musiclib.models.losses`, is measured from Zimtohrli.
            ("Melic's post-filter",),
        ),
        Metric(
            "visqol_mos",
            "Predicted quality, ViSQOL",
            "",
            True,
            visqol_mos,
            "1 to 5",
            _SIMILARITY,
        ),
        Metric(
            "two_f_mushra",
            "Predicted quality, 2f-model",
            "",
            True,
            two_f_mushra,
            "0 to 100",
            "distortion and modulation in PEAQ's ear model",
        ),
        Metric("waveform_rmse", "Waveform RMSE", "", False, _waveform_rmse),
    )
}

JUDGES: tuple[str, ...] = tuple(name for name, metric in METRICS.items() if metric.family)
"""Metrics that predict listeners; all others are diagnostics."""

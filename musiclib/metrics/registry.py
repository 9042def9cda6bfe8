"""All measures by name, for tables, figures and the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy.typing as npt

from musiclib.metrics.perceptual import visqol_mos, zimtohrli_mos
from musiclib.metrics.spectral import log_spectral_distance, spectral_rmse
from musiclib.metrics.waveform import si_sdr, waveform_rmse

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
    """

    name: str
    label: str
    unit: str
    higher_is_better: bool
    function: MetricFunction

    def __call__(
        self, reference: npt.ArrayLike, estimate: npt.ArrayLike, sample_rate: int
    ) -> float:
        """Measure an estimate against its reference."""
        return self.function(reference, estimate, sample_rate)

    @property
    def axis_label(self) -> str:
        """Label with the unit in brackets, for axes."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


def _log_spectral_distance(
    reference: npt.ArrayLike, estimate: npt.ArrayLike, _sample_rate: int
) -> float:
    return log_spectral_distance(reference, estimate)


def _waveform_rmse(reference: npt.ArrayLike, estimate: npt.ArrayLike, _sample_rate: int) -> float:
    return waveform_rmse(reference, estimate)


def _si_sdr(reference: npt.ArrayLike, estimate: npt.ArrayLike, _sample_rate: int) -> float:
    return si_sdr(reference, estimate)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "log_spectral_distance", "Log-spectral distance", "dB", False, _log_spectral_distance
        ),
        Metric("spectral_rmse", "Spectral RMSE", "", False, spectral_rmse),
        Metric("si_sdr", "SI-SDR", "dB", True, _si_sdr),
        Metric("zimtohrli_mos", "Zimtohrli MOS", "", True, zimtohrli_mos),
        Metric("visqol_mos", "ViSQOL MOS", "", True, visqol_mos),
        Metric("waveform_rmse", "Waveform RMSE", "", False, _waveform_rmse),
    )
}

"""Measures of how far a decoded clip is from its reference, defined once for the whole book.

Every measure takes a reference and an estimate, mono `(N,)` and of equal length, at one sampling
rate. Each one alone can be gamed; read them together.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from musiclib.errors import MusiclibError
from musiclib.metrics.diagnostics import (
    bitrate_kbps,
    log_spectral_distance,
    si_sdr,
    spectral_rmse,
    waveform_rmse,
)
from musiclib.metrics.judges import two_f_mushra, visqol_mos, zimtohrli_mos

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "JUDGES",
    "METRICS",
    "Metric",
    "agreement",
    "bitrate_kbps",
    "log_spectral_distance",
    "si_sdr",
    "spectral_rmse",
    "two_f_mushra",
    "visqol_mos",
    "waveform_rmse",
    "zimtohrli_mos",
]

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

FEWEST_SYSTEMS = 3


def agreement(table: pd.DataFrame, metrics: Sequence[str] = JUDGES) -> pd.DataFrame:
    """Compare every two measures by Spearman's rank correlation.

    Two judges may agree on which system is the better one and disagree on the single clip, or order
    systems alike merely because some clips are easier for all of them. So there are three answers.
    Measures of which smaller is better are turned round first: 1 is full agreement throughout.

    Args:
        table: Rows of :func:`musiclib.evaluation.evaluate`; columns `system`, `setting`, `clip`,
            `metric` and `value`. Clips on which one of the measures has no value are left out of
            all of them.
        metrics: Keys of `METRICS`, two or more.

    Returns:
        A row for each pair: `first`, `second`; `systems`, over the means of systems; `everything`,
        over all systems and clips; `within_clips`, over the systems of one clip, the mean over
        clips; `n_systems`, `n_clips`, and `left_out`, the number of clips.

    Raises:
        MusiclibError: If a measure is not in the table, or there are fewer than three systems.
    """
    import pandas as pd

    absent = sorted(set(metrics) - set(table["metric"]))
    if absent:
        raise MusiclibError(f"The table has no values of {', '.join(absent)}: measure them first.")
    wanted = table[table["metric"].isin(list(metrics))]
    wide = wanted.pivot(index=["clip", "system", "setting"], columns="metric", values="value")
    for name in metrics:
        if not METRICS[name].higher_is_better:
            wide[name] = -wide[name]
    clips = wide.notna().all(axis=1).groupby(level="clip").all()
    whole = wide[clips.reindex(wide.index.get_level_values("clip")).to_numpy()]
    means = whole.groupby(level=["system", "setting"]).mean()
    if len(means) < FEWEST_SYSTEMS:
        raise MusiclibError(
            f"Ranks of {len(means)} systems say nothing: measure at least {FEWEST_SYSTEMS}."
        )
    rows = []
    for first, second in itertools.combinations(metrics, 2):
        pair = [first, second]
        by_clip = [_spearman(one[pair]) for _, one in whole.groupby(level="clip") if len(one) > 1]
        rows.append(
            {
                "first": first,
                "second": second,
                "systems": _spearman(means[pair]),
                "everything": _spearman(whole[pair]),
                "within_clips": float(np.mean(by_clip)),
                "n_systems": len(means),
                "n_clips": int(clips.sum()),
                "left_out": int((~clips).sum()),
            }
        )
    return pd.DataFrame(rows)


def _spearman(pair: pd.DataFrame) -> float:
    return float(pair.iloc[:, 0].corr(pair.iloc[:, 1], method="spearman"))

"""All that the chapter says about one bank, measured once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.stats import mean_interval
from musiclib.studies.fourier import measures
from musiclib.studies.fourier.banks import Bank, normalised


@dataclass(frozen=True, eq=False)
class Portrait:
    """Measurements of a bank.

    Attributes:
        bank: The filters, each with a norm of 1.
        sample_rate: In Hz.
        atoms: The nearest windowed sinusoid of each filter.
        hertz: Frequency of each filter's largest response.
        spread: Bandwidth of each filter in Hz, as ``measures.spreads`` defines it.
        rank: Effective rank.
        pairs: Share of filters with a partner in quadrature.
    """

    bank: Bank
    sample_rate: int
    atoms: measures.Atoms
    hertz: npt.NDArray[np.float64]
    spread: npt.NDArray[np.float64]
    rank: float
    pairs: float

    @property
    def order(self) -> npt.NDArray[np.intp]:
        """Indices of the filters by rising frequency."""
        return np.argsort(self.hertz, kind="stable")


def portrait(bank: Bank, sample_rate: int) -> Portrait:
    """Measure a bank.

    Args:
        bank: Filters, ``(filters, kernel)``.
        sample_rate: In Hz.
    """
    unit = normalised(bank)
    return Portrait(
        unit,
        sample_rate,
        measures.nearest_atoms(unit, sample_rate),
        measures.centre_frequencies(unit, sample_rate),
        measures.spreads(unit, sample_rate),
        measures.effective_rank(unit),
        measures.quadrature_pairs(unit),
    )


def sinusoid_table(portraits: Mapping[str, Portrait]) -> pd.DataFrame:
    """How close each bank is to sinusoids and how redundant it is, as numbers.

    Args:
        portraits: Measurements by name.

    Returns:
        Index names; ``share`` (an ``Interval`` of the mean, in percent), ``spread_hz`` (median),
        ``rank``, ``pairs`` (percent).
    """
    return pd.DataFrame.from_dict(
        {
            name: {
                "share": mean_interval(100.0 * item.atoms.share),
                "spread_hz": float(np.median(item.spread)),
                "rank": item.rank,
                "pairs": 100.0 * item.pairs,
            }
            for name, item in portraits.items()
        },
        orient="index",
    )


def scale_table(portraits: Mapping[str, Portrait]) -> pd.DataFrame:
    """Where the filters lie in frequency, as numbers.

    Args:
        portraits: Measurements by name.

    Returns:
        Index names; ``low_hz``, ``median_hz`` and ``high_hz`` (10th, 50th and 90th percentile),
        the misfits ``even_hz``, ``mel_hz`` and ``octaves_hz``, the intervals ``mel_bits`` and
        ``exponent``.
    """
    rows = {}
    for name, item in portraits.items():
        fit = measures.scale_fit(item.hertz, item.sample_rate)
        low, middle, high = np.percentile(item.hertz, [10, 50, 90])
        rows[name] = {
            "low_hz": low,
            "median_hz": middle,
            "high_hz": high,
            **{f"{scale}_hz": fit.loc[scale, "misfit_hz"] for scale in measures.SCALES},
            "mel_bits": fit.loc["mel", "bits"],
            "exponent": measures.bandwidth_exponent(item.hertz, item.spread),
        }
    return pd.DataFrame.from_dict(rows, orient="index")

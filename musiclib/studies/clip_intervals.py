"""Intervals over clips, for the chapters that are not written over artists yet.

Only compression, codec, metric and training use these; the file goes with them.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from musiclib.errors import MusiclibError
from musiclib.stats import Interval, bjontegaard, jackknife, mean_interval


def clip_interval(values: npt.ArrayLike, seed: int = 0) -> Interval:  # noqa: ARG001
    """Mean and 95 % interval with each clip as a unit, from two clips on. Nothing is drawn."""
    return mean_interval(values, fewest=2)


def clip_difference(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    seed: int = 0,  # noqa: ARG001
) -> Interval:
    """Mean of `first - second` over the same clips, and its 95 % interval."""
    left, right = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if left.shape != right.shape:
        raise MusiclibError(f"Paired values need the same clips: {left.shape}, {right.shape}.")
    return mean_interval(left - right, fewest=2)


def clip_saving(
    reference_kbps: npt.ArrayLike,
    reference_quality: npt.ArrayLike,
    kbps: npt.ArrayLike,
    quality: npt.ArrayLike,
    higher_is_better: bool = True,
    seed: int = 0,  # noqa: ARG001
) -> Interval:
    """BD-rate in percent of the mean curves of clips (rows), with its interval over clips."""
    tables = [
        np.asarray(values, dtype=np.float64)
        for values in (reference_kbps, reference_quality, kbps, quality)
    ]
    clips = len(tables[0])

    def saving(kept: npt.NDArray[np.bool_]) -> float:
        means = [table[kept].mean(axis=0) for table in tables]
        return bjontegaard(means[0], means[1], means[2], means[3], higher_is_better).log_ratio

    whole = saving(np.ones(clips, dtype=bool))
    without = [saving(kept) for kept in ~np.eye(clips, dtype=bool)] if clips > 1 else [math.nan]
    found = jackknife(whole, without, fewest=2)
    mean, low, high = (100.0 * math.expm1(end) for end in (found.mean, found.low, found.high))
    return Interval(mean, low, high, clips)

"""How many bits one codec saves against another at equal quality, as one number."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.interpolate import PchipInterpolator

from musiclib.errors import MusiclibError
from musiclib.metrics.statistics import Interval

RESAMPLES = 500

Array = npt.NDArray[np.float64]


def bd_rate(
    reference_kbps: npt.ArrayLike,
    reference_quality: npt.ArrayLike,
    kbps: npt.ArrayLike,
    quality: npt.ArrayLike,
    higher_is_better: bool = True,
) -> float:
    """Mean difference of the bitrate at equal quality, in percent of the reference's.

    The logarithm of the bitrate is taken as a function of quality, for either codec. The mean
    difference of the two over the qualities that both reach is the result (G. Bjontegaard,
    "Calculation of average PSNR differences between RD-curves", ITU-T VCEG-M33, 2001). Where the
    original fits a cubic to four points, this interpolates piecewise by cubics that never overshoot
    (PCHIP), which is more accurate (C. Herglotz and others, "Beyond Bjontegaard: limits of video
    compression performance comparisons", ICIP 2022).

    A point that takes more bits than another one and is not better is left out.

    Args:
        reference_kbps: Bitrates of the codec that is compared with, `(n,)`, above 0.
        reference_quality: Its quality, `(n,)`.
        kbps: Bitrates of the codec in question, `(m,)`.
        quality: Its quality, `(m,)`.
        higher_is_better: Whether larger values are better; for a distance they are not.

    Returns:
        Percent; -20 says that a fifth of the bits is saved.

    Raises:
        MusiclibError: If a curve has no two points that get better with more bits, a bitrate is not
            above 0, a value is not finite, or the curves have no quality in common.
    """
    sign = 1.0 if higher_is_better else -1.0
    first = _curve(reference_kbps, reference_quality, sign)
    second = _curve(kbps, quality, sign)
    low, high = max(first.x[0], second.x[0]), min(first.x[-1], second.x[-1])
    if not high > low:
        raise MusiclibError(
            "The two curves have no quality in common, so bitrates cannot be compared: add "
            "settings of higher or lower bitrate."
        )
    difference = (second.integrate(low, high) - first.integrate(low, high)) / (high - low)
    return float(100.0 * np.expm1(difference))


def bd_rate_interval(
    reference_kbps: npt.ArrayLike,
    reference_quality: npt.ArrayLike,
    kbps: npt.ArrayLike,
    quality: npt.ArrayLike,
    higher_is_better: bool = True,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """:func:`bd_rate` of the mean curves over clips, with a bootstrap interval over clips.

    Clips are drawn with replacement, the same ones for either codec, and the mean curves are made
    and compared anew. Draws whose curves have no quality in common are left out.

    Args:
        reference_kbps: A row for each clip, a column for each setting, `(clips, n)`.
        reference_quality: The same for quality.
        kbps: The same clips through the codec in question, `(clips, m)`.
        quality: The same for quality.
        higher_is_better: As for :func:`bd_rate`.
        confidence: Coverage, between 0 and 1.
        seed: Seed of the draws.

    Returns:
        Percent. For a single clip there is no interval, and its ends are NaN.

    Raises:
        MusiclibError: As :func:`bd_rate`, or if the numbers of clips differ.
    """
    tables = [
        np.asarray(values, dtype=np.float64)
        for values in (reference_kbps, reference_quality, kbps, quality)
    ]
    clips = len(tables[0])
    if any(table.ndim != 2 or len(table) != clips for table in tables) or clips == 0:
        raise MusiclibError(
            "An interval of BD-rate needs the same clips for either codec, a row each: shapes are "
            f"{', '.join(str(table.shape) for table in tables)}."
        )

    def of(rows: slice | npt.NDArray[np.int64]) -> float:
        first_kbps, first, second_kbps, second = (table[rows].mean(axis=0) for table in tables)
        return bd_rate(first_kbps, first, second_kbps, second, higher_is_better)

    mean = of(slice(None))
    if clips == 1:
        return Interval(mean, math.nan, math.nan, 1)
    generator = np.random.default_rng(seed)
    found = []
    for chosen in generator.integers(0, clips, size=(RESAMPLES, clips)):
        try:
            found.append(of(chosen))
        except MusiclibError:
            continue
    if not found:
        return Interval(mean, math.nan, math.nan, clips)
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(found, [tail, 100.0 - tail])
    return Interval(mean, float(low), float(high), clips)


def _curve(kbps: npt.ArrayLike, quality: npt.ArrayLike, sign: float) -> PchipInterpolator:
    """Logarithm of the bitrate over quality, where more bits buy more of it."""
    rates: Array = np.asarray(kbps, dtype=np.float64)
    values: Array = sign * np.asarray(quality, dtype=np.float64)
    if rates.ndim != 1 or rates.shape != values.shape:
        raise MusiclibError(
            f"A curve needs as many bitrates as qualities, not {rates.shape} and {values.shape}."
        )
    if not (np.isfinite(rates).all() and np.isfinite(values).all() and (rates > 0.0).all()):
        raise MusiclibError("A curve needs finite values and bitrates above 0.")
    order = np.lexsort((-values, rates))
    rates, values = rates[order], values[order]
    before = np.concatenate([[-np.inf], np.maximum.accumulate(values)[:-1]])
    better = values > before
    if better.sum() < 2:
        raise MusiclibError("A curve needs two points or more that get better with more bits.")
    return PchipInterpolator(values[better], np.log(rates[better]))

"""Bitrates, and how sure a mean over clips is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from musiclib.errors import MusiclibError

RESAMPLES = 10_000
CHUNK_VALUES = 1 << 20

Values = Sequence[float] | npt.NDArray[np.floating]


def bitrate_kbps(n_bytes: int, seconds: float) -> float:
    """Bitrate in kbps (1000 bits a second) of a file of `n_bytes` for `seconds` of audio.

    Raises:
        MusiclibError: If the size is negative or the duration not positive.
    """
    if n_bytes < 0 or not (math.isfinite(seconds) and seconds > 0.0):
        raise MusiclibError(
            f"A bitrate needs 0 or more bytes and a positive duration, not {n_bytes} bytes in "
            f"{seconds} s"
        )
    return 8.0 * n_bytes / seconds / 1000.0


@dataclass(frozen=True)
class Interval:
    """A mean with a confidence interval.

    Attributes:
        mean: Mean of the values.
        low: Lower end of the interval, NaN for a single value.
        high: Upper end of the interval, NaN for a single value.
        n: Number of values.

    It prints as `3.21 [3.10, 3.32]`, with any format specification of a float: `f"{interval:.1f}"`.
    """

    mean: float
    low: float
    high: float
    n: int

    def __format__(self, spec: str) -> str:
        spec = spec or ".2f"
        if math.isnan(self.low):
            return f"{self.mean:{spec}} (n = {self.n})"
        return f"{self.mean:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"

    def __str__(self) -> str:
        return format(self, "")


def bootstrap_interval(values: Values, confidence: float = 0.95, seed: int = 0) -> Interval:
    """Percentile bootstrap interval of the mean (Efron and Tibshirani, 1993, chapter 13).

    Values are drawn with replacement 10,000 times. Pass one value a clip: segments of one clip
    are not independent, and would make the interval too narrow.

    Args:
        values: One number a clip, `(n,)`.
        confidence: Coverage, between 0 and 1.
        seed: Seed of the draws.

    Returns:
        The mean and the interval; a single value has no interval, so its ends are NaN.

    Raises:
        MusiclibError: If there are no values, one is not finite, or the confidence is out of range.
    """
    array = _checked(values)
    if not 0.0 < confidence < 1.0:
        raise MusiclibError(f"confidence must lie between 0 and 1, not {confidence}")
    mean, n = float(array.mean()), len(array)
    if n == 1:
        return Interval(mean, math.nan, math.nan, 1)
    rng = np.random.default_rng(seed)
    rows = max(1, CHUNK_VALUES // n)
    means = np.concatenate(
        [
            array[rng.integers(0, n, size=(min(rows, RESAMPLES - done), n))].mean(axis=1)
            for done in range(0, RESAMPLES, rows)
        ]
    )
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(means, [tail, 100.0 - tail])
    return Interval(mean, float(low), float(high), n)


def difference_interval(
    first: Values, second: Values, confidence: float = 0.95, seed: int = 0
) -> Interval:
    """Bootstrap interval of the mean of `first - second` over the same clips.

    Pairing removes what clips have in common, so it tells two systems apart where their own
    intervals overlap. The difference is clear when the interval leaves out 0.

    Args:
        first: One number a clip, `(n,)`.
        second: The same clips' numbers in the same order, `(n,)`.
        confidence: Coverage, between 0 and 1.
        seed: Seed of the draws.

    Raises:
        MusiclibError: As `bootstrap_interval`, or if the lengths differ.
    """
    left, right = _checked(first), _checked(second)
    if len(left) != len(right):
        raise MusiclibError(
            f"Paired values must belong to the same clips: there are {len(left)} and {len(right)}"
        )
    return bootstrap_interval(left - right, confidence, seed)


def _checked(values: Values) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0:
        raise MusiclibError(f"A mean needs a list of at least one value, not shape {array.shape}")
    if not np.isfinite(array).all():
        bad = int(np.argmin(np.isfinite(array)))
        raise MusiclibError(f"Value {bad} is {array[bad]}. Leave out clips that have no value.")
    return array

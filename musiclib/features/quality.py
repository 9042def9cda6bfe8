"""Who is near whom in a space, and numbers with their intervals.

Clips of one artist are alike, often from one recording session. So intervals are over artists, not
over clips.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from musiclib.stats import Bounds, Interval, jackknife

Array = npt.NDArray[np.float64]
Labels = Sequence[Any] | npt.NDArray[Any]
NOTHING: Final = Interval(math.nan, math.nan, math.nan, 0)


def distances(values: npt.ArrayLike) -> Array:
    """Euclidean distances between all points `(N, D)`, `(N, N)`."""
    from sklearn.metrics import pairwise_distances

    found: Array = pairwise_distances(np.asarray(values, dtype=np.float64))
    return found


def nearest(apart: Array, allowed: npt.NDArray[np.bool_], k: int) -> list[npt.NDArray[np.intp]]:
    """The k nearest points of each point among those that it may be compared with.

    Args:
        apart: Distances, `(N, N)`.
        allowed: Which points (columns) count as neighbours of each point (rows), `(N, N)`.
        k: Number of neighbours; fewer where fewer are allowed.

    Returns:
        Numbers of the neighbours of each point, the nearest first.
    """
    ranked = np.argsort(np.where(allowed, apart, np.inf), axis=1, kind="stable")
    counts = np.minimum(allowed.sum(axis=1), k)
    return [row[:count] for row, count in zip(ranked, counts, strict=True)]


def same_nearest(
    apart: Array, labels: Labels, allowed: npt.NDArray[np.bool_] | None = None
) -> tuple[Array, Array]:
    """Whether the nearest point has the same label.

    Args:
        apart: Distances, `(N, N)`.
        labels: Such as artists, `(N,)`.
        allowed: Which points count, `(N, N)`; all but the point itself by default.

    Returns:
        1 or 0 for each point and the share that a blind choice would have, `(N,)` each; NaN where
        no other point has the label.
    """
    if allowed is None:
        allowed = ~np.eye(len(apart), dtype=bool)
    same = np.equal.outer(np.asarray(labels), np.asarray(labels))
    right = (same & allowed).sum(axis=1)
    found = nearest(apart, allowed, 1)
    hits = [float(same[row, near[0]]) if len(near) else np.nan for row, near in enumerate(found)]
    chance = right / np.maximum(allowed.sum(axis=1), 1)
    usable = right > 0
    return np.where(usable, hits, np.nan), np.where(usable, chance, np.nan)


def ratio_interval(
    tops: npt.ArrayLike, bottoms: npt.ArrayLike, groups: Labels, bounds: Bounds | None = None
) -> Interval:
    """Ratio of two sums with a 95 % interval over groups.

    Args:
        tops: One number a point, `(N,)`.
        bottoms: The same for the denominator, not negative.
        groups: Whose points belong together, `(N,)`.
        bounds: Lowest and highest possible value of the ratio.

    Returns:
        The ratio; `n` is the number of groups. NaN throughout where the denominator is 0.
    """
    names, codes = np.unique(np.asarray(groups), return_inverse=True)
    pair = [np.asarray(values, dtype=np.float64) for values in (tops, bottoms)]
    sums = np.array([np.bincount(codes, values, len(names)) for values in pair])
    (top, bottom), (rest, count) = sums.sum(axis=1), sums.sum(axis=1, keepdims=True) - sums
    if bottom <= 0.0:
        return NOTHING
    without = np.divide(rest, count, out=np.full(len(names), math.nan), where=count > 1e-9 * bottom)
    return jackknife(top / bottom, without, bounds=bounds)

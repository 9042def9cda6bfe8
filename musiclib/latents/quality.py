"""Numbers beside a picture: how points of a space keep company, and how sure that is.

Clips of one artist are alike, often from one recording session. So neighbours by the same artist
never count for a genre, and intervals are over artists, not over clips.
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
NEIGHBOURS: Final = 5
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


def purity(
    apart: Array, labels: Labels, *groups: Labels, k: int = NEIGHBOURS
) -> tuple[Array, Array]:
    """Share of a point's nearest neighbours that have its label, its own group left out.

    Args:
        apart: Distances, `(N, N)`.
        labels: Such as genres, `(N,)`.
        groups: Such as artists, `(N,)` each: neighbours that share a group do not count.
        k: Number of neighbours.

    Returns:
        The share for each point, and the share that a blind choice would have, `(N,)` each; NaN
        where there is no neighbour, or none of the same label.
    """
    same = np.equal.outer(np.asarray(labels), np.asarray(labels))
    allowed = ~np.eye(len(apart), dtype=bool)
    for group in groups:
        allowed &= ~np.equal.outer(np.asarray(group), np.asarray(group))
    found = nearest(apart, allowed, k)
    right = (same & allowed).sum(axis=1)
    usable = right > 0
    shares = np.full(len(apart), np.nan)
    for row in np.flatnonzero(usable):
        shares[row] = same[row, found[row]].mean()
    chance = np.where(usable, right / np.maximum(allowed.sum(axis=1), 1), np.nan)
    return shares, chance


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


def neighbour_correlation(
    apart: Array, numbers: npt.ArrayLike, groups: Labels, k: int = NEIGHBOURS
) -> float:
    """Correlation of a number with its mean over the nearest neighbours, own group left out.

    Args:
        apart: Distances, `(N, N)`.
        numbers: Such as loudness, `(N,)`; points where it is not finite are left out.
        groups: As for :func:`purity`.
        k: Number of neighbours.

    Returns:
        Pearson's correlation; NaN where nothing varies, or where points have fewer than two times
        k others to choose from (the mean of nearly all others falls as the point's own number
        rises). Chance is about 0, or slightly below.
    """
    given = np.asarray(numbers, dtype=np.float64)
    kept = np.isfinite(given)
    values, owners = given[kept], np.asarray(groups)[kept]
    allowed = ~np.equal.outer(owners, owners)
    found = nearest(apart[np.ix_(kept, kept)], allowed, k)
    pairs = [(values[row], values[near].mean()) for row, near in enumerate(found) if len(near)]
    if len(pairs) < 3 or np.median(allowed.sum(axis=1)) < 2 * k:
        return math.nan
    own, around = np.transpose(pairs)
    if np.ptp(own) == 0.0 or np.ptp(around) == 0.0:
        return math.nan
    return float(np.corrcoef(own, around)[0, 1])


def silhouettes(apart: Array, labels: Labels) -> Array:
    """Silhouette of each point (Rousseeuw, 1987): near its own label against the next one.

    Args:
        apart: Distances, `(N, N)`.
        labels: `(N,)`. Points that are alone with their label are left out.

    Returns:
        Values from -1 to 1, `(N,)`; NaN for points that are left out, and for all where fewer than
        two labels are left. Random labels have about 0, or slightly below.
    """
    from sklearn.metrics import silhouette_samples

    names, codes, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    kept = counts[codes] > 1
    values = np.full(len(apart), np.nan)
    if len(names[counts > 1]) > 1:
        part = np.ascontiguousarray(apart[np.ix_(kept, kept)])
        np.fill_diagonal(part, 0.0)
        values[kept] = silhouette_samples(part, codes[kept], metric="precomputed")
    return values


def kept_neighbours(apart: Array, places: npt.ArrayLike, k: int = NEIGHBOURS) -> float:
    """Trustworthiness of a picture: whether its neighbours are neighbours in the space as well.

    Args:
        apart: Distances in the space, `(N, N)`.
        places: Places in the picture, `(N, 2)`.
        k: Number of neighbours.

    Returns:
        From 0 to 1 (Venna and Kaski, 2001); about 0.5 for places at random. NaN for fewer than
        four points.
    """
    from sklearn.manifold import trustworthiness

    k = min(k, (len(apart) - 1) // 2)
    if k < 1:
        return math.nan
    return float(trustworthiness(apart, places, n_neighbors=k, metric="precomputed"))


def explained(values: npt.ArrayLike, factor: Labels) -> float:
    """Share of the variance of a space that a factor explains, adjusted for its freedom.

    Args:
        values: A row a point, `(N, D)`.
        factor: Words make groups; numbers a straight line, `(N,)`.

    Returns:
        Adjusted R2 over all dimensions together, about 0 for a factor that has nothing to do with
        the space; NaN where it cannot be told.
    """
    points = np.asarray(values, dtype=np.float64)
    given = np.asarray(factor)
    if np.issubdtype(given.dtype, np.number):
        kept = np.isfinite(given)
        design = np.stack([np.ones(kept.sum()), given[kept]], axis=1)
    else:
        kept = np.ones(len(given), dtype=bool)
        design = np.equal.outer(given, np.unique(given)).astype(np.float64)
    centred = points[kept] - points[kept].mean(axis=0) if kept.any() else points[kept]
    total = float(np.square(centred).sum())
    freedom, rest_freedom = design.shape[1] - 1, len(centred) - design.shape[1]
    if freedom < 1 or rest_freedom < 1 or total == 0.0 or np.ptp(design[:, -1]) == 0.0:
        return math.nan
    fitted = design @ np.linalg.lstsq(design, centred, rcond=None)[0]
    rest = float(np.square(centred - fitted).sum())
    return float(1.0 - (rest / rest_freedom) / (total / (len(centred) - 1)))


def grouped_interval(
    values: npt.ArrayLike, groups: Labels, bounds: Bounds | None = None
) -> Interval:
    """Mean with a 95 % interval over groups of points.

    Args:
        values: One number a point, `(N,)`; those that are NaN are left out.
        groups: Whose points belong together, such as artists, `(N,)`.
        bounds: Lowest and highest possible value.

    Returns:
        The mean over points; `n` is the number of groups. NaN ends for too few of them, NaN
        throughout where no value is left.
    """
    array = np.asarray(values, dtype=np.float64)
    kept = np.isfinite(array)
    return ratio_interval(array[kept], np.ones(kept.sum()), np.asarray(groups)[kept], bounds)


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


def text(found: Interval, spec: str = ".2f") -> str:
    """An interval for a table; "not computed" where it is NaN."""
    return "not computed" if math.isnan(found.mean) else format(found, spec)

"""Pieces of tracks as single vectors, who is near whom, and what a linear map can read off them.

A probe does not ask whether a space looks tidy. It asks whether a known fact of the sound can be
computed from a vector, and how exactly (Alain and Bengio, 2016), judged on artists that it has not
heard. Clips of one artist are alike, so intervals are over artists, not over clips.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.audio import FloatArray
from musiclib.features.sequences import Source, track_pieces
from musiclib.stats import Bounds, Interval, jackknife

Statistic = Literal["mean", "std", "logstd", "changes"]
MEAN_STD: Final[tuple[Statistic, ...]] = ("mean", "std")
RICH: Final[tuple[Statistic, ...]] = ("mean", "logstd", "changes")
LAGS_S: Final = (0.02, 0.04, 0.08, 0.16, 0.32)
_FLOOR = 1e-3


@dataclass(frozen=True, eq=False)
class Pooled:
    """Vectors of pieces.

    Attributes:
        values: A row a piece, `(N, D)`.
        rows: `track_id`, `genre`, `split`, `artist_group` and `start_s` of each piece.
        name: Name of the representation.
    """

    values: npt.NDArray[np.float32]
    rows: pd.DataFrame
    name: str

    def part(self, track_ids: Sequence[str]) -> Pooled:
        """Return the pieces of some tracks."""
        chosen = self.rows["track_id"].isin(list(track_ids)).to_numpy()
        return Pooled(self.values[chosen], self.rows[chosen].reset_index(drop=True), self.name)

    def tracks(self) -> tuple[npt.NDArray[np.float32], list[str]]:
        """Return the mean vector of each track, `(M, D)`, and the tracks' identifiers."""
        codes, names = pd.factorize(self.rows["track_id"])
        total = np.zeros((len(names), self.values.shape[1]), np.float64)
        np.add.at(total, codes, self.values)
        counts = np.bincount(codes, minlength=len(names))[:, None]
        return (total / counts).astype(np.float32), [str(name) for name in names]


def pooled(
    found: Source, seconds: float = 3.0, statistics: Sequence[Statistic] = MEAN_STD
) -> Pooled:
    """Turn every piece of every track into one vector.

    Args:
        found: The sequences.
        seconds: Length of a piece. A track that is shorter gives one piece.
        statistics: What is taken of each channel over the frames of a piece: `mean`; `std`, its
            standard deviation; `logstd`, the logarithm of that; `changes`, the logarithm of the
            standard deviation of its differences over 0.02 to 0.32 s, as far as the frames are
            close enough and the piece is long enough for all tracks.

    Returns:
        Vectors of all pieces, in the order of the tracks.
    """
    values, names, starts = [], [], []
    lags = lags_of(found)
    for track_id in found.tracks.index:
        for start, piece in track_pieces(found, seconds, track_id):
            values.append(statistics_of(piece, statistics, lags))
            names.append(track_id)
            starts.append(start / found.frame_rate)
    rows = found.tracks.loc[names, ["genre", "split", "artist_group"]].assign(start_s=starts)
    return Pooled(np.stack(values), rows.rename_axis("track_id").reset_index(), found.name)


def lags_of(found: Source) -> list[int]:
    """Return the lags of `changes` in frames, 0.02 to 0.32 s, at least one frame each."""
    return sorted({max(1, round(lag * found.frame_rate)) for lag in LAGS_S})


def statistics_of(
    piece: FloatArray, statistics: Sequence[Statistic], lags: Sequence[int]
) -> FloatArray:
    """Return statistics over the frames of a piece `(C, T)`, `(C * ...,)`."""
    parts = []
    for name in statistics:
        if name == "mean":
            parts.append(piece.mean(axis=1))
        elif name == "std":
            parts.append(piece.std(axis=1))
        elif name == "logstd":
            parts.append(np.log(piece.std(axis=1) + _FLOOR))
        else:
            parts.extend(_change(piece, lag) for lag in lags)
    vector: FloatArray = np.concatenate(parts).astype(np.float32)
    return vector


def _change(piece: FloatArray, lag: int) -> FloatArray:
    if piece.shape[1] <= lag:  # a piece without such a distance does not change over it
        return np.full(len(piece), np.log(_FLOOR), np.float32)
    change: FloatArray = np.log((piece[:, lag:] - piece[:, :-lag]).std(axis=1) + _FLOOR)
    return change


Array = npt.NDArray[np.float64]
Labels = Sequence[Any] | npt.NDArray[Any]
ALPHAS: Final = tuple(10.0**power for power in range(-1, 7))
FOLDS: Final = 5


class Probe(NamedTuple):
    """Predictions of a ridge regression.

    Attributes:
        predicted: For the test points, `(M, T)`.
        baseline: Mean of the training points, `(T,)`: what a predictor says that knows nothing.
        alphas: Strength of the penalty for each target, `(T,)`.
    """

    predicted: Array
    baseline: Array
    alphas: Array


def ridge_probe(
    training: npt.ArrayLike, truth: npt.ArrayLike, groups: Labels, test: npt.ArrayLike
) -> Probe:
    """Fit a ridge regression for each target and predict it for other points.

    The penalty is chosen for each target by cross-validation over the groups of training points.

    Args:
        training: Vectors of the training points, `(N, D)`.
        truth: Their targets, `(N, T)`, finite.
        groups: Artists of the training points, `(N,)`; none is in two folds.
        test: Vectors of the test points, `(M, D)`.
    """
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    given, asked = (np.asarray(values, dtype=np.float64) for values in (training, test))
    scaler = StandardScaler().fit(given)
    x, wanted = scaler.transform(given), np.asarray(truth, dtype=np.float64)
    centre, spread = wanted.mean(axis=0), np.maximum(wanted.std(axis=0), 1e-9)
    y = (wanted - centre) / spread
    alphas = _best_alphas(x, y, np.asarray(groups))
    fitted = Ridge(alpha=alphas, solver="cholesky").fit(x, y)
    predicted = fitted.predict(scaler.transform(asked)).reshape(-1, y.shape[1])
    return Probe(predicted * spread + centre, centre, alphas)


def _best_alphas(x: Array, y: Array, groups: npt.NDArray[Any]) -> Array:
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GroupKFold

    folds = min(FOLDS, len(np.unique(groups)))
    scaled = np.array(ALPHAS) * len(x) / 1000
    if folds < 2:  # nothing to choose by: a middling penalty
        return np.full(y.shape[1], scaled[len(scaled) // 2])
    errors = np.zeros((len(scaled), y.shape[1]))
    for fitted, held in GroupKFold(folds).split(x, groups=groups):
        for number, alpha in enumerate(scaled):
            model = Ridge(alpha=alpha, solver="cholesky").fit(x[fitted], y[fitted])
            guess = model.predict(x[held]).reshape(len(held), -1)
            errors[number] += np.square(guess - y[held]).sum(axis=0)
    best: Array = scaled[errors.argmin(axis=0)]
    return best


def tempo_hits(
    truth_bpm: npt.ArrayLike, predicted_bpm: npt.ArrayLike, tolerance: float = 0.04
) -> Array:
    """Whether tempi agree within a tolerance, octave errors allowed (Gouyon et al., 2006).

    Args:
        truth_bpm: Beats a minute, `(M,)`.
        predicted_bpm: The same, `(M,)`.
        tolerance: Relative.

    Returns:
        1 or 0 for each, `(M,)`. Half, double, a third and three times the tempo count as right.
    """
    ratio = np.asarray(predicted_bpm, dtype=np.float64) / np.asarray(truth_bpm, dtype=np.float64)
    factors = np.array([1 / 3, 1 / 2, 1.0, 2.0, 3.0])
    near = np.abs(ratio[:, None] / factors - 1.0) <= tolerance
    hits: Array = near.any(axis=1).astype(np.float64)
    return hits


def identified(
    values: npt.ArrayLike,
    tracks: Labels,
    starts_s: npt.ArrayLike,
    apart_s: float,
    labels: Labels,
) -> tuple[Array, Array]:
    """Return whether the nearest other piece has the same label, all columns weighing the same.

    Args:
        values: Vectors of pieces, `(N, D)`, whose columns are standardised here.
        tracks: Track of each piece, `(N,)`.
        starts_s: Where each piece starts in its track, in seconds, `(N,)`.
        apart_s: Pieces of one track count only if their starts are further apart than this;
            infinity: none of them counts.
        labels: What is to be found: the track itself, its artist, or its soundtrack.

    Returns:
        1 or 0 for each piece, and the share that a blind choice would have, `(N,)` each; NaN where
        no piece that counts has the label.
    """
    from sklearn.metrics import pairwise_distances

    names, places = np.asarray(tracks), np.asarray(starts_s, dtype=np.float64)
    close = np.abs(np.subtract.outer(places, places)) <= apart_s
    allowed = ~(np.equal.outer(names, names) & close)
    vectors = np.asarray(values)
    standard = (vectors - vectors.mean(axis=0)) / (vectors.std(axis=0) + 1e-9)
    return same_nearest(pairwise_distances(standard.astype(np.float64)), labels, allowed)


def same_nearest(
    apart: Array, labels: Labels, allowed: npt.NDArray[np.bool_] | None = None
) -> tuple[Array, Array]:
    """Return whether the nearest point has the same label.

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
    nearest = np.where(allowed, apart, np.inf).argmin(axis=1)
    hits = same[np.arange(len(same)), nearest]
    chance = right / np.maximum(allowed.sum(axis=1), 1)
    return np.where(right > 0, hits, np.nan), np.where(right > 0, chance, np.nan)


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
        return Interval(math.nan, math.nan, math.nan, 0)
    without = np.divide(rest, count, out=np.full(len(names), math.nan), where=count > 1e-9 * bottom)
    return jackknife(top / bottom, without, bounds=bounds)

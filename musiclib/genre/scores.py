"""How good guesses are: scores with intervals over artists, and paired comparisons."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.errors import MusiclibError
from musiclib.genre.guesses import Guesses, How, Part, TrackGuesses
from musiclib.stats import (
    SCALES,
    Bounds,
    Interval,
    holm,
    jackknife,
    sign_flip_p,
    verdict,
)

FloatMatrix = npt.NDArray[np.float64]
Measure = Callable[[FloatMatrix], FloatMatrix]


@dataclass(frozen=True, eq=False)
class Score:
    """How well a system guessed. All values are means over its runs.

    Attributes:
        system: Name of the system.
        accuracy: Share of tracks guessed right, with a 95 % interval over artist groups.
        balanced: Mean over genres of the share of their tracks guessed right, the same.
        macro_f1: Mean over genres of the F1 score, the same.
        by_run: Balanced accuracy of each run.
        hits: Share of runs that guessed a track right; index `track_id`.
        confusion: Tracks of each genre (rows) guessed as each (columns), mean over runs.
    """

    system: str
    accuracy: Interval
    balanced: Interval
    macro_f1: Interval
    by_run: tuple[float, ...]
    hits: pd.Series
    confusion: pd.DataFrame

    @property
    def chance(self) -> float:
        """Balanced accuracy of guessing blindly, or the same genre always."""
        return 1.0 / len(self.confusion)


def score(
    guesses: Guesses | TrackGuesses,
    tracks: pd.DataFrame,
    part: Part = "test",
    how: How = "mean",
) -> Score:
    """Score the guesses of a system.

    Args:
        guesses: What it said.
        tracks: Table with `genre` and `artist_group`; index `track_id`.
        part: `test`, or `validation`: there each run guesses its own fold, so that all tracks
            outside the test part are guessed once, and count as one run.
        how: One guess for a track (`mean` or `vote`), or for each piece (`pieces`).

    Returns:
        The score. Fewer than eight artists have no interval: its ends are NaN.
    """
    table = guesses.tracks(part, how)
    if part == "validation":
        table = table.assign(run=0)
    genres = list(guesses.genres)
    counts, names = _counts(table, tracks, genres)
    groups = pd.factorize(tracks.loc[names, "artist_group"])[0]
    return Score(
        guesses.system,
        _interval(counts, groups, accuracy),
        _interval(counts, groups, balanced),
        _interval(counts, groups, macro_f1),
        tuple(float(balanced(run[None])[0]) for run in counts.sum(axis=1)),
        _hits(counts, names),
        pd.DataFrame(counts.sum(axis=1).mean(axis=0), genres, genres),
    )


def accuracy(confusion: FloatMatrix) -> FloatMatrix:
    """Return the share of the diagonal of each table, `(B, G, G)` to `(B,)`."""
    right: FloatMatrix = np.trace(confusion, axis1=1, axis2=2)
    shares: FloatMatrix = right / confusion.sum(axis=(1, 2))
    return shares


def balanced(confusion: FloatMatrix) -> FloatMatrix:
    """Return the mean of the rows' shares on the diagonal, `(B, G, G)` to `(B,)`.

    A genre without tracks is left out.
    """
    rows = confusion.sum(axis=2)
    diagonal = np.diagonal(confusion, axis1=1, axis2=2)
    shares = np.divide(diagonal, rows, out=np.full(rows.shape, np.nan), where=rows > 0)
    means: FloatMatrix = np.nanmean(shares, axis=1)
    return means


def macro_f1(confusion: FloatMatrix) -> FloatMatrix:
    """Return the mean over genres of the F1 score, `(B, G, G)` to `(B,)`.

    A genre that is neither there nor guessed is left out.
    """
    diagonal = np.diagonal(confusion, axis1=1, axis2=2)
    both = confusion.sum(axis=1) + confusion.sum(axis=2)
    scores = np.divide(2 * diagonal, both, out=np.full(both.shape, np.nan), where=both > 0)
    means: FloatMatrix = np.nanmean(scores, axis=1)
    return means


@dataclass(frozen=True)
class Comparison:
    """Two systems on the same tracks.

    Attributes:
        first: Name of the one.
        second: Name of the other.
        difference: Balanced accuracy of the first minus that of the second, with a 95 % interval
            over artists.
        p: How often a difference at least as large, to either side, arises when each artist's
            advantage is given to one of the two by the toss of a coin.
        p_holm: The same, corrected for all comparisons of a table (see :func:`corrected`).
    """

    first: str
    second: str
    difference: Interval
    p: float
    p_holm: float

    @property
    def verdict(self) -> str:
        """As `musiclib.stats.compare`: `better`, `worse`, `too small to matter`, `not settled`."""
        return verdict(self.difference, self.p_holm, SCALES["balanced_accuracy"])


def compare(first: Score, second: Score, tracks: pd.DataFrame) -> Comparison:
    """Compare two systems by the tracks that both have guessed.

    Args:
        first: Score of the one.
        second: Score of the other.
        tracks: Table with `genre` and `artist_group`; index `track_id`.

    Raises:
        MusiclibError: They have no track in common.
    """
    names = first.hits.index.intersection(second.hits.index)
    if len(names) == 0:
        raise MusiclibError(f"{first.system} and {second.system} have guessed different tracks")
    gain = (first.hits[names] - second.hits[names]).to_numpy(dtype=np.float64)
    genre, artist = tracks.loc[names, "genre"], tracks.loc[names, "artist_group"]
    weight = 1.0 / (genre.nunique() * genre.map(genre.value_counts()))
    p = sign_flip_p((weight * gain).groupby(artist).sum())
    found = balanced_interval(gain, genre, artist, bounds=None)
    return Comparison(first.system, second.system, found, p, p)


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Correct the p values of the comparisons of one table by Holm's method."""
    found = holm([one.p for one in comparisons])
    return [replace(one, p_holm=float(p)) for one, p in zip(comparisons, found, strict=True)]


def balanced_interval(
    values: npt.ArrayLike,
    genres: pd.Series,
    artists: pd.Series,
    bounds: Bounds | None = (0.0, 1.0),
) -> Interval:
    """Mean over genres of the mean over tracks, with a 95 % interval over artists.

    Args:
        values: Such as the share of right guesses of each track, `(N,)`.
        genres: Genre of each track, `(N,)`.
        artists: Its artist, `(N,)`.
        bounds: Lowest and highest possible value; None for differences.

    Returns:
        The mean with its interval; a genre is left out with an artist who has it alone.
    """
    owners, names = pd.factorize(artists)
    columns, labels = pd.factorize(genres)
    sums = np.zeros((2, len(names), len(labels)))
    np.add.at(sums[0], (owners, columns), np.asarray(values, dtype=np.float64))
    np.add.at(sums[1], (owners, columns), 1.0)
    totals = sums.sum(axis=1, keepdims=True)
    rest, count = np.concatenate([totals, totals - sums], axis=1)
    there = count > 0
    shares = np.divide(rest, count, out=np.zeros(rest.shape), where=there)
    means = shares.sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return jackknife(means[0], means[1:], bounds=bounds)


def _counts(
    table: pd.DataFrame, tracks: pd.DataFrame, genres: Sequence[str]
) -> tuple[FloatMatrix, list[str]]:
    """Count guesses by run, track, true genre and guessed genre, `(R, M, G, G)`.

    The pieces of a track weigh one together.
    """
    runs, tracks_at = pd.factorize(table["run"])[0], pd.factorize(table["track_id"])
    names = [str(name) for name in tracks_at[1]]
    truth = pd.Categorical(tracks.loc[table["track_id"], "genre"], genres).codes
    guess = pd.Categorical(table["guess"], genres).codes
    counts = np.zeros((runs.max() + 1, len(names), len(genres), len(genres)))
    np.add.at(counts, (runs, tracks_at[0], truth, guess), 1.0)
    total = counts.sum(axis=(2, 3), keepdims=True)
    return np.divide(counts, total, out=np.zeros_like(counts), where=total > 0), names


def _hits(counts: FloatMatrix, names: Sequence[str]) -> pd.Series:
    hits = np.trace(counts, axis1=2, axis2=3).mean(axis=0)
    return pd.Series(hits, pd.Index(list(names), name="track_id"), name="hit")


def _interval(counts: FloatMatrix, owners: npt.NDArray[np.integer], measure: Measure) -> Interval:
    """Return a measure's mean over runs, with an interval over owners."""
    grouped = np.zeros((int(owners.max()) + 1, *counts.shape[:1], *counts.shape[2:]))
    np.add.at(grouped, owners, counts.transpose(1, 0, 2, 3))
    total = grouped.sum(axis=0)
    left_out = [math.nan]
    if len(grouped) > 1:
        # What is left of a genre by rounding alone is nothing.
        rests = np.where(total - grouped > 1e-9, total - grouped, 0.0)
        left_out = [float(measure(rest).mean()) for rest in rests]
    return jackknife(float(measure(total).mean()), left_out, bounds=(0.0, 1.0))

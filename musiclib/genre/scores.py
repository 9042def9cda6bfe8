"""How good guesses are: scores with intervals over tracks, and paired comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.errors import MusiclibError
from musiclib.genre.guesses import Guesses, How, Part
from musiclib.stats import Interval

RESAMPLES = 2_000
FLIPS = 10_000

FloatMatrix = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Score:
    """How well a system guessed. All values are means over its runs.

    Attributes:
        system: Name of the system.
        accuracy: Share of tracks guessed right, with a 95 % interval over tracks.
        balanced: Mean over genres of the share of their tracks guessed right, the same.
        macro_f1: Mean over genres of the F1 score, the same.
        over_artists: Balanced accuracy with an interval over artist groups.
        by_run: Balanced accuracy of each run.
        hits: Share of runs that guessed a track right; index `track_id`.
        confusion: Tracks of each genre (rows) guessed as each (columns), mean over runs.
    """

    system: str
    accuracy: Interval
    balanced: Interval
    macro_f1: Interval
    over_artists: Interval
    by_run: tuple[float, ...]
    hits: pd.Series
    confusion: pd.DataFrame

    @property
    def chance(self) -> float:
        """Balanced accuracy of guessing blindly, or the same genre always."""
        return 1.0 / len(self.confusion)


def score(
    guesses: Guesses, tracks: pd.DataFrame, part: Part = "test", how: How = "mean", seed: int = 0
) -> Score:
    """Score the guesses of a system.

    Args:
        guesses: What it said.
        tracks: Table with `genre` and `artist_group`; index `track_id`.
        part: `test`, or `validation`: there each run guesses its own fold, so that all tracks
            outside the test part are guessed once, and count as one run.
        how: One guess for a track (`mean` or `vote`), or for each piece (`pieces`). The intervals
            of pieces are over tracks as well: pieces of a track are alike.
        seed: Seed of the draws.

    Returns:
        The score. A single track has no interval: its ends are NaN.
    """
    table = guesses.tracks(part, how)
    if part == "validation":
        table = table.assign(run=0)
    genres = list(guesses.genres)
    counts, names = _counts(table, tracks, genres)
    groups = pd.factorize(tracks.loc[names, "artist_group"])[0]
    measures = (accuracy, balanced, macro_f1)
    whole, level, f1 = _intervals(counts, np.arange(len(names)), measures, seed)
    (careful,) = _intervals(counts, groups, (balanced,), seed)
    return Score(
        guesses.system,
        whole,
        level,
        f1,
        careful,
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
        difference: Balanced accuracy of the first minus that of the second, 95 % interval over
            tracks.
        p: How often a difference at least as large, to either side, arises when each track's
            advantage is given to one of the two by the toss of a coin.
    """

    first: str
    second: str
    difference: Interval
    p: float

    @property
    def verdict(self) -> str:
        """`better`, `worse`, or `not different` where the interval holds 0."""
        if self.difference.low > 0.0:
            return "better"
        return "worse" if self.difference.high < 0.0 else "not different"


def compare(first: Score, second: Score, tracks: pd.DataFrame, seed: int = 0) -> Comparison:
    """Compare two systems by the tracks that both have guessed.

    Args:
        first: Score of the one.
        second: Score of the other.
        tracks: Table with `genre`; index `track_id`.
        seed: Seed of the draws.

    Raises:
        MusiclibError: They have no track in common.
    """
    names = first.hits.index.intersection(second.hits.index)
    if len(names) == 0:
        raise MusiclibError(f"{first.system} and {second.system} have guessed different tracks")
    gain = (first.hits[names] - second.hits[names]).to_numpy(dtype=np.float64)
    genre, labels = pd.factorize(tracks.loc[names, "genre"])
    member = np.eye(len(labels))[genre]
    generator = np.random.default_rng(seed)
    mean = float(_balanced_mean(np.ones((1, len(names))), gain, member)[0])
    drawn = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
    low, high = np.percentile(_balanced_mean(drawn, gain, member), [2.5, 97.5])
    weight = (member / member.sum(axis=0)).sum(axis=1) / len(labels)
    tossed = generator.choice([-1.0, 1.0], size=(FLIPS, len(names))) @ (weight * gain)
    p = (1 + np.sum(np.abs(tossed) >= abs(mean) - 1e-12)) / (1 + FLIPS)
    single = len(names) == 1
    ends = (float("nan"), float("nan")) if single else (float(low), float(high))
    return Comparison(first.system, second.system, Interval(mean, *ends, len(names)), float(p))


def _balanced_mean(
    weights: npt.NDArray[np.floating | np.integer], values: FloatMatrix, member: FloatMatrix
) -> FloatMatrix:
    total, count = weights @ (values[:, None] * member), weights @ member
    shares = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    means: FloatMatrix = np.nanmean(shares, axis=1)
    return means


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


def _intervals(
    counts: FloatMatrix, owners: npt.NDArray[np.integer], measures: Sequence[object], seed: int
) -> list[Interval]:
    """Return the measures with intervals over owners, each owner's tracks drawn together."""
    runs, size, genres = len(counts), int(owners.max()) + 1, counts.shape[-1]
    grouped = np.zeros((size, runs, genres, genres))
    np.add.at(grouped, owners, counts.transpose(1, 0, 2, 3))
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(size, np.full(size, 1 / size), RESAMPLES)
    flat = grouped.reshape(size, -1)
    tables = (drawn @ flat).reshape(RESAMPLES * runs, genres, genres)
    whole = flat.sum(axis=0).reshape(runs, genres, genres)
    found = []
    for measure in measures:
        mean = float(measure(whole).mean())  # type: ignore[operator]
        draws = measure(tables).reshape(RESAMPLES, runs).mean(axis=1)  # type: ignore[operator]
        low, high = np.percentile(draws, [2.5, 97.5])
        alone = size == 1
        ends = (float("nan"), float("nan")) if alone else (float(low), float(high))
        found.append(Interval(mean, *ends, size))
    return found

"""How much of a score is luck: measures, intervals, coin tosses, and the best of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.genre import Score
from musiclib.genre.scores import accuracy, balanced, macro_f1

FloatVector = npt.NDArray[np.float64]
DRAWS: Final = 4_000
EXAMPLE_GENRES: Final = ("rock", "folk", "jazz")
EXAMPLES: Final[dict[str, tuple[tuple[int, ...], ...]]] = {
    "A: always says rock": ((80, 0, 0), (15, 0, 0), (5, 0, 0)),
    "B: careful, misses the rare": ((77, 3, 0), (6, 9, 0), (3, 0, 2)),
    "C: eager for the rare": ((56, 12, 12), (2, 11, 2), (0, 1, 4)),
}
"""Made-up classifiers on 100 made-up tracks: true genres in rows, guesses in columns."""
MEASURES: Final = {"accuracy": accuracy, "balanced accuracy": balanced, "macro F1": macro_f1}


def measure_table() -> pd.DataFrame:
    """The measures of the made-up classifiers."""
    tables = np.array(list(EXAMPLES.values()), dtype=np.float64)
    columns = {name: measure(tables) for name, measure in MEASURES.items()}
    return pd.DataFrame(columns, pd.Index(list(EXAMPLES)))


def draws(score: Score, tracks: pd.DataFrame, by: str, seed: int = 0) -> FloatVector:
    """Balanced accuracy of samples drawn with replacement.

    Args:
        score: A score with hits.
        tracks: Table with `genre` and `artist_group`; index `track_id`.
        by: `track` or `artist_group`: what is drawn.
        seed: Seed of the draws.

    Returns:
        One value a draw. A draw without any track of a genre leaves that genre out.
    """
    names = score.hits.index
    owners = np.arange(len(names))
    if by != "track":
        owners = pd.factorize(tracks.loc[names, by])[0]
    genre, labels = pd.factorize(tracks.loc[names, "genre"])
    right = np.zeros((owners.max() + 1, len(labels)))
    count = np.zeros_like(right)
    np.add.at(right, (owners, genre), score.hits.to_numpy(dtype=np.float64))
    np.add.at(count, (owners, genre), 1.0)
    size = len(right)
    weights = np.random.default_rng(seed).multinomial(size, np.full(size, 1 / size), DRAWS)
    drawn = weights @ count
    shares = np.divide(weights @ right, drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0)
    found: FloatVector = np.nanmean(shares, axis=1)
    return found


def width(values: FloatVector) -> float:
    """Width of the middle 95 %."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(high - low)


@dataclass(frozen=True)
class Fate:
    """Intervals in a world where the tracks of an artist are all guessed right, or all wrong.

    Attributes:
        track_width: Mean width of 95 % intervals from drawing tracks.
        artist_width: The same from drawing artists.
        track_cover: Share of the intervals that hold the truth, from drawing tracks.
        artist_cover: The same from drawing artists.
    """

    track_width: float
    artist_width: float
    track_cover: float
    artist_cover: float


def shared_fate(groups: pd.Series, chance: float, seed: int = 0, rounds: int = 400) -> Fate:
    """Simulate tests on the same artists, where each artist's tracks share their fate.

    Args:
        groups: Artist group of each test track.
        chance: Probability that an artist's tracks are guessed right.
        seed: Seed of the simulation.
        rounds: Number of tests.

    Returns:
        How wide the intervals of accuracy are, and how often they hold the truth.
    """
    sizes = groups.value_counts().to_numpy(dtype=np.float64)
    generator = np.random.default_rng(seed)
    right = generator.random((len(sizes), rounds)) < chance
    ends = {}
    single = np.repeat(np.arange(len(sizes)), sizes.astype(int))
    for name, count, hits in (
        ("track", np.ones(len(single)), right[single]),
        ("artist", sizes, right * sizes[:, None]),
    ):
        total = len(count)
        weights = generator.multinomial(total, np.full(total, 1 / total), 1_000)
        shares = (weights @ hits) / (weights @ count)[:, None]
        ends[name] = np.percentile(shares, [2.5, 97.5], axis=0)
    wide = {name: float((high - low).mean()) for name, (low, high) in ends.items()}
    held = {
        name: float(((low <= chance) & (chance <= high)).mean())
        for name, (low, high) in ends.items()
    }
    return Fate(wide["track"], wide["artist"], held["track"], held["artist"])


def tosses(first: Score, second: Score, tracks: pd.DataFrame, seed: int = 0) -> FloatVector:
    """Differences of balanced accuracy when a coin decides whose each track's advantage is.

    Args:
        first: Score of the one.
        second: Score of the other, on the same tracks.
        tracks: Table with `genre`; index `track_id`.
        seed: Seed of the coin.

    Returns:
        One difference a round.
    """
    names = first.hits.index
    gain = (first.hits - second.hits.loc[names]).to_numpy(dtype=np.float64)
    genre = tracks.loc[names, "genre"]
    weight = 1.0 / (genre.nunique() * genre.map(genre.value_counts()).to_numpy(dtype=np.float64))
    coin = np.random.default_rng(seed).choice([-1.0, 1.0], size=(DRAWS, len(names)))
    found: FloatVector = coin @ (weight * gain)
    return found


def best_of(counts: Sequence[int], tracks: int, chance: float) -> FloatVector:
    """Expected best accuracy of independent systems that are all equally good.

    Args:
        counts: Numbers of systems.
        tracks: Number of test tracks.
        chance: Probability that a system guesses a track right.

    Returns:
        The expected maximum for each number, from the binomial distribution.
    """
    from scipy.stats import binom

    below = binom.cdf(np.arange(tracks), tracks, chance)
    # The expected value of a count is the sum of the probabilities that it exceeds 0, 1, ...
    found: FloatVector = np.array([(1.0 - below**count).sum() / tracks for count in counts])
    return found


def best_of_alike(
    counts: Sequence[int],
    tracks: int,
    chance: float,
    alike: float,
    seed: int = 0,
    rounds: int = 500,
) -> FloatVector:
    """The same for systems that share a share of their outcomes, by simulation.

    Args:
        counts: Numbers of systems.
        tracks: Number of test tracks.
        chance: Probability that a system guesses a track right.
        alike: Probability that a system's outcome on a track is the one that all have in common.
        seed: Seed of the simulation.
        rounds: Number of simulated contests.

    Returns:
        Mean of the best accuracy for each number.
    """
    generator = np.random.default_rng(seed)
    best = np.zeros((rounds, len(counts)))
    for row in best:
        common = generator.random(tracks) < chance
        own = generator.random((max(counts), tracks)) < chance
        outcome = np.where(generator.random(own.shape) < alike, common, own)
        highest = np.maximum.accumulate(outcome.mean(axis=1))
        row[:] = highest[np.asarray(counts) - 1]
    found: FloatVector = best.mean(axis=0)
    return found

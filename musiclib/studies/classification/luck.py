"""How much of a score is luck: measures, intervals, coin tosses, and the best of many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.genre import Score, balanced_interval
from musiclib.genre.scores import accuracy, balanced, macro_f1
from musiclib.latents.quality import grouped_interval
from musiclib.stats import Interval

FloatVector = npt.NDArray[np.float64]
ROUNDS: Final = 4_000
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


def intervals(score: Score, tracks: pd.DataFrame) -> dict[str, Interval]:
    """Balanced accuracy with an interval over tracks, and with one over artists.

    Args:
        score: A score with hits.
        tracks: Table with `genre` and `artist_group`; index `track_id`.

    Returns:
        The intervals by "tracks" and "artists".
    """
    part = tracks.loc[score.hits.index]
    each = pd.Series(part.index, part.index)
    return {
        "tracks": balanced_interval(score.hits, part["genre"], each),
        "artists": balanced_interval(score.hits, part["genre"], part["artist_group"]),
    }


@dataclass(frozen=True)
class Fate:
    """Intervals in a world where the tracks of an artist are all guessed right, or all wrong.

    Attributes:
        track_width: Mean width of 95 % intervals over tracks.
        artist_width: The same over artists.
        track_cover: Share of the intervals over tracks that hold the truth.
        artist_cover: The same over artists.
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
    sizes = groups.value_counts().to_numpy()
    owner = np.repeat(np.arange(len(sizes)), sizes)
    generator = np.random.default_rng(seed)
    units = {"track": np.arange(len(owner)), "artist": owner}
    ends: dict[str, list[Interval]] = {name: [] for name in units}
    for _ in range(rounds):
        hits = (generator.random(len(sizes)) < chance)[owner].astype(np.float64)
        for name, unit in units.items():
            ends[name].append(grouped_interval(hits, unit, (0.0, 1.0)))
    wide = {name: float(np.mean([one.high - one.low for one in of])) for name, of in ends.items()}
    held = {
        name: float(np.mean([one.low <= chance <= one.high for one in of]))
        for name, of in ends.items()
    }
    return Fate(wide["track"], wide["artist"], held["track"], held["artist"])


def tosses(first: Score, second: Score, tracks: pd.DataFrame, seed: int = 0) -> FloatVector:
    """Differences of balanced accuracy when a coin decides whose each artist's advantage is.

    Args:
        first: Score of the one.
        second: Score of the other, on the same tracks.
        tracks: Table with `genre` and `artist_group`; index `track_id`.
        seed: Seed of the coin.

    Returns:
        One difference a round.
    """
    names = first.hits.index
    genre = tracks.loc[names, "genre"]
    weight = 1.0 / (genre.nunique() * genre.map(genre.value_counts()))
    gain = weight * (first.hits - second.hits.loc[names])
    advantage = gain.groupby(tracks.loc[names, "artist_group"]).sum().to_numpy(dtype=np.float64)
    coin = np.random.default_rng(seed).choice([-1.0, 1.0], size=(ROUNDS, len(advantage)))
    found: FloatVector = coin @ advantage
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

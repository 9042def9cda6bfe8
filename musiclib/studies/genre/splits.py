"""What scores depend on besides the system: leaks, the amount of training music, weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from musiclib.datasets import Dataset
from musiclib.errors import DatasetError
from musiclib.genre import (
    Guesses,
    Run,
    Score,
    Statistics,
    balanced_interval,
    classical,
    guess_all,
    leaking,
    runs,
    score,
    scored_genres,
)
from musiclib.latents import Pooled
from musiclib.stats import Interval

PER_GENRE: Final = (2, 4, 8, 16)


@dataclass(frozen=True)
class Leak:
    """A system on a clean split and on two that leak.

    Attributes:
        system: Name of the system.
        tracks: Balanced accuracy of tracks, dealt by artist.
        mixed_tracks: The same where tracks are dealt without regard to artists.
        pieces: Balanced accuracy of single pieces, dealt by artist.
        mixed_pieces: The same where pieces of one track are on both sides.
    """

    system: str
    tracks: Interval
    mixed_tracks: Interval
    pieces: Interval
    mixed_pieces: Interval


def measure_leak(system: Statistics, dataset: Dataset, runs: Sequence[Run]) -> Leak:
    """Measure how much two careless ways of dealing flatter a system.

    All three parts keep their sizes. A careless dealing gives each run a test part of its own, so
    these scores lump the runs together, and their intervals are over the artists of all tracks that
    were ever in a test part.

    Args:
        system: The system.
        dataset: The tracks.
        runs: Dealt by artist.
    """
    tracks = dataset.tracks
    clean = guess_all(system, dataset, runs)
    mixed = guess_all(system, dataset, [leaking(run, tracks) for run in runs])
    pieces = numbered(system.pieces(dataset))
    own = pieces.rows.set_index("track_id")
    dealt = [leaking(pieces_of(run, own), own) for run in runs]
    tables = [classical.learn_and_guess(pieces, run, system.kind) for run in dealt]
    apart = Guesses(system.name, pd.concat(tables, ignore_index=True), runs[0].genres)
    return Leak(
        system.name,
        score(clean, tracks).balanced,
        _together(mixed, tracks),
        score(clean, tracks, how="pieces").balanced,
        _together(apart, own),
    )


def numbered(pieces: Pooled) -> Pooled:
    """Make each piece a track of its own; `owner` keeps the name of the real one."""
    rows = pieces.rows
    places = rows.groupby("track_id").cumcount().astype(str)
    named = rows.assign(owner=rows["track_id"], track_id=rows["track_id"] + "#" + places)
    return replace(pieces, rows=named)


def pieces_of(run: Run, rows: pd.DataFrame) -> Run:
    """Return a run of the pieces of a run's tracks.

    Args:
        run: Its tracks.
        rows: Pieces with the column `owner`; the index names them.
    """

    def part(names: Sequence[str]) -> tuple[str, ...]:
        return tuple(map(str, rows.index[rows["owner"].isin(list(names))]))

    return replace(run, train=part(run.train), validation=part(run.validation), test=part(run.test))


def _together(guesses: Guesses, tracks: pd.DataFrame) -> Interval:
    """Balanced accuracy of test guesses of runs with different test parts."""
    table = guesses.tracks("test")
    truth = tracks.loc[table["track_id"], ["genre", "artist_group"]].reset_index(drop=True)
    hits = truth["genre"] == table["guess"].reset_index(drop=True)
    return balanced_interval(hits, truth["genre"], truth["artist_group"])


def learning_curve(
    systems: Sequence[Statistics],
    dataset: Dataset,
    runs: Sequence[Run],
    per_genre: Sequence[int] = PER_GENRE,
) -> pd.DataFrame:
    """Let systems learn from fewer tracks.

    Args:
        systems: The systems.
        dataset: The tracks.
        runs: Who learns from what; each draws its tracks by lot, once for each size.
        per_genre: Numbers of training tracks of each genre.

    Returns:
        A row for each system, size and run: `system`, `tracks` (a genre, all of them in the last
        rows), `run`, `balanced` (accuracy on test tracks).
    """
    rows = []
    for system in systems:
        pieces = system.pieces(dataset)
        for run in runs:
            counts = dataset.tracks.loc[list(run.train), "genre"].value_counts()
            drawn = {size: fewer(run, dataset.tracks, size) for size in per_genre}
            # A size that a genre cannot fill is the same as all.
            plan = {size: one for size, one in drawn.items() if size < counts.min()}
            for size, one in [*plan.items(), (round(float(counts.mean())), run)]:
                table = classical.learn_and_guess(pieces, one, system.kind)
                found = score(Guesses(system.name, table, run.genres), dataset.tracks)
                rows.append((system.name, size, run.number, found.balanced.mean, one is run))
    return pd.DataFrame(rows, columns=["system", "tracks", "run", "balanced", "all"])


def fewer(run: Run, tracks: pd.DataFrame, per_genre: int) -> Run:
    """Return a run that learns from so many tracks of each genre, drawn artist by artist."""
    generator = np.random.default_rng([run.number, per_genre])
    kept: list[str] = []
    for genre in run.genres:
        mine = tracks.loc[[name for name in run.train if tracks.loc[name, "genre"] == genre]]
        artists = mine["artist_group"].unique()
        order = {name: k for k, name in enumerate(generator.permutation(artists))}
        place = mine["artist_group"].map(order).sort_values(kind="stable")
        kept += [str(name) for name in place.index[:per_genre]]
    return replace(run, train=tuple(kept))


@dataclass(frozen=True, eq=False)
class Weighing:
    """The same classifier with and without weights of genres, on all genres of a data set.

    Attributes:
        weighted: Score with weights.
        plain: Score without.
        counts: Training tracks of each genre, mean over runs.
    """

    weighted: Score
    plain: Score
    counts: pd.Series


SMALLEST_GENRE: Final = 8


def measure_weights(
    system: Statistics, dataset: Dataset, count: int, seed: int = 0
) -> Weighing | None:
    """Score a classifier of all genres, also those that are much smaller than the others.

    Args:
        system: The classifier.
        dataset: All tracks.
        count: Number of runs.
        seed: Seed of the dealing.

    Returns:
        Scores with and without weights; None where all genres have about the same number of
        tracks, or a small one cannot be dealt.
    """
    sizes = dataset.tracks["genre"].value_counts().drop("unknown", errors="ignore")
    genres = sorted(map(str, sizes.index[sizes >= SMALLEST_GENRE]))
    if len(genres) < 2 or set(genres) <= set(scored_genres(dataset.tracks)):
        return None
    everything = dataset.select(genres=genres)
    try:
        dealt = runs(everything.tracks, count, seed, genres)
    except DatasetError:
        return None
    pieces = system.pieces(everything)
    scores = []
    for weighted in (True, False):
        tables = [classical.learn_and_guess(pieces, run, system.kind, weighted) for run in dealt]
        guesses = Guesses(system.name, pd.concat(tables, ignore_index=True), dealt[0].genres)
        scores.append(score(guesses, everything.tracks))
    truth = [everything.tracks.loc[list(run.train), "genre"].value_counts() for run in dealt]
    counts = pd.concat(truth, axis=1).mean(axis=1).reindex(genres)
    return Weighing(scores[0], scores[1], counts)

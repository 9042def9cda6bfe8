"""What scores depend on besides the system: leaks, the amount of training music, weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from musiclib.datasets import Dataset
from musiclib.genre import Run, Score, TrackGuesses, balanced_interval, scored_genres
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


def lumped(guesses: TrackGuesses, tracks: pd.DataFrame) -> Interval:
    """Balanced accuracy of test guesses of runs with different test parts, lumped together.

    Args:
        guesses: Of tracks, or of pieces as :func:`numbered` names them.
        tracks: Table with `genre` and `artist_group`; index `track_id`.
    """
    table = guesses.tracks("test")
    owners = table["track_id"].str.partition("#")[0]
    truth = tracks.loc[owners, ["genre", "artist_group"]].reset_index(drop=True)
    hits = truth["genre"] == table["guess"]
    return balanced_interval(hits, truth["genre"], truth["artist_group"])


def is_fewer(run: Run, tracks: pd.DataFrame, per_genre: int) -> bool:
    """Whether every genre has more training tracks than these."""
    return per_genre < int(tracks.loc[list(run.train), "genre"].value_counts().min())


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


def all_genres(dataset: Dataset) -> Dataset | None:
    """Return the tracks of all genres that can be dealt, those included that are not scored.

    Returns:
        The tracks; None where that adds no genre.
    """
    sizes = dataset.tracks["genre"].value_counts().drop("unknown", errors="ignore")
    genres = sorted(map(str, sizes.index[sizes >= SMALLEST_GENRE]))
    if len(genres) < 2 or set(genres) <= set(scored_genres(dataset.tracks)):
        return None
    return dataset.select(genres=genres)

"""Every prediction that the chapter on genre rests on, each system and run a task of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final

import numpy as np
import pandas as pd

from musiclib.datasets import Dataset
from musiclib.errors import DatasetError
from musiclib.evidence import Item, Parameters
from musiclib.genre import (
    Guesses,
    Run,
    Statistics,
    System,
    TrackGuesses,
    classical,
    leaking,
    runs,
    votes_columns,
)
from musiclib.genre.guesses import Part
from musiclib.studies.genre import sizes, splits
from musiclib.studies.genre import systems as names
from musiclib.studies.genre.experiment import deal
from musiclib.studies.genre.systems import Entry, book_systems, scored
from musiclib.training import trained

MAIN, SIZES, STEPS, GAINS = "systems", "sizes", "steps", "gains"
LEAKING, LEAKING_PIECES, CURVE = "leaking tracks", "leaking pieces", "{} tracks a genre"
WEIGHTED, PLAIN = "weighted", "not weighted"
LEAKS: Final = (names.DEEP, names.MEL_LOGISTIC)
CURVES: Final = (names.DEEP, names.MFCC_RICH, names.MEL_LOGISTIC)
CODED: Final = "deep-16"
"""The model whose latents are written to files."""

Learn = Callable[[System, Dataset, Run], pd.DataFrame]
BOTH: Final[tuple[Part, ...]] = ("validation", "test")
TEST: Final[tuple[Part, ...]] = ("test",)


@dataclass(frozen=True, eq=False)
class Study:
    """Systems that learn and guess under the same conditions.

    Attributes:
        dataset: The tracks.
        runs: Who learns from what.
        entries: The systems.
        parts: Whose guesses are kept.
        learn: Makes a table of guesses for pieces.
    """

    dataset: Dataset
    runs: Sequence[Run]
    entries: Sequence[Entry]
    parts: tuple[Part, ...] = TEST
    learn: Learn = lambda system, dataset, run: system.learn_and_guess(dataset, run)


def studies(music: Dataset, profile: str = "mini", seed: int = 0) -> dict[str, Study]:
    """List what is learned and guessed.

    Args:
        music: Any data set.
        profile: As for :func:`musiclib.training.trained`.
        seed: Seed of all that is random.

    Raises:
        DatasetError: There are fewer than two genres to be scored, or too few artists.
    """
    heard = scored(music)
    dealt = deal(heard, profile, seed)
    tracks = heard.tracks
    entries = book_systems(music, profile, seed)
    by_name = {entry.name: entry for entry in entries}
    sized = sizes.size_entries(music, profile, seed)
    coded = trained(CODED, music, profile, seed)
    found = {
        MAIN: Study(heard, dealt, entries, BOTH),
        SIZES: Study(heard, dealt, list(sized["entry"]), BOTH),
        STEPS: Study(heard, dealt, sizes.step_entries(coded, profile), BOTH),
        GAINS: Study(heard, dealt, sizes.gain_entries(profile), BOTH),
    }
    leaks, curves = ([by_name[name] for name in group] for group in (LEAKS, CURVES))
    found[LEAKING] = Study(heard, [leaking(run, tracks) for run in dealt], leaks)
    found[LEAKING_PIECES] = Study(heard, dealt, leaks, TEST, _leaking_pieces)
    for size in splits.PER_GENRE:
        # A size that a genre cannot fill is the same as all.
        there = [run for run in dealt if splits.is_fewer(run, tracks, size)]
        if there:
            fewer = [splits.fewer(run, tracks, size) for run in there]
            found[CURVE.format(size)] = Study(heard, fewer, curves)
    if everything := splits.all_genres(music):
        try:
            of_all = runs(everything.tracks, len(dealt), seed, everything.genres)
        except DatasetError:  # a small genre cannot be dealt
            return found
        deep = [by_name[names.DEEP]]
        for name, weighted in ((WEIGHTED, True), (PLAIN, False)):
            found[name] = Study(everything, of_all, deep, TEST, partial(_weighing, weighted))
    return found


def sizes_of_curve(found: Mapping[str, Study]) -> list[int]:
    """Return how many tracks of a genre some systems learn from, where that is fewer than all."""
    return [size for size in splits.PER_GENRE if CURVE.format(size) in found]


def _weighing(weighted: bool, system: System, dataset: Dataset, run: Run) -> pd.DataFrame:
    assert isinstance(system, Statistics)
    return classical.learn_and_guess(system.pieces(dataset), run, system.kind, weighted)


def _leaking_pieces(system: System, dataset: Dataset, run: Run) -> pd.DataFrame:
    """Let pieces of one track lie on both sides; each piece counts as a track of its own."""
    assert isinstance(system, Statistics)
    pieces = splits.numbered(system.pieces(dataset))
    own = pieces.rows.set_index("track_id")
    mixed = leaking(splits.pieces_of(run, own), own)
    return classical.learn_and_guess(pieces, mixed, system.kind)


def items(parameters: Parameters) -> list[Item]:
    """List a system and run at a time, for `musiclib.evidence`."""
    return [
        {"study": name, "system": entry.name, "run": run.number}
        for name, study in _studies(parameters).items()
        for entry in study.entries
        for run in study.runs
    ]


def measure(parameters: Parameters, item: Item) -> pd.DataFrame:
    """Learn and guess, and put the pieces of each track together.

    Returns:
        `study`, `system`, `run`, `part`, `track_id`, and columns as `TrackGuesses` has them.
    """
    study = _studies(parameters)[str(item["study"])]
    (run,) = (run for run in study.runs if run.number == item["run"])
    system = _made(parameters, str(item["study"]), str(item["system"]))
    pieces = study.learn(system, study.dataset, run)
    pieces = pieces[pieces["part"].isin(study.parts)].reset_index(drop=True)
    table = Guesses(system.name, pieces, run.genres).of_tracks.table
    # Genres that this study leaves out have a column as well, since all rows stand in one table.
    every = sorted(set(parameters.music.tracks["genre"]) - {"unknown"})
    table = table.reindex(columns=["run", "part", "track_id", *every, *votes_columns(every)])
    table[every] = table[every].astype(np.float64)
    table[votes_columns(every)] = table[votes_columns(every)].fillna(0).astype(np.int64)
    table.insert(0, "system", item["system"])
    table.insert(0, "study", item["study"])
    return table


def file_items(parameters: Parameters) -> list[Item]:
    """List the systems that read files, one at a time."""
    return [
        {"study": name, "system": entry.name}
        for name in (STEPS, GAINS)
        for entry in _studies(parameters)[name].entries
    ]


def measure_files(parameters: Parameters, item: Item) -> pd.DataFrame:
    """Write the files of the test tracks that a system reads.

    Returns:
        `study`, `system`, `track_id`, `file_bytes`, `seconds`.
    """
    study = _studies(parameters)[str(item["study"])]
    (entry,) = (one for one in study.entries if one.name == item["system"])
    found = sizes.file_sizes(entry, study.dataset, study.runs[0].test)
    return found.assign(**item)[[*item, *found.columns]]


@dataclass(frozen=True, eq=False)
class Predictions:
    """A table of all predictions, and what was asked.

    Attributes:
        studies: What was learned and guessed.
        table: Rows of :func:`measure`.
    """

    studies: Mapping[str, Study]
    table: pd.DataFrame

    def guesses(self, study: str, system: str) -> TrackGuesses:
        """Return what a system said."""
        rows = self.table[(self.table["study"] == study) & (self.table["system"] == system)]
        genres = self.studies[study].runs[0].genres
        kept = ["run", "part", "track_id", *genres, *votes_columns(genres)]
        return TrackGuesses(system, rows[kept].reset_index(drop=True), genres)


@lru_cache(maxsize=4)
def _studies(parameters: Parameters) -> dict[str, Study]:
    return studies(parameters.music, parameters.profile, parameters.seed)


@lru_cache(maxsize=4)
def _made(parameters: Parameters, study: str, system: str) -> System:
    (entry,) = (one for one in _studies(parameters)[study].entries if one.name == system)
    return entry.make()

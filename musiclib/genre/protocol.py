"""Who learns from which tracks: the same for every classifier of the book.

The test part is never learned from. The artists of the other tracks are dealt into folds; run
number k learns from all folds but one, and that one is its validation part. So each run has other
training tracks, and each track outside the test part is guessed once by a classifier that has not
heard its artist. Choices between classifiers rest on those guesses, final scores on the test part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from musiclib.errors import DatasetError

SEGMENT_S = 3.0
RUNS = 5
SMALLEST_SHARE = 0.5


@dataclass(frozen=True)
class Run:
    """The tracks of one run.

    Attributes:
        number: 0, 1, ...; the seed of all that is random in the run.
        train: Tracks to learn from.
        validation: Tracks by other artists, for choices.
        test: Tracks for the final score, by artists that are in neither.
        genres: The classes, in alphabetical order.
    """

    number: int
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    genres: tuple[str, ...]


def scored_genres(tracks: pd.DataFrame) -> list[str]:
    """Genres on which a score makes sense.

    Args:
        tracks: Table with the columns `genre` and `split`.

    Returns:
        Genres with at least half as many clips as the largest, at least two of them for
        training and one for the test; "unknown" is no genre. Empty if fewer than two are left.
    """
    known = tracks[tracks["genre"] != "unknown"]
    counts = known["genre"].value_counts()
    test = known.loc[known["split"] == "test", "genre"].value_counts()
    genres = [
        str(genre)
        for genre, count in counts.items()
        if count >= SMALLEST_SHARE * counts.max()
        and test.get(genre, 0) >= 1
        and count - test.get(genre, 0) >= 2
    ]
    return sorted(genres) if len(genres) > 1 else []


def runs(
    tracks: pd.DataFrame, count: int = RUNS, seed: int = 0, genres: Sequence[str] | None = None
) -> list[Run]:
    """Deal the tracks.

    Args:
        tracks: Table with `genre`, `split` and `artist_group`; index `track_id`.
        count: Number of runs, and of folds.
        seed: Seed of the dealing, and number of the first run.
        genres: Genres whose tracks are used; by default :func:`scored_genres`.

    Returns:
        The runs. Every genre is in every run's training part. Where a genre has fewer artist groups
        than there are folds, some validation parts lack it.

    Raises:
        DatasetError: Fewer than two genres can be scored, or a genre would have nothing to be
            learned from, or there is only one run.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    if count < 2:
        raise DatasetError(f"there must be at least 2 runs, not {count}: each holds out a fold")
    genres = sorted(genres) if genres else scored_genres(tracks)
    if not genres:
        raise DatasetError(
            "genre recognition needs two genres with at least two training tracks and one test "
            "track each: add music"
        )
    used = tracks[tracks["genre"].isin(genres)]
    test = tuple(map(str, used.index[used["split"] == "test"]))
    rest = used[used["split"] != "test"]
    if rest["artist_group"].nunique() < count:
        raise DatasetError(
            f"{count} runs need at least {count} artists outside the test part, not "
            f"{rest['artist_group'].nunique()}: add music by others, or ask for fewer runs"
        )
    if rest["genre"].value_counts().max() < count:
        raise DatasetError(
            f"{count} runs need a genre with at least {count} tracks outside the test part: add "
            "music, or ask for fewer runs"
        )
    folds = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    dealt = []
    names = np.asarray(rest.index, dtype=object)
    for number, (train, held) in enumerate(folds.split(rest, rest["genre"], rest["artist_group"])):
        lacking = set(genres) - set(rest["genre"].iloc[train])
        if lacking:
            raise DatasetError(
                f"all training tracks of {min(lacking)} are by artists of one fold: add music of "
                "this genre by others"
            )
        dealt.append(
            Run(
                seed + number,
                tuple(map(str, names[train])),
                tuple(map(str, names[held])),
                test,
                tuple(genres),
            )
        )
    return dealt


def leaking(run: Run, tracks: pd.DataFrame) -> Run:
    """Deal a run's tracks anew without regard to artists, in parts of the same sizes by genre.

    It is what a careless experiment does, to show how much that flatters. Nothing else uses it.
    """
    generator = np.random.default_rng(run.number)
    parts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    everything = [*run.train, *run.validation, *run.test]
    for genre in run.genres:
        mine = [name for name in everything if tracks.loc[name, "genre"] == genre]
        sizes = [
            sum(tracks.loc[name, "genre"] == genre for name in part)
            for part in (run.train, run.validation)
        ]
        order = [mine[place] for place in generator.permutation(len(mine))]
        parts["train"] += order[: sizes[0]]
        parts["validation"] += order[sizes[0] : sum(sizes)]
        parts["test"] += order[sum(sizes) :]
    return Run(
        run.number,
        tuple(parts["train"]),
        tuple(parts["validation"]),
        tuple(parts["test"]),
        run.genres,
    )

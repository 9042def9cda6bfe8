"""What classifiers said: probabilities of genres for pieces of tracks, and votes over a track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import softmax

from musiclib.errors import MusiclibError

Part = Literal["validation", "test"]
How = Literal["pieces", "vote", "mean"]
_SMALLEST = 1e-9

FloatMatrix = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrackGuesses:
    """What a system said of whole tracks: the pieces put together, small enough to be kept.

    Attributes:
        system: Name of the system.
        table: A row for each track and run: `run`, `part`, `track_id`; for each genre a column with
            its probability, the geometric mean over the track's pieces, and a column `votes GENRE`
            with the number of pieces that name it.
        genres: The genres, in the order of the columns.
    """

    system: str
    table: pd.DataFrame
    genres: tuple[str, ...]

    def tracks(self, part: Part, how: How = "mean") -> pd.DataFrame:
        """Return one guess for each run and track (or piece).

        Args:
            part: Which tracks.
            how: `mean`: the genre with the highest mean of log probabilities over the track's
                pieces, which is the logarithm of their product, the n-th root taken. `vote`: the
                genre that most pieces name; a draw goes to the one with the higher mean.
                `pieces`: every piece on its own.

        Returns:
            `run`, `track_id`, `guess`, and `confidence`: the probability of the guess; for a vote
            and for pieces the share of pieces that agree.
        """
        chosen = self.table[self.table["part"] == part]
        if chosen.empty:
            raise MusiclibError(f"{self.system} was not asked about {part} tracks")
        names = np.asarray(self.genres, dtype=object)
        values = chosen[list(self.genres)].to_numpy(dtype=np.float64)
        votes = chosen[votes_columns(self.genres)].to_numpy(dtype=np.int64)
        shares = votes / votes.sum(axis=1, keepdims=True)
        keys = chosen[["run", "track_id"]].reset_index(drop=True)
        if how == "pieces":
            row, genre = np.nonzero(votes)
            found = keys.iloc[row].assign(guess=names[genre], confidence=shares[row, genre])
            copies = np.repeat(np.arange(len(found)), votes[row, genre])
            return found.iloc[copies].reset_index(drop=True)
        # Smaller than any difference of shares, so that it decides draws alone.
        level = values if how == "mean" else shares + 1e-6 * values
        confidence = values if how == "mean" else shares
        return keys.assign(guess=names[level.argmax(axis=1)], confidence=confidence.max(axis=1))

    def together(self, part: Part = "test") -> pd.DataFrame:
        """Return the guesses of all runs put together, by the mean of their log probabilities.

        Returns:
            `track_id`, `guess`, `confidence`.
        """
        chosen = self.table[self.table["part"] == part]
        columns = list(self.genres)
        logs = np.log(chosen[columns].clip(lower=_SMALLEST)).groupby(chosen["track_id"]).mean()
        values = softmax(logs.to_numpy(dtype=np.float64), axis=1)
        names = np.asarray(columns, dtype=object)
        return pd.DataFrame(
            {
                "track_id": logs.index,
                "guess": names[values.argmax(axis=1)],
                "confidence": values.max(axis=1),
            }
        )


def votes_columns(genres: Sequence[str]) -> list[str]:
    """Return the columns of `TrackGuesses.table` that count pieces."""
    return [f"votes {genre}" for genre in genres]


@dataclass(frozen=True, eq=False)
class Guesses:
    """Probabilities for every piece that a system was asked about.

    Attributes:
        system: Name of the system.
        table: A row for each piece and run: `run`, `part`, `track_id`, and a column for each genre
            with its probability.
        genres: The genres, in the order of the columns.
    """

    system: str
    table: pd.DataFrame
    genres: tuple[str, ...]

    @property
    def runs(self) -> list[int]:
        """Numbers of the runs."""
        return sorted(int(number) for number in self.table["run"].unique())

    @cached_property
    def of_tracks(self) -> TrackGuesses:
        """The guesses with the pieces of each track put together."""
        keys = ["run", "part", "track_id"]
        groups = [self.table[key].to_numpy() for key in keys]
        values = self.table[list(self.genres)]
        logs = np.log(values.clip(lower=_SMALLEST)).groupby(groups).mean().rename_axis(keys)
        winners = np.eye(len(self.genres), dtype=np.int64)[values.to_numpy().argmax(axis=1)]
        votes = pd.DataFrame(winners, columns=votes_columns(self.genres))
        counts = votes.groupby(groups).sum()
        shares = softmax(logs.to_numpy(dtype=np.float64), axis=1)
        table = logs.index.to_frame(index=False)
        table[list(self.genres)] = shares
        table[list(votes)] = counts.to_numpy()
        return TrackGuesses(self.system, table, self.genres)

    def tracks(self, part: Part, how: How = "mean") -> pd.DataFrame:
        """Return one guess for each run and track (or piece); see `TrackGuesses.tracks`."""
        return self.of_tracks.tracks(part, how)

    def together(self, part: Part = "test") -> pd.DataFrame:
        """Return the guesses of all runs put together; see `TrackGuesses.together`."""
        return self.of_tracks.together(part)


def guesses_of(
    run: int,
    parts: dict[Part, Sequence[str]],
    probabilities: dict[str, FloatMatrix],
    genres: Sequence[str],
) -> pd.DataFrame:
    """Make the table of one run.

    Args:
        run: Its number.
        parts: Tracks of each part.
        probabilities: For each track those of its pieces, `(P, G)`. A track without any is left
            out.
        genres: The genres, in the order of the columns.
    """
    tables = []
    for part, names in parts.items():
        for name in names:
            if name in probabilities:
                table = pd.DataFrame(probabilities[name], columns=list(genres))
                table.insert(0, "track_id", name)
                table.insert(0, "part", part)
                table.insert(0, "run", run)
                tables.append(table)
    if not tables:
        raise MusiclibError("none of the tracks has a piece to guess from")
    return pd.concat(tables, ignore_index=True)

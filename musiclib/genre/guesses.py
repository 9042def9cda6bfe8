"""What classifiers said: probabilities of genres for pieces of tracks, and votes over a track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
            the share of pieces.
        """
        chosen = self.table[self.table["part"] == part].reset_index(drop=True)
        if chosen.empty:
            raise MusiclibError(f"{self.system} was not asked about {part} tracks")
        columns = list(self.genres)
        names = np.asarray(columns, dtype=object)
        if how == "pieces":
            values = chosen[columns].to_numpy(dtype=np.float64)
            return chosen[["run", "track_id"]].assign(
                guess=names[values.argmax(axis=1)], confidence=values.max(axis=1)
            )
        keys = ["run", "track_id"]
        logs = np.log(chosen[columns].clip(lower=_SMALLEST))
        means = logs.groupby([chosen[key] for key in keys]).mean()
        if how == "mean":
            values = softmax(means.to_numpy(dtype=np.float64), axis=1)
            best = values.argmax(axis=1)
            confidence = values.max(axis=1)
        else:
            winners = chosen[columns].to_numpy().argmax(axis=1)
            votes = pd.DataFrame(np.eye(len(columns))[winners], columns=columns)
            share = votes.groupby([chosen[key] for key in keys]).mean().loc[means.index]
            # Smaller than any difference of shares, so that it decides draws alone.
            decided = share.to_numpy() + 1e-6 * softmax(means.to_numpy(dtype=np.float64), axis=1)
            best = decided.argmax(axis=1)
            confidence = share.to_numpy().max(axis=1)
        return means.index.to_frame(index=False).assign(guess=names[best], confidence=confidence)

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

"""Who learns from what, as a table; what genres weigh; what leaks; how a track is decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.genre import SEGMENT_S, Guesses, Run

PARTS = ("train", "validation", "test")


def order(tracks: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Tracks by genre, then by artist group: the largest groups first."""
    table = tracks.loc[list(names), ["genre", "artist_group"]].copy()
    table["size"] = table.groupby(["genre", "artist_group"])["genre"].transform("size")
    table["name"] = table.index.astype(str)
    table = table.sort_values(["genre", "size", "artist_group", "name"], ascending=[1, 0, 1, 1])
    return [str(name) for name in table.index]


def part_matrix(runs: Sequence[Run], names: Sequence[str]) -> npt.NDArray[np.int_]:
    """Part of each track in each run, `(R, M)`: a place in :data:`PARTS`."""
    place = {name: k for k, name in enumerate(names)}
    table = np.zeros((len(runs), len(names)), dtype=np.int_)
    for row, run in zip(table, runs, strict=True):
        for number, part in enumerate((run.train, run.validation, run.test)):
            row[[place[name] for name in part]] = number
    return table


def known_artists(run: Run, tracks: pd.DataFrame) -> float:
    """Share of test tracks whose artist is heard in training."""
    heard = set(tracks.loc[list(run.train), "artist_group"])
    return float(tracks.loc[list(run.test), "artist_group"].isin(heard).mean())


def weight_table(tracks: pd.DataFrame) -> pd.DataFrame:
    """Weights of all genres of a data set, over its tracks outside the test part.

    Args:
        tracks: Table with `genre` and `split`.

    Returns:
        Index genre: number of tracks, and weight: the number of all tracks divided by the number of
        genres and by the genre's own.
    """
    counts = tracks.loc[tracks["split"] != "test", "genre"].value_counts().sort_index()
    weights = counts.sum() / (len(counts) * counts)
    table = pd.DataFrame({"training tracks": counts, "weight of a track": weights.round(2)})
    return table.rename_axis(None)


@dataclass(frozen=True, eq=False)
class Decision:
    """How one track is decided, in one run.

    Attributes:
        track_id: The track.
        truth: Its label.
        probabilities: Of each piece, `(P, G)`.
        genres: The columns.
        votes: Share of pieces for each genre, `(G,)`.
        mean: Geometric mean of the probabilities, brought to a sum of 1, `(G,)`.
        vote_guess: What the vote says.
        mean_guess: What the mean says.
    """

    track_id: str
    truth: str
    probabilities: npt.NDArray[np.float64]
    genres: tuple[str, ...]
    votes: npt.NDArray[np.float64]
    mean: npt.NDArray[np.float64]
    vote_guess: str
    mean_guess: str

    @property
    def starts(self) -> npt.NDArray[np.float64]:
        """Where the pieces begin, in seconds."""
        begins: npt.NDArray[np.float64] = SEGMENT_S * np.arange(
            len(self.probabilities), dtype=np.float64
        )
        return begins


def decide(guesses: Guesses, tracks: pd.DataFrame, run: int, track_id: str) -> Decision:
    """Decide a test track by vote and by mean."""
    table = guesses.table
    chosen = table[(table["run"] == run) & (table["track_id"] == track_id)]
    genres = list(guesses.genres)
    values = chosen[genres].to_numpy(dtype=np.float64)
    votes = np.bincount(values.argmax(axis=1), minlength=len(genres)) / len(values)
    logs = np.log(np.maximum(values, 1e-9)).mean(axis=0)
    mean = np.exp(logs - logs.max())
    both = Guesses(guesses.system, chosen, guesses.genres)
    part = str(chosen["part"].iloc[0])
    named = {how: str(both.tracks(part, how)["guess"].iloc[0]) for how in ("vote", "mean")}  # type: ignore[arg-type]
    return Decision(
        track_id,
        str(tracks.loc[track_id, "genre"]),
        values,
        guesses.genres,
        votes,
        mean / mean.sum(),
        named["vote"],
        named["mean"],
    )


def most_divided(guesses: Guesses, tracks: pd.DataFrame, run: int) -> Decision:
    """The test track whose pieces disagree most, if possible one where vote and mean differ.

    Disagreement is the entropy of the shares of votes.
    """
    chosen = guesses.table[(guesses.table["run"] == run) & (guesses.table["part"] == "test")]
    found = [decide(guesses, tracks, run, str(name)) for name in chosen["track_id"].unique()]
    return max(found, key=lambda one: (one.vote_guess != one.mean_guess, _entropy(one.votes)))


def _entropy(shares: npt.NDArray[np.float64]) -> float:
    positive = shares[shares > 0.0]
    return float(-(positive * np.log(positive)).sum())


def differing(guesses: Guesses) -> tuple[int, int]:
    """In how many of how many decisions on test tracks vote and mean name different genres."""
    vote, mean = guesses.tracks("test", "vote"), guesses.tracks("test", "mean")
    both = vote.merge(mean, on=["run", "track_id"])
    return int((both["guess_x"] != both["guess_y"]).sum()), len(both)

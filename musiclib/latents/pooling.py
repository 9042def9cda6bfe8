"""Pieces of tracks as single vectors: statistics of a sequence over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.audio import FloatArray
from musiclib.latents.sequences import track_pieces
from musiclib.latents.sources import Source
from musiclib.models.genre import lags_at

Statistic = Literal["mean", "std", "logstd", "changes"]
MEAN_STD: Final[tuple[Statistic, ...]] = ("mean", "std")
RICH: Final[tuple[Statistic, ...]] = ("mean", "logstd", "changes")
_FLOOR = 1e-3


@dataclass(frozen=True, eq=False)
class Pooled:
    """Vectors of pieces.

    Attributes:
        values: A row a piece, `(N, D)`.
        rows: `track_id`, `genre`, `split`, `artist_group` and `start_s` of each piece.
        name: Name of the representation.
    """

    values: npt.NDArray[np.float32]
    rows: pd.DataFrame
    name: str

    def part(self, track_ids: Sequence[str]) -> Pooled:
        """Return the pieces of some tracks."""
        chosen = self.rows["track_id"].isin(list(track_ids)).to_numpy()
        return Pooled(self.values[chosen], self.rows[chosen].reset_index(drop=True), self.name)

    def tracks(self) -> tuple[npt.NDArray[np.float32], list[str]]:
        """Return the mean vector of each track, `(M, D)`, and the tracks' identifiers."""
        codes, names = pd.factorize(self.rows["track_id"])
        total = np.zeros((len(names), self.values.shape[1]), np.float64)
        np.add.at(total, codes, self.values)
        counts = np.bincount(codes, minlength=len(names))[:, None]
        return (total / counts).astype(np.float32), [str(name) for name in names]


def pooled(
    found: Source, seconds: float = 3.0, statistics: Sequence[Statistic] = MEAN_STD
) -> Pooled:
    """Turn every piece of every track into one vector.

    Args:
        found: The sequences.
        seconds: Length of a piece. A track that is shorter gives one piece.
        statistics: What is taken of each channel over the frames of a piece: `mean`; `std`, its
            standard deviation; `logstd`, the logarithm of that; `changes`, the logarithm of the
            standard deviation of its differences over 0.02 to 0.32 s, as far as the frames are
            close enough and the piece is long enough for all tracks.

    Returns:
        Vectors of all pieces, in the order of the tracks.
    """
    values, rows = [], []
    lags = lags_of(found)
    for track_id in found.tracks.index:
        for start, piece in track_pieces(found, seconds, track_id):
            values.append(statistics_of(piece, statistics, lags))
            rows.append((track_id, start / found.frame_rate))
    table = pd.DataFrame(rows, columns=["track_id", "start_s"])
    labels = found.tracks.loc[table["track_id"], ["genre", "split", "artist_group"]]
    table = pd.concat(
        [table[["track_id"]], labels.reset_index(drop=True), table["start_s"]], axis=1
    )
    return Pooled(np.stack(values).astype(np.float32), table, found.name)


def lags_of(found: Source) -> list[int]:
    """Return the lags of `changes` in frames, without doubles, at least one frame each."""
    return list(lags_at(found.frame_rate))


def statistics_of(
    piece: FloatArray, statistics: Sequence[Statistic], lags: Sequence[int]
) -> FloatArray:
    """Return statistics over the frames of a piece `(C, T)`, `(C * ...,)`."""
    parts = []
    for name in statistics:
        if name == "mean":
            parts.append(piece.mean(axis=1))
        elif name == "std":
            parts.append(piece.std(axis=1))
        elif name == "logstd":
            parts.append(np.log(piece.std(axis=1) + _FLOOR))
        else:
            parts.extend(_change(piece, lag) for lag in lags)
    vector: FloatArray = np.concatenate(parts).astype(np.float32)
    return vector


def _change(piece: FloatArray, lag: int) -> FloatArray:
    if piece.shape[1] <= lag:  # a piece without such a distance does not change over it
        return np.full(len(piece), np.log(_FLOOR), np.float32)
    change: FloatArray = np.log((piece[:, lag:] - piece[:, :-lag]).std(axis=1) + _FLOOR)
    return change

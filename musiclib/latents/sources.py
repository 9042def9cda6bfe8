"""What a classifier reads pieces from: sequences on disk or in memory, or samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.audio import FloatArray
from musiclib.errors import DatasetError


class Source(Protocol):
    """Tracks as sequences of frames."""

    @property
    def tracks(self) -> pd.DataFrame:
        """The tracks table; index `track_id`."""

    @property
    def name(self) -> str:
        """Short name."""

    @property
    def frame_rate(self) -> float:
        """Frames in a second."""

    @property
    def channels(self) -> int:
        """Values in a frame."""

    def __contains__(self, track_id: object) -> bool:
        """Whether there is something to read of a track."""

    def length(self, track_id: str) -> int:
        """Number of frames of a track."""

    def piece(self, track_id: str, start: int, length: int) -> FloatArray:
        """Frames `start` to `start + length` of a track, `(C, length)`."""


@dataclass(frozen=True, eq=False)
class Held:
    """Sequences in memory.

    Attributes:
        tracks: The tracks table; index `track_id`.
        values: Sequence of each track, `(C, L)`; as many channels for all.
        frame_rate: Frames in a second.
        name: Short name.
    """

    tracks: pd.DataFrame
    values: Mapping[str, FloatArray]
    frame_rate: float
    name: str

    @property
    def channels(self) -> int:
        """Values in a frame."""
        return len(next(iter(self.values.values())))

    def __contains__(self, track_id: object) -> bool:
        return track_id in self.values

    def length(self, track_id: str) -> int:
        """Return the number of frames of a track."""
        frames: int = self.values[track_id].shape[1]
        return frames

    def piece(self, track_id: str, start: int, length: int) -> FloatArray:
        """Return frames `start` to `start + length` of a track, `(C, length)`."""
        return self.values[track_id][:, start : start + length]


def frames_in(source: Source, seconds: float) -> int:
    """Return the number of frames, at least one, in a piece of `seconds`."""
    return max(1, math.floor(seconds * source.frame_rate + 1e-6))


def channel_statistics(
    source: Source, tracks: Sequence[str]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of each channel over tracks, two arrays `(C,)`.

    Tracks that the source lacks are left out. A channel that never moves has a deviation of 1e-5.

    Raises:
        DatasetError: There is no frame to take them of.
    """
    total, squares, count = np.zeros(source.channels), np.zeros(source.channels), 0
    for name in tracks:
        if name in source:
            values = source.piece(name, 0, source.length(name)).astype(np.float64)
            total += values.sum(axis=1)
            squares += np.square(values).sum(axis=1)
            count += values.shape[1]
    if count == 0:
        raise DatasetError("none of the training tracks can be read")
    mean = total / count
    return mean, np.sqrt(np.maximum(squares / count - mean**2, 1e-10))

"""What a classifier reads pieces from: sequences on disk, or samples."""

from __future__ import annotations

import math
from typing import Protocol

import pandas as pd

from musiclib.audio import FloatArray


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

    def fingerprint(self) -> str:
        """Digest of all that is in it."""


def frames_in(source: Source, seconds: float) -> int:
    """Return the number of frames, at least one, in a piece of `seconds`."""
    return max(1, math.floor(seconds * source.frame_rate + 1e-6))

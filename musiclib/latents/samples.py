"""Tracks as samples, one channel, for networks that start from the waveform."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from musiclib.audio import FloatArray
from musiclib.datasets import AudioCache, Dataset
from musiclib.errors import DatasetError, ModelError
from musiclib.models import PEAK


@dataclass(frozen=True, eq=False)
class TrackSamples:
    """The samples of a data set's tracks, each brought to a peak of 0.3.

    Attributes:
        tracks: The tracks table, without tracks that have no audio; index `track_id`.
        cache: Their audio.
    """

    tracks: pd.DataFrame
    cache: AudioCache
    _gains: dict[str, float] = field(default_factory=dict, repr=False)

    channels = 1

    @property
    def name(self) -> str:
        """Short name."""
        return f"samples-{self.cache.sample_rate}"

    @property
    def frame_rate(self) -> float:
        """Sampling rate in Hz: a frame is a sample."""
        return float(self.cache.sample_rate)

    def __contains__(self, track_id: object) -> bool:
        return track_id in self.tracks.index

    def length(self, track_id: str) -> int:
        """Return the number of samples of a track."""
        return self.cache.length(track_id)

    def piece(self, track_id: str, start: int, length: int) -> FloatArray:
        """Return samples `start` to `start + length` of a track, `(1, length)`."""
        stop = min(start + length, self.length(track_id))
        samples = self.cache.segment(track_id, start, stop - start)
        return samples[None] * np.float32(self._gain(track_id))

    def _gain(self, track_id: str) -> float:
        # The peak of the whole track, as for its latents.
        if track_id not in self._gains:
            self._gains[track_id] = peak_gain(self.cache.audio(track_id))
        return self._gains[track_id]


def peak_gain(audio: FloatArray) -> float:
    """Return the gain that brings the peak of a clip `(N,)` to 0.3; that of silence is 1.

    Raises:
        ModelError: The audio holds NaN or infinity.
    """
    peak = float(np.abs(audio).max(initial=0.0))
    if not np.isfinite(peak):
        raise ModelError("The audio holds NaN or infinity; decode it again")
    return PEAK / peak if peak > 0.0 else 1.0


def samples(dataset: Dataset, sample_rate: int) -> TrackSamples:
    """Return the tracks of a data set as samples.

    Args:
        dataset: The tracks.
        sample_rate: In Hz.

    Raises:
        DatasetError: No track can be decoded.
    """
    cache = dataset.cache(sample_rate)
    there = [track_id in cache and cache.length(track_id) > 0 for track_id in dataset.tracks.index]
    if not any(there):
        raise DatasetError(f"no track of {dataset.name} can be decoded; see its cache's .failures")
    return TrackSamples(dataset.tracks[there], cache)

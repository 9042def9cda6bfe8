"""Decoded audio, kept once and memory-mapped.

`musiclib.datasets.building.build_cache` decodes every track of a data set to mono at one rate
and appends it to one file. It decodes only what is new or changed, several files at a time,
and goes on where a build was cut off. `AudioCache` hands out tracks and segments without
decoding.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import platformdirs

from musiclib.audio import FloatArray
from musiclib.datasets import store
from musiclib.datasets.table import TracksInFolder
from musiclib.errors import DatasetError

CACHE_VARIABLE = "MUSICLIB_CACHE"
_RELEASE_BYTES = 8 << 20  # pages are handed back after so many bytes read


def cache_root() -> Path:
    """Return the folder of all caches: `MUSICLIB_CACHE`, else the user's cache folder."""
    given = os.environ.get(CACHE_VARIABLE)
    return Path(given) if given else platformdirs.user_cache_path("musiclib")


def cache_folder(dataset: TracksInFolder, sample_rate: int) -> Path:
    """Return the folder for a data set's folder and a rate; its parts and splits share it."""
    key = hashlib.sha256(os.fsencode(dataset.root.resolve())).hexdigest()[:12]
    name = dataset.name.partition("-")[0]  # what follows names a split
    return cache_root() / "audio" / f"{name}-{key}-{sample_rate}"


class AudioCache:
    """Decoded tracks of a data set, mono, at one rate. Can be pickled and shared by threads.

    Attributes:
        sample_rate: Rate in Hz.
        folder: Where the samples lie.
        failures: Tracks without audio, with `path` and `reason`; index `track_id`.
    """

    def __init__(
        self,
        folder: Path,
        sample_rate: int,
        entries: dict[str, store.Entry],
        failures: pd.DataFrame,
    ) -> None:
        self.folder = folder
        self.sample_rate = sample_rate
        self.failures = failures
        self._entries = entries
        self._open()

    def _open(self) -> None:
        self._lock = threading.Lock()
        self._map: mmap.mmap | None = None
        self._read = 0

    def __getstate__(self) -> dict[str, Any]:
        hidden = ("_lock", "_map", "_read")
        return {key: value for key, value in self.__dict__.items() if key not in hidden}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, track_id: object) -> bool:
        return track_id in self._entries

    @property
    def track_ids(self) -> list[str]:
        """Tracks that have audio, in the order of the data set."""
        return list(self._entries)

    @property
    def lengths(self) -> pd.Series:
        """Number of samples of each track; index `track_id`."""
        values = {track_id: entry.length for track_id, entry in self._entries.items()}
        return pd.Series(values, dtype=np.int64, name="length").rename_axis("track_id")

    @property
    def seconds(self) -> float:
        """Duration of all tracks together in seconds."""
        return sum(entry.length for entry in self._entries.values()) / self.sample_rate

    def length(self, track_id: str) -> int:
        """Return the number of samples of a track.

        Raises:
            DatasetError: The track has no audio here.
        """
        return self._entry(track_id).length

    def version(self, track_id: str) -> str:
        """Return a text that changes when the track's file does: its path, size and time.

        Raises:
            DatasetError: The track has no audio here.
        """
        entry = self._entry(track_id)
        return f"{entry.path}\n{entry.size}\n{entry.mtime_ns}"

    def audio(self, track_id: str) -> FloatArray:
        """Return a whole track, shape `(N,)`.

        Raises:
            DatasetError: The track has no audio here.
        """
        return self.segment(track_id, 0, self._entry(track_id).length)

    def segment(self, track_id: str, start: int, length: int) -> FloatArray:
        """Return `length` samples of a track from sample `start` on, shape `(length,)`.

        Raises:
            DatasetError: The track has no audio here, or the segment leaves the track.
        """
        entry = self._entry(track_id)
        if start < 0 or length < 0 or start + length > entry.length:
            raise DatasetError(
                f"samples {start} to {start + length} leave track {track_id!r}, "
                f"which has {entry.length}"
            )
        if length == 0:
            return np.zeros(0, dtype=np.float32)
        pcm = self._samples(entry.offset + start, length)
        return pcm.astype(np.float32) * np.float32(entry.step)

    def _entry(self, track_id: str) -> store.Entry:
        entry = self._entries.get(track_id)
        if entry is None:
            if track_id in self.failures.index:
                reason = self.failures.loc[track_id, "reason"]
                raise DatasetError(f"track {track_id!r} could not be decoded: {reason}")
            raise DatasetError(f"no track {track_id!r} in the cache; build it for this data set")
        return entry

    def _samples(self, start: int, length: int) -> store.PcmArray:
        size = store.SAMPLE_TYPE.itemsize
        with self._lock:
            if self._map is None:
                with store.audio_path(self.folder).open("rb") as file:
                    self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            view = np.frombuffer(self._map, store.SAMPLE_TYPE, length, start * size)
            pcm = view.copy()
            self._read += length * size
            # Pages that were read count as this process's memory until they are given
            # back; the system's file cache keeps them, so nothing is read twice.
            if self._read >= _RELEASE_BYTES and hasattr(mmap, "MADV_DONTNEED"):
                self._map.madvise(mmap.MADV_DONTNEED)
                self._read = 0
        return pcm

"""The sequences of a whole data set: computed once and kept on disk, in memory, or plain samples.

Sequences that swing, such as the latents of a model of samples, get a filterbank of their own. The
mean of a swinging value is zero, whatever it stands for, so statistics of it say next to nothing.
What can be heard lies in how much it swings, and how fast. A spectrogram would show that. Here its
place is taken by the principal components of short windows, which for stationary sounds are
sinusoids in all but name (Jolliffe, "Principal Component Analysis", 2nd edition 2002, section
12.3): nothing is told which frequencies there are.
"""

from __future__ import annotations

import hashlib
import io
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from musiclib.audio import FloatArray
from musiclib.datasets import AudioCache, Dataset, cache_root
from musiclib.errors import DatasetError
from musiclib.features.representations import Representation, peak_gain
from musiclib.files import replace_file


class Source(ABC):
    """Tracks as sequences of frames; `source[track_id]` is `(C, L)`.

    Attributes:
        tracks: The tracks table, only of tracks that have a sequence; index `track_id`.
        name: Short name.
        frame_rate: Frames in a second.
        channels: Values C in a frame.
    """

    def __init__(self, tracks: pd.DataFrame, name: str, frame_rate: float, channels: int) -> None:
        self.tracks, self.name = tracks, name
        self.frame_rate, self.channels = frame_rate, channels

    @abstractmethod
    def length(self, track_id: str) -> int:
        """Return the number of frames of a track."""

    @abstractmethod
    def piece(self, track_id: str, start: int, length: int) -> FloatArray:
        """Return frames `start` to `start + length` of a track, `(C, length)`."""

    def __len__(self) -> int:
        return len(self.tracks)

    def __contains__(self, track_id: object) -> bool:
        return track_id in self.tracks.index

    def __getitem__(self, track_id: str) -> FloatArray:
        return self.piece(track_id, 0, self.length(track_id))


class InMemory(Source):
    """Sequences `(C, L)` in memory, by track."""

    def __init__(
        self,
        tracks: pd.DataFrame,
        values: Mapping[str, FloatArray],
        frame_rate: float,
        name: str,
    ) -> None:
        super().__init__(tracks, name, frame_rate, len(next(iter(values.values()))))
        self.values = values

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
            values = source[name].astype(np.float64)
            total += values.sum(axis=1)
            squares += np.square(values).sum(axis=1)
            count += values.shape[1]
    if count == 0:
        raise DatasetError("none of the training tracks can be read")
    mean = total / count
    return mean, np.sqrt(np.maximum(squares / count - mean**2, 1e-10))


MEMORY_BYTES = 1 << 30
"""Sequences up to this size together stay in memory; the others are read when asked for."""


class Sequences(Source):
    """The sequences of a data set's tracks on disk, each in a file of its own."""

    def __init__(
        self, representation: Representation, tracks: pd.DataFrame, files: Mapping[str, Path]
    ) -> None:
        rate = representation.frame_rate
        super().__init__(tracks, representation.name, rate, representation.channels)
        self.files = files
        self._memory: dict[str, npt.NDArray[np.float16 | np.float32]] = {}

    def _stored(self, track_id: str) -> npt.NDArray[np.float16 | np.float32]:
        found = self._memory.get(track_id)
        if found is None:
            found = np.load(self.files[track_id], mmap_mode="r")
            if sum(one.nbytes for one in self._memory.values()) + found.nbytes <= MEMORY_BYTES:
                found = self._memory[track_id] = np.array(found)
        return found

    def length(self, track_id: str) -> int:
        """Return the number of frames of a track."""
        return int(self._stored(track_id).shape[1])

    def piece(self, track_id: str, start: int, length: int) -> FloatArray:
        """Return frames `start` to `start + length` of a track, `(C, length)`."""
        return self._stored(track_id)[:, start : start + length].astype(np.float32)


def sequences(representation: Representation, dataset: Dataset) -> Sequences:
    """Compute a representation of every track, or find it where it was computed before.

    Each track has a file of its own in the cache folder, so that an interrupted run goes on. It is
    kept in 16 bits, 11 of them significant. Tracks that cannot be decoded are left out.

    Raises:
        DatasetError: No track can be decoded.
    """
    tracks, audio = _decoded(dataset, representation.sample_rate)
    folder = cache_root() / "sequences" / f"{representation.name}-{representation.key}"
    bands = representation if isinstance(representation, Bands) else None
    base = None if bands is None else sequences(bands.of, dataset)
    files = {}
    for track_id in map(str, tracks.index):
        # A track whose file has changed is computed anew.
        version = f"{dataset.root.resolve()}\n{audio.version(track_id)}"
        files[track_id] = folder / f"{hashlib.sha256(version.encode()).hexdigest()[:24]}.npy"
        if not files[track_id].exists():
            if bands is not None and base is not None:
                values = bands.transform(base[track_id])
            else:
                values = representation(audio.audio(track_id))
            largest = float(np.abs(values).max(initial=0.0))
            kind = np.float32 if largest > 6e4 else np.float16  # which ends at 65504
            buffer = io.BytesIO()
            np.save(buffer, values.astype(kind), allow_pickle=False)
            replace_file(files[track_id], buffer.getvalue())
    return Sequences(representation, tracks, files)


def _decoded(dataset: Dataset, sample_rate: int) -> tuple[pd.DataFrame, AudioCache]:
    """Return the tracks that hold any sound, and their audio."""
    cache = dataset.cache(sample_rate)
    there = [track_id in cache and cache.length(track_id) > 0 for track_id in dataset.tracks.index]
    if not any(there):
        raise DatasetError(f"no track of {dataset.name} can be decoded; see its cache's .failures")
    return dataset.tracks[there], cache


def track_pieces(found: Source, seconds: float, track_id: str) -> Iterator[tuple[int, FloatArray]]:
    """Cut a track into pieces of `seconds` without overlap.

    A rest at the end is left out; a track that is shorter than a piece gives one, all that it has.

    Yields:
        First frame and piece `(C, T)`.
    """
    available, length = found.length(track_id), frames_in(found, seconds)
    if available < length:
        yield 0, found.piece(track_id, 0, available)
    for number in range(available // length):
        yield number * length, found.piece(track_id, number * length, length)


class TrackSamples(Source):
    """The samples of a data set's tracks, each brought to a peak of 0.3; a frame is a sample."""

    def __init__(self, tracks: pd.DataFrame, cache: AudioCache) -> None:
        super().__init__(tracks, f"samples-{cache.sample_rate}", float(cache.sample_rate), 1)
        self.cache = cache
        self._gains: dict[str, float] = {}

    def length(self, track_id: str) -> int:
        """Return the number of samples of a track."""
        return self.cache.length(track_id)

    def piece(self, track_id: str, start: int, length: int) -> FloatArray:
        """Return samples `start` to `start + length` of a track, `(1, length)`."""
        if track_id not in self._gains:  # by the peak of the whole track, as for its latents
            self._gains[track_id] = peak_gain(self.cache.audio(track_id))
        stop = min(start + length, self.length(track_id))
        samples = self.cache.segment(track_id, start, stop - start)
        return samples[None] * np.float32(self._gains[track_id])


def samples(dataset: Dataset, sample_rate: int) -> TrackSamples:
    """Return the tracks of a data set as samples.

    Raises:
        DatasetError: No track can be decoded.
    """
    return TrackSamples(*_decoded(dataset, sample_rate))


WINDOW: Final = 8
STRIDE: Final = 2
SHRINK: Final = 4
BANDS: Final = 64
BAND_FLOOR: Final = 1e-2
"""Added to energies before the logarithm, where their mean over all directions is 1."""


class Filterbank(NamedTuple):
    """Principal directions of windows of a sequence.

    Attributes:
        mean: Mean of each channel, `(C,)`.
        spread: Standard deviation of each channel, `(C,)`.
        kernels: A direction in each row, `(bands, C, WINDOW)`, of length 1.
    """

    mean: FloatArray
    spread: FloatArray
    kernels: FloatArray


def fit_filterbank(found: Source, tracks: Sequence[str], bands: int = BANDS) -> Filterbank:
    """Find the principal directions of windows of some tracks' sequences.

    Args:
        found: The sequences.
        tracks: Tracks to learn from; those that are shorter than a window are left out.
        bands: Number of directions, at most.

    Raises:
        DatasetError: No track is long enough.
    """
    usable = [n for n in tracks if n in found and found.length(n) >= WINDOW]
    if not usable:
        raise DatasetError(f"{found.name}: no track is long enough for a filterbank; add music")
    channels = found.channels
    mean, spread = channel_statistics(found, usable)
    products = np.zeros((channels * WINDOW, channels * WINDOW))
    for name in usable:
        values = (found[name] - mean[:, None]) / spread[:, None]
        windows = _windows(values.astype(np.float32), 3)
        products += windows.T @ windows / len(windows)  # each track counts the same
    _, vectors = np.linalg.eigh(products)
    best = vectors[:, ::-1][:, : min(bands, channels * WINDOW)].T
    kernels = best.reshape(-1, channels, WINDOW).astype(np.float32)
    return Filterbank(mean.astype(np.float32), spread.astype(np.float32), kernels)


class Bands(Representation):
    """Log energies of another representation's sequences in the bands of a filterbank."""

    def __init__(self, of: Representation, filterbank: Filterbank) -> None:
        """Take the sequences and the bands, which were learned without labels."""
        self.of, self.filterbank = of, filterbank
        self.name, self.label = f"{of.name}-bands", f"{of.label}, bands"
        self.sample_rate, self.hop = of.sample_rate, of.hop * STRIDE * SHRINK
        self.channels = len(filterbank.kernels)

    def settings(self) -> dict[str, Any]:
        """The sequence and the filterbank."""
        total = hashlib.sha256()
        for array in self.filterbank:
            total.update(np.ascontiguousarray(array).tobytes())
        sizes = [WINDOW, STRIDE, SHRINK, BAND_FLOOR]
        return {"of": self.of.key, "filterbank": total.hexdigest(), "sizes": sizes}

    def __call__(self, audio: FloatArray) -> FloatArray:
        """Turn mono audio `(N,)` into energies."""
        return self.transform(self.of(audio))

    def transform(self, sequence: FloatArray) -> FloatArray:
        """Turn `(C, L)` into natural logarithms of energies `(bands, L')`."""
        bank = self.filterbank
        normal = (sequence - bank.mean[:, None]) / bank.spread[:, None]
        short = max(0, WINDOW - normal.shape[1])
        windows = _windows(np.pad(normal, ((0, 0), (0, short))).astype(np.float32), STRIDE)
        energies = np.square(windows @ bank.kernels.reshape(len(bank.kernels), -1).T)
        shrink = min(SHRINK, len(energies))
        count = len(energies) // shrink
        means = energies[: count * shrink].reshape(count, shrink, -1).mean(axis=1)
        logs: FloatArray = np.log(means + BAND_FLOOR).T.astype(np.float32)
        return logs


def _windows(values: FloatArray, stride: int) -> npt.NDArray[np.float32]:
    """Return windows as rows, `(n, C * WINDOW)`."""
    cut = sliding_window_view(values, WINDOW, axis=1)[:, ::stride]
    return np.ascontiguousarray(cut.transpose(1, 0, 2)).reshape(cut.shape[1], -1)

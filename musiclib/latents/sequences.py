"""The sequences of a whole data set, computed once and kept on disk."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from tqdm import tqdm

from musiclib.audio import FloatArray
from musiclib.datasets import AudioCache, Dataset, cache_root
from musiclib.errors import DatasetError
from musiclib.files import replace_file
from musiclib.latents.representations import Derived, Representation
from musiclib.latents.sources import Source, frames_in

MEMORY_BYTES = 1 << 30
"""Sequences up to this size together stay in memory; the others are read when asked for."""


class _Memory(dict[str, npt.NDArray[np.float16 | np.float32]]):
    """Arrays by track, as many as fit; it knows its size without counting again."""

    size = 0

    def keep(
        self, track_id: str, values: npt.NDArray[np.float16 | np.float32]
    ) -> npt.NDArray[np.float16 | np.float32]:
        """Return the values, from memory if there is room for them."""
        if self.size + values.nbytes > MEMORY_BYTES:
            return values
        self.size += values.nbytes
        self[track_id] = np.array(values)
        return self[track_id]


@dataclass(frozen=True, eq=False)
class Sequences:
    """The sequences of a data set's tracks.

    Attributes:
        representation: What they are.
        tracks: The tracks table, without tracks that have no audio; index `track_id`.
        files: File of each track.
    """

    representation: Representation
    tracks: pd.DataFrame
    files: dict[str, Path]
    _memory: _Memory = field(default_factory=_Memory, repr=False)

    @property
    def name(self) -> str:
        """Name of the representation."""
        return self.representation.name

    @property
    def frame_rate(self) -> float:
        """Frames in a second."""
        return self.representation.frame_rate

    @property
    def channels(self) -> int:
        """Values in a frame."""
        return self.representation.channels

    def __len__(self) -> int:
        return len(self.tracks)

    def __contains__(self, track_id: object) -> bool:
        return track_id in self.files

    def __getitem__(self, track_id: str) -> FloatArray:
        """Return a track's sequence, `(C, L)`.

        Raises:
            DatasetError: The track has none.
        """
        return self._values(track_id).astype(np.float32)

    def _values(self, track_id: str) -> npt.NDArray[np.float16 | np.float32]:
        if track_id not in self.files:
            raise DatasetError(f"no sequence of {self.name} for track {track_id!r}")
        found = self._memory.get(track_id)
        if found is None:
            found = self._memory.keep(track_id, np.load(self.files[track_id], mmap_mode="r"))
        return found

    def frames(self, seconds: float) -> int:
        """Return the number of frames, at least one, in a piece of `seconds`."""
        return frames_in(self, seconds)

    def length(self, track_id: str) -> int:
        """Return the number of frames of a track."""
        return int(self._values(track_id).shape[1])

    def piece(self, track_id: str, start: int, length: int) -> FloatArray:
        """Return frames `start` to `start + length` of a track, `(C, length)`."""
        return self._values(track_id)[:, start : start + length].astype(np.float32)

    def select(self, tracks: pd.DataFrame) -> Sequences:
        """Return the sequences of the tracks of a table, with that table's columns.

        Tracks of the table that have no sequence are left out.
        """
        kept = tracks[tracks.index.isin(list(self.files))]
        return replace(self, tracks=kept)


def sequences(
    representation: Representation,
    dataset: Dataset,
    cache: AudioCache | None = None,
    progress: bool = False,
) -> Sequences:
    """Compute a representation of every track, or find it where it was computed before.

    Each track has a file of its own in the cache folder, so that an interrupted run goes on. It is
    kept in 16 bits, 11 of them significant.

    Args:
        representation: What to compute.
        dataset: The tracks.
        cache: Their audio at the representation's rate, if it is at hand.
        progress: Show a bar.

    Returns:
        The sequences of all tracks that can be decoded.

    Raises:
        DatasetError: No track can be decoded.
    """
    audio = dataset.cache(representation.sample_rate) if cache is None else cache
    folder = cache_root() / "sequences" / f"{representation.name}-{representation.key}"
    base = None
    if isinstance(representation, Derived):
        base = sequences(representation.of, dataset, audio, progress)
    found = {}
    tracks = [str(track_id) for track_id in dataset.tracks.index if track_id in audio]
    for track_id in tqdm(tracks, representation.label, disable=not progress):
        # A track that is empty has nothing to be represented.
        if audio.length(track_id) == 0:
            continue
        path = folder / f"{_digest(dataset, audio, track_id)}.npy"
        if not path.exists():
            if base is not None and isinstance(representation, Derived):
                _keep(representation.transform(base[track_id]), path)
            else:
                _keep(representation(audio.audio(track_id)), path)
        found[track_id] = path
    if not found:
        raise DatasetError(f"no track of {dataset.name} can be decoded; see its cache's .failures")
    return Sequences(representation, dataset.tracks.loc[list(found)], found)


def _keep(values: FloatArray, path: Path) -> None:
    largest = float(np.abs(values).max(initial=0.0))
    kind = np.float32 if largest > 6e4 else np.float16  # which ends at 65504
    buffer = io.BytesIO()
    np.save(buffer, values.astype(kind), allow_pickle=False)
    replace_file(path, buffer.getvalue())


def _digest(dataset: Dataset, audio: AudioCache, track_id: str) -> str:
    """Tell tracks apart by their files: one that has changed is computed anew."""
    version = f"{dataset.root.resolve()}\n{audio.version(track_id)}"
    return hashlib.sha256(version.encode()).hexdigest()[:24]


def track_pieces(
    found: Source, seconds: float, track_id: str, short: bool = True
) -> Iterator[tuple[int, FloatArray]]:
    """Cut a track into pieces without overlap.

    Args:
        found: The sequences, or samples.
        seconds: Length of a piece. A rest at the end that is shorter is left out.
        track_id: The track.
        short: Whether a track that is shorter than a piece gives one piece, all that it has.

    Yields:
        First frame and piece `(C, T)`.
    """
    available, length = found.length(track_id), frames_in(found, seconds)
    if available < length and short:
        yield 0, found.piece(track_id, 0, available)
    for number in range(available // length):
        yield number * length, found.piece(track_id, number * length, length)

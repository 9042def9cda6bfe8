"""The files of the audio cache: one file of 16-bit samples, one index with a line a track.

Both only grow. A track's samples are written before its line, so a line always speaks of
samples that are there; a build that is killed leaves at most a torn last line and some samples
without a line, and `repair` removes both. Readers need no lock.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Self

import numpy as np
import numpy.typing as npt

from musiclib.audio import FloatArray

PcmArray = npt.NDArray[np.int16]
SAMPLE_TYPE = np.dtype("<i2")
EXACT_STEP = 2.0**-15
_AUDIO, _INDEX = "audio.s16le", "index.jsonl"


@dataclass(frozen=True)
class Entry:
    """One line of the index.

    Attributes:
        path: The track's file, relative to the data set's folder.
        size: Size of that file in bytes when it was decoded.
        mtime_ns: Its time of modification.
        offset: First sample in the audio file.
        length: Number of samples.
        step: Value of one quantisation step.
        error: Why there are no samples; empty for a track that was decoded.
    """

    path: str
    size: int
    mtime_ns: int
    offset: int = 0
    length: int = 0
    step: float = EXACT_STEP
    error: str = ""


def quantise(audio: FloatArray) -> tuple[PcmArray, float]:
    """Round samples to 16 bits with a step of their own.

    Samples that are whole multiples of 2^-15 (16-bit sources at their own rate) keep that
    step and come back bit for bit. All others get the step that puts the peak at full
    scale: peaks above 1 survive, and the rounding noise lies about 100 dB below the peak.

    Args:
        audio: Finite samples, shape `(N,)`.

    Returns:
        The integers, shape `(N,)`, and the value of one step.
    """
    whole = audio * np.float32(1 / EXACT_STEP)
    # Full scale of the other sign, +32768, does not fit in 16 bits.
    fits = bool(np.all((whole >= -32768) & (whole <= 32767)))
    if fits and np.array_equal(whole, np.rint(whole)):
        return whole.astype(SAMPLE_TYPE), EXACT_STEP
    # Below the smallest normal float32 a step could not be represented.
    step = max(float(np.max(np.abs(audio))) / 32767, float(np.finfo(np.float32).tiny))
    return np.clip(np.rint(audio / np.float32(step)), -32767, 32767).astype(SAMPLE_TYPE), step


def audio_path(folder: Path) -> Path:
    """Return the path of the samples in a cache folder."""
    return folder / _AUDIO


def read_index(folder: Path) -> dict[str, Entry]:
    """Return the latest entry of each path; torn, foreign and unbacked lines are left out."""
    return {entry.path: entry for entry in _backed_entries(folder)}


class Writer:
    """Appends tracks to a cache folder. The caller holds the folder's lock."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        repair(folder)
        self._audio: BinaryIO = (folder / _AUDIO).open("ab")
        self._index: BinaryIO = (folder / _INDEX).open("ab")
        self._end = self._audio.seek(0, os.SEEK_END) // SAMPLE_TYPE.itemsize

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for file in (self._audio, self._index):
            file.flush()
            os.fsync(file.fileno())
            file.close()

    def add(self, path: str, size: int, mtime_ns: int, pcm: PcmArray, step: float) -> None:
        """Append a decoded track."""
        self._audio.write(pcm.astype(SAMPLE_TYPE, copy=False).data)
        self._audio.flush()
        self._record(Entry(path, size, mtime_ns, self._end, len(pcm), step))
        self._end += len(pcm)

    def fail(self, path: str, size: int, mtime_ns: int, error: str) -> None:
        """Record that a file cannot be decoded."""
        self._record(Entry(path, size, mtime_ns, error=error))

    def _record(self, entry: Entry) -> None:
        self._index.write(_line(entry))
        self._index.flush()


def repair(folder: Path) -> None:
    """Remove what a killed build or a damaged disk left behind. The caller holds the lock.

    Lines whose samples are gone must go too: later samples would take their place.
    """
    index, samples = folder / _INDEX, folder / _AUDIO
    entries = _backed_entries(folder)
    content = b"".join(_line(entry) for entry in entries)
    if index.exists() and index.read_bytes() != content:
        temporary = index.with_name(f"{index.name}.tmp")
        temporary.write_bytes(content)
        temporary.replace(index)
    if samples.exists():
        end = max((entry.offset + entry.length for entry in entries), default=0)
        if samples.stat().st_size != end * SAMPLE_TYPE.itemsize:
            os.truncate(samples, end * SAMPLE_TYPE.itemsize)


def _backed_entries(folder: Path) -> list[Entry]:
    """Return every readable line whose samples are there, outdated lines too."""
    try:
        lines = (folder / _INDEX).read_bytes().split(b"\n")[:-1]  # the rest is a torn line
        available = audio_path(folder).stat().st_size // SAMPLE_TYPE.itemsize
    except (FileNotFoundError, NotADirectoryError):
        return []
    entries = (_parse(line) for line in lines)
    return [e for e in entries if e is not None and e.offset + e.length <= available]


def _line(entry: Entry) -> bytes:
    return json.dumps(asdict(entry)).encode() + b"\n"


def _parse(line: bytes) -> Entry | None:
    try:
        entry = Entry(**json.loads(line))
        usable = entry.offset >= 0 and entry.length >= 0 and entry.step > 0
    except (ValueError, TypeError):
        return None
    return entry if usable else None

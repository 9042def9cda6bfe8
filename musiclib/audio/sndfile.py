"""Reading through libsndfile."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import soundfile

from musiclib.audio.runs import cut_frames, unify
from musiclib.audio.samples import FloatArray
from musiclib.audio.sources import Source
from musiclib.errors import AudioFileError

CHUNK_FRAMES = 1 << 18
VORBIS_HEADER = b"\x01vorbis"
BEGINS_STREAM = 2
PAGE_HEADER = 27


class SndfileReader:
    """An open `soundfile.SoundFile` as blocks of samples."""

    def __init__(self, file: soundfile.SoundFile, source: Source) -> None:
        self._file = file
        self._source = source
        self.sample_rate = int(file.samplerate)
        self.channels = int(file.channels)

    def chunks(self, first: int, last: int | None) -> Iterator[FloatArray]:
        """Yield the frames `[first, last)` in order as `(C, n)` arrays, sample-exact."""
        links = ogg_links(self._source)
        if len(links) < 2:
            yield from _read(self._file, self._source.name, first, last)
            return
        blocks = self._linked_blocks(links)
        unified = unify(blocks, self.sample_rate, self.channels, self._source.name)
        yield from cut_frames(unified, first, last)

    def _linked_blocks(self, links: list[tuple[int, int]]) -> Iterator[tuple[FloatArray, int]]:
        """Blocks of all links of a chain. libsndfile itself stops after the first one."""
        for begin, end in links:
            data = self._source.part(begin, end)
            name = f"{self._source.name} (the part from byte {begin} on)"
            with open_sndfile(Source(name, None, data, len(data))) as link:
                for chunk in _read(link._file, name, 0, None):
                    yield chunk, link.sample_rate


def _read(
    file: soundfile.SoundFile, name: str, first: int, last: int | None
) -> Iterator[FloatArray]:
    declared = int(file.frames)
    stop = declared if last is None else min(last, declared)
    position = min(first, stop)
    try:
        if position:
            file.seek(position)
        while position < stop:
            size = min(CHUNK_FRAMES, stop - position)
            block = file.read(size, dtype="float32", always_2d=True)
            if not len(block):
                break
            position += len(block)
            yield np.ascontiguousarray(block.T)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise AudioFileError(f"{name} is damaged ({error}). Fetch it again.") from error
    if position < stop and 2 * position < declared:
        raise AudioFileError(
            f"{name} is damaged: only {position} of {declared} samples can be decoded. "
            "Fetch it again."
        )


def ogg_links(source: Source) -> list[tuple[int, int]]:
    """Byte ranges of the links of a chained Ogg Vorbis file (RFC 3533, section 4).

    Chains are several files one after the other, as recordings of internet radio are.

    Returns:
        One range a link; an empty list for everything that is not such a chain.
    """
    if source.data is not None:
        return _links(source.data)
    assert source.path is not None
    with (
        source.path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        return _links(data)


def _links(data: bytes | mmap.mmap) -> list[tuple[int, int]]:
    first = data.find(VORBIS_HEADER)
    if data[:4] != b"OggS" or first < 0 or data.find(VORBIS_HEADER, first + 1) < 0:
        return []
    starts: list[int] = []
    offset, among_first_pages = 0, False
    while 0 <= offset < len(data) - PAGE_HEADER:
        if data[offset : offset + 4] != b"OggS":
            offset = data.find(b"OggS", offset)
            continue
        begins = bool(data[offset + 5] & BEGINS_STREAM)
        # Streams that run side by side all begin before any of them goes on.
        if begins and not among_first_pages:
            starts.append(offset)
        among_first_pages = begins
        n_segments = data[offset + 26]
        table = data[offset + PAGE_HEADER : offset + PAGE_HEADER + n_segments]
        offset += PAGE_HEADER + n_segments + sum(table)
    return list(zip(starts, [*starts[1:], len(data)], strict=True))


@contextmanager
def open_sndfile(source: Source) -> Iterator[SndfileReader]:
    """Open a file with libsndfile.

    Raises:
        AudioFileError: If libsndfile cannot read it.
    """
    try:
        file = soundfile.SoundFile(source.open())
    except (soundfile.SoundFileError, RuntimeError, TypeError, OSError) as error:
        raise AudioFileError(
            f"{source.name} cannot be decoded ({error}). Check that it is an audio file."
        ) from error
    with file:
        yield SndfileReader(file, source)

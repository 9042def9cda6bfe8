"""Reading through libsndfile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import soundfile

from musiclib.audio.samples import FloatArray
from musiclib.audio.sources import Source
from musiclib.errors import AudioFileError

CHUNK_FRAMES = 1 << 18


class SndfileReader:
    """An open `soundfile.SoundFile` as blocks of samples."""

    def __init__(self, file: soundfile.SoundFile, name: str) -> None:
        self._file = file
        self._name = name
        self.sample_rate = int(file.samplerate)
        self.channels = int(file.channels)

    def chunks(self, first: int, last: int | None) -> Iterator[FloatArray]:
        """Yield the frames `[first, last)` in order as `(C, n)` arrays, sample-exact."""
        declared = int(self._file.frames)
        stop = declared if last is None else min(last, declared)
        position = min(first, stop)
        try:
            if position:
                self._file.seek(position)
            while position < stop:
                block = self._file.read(
                    min(CHUNK_FRAMES, stop - position), dtype="float32", always_2d=True
                )
                if not len(block):
                    break
                position += len(block)
                yield np.ascontiguousarray(block.T)
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise AudioFileError(f"{self._name} is damaged ({error}). Fetch it again.") from error
        if position < stop and 2 * position < declared:
            raise AudioFileError(
                f"{self._name} is damaged: only {position} of {declared} samples can be decoded. "
                "Fetch it again."
            )


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
        yield SndfileReader(file, source.name)

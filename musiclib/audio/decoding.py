"""Decoders: encoded audio to blocks of samples at the file's own rate.

FFmpeg (PyAV) reads everything but Ogg Vorbis, which libsndfile reads: FFmpeg's own Vorbis decoder
drops up to a block of samples at the ends of some files. When the preferred one cannot read a
file and the other one may know its format, that one is tried, and the log says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Protocol, TypeVar

from musiclib.audio.ffmpeg import open_ffmpeg
from musiclib.audio.samples import FloatArray
from musiclib.audio.sndfile import open_sndfile
from musiclib.audio.sources import Source
from musiclib.errors import AudioFileError

logger = logging.getLogger(__name__)

T = TypeVar("T")

SNDFILE_MAGIC = frozenset({b"OggS", b"RIFF", b"RIFX", b"RF64", b"fLaC", b"FORM", b"caff", b".snd"})


class Reader(Protocol):
    """An open audio file."""

    @property
    def sample_rate(self) -> int:
        """Sampling rate in Hz."""

    @property
    def channels(self) -> int:
        """Number of channels."""

    def chunks(self, first: int, last: int | None) -> Iterator[FloatArray]:
        """Yield the frames `[first, last)` in order as `(C, n)` arrays, sample-exact."""


def is_ogg_vorbis(source: Source) -> bool:
    """Whether the first Ogg page starts a Vorbis stream."""
    head = source.head(64)
    return head.startswith(b"OggS") and b"\x01vorbis" in head


def decoders(source: Source) -> list[Callable[[Source], AbstractContextManager[Reader]]]:
    """Decoders that may read the file, the preferred one first.

    libsndfile is left out where it would take anything for MPEG audio.
    """
    if is_ogg_vorbis(source):
        return [open_sndfile, open_ffmpeg]
    if source.head(4) in SNDFILE_MAGIC:
        return [open_ffmpeg, open_sndfile]
    return [open_ffmpeg]


def read_with(source: Source, action: Callable[[Reader], T]) -> T:
    """Run `action` on the open file, with the second decoder where the first one fails.

    Raises:
        AudioFileError: What the preferred decoder said, when both fail.
    """
    preferred, *others = decoders(source)
    try:
        with preferred(source) as reader:
            return action(reader)
    except AudioFileError as error:
        for other in others:
            with suppress(AudioFileError), other(source) as reader:
                result = action(reader)
                logger.warning("%s Read with the second decoder instead.", error)
                return result
        raise

"""Decoders: encoded audio to blocks of samples at the file's own rate.

FFmpeg (PyAV) reads everything but Ogg Vorbis, which libsndfile reads: FFmpeg's own Vorbis decoder
drops up to a block of samples at the ends of some files. When the preferred one cannot read a
file, the other one is tried, and the log says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

from musiclib.audio.ffmpeg import open_ffmpeg
from musiclib.audio.samples import FloatArray
from musiclib.audio.sndfile import open_sndfile
from musiclib.audio.sources import Source
from musiclib.errors import AudioFileError

logger = logging.getLogger(__name__)

T = TypeVar("T")


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
    """Both decoders, the preferred one first."""
    return [open_sndfile, open_ffmpeg] if is_ogg_vorbis(source) else [open_ffmpeg, open_sndfile]


def read_with(source: Source, action: Callable[[Reader], T]) -> T:
    """Run `action` on the open file, with the second decoder where the first one fails.

    Raises:
        AudioFileError: What the preferred decoder said, when both fail.
    """
    preferred, other = decoders(source)
    try:
        with preferred(source) as reader:
            return action(reader)
    except AudioFileError as error:
        try:
            with other(source) as reader:
                result = action(reader)
        except AudioFileError:
            raise error from None
        logger.warning("%s Read with the second decoder instead.", error)
        return result

"""Streams whose parameters change on the way, and cuts of block sequences."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from musiclib.audio.resampling import StreamResampler
from musiclib.audio.samples import FloatArray, mix_down
from musiclib.errors import AudioFileError


def unify(
    blocks: Iterator[tuple[FloatArray, int]], sample_rate: int, channels: int, name: str
) -> Iterator[FloatArray]:
    """Bring blocks of changing format to one rate and channel count.

    A run of equal format is resampled as a whole. Mono is repeated for more channels, and more
    channels are mixed down for mono.

    Args:
        blocks: Blocks `(c, n)` and their sampling rates.
        sample_rate: Rate of the result in Hz.
        channels: Channels of the result.
        name: Name of the file, for messages.

    Yields:
        Blocks `(channels, m)`.

    Raises:
        AudioFileError: If one layout of several channels follows another.
    """
    resampler: StreamResampler | None = None
    run: tuple[int, int] | None = None
    for block, rate in blocks:
        if (rate, len(block)) != run:
            if resampler is not None:
                yield resampler.finish()
            run = (rate, len(block))
            resampler = StreamResampler(rate, sample_rate, channels)
        assert resampler is not None
        yield resampler.push(_with_channels(block, channels, name))
    if resampler is not None:
        yield resampler.finish()


def _with_channels(block: FloatArray, channels: int, name: str) -> FloatArray:
    if len(block) == channels:
        return block
    if channels == 1:
        return mix_down(block)[np.newaxis]
    if len(block) == 1:
        return np.repeat(block, channels, axis=0)
    raise AudioFileError(
        f"{name} changes from {channels} to {len(block)} channels on its way. "
        "Convert it to one layout first."
    )


def cut_frames(chunks: Iterator[FloatArray], first: int, stop: int | None) -> Iterator[FloatArray]:
    """Yield the frames `[first, stop)` of a sequence of blocks `(C, n)`."""
    position = 0
    for chunk in chunks:
        size = int(chunk.shape[-1])
        begin = max(first - position, 0)
        end = size if stop is None else min(size, stop - position)
        position += size
        if begin < end:
            yield chunk[:, begin:end]
        if stop is not None and position >= stop:
            return

"""Decoding in pieces, in memory that does not grow with the audio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from musiclib.audio import FloatArray
from musiclib.codecs.melic.analysis import Overlap, rotate
from musiclib.codecs.melic.bitstream import Reader
from musiclib.codecs.melic.entropy import FrameDecoder
from musiclib.codecs.melic.model import Model, one_thread, start_thread
from musiclib.errors import BitstreamError
from musiclib.models.transform import Spectrum, dequantise

# Frames that the network works on at a time. Windows lie on a fixed grid, so the result depends
# neither on blocks nor on how many windows are at work.
WINDOW = 256

_NAMES = tuple(part.name for part in fields(Spectrum))
IntArray = npt.NDArray[np.int32]
Run = Callable[..., Iterator[FloatArray]]


@dataclass(frozen=True)
class Decoded:
    """A block after entropy decoding.

    Attributes:
        spectra: Of each coded channel.
        levels: Levels of bands, `(C, T, 20)`.
        silent: Frames in which nothing was sent, `(T,)`.
        angle: Rotation of the channels.
    """

    spectra: list[Spectrum]
    levels: IntArray
    silent: npt.NDArray[np.bool_]
    angle: int


def decode(
    reader: Reader, model: Model, restored: bool = True, threads: int = 1
) -> Iterator[FloatArray]:
    """Decode a file that `Reader.check` has found sound.

    Args:
        reader: The file.
        model: Model that made it.
        restored: Whether the network may work on what was decoded, if the file wants it.
        threads: Windows of the network that are worked on at the same time; the result is the same.

    Yields:
        Audio `(C, n)` at the house rate, `header.n_decoded` samples in all.

    Raises:
        BitstreamError: The file is damaged or of another model.
    """
    header = reader.header
    model.require(header, restored)
    pool = ThreadPoolExecutor(threads, initializer=start_thread) if threads > 1 else nullcontext()
    overlap, left = Overlap(), header.n_decoded
    with pool as workers:
        run: Run = map if workers is None else workers.map
        blocks = _decoded(reader, model)
        if header.restored and restored:
            frames = _restored(blocks, model, run)
        else:
            frames = ((block, [part.plain for part in block.spectra]) for block in blocks)
        for block, spectra in frames:
            pair = np.stack(spectra)
            pair[:, block.silent] = 0.0
            if header.channels > len(pair):
                pair = np.concatenate([pair, np.zeros_like(pair)])
            if header.channels == 2:
                pair = rotate(pair, -block.angle)
            audio = overlap.push(pair)[:, :left]
            left -= audio.shape[1]
            if audio.shape[1]:
                yield audio


def _decoded(reader: Reader, model: Model) -> Iterator[Decoded]:
    header = reader.header
    decoder = FrameDecoder(model.tables, header.coded_channels)
    first = 0
    for number, block in enumerate(reader):
        try:
            levels, values = decoder.decode(block.payload, header.frames_of(number), block.gain)
        except BitstreamError as error:
            raise BitstreamError(
                f"Block {number + 1} of {header.n_blocks} of this .mlc file is damaged: {error}"
            ) from error
        spectra = [
            dequantise(values[c], levels[c], block.gain, first, c)
            for c in range(header.coded_channels)
        ]
        silent = np.logical_not(levels.any(axis=(0, 2)) | values.any(axis=(0, 2)))
        yield Decoded(spectra, levels, silent, block.angle)
        first += levels.shape[1]


def _restored(
    blocks: Iterator[Decoded], model: Model, run: Run
) -> Iterator[tuple[Decoded, list[FloatArray]]]:
    """Let the network work on windows of each block, whose neighbours it sees as well."""
    before, this = None, next(blocks)
    while True:
        after = next(blocks, None)
        windows = [
            window
            for c in range(len(this.spectra))
            for window in _windows(before, this, after, c, model.context)
        ]
        with one_thread():
            pieces = list(run(lambda window: model.restore(*window[:2])[window[2]], windows))
        each = len(pieces) // len(this.spectra)
        starts = range(0, len(pieces), each)
        yield this, [np.concatenate(pieces[start : start + each]) for start in starts]
        if after is None:
            return
        before, this = this, after


def _windows(
    before: Decoded | None, this: Decoded, after: Decoded | None, channel: int, context: int
) -> Iterator[tuple[Spectrum, IntArray, slice]]:
    """Yield windows of a channel of a block: spectrum, levels, and which frames to keep."""
    lead = 0 if before is None else min(context, before.levels.shape[1])
    near = [
        *([] if before is None else [(before, slice(before.levels.shape[1] - lead, None))]),
        (this, slice(None)),
        *([] if after is None else [(after, slice(0, context))]),
    ]
    joined = {
        name: np.concatenate([getattr(block.spectra[channel], name)[cut] for block, cut in near])
        for name in _NAMES
    }
    levels = np.concatenate([block.levels[channel][cut] for block, cut in near])
    end = lead + this.levels.shape[1]
    for start in range(lead, end, WINDOW):
        stop = min(start + WINDOW, end)
        low = max(0, start - context)
        seen = slice(low, stop + context)
        spectrum = Spectrum(**{name: part[seen] for name, part in joined.items()})
        yield spectrum, levels[seen], slice(start - low, stop - low)

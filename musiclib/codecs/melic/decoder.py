"""Decoding block after block: whole numbers to a spectrum, the post-filter, the inverse MDCT.

A `Model` is what a stream is coded with: tables of the entropy coder, and the network that
restores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from musiclib.audio import FloatArray
from musiclib.codecs.melic.bitstream import MODEL_BYTES, Header, Reader
from musiclib.codecs.melic.encoder import rotate
from musiclib.codecs.melic.entropy import ContextTables, FrameDecoder
from musiclib.errors import BitstreamError, CheckpointError
from musiclib.mdct import SIZE, windowed_pieces
from musiclib.models import PostFilter
from musiclib.models.post_filter import SpectrumBatch, spectrum_batch
from musiclib.models.transform import Spectrum, dequantise
from musiclib.threads import one_thread
from musiclib.training.checkpoint import Checkpoint, load
from musiclib.training.config import POST_FILTER
from musiclib.training.paths import TABLES, weights_path
from musiclib.training.trained import FOLDER_VARIABLE, find_shipped


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """The entropy coder's tables and the network's checkpoint, without which nothing is restored.

    Streams carry the start of the SHA-256 of each.
    """

    tables: ContextTables
    checkpoint: Checkpoint | None = None

    def identity(self, restored: bool) -> bytes:
        """Return what a stream calls this model by: two bytes for tables, two for the network.

        Raises:
            CheckpointError: A stream that is to be `restored` needs a network, and there is none.
        """
        half = MODEL_BYTES // 2
        if not restored:
            return self.tables.digest[:half] + bytes(half)
        return self.tables.digest[:half] + bytes.fromhex(
            str(self._network.record["tensors_sha256"])[: 2 * half]
        )

    def require(self, header: Header, restored: bool = True) -> None:
        """Check that a stream, which may be restored, is this model's.

        Raises:
            BitstreamError: It is another's.
            CheckpointError: There is no network to restore with.
        """
        needed = header.restored and restored
        mine = self.identity(needed)
        wanted = header.model if needed else header.model[: MODEL_BYTES // 2]
        if not mine.startswith(wanted):
            raise BitstreamError(
                f"This .mlc file needs the model {header.model.hex()}, and this musiclib has "
                f"{mine.hex()}. Decode it with the version of musiclib that wrote it, or name the "
                "folder of its model."
            )

    @property
    def _network(self) -> Checkpoint:
        if self.checkpoint is None:
            raise CheckpointError(
                "There is no network here to restore with. Train it (musiclib train "
                f"{POST_FILTER}), or leave it out (restore=False, or --no-restore)."
            )
        return self.checkpoint

    @cached_property
    def post_filter(self) -> PostFilter:
        """The network, in evaluation mode."""
        built = self._network.build_any()
        if not isinstance(built, PostFilter):
            raise CheckpointError(f"{self._network.path} holds no restoring network.")
        return built.float()

    def restore(self, spectrum: Spectrum, levels: Any) -> FloatArray:
        """Repair a window: its coefficients, `(T, 256)`.

        The same window gives the same bits in every thread and process of a machine, as long as
        each call has one thread (`musiclib.threads.one_thread`).
        """
        batch = spectrum_batch([spectrum], [levels])
        # Memory of PyTorch's own is aligned; sums of unaligned memory may end in other bits.
        parts = (batch.features, batch.coded, batch.noise, batch.scale)
        with torch.inference_mode():
            repaired = self.post_filter(SpectrumBatch(*(part.clone() for part in parts)))
        found: FloatArray = repaired[0].numpy()
        return found


def open_model(folder: str | Path | None = None) -> Model:
    """Return a model. It is read once a process.

    Args:
        folder: Folder with tables and perhaps a network. By default those of the folder that
            `MUSICLIB_CHECKPOINTS` names, and for what it lacks those of the package.

    Raises:
        CheckpointError: The tables are missing, or a part is damaged.
    """
    names = (TABLES, weights_path(POST_FILTER).name)
    if folder is None:
        tables, network = map(find_shipped, names)
    else:
        place = Path(folder).absolute()
        tables, network = (path if (path := place / name).is_file() else None for name in names)
    if tables is None:
        where = f"{folder} has no {TABLES}" if folder else f"{TABLES} is missing from musiclib"
        raise CheckpointError(
            f"{where}, and the codec cannot work without its tables. Install musiclib again, or "
            f"name the folder of a training (--checkpoints, or {FOLDER_VARIABLE})."
        )
    parts = (tables, network)
    return _opened(parts, tuple(part.stat().st_mtime_ns if part else 0 for part in parts))


@lru_cache(maxsize=4)
def _opened(parts: tuple[Path, Path | None], _stamps: tuple[int, ...]) -> Model:
    tables, network = parts
    return Model(ContextTables.load(tables), load(network) if network else None)


# Frames that the network works on at a time. Windows lie on a fixed grid, so the result depends
# neither on blocks nor on how many windows are at work.
WINDOW = 256

_NAMES = tuple(part.name for part in fields(Spectrum))
IntArray = npt.NDArray[np.int32]
Run = Callable[..., Iterator[FloatArray]]


@dataclass(frozen=True)
class Decoded:
    """A block after entropy decoding: spectra and scale factors `(C, T, 20)` of coded channels.

    In frames that are `silent` `(T,)` nothing was sent; `angle` is the rotation of the channels.
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
    pool = (
        ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        if threads > 1
        else nullcontext()
    )
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
            for window in _windows(before, this, after, c, model.post_filter.config.reach)
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


class Overlap:
    """MDCT frames back to samples, in pieces."""

    def __init__(self) -> None:
        self._tail: FloatArray | None = None

    def push(self, coefficients: FloatArray) -> FloatArray:
        """Take frames `(C, T, 256)`; return the samples that they complete, `(C, n)`."""
        pieces = windowed_pieces(coefficients)
        first, second = pieces[..., :SIZE], pieces[..., SIZE:]
        tail = self._tail
        self._tail = second[:, -1:].copy()
        if tail is None:
            done = first[:, 1:] + second[:, :-1]
        else:
            done = first + np.concatenate([tail, second[:, :-1]], axis=1)
        return done.reshape(len(coefficients), -1)

"""Encoding and decoding in pieces, in memory that does not grow with the audio.

A `Model` is what a stream is coded with: tables of the entropy coder, and the network that
restores.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import torch

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.codecs.base import Progress
from musiclib.codecs.melic import analysis, bitstream
from musiclib.codecs.melic.analysis import (
    AIM,
    COARSEST,
    TAIL,
    Chunks,
    FirstPass,
    Overlap,
    SearchResult,
    SizeHistogram,
    first_pass,
    rotate,
    search,
    setting_of,
    solve,
)
from musiclib.codecs.melic.bitstream import MODEL_BYTES, Header, Reader
from musiclib.codecs.melic.entropy import ContextTables, FrameDecoder, FrameEncoder
from musiclib.errors import AudioError, BitstreamError, CheckpointError, CodecError
from musiclib.models import PostFilter
from musiclib.models.post_filter import SpectrumBatch, spectrum_batch
from musiclib.models.transform import QuantiserSetting, Spectrum, dequantise
from musiclib.training.checkpoint import Checkpoint, load, weights_path
from musiclib.training.config import POST_FILTER
from musiclib.training.trained import FOLDER_VARIABLE, find_shipped

TABLES = "codec-tables.npz"


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """Tables and network. Streams carry the start of the SHA-256 of each.

    Attributes:
        tables: Trained state of the entropy coder.
        checkpoint: Of the network; None where streams are not restored.
    """

    tables: ContextTables
    checkpoint: Checkpoint | None = None

    def identity(self, restored: bool) -> bytes:
        """Return what a stream calls this model by: two bytes for tables, two for the network.

        Args:
            restored: Whether the stream is to be restored; the last two bytes are 0 otherwise.

        Raises:
            CheckpointError: It is, and there is no network.
        """
        half = MODEL_BYTES // 2
        if not restored:
            return self.tables.digest[:half] + bytes(half)
        return self.tables.digest[:half] + bytes.fromhex(
            str(self._network.record["tensors_sha256"])[: 2 * half]
        )

    def require(self, header: Header, restored: bool = True) -> None:
        """Check that a stream is this model's.

        Args:
            header: Of the stream.
            restored: Whether it is going to be restored, if it is to be.

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

    @property
    def context(self) -> int:
        """Frames on both sides of a window that the network looks at."""
        return self.post_filter.config.reach

    def restore(self, spectrum: Spectrum, levels: Any) -> FloatArray:
        """Repair a window: its coefficients, `(T, 256)`.

        The same window gives the same bits in every thread and process of a machine, as long as
        each call has one thread (`one_thread`).
        """
        batch = spectrum_batch([spectrum], [levels])
        # Memory of PyTorch's own is aligned; sums of unaligned memory may end in other bits.
        parts = (batch.features, batch.coded, batch.noise, batch.scale)
        with torch.inference_mode():
            repaired = self.post_filter(SpectrumBatch(*(part.clone() for part in parts)))
        found: FloatArray = repaired[0].numpy()
        return found


def start_thread() -> None:
    """Let the network compute with one thread when it is called from this one."""
    torch.set_num_threads(1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let the network compute with one thread, and go back afterwards."""
    before = torch.get_num_threads()
    start_thread()
    try:
        yield
    finally:
        torch.set_num_threads(before)


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


# Beyond that, the coarseness may move by so much a block: 2 % of the bits each.
SLEW = 1.0
# Blocks of memory of what a predicted bit really costs.
MEMORY = 8.0


@dataclass(frozen=True)
class EncodeConfig:
    """What is asked of an encoder: a bitrate or a setting.

    Attributes:
        kbps: Bitrate of the whole file, all channels together.
        setting: Instead: gain, smoothing and dead zone for all of the piece.
        restored: Whether decoders are to let the network work on the result.
        tags: Title and the like.
    """

    kbps: float | None = None
    setting: QuantiserSetting | None = None
    restored: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)


def encode(
    chunks: Chunks,
    sample_rate: int,
    config: EncodeConfig,
    model: Model,
    file: BinaryIO,
    seconds: float | None = None,
    progress: Progress | None = None,
) -> bitstream.Header:
    """Write audio as an `.mlc` file.

    Args:
        chunks: Yields the audio `(C, n)`, from the start at each call: it is gone through twice
            where it is long.
        sample_rate: Its sampling rate in Hz.
        config: What is asked.
        model: Model to code with.
        file: Where to write.
        seconds: Duration of the audio, if known, for the progress.
        progress: Called with the share that is done, 0 to 1.

    Raises:
        AudioError: The audio is not usable.
        CodecError: The bitrate is too low for this audio.
    """
    tell = progress or _no_progress
    total = seconds or math.inf
    found = first_pass(chunks, sample_rate, lambda seen: tell(0.3 * min(1.0, seen / total)))
    if not found.angles:
        raise AudioError("There is no audio to code: it holds no samples.")
    header = bitstream.Header(
        model.identity(config.restored),
        sample_rate,
        found.n_samples,
        found.channels,
        found.coded,
        config.restored,
        config.tags,
    )
    budget = math.inf
    if config.kbps is not None:
        budget = math.floor(config.kbps * 1000.0 * header.seconds / 8.0)
    coder = _Coder(found, config, header, budget, model, file)
    if len(found.angles) <= TAIL:
        blocks: Iterator[analysis.Block] = iter(found.held.values())
    else:
        low = analysis.resampled(chunks(), sample_rate, HOUSE_RATE)
        blocks = analysis.blocks(low)
    coder.run(blocks, tell)
    tell(1.0)
    return header


def _no_progress(_share: float) -> None:
    """Be told how far the work is, and do nothing."""


@dataclass(frozen=True)
class _Coded:
    blocks: list[bitstream.Block]
    encoder: FrameEncoder


class _Coder:
    """Codes block after block, and keeps account of the bytes."""

    def __init__(
        self,
        found: FirstPass,
        config: EncodeConfig,
        header: bitstream.Header,
        budget: float,
        model: Model,
        file: BinaryIO,
    ) -> None:
        self._found, self._config, self._header, self._budget = found, config, header, budget
        self._encoder = FrameEncoder(model.tables, header.coded_channels)
        self._writer = bitstream.Writer(file, header)
        self._last: tuple[int, int] | None = None

    def run(self, blocks: Iterator[analysis.Block], tell: Progress) -> None:
        """Code all blocks and write them."""
        count = len(self._found.angles)
        if self._config.kbps is None:
            for number, block in enumerate(blocks):
                turned = self._turned(number, block)
                self._write(self._code(self._encoder, number, turned, self._config.setting))
                tell(0.3 + 0.7 * (number + 1) / count)
            return
        correction, place = 1.0, None
        if count > TAIL:
            correction, place = self._stream(blocks, tell)
        self._search_tail(list(blocks), correction, place)

    def _stream(self, blocks: Iterator[analysis.Block], tell: Progress) -> tuple[float, float]:
        """Code all but the last blocks, each once."""
        found = self._found
        count = len(found.angles)
        left = found.of(0)
        for number in range(1, count):
            left = left + found.of(number)
        correction = self._calibrate(left)
        written, expected = MEMORY * correction, MEMORY
        place: float | None = None
        for number in range(count - TAIL):
            budget = 8.0 * AIM * (self._budget - self._writer.n_bytes) / correction
            wanted = solve(left.bits, budget, 0.0, COARSEST)
            place = wanted if place is None else min(max(wanted, place - SLEW), place + SLEW)
            turned = self._turned(number, next(blocks))
            coded = self._code(self._encoder, number, turned, setting_of(place))
            unit = found.of(number).bits(place)
            mean = left.bits(place) / (count - number)
            fade = 1.0 - 1.0 / MEMORY
            written = fade * written + self._size([coded]) * 8.0 / mean
            expected = fade * expected + unit / mean
            correction = written / expected
            left = left - found.of(number)
            self._write(coded)
            tell(0.3 + 0.7 * (number + 1) / count)
        assert place is not None
        return correction, place

    def _calibrate(self, everything: SizeHistogram) -> float:
        """Return the bits that are written for each that is predicted, from the blocks held."""
        correction = 1.0
        held = {number: self._turned(number, block) for number, block in self._found.held.items()}
        for _ in range(2):
            budget = 8.0 * AIM * self._budget / correction
            place = solve(everything.bits, budget, 0.0, COARSEST)
            encoder, written, predicted = self._encoder.copy(), 0, 0.0
            for number, turned in held.items():
                written += len(self._code(encoder, number, turned, setting_of(place)).payload)
                predicted += self._found.of(number).bits(place)
            correction = 8.0 * written / predicted
        return correction

    def _search_tail(
        self, blocks: list[analysis.Block], correction: float, place: float | None
    ) -> None:
        start = len(self._found.angles) - len(blocks)
        left = self._found.of(start)
        for number in range(start + 1, start + len(blocks)):
            left = left + self._found.of(number)

        turned = [self._turned(start + k, block) for k, block in enumerate(blocks)]

        def attempt(coarseness: float) -> tuple[int, _Coded]:
            encoder = self._encoder.copy()
            setting = setting_of(coarseness)
            coded = [
                self._code(encoder, start + k, block, setting) for k, block in enumerate(turned)
            ]
            return self._size(coded), _Coded(coded, encoder)

        budget = self._budget - self._writer.n_bytes
        best: SearchResult[_Coded] = search(attempt, left.bits, max(budget, 1.0), correction, place)
        if best.n_bytes > budget:
            raise self._too_low(best.n_bytes)
        for block in best.result.blocks:
            self._write(block)

    def _turned(self, number: int, block: analysis.Block) -> analysis.Block:
        return block.rotated(self._found.angles[number], self._found.coded)

    def _code(
        self,
        encoder: FrameEncoder,
        number: int,
        turned: analysis.Block,
        setting: QuantiserSetting | None,
    ) -> bitstream.Block:
        assert setting is not None
        angle = self._found.angles[number]
        levels = turned.levels(setting.level_smoothing)
        values = turned.values(levels, setting.gain, setting.dead_zone)
        return bitstream.Block(setting.gain, angle, encoder.encode(levels, values, setting.gain))

    def _size(self, blocks: list[bitstream.Block]) -> int:
        last, total = self._last, 0
        for block in blocks:
            total += bitstream.block_size(block, last, self._header.channels == 2)
            last = block.gain, block.angle
        return total

    def _write(self, block: bitstream.Block) -> None:
        self._writer.write(block)
        self._last = block.gain, block.angle

    def _too_low(self, n_bytes: int) -> CodecError:
        seconds = self._header.seconds
        least = math.ceil(8.0 * (self._writer.n_bytes + n_bytes) / seconds / 10.0) / 100.0
        head = len(self._header.pack())
        return CodecError(
            f"Melic cannot code this audio at {self._config.kbps:g} kbps: {least:.2f} is the "
            f"least for these {seconds:.3g} s, whose header and tags take {head} bytes. "
            "Use more, or a longer clip."
        )


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

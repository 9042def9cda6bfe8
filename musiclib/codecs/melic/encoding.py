"""Encoding in pieces, in memory that does not grow with the audio."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from musiclib.audio import HOUSE_RATE
from musiclib.codecs.base import Progress
from musiclib.codecs.melic import analysis, bitstream
from musiclib.codecs.melic.entropy import FrameEncoder
from musiclib.codecs.melic.model import Model
from musiclib.codecs.melic.rate import (
    AIM,
    COARSEST,
    Statistics,
    Trial,
    search,
    setting_of,
    solve,
)
from musiclib.codecs.melic.survey import TAIL, Chunks, Survey, survey
from musiclib.errors import AudioError, CodecError
from musiclib.models.transform import Setting

# Beyond that, the coarseness may move by so much a block: 2 % of the bits each.
SLEW = 1.0
# Blocks of memory of what a predicted bit really costs.
MEMORY = 8.0


@dataclass(frozen=True)
class Order:
    """What is asked of an encoder: a bitrate or a setting.

    Attributes:
        kbps: Bitrate of the whole file, all channels together.
        setting: Instead: gain, smoothing and dead zone for all of the piece.
        restored: Whether decoders are to let the network work on the result.
        tags: Title and the like.
    """

    kbps: float | None = None
    setting: Setting | None = None
    restored: bool = True
    tags: Mapping[str, str] = field(default_factory=dict)


def encode(
    chunks: Chunks,
    sample_rate: int,
    order: Order,
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
        order: What is asked.
        model: Model to code with.
        file: Where to write.
        seconds: Duration of the audio, if known, for the progress.
        progress: Called with the share that is done, 0 to 1.

    Raises:
        AudioError: The audio is not usable.
        CodecError: The bitrate is too low for this audio.
    """
    tell = progress or _nobody
    total = seconds or math.inf
    found = survey(chunks, sample_rate, lambda seen: tell(0.3 * min(1.0, seen / total)))
    if not found.angles:
        raise AudioError("There is no audio to code: it holds no samples.")
    header = bitstream.Header(
        model.identity(order.restored),
        sample_rate,
        found.n_samples,
        found.channels,
        found.coded,
        order.restored,
        order.tags,
    )
    budget = math.inf
    if order.kbps is not None:
        budget = math.floor(order.kbps * 1000.0 * header.seconds / 8.0)
    coder = _Coder(found, order, header, budget, model, file)
    if len(found.angles) <= TAIL:
        blocks: Iterator[analysis.Block] = iter(found.held.values())
    else:
        low = analysis.resampled(chunks(), sample_rate, HOUSE_RATE)
        blocks = analysis.blocks(low)
    coder.run(blocks, tell)
    tell(1.0)
    return header


def _nobody(_share: float) -> None:
    """Be told how far the work is, and do nothing."""


@dataclass(frozen=True)
class _Coded:
    blocks: list[bitstream.Block]
    encoder: FrameEncoder


class _Coder:
    """Codes block after block, and keeps account of the bytes."""

    def __init__(
        self,
        found: Survey,
        order: Order,
        header: bitstream.Header,
        budget: float,
        model: Model,
        file: BinaryIO,
    ) -> None:
        self._found, self._order, self._header, self._budget = found, order, header, budget
        self._encoder = FrameEncoder(model.tables, header.coded_channels)
        self._writer = bitstream.Writer(file, header)
        self._last: tuple[int, int] | None = None

    def run(self, blocks: Iterator[analysis.Block], tell: Progress) -> None:
        """Code all blocks and write them."""
        count = len(self._found.angles)
        if self._order.kbps is None:
            for number, block in enumerate(blocks):
                turned = self._turned(number, block)
                self._write(self._code(self._encoder, number, turned, self._order.setting))
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

    def _calibrate(self, everything: Statistics) -> float:
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
        best: Trial[_Coded] = search(attempt, left.bits, max(budget, 1.0), correction, place)
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
        setting: Setting | None,
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
            f"Melic cannot code this audio at {self._order.kbps:g} kbps: {least:.2f} is the "
            f"least for these {seconds:.3g} s, whose header and tags take {head} bytes. "
            "Use more, or a longer clip."
        )

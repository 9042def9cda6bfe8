"""Encoding in two passes, in memory that does not grow with the audio.

The first pass cuts the audio into blocks of MDCT frames, chooses a rotation of the two channels for
each and counts sizes of coefficients. The second quantises and writes block after block.

Two channels are rotated before they are coded, so that the first holds what they share: by 45
degrees for a mono piece (the sum and the difference), by none for a voice on the left alone. The
rotation is one of the MDCT's frames, so it may change from block to block without a seam.

One number, the coarseness, sets everything else: the global step (`gain`), between its values the
dead zone of the quantiser, and beyond the coarsest how much changes of the scale factors (`levels`)
are avoided. A histogram of coefficients predicts the bits for any coarseness at once; what the
entropy coder really writes corrects the prediction.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from musiclib.audio import HOUSE_RATE, FloatArray, resampled_length
from musiclib.audio.samples import StreamResampler
from musiclib.codecs.base import Progress
from musiclib.codecs.melic import bitstream
from musiclib.codecs.melic.bitstream import ANGLES, BLOCK_FRAMES, Header
from musiclib.codecs.melic.entropy import FrameEncoder
from musiclib.errors import AudioError, CodecError
from musiclib.mdct import SIZE, frames_to_coefficients
from musiclib.models.transform import (
    DEAD_ZONE,
    LARGEST_GAIN,
    LARGEST_LEVEL,
    QuantiserSetting,
    choose_levels,
    decibels,
    exact_levels,
    quantise,
    smoothing_of_gain,
    step_exponents,
)

if TYPE_CHECKING:
    from musiclib.codecs.melic.decoder import Model

IntArray = npt.NDArray[np.int32]

# Frames beyond both ends of a block that have a say in its levels.
CONTEXT = 32
MIDDLE = ANGLES // 4
# Quiet samples count for more than their power, as in the quantiser.
_COMPRESSION = 0.4
# How much better another rotation must be.
_WORTH = 1.25
# A second channel this far below the first is not coded, in any stretch of 0.7 s.
_MASKED = 10.0**-4.2
_STRETCH = 64
_SILENCE = 1e-9


@dataclass(frozen=True)
class EncodeConfig:
    """What is asked of an encoder: a bitrate of the whole file, or a setting for all of the piece.

    `restored` tells decoders whether to let the network work on the result.
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
) -> Header:
    """Write audio as an `.mlc` file.

    Args:
        chunks: Yields the audio `(C, n)`, from the start at each call: it is gone through twice
            where it is long.
        sample_rate: Its sampling rate in Hz.
        config: What is asked.
        model: Tables and network.
        file: Where to write.
        seconds: Duration of the audio, if known, for the progress.
        progress: Called with the share that is done, 0 to 1.

    Raises:
        AudioError: The audio is not usable.
        CodecError: The bitrate is too low for this audio.
    """
    tell = progress or (lambda _share: None)
    total = seconds or math.inf
    found = first_pass(chunks, sample_rate, lambda seen: tell(0.3 * min(1.0, seen / total)))
    if not found.angles:
        raise AudioError("There is no audio to code: it holds no samples.")
    header = Header(
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
        blocks: Iterator[Block] = iter(found.held.values())
    else:
        low = resampled(chunks(), sample_rate, HOUSE_RATE)
        blocks = frame_blocks(low)
    coder.run(blocks, tell)
    tell(1.0)
    return header


class _Coder:
    """Codes block after block, and keeps account of the bytes."""

    def __init__(
        self,
        found: FirstPass,
        config: EncodeConfig,
        header: Header,
        budget: float,
        model: Model,
        file: BinaryIO,
    ) -> None:
        self._found, self._config, self._header, self._budget = found, config, header, budget
        self._encoder = FrameEncoder(model.tables, header.coded_channels)
        self._writer = bitstream.Writer(file, header)
        self._last: tuple[int, int] | None = None

    def run(self, blocks: Iterator[Block], tell: Progress) -> None:
        """Code all blocks and write them."""
        count = len(self._found.angles)
        setting = self._config.setting
        if setting is not None:
            for number, block in enumerate(blocks):
                turned = self._turned(number, block)
                self._write(self._code(self._encoder, number, turned, setting))
                tell(0.3 + 0.7 * (number + 1) / count)
            return
        correction, place = 1.0, None
        if count > TAIL:
            correction, place = self._stream(blocks, tell)
        self._search_tail(list(blocks), correction, place)

    def _stream(self, blocks: Iterator[Block], tell: Progress) -> tuple[float, float]:
        """Code all but the last blocks, each once."""
        found = self._found
        count = len(found.angles)
        left = found.since(0)
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

    def _search_tail(self, blocks: list[Block], correction: float, place: float | None) -> None:
        start = len(self._found.angles) - len(blocks)
        left = self._found.since(start)
        turned = [self._turned(start + k, block) for k, block in enumerate(blocks)]

        def attempt(coarseness: float) -> tuple[int, list[bitstream.Block]]:
            encoder = self._encoder.copy()
            setting = setting_of(coarseness)
            coded = [
                self._code(encoder, start + k, block, setting) for k, block in enumerate(turned)
            ]
            return self._size(coded), coded

        budget = self._budget - self._writer.n_bytes
        best = search(attempt, left.bits, max(budget, 1.0), correction, place)
        if best.n_bytes > budget:
            raise self._too_low(best.n_bytes)
        for block in best.result:
            self._write(block)

    def _turned(self, number: int, block: Block) -> Block:
        return block.rotated(self._found.angles[number], self._found.coded)

    def _code(
        self, encoder: FrameEncoder, number: int, turned: Block, setting: QuantiserSetting
    ) -> bitstream.Block:
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


# In long pieces the coarseness moves by at most so much a block: 2 % of the bits.
SLEW = 1.0
# Blocks of memory of what a predicted bit really costs.
MEMORY = 8.0


@dataclass(frozen=True)
class Block:
    """T frames to be coded with a few of their neighbours, `(C, before + T + after, 256)`."""

    coefficients: FloatArray
    before: int
    n_frames: int

    @property
    def own(self) -> FloatArray:
        """The block's own frames, `(C, T, 256)`."""
        return self.coefficients[:, self.before : self.before + self.n_frames]

    def rotated(self, angle: int, channels: int) -> Block:
        """Return the first `channels` channels after a rotation; mono is left as it is."""
        if len(self.coefficients) == 1:
            return self
        turned = rotate(self.coefficients, angle)[:channels]
        return Block(turned, self.before, self.n_frames)

    def levels(self, smoothing: float) -> IntArray:
        """Levels of bands, `(C, T, 20)`."""
        chosen = [choose_levels(channel, smoothing) for channel in self.coefficients]
        return np.stack(chosen)[:, self.before : self.before + self.n_frames]

    def values(self, levels: IntArray, gain: int, dead_zone: float) -> IntArray:
        """Quantised coefficients, `(C, T, 256)`."""
        return quantise(self.own, levels, gain, dead_zone)


def frame_blocks(chunks: Iterable[FloatArray]) -> Iterator[Block]:
    """Cut audio `(C, n)` at the house rate into blocks of 1,024 frames."""
    before: FloatArray | None = None
    this: FloatArray | None = None
    for after in frame_batches(chunks):
        if this is not None:
            yield _block(before, this, after)
        before, this = this, after
    if this is not None:
        yield _block(before, this, None)


def _block(before: FloatArray | None, this: FloatArray, after: FloatArray | None) -> Block:
    parts = [this]
    if before is not None:
        parts.insert(0, before[:, -CONTEXT:])
    if after is not None:
        parts.append(after[:, :CONTEXT])
    lead = 0 if before is None else CONTEXT
    return Block(np.concatenate(parts, axis=1), lead, this.shape[1])


def frame_batches(chunks: Iterable[FloatArray]) -> Iterator[FloatArray]:
    """Yield MDCT frames `(C, 1024, 256)` of audio in pieces; the last batch may hold fewer."""
    waiting: list[FloatArray] = []
    held = total = 0
    for chunk in chunks:
        if not waiting:
            waiting, held = [np.zeros((len(chunk), SIZE), np.float32)], SIZE
        waiting.append(chunk)
        held += chunk.shape[1]
        total += chunk.shape[1]
        while held >= (BLOCK_FRAMES + 1) * SIZE:
            joined = np.concatenate(waiting, axis=1)
            yield frames_to_coefficients(joined[:, : (BLOCK_FRAMES + 1) * SIZE])
            rest = joined[:, BLOCK_FRAMES * SIZE :].copy()
            waiting, held = [rest], rest.shape[1]
    if total:
        joined = np.concatenate(waiting, axis=1)
        # Two more blocks of zeros close the last frame that any sample has a part in.
        frames = -(-(held - SIZE) // SIZE) + 1
        padded = np.pad(joined, ((0, 0), (0, (frames + 1) * SIZE - held)))
        coefficients = frames_to_coefficients(padded)
        for start in range(0, frames, BLOCK_FRAMES):
            yield coefficients[:, start : start + BLOCK_FRAMES]


def rotate(pair: FloatArray, angle: int) -> FloatArray:
    """Rotate two channels `(2, ...)` by an angle in 256ths of half a turn."""
    turn = np.pi * angle / ANGLES
    cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    return np.stack([cosine * pair[0] + sine * pair[1], cosine * pair[1] - sine * pair[0]])


def choose_angle(coefficients: FloatArray, last: int) -> int:
    """Return the rotation of frames `(2, T, 256)` that leaves least in the second channel.

    The last block's rotation is kept unless another is clearly better.
    """
    left, right = coefficients.astype(np.float64)
    power = left * left + right * right
    weight = (power + 1e-12) ** (_COMPRESSION - 1.0)
    a, b, c = ((weight * x).sum() for x in (left * left, right * right, left * right))
    best = round(0.5 * np.arctan2(2.0 * c, a - b) / np.pi * ANGLES) % ANGLES

    def left_over(angle: int) -> float:
        turn = np.pi * angle / ANGLES
        cosine, sine = np.cos(turn), np.sin(turn)
        return float(sine * sine * a + cosine * cosine * b - 2.0 * sine * cosine * c)

    small = 1e-6 * float(a + b)
    return best if left_over(last) > _WORTH * left_over(best) + small else last


def second_is_masked(coefficients: FloatArray) -> bool:
    """Whether nothing is heard of the second of two rotated channels `(2, T, 256)`."""
    power = np.square(coefficients, dtype=np.float64).mean(axis=2)
    starts = np.arange(0, power.shape[1], _STRETCH)
    first, second = np.add.reduceat(power, starts, axis=1)
    counts = np.diff([*starts, power.shape[1]])
    return bool((second <= _MASKED * first + _SILENCE * counts).all())


def resampled(
    chunks: Iterable[FloatArray], from_rate: int, to_rate: int, n_samples: int | None = None
) -> Iterator[FloatArray]:
    """Resample audio `(C, n)` in pieces, by default to the length of `musiclib.audio.resample`."""
    stream: StreamResampler | None = None
    taken = given = 0
    channels = 1

    def cut(piece: FloatArray) -> FloatArray:
        return piece if n_samples is None else piece[:, : max(0, n_samples - given)]

    for chunk in chunks:
        channels = len(chunk)
        stream = stream or StreamResampler(from_rate, to_rate, channels)
        taken += chunk.shape[1]
        piece = cut(stream.push(chunk))
        given += piece.shape[1]
        if piece.shape[1]:
            yield piece
    if stream is None:
        return
    if n_samples is None:
        n_samples = resampled_length(taken, from_rate, to_rate)
    piece = cut(stream.finish())
    missing = n_samples - given - piece.shape[1]
    if missing > 0:
        piece = np.pad(piece, ((0, 0), (0, missing)))
    if piece.shape[1]:
        yield piece


# Blocks at the end that are coded together, with as many trials as it takes: 65 s.
TAIL = 6
LOUDEST = 32.0  # thirty decibels over full scale only come from damage or a wrong scale

Chunks = Callable[[], Iterable[FloatArray]]


@dataclass
class FirstPass:
    """What a first look at the audio tells.

    Attributes:
        channels: 1 or 2.
        n_samples: Samples of a channel, at the source's rate.
        angles: Rotation of each block.
        statistics: Of each block's channels.
        masked: Whether nothing is heard of the second channel, anywhere.
        held: Every `stride`-th block; all of them where they are few.
        stride: See `held`.
    """

    channels: int = 1
    n_samples: int = 0
    angles: list[int] = field(default_factory=list)
    statistics: list[list[SizeHistogram]] = field(default_factory=list)
    masked: bool = True
    held: dict[int, Block] = field(default_factory=dict)
    stride: int = 1

    @property
    def coded(self) -> int:
        """Channels that are coded."""
        return 1 if self.masked else self.channels

    def of(self, block: int) -> SizeHistogram:
        """Statistics of a block's coded channels."""
        first, *others = self.statistics[block][: self.coded]
        return first + others[0] if others else first

    def since(self, block: int) -> SizeHistogram:
        """Statistics of all blocks from one on."""
        first, *others = (self.of(number) for number in range(block, len(self.angles)))
        return functools.reduce(operator.add, others, first)


def first_pass(chunks: Chunks, sample_rate: int, look: Progress) -> FirstPass:
    """Look through all of the audio, and tell `look` the seconds seen so far."""
    found = FirstPass()
    angle = MIDDLE

    def counted() -> Iterator[FloatArray]:
        for chunk in chunks():
            found.channels = len(chunk)
            found.n_samples += chunk.shape[1]
            loudest = max(float(chunk.max()), -float(chunk.min())) if chunk.size else 0.0
            if loudest > LOUDEST:
                raise AudioError(
                    f"The audio peaks at {loudest:.3g} times full scale. Scale it down first."
                )
            yield chunk
            look(found.n_samples / sample_rate)

    low = resampled(counted(), sample_rate, HOUSE_RATE)
    for number, block in enumerate(frame_blocks(low)):
        if found.channels == 2:
            angle = choose_angle(block.own, angle)
        turned = block.rotated(angle, found.channels)
        if found.channels == 2:
            found.masked = found.masked and second_is_masked(turned.own)
        each = [
            Block(turned.coefficients[c : c + 1], turned.before, turned.n_frames)
            for c in range(found.channels)
        ]
        found.angles.append(angle if found.channels == 2 else 0)
        found.statistics.append([SizeHistogram.of(channel) for channel in each])
        if number % found.stride == 0:
            found.held[number] = block
        if len(found.held) > TAIL:
            found.stride *= 2
            found.held = {k: b for k, b in found.held.items() if k % found.stride == 0}
    return found


# Levels get ever smoother beyond the coarsest gain, doubling every so many steps.
DOUBLING = 12.0
COARSEST = LARGEST_GAIN + 6.0 * DOUBLING
# A step of the gain takes about as many bits as so much dead zone.
DEAD_ZONE_PER_STEP = 0.017
STEP_DB = 3.0 / 16.0
# Statistics: each 8th frame, sizes from -60 to 120 dB over the finest step.
SAMPLED = 8
LOWEST, HIGHEST = -320, 640
# Fitted to what the entropy coder writes: bits of a level of a frame, and of a coefficient.
LEVEL_BITS = 19.0
SPREAD, WEIGHT = 0.5, 1.5
# A search ends when this share of the budget is used.
ENOUGH, AIM = 0.986, 0.9935
MAX_TRIALS = 8
CLOSE = 0.03

Counts = npt.NDArray[np.float64]
Result = TypeVar("Result")


def setting_of(coarseness: float) -> QuantiserSetting:
    """Return the setting of a coarseness from 0 (finest) to `COARSEST`."""
    gain = min(math.ceil(coarseness), LARGEST_GAIN)
    dead_zone = DEAD_ZONE - DEAD_ZONE_PER_STEP * max(0.0, gain - coarseness)
    beyond = max(0.0, coarseness - LARGEST_GAIN)
    smoothing = smoothing_of_gain(gain) * 2.0 ** (beyond / DOUBLING)
    return QuantiserSetting(gain, smoothing, dead_zone)


@dataclass(frozen=True)
class SizeHistogram:
    """Counts of coefficients by size over the finest step, in steps of the gain from `LOWEST`.

    `frames` counts frames times channels.
    """

    counts: Counts
    frames: float

    @classmethod
    def of(cls, block: Block) -> SizeHistogram:
        """Measure a block's frames."""
        own = block.own[:, ::SAMPLED]
        levels = np.clip(np.rint(exact_levels(own)), 0, LARGEST_LEVEL).astype(np.int32)
        size = 20.0 * np.log10(np.abs(own) + np.float32(1e-12))
        place = ((size - decibels(step_exponents(levels, 0))) / np.float32(STEP_DB)).astype(
            np.int32
        )
        place = np.clip(place, LOWEST, HIGHEST - 1) - LOWEST
        counts = np.bincount(place.ravel(), minlength=HIGHEST - LOWEST).astype(np.float64)
        share = block.n_frames / own.shape[1]
        return cls(counts * share, float(len(own) * block.n_frames))

    def __add__(self, other: SizeHistogram) -> SizeHistogram:
        return SizeHistogram(self.counts + other.counts, self.frames + other.frames)

    def __sub__(self, other: SizeHistogram) -> SizeHistogram:
        return SizeHistogram(self.counts - other.counts, self.frames - other.frames)

    def bits(self, coarseness: float) -> float:
        """Predict the bits at a coarseness."""
        gain = min(coarseness, float(LARGEST_GAIN))
        sizes = 10.0 ** ((np.arange(LOWEST, HIGHEST) + 0.5 - gain) * (STEP_DB / 20.0))
        each = WEIGHT * np.log2(1.0 + (sizes / SPREAD) ** 2) * np.minimum(1.0, sizes) ** 2
        smooth = (setting_of(coarseness).smoothing or 1.0) ** -0.5
        return float(self.counts @ each + LEVEL_BITS * smooth * self.frames)


def solve(predicted: Callable[[float], float], bits: float, low: float, high: float) -> float:
    """Return where a falling function of the coarseness reaches `bits`, or the nearer end."""
    for _ in range(24):
        middle = 0.5 * (low + high)
        if predicted(middle) > bits:
            low = middle
        else:
            high = middle
    return high


class Trial(NamedTuple, Generic[Result]):
    """A coarseness that was tried, the bytes it takes, and what was coded."""

    coarseness: float
    n_bytes: int
    result: Result


def search(
    attempt: Callable[[float], tuple[int, Result]],
    predicted: Callable[[float], float],
    budget: float,
    correction: float = 1.0,
    start: float | None = None,
) -> Trial[Result]:
    """Find the finest coarseness whose bytes stay within a budget.

    Where nothing is small enough the smallest trial is returned, and exceeds the budget.

    Args:
        attempt: Codes at a coarseness; returns bytes and what was coded.
        predicted: Predicts the bits at a coarseness.
        budget: Bytes.
        correction: Bits that are written for each that is predicted.
        start: Coarseness to try first; by default what the prediction says.
    """
    best: Trial[Result] | None = None  # small enough, the coarse end of where to look
    over: Trial[Result] | None = None  # too large, the fine end
    least: Trial[Result] | None = None
    place = start
    if place is None:
        place = solve(predicted, 8.0 * AIM * budget / correction, 0.0, COARSEST)
    for _ in range(MAX_TRIALS):
        trial = Trial(place, *attempt(place))
        if least is None or trial.n_bytes < least.n_bytes:
            least = trial
        if trial.n_bytes > budget:
            over = trial
        elif best is None or trial.n_bytes > best.n_bytes:
            best = trial
        if best is not None and best.n_bytes >= ENOUGH * budget:
            break
        if best is not None and over is not None:
            # Between two trials bits fall about exponentially.
            share = math.log(AIM * budget / best.n_bytes) / math.log(over.n_bytes / best.n_bytes)
            share = min(max(share, 0.03), 0.97)
            place = best.coarseness + share * (over.coarseness - best.coarseness)
        else:
            correction = 8.0 * trial.n_bytes / predicted(place)
            low = 0.0 if over is None else over.coarseness
            high = COARSEST if best is None else best.coarseness
            place = solve(predicted, 8.0 * AIM * budget / correction, low, high)
        if abs(place - trial.coarseness) < CLOSE:
            break
    assert least is not None
    return least if best is None else best

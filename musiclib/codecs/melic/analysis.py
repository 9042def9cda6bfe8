"""Audio to blocks of MDCT frames and back, piece by piece.

Two channels are rotated before they are coded, so that the first holds what they share: by 45
degrees for a mono piece (the sum and the difference), by none for a voice on the left alone. The
rotation is one of the MDCT's frames, so it may change from block to block without a seam.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from musiclib.audio import FloatArray, resampled_length
from musiclib.audio.samples import StreamResampler
from musiclib.codecs.melic.bitstream import ANGLES, BLOCK_FRAMES
from musiclib.mdct import SIZE, frames_to_coefficients, windowed_pieces
from musiclib.models.transform import choose_levels, quantise

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
class Block:
    """Frames to be coded, with a few of their neighbours.

    Attributes:
        coefficients: `(C, before + T + after, 256)`.
        before: Frames of the block before.
        n_frames: T.
    """

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


def blocks(chunks: Iterable[FloatArray]) -> Iterator[Block]:
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
    """Resample audio `(C, n)` in pieces.

    Args:
        chunks: The audio.
        from_rate: Its rate in Hz.
        to_rate: Wanted rate in Hz.
        n_samples: Length of the result; by default that of `musiclib.audio.resample`.
    """
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

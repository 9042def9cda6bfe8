"""Frames to bytes and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from musiclib.codecs.melic.entropy.kernel import (
    LARGEST_LEVEL,
    LARGEST_VALUE,
    MEASURE,
    READ,
    WRITE,
    Coder,
    IntArray,
    run,
)
from musiclib.codecs.melic.entropy.tables import ContextTables, copied, layout, new_history
from musiclib.errors import BitstreamError, CodecError
from musiclib.models.transform import LARGEST_GAIN, N_BANDS
from musiclib.models.transform.bands import N_BINS

if TYPE_CHECKING:
    from typing import Self

_LARGEST_WORD = 0xFFFFFFFF
# No frame takes more: decisions of all its numbers, two bytes each.
_FRAME_BYTES = 2 * (50 * N_BANDS + 48 * N_BINS)
PARTS = ("levels", "zeros", "sizes", "signs")


class _Adaptive:
    """What encoder and decoder share: tables that learn as frames go by."""

    def __init__(self, tables: ContextTables, channels: int = 1) -> None:
        if channels not in (1, 2):
            raise CodecError(f"frames have 1 or 2 channels, not {channels}")
        self.channels = channels
        self._constants = tables.constants
        self._history = new_history(channels)
        self._of_levels, self._of_values = copied(tables.of_levels), copied(tables.of_values)

    def copy(self) -> Self:
        """Return one in the same state that goes its own way."""
        other = object.__new__(type(self))
        other.channels, other._constants = self.channels, self._constants
        other._history = type(self._history)(*(array.copy() for array in self._history))
        other._of_levels, other._of_values = copied(self._of_levels), copied(self._of_values)
        return other

    def forget_frames(self) -> None:
        """Begin another piece, and keep what was learnt."""
        self._history = new_history(self.channels)

    def tables(self, record: dict[str, Any]) -> ContextTables:
        """What was learnt so far, as tables to start from."""
        mixers = copied(self._of_levels), copied(self._of_values)
        return ContextTables(*mixers, self._constants, record)

    def _run(self, levels: IntArray, values: IntArray, gain: int, coder: Coder) -> bool:
        return bool(
            run(
                levels,
                values,
                gain,
                layout(),
                self._history,
                self._of_levels,
                self._of_values,
                self._constants,
                coder,
            )
        )


class FrameEncoder(_Adaptive):
    """Writes blocks of frames; each block needs those before it.

    Args:
        tables: What the coder knows at the start.
        channels: 1, or 2 for middle and side.
    """

    def encode(self, levels: npt.ArrayLike, values: npt.ArrayLike, gain: int) -> bytes:
        """Write a block.

        Args:
            levels: `(C, T, 20)`, 0 to 47.
            values: `(C, T, 256)`, beyond neither -32767 nor 32767.
            gain: Gain of the quantiser.

        Returns:
            Bytes, whose length the decoder has to know.

        Raises:
            CodecError: Other shapes or numbers.
        """
        levels_, values_ = self._checked(levels, values, gain)
        room = np.empty(levels_.shape[1] * self.channels * _FRAME_BYTES + 8, np.uint8)
        coder = new_coder(WRITE, room)
        self._run(levels_, values_, gain, coder)
        # One byte tells the last interval from all others: its ends differ in the first.
        n = int(coder.registers[3])
        room[n] = (int(coder.registers[0]) >> 24) + 1
        return room[: n + 1].tobytes()

    def cost(self, levels: npt.ArrayLike, values: npt.ArrayLike, gain: int) -> float:
        """Ideal bits of a block, which is not written: the coder's state stays as it is."""
        return float(self.costs(levels, values, gain).sum())

    def costs(
        self, levels: npt.ArrayLike, values: npt.ArrayLike, gain: int
    ) -> npt.NDArray[np.float64]:
        """Ideal bits of the parts of a block, `(4,)` in the order of `PARTS`."""
        return self.copy().spend(levels, values, gain)

    def spend(
        self, levels: npt.ArrayLike, values: npt.ArrayLike, gain: int
    ) -> npt.NDArray[np.float64]:
        """Learn from a block without writing it; return what `costs` does."""
        levels_, values_ = self._checked(levels, values, gain)
        coder = new_coder(MEASURE, np.empty(0, np.uint8))
        self._run(levels_, values_, gain, coder)
        return coder.bits

    def trace(
        self, levels: npt.ArrayLike, values: npt.ArrayLike, gain: int
    ) -> npt.NDArray[np.float64]:
        """Learn from a block as `spend` does, and return what each of its values cost.

        Returns:
            Ideal bits `(T, C, 256, 2)`: whether the value is zero, and its size and sign.
        """
        levels_, values_ = self._checked(levels, values, gain)
        frames = levels_.shape[1]
        coder = new_coder(MEASURE, np.empty(0, np.uint8), frames * self.channels)
        self._run(levels_, values_, gain, coder)
        return coder.trace.reshape(frames, self.channels, N_BINS, 2)

    def _checked(
        self, levels: npt.ArrayLike, values: npt.ArrayLike, gain: int
    ) -> tuple[IntArray, IntArray]:
        levels, values = np.asarray(levels), np.asarray(values)
        frames = levels.shape[1] if levels.ndim == 3 else 0
        expected = (self.channels, frames, N_BANDS), (self.channels, frames, N_BINS)
        if frames == 0 or (levels.shape, values.shape) != expected:
            message = f"frames have shapes {levels.shape} and {values.shape}, not (C, T, 20) and"
            raise CodecError(f"{message} (C, T, 256) of {self.channels} channel(s)")
        if not 0 <= gain <= LARGEST_GAIN:
            raise CodecError(f"gain must lie between 0 and {LARGEST_GAIN}, not {gain}")
        for name, numbers, low, high in (
            ("levels", levels, 0, LARGEST_LEVEL),
            ("values", values, 1 - LARGEST_VALUE, LARGEST_VALUE - 1),
        ):
            if numbers.dtype.kind not in "iu" or numbers.min() < low or numbers.max() > high:
                raise CodecError(f"{name} must be whole numbers from {low} to {high}")
        return (
            np.ascontiguousarray(levels, dtype=np.int32),
            np.ascontiguousarray(values, dtype=np.int32),
        )


class FrameDecoder(_Adaptive):
    """Reads what a `FrameEncoder` with the same tables wrote, block after block."""

    def decode(self, data: bytes, n_frames: int, gain: int) -> tuple[IntArray, IntArray]:
        """Read a block.

        Args:
            data: What `FrameEncoder.encode` returned.
            n_frames: Frames in it.
            gain: Gain that they were written with.

        Returns:
            Levels `(C, T, 20)` and values `(C, T, 256)`.

        Raises:
            BitstreamError: The bytes are too few or too many for the frames. The decoder is of no
                use after that.
        """
        if n_frames < 1 or not 0 <= gain <= LARGEST_GAIN:
            raise BitstreamError(f"a block of {n_frames} frames with gain {gain} is impossible")
        levels = np.zeros((self.channels, n_frames, N_BANDS), np.int32)
        values = np.zeros((self.channels, n_frames, N_BINS), np.int32)
        coder = new_coder(READ, np.frombuffer(data, np.uint8).copy())
        ended = self._run(levels, values, gain, coder)
        if not ended or int(coder.registers[3]) - 3 != len(data):
            raise BitstreamError(
                f"a block of {n_frames} frames does not end where its {len(data)} bytes do: it is"
                " damaged, or was written with other tables"
            )
        return levels, values


def new_coder(mode: int, data: npt.NDArray[np.uint8], traced: int = 0) -> Coder:
    """An arithmetic coder at its start: `data` is room to write in, or what is to be read."""
    word, position = 0, 0
    if mode == READ:
        word, position = int.from_bytes(data[:4].tobytes().ljust(4, b"\0"), "big"), 4
    registers = np.array([0, _LARGEST_WORD, word, position, mode, 0], np.int64)
    return Coder(registers, data, np.zeros(4), np.zeros((traced, N_BINS, 2)))

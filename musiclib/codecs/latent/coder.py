"""Whole numbers `(C, L)` to bytes and back, with tables that both sides know.

Each channel is predicted from its last value times m / 4, and the differences are coded with one of
the tables of `tables`. Which m and which table is told by the calibration and the step; where other
ones pay for a clip, the file says so. Nothing here is a matter of floating point on the decoder's
side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from musiclib.codecs.latent.tables import HIGHEST, LOWEST, IntArray, noisy_index, table
from musiclib.errors import BitstreamError
from musiclib.models.calibration import PREDICTORS, UNUSED

# How far a clip's scale may be from the calibrated one, in quarter-octaves.
REACH = 12
WORD = np.dtype("<u4")
MAX_VALUE = 2**31
_DELTAS = (0, 2)  # table of changes of scales: a Laplace distribution
_SWITCHES = (0, -5)  # table of changes of the prediction
_VARINT_BYTES = 5


@dataclass(frozen=True, eq=False)
class Statistics:
    """The whole-number part of a calibration.

    Attributes:
        scale: As in `musiclib.models.calibration.Calibration`, `(5, C)`.
        shape: The same, `(C,)`.
    """

    scale: IntArray
    shape: IntArray

    @property
    def used(self) -> npt.NDArray[np.bool_]:
        """Which channels are coded at all, `(C,)`."""
        used: npt.NDArray[np.bool_] = self.scale[0] != UNUSED
        return used

    def expected(self, step: int) -> tuple[IntArray, IntArray]:
        """Return the table index for each prediction, `(5, U)`, and the best prediction, `(U,)`.

        U counts the channels that are used.
        """
        scale = self.scale[:, self.used] - step
        noisy = np.array(
            [
                [noisy_index(int(index), quarters) for index in row]
                for quarters, row in zip(PREDICTORS, scale, strict=True)
            ],
            dtype=np.int64,
        ).reshape(scale.shape)
        return np.clip(noisy, LOWEST, HIGHEST), noisy.argmin(axis=0)


def encode(values: IntArray, statistics: Statistics, step: int) -> bytes:
    """Code values.

    Args:
        values: Quantised latents, `(C, L)`, sizes below 2^31. Unused channels must be zero.
        statistics: The calibration's.
        step: The quantiser's step, which the tables depend on.
    """
    import constriction

    coded = values[statistics.used]
    if coded.size == 0:
        return b"\0"
    errors = np.stack([residuals(coded, quarters) for quarters in PREDICTORS])
    chosen, index, adapted = _choose(errors, statistics, step)
    shape = statistics.shape[statistics.used]
    mine = errors[chosen, np.arange(len(coded))]
    coder = constriction.stream.stack.AnsCoder()
    escaped: list[IntArray] = []
    groups = list(_groups(shape, index))
    for kind, level, members in reversed(groups):  # last in, first out
        found = table(kind, level)
        symbols = mine[members].ravel()
        outside = np.abs(symbols) > found.reach
        escaped.append(symbols[outside])
        symbols = np.where(outside, 2 * found.reach + 1, symbols + found.reach)
        coder.encode_reverse(symbols.astype(np.int32), found.model)
    if adapted:
        levels, usual = statistics.expected(step)
        delta = index - levels[chosen, np.arange(len(coded))]
        for key, what in ((_DELTAS, delta), (_SWITCHES, chosen - usual)):
            # Both tables hold all that can come here.
            found = table(*key)
            coder.encode_reverse((what + found.reach).astype(np.int32), found.model)
    rest = _to_varints(np.concatenate(escaped[::-1]))
    words = np.asarray(coder.get_compressed()).astype(WORD).tobytes()
    return bytes([adapted]) + _to_varints(np.array([len(rest)])) + rest + words


def decode(data: bytes, statistics: Statistics, step: int, frames: int) -> IntArray:
    """Return the values `(C, L)` that `encode` coded.

    Raises:
        BitstreamError: The bytes were not made by `encode`.
    """
    import constriction

    values = np.zeros((len(statistics.shape), frames), dtype=np.int64)
    used = statistics.used
    count = int(used.sum())
    if count * frames == 0:
        if data != b"\0":
            raise _damaged("it holds values where there are none")
        return values
    if len(data) < 2 or data[0] > 1:
        raise _damaged("its payload starts wrong")
    (length,), start = _from_varints(data, 1, 1)
    if not 0 <= length <= len(data) - start or (len(data) - start - int(length)) % WORD.itemsize:
        raise _damaged("lengths contradict each other")
    words = np.frombuffer(data[start + int(length) :], dtype=WORD).astype(np.uint32)
    try:
        coder = constriction.stream.stack.AnsCoder(words)
    except ValueError as error:
        raise _damaged("its last word is zero") from error
    levels, chosen = statistics.expected(step)
    delta = np.zeros(count, dtype=np.int64)
    if data[0]:
        change, delta = (
            coder.decode(table(*key).model, count).astype(np.int64) - table(*key).reach
            for key in (_SWITCHES, _DELTAS)
        )
        chosen = chosen + change
        if not (chosen.min() >= 0 and chosen.max() < len(PREDICTORS)):
            raise _damaged("a prediction is unknown")
    index = levels[chosen, np.arange(count)] + delta
    if not (index.min() >= LOWEST and index.max() <= HIGHEST):
        raise _damaged("a table is unknown")
    errors = np.empty((count, frames), dtype=np.int64)
    for kind, level, members in _groups(statistics.shape[used], index):
        found = table(kind, level)
        symbols = coder.decode(found.model, len(members) * frames).astype(np.int64)
        outside = symbols == 2 * found.reach + 1
        symbols -= found.reach
        symbols[outside], start = _from_varints(data, start, int(outside.sum()))
        errors[members] = symbols.reshape(len(members), frames)
    if not coder.is_empty() or start + len(words) * WORD.itemsize != len(data):
        raise _damaged("bytes are left over")
    values[used] = _summed(errors, np.array(PREDICTORS)[chosen])
    return values


def residuals(values: IntArray, quarters: int) -> IntArray:
    """Return values `(C, L)` less their predictions from the frame before."""
    before = np.pad(values, ((0, 0), (1, 0)))[:, :-1]
    return values - (quarters * before + 2 >> 2)


def _summed(errors: IntArray, quarters: IntArray) -> IntArray:
    """Undo `residuals`, with a weight `(C,)` for each channel."""
    values = np.empty_like(errors.T)
    before = np.zeros(len(errors), dtype=np.int64)
    for frame, row in enumerate(errors.T):
        before = row + (quarters * before + 2 >> 2)
        values[frame] = before
    return values.T


def _choose(errors: IntArray, statistics: Statistics, step: int) -> tuple[IntArray, IntArray, bool]:
    """Choose prediction and table of each channel, both `(U,)`, and say if they are unusual."""
    levels, usual = statistics.expected(step)
    everyone = np.arange(errors.shape[1])
    costs = _costs(errors, statistics.shape[statistics.used], levels)
    plain = costs[usual, everyone, REACH].sum()
    deltas, switches = table(*_DELTAS), table(*_SWITCHES)
    costs = costs + deltas.bits[np.abs(np.arange(-REACH, REACH + 1))]
    costs += switches.bits[np.abs(np.array(PREDICTORS)[:, None] - usual)][:, :, None]
    flat = costs.transpose(1, 0, 2).reshape(len(everyone), -1)
    best = flat.argmin(axis=1)
    if flat[everyone, best].sum() >= plain:
        return usual, levels[usual, everyone], False
    chosen, delta = np.divmod(best, 2 * REACH + 1)
    return chosen, levels[chosen, everyone] + delta - REACH, True


def _costs(errors: IntArray, shape: IntArray, levels: IntArray) -> npt.NDArray[np.float64]:
    """Bits for each prediction, channel and table from `-REACH` to `REACH` about the usual one."""
    costs = np.full((*levels.shape, 2 * REACH + 1), np.inf)
    sizes = np.abs(errors)
    for kind in np.unique(shape):
        mine = np.flatnonzero(shape == kind)
        low, high = int(levels[:, mine].min()) - REACH, int(levels[:, mine].max()) + REACH
        for level in range(max(low, LOWEST), min(high, HIGHEST) + 1):
            place = level - levels + REACH
            row, channel = np.nonzero((place >= 0) & (place <= 2 * REACH) & (shape == kind))
            found = table(int(kind), level)
            size = sizes[row, channel]
            bits = found.bits[np.minimum(size, found.reach + 1)].sum(axis=1)
            beyond = np.where(size > found.reach, 8.0 * _varint_length(size), 0.0).sum(axis=1)
            costs[row, channel, place[row, channel]] = bits + beyond
    return costs


def _groups(shape: IntArray, index: IntArray) -> Iterator[tuple[int, int, IntArray]]:
    """Yield shape, index and channels of each table, in an order that both sides know."""
    for kind, level in sorted({(int(k), int(i)) for k, i in zip(shape, index, strict=True)}):
        yield kind, level, np.flatnonzero((shape == kind) & (index == level))


def _varint_length(size: IntArray) -> IntArray:
    """Bytes that `_to_varints` needs for values of these sizes, or one more."""
    return 1 + np.searchsorted(64 * 128 ** np.arange(_VARINT_BYTES), size, side="right")


def _to_varints(values: IntArray) -> bytes:
    """Seven bits a byte, the lowest first, signs in the lowest bit."""
    out = bytearray()
    for value in values.tolist():
        left = 2 * value if value >= 0 else -2 * value - 1
        while left > 127:
            out.append(left & 127 | 128)
            left >>= 7
        out.append(left)
    return bytes(out)


def _from_varints(data: bytes, start: int, count: int) -> tuple[IntArray, int]:
    """Read `count` values; return them and where they end."""
    found = np.empty(min(count, len(data)), dtype=np.int64)
    if count > len(data) - start:
        raise _damaged("values are missing")
    for place in range(count):
        value = shift = 0
        while True:
            if start >= len(data) or shift > 7 * _VARINT_BYTES:
                raise _damaged("a value is cut off")
            byte = data[start]
            start += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        found[place] = value >> 1 ^ -(value & 1)
    return found, start


def _damaged(what: str) -> BitstreamError:
    return BitstreamError(f"This .mla file is damaged: {what}. Fetch or encode it again.")

"""Whole numbers `(C, L)` to bytes and back, with tables that both sides know.

Values are predicted from those before them. What a calibration expects of all music fits no single
clip, so an encoder counts what each choice of prediction and table would cost (`make_plan`), and
says in the file what it chose where that is cheaper. What is left after prediction is coded in one
of two ways: with a table for each channel by an asymmetric numeral system (Duda, arXiv 1311.2540)
from the library constriction, or by context mixing (`musiclib.codecs.latent.mixing`). Nothing here
is a matter of floating point on the decoder's side.

A payload is a byte for the mode, and for `MIXED` the arithmetic coder's bytes. For tables follow
(mode `SEQUENCE`) the coefficients, then the length and the bytes of values that lie beyond their
table's range, then the coder's words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from musiclib.codecs.base import MAX_BYTES, read_varint, to_varint
from musiclib.codecs.latent import mixing
from musiclib.codecs.latent.mixing import HIGHEST, LOWEST, IntArray, noisy_index, table
from musiclib.errors import BitstreamError
from musiclib.models.calibration import PREDICTORS, UNUSED

WORD = np.dtype("<u4")
MAX_VALUE = 2**30
NO_CHANNELS = b"\0"
TABLES, MIXING = ENTROPIES = ("tables", "mixing")


def encode(
    values: IntArray, statistics: IntegerCalibration, step: int, entropy: str = TABLES
) -> bytes:
    """Code values.

    Args:
        values: Quantised latents, `(C, L)`, sizes up to `MAX_VALUE`. Those of unused channels are
            left out.
        statistics: The calibration's.
        step: The quantiser's step, which the tables depend on.
        entropy: `"tables"`, or `"mixing"`: context mixing, where it takes fewer bytes than tables.
    """
    values = values[statistics.used]
    if values.size == 0:
        return NO_CHANNELS
    in_tables = _in_tables(values, statistics, step)
    if entropy == TABLES:
        return in_tables
    levels, usual = statistics.expected(step)
    index = levels[usual, np.arange(len(values))]
    errors = np.stack(
        [frame_errors(row[None], PREDICTORS[w])[0] for row, w in zip(values, usual, strict=True)]
    )
    if not mixing.can_code(errors):
        return in_tables
    mixed = bytes([MIXED]) + mixing.encode(errors, statistics.shape[statistics.used], index)
    return min(in_tables, mixed, key=len)


def _in_tables(values: IntArray, statistics: IntegerCalibration, step: int) -> bytes:
    import constriction

    plan = make_plan(values, statistics, step)
    coder = constriction.stream.stack.AnsCoder()
    escaped: list[int] = []
    groups = list(_groups(statistics.shape[statistics.used], plan.index))
    for kind, level, members in reversed(groups):  # last in, first out
        found = table(kind, level)
        symbols = plan.errors[members].ravel()
        outside = np.abs(symbols) > found.reach
        escaped = symbols[outside].tolist() + escaped
        symbols = np.where(outside, 2 * found.reach + 1, symbols + found.reach)
        coder.encode_reverse(symbols.astype(np.int32), found.model)
    for key, what in ((DELTAS, plan.delta), (SWITCHES, plan.switch)):
        if plan.mode == ADAPTED or (plan.mode == SEQUENCE and key == DELTAS):
            found = table(*key)  # which holds all that can come here
            coder.encode_reverse((what + found.reach).astype(np.int32), found.model)
    beyond = to_signed_varints(escaped)
    head = bytes([plan.mode])
    if plan.mode == SEQUENCE:
        head += bytes([len(plan.coefficients)]) + to_signed_varints(plan.coefficients.tolist())
    words = np.asarray(coder.get_compressed()).astype(WORD).tobytes()
    return head + to_varint(len(beyond)) + beyond + words


def decode(data: bytes, statistics: IntegerCalibration, step: int, frames: int) -> IntArray:
    """Return the values `(C, L)` that `encode` coded; those of unused channels are zero.

    Raises:
        BitstreamError: The bytes were not made by `encode`.
    """
    import constriction

    values = np.zeros((len(statistics.shape), frames), dtype=np.int64)
    used = statistics.used
    count = int(used.sum())
    if count * frames == 0:
        if data != NO_CHANNELS:
            raise _damaged("it holds values where there are none")
        return values
    if not data or data[0] not in (EXPECTED, ADAPTED, SEQUENCE, MIXED):
        raise _damaged(f"its first bytes are {data[:1].hex() or 'missing'}")
    mode, at = data[0], 1
    if mode == MIXED:
        levels, usual = statistics.expected(step)
        index = levels[usual, np.arange(count)]
        errors = mixing.decode(data[1:], statistics.shape[used], index, frames)
        values[used] = undo_frames(errors, np.array(PREDICTORS)[usual])
        return values
    coefficients = np.zeros(0, dtype=np.int64)
    if mode == SEQUENCE:
        order, at = read_varint(data, at)
        if order > ORDER:
            raise _damaged(f"a prediction from {order} values")
        coefficients, at = read_signed_varints(data, at, order)
        if np.abs(coefficients).max(initial=0) > MAX_COEFFICIENT:
            raise _damaged("a coefficient is out of range")
    length, at = read_varint(data, at)
    end = at + length
    if end > len(data) or (len(data) - end) % WORD.itemsize:
        raise _damaged("lengths contradict each other")
    words = np.frombuffer(data[end:], dtype=WORD).astype(np.uint32)
    try:
        coder = constriction.stream.stack.AnsCoder(words)
    except ValueError as error:
        raise _damaged("its last word is zero") from error
    levels, chosen = statistics.expected(step)
    delta = np.zeros(count, dtype=np.int64)
    if mode == SEQUENCE:
        chosen = delta
    if mode == ADAPTED:
        chosen = chosen + _changes(coder, SWITCHES, count)
        if chosen.min() < 0 or chosen.max() >= len(PREDICTORS):
            raise _damaged("a prediction is unknown")
    if mode != EXPECTED:
        delta = _changes(coder, DELTAS, count)
    index = levels[chosen, np.arange(count)] + delta
    if index.min() < LOWEST or index.max() > HIGHEST:
        raise _damaged("a table is unknown")
    errors = np.empty((count, frames), dtype=np.int64)
    for kind, level, members in _groups(statistics.shape[used], index):
        found = table(kind, level)
        symbols = coder.decode(found.model, len(members) * frames).astype(np.int64)
        outside = symbols == 2 * found.reach + 1
        symbols -= found.reach
        symbols[outside], at = read_signed_varints(data[:end], at, int(outside.sum()))
        errors[members] = symbols.reshape(len(members), frames)
    if not coder.is_empty() or at != end:
        raise _damaged("bytes are left over")
    if mode == SEQUENCE:
        found_values = undo_sequence(errors, coefficients)
    else:
        found_values = undo_frames(errors, np.array(PREDICTORS)[chosen])
    if np.abs(found_values).max() > MAX_VALUE:
        raise _damaged("a value is out of range")
    values[used] = found_values
    return values


def _changes(coder: object, key: tuple[int, int], count: int) -> IntArray:
    found = table(*key)
    changes: IntArray = coder.decode(found.model, count).astype(np.int64) - found.reach  # type: ignore[attr-defined]
    return changes


def _groups(shape: IntArray, index: IntArray) -> Iterator[tuple[int, int, IntArray]]:
    """Yield shape, index and channels of each table, in an order that both sides know."""
    for kind, level in sorted({(int(k), int(i)) for k, i in zip(shape, index, strict=True)}):
        yield kind, level, np.flatnonzero((shape == kind) & (index == level))


def _damaged(what: str) -> BitstreamError:
    return BitstreamError(f"This .mla file is damaged: {what}. Fetch or encode it again.")


# How far a clip's scale may be from the calibrated one, in quarter-octaves.
REACH = 12
# Tables (shape, scale) of changes to expected scales and predictions.
DELTAS, SWITCHES = (0, 2), (0, -5)
EXPECTED, ADAPTED, SEQUENCE, MIXED = range(4)


@dataclass(frozen=True, eq=False)
class IntegerCalibration:
    """The whole-number part of a calibration.

    Attributes:
        scale: As in `musiclib.models.calibration.Calibration`, `(5, C)`.
        shape: The same, `(C,)`.
        sequence: Whether the channels of a frame follow each other in time.
    """

    scale: IntArray
    shape: IntArray
    sequence: bool = False

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


@dataclass(frozen=True, eq=False)
class Plan:
    """How a clip is coded; U counts the channels that are used.

    Attributes:
        mode: `EXPECTED`, `ADAPTED` or `SEQUENCE`.
        errors: What is left of the values after prediction, `(U, L)`.
        index: Table of each channel, `(U,)`.
        delta: The same less the expected one, `(U,)`.
        switch: Index of the prediction less the expected one, `(U,)`.
        coefficients: Of `SEQUENCE`; none otherwise.
    """

    mode: int
    errors: IntArray
    index: IntArray
    delta: IntArray
    switch: IntArray
    coefficients: IntArray


def make_plan(values: IntArray, statistics: IntegerCalibration, step: int) -> Plan:
    """Return the cheapest plan for quantised latents of used channels, `(U, L)`."""
    levels, usual = statistics.expected(step)
    shape = statistics.shape[statistics.used]
    everyone = np.arange(len(values))
    errors = np.stack([frame_errors(values, quarters) for quarters in PREDICTORS])
    costs = _costs(errors, shape, levels)
    plain = float(costs[usual, everyone, REACH].sum())
    nothing, none = np.zeros(len(values), dtype=np.int64), np.zeros(0, dtype=np.int64)
    mine = errors[usual, everyone]
    plans = [(plain, Plan(EXPECTED, mine, levels[usual, everyone], nothing, nothing, none))]

    costs += table(*DELTAS).bits[np.abs(np.arange(-REACH, REACH + 1))]
    costs += table(*SWITCHES).bits[
        np.abs(np.arange(len(PREDICTORS))[:, None, None] - usual[:, None])
    ]
    flat = costs.transpose(1, 0, 2).reshape(len(values), -1)
    chosen, place = np.divmod(flat.argmin(axis=1), 2 * REACH + 1)
    index = levels[chosen, everyone] + place - REACH
    mine = errors[chosen, everyone]
    found = Plan(ADAPTED, mine, index, place - REACH, chosen - usual, none)
    plans.append((float(flat.min(axis=1).sum()), found))

    if statistics.sequence:
        coefficients = fit_sequence(values)
        mine = sequence_errors(values, coefficients)
        costs = _costs(mine[None], shape, levels[:1])[0]
        costs += table(*DELTAS).bits[np.abs(np.arange(-REACH, REACH + 1))]
        delta = costs.argmin(axis=1) - REACH
        total = float(costs.min(axis=1).sum()) + 8 * len(to_signed_varints(coefficients.tolist()))
        found = Plan(SEQUENCE, mine, levels[0] + delta, delta, nothing, coefficients)
        plans.append((total, found))
    return min(plans, key=lambda pair: pair[0])[1]


def _costs(errors: IntArray, shape: IntArray, levels: IntArray) -> npt.NDArray[np.float64]:
    """Bits for each prediction, channel and table from `-REACH` to `REACH` about the expected one.

    Args:
        errors: `(P, U, L)`.
        shape: `(U,)`.
        levels: Expected tables, `(P, U)`.

    Returns:
        Bits, `(P, U, 2 * REACH + 1)`, infinite where there is no table.
    """
    costs = np.full((*levels.shape, 2 * REACH + 1), np.inf)
    sizes = np.abs(errors)
    for kind in np.unique(shape):
        mine = levels[:, shape == kind]
        low, high = max(int(mine.min()) - REACH, LOWEST), min(int(mine.max()) + REACH, HIGHEST)
        for level in range(low, high + 1):
            place = level - levels + REACH
            row, channel = np.nonzero((place >= 0) & (place <= 2 * REACH) & (shape == kind))
            found = table(int(kind), level)
            size = sizes[row, channel]
            bits = found.bits.take(size, mode="clip").sum(axis=1)  # beyond the reach: the escape
            outside = size > found.reach
            if outside.any():
                beyond = np.zeros(size.shape)
                beyond[outside] = 8.0 * signed_varint_length(size[outside])
                bits = bits + beyond.sum(axis=1)
            costs[row, channel, place[row, channel]] = bits
    return costs


ORDER = 32
# Coefficients count in 1/64.
UNIT_BITS = 6
HALF = 1 << UNIT_BITS - 1
MAX_COEFFICIENT = 2**15
_ENDLESS = 2.0**62


def frame_errors(values: IntArray, quarters: int) -> IntArray:
    """Return values `(C, L)` less `quarters / 4` of the frame before, rounded."""
    before = np.pad(values, ((0, 0), (1, 0)))[:, :-1]
    return values - (quarters * before + 2 >> 2)


def undo_frames(errors: IntArray, quarters: IntArray) -> IntArray:
    """Undo `frame_errors`, with a weight `(C,)` for each channel."""
    values = np.empty_like(errors.T)
    before = np.zeros(len(errors), dtype=np.int64)
    for frame, row in enumerate(errors.T):
        before = row + (quarters * before + 2 >> 2)
        values[frame] = before
    return values.T


def fit_sequence(values: IntArray) -> IntArray:
    """Return coefficients of linear prediction along the channels of one frame after the other.

    The channels of a waveform model are a signal at a low rate, cut into frames. The coefficients
    are those of least squares by the autocorrelation method, whole multiples of 1/64.

    Args:
        values: `(C, L)`.

    Returns:
        Coefficients of the last value, the one before it, and so on, `(32,)`, or none where the
        values are too few.
    """
    signal = values.T.ravel().astype(np.float64)
    if len(signal) <= 4 * ORDER or not signal.any():
        return np.zeros(0, dtype=np.int64)
    lags = np.array([signal[lag:] @ signal[: len(signal) - lag] for lag in range(ORDER + 1)])
    lags[0] *= 1.001  # a little white noise, so that the equations can be solved
    places = np.arange(ORDER)
    found = np.linalg.solve(lags[np.abs(places[:, None] - places)], lags[1:])
    coefficients: IntArray = np.rint(found * 2**UNIT_BITS).astype(np.int64)
    return coefficients


def sequence_errors(values: IntArray, coefficients: IntArray) -> IntArray:
    """Return values `(C, L)` less their linear prediction, rounded."""
    signal = values.T.ravel()
    sums = np.zeros_like(signal)
    for lag, weight in enumerate(coefficients.tolist(), 1):
        sums[lag:] += weight * signal[:-lag]
    errors: IntArray = (signal - (sums + HALF >> UNIT_BITS)).reshape(values.T.shape).T
    return errors


def undo_sequence(errors: IntArray, coefficients: IntArray) -> IntArray:
    """Undo `sequence_errors`."""
    order = len(coefficients)
    if order == 0:
        return errors
    # In float64, whose products BLAS adds up: whole numbers below 2^53 are exact there. A hostile
    # file's values may grow beyond, up to infinity; they end as numbers that are out of any range.
    signal = np.zeros(order + errors.size)
    weights = coefficients[::-1].astype(np.float64)
    windows = sliding_window_view(signal, order)
    known = errors.T.ravel().astype(np.float64).tolist()
    with np.errstate(over="ignore", invalid="ignore"):
        for place, (window, error) in enumerate(zip(windows, known, strict=False), order):
            signal[place] = error + (float(weights.dot(window)) + HALF) // 2**UNIT_BITS
    found = np.nan_to_num(signal[order:], nan=_ENDLESS, posinf=_ENDLESS, neginf=_ENDLESS)
    whole: IntArray = np.clip(found, -_ENDLESS, _ENDLESS).astype(np.int64)
    return whole.reshape(errors.T.shape).T


def to_signed_varints(values: Iterable[int]) -> bytes:
    """Return the bytes of numbers of both signs; the sign is the lowest bit."""
    return b"".join(to_varint(2 * v if v >= 0 else -2 * v - 1) for v in values)


def signed_varint_length(size: IntArray) -> IntArray:
    """Return how many bytes `to_signed_varints` needs for each size, or one more."""
    return 1 + np.searchsorted(64 * 128 ** np.arange(MAX_BYTES), size, side="right")


def read_signed_varints(data: bytes, at: int, count: int) -> tuple[IntArray, int]:
    """Return `count` numbers that start at `at`, and where they end.

    Raises:
        BitstreamError: There are fewer.
    """
    found = np.empty(min(count, len(data)), dtype=np.int64)
    for place in range(count):
        value, at = read_varint(data, at)  # ends with the data, however large the count is
        found[place] = value >> 1 ^ -(value & 1)
    return found, at

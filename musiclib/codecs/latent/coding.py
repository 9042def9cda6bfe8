"""Whole numbers to bytes and back: tables that both sides know, context mixing, codebook indices.

Latents `(C, L)` are predicted from those before them. What a calibration expects of all music fits
no single clip, so an encoder counts what each choice of prediction and table would cost
(`make_plan`), and says in the file what it chose where that is cheaper. What is left after
prediction is coded in one of two ways: with a table for each channel by an asymmetric numeral
system (Duda, arXiv 1311.2540) from the library constriction, or by context mixing. Nothing here is
a matter of floating point on the decoder's side.

A payload is a byte for the mode, and for `MIXED` the arithmetic coder's bytes. For tables follow
(mode `SEQUENCE`) the coefficients, then the length and the bytes of values that lie beyond their
table's range, then the coder's words. Indices of codebooks are the coder's words alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import cache
from typing import Any

import constriction
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from musiclib.codecs.base import MAX_BYTES, read_varint, to_varint
from musiclib.codecs.melic.entropy import (
    COUNT_BITS,
    LARGEST_VALUE,
    N_LATENT_INPUTS,
    NODES,
    PROBABILITY_BITS,
    READ,
    WRITE,
    Coder,
    Mixer,
    copied,
    fixed_constants,
    new_coder,
    new_mixer,
    read_whole,
    run_latents,
    written,
)
from musiclib.errors import BitstreamError, CodecError
from musiclib.models.calibration import PREDICTORS, SHAPES, STEPS_PER_OCTAVE, UNUSED

IntArray = npt.NDArray[np.int64]

WORD = np.dtype("<u4")
MAX_VALUE = 2**30
NO_CHANNELS = b"\0"
TABLES, MIXING = ENTROPIES = ("tables", "mixing")
EXPECTED, ADAPTED, SEQUENCE, MIXED = range(4)


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
    if not can_mix(errors):
        return in_tables
    mixed = bytes([MIXED]) + encode_mixed(errors, statistics.shape[statistics.used], index)
    return min(in_tables, mixed, key=len)


def _in_tables(values: IntArray, statistics: IntegerCalibration, step: int) -> bytes:
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
    return head + to_varint(len(beyond)) + beyond + _words(coder)


def decode(data: bytes, statistics: IntegerCalibration, step: int, frames: int) -> IntArray:
    """Return the values `(C, L)` that `encode` coded; those of unused channels are zero.

    Raises:
        BitstreamError: The bytes were not made by `encode`.
    """
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
        errors = decode_mixed(data[1:], statistics.shape[used], index, frames)
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
    if end > len(data):
        raise _damaged("lengths contradict each other")
    coder = _coder_of(data[end:])
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


# How far a clip's scale may be from the calibrated one, in quarter-octaves.
REACH = 12
# Tables (shape, scale) of changes to expected scales and predictions.
DELTAS, SWITCHES = (0, 2), (0, -5)


@dataclass(frozen=True, eq=False)
class IntegerCalibration:
    """The whole-number part of a `musiclib.models.calibration.Calibration`.

    Attributes:
        scale: `(5, C)`.
        shape: `(C,)`.
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
    """Bits of errors `(P, U, L)` with tables from `-REACH` to `REACH` about the expected `(P, U)`.

    Returns `(P, U, 2 * REACH + 1)`, infinite where there is no table.
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

    The channels `(C, L)` of a waveform model are a signal at a low rate, cut into frames.
    Coefficients `(32,)`, newest value first, are those of least squares by the autocorrelation
    method in 1/64; none where the values are too few.
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


# A table says how likely each whole number is when a Laplace or logistic variable is rounded. It is
# computed with `decimal`, whose every operation is rounded as its standard demands: floating-point
# exponentials differ in their last digit between processors, and one digit breaks a whole stream.
PRECISION_BITS = 24
TOTAL = 2**PRECISION_BITS
# Scales in units of the step, in quarter-octaves: 1/16 to 1024.
LOWEST, HIGHEST = -16, 40
LEAST_RANGE = 8
_RARE = Decimal(2) ** -17
_DIGITS = Context(prec=40, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, eq=False)
class Table:
    """Probabilities of `-reach` to `reach`, and of all that lies beyond (the escape).

    Attributes:
        reach: Largest size that has a probability of its own.
        weights: Weights of `-reach, ..., reach, escape`, `(2 * reach + 2,)`, each at least 1, with
            a sum of 2^24.
        bits: Cost of the sizes `0, ..., reach` and of the escape, `(reach + 2,)`.
        model: The same for constriction.
    """

    reach: int
    weights: IntArray
    bits: npt.NDArray[np.float64]
    model: Any


@cache
def table(shape: int, index: int) -> Table:
    """Return the table of a shape (an index into `SHAPES`) and a scale of `2 ** (index / 4)`."""
    if not (0 <= shape < len(SHAPES) and LOWEST <= index <= HIGHEST):
        raise ValueError(f"there is no table {shape}, {index}")
    with localcontext(_DIGITS):
        sides, escape = _masses(SHAPES[shape], index)
        reach = len(sides)
        count = 2 * reach + 2
        free = TOTAL - count
        side = np.array([int(mass * free) for mass in sides], dtype=np.int64)
        rest = max(int(escape * free), TOTAL >> 18)
    centre = free - 2 * int(side.sum()) - rest
    shares = np.concatenate([side[::-1], [centre], side, [rest]])
    # Constriction gives each symbol 1 / 2^24, and shares the other weights by these numbers. They
    # add up to what there is to share, so that its arithmetic has nothing to round.
    model = constriction.stream.model.Categorical(shares.astype(np.float64), perfect=False)
    weights = shares + 1
    return Table(reach, weights, PRECISION_BITS - np.log2(weights[reach:]), model)


def _masses(shape: str, index: int) -> tuple[list[Decimal], Decimal]:
    """Probabilities of 1, 2, ... up to where nearly nothing is left, and of what lies beyond."""
    root = Decimal(2).sqrt().sqrt()
    octaves, quarters = divmod(index, STEPS_PER_OCTAVE)
    scale = Decimal(2) ** octaves * root**quarters
    fall = (-1 / scale).exp()
    power = (Decimal("-0.5") / scale).exp()
    sides: list[Decimal] = []
    beyond = _tail(shape, power)
    while len(sides) < LEAST_RANGE or beyond > _RARE:
        power *= fall
        following = _tail(shape, power)
        sides.append(beyond - following)
        beyond = following
    return sides, 2 * beyond


def _tail(shape: str, power: Decimal) -> Decimal:
    """Probability above x, from `exp(-x / scale)`, for x of at least 0."""
    return power / 2 if shape == "laplace" else power / (1 + power)


@cache
def noisy_index(index: int, quarters: int) -> int:
    """Return the scale index of a prediction error once the prediction is quantised as well.

    The frame before is known up to its rounding error, which has a variance of a twelfth of the
    squared step; `quarters / 4` of it comes on top of the error itself.
    """
    index = max(LOWEST - 64, min(HIGHEST, index))
    with localcontext(_DIGITS):
        half_octaves = Decimal(2).sqrt() ** index
        total = half_octaves + Decimal(quarters**2) / (16 * 24)
        found = 2 * total.ln() / Decimal(2).ln()
        return int(found.to_integral_value(ROUND_HALF_EVEN))


# Context mixing does for latents what `musiclib.codecs.melic.entropy` does for a spectrum. Each
# whole number, less its prediction, is sent as a few yes-or-no decisions. How likely a yes is,
# several views of what is known say together: the channel's table, the same channel in the frames
# before, its neighbours, and how loud the frame is so far. All start at the table and learn from
# each decision, on both sides alike, so nothing has to be trained or sent.
MAX_CHANNELS = 512
# How much the expected distribution is trusted: the count that its contexts start with.
TRUST_CHANNEL, TRUST_SCALE = 16, 4
_CONTEXTS = 1 << 12
_SCALES = 64
_BYTES_A_VALUE = 48


def can_mix(errors: IntArray) -> bool:
    """Whether there are contexts for so many channels, and codes for values so large."""
    return len(errors) <= MAX_CHANNELS and int(np.abs(errors).max(initial=0)) < LARGEST_VALUE


def encode_mixed(errors: IntArray, shape: IntArray, index: IntArray) -> bytes:
    """Write prediction errors `(U, L)` of channels with expected tables `shape`, `index` `(U,)`.

    Raises:
        CodecError: There are more channels or larger values than it `can_mix`.
    """
    if not can_mix(errors):
        raise CodecError("these latents are too many or too large to be mixed")
    coder = new_coder(WRITE, room=errors.size * _BYTES_A_VALUE)
    _run(np.ascontiguousarray(errors, np.int32), shape, index, coder)
    return written(coder)


def decode_mixed(data: bytes, shape: IntArray, index: IntArray, frames: int) -> IntArray:
    """Read what `encode_mixed` wrote, `(U, L)` with `L = frames`.

    Raises:
        BitstreamError: The bytes do not end where the frames do.
    """
    if len(shape) > MAX_CHANNELS:
        raise BitstreamError("This .mla file is damaged: it mixes too many channels.")
    errors = np.zeros((len(shape), frames), np.int32)
    coder = new_coder(READ, data)
    if not (_run(errors, shape, index, coder) and read_whole(coder)):
        raise BitstreamError(
            "This .mla file is damaged: its latents do not end where its bytes do. Fetch or encode "
            "it again."
        )
    return errors.astype(np.int64)


def _run(errors: npt.NDArray[np.int32], shape: IntArray, index: IntArray, coder: Coder) -> bool:
    sizes = np.array([_mean_size(int(k), int(i)) for k, i in zip(shape, index, strict=True)])
    scale = (index - LOWEST).astype(np.int64)
    mixer = _mixer(tuple(shape.tolist()), tuple(index.tolist()))
    return bool(run_latents(errors, scale, sizes.astype(np.int64), mixer, fixed_constants(), coder))


@cache
def _conditional(shape: int, index: int) -> npt.NDArray[np.int64]:
    """Probability, of 2^22, that a size is larger than k if it is not smaller: `(16,)`.

    The last of them is for the sign, which is even.
    """
    found = table(shape, index)
    sizes = found.weights[found.reach : -1].copy()
    sizes[1:] *= 2
    # All that lies above k, the escape included; whole numbers below 2^25.
    above = np.append(np.cumsum(np.append(sizes, found.weights[-1])[::-1])[::-1][1:], 0)
    here = above[: len(sizes)] + sizes
    chance = (above[: len(sizes)] << PROBABILITY_BITS) // here
    whole = np.full(NODES, 1 << (PROBABILITY_BITS - 1), np.int64)
    count = min(NODES - 1, len(chance))
    whole[:count] = chance[:count]
    whole[count : NODES - 1] = chance[count - 1]
    return np.clip(whole, 1 << 7, (1 << PROBABILITY_BITS) - (1 << 7))


@cache
def _mean_size(shape: int, index: int) -> int:
    """Mean size of a table's values in 1/16, at least 1."""
    found = table(shape, index)
    sizes = found.weights[found.reach : -1] * np.arange(found.reach + 1)
    return max(1, int(2 * 16 * sizes.sum() // found.weights.sum()))


@cache
def _blank() -> Mixer:
    mixer = new_mixer((N_LATENT_INPUTS, _CONTEXTS * NODES, 2048, 16, 1536), fixed_constants())
    mixer.weights[:] = 65536 // N_LATENT_INPUTS  # views that agree are no more than one
    return mixer


def _mixer(shape: tuple[int, ...], index: tuple[int, ...]) -> Mixer:
    """Statistics that start at the expected distributions."""
    mixer = copied(_blank())
    slots = mixer.slots.reshape(N_LATENT_INPUTS, -1, NODES)
    for channel, (kind, level) in enumerate(zip(shape, index, strict=True)):
        chance = _conditional(kind, level) << COUNT_BITS
        rows = channel + 512 * np.arange(8)
        slots[0, channel, :-1] = (chance | TRUST_CHANNEL)[:-1]
        slots[5, rows, :-1] = (chance | TRUST_SCALE)[:-1]
    kinds = np.bincount(np.array(shape), minlength=2)
    usual = int(kinds.argmax())
    for level in range(LOWEST, HIGHEST + 1):
        chance = (_conditional(usual, level) << COUNT_BITS) | TRUST_SCALE
        rows = (level - LOWEST) + _SCALES * np.arange(_CONTEXTS // _SCALES)
        for view in (1, 2, 3, 4, 7):
            slots[view, rows, :-1] = chance[:-1]
    return mixer


# Indices of residual codebooks have a fixed table for each stage, which says how often training
# music used each of its codes.


def code_tables(counts: IntArray) -> tuple[Any, ...]:
    """Return constriction's models of stages whose codes were used `counts` `(S, K)` times."""
    tables = []
    for row in counts.astype(np.int64):
        free = TOTAL - len(row)
        # One use more each: a code that training music never used may still come.
        shares = (row + 1) * free // int((row + 1).sum())
        shares[shares.argmax()] += free - int(shares.sum())
        # Constriction gives each symbol 1 / 2^24 more, as in `table`.
        model = constriction.stream.model.Categorical(shares.astype(np.float64), perfect=False)
        tables.append(model)
    return tuple(tables)


def encode_indices(index: IntArray, tables: Sequence[Any]) -> bytes:
    """Code the indices `(s, L)` of the first s stages."""
    coder = constriction.stream.stack.AnsCoder()
    for row, model in reversed(list(zip(index, tables, strict=False))):  # last in, first out
        coder.encode_reverse(row.astype(np.int32), model)
    return _words(coder)


def decode_indices(data: bytes, tables: Sequence[Any], stages: int, frames: int) -> IntArray:
    """Return the indices `(stages, frames)` that `encode_indices` coded.

    Raises:
        BitstreamError: The bytes were not made by `encode_indices`.
    """
    if not 1 <= stages <= len(tables):
        raise _damaged(f"it has {stages} stages")
    coder = _coder_of(data)
    index = np.stack([coder.decode(model, frames) for model in tables[:stages]])
    if not coder.is_empty():
        raise _damaged("bytes are left over")
    return index.astype(np.int64)


def _words(coder: Any) -> bytes:
    return np.asarray(coder.get_compressed()).astype(WORD).tobytes()


def _coder_of(data: bytes) -> Any:
    """Return constriction's coder at the start of what `_words` returned."""
    if len(data) % WORD.itemsize:
        raise _damaged("its coder's bytes are no whole words")
    try:
        return constriction.stream.stack.AnsCoder(np.frombuffer(data, WORD).astype(np.uint32))
    except ValueError as error:
        raise _damaged("its last word is zero") from error


def _damaged(what: str) -> BitstreamError:
    return BitstreamError(f"This .mla file is damaged: {what}. Fetch or encode it again.")

"""Whole numbers `(C, L)` to bytes and back, with tables that both sides know.

Values are predicted from those before them. What is left is coded in one of two ways: with a table
for each channel by an asymmetric numeral system (Duda, arXiv 1311.2540) from the library
constriction, or by context mixing (`musiclib.codecs.latent.mixing`). Nothing here is a matter of
floating point on the decoder's side.

A payload is a byte for the mode, and for `MIXED` the arithmetic coder's bytes. For tables follow
(mode `SEQUENCE`) the coefficients, then the length and the bytes of values that lie beyond their
table's range, then the coder's words.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from musiclib.codecs.latent import mixing
from musiclib.codecs.latent.plan import (
    ADAPTED,
    DELTAS,
    EXPECTED,
    MIXED,
    SEQUENCE,
    SWITCHES,
    Statistics,
    make_plan,
)
from musiclib.codecs.latent.prediction import (
    MAX_COEFFICIENT,
    ORDER,
    frame_errors,
    undo_frames,
    undo_sequence,
)
from musiclib.codecs.latent.tables import HIGHEST, LOWEST, IntArray, table
from musiclib.codecs.latent.varint import read_signed_varints, to_signed_varints
from musiclib.codecs.varint import read_varint, to_varint
from musiclib.errors import BitstreamError
from musiclib.models.calibration import PREDICTORS

WORD = np.dtype("<u4")
MAX_VALUE = 2**30
NO_CHANNELS = b"\0"
TABLES, MIXING = ENTROPIES = ("tables", "mixing")


def encode(values: IntArray, statistics: Statistics, step: int, entropy: str = TABLES) -> bytes:
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


def _in_tables(values: IntArray, statistics: Statistics, step: int) -> bytes:
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


def decode(data: bytes, statistics: Statistics, step: int, frames: int) -> IntArray:
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

"""The entropy coder of Melic: trained tables, a mixer that learns, arithmetic coding.

Every number is sent as a few yes-or-no decisions. Several tables, each with its own view of what is
known already, say how likely a yes is. A small network without hidden layers (a logistic mixer)
joins their guesses, learns from each decision, and an arithmetic coder spends as many bits as the
decision was surprising. Mixing: Mahoney, "Adaptive weighing of context models for lossless data
compression" (Florida Tech, 2005). All of it is done in whole numbers, and one compiled pass over
the frames (`run`) measures, writes or reads them, so that the three agree. Of a frame these are the
scale factors of bands (`levels`) and the quantised coefficients (`values`); `gain` is the global
step of the quantiser.

Numba keeps the compiled pass beside this file for as long as the file stays as it is. It does not
look into other files, so everything that is compiled has to stand in this one: no function and no
constant of it may be imported from elsewhere in musiclib.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from musiclib.errors import BitstreamError, CheckpointError, CodecError, TrainingError
from musiclib.files import replace_file
from musiclib.models.transform import (
    EDGES,
    LARGEST_GAIN,
    N_BANDS,
    N_BINS,
    WEIGHTS,
    Frames,
    QuantiserSetting,
    analyse,
    band_of_bin,
    step_exponents,
)
from musiclib.training.trained import shipped_folder

if TYPE_CHECKING:
    from typing import Self

IntArray = npt.NDArray[np.int32]

MEASURE, WRITE, READ = 0, 1, 2
NODES = 16  # decisions of one number that have statistics of their own
PROBABILITY_BITS, COUNT_BITS = 22, 9
LIMIT = 2815  # of a stretched probability: 11 nepers in 1/256
STRETCH_BITS = 14
APM_CELLS, APM_SHIFT = 45, 7
LEAST, MOST = 3, 65533  # of 65536
# Values above this go on in an Exp-Golomb code without statistics.
UNARY = 15
LARGEST_VALUE = 1 << 15
LARGEST_LEVEL = 47
N_LEVEL_INPUTS, N_VALUE_INPUTS, N_LATENT_INPUTS = 14, 14, 9
PAD = 4
FIRST_AGE = 15


class Mixer(NamedTuple):
    """Statistics and weights of one kind of number; all int32.

    Attributes:
        slots: Probability and count of each context, `(inputs, contexts)`.
        weights: Weight sets, `(sets, inputs)`.
        blend: Weights that join the sets, `(rows, 3)`.
        apm: Corrections of the final probability, `(rows, 45)`.
    """

    slots: IntArray
    weights: IntArray
    blend: IntArray
    apm: IntArray


class Constants(NamedTuple):
    """Fixed numbers: all int32.

    Attributes:
        stretch: Logit of a probability of 14 bits, in 1/256.
        squash: Its inverse, 16 bits.
        rates: How far a probability moves at each count, of 65536.
        learning: Learning rates of weights, of the blend and of corrections (of 1024), and the
            largest count.
    """

    stretch: IntArray
    squash: IntArray
    rates: IntArray
    learning: IntArray


class Layout(NamedTuple):
    """What the front end fixes: all int32.

    Attributes:
        band: Band of each bin.
        lower: Lower band that the envelope of a bin is made of.
        upper_weight: Weight of the band above it, of 256.
        offset: Step of each bin at gain 0 and level 0.
        edges: First bin of each band, and the number of bins, `(B + 1,)`.
        power: Mean square of a coefficient in 1/16 squared steps, for each ratio of the envelope
            to the step, `(64,)`.
        factor: Factors, of 4096, for differences between steps, from -2048 upwards, `(256,)`.
    """

    band: IntArray
    lower: IntArray
    upper_weight: IntArray
    offset: IntArray
    edges: IntArray
    power: IntArray
    factor: IntArray


class History(NamedTuple):
    """What the last frames left behind: all int32, channels first.

    Attributes:
        levels: Of the last frame, `(C, B)`; -1 before the first.
        changes: Last step of each band, `(C, B + 1)`.
        last: Last step that was not 0, `(C, B)`.
        age: Frames since then, `(C, B)`.
        mean: Slow mean of levels in 1/16, `(C, B)`.
        evidence: Sizes in each band of the last frame, `(C, B)`.
        sizes: Sizes of the last three frames, newest first, padded, `(C, 3, N + 8)`.
        trail: Fading mean of sizes at each bin in 1/64 of the present step, padded, `(C, N + 8)`.
        slow: The same with a longer memory.
        steps: Steps of the last frame, `(C, N)`.
        busy: How many levels changed in the last frame, `(C,)`.
    """

    levels: IntArray
    changes: IntArray
    last: IntArray
    age: IntArray
    mean: IntArray
    evidence: IntArray
    sizes: IntArray
    trail: IntArray
    slow: IntArray
    steps: IntArray
    busy: IntArray


class Coder(NamedTuple):
    """Arithmetic coder.

    Attributes:
        registers: low, high, code, position, mode, frames of values so far; int64.
        data: Bytes read or written; uint8.
        bits: Ideal bits of: levels, zero or not, sizes, signs; float64.
        trace: For as many frames as it holds, bits of each value: whether it is zero, and the rest
            of it; `(frames, N, 2)`, float64.
    """

    registers: npt.NDArray[np.int64]
    data: npt.NDArray[np.uint8]
    bits: npt.NDArray[np.float64]
    trace: npt.NDArray[np.float64]


class Scratch(NamedTuple):
    """Room for one decision: its contexts, their logits, and its three weight sets, blend, apm."""

    base: npt.NDArray[np.int64]
    inputs: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]


@numba.njit(nogil=True)
def _clip(x, low, high):  # type: ignore[no-untyped-def]
    """Return the nearest number in a range."""
    return low if x < low else (high if x > high else x)


@numba.njit(nogil=True)
def _log_step(x):  # type: ignore[no-untyped-def]
    """Whole number to about the fourth root of two: 0, 1, 2 ... 31."""
    if x < 8:
        return x
    octave = 0
    while x >= 16:
        x >>= 1
        octave += 1
    return min(8 + octave * 4 + ((x - 8) >> 1), 31)


@numba.njit(nogil=True)
def _shift_out(coder):  # type: ignore[no-untyped-def]
    """Move the bytes on which both ends of the interval agree."""
    r = coder.registers
    while ((r[0] ^ r[1]) & 0xFF000000) == 0:
        if r[4] == WRITE:
            coder.data[r[3]] = r[1] >> 24
        r[0] = (r[0] << 8) & 0xFFFFFFFF
        r[1] = ((r[1] << 8) & 0xFFFFFFFF) | 255
        if r[4] == READ:
            byte = coder.data[r[3]] if r[3] < len(coder.data) else 0
            r[2] = ((r[2] << 8) & 0xFFFFFFFF) | byte
        r[3] += 1


@numba.njit(nogil=True)
def _code(coder, bit, probability):  # type: ignore[no-untyped-def]
    """Send or read one decision; `probability` of yes in 1/65536."""
    r = coder.registers
    middle = r[0] + (((r[1] - r[0]) * probability) >> 16)
    if r[4] == READ:
        bit = 1 if r[2] <= middle else 0
    if bit:
        r[1] = middle
    else:
        r[0] = middle + 1
    _shift_out(coder)
    return bit


@numba.njit(nogil=True)
def _send_half(coder, bit):  # type: ignore[no-untyped-def]
    """Send or read a decision that is as likely as not."""
    if coder.registers[4] != MEASURE:
        return _code(coder, bit, 32768)
    return bit


@numba.njit(nogil=True)
def _decide(coder, bit, n, node, mixer, constants, scratch, part):  # type: ignore[no-untyped-def]
    """Guess a decision, send or read it, learn from it."""
    base, inputs, rows = scratch.base, scratch.inputs, scratch.rows
    slots, weights = mixer.slots, mixer.weights
    w0, w1, w2, row = rows[0], rows[1], rows[2], rows[3]
    dot0, dot1, dot2 = np.int64(0), np.int64(0), np.int64(0)
    for i in range(n):
        s = np.int64(constants.stretch[slots[i, base[i] * NODES + node] >> (COUNT_BITS + 8)])
        inputs[i] = s
        dot0 += weights[w0, i] * s
        dot1 += weights[w1, i] * s
        dot2 += weights[w2, i] * s
    s0 = _clip(dot0 >> 16, -LIMIT, LIMIT)
    s1 = _clip(dot1 >> 16, -LIMIT, LIMIT)
    s2 = _clip(dot2 >> 16, -LIMIT, LIMIT)
    blend = mixer.blend
    s = _clip((blend[row, 0] * s0 + blend[row, 1] * s1 + blend[row, 2] * s2) >> 16, -LIMIT, LIMIT)
    p = np.int64(constants.squash[s + LIMIT])
    cell, part_of = (s + LIMIT) >> APM_SHIFT, (s + LIMIT) & 127
    a0, a1 = rows[4], rows[5]
    apm = mixer.apm
    p0 = (apm[a0, cell] * (128 - part_of) + apm[a0, cell + 1] * part_of) >> 7
    p1 = (apm[a1, cell] * (128 - part_of) + apm[a1, cell + 1] * part_of) >> 7
    final = _clip((2 * p + p0 + p1) >> 2, LEAST, MOST)
    if coder.registers[4] != MEASURE:
        bit = _code(coder, bit, final)
    else:
        coder.bits[part] -= np.log2((final if bit else 65536 - final) * (1.0 / 65536.0))
    # The weights follow the gradient of the bits spent.
    rate = constants.learning
    target = bit << 16
    e0 = (target - constants.squash[s0 + LIMIT]) * rate[0]
    e1 = (target - constants.squash[s1 + LIMIT]) * rate[0]
    e2 = (target - constants.squash[s2 + LIMIT]) * rate[0]
    e = (target - p) * rate[1]
    blend[row, 0] += (s0 * e + (1 << 17)) >> 18
    blend[row, 1] += (s1 * e + (1 << 17)) >> 18
    blend[row, 2] += (s2 * e + (1 << 17)) >> 18
    goal = ((1 << PROBABILITY_BITS) - 1) if bit else 0
    limit = rate[3]
    for i in range(n):
        weights[w0, i] += (inputs[i] * e0 + (1 << 17)) >> 18
        weights[w1, i] += (inputs[i] * e1 + (1 << 17)) >> 18
        weights[w2, i] += (inputs[i] * e2 + (1 << 17)) >> 18
        place = base[i] * NODES + node
        slot = np.int64(slots[i, place])
        value, count = slot >> COUNT_BITS, slot & ((1 << COUNT_BITS) - 1)
        value += ((goal - value) * constants.rates[count]) >> 16
        slots[i, place] = (value << COUNT_BITS) | (count + 1 if count < limit else count)
    goal = 65535 if bit else 0
    apm[a0, cell] += ((goal - apm[a0, cell]) * rate[2]) >> 10
    apm[a0, cell + 1] += ((goal - apm[a0, cell + 1]) * rate[2]) >> 10
    apm[a1, cell] += ((goal - apm[a1, cell]) * rate[2]) >> 10
    apm[a1, cell + 1] += ((goal - apm[a1, cell + 1]) * rate[2]) >> 10
    return bit


@numba.njit(nogil=True)
def _send_levels(levels, c, gain, layout, history, mixer, constants, coder, scratch, mid):  # type: ignore[no-untyped-def]
    """Send or read the levels of a frame; `mid` (B,) holds the steps of the other channel."""
    n_bands = len(levels)
    base, rows = scratch.base, scratch.rows
    old, changes, last = history.levels[c], history.changes[c], history.last[c]
    age, mean, evidence = history.age[c], history.mean[c], history.evidence[c]
    reading = coder.registers[4] == READ
    coarse = gain >> 4
    d1, d2, count, drift = 0, 0, 0, 0
    for b in range(n_bands):
        first = old[b] < 0
        before = old[b]
        if first:
            before = levels[b - 1] if b > 0 else 20
        lower = levels[b - 1] if b > 0 else before
        above = old[b + 1] if b < n_bands - 1 and not first else before
        rel = _clip(lower - before, -8, 7) + 8
        rel_up = _clip(above - before, -8, 7) + 8
        aged = age[b] if age[b] < 7 else (7 if age[b] < 12 else (8 if age[b] < 24 else 9))
        if first:
            aged = FIRST_AGE
        c1, c2 = _clip(d1, -3, 3) + 3, _clip(d2, -2, 2) + 2
        cp, cu = _clip(changes[b], -3, 3) + 3, _clip(changes[b + 1], -2, 2) + 2
        cl = _clip(last[b], -2, 2) + 2
        off = _clip((before * 16 - mean[b]) >> 4, -8, 7) + 8
        ev = evidence[b]
        dm = _clip(mid[b], -3, 3) + 3
        dr = _clip(drift, -3, 3) + 3
        base[0] = coarse | b << 4 | aged << 9
        base[1] = c1 | c2 << 3 | cp << 6 | cu << 9
        base[2] = rel | rel_up << 4 | aged << 8
        base[3] = b | rel << 5 | c1 << 9
        base[4] = ev | c1 << 4 | (coarse >> 1) << 7 | cp << 10
        base[5] = b | before << 5
        base[6] = off | aged << 4 | cl << 8
        base[7] = min(count, 7) | dr << 3 | b << 6
        base[8] = c1 | cp << 3 | cl << 6 | aged << 9
        base[9] = coarse | min(count, 7) << 4 | c1 << 7 | aged << 10
        base[10] = dm | c1 << 3 | off << 6 | c << 10
        # What was sent of the band lately, beside what its level would make one expect.
        start, end = layout.edges[b], layout.edges[b + 1]
        step = ((before * 256 * 154) >> 8) + layout.offset[(start + end) >> 1] + 16 * gain
        expected = _clip(((before * 256 - step) >> 7) + 16, 0, 63)
        total = np.int64(0)
        for j in range(start + PAD, end + PAD):
            total += history.trail[c, j]
        base[11] = (
            _log_step((total >> 1) // (end - start)) | (expected >> 1) << 5 | min(ev, 3) << 10
        )
        base[12] = _log_step(history.busy[c]) | coarse << 4 | min(count, 7) << 8
        below = min(age[b - 1], 3) if b > 0 else 3
        beyond = min(age[b + 1], 3) if b < n_bands - 1 else 3
        base[13] = aged | below << 4 | beyond << 6 | rel << 8
        node, size, up = 0, 0, 0
        change = levels[b] - before
        while True:
            if node == 0:
                bit = 1 if change != 0 else 0
            elif node == 1:
                bit = 1 if change > 0 else 0
            else:
                bit = 1 if abs(change) > size else 0
            rows[0] = node * 32 + c1
            rows[1] = 512 + node * 32 + aged
            rows[2] = 1024 + node * 32 + b
            rows[3] = node * 32 + aged
            rows[4] = node * 32 + coarse
            rows[5] = 512 + node * 32 + b
            bit = _decide(coder, bit, N_LEVEL_INPUTS, node, mixer, constants, scratch, 0)
            if node == 0:
                if not bit:
                    change = 0
                    break
                node = 1
            elif node == 1:
                up = bit
                size = 1
                node = 2 + up
            else:
                if not bit:
                    break
                size += 1
                node = min(2 * size + up, 12 + up)
            if size >= LARGEST_LEVEL:
                break
        if reading and node > 0:
            change = size if up else -size
        level = _clip(before + change, 0, LARGEST_LEVEL)
        levels[b] = level
        d2, d1 = d1, level - before
        if first:
            mean[b] = level * 16
            d1 = 0
        mean[b] += (level * 16 - mean[b] + 8) >> 4
        count += 1 if d1 != 0 else 0
        drift += _clip(d1, -1, 1)
        old[b] = level
        changes[b] = d1
        mid[b] = d1
        if d1 != 0:
            last[b] = d1
            age[b] = 0
        else:
            age[b] = min(age[b] + 1, 255)
    history.busy[c] = count


@numba.njit(nogil=True)
def _send_tail(value, coder):  # type: ignore[no-untyped-def]
    """Exp-Golomb code of what is beyond the unary part."""
    reading = coder.registers[4] == READ
    rest = value - UNARY + 1
    width = 0
    while width < 15:
        bit = _send_half(coder, 1 if (rest >> (width + 1)) > 0 else 0)
        if not bit:
            break
        width += 1
    found = 1
    for i in range(width - 1, -1, -1):
        found = found << 1 | _send_half(coder, (rest >> i) & 1)
    coder.bits[2] += 2 * width + 1
    return min(found + UNARY - 1, LARGEST_VALUE - 1) if reading else value


@numba.njit(nogil=True)
def _send_size(size, n, starts, strides, mixer, constants, coder, scratch):  # type: ignore[no-untyped-def]
    """Send or read a size; each decision's rows are `starts` and so many `strides`."""
    found = 0
    while True:
        for i in range(6):
            scratch.rows[i] = starts[i] + found * strides[i]
        bit = 1 if size > found else 0
        part = 1 if found == 0 else 2
        bit = _decide(coder, bit, n, found, mixer, constants, scratch, part)
        if not bit:
            return found
        found += 1
        if found == UNARY:
            return _send_tail(size, coder)


@numba.njit(nogil=True)
def _beyond_end(coder):  # type: ignore[no-untyped-def]
    """Whether reading has gone too far beyond the end."""
    r = coder.registers
    return r[4] == READ and r[3] > len(coder.data) + 8


@numba.njit(nogil=True)
def _send_values(values, c, levels, gain, layout, history, mixer, constants, coder, scratch):  # type: ignore[no-untyped-def]
    """Send or read the quantised coefficients of a frame."""
    n, base = len(values), scratch.base
    sizes, trail, slow = history.sizes[c], history.trail[c], history.slow[c]
    steps, edges = history.steps[c], layout.edges
    reading = coder.registers[4] == READ
    now, p, o, q = np.zeros(n + 2 * PAD, np.int32), sizes[0], sizes[1], sizes[2]
    middle = history.sizes[0, 0]
    band_sum = np.zeros(len(levels), np.int64)
    energy, left = np.int64(0), 0
    row = coder.registers[5]
    starts, strides = np.zeros(6, np.int64), np.array([32, 64, 32, 1, 64, 64])
    for k in range(n):
        j = k + PAD
        low = layout.lower[k]
        upper = np.int64(layout.upper_weight[k])
        envelope = levels[low] * (256 - upper) + levels[low + 1] * upper
        step = ((envelope * 154) >> 8) + layout.offset[k] + 16 * gain
        finer = steps[k] - step
        if finer != 0:
            # What is remembered is counted in steps, so it changes with them.
            factor = np.int64(layout.factor[(_clip(finer, -2048, 2047) + 2048) >> 4])
            trail[j] = min((trail[j] * factor) >> 12, 1 << 24)
            slow[j] = min((slow[j] * factor) >> 12, 1 << 24)
        steps[k] = step
    for k in range(n):
        j = k + PAD
        b = np.int64(layout.band[k])
        low = layout.lower[k]
        upper = np.int64(layout.upper_weight[k])
        envelope = levels[low] * (256 - upper) + levels[low + 1] * upper
        r = _clip(((envelope - steps[k]) >> 7) + 16, 0, 63)
        n1, n2, n3, n4 = now[j - 1], now[j - 2], now[j - 3], now[j - 4]
        p0, pm, pp = p[j], p[j - 1], p[j + 1]
        o0, om, op = o[j], o[j - 1], o[j + 1]
        s1 = 2 * n1 + n2 + 2 * p0 + pm + pp
        s2 = n1 + n2 + n3 + n4 + p0 + pm + pp + p[j - 2] + p[j + 2] + o0 + om + op + q[j]
        s3 = trail[j]
        s4 = trail[j - 1] + trail[j + 1]
        expected = 32 * n1 + 16 * n2 + 8 * (n3 + n4) + 16 * (pm + pp) + 2 * s3 + s4 + slow[j]
        l1, l2, l3, l4 = _log_step(s1), _log_step(s2), _log_step(s3 >> 2), _log_step(s4 >> 2)
        l5, l6 = _log_step(slow[j] >> 1), _log_step((slow[j - 1] + slow[j + 1]) >> 1)
        le = _log_step(expected >> 3)
        # The level says how much power the band has: the rest of it is for the bins that are left.
        if k == edges[b]:
            energy, left = np.int64(0), edges[b + 1] - edges[b]
        flat = _clip(((levels[b] * 256 - steps[k]) >> 7) + 16, 0, 63)
        missing = layout.power[flat] * np.int64(edges[b + 1] - edges[b]) - energy
        lm = 1 + min(_log_step(missing // left), 30) if missing > 0 else 0
        base[0] = min(n1, 3) | min(n2, 3) << 2 | min(p0, 3) << 4 | min(pm, 2) << 6 | min(pp, 2) << 8
        base[1] = l1 | (r >> 1) << 5
        base[2] = r | b << 6
        base[3] = min(p0, 7) | min(o0, 7) << 3 | min(q[j], 3) << 6 | min(n1, 3) << 8
        base[4] = l2 | b << 5
        base[5] = k | min(s1, 7) << 8
        base[6] = l2 | (l1 >> 1) << 5 | (l3 >> 2) << 9
        base[7] = (
            min(n1 + n2, 7) | min(p0 + pm + pp, 7) << 3 | min(o0 + om + op, 7) << 6 | (r >> 3) << 9
        )
        base[8] = l5 | l6 << 5 | min(p0, 2) << 10
        base[9] = l3 | r << 5
        base[10] = lm | min(left - 1, 3) << 5 | min(n1, 2) << 7 | min(s3 >> 4, 7) << 9
        base[11] = le | r << 5
        base[12] = le | lm << 5
        if c == 0:
            base[13] = l3 | l4 << 5 | min(n1, 1) << 10
        else:
            m0, around = middle[j], middle[j - 1] + middle[j + 1]
            base[13] = (1 << 12) | min(m0, 7) | min(around, 7) << 3 | (le >> 1) << 6
        value = values[k]
        of_zeros, of_sizes = coder.bits[1], coder.bits[2]
        starts[0], starts[1], starts[2], starts[4], starts[5] = l2, 512 + r, 1536 + le, r, 1024 + le
        size = _send_size(
            abs(value), N_VALUE_INPUTS, starts, strides, mixer, constants, coder, scratch
        )
        if size > 0:
            negative = _send_half(coder, 1 if value < 0 else 0)
            coder.bits[3] += 1
            if reading:
                value = -size if negative else size
        elif reading:
            value = 0
        values[k] = value
        now[j] = size
        band_sum[b] += size
        left -= 1
        energy += 16 * np.int64(size) * size if size > 0 else 1
        if row < len(coder.trace):
            coder.trace[row, k, 0] = coder.bits[1] - of_zeros
            coder.trace[row, k, 1] = coder.bits[2] - of_sizes + min(size, 1)
    coder.registers[5] += 1
    for k in range(n):
        j = k + PAD
        trail[j] += (now[j] * 64 - trail[j] + 1) >> 2
        slow[j] += (now[j] * 64 - slow[j] + 4) >> 3
        sizes[2, j], sizes[1, j], sizes[0, j] = sizes[1, j], sizes[0, j], now[j]
    for band in range(len(levels)):
        history.evidence[c, band] = min(_log_step(band_sum[band]), 15)


@numba.njit(cache=True, nogil=True)
def run(levels, values, gain, layout, history, of_levels, of_values, constants, coder):  # type: ignore[no-untyped-def]
    """Measure, write or read frames; return False once reading has gone too far beyond the end.

    `levels` `(C, T, B)` and `values` `(C, T, N)` are filled when reading; history and mixers are
    changed in place.
    """
    n_channels, n_frames, n_bands = levels.shape
    scratch = Scratch(np.zeros(16, np.int64), np.zeros(16, np.int64), np.zeros(6, np.int64))
    for t in range(n_frames):
        steps = np.zeros(n_bands, np.int64)
        for c in range(n_channels):
            row, bins = levels[c, t], values[c, t]
            _send_levels(row, c, gain, layout, history, of_levels, constants, coder, scratch, steps)
            _send_values(bins, c, row, gain, layout, history, of_values, constants, coder, scratch)
        if _beyond_end(coder):
            return False
    return True


@numba.njit(cache=True, nogil=True)
def run_latents(errors, scale, expected, mixer, constants, coder):  # type: ignore[no-untyped-def]
    """Measure, write or read an autoencoder's whole-number latents, less their prediction.

    Args:
        errors: `(U, L)`, int32, filled when reading.
        scale: Index of each channel's expected distribution, 0 to 63, `(U,)`.
        expected: Mean size that each channel's distribution has, in 1/16, `(U,)`.
        mixer: Changed in place.
        constants: Fixed numbers.
        coder: Arithmetic coder.

    Returns:
        False once reading has gone too far beyond the end.
    """
    n, n_frames = errors.shape
    base, rows = np.zeros(N_LATENT_INPUTS, np.int64), np.zeros(6, np.int64)
    scratch = Scratch(base, np.zeros(N_LATENT_INPUTS, np.int64), rows)
    last, older = np.zeros(n + 2 * PAD, np.int64), np.zeros(n + 2 * PAD, np.int64)
    now, signs = np.zeros(n + 2 * PAD, np.int64), np.zeros(n, np.int64)
    trail = np.zeros(n, np.int64)
    for c in range(n):
        trail[c] = 4 * expected[c]
    starts, strides = np.zeros(6, np.int64), np.array([64, 32, 32, 1, 64, 32])
    reading = coder.registers[4] == READ
    loud = 16
    for t in range(n_frames):
        spent, hoped = np.int64(0), np.int64(0)
        for c in range(n):
            j = c + PAD
            s = scale[c]
            p0, o0 = last[j], older[j]
            beside = 2 * (now[j - 1] + now[j - 2]) + now[j - 3] + now[j - 4]
            before = 2 * p0 + o0 + last[j - 1] + last[j + 1] + last[j - 2] + last[j + 2]
            # How loud this frame is beside what was expected of its channels so far, 16 at par.
            ratio = _log_step((256 * spent + 32 * expected[c]) // (hoped + 2 * expected[c] + 1))
            slow = _log_step(trail[c] >> 1)
            base[0] = c
            base[1] = s | min(p0, 7) << 6 | min(o0, 3) << 9
            base[2] = s | ratio << 6
            base[3] = s | _log_step(beside) << 6
            base[4] = s | _log_step(before) << 6
            base[5] = c | min(loud >> 2, 7) << 9
            base[6] = ratio | min(p0, 3) << 5 | min(now[j - 1], 3) << 7 | min(before, 7) << 9
            base[7] = s | slow << 6
            base[8] = slow | ratio << 5
            value = errors[c, t]
            starts[0], starts[1], starts[2] = s, 1024 + ratio, 1536 + slow
            starts[4], starts[5] = s, 1024 + slow
            size = _send_size(
                abs(value), N_LATENT_INPUTS, starts, strides, mixer, constants, coder, scratch
            )
            if size > 0:
                sign = signs[c] + 1
                for i in range(N_LATENT_INPUTS):
                    base[i] = sign * 4 + min(p0, 3)
                base[0] = c * 3 + sign
                rows[0] = rows[4] = UNARY * 64
                rows[1] = rows[5] = 1024 + UNARY * 32
                rows[2], rows[3] = 1536 + UNARY * 32, UNARY
                bit = 1 if value < 0 else 0
                negative = _decide(coder, bit, N_LATENT_INPUTS, UNARY, mixer, constants, scratch, 3)
                if reading:
                    value = -size if negative else size
                signs[c] = -1 if value < 0 else 1
            else:
                signs[c] = 0
                value = 0
            errors[c, t] = value
            now[j] = size
            spent += size
            hoped += expected[c]
            trail[c] += (64 * size - trail[c] + 2) >> 2
        loud = _log_step((256 * spent + 16) // (hoped + 1))
        for j in range(n + 2 * PAD):
            older[j], last[j] = last[j], now[j]
            now[j] = 0
        if _beyond_end(coder):
            return False
    return True


_FORMAT = "musiclib context tables 1"
# Inputs, contexts of each, weight sets, rows of the blend, rows of corrections.
_LEVEL_SHAPE = (N_LEVEL_INPUTS, 1 << 18, 1536, 512, 1024)
_VALUE_SHAPE = (N_VALUE_INPUTS, 1 << 17, 2048, 16, 2048)
# Decimal arithmetic is the same on every machine.
_DIGITS = Context(prec=30, rounding=ROUND_HALF_EVEN)
_COUNT = (1 << COUNT_BITS) - 1
_LOW_BITS = PROBABILITY_BITS - 16


@dataclass(frozen=True, eq=False)
class ContextTables:
    """What the coder knows at the start, and the record of how it was trained."""

    of_levels: Mixer
    of_values: Mixer
    constants: Constants
    record: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def untrained(cls) -> ContextTables:
        """Tables that know nothing: every decision is as likely as not."""
        constants = fixed_constants()
        return cls(
            new_mixer(_LEVEL_SHAPE, constants), new_mixer(_VALUE_SHAPE, constants), constants
        )

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of all that decides a stream, 32 bytes: the identity of the tables."""
        state = hashlib.sha256(_FORMAT.encode())
        for name, array in sorted(self._arrays().items()):
            state.update(f"{name} {array.dtype.str} {array.shape}".encode())
            state.update(np.ascontiguousarray(array).data)
        return state.digest()

    def rounded(self, count: int) -> ContextTables:
        """The tables as a file keeps them; the smaller `count`, the faster they follow a piece."""
        mixers = (_rounded(self.of_levels, count), _rounded(self.of_values, count))
        return ContextTables(*mixers, self.constants, self.record)

    def save(self, path: str | Path) -> None:
        """Write a file, whole or not at all. Tables must have been rounded."""
        stream = io.BytesIO()
        text = json.dumps(self.record, sort_keys=True)
        record = np.frombuffer(text.encode(), np.uint8)
        np.savez_compressed(stream, record=record, format=np.array(_FORMAT), **self._arrays())
        replace_file(Path(path), stream.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> ContextTables:
        """Read a file that `save` wrote. No code in it is run.

        Raises:
            CheckpointError: It is missing, damaged, or of another version.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                if str(file["format"]) != _FORMAT:
                    raise CheckpointError(f"{path} has context tables of another version")
                record = json.loads(file["record"].tobytes())
                found = {name: file[name] for name in file.files if "." in name}
            blank = cls.untrained()
            like = blank._arrays()
            for name, array in like.items():
                if found[name].shape != array.shape or found[name].dtype != array.dtype:
                    raise CheckpointError(f"{path}: {name} has another shape; train it anew")
            mixers = (_read(found, "levels"), _read(found, "values"))
            parts = (np.asarray(found[f"constants.{name}"]) for name in Constants._fields)
            return cls(*mixers, Constants(*parts), record)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError) as error:
            message = f"cannot read context tables from {path}: {error}; download the file again"
            raise CheckpointError(message) from error

    def _arrays(self) -> dict[str, Any]:
        arrays: dict[str, Any] = {}
        for kind, mixer in (("levels", self.of_levels), ("values", self.of_values)):
            chances = mixer.slots >> (COUNT_BITS + _LOW_BITS)
            arrays[f"{kind}.chances"] = chances.astype("<u2")
            arrays[f"{kind}.counts"] = (mixer.slots & _COUNT).astype(np.uint8)
            for name in ("weights", "blend", "apm"):
                arrays[f"{kind}.{name}"] = getattr(mixer, name).astype("<i4")
        for name in Constants._fields:
            arrays[f"constants.{name}"] = getattr(self.constants, name).astype("<i4")
        return arrays


def _read(found: dict[str, Any], kind: str) -> Mixer:
    slots = _slots(found[f"{kind}.chances"], found[f"{kind}.counts"])
    rest = (found[f"{kind}.{name}"].astype(np.int32) for name in ("weights", "blend", "apm"))
    return Mixer(slots, *rest)


def _slots(chances: Any, counts: Any) -> IntArray:
    middle = 1 << (_LOW_BITS - 1)
    fine = (chances.astype(np.int32) << _LOW_BITS) | middle
    return np.asarray((fine << COUNT_BITS) | counts.astype(np.int32), np.int32)


def _rounded(mixer: Mixer, count: int) -> Mixer:
    counts = np.minimum(mixer.slots & _COUNT, count)
    slots = _slots(mixer.slots >> (COUNT_BITS + _LOW_BITS), counts)
    return Mixer(slots, mixer.weights.copy(), mixer.blend.copy(), mixer.apm.copy())


def copied(mixer: Mixer) -> Mixer:
    """A mixer that learns on its own."""
    return Mixer(*(array.copy() for array in mixer))


def new_history(channels: int) -> History:
    """History before the first frame."""

    def zeros(*shape: int) -> IntArray:
        return np.zeros((channels, *shape), np.int32)

    return History(
        levels=zeros(N_BANDS) - 1,
        changes=zeros(N_BANDS + 1),
        last=zeros(N_BANDS),
        age=zeros(N_BANDS),
        mean=zeros(N_BANDS) + 320,
        evidence=zeros(N_BANDS),
        sizes=zeros(3, N_BINS + 2 * PAD),
        trail=zeros(N_BINS + 2 * PAD),
        slow=zeros(N_BINS + 2 * PAD),
        steps=zeros(N_BINS),
        busy=zeros(),
    )


@cache
def layout() -> Layout:
    """What the kernel has to know of bands and steps."""
    # Each bin's envelope joins two neighbouring bands.
    lower = np.minimum((WEIGHTS > 0).argmax(axis=1), N_BANDS - 2)
    upper = WEIGHTS[np.arange(N_BINS), lower + 1]
    offset = step_exponents(np.zeros((1, N_BANDS), np.int32), 0)[0]
    with localcontext(_DIGITS):
        power = [int(16 * Decimal(10) ** (Decimal(3 * (r - 16)) / 20)) for r in range(64)]
        factor = [int(4096 * Decimal(2) ** (Decimal(16 * i - 2040) / 512)) for i in range(256)]
    parts = (band_of_bin(), lower, upper, offset, EDGES, power, factor)
    return Layout(*(np.ascontiguousarray(part, np.int32) for part in parts))


@cache
def fixed_constants() -> Constants:
    """Logits and learning rates, the same for all tables."""
    cells = 1 << STRETCH_BITS
    p = (np.arange(cells) + 0.5) / cells
    stretch = np.clip(np.rint(256.0 * np.log(p / (1.0 - p))), -LIMIT, LIMIT)
    s = np.arange(-LIMIT, LIMIT + 1) / 256.0
    squash = np.clip(np.rint(65536.0 / (1.0 + np.exp(-s))), 1, 65535)
    rates = 65536.0 / (np.arange(_COUNT + 1) + 1.6)
    return Constants(
        stretch.astype(np.int32),
        squash.astype(np.int32),
        rates.astype(np.int32),
        np.array([6, 2, 16, 255], np.int32),
    )


def new_mixer(shape: tuple[int, ...], constants: Constants) -> Mixer:
    """A mixer that knows nothing: inputs, statistics of each, weight sets, blends, corrections."""
    inputs, contexts, sets, rows, corrections = shape
    grid = np.minimum(np.arange(APM_CELLS) << APM_SHIFT, 2 * LIMIT)
    even = np.int32(1 << (PROBABILITY_BITS - 1 + COUNT_BITS))
    return Mixer(
        slots=np.full((inputs, contexts), even, np.int32),
        weights=np.full((sets, inputs), 65536 * 2 // inputs, np.int32),
        blend=np.full((rows, 3), 65536 // 3, np.int32),
        apm=np.tile(constants.squash[grid], (corrections, 1)),
    )


_LARGEST_WORD = 0xFFFFFFFF
# No frame takes more: decisions of all its numbers, two bytes each.
_FRAME_BYTES = 2 * (50 * N_BANDS + 48 * N_BINS)


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
                *(levels, values, gain, layout(), self._history),
                *(self._of_levels, self._of_values, self._constants, coder),
            )
        )


class FrameEncoder(_Adaptive):
    """Writes blocks of frames of one or two channels; each block needs those before it."""

    def encode(self, levels: npt.ArrayLike, values: npt.ArrayLike, gain: int) -> bytes:
        """Write a block; the decoder has to know the length of its bytes.

        Args:
            levels: Scale factors `(C, T, 20)`, 0 to 47.
            values: Quantised coefficients `(C, T, 256)`, beyond neither -32767 nor 32767.
            gain: Global step.

        Raises:
            CodecError: Other shapes or numbers.
        """
        levels_, values_ = self._checked(levels, values, gain)
        coder = new_coder(WRITE, room=levels_.shape[1] * self.channels * _FRAME_BYTES)
        self._run(levels_, values_, gain, coder)
        return written(coder)

    def cost(self, levels: npt.ArrayLike, values: npt.ArrayLike, gain: int) -> float:
        """Ideal bits of a block, which is not written: the coder's state stays as it is."""
        return float(self.costs(levels, values, gain).sum())

    def costs(
        self, levels: npt.ArrayLike, values: npt.ArrayLike, gain: int
    ) -> npt.NDArray[np.float64]:
        """Ideal bits of a block, `(4,)`: of levels, zero or not, sizes and signs."""
        return self.copy().spend(levels, values, gain)

    def spend(
        self, levels: npt.ArrayLike, values: npt.ArrayLike, gain: int
    ) -> npt.NDArray[np.float64]:
        """Learn from a block without writing it; return what `costs` does."""
        levels_, values_ = self._checked(levels, values, gain)
        coder = new_coder(MEASURE)
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
        coder = new_coder(MEASURE, traced=frames * self.channels)
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
        """Read `n_frames` frames that were written with a gain: `(C, T, 20)` and `(C, T, 256)`.

        Raises:
            BitstreamError: The bytes are too few or too many for the frames. The decoder is of no
                use after that.
        """
        if n_frames < 1 or not 0 <= gain <= LARGEST_GAIN:
            raise BitstreamError(f"a block of {n_frames} frames with gain {gain} is impossible")
        levels = np.zeros((self.channels, n_frames, N_BANDS), np.int32)
        values = np.zeros((self.channels, n_frames, N_BINS), np.int32)
        coder = new_coder(READ, data)
        if not (self._run(levels, values, gain, coder) and read_whole(coder)):
            raise BitstreamError(
                f"a block of {n_frames} frames does not end where its {len(data)} bytes do: it is"
                " damaged, or was written with other tables"
            )
        return levels, values


def new_coder(mode: int, data: bytes = b"", room: int = 0, traced: int = 0) -> Coder:
    """An arithmetic coder at its start.

    Args:
        mode: `MEASURE`, `WRITE` or `READ`.
        data: What is to be read.
        room: Bytes that writing takes at most.
        traced: Frames whose values are traced.
    """
    word, position = 0, 0
    buffer = np.empty(room + 8, np.uint8)
    if mode == READ:
        word, position = int.from_bytes(data[:4].ljust(4, b"\0"), "big"), 4
        buffer = np.frombuffer(data, np.uint8).copy()
    registers = np.array([0, _LARGEST_WORD, word, position, mode, 0], np.int64)
    return Coder(registers, buffer, np.zeros(4), np.zeros((traced, N_BINS, 2)))


def written(coder: Coder) -> bytes:
    """Return all that was written."""
    # One byte tells the last interval from all others: its ends differ in the first.
    end = int(coder.registers[3])
    coder.data[end] = (int(coder.registers[0]) >> 24) + 1
    return coder.data[: end + 1].tobytes()


def read_whole(coder: Coder) -> bool:
    """Whether reading has ended where the data does."""
    return int(coder.registers[3]) - 3 == len(coder.data)


GAINS_PER_TABLE = 16
_TABLES = 256 // GAINS_PER_TABLE
# Steps of a level from -47 to 47; sizes up to the unary part, then an escape.
_STEPS, _SIZES = 2 * LARGEST_LEVEL + 1, UNARY + 1
# A step of everything is expected this often before anything was counted.
_PRIOR = 0.5
# The contexts that do best alone on validation music. Of levels: the last steps of this band and of
# the one below, and how long ago this one changed. Of values: how large this bin was lately, and
# the ratio of envelope to step.
_LEVEL_CONTEXT, _VALUE_CONTEXT = 8, 9


def raw_bits(frames: Frames) -> float:
    """Bits of the bare numbers: a fixed length each, as long as the largest needs."""
    largest = int(np.abs(frames.values).max(initial=0))
    width = int(2 * largest).bit_length()
    return float(frames.levels.size * LARGEST_LEVEL.bit_length() + frames.values.size * width)


@dataclass(frozen=True, eq=False)
class StaticTables:
    """How often each number came: one table a band and 16 gains, which does not adapt.

    Attributes:
        steps: Steps of levels from a frame to the next, `(16, 20, 95)`.
        sizes: Sizes of values, `(16, 20, 16)`; the last stands for all that are larger.
    """

    steps: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]

    @classmethod
    def empty(cls) -> StaticTables:
        """Tables that have counted nothing."""
        return cls(
            np.zeros((_TABLES, N_BANDS, _STEPS), np.int64),
            np.zeros((_TABLES, N_BANDS, _SIZES), np.int64),
        )

    def count(self, frames: Frames, gain: int) -> None:
        """Add frames with levels `(T, 20)` and values `(T, 256)` to the counts."""
        np.add.at(self.steps[gain // GAINS_PER_TABLE], _step_places(frames), 1)
        np.add.at(self.sizes[gain // GAINS_PER_TABLE], _size_places(frames), 1)

    def bits(self, frames: Frames, gain: int) -> float:
        """Ideal bits of frames with a fixed code made of these counts; signs cost one each."""
        beyond = np.abs(frames.values) - UNARY + 1
        tail = (2 * np.floor(np.log2(beyond[beyond > 0])) + 1).sum()
        return float(
            _code_lengths(self.steps[gain // GAINS_PER_TABLE])[_step_places(frames)].sum()
            + _code_lengths(self.sizes[gain // GAINS_PER_TABLE])[_size_places(frames)].sum()
            + np.count_nonzero(frames.values)
            + tail
        )

    @classmethod
    def shipped(cls, name: str = "codec-tables-static") -> StaticTables:
        """Return the counts of the music that the coder's tables, shipped beside, learned from."""
        return cls.load(shipped_folder() / f"{name}.npz")

    def save(self, path: str | Path) -> None:
        """Write a file, whole or not at all."""
        stream = io.BytesIO()
        np.savez_compressed(stream, steps=self.steps, sizes=self.sizes)
        replace_file(Path(path), stream.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> StaticTables:
        """Read a file that `save` wrote.

        Raises:
            CheckpointError: It is missing or damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                tables = cls(file["steps"], file["sizes"])
        except (OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError) as error:
            raise CheckpointError(f"cannot read static tables from {path}: {error}") from error
        blank = cls.empty()
        if (tables.steps.shape, tables.sizes.shape) != (blank.steps.shape, blank.sizes.shape):
            raise CheckpointError(f"{path} has static tables of other shapes; train them anew")
        return tables


def unmixed(tables: ContextTables, of_values: int = _VALUE_CONTEXT) -> ContextTables:
    """Return tables that use one context each for levels and values, which still adapts.

    Args:
        tables: Trained or untrained ones.
        of_values: Number of the context for values; by default the one that does best alone.
    """
    still = np.array([0, 0, 0, tables.constants.learning[3]], np.int32)
    blank = ContextTables.untrained()
    return ContextTables(
        _alone(tables.of_levels, blank.of_levels, _LEVEL_CONTEXT),
        _alone(tables.of_values, blank.of_values, of_values),
        Constants(*tables.constants[:3], still),
    )


def _alone(mixer: Mixer, blank: Mixer, chosen: int) -> Mixer:
    weights = np.zeros_like(mixer.weights)
    weights[:, chosen] = 1 << 16
    return Mixer(mixer.slots, weights, blank.blend, blank.apm)


def _step_places(frames: Frames) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    # The first frame's steps start at zero.
    steps = np.diff(frames.levels, axis=0, prepend=0) + LARGEST_LEVEL
    bands = np.broadcast_to(np.arange(N_BANDS), steps.shape)
    return bands.astype(np.int64), steps.astype(np.int64)


def _size_places(frames: Frames) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    sizes = np.minimum(np.abs(frames.values), UNARY)
    bands = np.broadcast_to(band_of_bin(), sizes.shape)
    return bands.astype(np.int64), sizes.astype(np.int64)


def _code_lengths(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    shares = counts + _PRIOR
    return np.asarray(-np.log2(shares / shares.sum(axis=-1, keepdims=True)))


# From about 0.6 to 30 kbps. Low rates are drawn as often as high ones, though they are fewer bits.
LOWEST_GAIN, HIGHEST_GAIN = 70, 230
# A context that was seen more often than this still follows a new piece this quickly.
TRUST = 20


@dataclass(frozen=True, eq=False)
class TrainedTables:
    """What a pass over music leaves: tables, and counts for a code that does not adapt."""

    tables: ContextTables
    static: StaticTables


def train_tables(
    segments: Iterable[npt.NDArray[np.float32]],
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
    about: Mapping[str, Any] | None = None,
) -> TrainedTables:
    """Train tables on music, in one pass.

    Args:
        segments: Batches of audio at 24 kHz, `(B, N)`. Each segment is coded as a piece of its own.
        seed: Of the gains.
        progress: Called with the seconds of audio so far, after each segment.
        about: What else the record is to tell, for example of the music.

    Returns:
        Tables, rounded as they are kept in a file. The same segments give the same tables.

    Raises:
        TrainingError: There is no segment.
    """
    random = np.random.default_rng(seed)
    encoder = FrameEncoder(ContextTables.untrained())
    static = StaticTables.empty()
    fingerprint = hashlib.sha256()
    seconds, count, bits = 0.0, 0, 0.0
    for batch in segments:
        for audio in np.atleast_2d(np.asarray(batch, np.float32)):
            gain = int(random.integers(LOWEST_GAIN, HIGHEST_GAIN + 1))
            frames = analyse(audio, QuantiserSetting(gain))
            encoder.forget_frames()
            bits += float(encoder.spend(frames.levels[None], frames.values[None], gain).sum())
            static.count(frames, gain)
            fingerprint.update(gain.to_bytes(2, "little"))
            fingerprint.update(frames.levels.astype("<i4").tobytes())
            fingerprint.update(frames.values.astype("<i4").tobytes())
            seconds, count = seconds + len(audio) / 24_000, count + 1
            if progress is not None:
                progress(seconds)
    if count == 0:
        raise TrainingError("there is no audio to train the tables on")
    record = {
        **(about or {}),
        "seconds": round(seconds, 1),
        "segments": count,
        "gains": [LOWEST_GAIN, HIGHEST_GAIN],
        "seed": seed,
        "trust": TRUST,
        "kilobits": round(bits / 1000, 3),
        "frames_sha256": fingerprint.hexdigest(),
    }
    return TrainedTables(encoder.tables(record).rounded(TRUST), static)

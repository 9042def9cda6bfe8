"""One compiled pass over frames that measures, writes or reads them, so that the three agree.

Every number is sent as a few yes-or-no decisions. Several tables, each with its own view of what is
known already, say how likely a yes is. A small network without hidden layers (a logistic mixer)
joins their guesses, learns from each decision, and an arithmetic coder spends as
many bits as the decision was surprising. Mixing: Mahoney, "Adaptive weighing of context models for
lossless data compression" (Florida Tech, 2005). All of it is done in whole numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int32]

MEASURE, WRITE, READ = 0, 1, 2
NODES = 16  # decisions of one number that have statistics of their own
PROBABILITY_BITS, COUNT_BITS = 22, 9
LARGEST_COUNT = 255
LIMIT = 2815  # of a stretched probability: 11 nepers in 1/256
STRETCH_BITS = 14
APM_CELLS, APM_SHIFT = 45, 7
LEAST, MOST = 3, 65533  # of 65536
# Values above this go on in an Exp-Golomb code without statistics.
UNARY = 15
LARGEST_VALUE = 1 << 15
LARGEST_LEVEL = 47
N_LEVEL_INPUTS, N_VALUE_INPUTS = 14, 14
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


@numba.njit(nogil=True)
def clip(x, low, high):  # type: ignore[no-untyped-def]
    """Return the nearest number in a range."""
    return low if x < low else (high if x > high else x)


@numba.njit(nogil=True)
def log_step(x):  # type: ignore[no-untyped-def]
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
def send_half(coder, bit):  # type: ignore[no-untyped-def]
    """Send or read a decision that is as likely as not."""
    if coder.registers[4] != MEASURE:
        return _code(coder, bit, 32768)
    return bit


@numba.njit(nogil=True)
def decide(coder, bit, n, node, base, rows, mixer, constants, inputs, part):  # type: ignore[no-untyped-def]
    """Guess a decision, send or read it, learn from it. `rows`: three weight sets, blend, apm."""
    slots, weights = mixer.slots, mixer.weights
    w0, w1, w2, row = rows[0], rows[1], rows[2], rows[3]
    dot0, dot1, dot2 = np.int64(0), np.int64(0), np.int64(0)
    for i in range(n):
        s = np.int64(constants.stretch[slots[i, base[i] * NODES + node] >> (COUNT_BITS + 8)])
        inputs[i] = s
        dot0 += weights[w0, i] * s
        dot1 += weights[w1, i] * s
        dot2 += weights[w2, i] * s
    s0 = clip(dot0 >> 16, -LIMIT, LIMIT)
    s1 = clip(dot1 >> 16, -LIMIT, LIMIT)
    s2 = clip(dot2 >> 16, -LIMIT, LIMIT)
    blend = mixer.blend
    s = clip((blend[row, 0] * s0 + blend[row, 1] * s1 + blend[row, 2] * s2) >> 16, -LIMIT, LIMIT)
    p = np.int64(constants.squash[s + LIMIT])
    cell, part_of = (s + LIMIT) >> APM_SHIFT, (s + LIMIT) & 127
    a0, a1 = rows[4], rows[5]
    apm = mixer.apm
    p0 = (apm[a0, cell] * (128 - part_of) + apm[a0, cell + 1] * part_of) >> 7
    p1 = (apm[a1, cell] * (128 - part_of) + apm[a1, cell + 1] * part_of) >> 7
    final = clip((2 * p + p0 + p1) >> 2, LEAST, MOST)
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

"""What the tables look at: levels and values that were sent before, in this frame and the last."""

from __future__ import annotations

import numba
import numpy as np

from musiclib.codecs.neural.entropy.kernel import (
    FIRST_AGE,
    LARGEST_LEVEL,
    LARGEST_VALUE,
    N_LEVEL_INPUTS,
    N_VALUE_INPUTS,
    PAD,
    READ,
    UNARY,
    _clip,
    _decide,
    _raw,
)

BAND_STATES = 32


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
def _send_levels(levels, c, gain, history, mixer, constants, coder, base, inputs, rows, mid):  # type: ignore[no-untyped-def]
    """Send or read the levels of a frame; `mid` (B,) holds the steps of the other channel."""
    n_bands = len(levels)
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
        node, size, up = 0, 0, 0
        step = levels[b] - before
        while True:
            if node == 0:
                bit = 1 if step != 0 else 0
            elif node == 1:
                bit = 1 if step > 0 else 0
            else:
                bit = 1 if abs(step) > size else 0
            rows[0] = node * 32 + c1 | c << 3
            rows[1] = 512 + node * 32 + aged
            rows[2] = 1024 + node * 32 + b
            rows[3] = node * 32 + aged
            rows[4] = node * 32 + coarse
            rows[5] = 512 + node * 32 + b
            bit = _decide(coder, bit, N_LEVEL_INPUTS, node, base, rows, mixer, constants, inputs, 0)
            if node == 0:
                if not bit:
                    step = 0
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
            step = size if up else -size
        level = _clip(before + step, 0, LARGEST_LEVEL)
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


@numba.njit(nogil=True)
def _send_tail(value, coder):  # type: ignore[no-untyped-def]
    """Exp-Golomb code of what is beyond the unary part."""
    reading = coder.registers[4] == READ
    rest = value - UNARY + 1
    width = 0
    while width < 15:
        bit = _raw(coder, 1 if (rest >> (width + 1)) > 0 else 0)
        if not bit:
            break
        width += 1
    found = 1
    for i in range(width - 1, -1, -1):
        found = found << 1 | _raw(coder, (rest >> i) & 1)
    coder.bits[2] += 2 * width + 1
    return min(found + UNARY - 1, LARGEST_VALUE - 1) if reading else value


@numba.njit(nogil=True)
def _send_values(  # type: ignore[no-untyped-def]
    values, c, levels, gain, layout, history, mixer, constants, coder, base, inputs, rows
):
    """Send or read the quantised coefficients of a frame."""
    n = len(values)
    sizes, trail = history.sizes[c], history.trail[c]
    reading = coder.registers[4] == READ
    now, p, o, q = np.zeros(n + 2 * PAD, np.int32), sizes[0], sizes[1], sizes[2]
    band_sum = np.zeros(BAND_STATES, np.int64)
    row = coder.registers[5]
    for k in range(n):
        j = k + PAD
        low = layout.lower[k]
        upper = np.int64(layout.upper_weight[k])
        envelope = levels[low] * (256 - upper) + levels[low + 1] * upper
        step = ((envelope * 154) >> 8) + layout.offset[k] + 16 * gain
        r = _clip(((envelope - step) >> 7) + 16, 0, 63)
        b = np.int64(layout.band[k])
        n1, n2, n3, n4 = now[j - 1], now[j - 2], now[j - 3], now[j - 4]
        p0, pm, pp = p[j], p[j - 1], p[j + 1]
        o0, om, op = o[j], o[j - 1], o[j + 1]
        s1 = 2 * n1 + n2 + 2 * p0 + pm + pp
        s2 = n1 + n2 + n3 + n4 + p0 + pm + pp + p[j - 2] + p[j + 2] + o0 + om + op + q[j]
        s3 = trail[j]
        s4 = trail[j - 1] + trail[j + 1]
        l1, l2, l3, l4 = _log_step(s1), _log_step(s2), _log_step(s3 >> 2), _log_step(s4 >> 2)
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
        base[8] = l3 | l4 << 5 | min(n1, 1) << 10
        base[9] = l3 | r << 5
        base[10] = l4 | l1 << 5 | c << 10
        value = values[k]
        size, found = abs(value), 0
        of_zeros, of_sizes = coder.bits[1], coder.bits[2]
        while True:
            bit = 1 if size > found else 0
            rows[0] = found * 32 + l2
            rows[1] = 512 + found * 64 + r
            rows[2] = 1536 + found * 32 + l3
            rows[3] = found * 2 + c
            rows[4] = found * 64 + r
            rows[5] = 1024 + found * 64 + l1
            part = 1 if found == 0 else 2
            bit = _decide(
                coder, bit, N_VALUE_INPUTS, found, base, rows, mixer, constants, inputs, part
            )
            if not bit:
                break
            found += 1
            if found == UNARY:
                found = _send_tail(size, coder)
                break
        if reading:
            size = found
        if size > 0:
            negative = _raw(coder, 1 if value < 0 else 0)
            coder.bits[3] += 1
            if reading:
                value = -size if negative else size
        elif reading:
            value = 0
        values[k] = value
        now[j] = size
        band_sum[b] += size
        if row < len(coder.trace):
            coder.trace[row, k, 0] = coder.bits[1] - of_zeros
            coder.trace[row, k, 1] = coder.bits[2] - of_sizes + min(size, 1)
    coder.registers[5] += 1
    for k in range(n):
        j = k + PAD
        trail[j] += (now[j] * 64 - trail[j] + 1) >> 2
        sizes[2, j], sizes[1, j], sizes[0, j] = sizes[1, j], sizes[0, j], now[j]
    for b in range(len(levels)):
        history.evidence[c, b] = min(_log_step(band_sum[b]), 15)


@numba.njit(cache=True, nogil=True)
def run(levels, values, gain, layout, history, of_levels, of_values, constants, coder):  # type: ignore[no-untyped-def]
    """Measure, write or read frames.

    Args:
        levels: `(C, T, B)`, filled when reading.
        values: `(C, T, N)`, filled when reading.
        gain: Of the quantiser.
        layout: See there.
        history: Changed in place, as the mixers are.
        of_levels: Mixer of levels.
        of_values: Mixer of values.
        constants: See there.
        coder: See there.

    Returns:
        Whether all went well: False once reading has gone too far beyond the end.
    """
    n_channels, n_frames, n_bands = levels.shape
    base, inputs = np.zeros(16, np.int64), np.zeros(16, np.int64)
    rows = np.zeros(6, np.int64)
    r = coder.registers
    for t in range(n_frames):
        steps = np.zeros(n_bands, np.int64)
        for c in range(n_channels):
            _send_levels(
                levels[c, t],
                c,
                gain,
                history,
                of_levels,
                constants,
                coder,
                base,
                inputs,
                rows,
                steps,
            )
            _send_values(
                values[c, t],
                c,
                levels[c, t],
                gain,
                layout,
                history,
                of_values,
                constants,
                coder,
                base,
                inputs,
                rows,
            )
        if r[4] == READ and r[3] > len(coder.data) + 8:
            return False
    return True

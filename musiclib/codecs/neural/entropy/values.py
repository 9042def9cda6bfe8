"""Quantised coefficients: what is known when one is sent, and how it is sent."""

from __future__ import annotations

import numba
import numpy as np

from musiclib.codecs.neural.entropy.kernel import (
    LARGEST_VALUE,
    N_VALUE_INPUTS,
    PAD,
    READ,
    UNARY,
    clip,
    decide,
    log_step,
    send_half,
)


@numba.njit(nogil=True)
def _send_tail(value, coder):  # type: ignore[no-untyped-def]
    """Exp-Golomb code of what is beyond the unary part."""
    reading = coder.registers[4] == READ
    rest = value - UNARY + 1
    width = 0
    while width < 15:
        bit = send_half(coder, 1 if (rest >> (width + 1)) > 0 else 0)
        if not bit:
            break
        width += 1
    found = 1
    for i in range(width - 1, -1, -1):
        found = found << 1 | send_half(coder, (rest >> i) & 1)
    coder.bits[2] += 2 * width + 1
    return min(found + UNARY - 1, LARGEST_VALUE - 1) if reading else value


@numba.njit(nogil=True)
def send_values(  # type: ignore[no-untyped-def]
    values, c, levels, gain, layout, history, mixer, constants, coder, base, inputs, rows
):
    """Send or read the quantised coefficients of a frame."""
    n = len(values)
    sizes, trail, slow = history.sizes[c], history.trail[c], history.slow[c]
    steps, edges = history.steps[c], layout.edges
    reading = coder.registers[4] == READ
    now, p, o, q = np.zeros(n + 2 * PAD, np.int32), sizes[0], sizes[1], sizes[2]
    middle = history.sizes[0, 0]
    band_sum = np.zeros(len(levels), np.int64)
    energy, left = np.int64(0), 0
    row = coder.registers[5]
    for k in range(n):
        j = k + PAD
        low = layout.lower[k]
        upper = np.int64(layout.upper_weight[k])
        envelope = levels[low] * (256 - upper) + levels[low + 1] * upper
        step = ((envelope * 154) >> 8) + layout.offset[k] + 16 * gain
        finer = steps[k] - step
        if finer != 0:
            # What is remembered is counted in steps, so it changes with them.
            factor = np.int64(layout.factor[(clip(finer, -2048, 2047) + 2048) >> 4])
            trail[j] = min((trail[j] * factor) >> 12, 1 << 24)
            slow[j] = min((slow[j] * factor) >> 12, 1 << 24)
        steps[k] = step
    for k in range(n):
        j = k + PAD
        b = np.int64(layout.band[k])
        low = layout.lower[k]
        upper = np.int64(layout.upper_weight[k])
        envelope = levels[low] * (256 - upper) + levels[low + 1] * upper
        r = clip(((envelope - steps[k]) >> 7) + 16, 0, 63)
        n1, n2, n3, n4 = now[j - 1], now[j - 2], now[j - 3], now[j - 4]
        p0, pm, pp = p[j], p[j - 1], p[j + 1]
        o0, om, op = o[j], o[j - 1], o[j + 1]
        s1 = 2 * n1 + n2 + 2 * p0 + pm + pp
        s2 = n1 + n2 + n3 + n4 + p0 + pm + pp + p[j - 2] + p[j + 2] + o0 + om + op + q[j]
        s3 = trail[j]
        s4 = trail[j - 1] + trail[j + 1]
        expected = 32 * n1 + 16 * n2 + 8 * (n3 + n4) + 16 * (pm + pp) + 2 * s3 + s4 + slow[j]
        l1, l2, l3, l4 = log_step(s1), log_step(s2), log_step(s3 >> 2), log_step(s4 >> 2)
        l5, l6 = log_step(slow[j] >> 1), log_step((slow[j - 1] + slow[j + 1]) >> 1)
        le = log_step(expected >> 3)
        # The level says how much power the band has: the rest of it is for the bins that are left.
        if k == edges[b]:
            energy, left = np.int64(0), edges[b + 1] - edges[b]
        flat = clip(((levels[b] * 256 - steps[k]) >> 7) + 16, 0, 63)
        missing = layout.power[flat] * np.int64(edges[b + 1] - edges[b]) - energy
        lm = 1 + min(log_step(missing // left), 30) if missing > 0 else 0
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
        size, found = abs(value), 0
        of_zeros, of_sizes = coder.bits[1], coder.bits[2]
        while True:
            bit = 1 if size > found else 0
            rows[0] = found * 32 + l2
            rows[1] = 512 + found * 64 + r
            rows[2] = 1536 + found * 32 + le
            rows[3] = found
            rows[4] = found * 64 + r
            rows[5] = 1024 + found * 64 + le
            part = 1 if found == 0 else 2
            bit = decide(
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
            negative = send_half(coder, 1 if value < 0 else 0)
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
        history.evidence[c, band] = min(log_step(band_sum[band]), 15)

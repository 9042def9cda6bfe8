"""Levels of bands: what is known when one is sent, and how it is sent."""

from __future__ import annotations

import numba
import numpy as np

from musiclib.codecs.neural.entropy.kernel import (
    FIRST_AGE,
    LARGEST_LEVEL,
    N_LEVEL_INPUTS,
    PAD,
    READ,
    clip,
    decide,
    log_step,
)


@numba.njit(nogil=True)
def send_levels(  # type: ignore[no-untyped-def]
    levels, c, gain, layout, history, mixer, constants, coder, base, inputs, rows, mid
):
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
        rel = clip(lower - before, -8, 7) + 8
        rel_up = clip(above - before, -8, 7) + 8
        aged = age[b] if age[b] < 7 else (7 if age[b] < 12 else (8 if age[b] < 24 else 9))
        if first:
            aged = FIRST_AGE
        c1, c2 = clip(d1, -3, 3) + 3, clip(d2, -2, 2) + 2
        cp, cu = clip(changes[b], -3, 3) + 3, clip(changes[b + 1], -2, 2) + 2
        cl = clip(last[b], -2, 2) + 2
        off = clip((before * 16 - mean[b]) >> 4, -8, 7) + 8
        ev = evidence[b]
        dm = clip(mid[b], -3, 3) + 3
        dr = clip(drift, -3, 3) + 3
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
        expected = clip(((before * 256 - step) >> 7) + 16, 0, 63)
        total = np.int64(0)
        for j in range(start + PAD, end + PAD):
            total += history.trail[c, j]
        base[11] = log_step((total >> 1) // (end - start)) | (expected >> 1) << 5 | min(ev, 3) << 10
        base[12] = log_step(history.busy[c]) | coarse << 4 | min(count, 7) << 8
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
            bit = decide(coder, bit, N_LEVEL_INPUTS, node, base, rows, mixer, constants, inputs, 0)
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
        level = clip(before + change, 0, LARGEST_LEVEL)
        levels[b] = level
        d2, d1 = d1, level - before
        if first:
            mean[b] = level * 16
            d1 = 0
        mean[b] += (level * 16 - mean[b] + 8) >> 4
        count += 1 if d1 != 0 else 0
        drift += clip(d1, -1, 1)
        old[b] = level
        changes[b] = d1
        mid[b] = d1
        if d1 != 0:
            last[b] = d1
            age[b] = 0
        else:
            age[b] = min(age[b] + 1, 255)
    history.busy[c] = count

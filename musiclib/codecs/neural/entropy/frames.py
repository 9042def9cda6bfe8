"""One compiled pass over frames.

Numba keeps the compiled pass beside this file, for as long as this file stays as it is. Whoever
changes a function that `run` calls must raise `VERSION`, or the old pass will be used.
"""

from __future__ import annotations

import numba
import numpy as np

from musiclib.codecs.neural.entropy.kernel import READ
from musiclib.codecs.neural.entropy.levels import send_levels
from musiclib.codecs.neural.entropy.values import send_values

VERSION = 1


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
            send_levels(
                levels[c, t],
                c,
                gain,
                layout,
                history,
                of_levels,
                constants,
                coder,
                base,
                inputs,
                rows,
                steps,
            )
            send_values(
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

"""Bands of hearing over the bins of an MDCT, and envelopes from their levels, in integers.

A level counts steps of 3 dB above -100 dB of power a coefficient. Envelopes and quantiser steps are
in units of 3/256 dB.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int32]

# Twenty bands of equal width on the Bark scale (Zwicker and Terhardt, "Analytical
# expressions for critical-band rate", JASA 1980), over 256 bins up to 12 kHz.
EDGES = (
    *(0, 3, 5, 8, 10, 13, 17, 20, 24, 29, 34),
    *(40, 48, 59, 71, 87, 107, 130, 159, 197, 256),
)
N_BANDS = len(EDGES) - 1
N_BINS = EDGES[-1]
LEVEL_DB = 3.0
FLOOR_DB = -100.0
LARGEST_LEVEL = 47
UNITS = 256  # of the integer envelope in one level


def band_of_bin() -> IntArray:
    """The band of each bin, `(256,)`."""
    return np.repeat(np.arange(N_BANDS, dtype=np.int32), np.diff(EDGES))


def _weights() -> IntArray:
    # Twice the bands' centres, so that halves stay whole.
    centres = [EDGES[band] + EDGES[band + 1] - 1 for band in range(N_BANDS)]
    weights = np.zeros((N_BINS, N_BANDS), np.int32)
    for k in range(N_BINS):
        place = min(max(2 * k, centres[0]), centres[-1])
        band = max(b for b in range(N_BANDS - 1) if centres[b] <= place)
        width = centres[band + 1] - centres[band]
        upper = (UNITS * (place - centres[band]) + width // 2) // width
        weights[k, band], weights[k, band + 1] = UNITS - upper, upper
    return weights


# Linear interpolation between the bands' centres, `(256, 20)`; each row adds up to 256.
WEIGHTS = _weights()
# Where a bin lies among the bands' centres, in 1/256 of a band, `(256,)`.
POSITIONS = (WEIGHTS @ np.arange(N_BANDS, dtype=np.int32)).astype(np.int32)


def interpolate(levels: npt.NDArray[np.integer]) -> IntArray:
    """Envelope at every bin from the levels of bands.

    Args:
        levels: Whole numbers `(..., T, 20)`, 0 to 47.

    Returns:
        `(..., T, 256)` in units of 3/256 dB above -100 dB.
    """
    # A float64 product of such numbers is exact, and faster than one of integers.
    return np.asarray(levels.astype(np.float64) @ WEIGHTS.T.astype(np.float64)).astype(np.int32)


def decibels(units: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    """Power in dB of an envelope or a step in units of 3/256 dB."""
    return (units * np.float32(LEVEL_DB / UNITS) + np.float32(FLOOR_DB)).astype(np.float32)

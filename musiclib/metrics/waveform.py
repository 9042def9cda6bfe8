"""Distances between waveforms. They hear every shift of phase."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from musiclib.errors import AudioError
from musiclib.metrics.pairs import checked_pair

# Energy ratio at which float64 arithmetic alone makes a difference: 156.5 dB.
ROUNDING = float(np.finfo(np.float64).eps)
SI_SDR_LIMIT_DB = -10.0 * math.log10(ROUNDING)


def waveform_rmse(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Root mean square difference of the samples, in units of full scale.

    Args:
        reference: Reference clip, `(N,)`.
        estimate: Estimate, `(N,)`.

    Returns:
        0 for equal clips.

    Raises:
        AudioError: If the clips do not go together (see `checked_pair`).
    """
    first, second = checked_pair(reference, estimate)
    return float(np.sqrt(np.mean(np.square(first - second))))


def si_sdr(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Scale-invariant signal-to-distortion ratio in dB.

    Le Roux, Wisdom, Erdogan and Hershey, "SDR - half-baked or well done?" (ICASSP 2019, section
    3): the energy of the reference, scaled to fit the estimate best, over the energy of the rest.
    The mean of both clips is removed first, so a constant offset does not count.

    Args:
        reference: Reference clip, `(N,)`.
        estimate: Estimate, `(N,)`.

    Returns:
        Ratio in dB, limited to plus or minus 156.5 dB, where float64 rounding begins. So a perfect
        estimate gives 156.5, and one that shares nothing with the reference, or is silent, -156.5.

    Raises:
        AudioError: If the clips do not go together (see `checked_pair`), or if the reference is
            constant.
    """
    first, second = checked_pair(reference, estimate)
    if float(np.ptp(first)) == 0.0:
        raise AudioError("The reference is silent or constant: SI-SDR needs a reference that moves")
    first, second = first - first.mean(), second - second.mean()
    energy = float(np.dot(second, second))
    if energy == 0.0:
        return -SI_SDR_LIMIT_DB
    target = first * (np.dot(first, second) / np.dot(first, first))
    rest = second - target
    wanted, unwanted = float(np.dot(target, target)), float(np.dot(rest, rest))
    ratio = max(wanted, ROUNDING * unwanted) / max(unwanted, ROUNDING * wanted)
    return 10.0 * math.log10(ratio)

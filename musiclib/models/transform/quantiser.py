"""Quantiser steps that follow the envelope, coefficients to whole numbers and back.

The step grows as the 0.6th power of the envelope, so that loud bands get more noise than faint
ones, yet less for their level: between constant noise, which is best for the squared error, and
constant signal-to-noise ratio, which is nearer to hearing. Low bands get finer steps by 0.3 dB a
Bark.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from musiclib.models.transform.bands import (
    EDGES,
    POSITIONS,
    IntArray,
    band_of_bin,
    decibels,
    interpolate,
)

FloatArray = npt.NDArray[np.float32]

GAIN_UNITS = 16  # of 3/256 dB in one step of the gain
LARGEST_GAIN = 255
LARGEST_VALUE = 1 << 15
RATIOS = 64
_EXPONENT = 154  # of 256: 0.6
_TILT = 119  # of 1024: 0.3 dB a Bark, in units for a 256th of a band
_OFFSET = 612
_RATIO_SHIFT, _RATIO_OFFSET = 7, 16

# A coefficient must be this much nearer to the larger value to be given it: its sign costs a bit.
DEAD_ZONE = 0.2
# Laplacian values lie nearer to zero within their cell.
SHRINK = 0.03
# Uniform noise has this share of the level that fits what is missing; more is heard as noise.
NOISE = 0.7
# Mean square of values that were rounded to zero, in squared steps.
ZERO_POWER = 0.09


def step_exponents(levels: npt.NDArray[np.integer], gain: int) -> IntArray:
    """Quantiser steps in units of 3/256 dB above -100 dB.

    Args:
        levels: `(..., T, 20)`.
        gain: 0 (finest) to 255, in steps of 3/16 dB.

    Returns:
        `(..., T, 256)`.
    """
    return _steps(interpolate(levels), gain)


def _steps(envelope: IntArray, gain: int) -> IntArray:
    offset = ((POSITIONS * _TILT) >> 10) + (_OFFSET + GAIN_UNITS * gain)
    return np.asarray(((envelope * _EXPONENT) >> 8) + offset, np.int32)


def ratio(levels: npt.NDArray[np.integer], gain: int) -> IntArray:
    """Envelope over step in steps of 1.5 dB, `(..., T, 256)`, 0 to 63; 16 where they are equal."""
    envelope = interpolate(levels)
    difference = envelope - _steps(envelope, gain)
    shifted = (difference >> _RATIO_SHIFT) + _RATIO_OFFSET
    return np.asarray(np.clip(shifted, 0, RATIOS - 1), np.int32)


def quantise(
    coefficients: FloatArray,
    levels: IntArray,
    gain: int,
    dead_zone: float = DEAD_ZONE,
) -> IntArray:
    """Coefficients `(..., T, 256)` to whole numbers of steps, rounded towards zero a little."""
    step = amplitude(step_exponents(levels, gain))
    scaled = np.abs(coefficients) / step
    whole = np.floor(scaled + (0.5 - dead_zone)) * (scaled > 0.5 + 0.5 * dead_zone)
    signed = np.copysign(np.minimum(whole, LARGEST_VALUE - 1), coefficients)
    return np.asarray(signed, np.int32)


def amplitude(units: npt.NDArray[np.integer]) -> FloatArray:
    """Amplitude of an envelope or step in units of 3/256 dB."""
    return np.asarray(np.exp(decibels(units) * np.float32(np.log(10.0) / 20.0)), np.float32)


@dataclass(frozen=True)
class Spectrum:
    """What a decoder knows of a clip, all `(T, 256)`.

    Attributes:
        coded: Coefficients that were sent; 0 elsewhere.
        noise: Noise where nothing was sent, of the level that the envelope leaves; 0 elsewhere.
        scale: How far off a coefficient may be: a third of a step, or the noise's level.
        values: The whole numbers themselves.
        ratios: Envelope over step in nepers.
    """

    coded: FloatArray
    noise: FloatArray
    scale: FloatArray
    values: IntArray
    ratios: FloatArray

    @property
    def plain(self) -> FloatArray:
        """The decoded spectrum if no network looks at it, `(T, 256)`."""
        return self.coded + NOISE * self.noise


def dequantise(
    values: IntArray, levels: IntArray, gain: int, first_frame: int = 0, channel: int = 0
) -> Spectrum:
    """Whole numbers back to coefficients, with noise for those that are zero.

    The noise belongs to a place in the piece, so decoding from the middle gives the same.

    Args:
        values: `(T, 256)`.
        levels: `(T, 20)`.
        gain: As in `quantise`.
        first_frame: Number of the first frame in its piece.
        channel: Number of the channel in its piece.
    """
    envelope = interpolate(levels)
    exponents = _steps(envelope, gain)
    step = amplitude(exponents)
    size = np.abs(values)
    coded = np.sign(values) * (size - SHRINK * (size > 0)) * step
    missing = missing_level(coded.astype(np.float32), step, levels)
    noise = np.where(size == 0, missing * uniform_noise(len(values), first_frame, channel), 0.0)
    scale = np.where(size == 0, missing, step * np.float32(ZERO_POWER**0.5))
    return Spectrum(
        coded.astype(np.float32),
        noise.astype(np.float32),
        scale.astype(np.float32),
        values,
        ((envelope - exponents) * np.float32(3.0 / 256.0 * np.log(10.0) / 20.0)).astype(np.float32),
    )


def missing_level(coded: FloatArray, step: FloatArray, levels: IntArray) -> FloatArray:
    """Root mean square of what was not sent, `(T, 256)`, the same for all of a band."""
    widths = np.diff(EDGES)

    def totals(power: FloatArray) -> npt.NDArray[np.float64]:
        return np.asarray(np.add.reduceat(power.astype(np.float64), EDGES[:-1], axis=-1))

    zero = (coded == 0.0).astype(np.float32)
    count = np.maximum(totals(zero), 1.0)
    sent = np.square(amplitude(levels * 256), dtype=np.float64) * widths
    left = np.maximum(sent - totals(coded**2), 0.0) / count
    largest = ZERO_POWER * totals(zero * step**2) / count
    return np.sqrt(np.minimum(left, largest))[:, band_of_bin()].astype(np.float32)


@numba.njit(cache=True, nogil=True)
def uniform_noise(n_frames: int, first_frame: int, channel: int):  # type: ignore[no-untyped-def]
    """Uniform noise of variance 1, `(T, 256)`: a hash of channel, frame and bin.

    Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (OOPSLA 2014), the
    finaliser of SplitMix64.
    """
    out = np.empty((n_frames, 256), np.float32)
    mask = np.uint64(0xFFFFFFFFFFFFFFFF)
    for t in range(n_frames):
        for k in range(256):
            z = np.uint64((first_frame + t) * 256 + k + 1) + (np.uint64(channel) << np.uint64(56))
            z = (z * np.uint64(0x9E3779B97F4A7C15)) & mask
            z = ((z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)) & mask
            z = ((z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)) & mask
            z = z ^ (z >> np.uint64(31))
            unit = np.float64(z >> np.uint64(40)) / 16777216.0
            out[t, k] = (2.0 * unit - 1.0) * 1.7320508075688772
    return out

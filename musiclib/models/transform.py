"""The transform coder without a network: what Melic starts from, and is compared with.

MDCT frames, scale factors of Bark bands (`levels`, in whole steps of 3 dB above -100 dB of power a
coefficient), quantiser steps that follow them and a global step (`gain`), noise in place of zeros.
Everything that decides how a stream is read is made of integers, so that it is the same on every
machine. Envelopes and quantiser steps are in units of 3/256 dB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from musiclib.audio import FloatArray
from musiclib.errors import CodecError
from musiclib.mdct import imdct, mdct

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
    """Envelope at every bin, `(..., T, 256)`, from scale factors `(..., T, 20)`, 0 to 47."""
    # A float64 product of such numbers is exact, and faster than one of integers.
    return np.asarray(levels.astype(np.float64) @ WEIGHTS.T.astype(np.float64)).astype(np.int32)


def decibels(units: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
    """Power in dB of an envelope or a step in units of 3/256 dB."""
    return (units * np.float32(LEVEL_DB / UNITS) + np.float32(FLOOR_DB)).astype(np.float32)


# Bits that a change of a level by d costs, about: measured on levels chosen with them.
UNCHANGED_BITS = 0.4
CHANGE_BITS = 2.2
STEP_BITS = 0.8
# An error beyond this many levels counts by its size instead of its square.
LARGE_ERROR = 10.0


def exact_levels(coefficients: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Scale factors `(..., T, 20)` of coefficients `(..., T, 256)`, not rounded.

    They are below 0 for what is fainter than the faintest one.
    """
    power = np.square(coefficients, dtype=np.float64)
    means = np.add.reduceat(power, EDGES[:-1], axis=-1) / np.diff(EDGES)
    return np.asarray((10.0 * np.log10(means + 1e-20) - FLOOR_DB) / LEVEL_DB)


def choose_levels(coefficients: npt.NDArray[np.float32], smoothing: float) -> IntArray:
    """Scale factors to send: the path through each band which errs and changes least.

    Minimises `(exact - level)^2 + smoothing * bits(change)` over all paths (Viterbi, "Error
    bounds for convolutional codes", IEEE Transactions on Information Theory 1967).

    Args:
        coefficients: MDCT `(T, 256)`.
        smoothing: What a bit is worth in squared levels; 0 rounds.

    Returns:
        Levels `(T, 20)`, 0 to 47.
    """
    exact = exact_levels(coefficients)
    if smoothing <= 0.0:
        return np.clip(np.rint(exact), 0, LARGEST_LEVEL).astype(np.int32)
    return np.asarray(_paths(np.clip(exact, 0.0, LARGEST_LEVEL), float(smoothing)))


@numba.njit(cache=True, nogil=True)
def _paths(exact, smoothing):  # type: ignore[no-untyped-def]
    """Best path of each column of `(T, B)`."""
    n_frames, n_bands = exact.shape
    states = LARGEST_LEVEL + 1
    out = np.empty((n_frames, n_bands), np.int32)
    back = np.empty((n_frames, states), np.int8)
    stay, change, step = (
        smoothing * UNCHANGED_BITS,
        smoothing * CHANGE_BITS,
        smoothing * STEP_BITS,
    )
    for band in range(n_bands):
        cost = np.zeros(states)
        for t in range(n_frames):
            if t > 0:
                # The cheapest way from below, then from above: a change costs `change + step * d`,
                # so the best start of a longer one is that of its neighbour.
                came = np.empty(states)
                running, origin = np.inf, 0
                for v in range(states):
                    came[v], back[t, v] = cost[v] + stay, v
                    if running + change < came[v]:
                        came[v], back[t, v] = running + change, origin
                    if cost[v] < running:
                        running, origin = cost[v], v
                    running += step
                running, origin = np.inf, 0
                for v in range(states - 1, -1, -1):
                    if running + change < came[v]:
                        came[v], back[t, v] = running + change, origin
                    if cost[v] < running:
                        running, origin = cost[v], v
                    running += step
                cost = came
            for v in range(states):
                error = abs(exact[t, band] - v)
                if error > LARGE_ERROR:
                    cost[v] += LARGE_ERROR * (2.0 * error - LARGE_ERROR)
                else:
                    cost[v] += error * error
        level = int(np.argmin(cost))
        for t in range(n_frames - 1, -1, -1):
            out[t, band] = level
            if t > 0:
                level = int(back[t, level])
    return out


# The quantiser's step grows as the 0.6th power of the envelope, so that loud bands get more noise
# than faint ones, yet less for their level: between constant noise, which is best for the squared
# error, and constant signal-to-noise ratio, which is nearer to hearing. Low bands get finer steps,
# by 0.3 dB a Bark.
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
    """Quantiser steps `(..., T, 256)` from scale factors `(..., T, 20)`.

    Args:
        levels: Scale factors.
        gain: Global step, 0 (finest) to 255, in steps of 3/16 dB.
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
    """Whole numbers `(T, 256)` back to coefficients, with noise for those that are zero.

    The noise belongs to a frame and a channel of the piece, so decoding from the middle, where
    `first_frame` is not 0, gives the same.
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


@dataclass(frozen=True)
class QuantiserSetting:
    """How finely to send.

    Attributes:
        gain: Global step of the quantiser, 0 (finest) to 255 in steps of 3/16 dB.
        smoothing: How much changes of scale factors are avoided; None: what suits the gain.
        dead_zone: How much zeros are preferred.
    """

    gain: int
    smoothing: float | None = None
    dead_zone: float = DEAD_ZONE

    def __post_init__(self) -> None:
        if not 0 <= self.gain <= LARGEST_GAIN:
            raise CodecError(f"gain must lie between 0 and {LARGEST_GAIN}, not {self.gain}")

    @property
    def level_smoothing(self) -> float:
        """The smoothing, or what suits the gain where none is given."""
        return smoothing_of_gain(self.gain) if self.smoothing is None else self.smoothing


def smoothing_of_gain(gain: int) -> float:
    """Smoothing of levels for a gain: the fewer bits there are, the more a level's bits matter."""
    rough = max(0.0, (gain - 106) / 96)
    return 1.0 + 2.0 * rough**2


@dataclass(frozen=True)
class Frames:
    """What is sent of a clip: scale factors `(T, 20)` and quantised coefficients `(T, 256)`."""

    levels: IntArray
    values: IntArray


def quantised(coefficients: FloatArray, setting: QuantiserSetting) -> Frames:
    """Choose what to send of MDCT coefficients `(T, 256)`."""
    levels = choose_levels(coefficients, setting.level_smoothing)
    return Frames(levels, quantise(coefficients, levels, setting.gain, setting.dead_zone))


def analyse(audio: npt.ArrayLike, setting: QuantiserSetting) -> Frames:
    """Choose what to send of samples `(N,)` at 24 kHz."""
    return quantised(mdct(np.asarray(audio, np.float32)), setting)


def synthesise(frames: Frames, gain: int, n_samples: int) -> FloatArray:
    """Samples `(N,)` of what was sent, without a network."""
    return imdct(dequantise(frames.values, frames.levels, gain).plain, n_samples)

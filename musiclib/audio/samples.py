"""Arrays of samples: what is accepted, channels, levels."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from musiclib.errors import AudioError

FloatArray = npt.NDArray[np.float32]

HOUSE_RATE = 24_000
"""Sampling rate in Hz at which the book works unless it says otherwise."""

MAX_CHANNELS = 64


def check_rate(sample_rate: int, name: str = "sample_rate") -> int:
    """Return a sampling rate in Hz as an int.

    Raises:
        AudioError: If it is not a whole number from 1 Hz to 10 MHz.
    """
    if isinstance(sample_rate, bool) or int(sample_rate) != sample_rate:
        raise AudioError(f"{name} must be a whole number of Hz, not {sample_rate!r}")
    if not 1 <= sample_rate <= 10_000_000:
        raise AudioError(f"{name} must lie between 1 Hz and 10 MHz, not {sample_rate!r}")
    return int(sample_rate)


def validate(audio: npt.ArrayLike, name: str = "audio") -> FloatArray:
    """Return audio as a float32 array after checking that it can be used.

    Values outside [-1, 1] are accepted: loud masters and filters overshoot. Integer arrays are
    refused, because their full scale is not known here.

    Args:
        audio: Samples, `(N,)` or `(C, N)`, channels first.
        name: What to call the array in an error message.

    Returns:
        The same samples as float32, `(N,)` or `(C, N)`. No copy is made when none is needed.

    Raises:
        AudioError: If the array is empty, not of floating point type, not of one of the two
            shapes, or holds NaN or infinity.
    """
    array = np.asarray(audio)
    if not np.issubdtype(array.dtype, np.floating):
        raise AudioError(
            f"{name} must hold floating point samples in [-1, 1], not {array.dtype}. "
            "Divide integer samples by their full scale first, for example by 32768."
        )
    if array.ndim not in (1, 2):
        raise AudioError(
            f"{name} must have the shape (N,) or (C, N), not {array.shape}. "
            "Pass one clip at a time, channels first."
        )
    if array.size == 0:
        raise AudioError(f"{name} is empty: its shape is {array.shape}. Pass at least one sample.")
    if array.ndim == 2 and array.shape[0] > MAX_CHANNELS:
        raise AudioError(
            f"{name} would have {array.shape[0]} channels. Channels come first: transpose it."
        )
    with np.errstate(over="ignore"):
        samples: FloatArray = array.astype(np.float32, copy=False)
    # The sum is finite when all samples are, and needs no temporary array. The rare sum that
    # overflows although all samples are finite is settled by the full check.
    with np.errstate(invalid="ignore", over="ignore"):
        total = float(np.sum(samples))
    if not math.isfinite(total):
        bad = np.argwhere(~np.isfinite(samples))
        if len(bad):
            raise AudioError(
                f"{name} holds {len(bad)} samples that are NaN or infinite, the first at index "
                f"{int(bad[0][-1])}. Find the step that made them, or replace them by 0."
            )
    return samples


def to_mono(audio: npt.ArrayLike) -> FloatArray:
    """Mix all channels down to one by their mean.

    The mean never clips and treats all channels alike, so a surround file's low-frequency and
    rear channels count as much as its front ones. Opposite-phase channels cancel.

    Args:
        audio: `(N,)` or `(C, N)`.

    Returns:
        Mono audio, `(N,)`.

    Raises:
        AudioError: If the audio cannot be used (see `validate`).
    """
    samples = validate(audio)
    return samples if samples.ndim == 1 else mix_down(samples)


def mix_down(samples: FloatArray) -> FloatArray:
    """Mean over the channels of `(C, N)`, without the checks of `to_mono`."""
    if samples.shape[0] == 1:
        first: FloatArray = samples[0]
        return first
    mixed: FloatArray = samples.mean(axis=0, dtype=np.float32)
    return mixed


def peak(audio: npt.ArrayLike) -> float:
    """Largest absolute sample over all channels.

    Raises:
        AudioError: If the audio cannot be used (see `validate`).
    """
    samples = validate(audio)
    return float(max(samples.max(), -samples.min()))


def rms_db(audio: npt.ArrayLike) -> float:
    """Root mean square level over all channels in dB relative to an RMS of 1 (full-scale square).

    A full-scale sine is at -3.01 dB. Silence is at minus infinity.

    Raises:
        AudioError: If the audio cannot be used (see `validate`).
    """
    power = float(np.mean(np.square(validate(audio), dtype=np.float64)))
    return 10.0 * math.log10(power) if power > 0.0 else -math.inf

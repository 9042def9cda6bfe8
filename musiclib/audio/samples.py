"""Arrays of samples: what is accepted, channels, levels, loudness, sampling rates."""

from __future__ import annotations

import math
import warnings

import numpy as np
import numpy.typing as npt
import soxr

from musiclib.errors import AudioError

FloatArray = npt.NDArray[np.float32]

HOUSE_RATE = 24_000
"""Sampling rate in Hz at which the book works unless it says otherwise."""

MAX_CHANNELS = 64


def check_rate(sample_rate: int, name: str = "sample_rate") -> int:
    """Return a sampling rate as an int; it must be a whole number from 1 Hz to 10 MHz."""
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
        The same samples as float32. No copy is made when none is needed.

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
    """Largest absolute sample over all channels."""
    samples = validate(audio)
    return float(max(samples.max(), -samples.min()))


def rms_db(audio: npt.ArrayLike) -> float:
    """Root mean square level over all channels in dB relative to an RMS of 1 (full-scale square).

    A full-scale sine is at -3.01 dB. Silence is at minus infinity.
    """
    power = float(np.mean(np.square(validate(audio), dtype=np.float64)))
    return 10.0 * math.log10(power) if power > 0.0 else -math.inf


BLOCK_SECONDS = 0.4


def loudness_lufs(audio: npt.ArrayLike, sample_rate: int) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4, gated).

    The standard defines its filters at 48 kHz. Fitted to 8 kHz they are off by up to 0.2 dB.

    Args:
        audio: `(N,)` or `(C, N)` with up to five channels in the order L, R, C, Ls, Rs.
        sample_rate: Sampling rate in Hz.

    Returns:
        Loudness in LUFS; minus infinity where no block is louder than -70 LUFS (silence).

    Raises:
        AudioError: If the audio is shorter than one gating block of 0.4 s, or has more than five
            channels.
    """
    import pyloudnorm

    samples = validate(audio)
    sample_rate = check_rate(sample_rate)
    n_samples = samples.shape[-1]
    if n_samples < BLOCK_SECONDS * sample_rate:
        raise AudioError(
            f"Loudness is not defined below {BLOCK_SECONDS} s (one gating block of ITU-R BS.1770), "
            f"and this clip lasts {n_samples / sample_rate:.3f} s. Use rms_db for short clips."
        )
    if samples.ndim == 2 and samples.shape[0] > 5:
        raise AudioError(
            f"Loudness is defined for up to 5 channels, not {samples.shape[0]}. Use to_mono first."
        )
    meter = pyloudnorm.Meter(sample_rate, block_size=BLOCK_SECONDS)
    with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
        warnings.simplefilter("ignore")
        loudness = float(meter.integrated_loudness(samples.T.astype(np.float64)))
    return loudness if math.isfinite(loudness) else -math.inf


QUALITY = "VHQ"


def resampled_length(n_samples: int, from_rate: int, to_rate: int) -> int:
    """Number of samples after resampling: `n * to_rate / from_rate`, rounded, at least 1."""
    return max(1, (2 * n_samples * to_rate + from_rate) // (2 * from_rate))


def resample(audio: npt.ArrayLike, from_rate: int, to_rate: int) -> FloatArray:
    """Change the sampling rate with soxr at its best quality (linear phase, zero delay).

    Sample `k` of the result lies at the time `k / to_rate`, so a click stays where it is.
    Outside the clip the signal counts as silence.

    Args:
        audio: `(N,)` or `(C, N)`.
        from_rate: Sampling rate of `audio` in Hz.
        to_rate: Wanted sampling rate in Hz.

    Returns:
        Audio at `to_rate`, `(M,)` or `(C, M)` with `M = resampled_length(N, from_rate, to_rate)`.
    """
    samples = validate(audio)
    from_rate, to_rate = check_rate(from_rate, "from_rate"), check_rate(to_rate, "to_rate")
    if from_rate == to_rate:
        return samples
    length = resampled_length(samples.shape[-1], from_rate, to_rate)
    # soxr wants channels last; a transposed view is read without a copy.
    converted = soxr.resample(samples.T, from_rate, to_rate, quality=QUALITY)
    return fit_length(np.ascontiguousarray(converted.T), length)


def fit_length(audio: FloatArray, length: int) -> FloatArray:
    """Cut or zero-pad the last axis to `length`."""
    missing = length - audio.shape[-1]
    if missing <= 0:
        return audio[..., :length]
    return np.pad(audio, [(0, 0)] * (audio.ndim - 1) + [(0, missing)])


class StreamResampler:
    """The same conversion in pieces, for audio that does not fit into memory."""

    def __init__(self, from_rate: int, to_rate: int, channels: int) -> None:
        self._stream = (
            None
            if from_rate == to_rate
            else soxr.ResampleStream(from_rate, to_rate, channels, quality=QUALITY)
        )
        self._channels = channels

    def push(self, chunk: FloatArray) -> FloatArray:
        """Take `(C, n)` and return what is ready, `(C, m)`; `m` may be 0."""
        return chunk if self._stream is None else self._run(chunk, last=False)

    def finish(self) -> FloatArray:
        """Return the rest, `(C, m)`."""
        empty: FloatArray = np.zeros((self._channels, 0), np.float32)
        return empty if self._stream is None else self._run(empty, last=True)

    def _run(self, chunk: FloatArray, *, last: bool) -> FloatArray:
        assert self._stream is not None
        result: FloatArray = self._stream.resample_chunk(np.ascontiguousarray(chunk.T), last=last).T
        return result

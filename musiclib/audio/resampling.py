"""Sampling rate conversion with the SoX resampler."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np
import numpy.typing as npt
import soxr

from musiclib.audio.samples import FloatArray, check_rate, validate

QUALITY = "VHQ"

# soxr's VHQ filter reaches about 130 periods of the lower rate to each side (down to 1e-8).
FILTER_REACH = 256


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

    Raises:
        AudioError: If the audio cannot be used (see `validate`) or a rate is not positive.
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


@dataclass(frozen=True)
class Cut:
    """Which source frames to read, and which resampled ones to keep, for one exact cut.

    Source frames `[first, last)` include a margin for the resampling filter and start on a frame
    where both sampling grids meet; of the result, `skip` samples are dropped and at most `keep`
    are kept. `None` means until the end. So a cut equals the same slice of the whole file.
    """

    first: int
    last: int | None
    skip: int
    keep: int | None


def plan_cut(from_rate: int, to_rate: int, start_s: float, duration_s: float | None) -> Cut:
    """Plan the cut of `duration_s` seconds from `start_s`, rounded to samples of `to_rate`."""
    begin = round(start_s * to_rate)
    keep = None if duration_s is None else max(1, round(duration_s * to_rate))
    if from_rate == to_rate:
        return Cut(begin, None if keep is None else begin + keep, 0, keep)
    divisor = gcd(from_rate, to_rate)
    unit_in, unit_out = from_rate // divisor, to_rate // divisor
    margin = -(-FILTER_REACH * from_rate // min(from_rate, to_rate))
    units = max(0, begin * from_rate // to_rate - margin) // unit_in
    last = None if keep is None else -(-(begin + keep) * from_rate // to_rate) + margin
    return Cut(units * unit_in, last, begin - units * unit_out, keep)

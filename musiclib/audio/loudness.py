"""Loudness after ITU-R BS.1770-4 and EBU R 128, by pyloudnorm."""

from __future__ import annotations

import math
import warnings

import numpy as np
import numpy.typing as npt

from musiclib.audio.samples import FloatArray, check_rate, peak, validate
from musiclib.errors import AudioError

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
        AudioError: If the audio cannot be used (see `validate`), is shorter than one gating
            block of 0.4 s, or has more than five channels.
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


def normalise_loudness(
    audio: npt.ArrayLike, sample_rate: int, lufs: float, max_peak: float = 1.0
) -> FloatArray:
    """Scale audio to a loudness, by one gain for the whole clip.

    The gain is lowered where the peak would exceed `max_peak`, so that nothing clips; such a clip
    stays quieter than asked. A silent clip is returned as it is.

    Args:
        audio: `(N,)` or `(C, N)`.
        sample_rate: Sampling rate in Hz.
        lufs: Wanted loudness in LUFS.
        max_peak: Largest absolute sample of the result.

    Returns:
        Scaled audio of the same shape.

    Raises:
        AudioError: As `loudness_lufs`, or if `lufs` is not finite or `max_peak` not positive.
    """
    if not math.isfinite(lufs):
        raise AudioError(f"The wanted loudness must be finite, not {lufs} LUFS")
    if not max_peak > 0.0:
        raise AudioError(f"max_peak must be positive, not {max_peak}")
    samples = validate(audio)
    loudness = loudness_lufs(samples, sample_rate)
    if loudness == -math.inf:
        return samples.copy()
    gain = min(10.0 ** ((lufs - loudness) / 20.0), max_peak / peak(samples))
    scaled: FloatArray = samples * np.float32(gain)
    # Rounding to float32 may exceed the limit by one unit in the last place.
    return np.clip(scaled, -max_peak, max_peak)

"""Sounds that show what an ear lets pass: noise under a tone, and noise shaped by the music."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.signal

from musiclib.audio import HOUSE_RATE, FloatArray, validate
from musiclib.errors import AudioError
from musiclib.psychoacoustics import (
    critical_bandwidth_hz,
    hz_to_bark,
    masked_threshold_db,
    spreading_db,
)

Array = npt.NDArray[np.float64]

#: Level that a sine at full scale is taken to have at the ear. It depends on the reader's volume.
FULL_SCALE_DB_SPL = 90.0


@dataclass(frozen=True)
class MaskingDemonstration:
    """A tone and two noises of one level: one beside it in pitch, one far from it.

    Attributes:
        sounds: Samples by label, each of shape ``(N,)``.
        tone_hz: Frequency of the tone.
        tone_db: Its level in dB SPL.
        noise_db: Level of both noises in dB SPL.
        bands_hz: Lower and upper edges of the near and the far noise.
        thresholds_db: Masked thresholds in dB SPL at the centre of the near and the far noise.
        sample_rate: In Hz.
    """

    sounds: dict[str, FloatArray]
    tone_hz: float
    tone_db: float
    noise_db: float
    bands_hz: tuple[tuple[float, float], tuple[float, float]]
    thresholds_db: tuple[float, float]
    sample_rate: int


def masking_demonstration(
    tone_hz: float = 1000.0,
    far_hz: float = 4000.0,
    tone_db: float = 70.0,
    margin_db: float = 3.0,
    seconds: float = 3.0,
    sample_rate: int = HOUSE_RATE,
    seed: int = 0,
) -> MaskingDemonstration:
    """Make a noise that a tone should hide, and the same noise where it should not.

    Both noises are one critical band wide and of equal power, ``margin_db`` below the masked
    threshold at the tone's own frequency.

    Args:
        tone_hz: Frequency of the tone.
        far_hz: Centre of the far noise.
        tone_db: Level of the tone in dB SPL, taking :data:`FULL_SCALE_DB_SPL` for full scale.
        margin_db: Distance of the noise below the masked threshold.
        seconds: Length of each sound.
        sample_rate: In Hz.
        seed: Seed of the noise.

    Returns:
        The sounds and the levels that explain them.

    Raises:
        AudioError: If a noise would not fit below half the sample rate.
    """
    centres = np.array([tone_hz, far_hz])
    near, far = masked_threshold_db(centres, [(tone_hz, tone_db)])
    noise_db = float(near) - margin_db
    widths = critical_bandwidth_hz(centres)
    edges = [(float(c - w / 2), float(c + w / 2)) for c, w in zip(centres, widths, strict=True)]
    if max(high for _, high in edges) >= sample_rate / 2 or min(low for low, _ in edges) <= 0:
        raise AudioError(
            f"the noises at {tone_hz} and {far_hz} Hz do not fit below {sample_rate / 2} Hz"
        )
    count = round(seconds * sample_rate)
    times = np.arange(count) / sample_rate
    fade = scipy.signal.windows.tukey(count, 0.1 / seconds)
    tone = _sine_rms(tone_db) * np.sqrt(2.0) * np.sin(2.0 * np.pi * tone_hz * times) * fade
    generator = np.random.default_rng(seed)
    white = generator.standard_normal(count)
    noises = [
        _band(white, low, high, sample_rate) * _sine_rms(noise_db) * fade for low, high in edges
    ]
    silent = np.zeros(count)
    sounds = {
        "tone alone": tone,
        "tone and noise beside it": tone + noises[0],
        "tone and noise far from it": tone + noises[1],
        "noise beside, without the tone": silent + noises[0],
    }
    return MaskingDemonstration(
        sounds={label: sound.astype(np.float32) for label, sound in sounds.items()},
        tone_hz=tone_hz,
        tone_db=tone_db,
        noise_db=noise_db,
        bands_hz=(edges[0], edges[1]),
        thresholds_db=(float(near), float(far)),
        sample_rate=sample_rate,
    )


def add_noise(
    audio: FloatArray, sample_rate: int, snr_db: float, shaped: bool, seed: int = 0
) -> FloatArray:
    """Add noise of a given power, flat or shaped like the music's own masking.

    Shaped noise has, at each moment, as much power in each critical band as the music's spread
    excitation there, lowered by one factor for the whole piece. This is the principle of a
    perceptual coder's noise (Johnston 1988), without its bits.

    Args:
        audio: Samples, shape ``(N,)``.
        sample_rate: In Hz.
        snr_db: Power of the audio over the power of the noise, in dB.
        shaped: Whether to shape the noise; otherwise it is white.
        seed: Seed of the noise.

    Returns:
        The audio with noise, shape ``(N,)``; samples beyond full scale are clipped there.

    Raises:
        AudioError: If the audio is unusable or silent.
    """
    sound = validate(audio).astype(np.float64)
    power = float(np.mean(sound**2))
    if power == 0.0:
        raise AudioError("noise relative to silence has no level; give audio with a signal")
    noise = np.random.default_rng(seed).standard_normal(sound.shape)
    if shaped:
        noise = _shape(noise, sound, sample_rate)
    noise *= np.sqrt(power * 10.0 ** (-snr_db / 10.0) / np.mean(noise**2))
    return np.clip(sound + noise, -1.0, 1.0).astype(np.float32)


def _shape(noise: Array, sound: Array, sample_rate: int) -> Array:
    n_fft, hop = 1024, 256
    window = scipy.signal.windows.hann(n_fft, sym=False)
    transform = scipy.signal.ShortTimeFFT(window, hop, sample_rate)
    frequencies = transform.f
    bark = hz_to_bark(frequencies)
    spread = 10.0 ** (spreading_db(bark[:, None] - bark[None, :]) / 10.0)
    # The excitation of a band is shared by its bins, so that wide bands do not count more.
    share = (frequencies[1] - frequencies[0]) / critical_bandwidth_hz(frequencies)
    padding = n_fft if len(sound) < n_fft else 0
    padded = np.pad(sound, (0, padding))
    threshold = share[:, None] * (spread @ np.abs(transform.stft(padded)) ** 2)
    shaped = transform.stft(np.pad(noise, (0, padding))) * np.sqrt(threshold)
    return np.asarray(transform.istft(shaped, k1=len(padded))[: len(sound)], dtype=np.float64)


def _sine_rms(level_db: float) -> float:
    """RMS of a sound of a level in dB SPL, where a full-scale sine has FULL_SCALE_DB_SPL."""
    return float(10.0 ** ((level_db - FULL_SCALE_DB_SPL) / 20.0) / np.sqrt(2.0))


def _band(white: Array, low: float, high: float, sample_rate: int) -> Array:
    """White noise limited to a band, with an RMS of 1."""
    spectrum = np.fft.rfft(white)
    frequencies = np.fft.rfftfreq(len(white), 1.0 / sample_rate)
    spectrum[(frequencies < low) | (frequencies > high)] = 0.0
    band = np.fft.irfft(spectrum, len(white))
    return np.asarray(band / np.sqrt(np.mean(band**2)), dtype=np.float64)

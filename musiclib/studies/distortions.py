"""Known damage, done to music on purpose.

Used by the chapter on metrics: a metric is judged by what it says about damage whose audibility
is understood. Every function maps a clip to a clip of the same length and is deterministic for a
given seed. Audio is float32, mono, shape ``(N,)``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.signal
import torch

from musiclib import audio as audio_io
from musiclib.audio import FloatArray
from musiclib.psychoacoustics import hz_to_bark
from musiclib.stft import StftConfig, istft, stft

PhaseKind = Literal["random", "zero", "noise"]


@dataclass(frozen=True)
class Distortion:
    """One kind of damage.

    Attributes:
        key: Short name for tables and file names.
        label: What a reader sees.
        apply: Function of ``(audio, sample_rate, seed)`` that returns the damaged clip.
    """

    key: str
    label: str
    apply: Callable[[FloatArray, int, int], FloatArray]


def delay(audio: FloatArray, sample_rate: int, seconds: float) -> FloatArray:
    """Play everything later, by a fraction of a sample if need be.

    Args:
        audio: Samples, shape ``(N,)``.
        sample_rate: In Hz.
        seconds: Delay in seconds, 0 or more.

    Returns:
        Samples, shape ``(N,)``: silence comes in at the start, the end falls off.
    """
    shift = seconds * sample_rate
    padded = np.concatenate([audio, np.zeros(int(np.ceil(shift)) + 1, dtype=np.float32)])
    spectrum = np.fft.rfft(padded.astype(np.float64))
    spectrum *= np.exp(-2j * np.pi * np.arange(len(spectrum)) * shift / len(padded))
    return np.fft.irfft(spectrum, len(padded))[: len(audio)].astype(np.float32)


def rotate_phase(audio: FloatArray, degrees: float) -> FloatArray:
    """Shift the phase of every frequency by the same angle and leave every magnitude as it is.

    Args:
        audio: Samples, shape ``(N,)``.
        degrees: Angle; 180 is a polarity flip, 90 the Hilbert transform.

    Returns:
        Samples, shape ``(N,)``.
    """
    angle = np.deg2rad(degrees)
    analytic = scipy.signal.hilbert(audio.astype(np.float64))
    turned = np.cos(angle) * analytic.real + np.sin(angle) * analytic.imag
    return np.asarray(turned, dtype=np.float32)


def change_speed(audio: FloatArray, sample_rate: int, percent: float) -> FloatArray:
    """Play faster, as a tape would: time shrinks and every pitch rises.

    Args:
        audio: Samples, shape ``(N,)``.
        sample_rate: In Hz.
        percent: 0.1 makes a minute 0.06 s shorter and a tone 1.7 cents higher.

    Returns:
        Samples, shape ``(N,)``, cut or filled with silence at the end.
    """
    new_rate = round(sample_rate / (1.0 + percent / 100.0))
    return fit_length(audio_io.resample(audio, sample_rate, new_rate), len(audio))


def lowpass(audio: FloatArray, sample_rate: int, cutoff_hz: float) -> FloatArray:
    """Remove everything above a frequency, without delay.

    Args:
        audio: Samples, shape ``(N,)``.
        sample_rate: In Hz.
        cutoff_hz: Edge of the passband; returned unchanged when it is at or above the Nyquist rate.

    Returns:
        Samples, shape ``(N,)``.
    """
    if cutoff_hz >= sample_rate / 2:
        return audio.copy()
    sections = scipy.signal.butter(10, cutoff_hz, fs=sample_rate, output="sos")
    padding = min(3 * (2 * len(sections) + 1), len(audio) - 1)
    filtered = scipy.signal.sosfiltfilt(sections, audio.astype(np.float64), padlen=padding)
    return np.asarray(filtered, dtype=np.float32)


def add_noise(
    audio: FloatArray, snr_db: float, seed: int, *, noise: FloatArray | None = None
) -> FloatArray:
    """Add noise at a given signal-to-noise ratio.

    Args:
        audio: Samples, shape ``(N,)``.
        snr_db: Energy of the clip over energy of the noise, in dB.
        seed: Of the white noise.
        noise: Noise to use instead of white noise, shape ``(N,)``; it is scaled.

    Returns:
        Samples, shape ``(N,)``.
    """
    if noise is None:
        noise = np.random.default_rng(seed).standard_normal(len(audio)).astype(np.float32)
    level = np.sqrt(np.mean(np.square(audio, dtype=np.float64)))
    scale = level * 10.0 ** (-snr_db / 20.0) / np.sqrt(np.mean(np.square(noise, dtype=np.float64)))
    return np.asarray(audio + scale * noise, dtype=np.float32)


def replace_phase(
    audio: FloatArray,
    config: StftConfig,
    kind: PhaseKind,
    seed: int = 0,
    *,
    keep_level: bool = True,
) -> FloatArray:
    """Keep the STFT's magnitudes, throw its phases away and transform back.

    Overlapping frames whose phases do not fit together cancel in part, so that the result is
    softer than the clip, by about 6 dB for random phases. The level is given back unless asked
    otherwise, so that phase alone is judged.

    Args:
        audio: Samples, shape ``(N,)``.
        config: Window and hop length.
        kind: ``"random"`` draws every phase by itself, ``"zero"`` sets all to zero, ``"noise"``
            takes the phases of white noise's own STFT, which fit together from frame to frame.
        seed: Of the random phases.
        keep_level: Whether to scale the result to the clip's RMS value.

    Returns:
        Samples, shape ``(N,)``.
    """
    magnitude = stft(torch.from_numpy(audio), config).abs()
    rng = np.random.default_rng(seed)
    if kind == "zero":
        phase = torch.zeros_like(magnitude)
    elif kind == "random":
        angles = rng.uniform(-np.pi, np.pi, tuple(magnitude.shape)).astype(np.float32)
        phase = torch.from_numpy(angles)
    else:
        white = rng.standard_normal(len(audio)).astype(np.float32)
        phase = stft(torch.from_numpy(white), config).angle()
    sound = istft(torch.polar(magnitude, phase), config, len(audio)).numpy().astype(np.float32)
    level = np.sqrt(np.mean(np.square(sound, dtype=np.float64)))
    if not keep_level or level == 0.0:
        return sound
    wanted = np.sqrt(np.mean(np.square(audio, dtype=np.float64)))
    return np.asarray(sound * (wanted / level), dtype=np.float32)


def noise_bands(
    audio: FloatArray, sample_rate: int, seed: int, *, width_bark: float = 1.0
) -> FloatArray:
    """Noise with the clip's energy in every critical band and every 10 ms or so, and nothing else.

    A noise vocoder (Shannon et al., "Speech recognition with primarily temporal cues", Science
    270, 1995) with bands one Bark wide, done on STFT magnitudes.

    Args:
        audio: Samples, shape ``(N,)``.
        sample_rate: In Hz.
        seed: Of the noise.
        width_bark: Width of a band in Bark.

    Returns:
        Samples, shape ``(N,)``.
    """
    config = StftConfig(n_fft=1024, hop_length=256)
    rng = np.random.default_rng(seed)
    white = torch.from_numpy(rng.standard_normal(len(audio)).astype(np.float32))
    target, carrier = stft(torch.from_numpy(audio), config).abs(), stft(white, config)
    frequencies = np.linspace(0, sample_rate / 2, config.n_bins)
    band = torch.from_numpy((hz_to_bark(frequencies) / width_bark).astype(np.int64))
    shape = (int(band.max()) + 1, target.shape[-1])
    wanted = torch.zeros(shape).index_add_(0, band, target.square())
    present = torch.zeros(shape).index_add_(0, band, carrier.abs().square())
    gain = (wanted / present.clamp_min(1e-20)).sqrt()[band]
    return istft(carrier * gain, config, len(audio)).numpy().astype(np.float32)


def clicks(audio: FloatArray, sample_rate: int) -> FloatArray:
    """Add a click of one sample each second, half as high as the clip's peak.

    Args:
        audio: Samples, shape ``(N,)``.
        sample_rate: In Hz.

    Returns:
        Samples, shape ``(N,)``, with the first click after half a second (or half the clip).
    """
    out = audio.copy()
    first = min(sample_rate // 2, len(audio) // 2)
    out[first::sample_rate] += 0.5 * float(np.max(np.abs(audio)))
    return out


def fit_length(audio: FloatArray, length: int) -> FloatArray:
    """Cut a clip, or fill it with silence, to a number of samples.

    Args:
        audio: Samples, shape ``(M,)``.
        length: Wanted number of samples.

    Returns:
        Samples, shape ``(length,)``.
    """
    return np.pad(audio[:length], (0, max(0, length - len(audio)))).astype(np.float32)


def _music_shaped_noise(audio: FloatArray, sample_rate: int, seed: int) -> FloatArray:
    return add_noise(audio, 20.0, seed, noise=noise_bands(audio, sample_rate, seed))


HOUSE_STFT = StftConfig(n_fft=1024, hop_length=256)
LONG_STFT = StftConfig(n_fft=8192, hop_length=2048)

DISTORTIONS: tuple[Distortion, ...] = (
    Distortion("polarity", "Polarity flipped", lambda x, _rate, _seed: -x),
    Distortion("delay", "1 ms late", lambda x, rate, _seed: delay(x, rate, 0.001)),
    Distortion("rotation", "Phase turned by 90°", lambda x, _rate, _seed: rotate_phase(x, 90.0)),
    Distortion("speed", "0.1 % faster", lambda x, rate, _seed: change_speed(x, rate, 0.1)),
    Distortion("gain", "3 dB softer", lambda x, _rate, _seed: np.float32(10 ** (-3 / 20)) * x),
    Distortion("white", "White noise at 20 dB SNR", lambda x, _rate, s: add_noise(x, 20.0, s)),
    Distortion("shaped", "Music-shaped noise at 20 dB SNR", _music_shaped_noise),
    Distortion("clicks", "A click each second", lambda x, rate, _seed: clicks(x, rate)),
    Distortion("lowpass", "Low-pass at 4 kHz", lambda x, rate, _seed: lowpass(x, rate, 4000.0)),
    Distortion(
        "phase",
        "Random phase, 1,024 window",
        lambda x, _r, s: replace_phase(x, HOUSE_STFT, "random", s),
    ),
    Distortion(
        "smear",
        "Random phase, 8,192 window",
        lambda x, _r, s: replace_phase(x, LONG_STFT, "random", s),
    ),
    Distortion("bands", "Noise in Bark bands", lambda x, rate, s: noise_bands(x, rate, s)),
)
"""The damage of the metric chapter, from what ears forgive to what they do not."""

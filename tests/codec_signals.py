"""Signals for the tests of codecs, and what is measured on what comes back."""

from functools import cache

import numpy as np
import numpy.typing as npt

from musiclib.audio import FloatArray
from musiclib.codecs import Codec, get_codec
from musiclib.evaluation import align

RATE = 24_000


def click(n_samples: int, position: int, width: float) -> FloatArray:
    """A bell of height 0.8, its top at `position`: a click with little above its bandwidth."""
    times = np.arange(n_samples) - position
    return (0.8 * np.exp(-0.5 * (times / width) ** 2)).astype(np.float32)


def tone(frequency: float, seconds: float = 1.0, sample_rate: int = RATE) -> FloatArray:
    times = np.arange(round(seconds * sample_rate)) / sample_rate
    return (0.4 * np.sin(2 * np.pi * frequency * times)).astype(np.float32)


@cache
def music(seconds: float = 3.0, sample_rate: int = RATE, seed: int = 0) -> FloatArray:
    """Chords of decaying harmonics with noisy attacks: tones, transients and a wide band."""
    rng = np.random.default_rng(seed)
    total = round(seconds * sample_rate)
    audio = np.zeros(total)
    for start in range(0, total, sample_rate // 4):
        times = np.arange(min(sample_rate // 2, total - start)) / sample_rate
        notes = slice(start, start + len(times))
        for pitch in rng.choice([220.0, 261.6, 329.6, 392.0, 523.3], 3, replace=False):
            for harmonic in range(1, 12):
                if pitch * harmonic < 0.45 * sample_rate:
                    wave = np.sin(2 * np.pi * pitch * harmonic * times + rng.uniform(0, 6.28))
                    audio[notes] += wave * np.exp(-times * (3 + harmonic)) / harmonic
        audio[notes] += 0.5 * rng.standard_normal(len(times)) * np.exp(-times * 60)
    result = (0.5 * audio / np.abs(audio).max()).astype(np.float32)
    result.flags.writeable = False  # shared by all tests
    return result


def stereo(left: FloatArray) -> FloatArray:
    return np.stack([left, 0.6 * left])


def roundtrip(codec: Codec, audio: FloatArray, sample_rate: int = RATE) -> FloatArray:
    """Code, decode by a codec that knows no setting, and bring back to the input's rate."""
    decoded, rate = get_codec(codec.name).decode(codec.encode(audio, sample_rate))
    return align(decoded, rate, audio, sample_rate)


def lag(reference: npt.ArrayLike, estimate: npt.ArrayLike, most: int = 2000) -> int:
    """How many samples the estimate comes late, by the peak of the cross-correlation."""
    first, second = np.asarray(reference, float), np.asarray(estimate, float)
    n = 2 * len(first)
    spectrum = np.fft.rfft(first, n).conj() * np.fft.rfft(second, n)
    circular = np.fft.irfft(spectrum, n)
    near = np.concatenate([circular[-most:], circular[: most + 1]])
    return int(np.argmax(near)) - most


def sdr(reference: FloatArray, estimate: FloatArray) -> float:
    error = float(np.sum((reference - estimate) ** 2))
    return float(10 * np.log10(float(np.sum(reference**2)) / max(error, 1e-20)))

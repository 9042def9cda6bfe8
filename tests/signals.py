"""Signals whose properties are known, for all tests. Every random one is seeded."""

from __future__ import annotations

import numpy as np

from musiclib.audio import FloatArray


def silence(n_samples: int) -> FloatArray:
    return np.zeros(n_samples, np.float32)


def tone(
    frequency: float, n_samples: int, sample_rate: int, amplitude: float = 0.5, phase: float = 0.0
) -> FloatArray:
    """A sine of `frequency` Hz."""
    time = np.arange(n_samples) / sample_rate
    return (amplitude * np.sin(2 * np.pi * frequency * time + phase)).astype(np.float32)


def chirp(
    low: float, high: float, n_samples: int, sample_rate: int, amplitude: float = 0.5
) -> FloatArray:
    """A sine that glides from `low` to `high` Hz."""
    time = np.arange(n_samples) / sample_rate
    sweep = low + (high - low) * time * sample_rate / (2 * n_samples)
    return (amplitude * np.sin(2 * np.pi * sweep * time)).astype(np.float32)


def noise(n_samples: int, seed: int = 0, rms: float = 0.1) -> FloatArray:
    """White Gaussian noise."""
    return (rms * np.random.default_rng(seed).standard_normal(n_samples)).astype(np.float32)


def click(n_samples: int, at: int, amplitude: float = 0.9) -> FloatArray:
    """One sample in silence."""
    audio = silence(n_samples)
    audio[at] = amplitude
    return audio


def music(n_samples: int, sample_rate: int, seed: int = 0) -> FloatArray:
    """Decaying chords with overtones over a little noise: dense, tonal and with attacks."""
    rng = np.random.default_rng(seed)
    audio = 0.002 * rng.standard_normal(n_samples)
    for begin in range(0, n_samples, sample_rate // 4):
        time = np.arange(min(sample_rate, n_samples - begin)) / sample_rate
        chord = np.zeros_like(time)
        for pitch in rng.choice([110.0, 146.8, 196.0, 220.0, 293.7, 440.0], 3, replace=False):
            for overtone in range(1, 6):
                if pitch * overtone < 0.45 * sample_rate:
                    chord += np.sin(2 * np.pi * pitch * overtone * time) / overtone
        audio[begin : begin + len(time)] += np.exp(-6.0 * time) * chord
    return (0.8 * audio / np.abs(audio).max()).astype(np.float32)


def dominant_frequency(audio: FloatArray, sample_rate: int) -> float:
    """Frequency in Hz of the loudest bin of the whole clip, refined by a parabola."""
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio))))
    peak = int(np.argmax(spectrum[1:-1])) + 1
    left, centre, right = np.log(spectrum[peak - 1 : peak + 2] + 1e-12)
    shift = 0.5 * (left - right) / (left - 2 * centre + right)
    return float((peak + shift) * sample_rate / len(audio))

"""Formulas of hearing: what an ear cannot hear, a codec need not send.

Used by the introduction chapter, which explains how MP3, AAC and Opus decide where noise may go.
Frequencies are in Hz, levels in dB SPL (0 dB is 20 micropascal), critical-band rates in Bark.

The formulas are the textbook ones that perceptual codecs were first designed with. They describe
an average listener and steady sounds. They leave out masking in time and the way that the slope of
masking grows shallower as the masker grows louder.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def absolute_threshold_db(frequency_hz: npt.ArrayLike) -> Array:
    """Level of the faintest audible tone in quiet, in dB SPL.

    Source: Terhardt, "Calculating virtual pitch", Hearing Research 1 (1979), pages 155-182.

    Args:
        frequency_hz: Frequencies above 0 Hz, any shape.

    Raises:
        ValueError: If a frequency is not positive.
    """
    khz = _positive(frequency_hz) / 1000.0
    threshold = (
        3.64 * khz**-0.8 - 6.5 * np.exp(-0.6 * (khz - 3.3) ** 2) + 1e-3 * khz**4
    )  # low-frequency slope, the ear canal's resonance near 3.3 kHz, high-frequency limit
    return np.asarray(threshold, dtype=np.float64)


def hz_to_bark(frequency_hz: npt.ArrayLike) -> Array:
    """Critical-band rate in Bark: equal steps are equal widths along the inner ear.

    Source: Zwicker and Terhardt, "Analytical expressions for critical-band rate and critical
    bandwidth as a function of frequency", JASA 68 (1980), pages 1523-1525.

    Args:
        frequency_hz: Frequencies of at least 0 Hz, any shape.

    Returns:
        Critical-band rates, 0 to about 25 Bark, in the shape of the input.
    """
    frequency = np.asarray(frequency_hz, dtype=np.float64)
    bark = 13.0 * np.arctan(0.76e-3 * frequency) + 3.5 * np.arctan((frequency / 7500.0) ** 2)
    return np.asarray(bark, dtype=np.float64)


def erb_hz(frequency_hz: npt.ArrayLike) -> Array:
    """Equivalent rectangular bandwidth of the ear's filter at a frequency, in Hz.

    Source: Glasberg and Moore, "Derivation of auditory filter shapes from notched-noise data",
    Hearing Research 47 (1990), pages 103-138, equation 3.

    Args:
        frequency_hz: Frequencies of at least 0 Hz, any shape.

    Returns:
        Bandwidths in Hz, from 24.7 up, in the shape of the input.
    """
    frequency = np.asarray(frequency_hz, dtype=np.float64)
    return np.asarray(24.7 * (4.37e-3 * frequency + 1.0), dtype=np.float64)


def critical_bandwidth_hz(frequency_hz: npt.ArrayLike) -> Array:
    """Width of the critical band around a frequency, in Hz.

    Source: Zwicker and Terhardt (1980), as for :func:`hz_to_bark`.

    Args:
        frequency_hz: Centre frequencies of at least 0 Hz, any shape.

    Returns:
        Bandwidths in Hz, in the shape of the input: 100 Hz at the bottom, growing with frequency.
    """
    khz = np.asarray(frequency_hz, dtype=np.float64) / 1000.0
    return np.asarray(25.0 + 75.0 * (1.0 + 1.4 * khz**2) ** 0.69, dtype=np.float64)


def spreading_db(distance_bark: npt.ArrayLike) -> Array:
    """How far the excitation by a masker has fallen at a distance from it, in dB.

    The slope is 25 dB per Bark towards lower frequencies and 10 dB per Bark towards higher ones:
    a sound masks what lies above it more than what lies below.

    Source: Schroeder, Atal and Hall, "Optimizing digital speech coders by exploiting masking
    properties of the human ear", JASA 66 (1979), pages 1647-1652.

    Args:
        distance_bark: Critical-band rate of the masked sound minus that of the masker, any shape.

    Returns:
        Levels in dB relative to the masker, about 0 at distance 0, in the shape of the input.
    """
    shifted = np.asarray(distance_bark, dtype=np.float64) + 0.474
    return np.asarray(15.81 + 7.5 * shifted - 17.5 * np.sqrt(1.0 + shifted**2), dtype=np.float64)


def masked_threshold_db(
    frequency_hz: npt.ArrayLike, maskers: Iterable[tuple[float, float]]
) -> Array:
    """Level below which nothing is heard while pure tones sound, in dB SPL.

    Each tone's spread excitation is lowered by 14.5 + z dB, where z is the tone's critical-band
    rate: noise must stay that far below a tone to hide under it. The powers of all tones, and that
    of the threshold in quiet, are added.

    Source: Johnston, "Transform coding of audio signals using perceptual noise criteria", IEEE
    Journal on Selected Areas in Communications 6 (1988), pages 314-323, section II.

    Args:
        frequency_hz: Frequencies above 0 Hz at which the threshold is wanted, shape ``(N,)``.
        maskers: Pairs of frequency (Hz) and level (dB SPL).

    Returns:
        Thresholds in dB SPL, shape ``(N,)``. Without maskers it is the threshold in quiet.

    Raises:
        ValueError: If a frequency is not positive.
    """
    frequency = _positive(frequency_hz)
    bark = hz_to_bark(frequency)
    thresholds = [absolute_threshold_db(frequency)]
    for masker_hz, masker_db in maskers:
        masker_bark = hz_to_bark(_positive(masker_hz))
        offset_db = 14.5 + masker_bark
        thresholds.append(masker_db + spreading_db(bark - masker_bark) - offset_db)
    power = np.sum(10.0 ** (np.stack(thresholds) / 10.0), axis=0)
    return np.asarray(10.0 * np.log10(power), dtype=np.float64)


def _positive(frequency_hz: npt.ArrayLike) -> Array:
    frequency = np.asarray(frequency_hz, dtype=np.float64)
    if np.any(~(frequency > 0)):
        raise ValueError(f"frequencies must be above 0 Hz, got {frequency.min()} Hz")
    return frequency

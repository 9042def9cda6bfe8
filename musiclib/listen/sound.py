"""A sound with what is known of it, and the words that a page says about it."""

import html
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from musiclib.audio import FloatArray, peak, rms_db, validate
from musiclib.errors import AudioError


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound to listen to.

    Attributes:
        label: What the listener reads, such as "Opus 12 kbps".
        audio: Samples at their true level, shape ``(N,)`` or ``(C, N)``.
        sample_rate: Samples a second.
        kbps: Measured bitrate, from the bytes of the coded clip; None where nothing was coded.
        figures: Measured figures by name. A key of :data:`musiclib.metrics.METRICS` is shown with
            that metric's label and unit, any other name as it is. Texts are shown as they are.
    """

    label: str
    audio: FloatArray
    sample_rate: int
    kbps: float | None = None
    figures: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        validate(self.audio, self.label or "audio")
        if not self.label.strip():
            raise AudioError("a sound to listen to needs a label, which readers see and hear read")
        if self.sample_rate <= 0:
            raise AudioError(f"the sample rate must be positive, got {self.sample_rate}")

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return float(self.audio.shape[-1] / self.sample_rate)

    @property
    def pcm_kbps(self) -> float:
        """Bitrate of the sound as uncompressed 16-bit samples, in kbps."""
        channels = 1 if self.audio.ndim == 1 else self.audio.shape[0]
        return self.sample_rate * channels * 16 / 1000


def escape(text: str) -> str:
    """Text made safe for HTML, in elements and in quoted attributes."""
    return html.escape(text, quote=True)


def seconds_text(sound: Sound) -> str:
    """Length of a sound in words, such as "10.0 s"."""
    return f"{sound.seconds:.1f} s" if sound.seconds >= 1 else f"{sound.seconds:.2f} s"


def kbps_text(kbps: float) -> str:
    """A bitrate in words, such as "12.4 kbps" or "384 kbps"."""
    return f"{kbps:.0f} kbps" if kbps >= 100 else f"{kbps:.1f} kbps"


def level_text(sound: Sound) -> str:
    """Level of a sound in words: RMS and peak in dB relative to full scale."""
    largest = peak(sound.audio)
    if largest == 0:
        return "silence"
    return (
        f"RMS {number_text(rms_db(sound.audio))} dB, peak {number_text(20 * np.log10(largest))} dB"
    )


def clipping_text(sound: Sound, clipped: int) -> str:
    """Notice that samples were clipped; empty where none was."""
    if not clipped:
        return ""
    verb = "sample" if clipped == 1 else "samples"
    return f"{clipped:,} of {sound.audio.size:,} {verb} clipped"


def figure_pairs(sound: Sound) -> list[tuple[str, str]]:
    """Measured figures as names and values, such as "LSD" and "7.20 dB"."""
    from musiclib.metrics import METRICS

    pairs = []
    for name, value in sound.figures.items():
        metric = METRICS.get(name)
        label, unit = (metric.label, metric.unit) if metric else (name, "")
        label = label.removeprefix("Predicted quality, ")  # there is little room beside a sound
        number = value if isinstance(value, str) else _three_digits(float(value))
        # A number and its unit stay on one line.
        pairs.append((label, f"{number}\N{NO-BREAK SPACE}{unit}" if unit else number))
    return pairs


def _three_digits(value: float) -> str:
    return number_text(value, 1 if abs(value) >= 10 else 2)


def figure_texts(sound: Sound) -> list[str]:
    """Measured figures in words, such as "LSD 7.2 dB"."""
    return [f"{label} {value}".strip() for label, value in figure_pairs(sound)]


def number_text(value: float, digits: int = 1) -> str:
    """A number in words, with a minus sign that is as long as a plus sign, such as "−14.2"."""
    if not np.isfinite(value):
        return "infinite" if value > 0 else "not defined" if np.isnan(value) else "minus infinity"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")  # no "-0.0"
    return text.replace("-", "\N{MINUS SIGN}")

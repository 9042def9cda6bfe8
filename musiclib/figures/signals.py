"""Sounds as curves: waveforms and average spectra.

Every function returns the figure and its axes, so that a chapter can add to them.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from musiclib.audio import FloatArray, to_mono
from musiclib.errors import AudioError
from musiclib.figures import levels, panels
from musiclib.figures.panels import COLUMNS, FrequencyAxis
from musiclib.figures.style import series_styles

if TYPE_CHECKING:
    from musiclib.stft import StftConfig


def waveform(
    audio: FloatArray | Mapping[str, FloatArray],
    sample_rate: int,
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    title: str | None = None,
    axes: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Amplitude over time, of one sound or of several laid over each other.

    Used by the introduction (a song at three magnifications), the data set chapter and the metric
    chapter (a signal and its phase-shifted copy).

    Args:
        audio: Samples, shape ``(N,)`` or ``(C, N)`` (mixed to mono), or several by label.
        sample_rate: Samples a second.
        start_s: Beginning of the part to draw, in seconds.
        duration_s: Length of the part to draw, in seconds; to the end by default.
        title: Title of the axes.
        axes: Axes to draw in; a new figure by default.

    Returns:
        The figure and its axes. Long sounds are drawn as the band between the lowest and the
        highest sample of each column of pixels; parts of few samples show each sample as a dot.

    Raises:
        AudioError: If the audio is not usable, or if the part to draw lies outside of it.
    """
    sounds = panels.sounds_by_label(audio)
    figure, axes = panels.figure_and_axes(axes, height=2.6)
    for (label, sound), style in zip(sounds.items(), series_styles(sounds), strict=True):
        mono = to_mono(sound)
        first = round(start_s * sample_rate)
        last = mono.size if duration_s is None else first + round(duration_s * sample_rate)
        part = mono[max(first, 0) : last]
        if part.size == 0:
            raise AudioError(
                f"nothing to draw from {start_s} s on: "
                f"the sound is {mono.size / sample_rate} s long"
            )
        times = (np.arange(part.size) + first) / sample_rate
        if part.size > 4 * COLUMNS:
            edges = np.linspace(0, part.size, COLUMNS + 1).astype(int)[:-1]
            low, high = np.minimum.reduceat(part, edges), np.maximum.reduceat(part, edges)
            alpha = 1.0 if len(sounds) == 1 else 0.6
            axes.fill_between(
                times[edges],
                low,
                high,
                color=style["color"],
                alpha=alpha,
                linewidth=0.4,
                label=label,
            )
        else:
            marker = "." if part.size <= 150 else ""
            axes.plot(times, part, marker=marker, markersize=5, label=label, **style)
        axes.set_xlim(times[0], times[-1] if part.size > 1 else times[0] + 1 / sample_rate)
    axes.set(xlabel="Time (s)", ylabel="Amplitude")
    panels.finish(axes, title, legend=len(sounds) > 1)
    return figure, axes


def spectrum(
    audio: FloatArray | Mapping[str, FloatArray],
    sample_rate: int,
    config: "StftConfig | None" = None,
    *,
    floor_db: float = -80.0,
    frequency_axis: FrequencyAxis = "linear",
    title: str | None = None,
    axes: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Average spectrum: the mean power of each frequency over the whole sound, in dB.

    Used by the introduction (what a codec removes) and the metric chapter (quiet highs).

    Args:
        audio: Samples, shape ``(N,)`` or ``(C, N)`` (mixed to mono), or several by label.
        sample_rate: Samples a second.
        config: STFT settings; the house settings (1024/256, Hann) by default.
        floor_db: Lowest level drawn.
        frequency_axis: Spacing of the frequency axis.
        title: Title of the axes.
        axes: Axes to draw in; a new figure by default.

    Returns:
        The figure and its axes. 0 dB is the strongest frequency of the first sound.
    """
    sounds = panels.sounds_by_label(audio)
    figure, axes = panels.figure_and_axes(axes, height=3.4)
    reference = 0.0
    for (label, sound), style in zip(sounds.items(), series_styles(sounds), strict=True):
        power = levels.stft_power(sound, config).mean(axis=1)
        reference = reference or float(power.max())
        frequencies = levels.bin_frequencies(power.size, sample_rate) / 1000.0
        drawn = slice(1, None) if frequency_axis == "log" else slice(None)
        decibels = levels.decibels(power, reference, floor_db)
        axes.plot(frequencies[drawn], decibels[drawn], label=label, **style)
    panels.scale_frequencies(axes, "x", frequency_axis)
    axes.set_xlim(float(frequencies[drawn][0]), float(frequencies[-1]))
    axes.set(xlabel="Frequency (kHz)", ylabel="Mean level (dB)")
    panels.finish(axes, title, legend=len(sounds) > 1)
    return figure, axes

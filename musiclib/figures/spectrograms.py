"""Sounds as pictures of level over time and frequency.

Levels are in dB relative to the loudest time-frequency bin of the sound (or, where sounds are
compared, of the first one), so that equal colours mean equal levels.
"""

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from musiclib.audio import FloatArray, to_mono, validate
from musiclib.figures import levels, panels
from musiclib.figures.panels import COLUMNS, AxesArray, FrequencyAxis
from musiclib.figures.signals import spectrum, waveform
from musiclib.figures.style import WIDTH

if TYPE_CHECKING:
    from musiclib.stft import StftConfig


def spectrogram(
    audio: FloatArray,
    sample_rate: int,
    config: "StftConfig | None" = None,
    *,
    floor_db: float = -80.0,
    frequency_axis: FrequencyAxis = "linear",
    reference_power: float | None = None,
    colourbar: bool = True,
    title: str | None = None,
    axes: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Level over time and frequency, in dB relative to the loudest bin.

    Used by every chapter.

    Args:
        audio: Samples, shape ``(N,)`` or ``(C, N)`` (mixed to mono).
        sample_rate: Samples a second.
        config: STFT settings; the house settings (1024/256, Hann) by default.
        floor_db: Level of the darkest colour.
        frequency_axis: Spacing of the frequency axis.
        reference_power: Power ``|X|**2`` that is 0 dB; that of the loudest bin by default.
        colourbar: Whether to draw the scale of levels.
        title: Title of the axes.
        axes: Axes to draw in; a new figure by default.

    Returns:
        The figure and the axes of the picture.
    """
    figure, axes = panels.figure_and_axes(axes, height=3.4)
    from musiclib.stft import StftConfig

    config = config or StftConfig()
    power = levels.stft_power(validate(audio), config)
    if reference_power is None:
        reference_power = float(power.max())
    picture = levels.decibels(levels.mean_power(power, COLUMNS), reference_power, floor_db)
    hop_s = config.hop_length / sample_rate
    span_s = (-hop_s / 2, (power.shape[1] - 0.5) * hop_s)  # frames are centred on their time
    image = _draw_levels(axes, picture, span_s, sample_rate, floor_db, frequency_axis)
    axes.set_xlim(0.0, audio.shape[-1] / sample_rate)
    axes.set(xlabel="Time (s)", ylabel="Frequency (kHz)")
    if colourbar:
        figure.colorbar(image, ax=axes, label="Level (dB)", pad=0.02)
    panels.finish(axes, title, legend=False)
    return figure, axes


def song_overview(
    audio: FloatArray,
    sample_rate: int,
    *,
    zoom_s: float | None = None,
    zoom_duration_s: float = 0.02,
) -> tuple[Figure, AxesArray]:
    """One piece of music in time and in frequency, on four axes.

    Used by the introduction: the whole waveform, a few hundredths of a second of it, the average
    spectrum and the spectrogram.

    Args:
        audio: Samples, shape ``(N,)`` or ``(C, N)`` (mixed to mono).
        sample_rate: Samples a second.
        zoom_s: Where the magnified part begins, in seconds; at the loudest sample by default.
        zoom_duration_s: Length of the magnified part, in seconds.

    Returns:
        The figure and its axes, shape ``(4,)``.
    """
    mono = to_mono(validate(audio))
    if zoom_s is None:
        zoom_s = panels.loudest_s(mono, sample_rate, zoom_duration_s)
    figure, grid = plt.subplots(2, 2, figsize=(WIDTH, 5.6))
    boxes: AxesArray = grid.ravel()
    waveform(mono, sample_rate, title="Waveform", axes=boxes[0])
    boxes[0].axvline(zoom_s, color="#d55e00", linewidth=1.2)
    waveform(
        mono,
        sample_rate,
        start_s=zoom_s,
        duration_s=zoom_duration_s,
        title=f"{1000 * zoom_duration_s:.0f} ms of it",
        axes=boxes[1],
    )
    spectrum(mono, sample_rate, title="Average spectrum", axes=boxes[2])
    spectrogram(mono, sample_rate, title="Spectrogram", axes=boxes[3])
    return figure, boxes


def _draw_levels(
    axes: Axes,
    picture: FloatArray,
    span_s: tuple[float, float],
    sample_rate: int,
    floor_db: float,
    frequency_axis: FrequencyAxis,
) -> ScalarMappable:
    colours = Normalize(vmin=floor_db, vmax=0.0)
    top = sample_rate / 2000.0
    step = top / (picture.shape[0] - 1)  # a bin's level stands for half a bin to either side
    axes.grid(False)
    image: ScalarMappable
    if frequency_axis == "linear":
        extent = (*span_s, -step / 2, top + step / 2)
        image = axes.imshow(picture, origin="lower", aspect="auto", extent=extent, norm=colours)
        axes.set_ylim(0.0, top)
        return image
    times = np.linspace(*span_s, picture.shape[1] + 1)
    lowest = step / 2 if frequency_axis == "log" else 0.0
    borders = ((np.arange(picture.shape[0] + 1) - 0.5) * step).clip(lowest)
    image = axes.pcolormesh(times, borders, picture, rasterized=True, norm=colours)
    panels.scale_frequencies(axes, "y", frequency_axis)
    axes.set_ylim(max(lowest, 0.0), top)
    return image

"""What the figures share: new axes, frequency scales, labels."""

from collections.abc import Mapping
from typing import Literal

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from musiclib.audio import FloatArray, validate
from musiclib.errors import AudioError
from musiclib.figures.style import WIDTH

AxesArray = npt.NDArray[np.object_]
"""Axes of a figure with several panels."""
FrequencyAxis = Literal["linear", "log", "mel"]
"""Spacing of a frequency axis."""
COLUMNS = 1000
"""Columns of a picture: more than a figure has pixels would add bytes and nothing to see."""


def sounds_by_label(audio: FloatArray | Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Validated sounds by label; a single sound gets the empty label."""
    if not isinstance(audio, Mapping):
        return {"": validate(audio)}
    if not audio:
        raise AudioError("there is no sound to draw: give at least one")
    return {label: validate(sound, label) for label, sound in audio.items()}


def loudest_s(mono: FloatArray, sample_rate: int, duration_s: float) -> float:
    """Where to magnify a sound: its loudest sample, or as near to it as the duration fits."""
    last = max(mono.size / sample_rate - duration_s, 0.0)
    return min(float(np.argmax(np.abs(mono))) / sample_rate, last)


def figure_and_axes(axes: Axes | None, height: float) -> tuple[Figure, Axes]:
    """The given axes with their figure, or a new figure of the book's width."""
    if axes is None:
        return plt.subplots(figsize=(WIDTH, height))
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("the axes to draw in belong to no figure")
    return figure, axes


def finish(axes: Axes, title: str | None, legend: bool) -> None:
    """Add title and legend where there are any."""
    if title:
        axes.set_title(title)
    if legend:
        axes.legend()


def scale_frequencies(axes: Axes, which: Literal["x", "y"], spacing: FrequencyAxis) -> None:
    """Space a frequency axis in kHz: evenly, by octaves, or on the mel scale.

    The mel scale is that of O'Shaughnessy, "Speech communication" (1987).
    """
    axis, set_scale = (
        (axes.xaxis, axes.set_xscale) if which == "x" else (axes.yaxis, axes.set_yscale)
    )
    if spacing == "log":
        set_scale("log")
        axis.set_minor_formatter(FuncFormatter(lambda *_: ""))
    elif spacing == "mel":
        set_scale("function", functions=(_khz_to_mel, _mel_to_khz))
        low, high = sorted(axis.get_view_interval())
        axis.set_ticks([khz for khz in (0.25, 0.5, 1, 2, 4, 8, 16) if low <= khz <= max(high, 4)])
    axis.set_major_formatter(FuncFormatter(lambda khz, _: f"{khz:g}"))


def _khz_to_mel(khz: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 2595.0 * np.log10(1.0 + np.maximum(khz, 0.0) / 0.7)


def _mel_to_khz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 0.7 * (10.0 ** (np.asarray(mel) / 2595.0) - 1.0)

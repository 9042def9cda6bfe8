"""Pictures of what can be heard, from the formulas of :mod:`musiclib.psychoacoustics`."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from musiclib.figures.panels import scale_frequencies
from musiclib.figures.style import WIDTH
from musiclib.psychoacoustics import absolute_threshold_db, masked_threshold_db


def masking_threshold(
    maskers: Sequence[tuple[float, float]] = ((1000.0, 75.0),),
    probes: Sequence[tuple[float, float]] = ((1400.0, 30.0), (5000.0, 30.0)),
    *,
    lowest_hz: float = 30.0,
    highest_hz: float = 16_000.0,
) -> tuple[Figure, Axes]:
    """The threshold of hearing, and how loud tones lift it.

    Used by the introduction: quiet sounds beside a loud one need no bits.

    Args:
        maskers: Loud tones, as pairs of frequency (Hz) and level (dB SPL).
        probes: Quiet tones to judge, as pairs of frequency (Hz) and level (dB SPL). Each is marked
            as heard or masked, according to the formulas.
        lowest_hz: Left end of the axis.
        highest_hz: Right end of the axis.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 4.2))
    frequencies = np.geomspace(lowest_hz, highest_hz, 800)
    masked = masked_threshold_db(frequencies, maskers)
    khz = frequencies / 1000.0
    axes.plot(
        khz,
        absolute_threshold_db(frequencies),
        color="#7f7f7f",
        linestyle="--",
        zorder=3,
        label="threshold in quiet",
    )
    axes.plot(khz, masked, color="#0072b2", label="threshold with the loud tone")
    axes.fill_between(
        khz, -20.0, masked, color="#56b4e9", alpha=0.25, linewidth=0, label="not heard"
    )
    for hertz, level in maskers:
        axes.vlines(hertz / 1000.0, -20.0, level, color="#1a1a1a", linewidth=2.5)
        axes.plot(hertz / 1000.0, level, "o", color="#1a1a1a")
        axes.annotate(
            "loud tone", (hertz / 1000.0, level), (8, 0), textcoords="offset points", va="center"
        )
    for hertz, level in probes:
        heard = level > float(masked_threshold_db(hertz, maskers))
        colour = "#009e73" if heard else "#d55e00"
        axes.vlines(hertz / 1000.0, -20.0, level, color=colour, linewidth=2.0)
        axes.plot(hertz / 1000.0, level, "D" if heard else "X", color=colour, markersize=8)
        axes.annotate(
            "heard" if heard else "masked",
            (hertz / 1000.0, level),
            (8, 6),
            textcoords="offset points",
            color=colour,
        )
    scale_frequencies(axes, "x", "log")
    loudest = max([level for _, level in maskers], default=60.0)
    axes.set_xticks([khz for khz in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10) if khz * 1000 >= lowest_hz])
    axes.set(xlabel="Frequency (kHz)", ylabel="Level (dB SPL)")
    axes.set_xlim(lowest_hz / 1000.0, highest_hz / 1000.0)
    axes.set_ylim(-15.0, loudest + 10.0)
    figure.legend(loc="outside upper center", ncols=3)
    return figure, axes

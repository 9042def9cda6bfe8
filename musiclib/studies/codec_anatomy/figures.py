"""Figures of the chapter on transform and levels. Each returns a figure and its axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from musiclib.audio import FloatArray
from musiclib.figures.panels import AxesArray
from musiclib.figures.style import WIDTH
from musiclib.mdct import SIZE, sine_window
from musiclib.models.transform.bands import FLOOR_DB, LEVEL_DB
from musiclib.studies.codec_anatomy.smoothing import Paths
from musiclib.studies.codec_anatomy.transforms import Attack, Overlap

GREY, BLUE, VERMILION, ORANGE, GREEN, PURPLE = (
    "#7f7f7f", "#0072b2", "#d55e00", "#e69f00", "#009e73", "#cc79a7",
)  # fmt: skip

# A legend beside the title.
_ABOVE: Any = {"loc": "lower right", "bbox_to_anchor": (1.0, 0.96), "ncols": 2}


def aliasing(parts: Overlap, sample_rate: int) -> tuple[Figure, AxesArray]:
    """Two frames with their windows, what each gives back, and their sum.

    Args:
        parts: From :func:`musiclib.studies.codec_anatomy.transforms.overlap`.
        sample_rate: In Hz.

    Returns:
        The figure and its three axes.
    """
    figure, panels = plt.subplots(3, 1, figsize=(WIDTH, 5.6), sharex=True, sharey=True)
    size, window = parts.size, sine_window(parts.size)
    times = 1000.0 * np.arange(3 * size) / sample_rate
    peak = float(np.abs(parts.music).max()) or 1.0
    panels[0].plot(times, parts.music, color=GREY, linewidth=1.0)
    for start, colour in ((0, BLUE), (size, ORANGE)):
        span = slice(start, start + 2 * size)
        panels[0].plot(times[span], peak * window, color=colour)
    panels[0].set_title("The music, and the windows of two frames")
    first, second = slice(0, 2 * size), slice(size, 3 * size)
    panels[1].plot(times[first], parts.first[first], color=BLUE, linewidth=1.0, label="first frame")
    panels[1].plot(
        times[second], parts.second[second], color=ORANGE, linewidth=1.0, label="second frame"
    )
    panels[1].set_title("What each gives back")
    both, middle = parts.first + parts.second, parts.middle
    panels[2].plot(times, parts.music, color=GREY, linewidth=3.0, label="music")
    panels[2].plot(
        times[middle], both[middle], color=GREEN, linewidth=1.2, label="both frames, added"
    )
    panels[2].set_title("Their sum")
    for panel in panels:
        panel.axvspan(times[size], times[2 * size - 1], color="#f0f0f0", zorder=0)
        panel.set_ylabel("Amplitude")
    panels[2].set_xlabel("Time (ms)")
    panels[2].set_xlim(times[0], times[-1])
    for panel in panels[1:]:
        panel.legend(**_ABOVE)
    panels[0].set_ylim(-1.35 * peak, 1.35 * peak)
    return figure, panels


def frame_lengths(table: pd.DataFrame, chosen: str) -> tuple[Figure, AxesArray]:
    """Coding gain and pre-echo over the length of a frame.

    Args:
        table: From :func:`musiclib.studies.codec_anatomy.transforms.length_table`.
        chosen: Clip that is drawn apart.

    Returns:
        The figure and its two axes.
    """
    figure, panels = plt.subplots(1, 2, figsize=(WIDTH, 3.3))
    labels = {
        "coding_gain_db": "Coding gain over the\nbest length (dB)",
        "pre_echo_db": "Error in the 20 ms before\nan attack (dB of the music)",
    }
    sizes = sorted(table["size"].unique())
    for panel, (column, label) in zip(panels, labels.items(), strict=True):
        wide = table.pivot(index="size", columns="clip", values=column)
        if column == "coding_gain_db":
            wide = wide - wide.max(axis=0)
        panel.plot(wide.index, wide, color="#c8c8c8", linewidth=1.0)
        panel.plot([], [], color="#c8c8c8", linewidth=1.0, label="each clip")
        panel.plot(wide.index, wide[chosen], color=ORANGE, marker="o", label="the chapter's clip")
        panel.plot(wide.index, wide.mean(axis=1), color=BLUE, marker="s", label="mean")
        panel.axvline(SIZE, color=GREY, linestyle=":", linewidth=1.4)
        panel.set(xscale="log", xlabel="Coefficients a frame", ylabel=label)
        panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.tick_params(which="minor", length=0)
    panels[1].legend(loc="upper left")
    return figure, panels


def attack_errors(
    audio: FloatArray, noisy: Mapping[int, FloatArray], attack: Attack, sample_rate: int
) -> tuple[Figure, AxesArray]:
    """An attack and the error around it for several lengths of a frame.

    Args:
        audio: Samples `(N,)`.
        noisy: The same with a quantiser's noise, by coefficients a frame.
        attack: Where to look.
        sample_rate: In Hz.

    Returns:
        The figure and its axes, the music's first.
    """
    rows, heights = 1 + len(noisy), [1.5] + [1] * len(noisy)
    figure, panels = plt.subplots(
        rows, 1, figsize=(WIDTH, 0.6 + 1.0 * rows), sharex=True, height_ratios=heights
    )
    start = max(0, attack.sample - round(0.06 * sample_rate))
    part = slice(start, min(len(audio), attack.sample + round(0.04 * sample_rate)))
    times = 1000.0 * (np.arange(part.start, part.stop) - attack.sample) / sample_rate
    panels[0].plot(times, audio[part], color=GREY, linewidth=1.0)
    panels[0].set_title("The music", fontsize=10.5)
    errors = {size: (sound - audio)[part] for size, sound in noisy.items()}
    largest = max(float(np.abs(error).max()) for error in errors.values()) or 1.0
    for panel, (size, error) in zip(panels[1:], errors.items(), strict=True):
        panel.plot(times, error, color=VERMILION, linewidth=1.0)
        words = f"Error with {size:,} coefficients a frame ({1000 * size / sample_rate:.1f} ms)"
        panel.set_title(words, fontsize=10.5)
        panel.set_ylim(-1.1 * largest, 1.1 * largest)
    for panel in panels:
        panel.axvline(0.0, color=GREY, linestyle=":", linewidth=1.4)
        panel.set_yticks([0.0])
    panels[-1].set_xlabel("Time after the attack (ms)")
    panels[-1].set_xlim(times[0], times[-1])
    return figure, panels


def level_paths(paths: Paths, frames_per_second: float, seconds: float) -> tuple[Figure, AxesArray]:
    """Exact and chosen levels of a band, a panel for each smoothing.

    Args:
        paths: From :func:`musiclib.studies.codec_anatomy.smoothing.paths`.
        frames_per_second: Frames a second.
        seconds: How much to draw, from the middle of the clip.

    Returns:
        The figure and its axes.
    """
    figure, panels = plt.subplots(
        len(paths.chosen),
        1,
        figsize=(WIDTH, 0.6 + 1.6 * len(paths.chosen)),
        sharex=True,
        sharey=True,
    )
    count = min(len(paths.exact), round(seconds * frames_per_second))
    start = (len(paths.exact) - count) // 2
    part = slice(start, start + count)
    times = np.arange(start, start + count) / frames_per_second
    exact = FLOOR_DB + LEVEL_DB * np.maximum(paths.exact[part], 0.0)
    for panel, (smoothing, levels) in zip(panels, paths.chosen.items(), strict=True):
        panel.plot(times, exact, color=GREY, linewidth=1.0, label="exact")
        sent = FLOOR_DB + LEVEL_DB * levels[part]
        panel.step(times, sent, where="mid", color=BLUE, linewidth=1.6, label="sent")
        moves = int(np.count_nonzero(np.diff(levels[part])))
        panel.set_title(f"Smoothing {smoothing:g}: {moves} changes", fontsize=11)
        panel.set_ylabel("Level (dB)")
    panels[0].legend(**_ABOVE)
    panels[-1].set(xlabel="Time (s)", xlim=(times[0], times[-1]))
    return figure, panels


def loss_curve(table: pd.DataFrame, train: pd.DataFrame) -> tuple[Figure, AxesArray]:
    """Loss of the network's training, and the terms of the validation loss.

    Args:
        table: From :func:`musiclib.studies.codec_anatomy.learning.loss_table`.
        train: Training losses, index `step`.

    Returns:
        The figure and its two axes.
    """
    figure, panels = plt.subplots(1, 2, figsize=(WIDTH, 3.3))
    if len(train):
        panels[0].plot(train.index, train["loss"], color="#56b4e9", linewidth=1.0, label="training")
    panels[0].plot(table.index, table["loss"], color=VERMILION, marker="o", markersize=4,
                   label="validation")  # fmt: skip
    panels[0].set(xlabel="Steps", ylabel="Loss")
    panels[0].legend()
    if "log_spectral" in table:
        panels[1].plot(
            table.index, table["log_spectral"], color=VERMILION, marker="o", markersize=4
        )
    panels[1].set(xlabel="Steps", ylabel="Log-spectral distance (dB)")
    for panel in panels:
        panel.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    return figure, panels

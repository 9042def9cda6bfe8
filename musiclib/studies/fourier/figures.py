"""Figures of the chapter on Fourier. Each returns a figure and its axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from musiclib.figures.panels import AxesArray
from musiclib.figures.style import WIDTH
from musiclib.studies.fourier import measures
from musiclib.studies.fourier.portrait import Portrait

FLOOR_DB = -30.0
TICKS = (1, 2, 4, 8, 16, 32, 64, 128)
STYLES: dict[str, dict[str, Any]] = {
    "Fourier": {"color": "#1a1a1a", "linestyle": "-"},
    "Fourier, best of all 512": {"color": "#1a1a1a", "linestyle": ":"},
    "mel": {"color": "#009e73", "linestyle": "-"},
    "gammatone": {"color": "#009e73", "linestyle": "--"},
    "random": {"color": "#7f7f7f", "linestyle": "-"},
    "noise like music": {"color": "#7f7f7f", "linestyle": "--"},
    "noise like music's highs": {"color": "#7f7f7f", "linestyle": ":"},
    "KLT": {"color": "#c9b400", "linestyle": "-"},
    "with spine, after": {"color": "#0072b2", "linestyle": "-"},
    "with spine, change": {"color": "#0072b2", "linestyle": "--"},
    "no spine, after": {"color": "#d55e00", "linestyle": "-"},
    "no spine, change": {"color": "#d55e00", "linestyle": "--"},
}
"""A bank has the same line in every figure of the chapter."""


def waveforms(portraits: Mapping[str, Portrait], rows: int = 6) -> tuple[Figure, AxesArray]:
    """Some filters of each bank, from low to high frequency.

    Args:
        portraits: Measurements by name, a column for each.
        rows: Filters of each bank, at even steps of its order by frequency.

    Returns:
        The figure and its axes, shape ``(rows, banks)``.
    """
    figure, grid = plt.subplots(
        rows, len(portraits), figsize=(WIDTH, 0.75 * rows + 0.8), sharex=True, squeeze=False
    )
    for column, (name, item) in zip(grid.T, portraits.items(), strict=True):
        places = np.linspace(0, len(item.bank) - 1, rows + 2).round().astype(int)[1:-1]
        times = 1000.0 * np.arange(item.bank.shape[1]) / item.sample_rate
        for axes, index in zip(column, item.order[places], strict=True):
            axes.plot(times, item.bank[index], color="#0072b2", linewidth=0.9)
            peak = float(np.abs(item.bank[index]).max())
            axes.set(ylim=(-1.1 * peak, 1.9 * peak), yticks=[])
            axes.grid(visible=False)
            axes.text(
                0.98,
                0.98,
                f"{item.hertz[index]:,.0f} Hz",
                transform=axes.transAxes,
                ha="right",
                va="top",
                fontsize=8.5,
                bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8},
            )
        column[0].set_title(name.replace(", ", ",\n"), fontsize=11)
    figure.supxlabel("Time (ms)", fontsize=11)
    return figure, grid


def spectra(portraits: Mapping[str, Portrait], columns: int = 3) -> tuple[Figure, AxesArray]:
    """Spectra of all filters of each bank as a picture, sorted by frequency.

    Args:
        portraits: Measurements by name, a panel for each.
        columns: Panels in a row.

    Returns:
        The figure and its axes, shape ``(panels,)``; each filter's peak is 0 dB.
    """
    rows = -(-len(portraits) // columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(WIDTH, 2.5 * rows + 0.4),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    panels = grid.ravel()
    picture = None
    for axes, (name, item) in zip(panels, portraits.items(), strict=False):
        power = measures.power_spectra(item.bank)[item.order]
        # Columns that are drawn: the mean over some bins, since a picture has fewer pixels.
        folded = power[:, :-1].reshape(len(power), 256, -1).mean(axis=2)
        level = 10.0 * np.log10(np.maximum(folded / folded.max(axis=1, keepdims=True), 1e-9))
        picture = axes.imshow(
            level.T,
            origin="lower",
            aspect="auto",
            vmin=FLOOR_DB,
            vmax=0.0,
            extent=(0, len(power), 0, item.sample_rate / 2000),
        )
        axes.set_title(name, fontsize=11)
        axes.grid(visible=False)
    for axes in panels[len(portraits) :]:
        axes.set_axis_off()
    if picture is not None:
        figure.colorbar(picture, ax=list(panels), label="Level (dB)", shrink=0.8)
    figure.supxlabel("Filter, by frequency of its peak", fontsize=11)
    figure.supylabel("Frequency (kHz)", fontsize=11)
    return figure, panels[: len(portraits)]


def sinusoid_shares(portraits: Mapping[str, Portrait]) -> tuple[Figure, Axes]:
    """Share of each filter's energy that one windowed sinusoid explains, by bank.

    Args:
        portraits: Measurements by name.

    Returns:
        The figure and its axes: a box and a dot for each filter.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 0.6 + 0.42 * len(portraits)))
    generator = np.random.default_rng(0)
    shares = [100.0 * item.atoms.share for item in portraits.values()]
    places = np.arange(len(shares))[::-1]
    for place, values in zip(places, shares, strict=True):
        height = place + generator.uniform(-0.28, 0.28, len(values))
        axes.plot(values, height, ".", color="#0072b2", markersize=3, alpha=0.35)
    axes.boxplot(
        shares,
        positions=places,
        orientation="horizontal",
        widths=0.6,
        showfliers=False,
        medianprops={"color": "#d55e00", "linewidth": 2.0},
    )
    axes.set_yticks(places, list(portraits))
    axes.set(xlabel="Energy explained by one windowed sinusoid (%)", xlim=(0, 101))
    axes.grid(visible=False, axis="y")
    return figure, axes


def frequencies(portraits: Mapping[str, Portrait]) -> tuple[Figure, AxesArray]:
    """Sorted centre frequencies, and bandwidth over centre frequency.

    Args:
        portraits: Measurements by name, keys of :data:`STYLES`.

    Returns:
        The figure and its axes, shape ``(2,)``; banks with a broken line on the left have crosses
        on the right.
    """
    figure, panels = plt.subplots(1, 2, figsize=(WIDTH, 4.4))
    for name, item in portraits.items():
        style = STYLES[name]
        places = (np.arange(len(item.hertz)) + 0.5) / len(item.hertz)
        panels[0].plot(100 * places, np.sort(item.hertz) / 1000, label=name, **style)
        panels[1].plot(
            item.hertz / 1000,
            item.spread / 1000,
            "." if style["linestyle"] == "-" else "x",
            color=style["color"],
            markersize=4,
            alpha=0.6,
        )
    panels[0].set(
        xlabel="Filters below it (%)", ylabel="Centre frequency (kHz)", title="Where they are"
    )
    panels[1].set(
        xlabel="Centre frequency (kHz)",
        ylabel="Bandwidth (kHz)",
        title="How wide they are",
        xscale="log",
        yscale="log",
    )
    for axis in (panels[1].xaxis, panels[1].yaxis):
        axis.set_major_formatter(FuncFormatter(lambda khz, _: f"{khz:g}"))
        axis.set_minor_formatter(FuncFormatter(lambda *_: ""))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure, panels


def captured_energy(
    curves: Mapping[str, npt.NDArray[np.float64]],
    ticks: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128),
) -> tuple[Figure, Axes]:
    """Mean energy of music in the span of the best filters, by their number.

    Args:
        curves: From :func:`musiclib.studies.fourier.capture.capture_curves`, keys of
            :data:`STYLES`.
        ticks: Numbers of filters to name.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 4.4))
    for name, curve in curves.items():
        mean = 100.0 * curve.mean(axis=0)
        axes.plot(np.arange(1, len(mean) + 1), mean, label=name, **STYLES[name])
    axes.set(xscale="log", xlabel="Filters", ylabel="Energy captured (%)", ylim=(0, 101))
    axes.set_xticks(list(ticks), [str(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure, axes

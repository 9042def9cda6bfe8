"""Figures of the chapter on autoencoders. Each returns a figure and its axes."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from torch import Tensor

from musiclib.figures.panels import AxesArray
from musiclib.figures.style import WIDTH
from musiclib.stats import mean_interval
from musiclib.studies.autoencoders.denoising import INPUT
from musiclib.studies.autoencoders.linear import LinearRace, share_lost
from musiclib.studies.autoencoders.running import DoubleArray
from musiclib.studies.autoencoders.spectral import FREQUENCY, TIME, by_size

GREY, BLUE, VERMILION, ORANGE, GREEN, PURPLE = (
    "#7f7f7f", "#0072b2", "#d55e00", "#e69f00", "#009e73", "#cc79a7",
)  # fmt: skip
LINES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))


def race(result: LinearRace, size: int) -> tuple[Figure, Axes]:
    """Error of a linear autoencoder over its training, and that of as many components."""
    figure, axes = plt.subplots(figsize=(WIDTH, 3.2))
    axes.plot(
        np.array(result.steps) + 1, result.error, color=BLUE, label="linear autoencoder, training"
    )
    axes.axhline(
        result.principal, color=VERMILION, linestyle="--", label=f"{size} principal components"
    )
    axes.set(xscale="log", xlabel="Steps of gradient descent, from the first one")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
    axes.set(ylabel="Squared error / variance", ylim=(0.0, min(1.6, 1.05 * max(result.error))))
    axes.legend()
    return figure, axes


def bend(rows: Tensor, versions: Mapping[str, Tensor]) -> tuple[Figure, AxesArray]:
    """A glide and what is left of it behind one value.

    Args:
        rows: Spectra, ``(M, D)``.
        versions: Rebuilt spectra by label.

    Returns:
        The figure and its axes, one for the rows and one for each version.
    """
    figure, axes = plt.subplots(1, 1 + len(versions), figsize=(WIDTH, 3.0), sharey=True)
    shown = {"The tone": rows, **versions}
    for panel, (label, values) in zip(axes, shown.items(), strict=True):
        lost = "" if label == "The tone" else f"\n{100 * share_lost(rows, values):.0f} % lost"
        panel.imshow(values.T.numpy(), origin="lower", aspect="auto", vmin=0.0, vmax=1.0)
        panel.set_title(label + lost)
        panel.set(xlabel="Frame")
        panel.grid(visible=False)
    axes[0].set(ylabel="Frequency bin")
    return figure, axes


def spectrograms(
    pictures: Mapping[str, DoubleArray],
    seconds: float,
    top_khz: float,
    floor_db: float,
    columns: int = 2,
) -> tuple[Figure, AxesArray]:
    """Spectrograms on one scale of levels.

    Args:
        pictures: Levels in dB by title, each ``(F, T)``; 0 dB is the same in all.
        seconds: Length of the clip.
        top_khz: Frequency of the last bin.
        floor_db: Level of the darkest colour.
        columns: Panels in a row.

    Returns:
        The figure and its axes, shape ``(len(pictures),)``.
    """
    rows = -(-len(pictures) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(WIDTH, 0.5 + 2.0 * rows), sharex=True, sharey=True, squeeze=False
    )
    boxes = grid.ravel()
    for panel, (title, levels) in zip(boxes, pictures.items(), strict=False):
        image = panel.imshow(
            levels, origin="lower", aspect="auto", extent=(0, seconds, 0, top_khz), vmin=floor_db,
            vmax=0.0,
        )  # fmt: skip
        panel.set_title(title)
        panel.grid(visible=False)
        panel.set(xlabel="Time (s)", ylabel="Frequency (kHz)")
        panel.label_outer()
    for panel in boxes[len(pictures) :]:
        panel.remove()
    used: AxesArray = boxes[: len(pictures)]
    figure.colorbar(image, ax=list(used), label="Level (dB)", pad=0.02, aspect=30)
    return figure, used


def narrowing(errors: pd.DataFrame, details: pd.DataFrame) -> tuple[Figure, AxesArray]:
    """Error over the width of the bottleneck, and which detail is lost.

    Args:
        errors: From :func:`musiclib.studies.autoencoders.spectral.bottleneck_table`.
        details: From :func:`musiclib.studies.autoencoders.spectral.detail_table`.

    Returns:
        The figure and its axes, shape ``(3,)``.
    """
    figure, axes = plt.subplots(1, 3, figsize=(WIDTH, 3.6))
    found = {size: interval for size, interval in by_size(errors).items() if size}
    sizes = list(found)
    means = np.array([interval.mean for interval in found.values()])
    low, high = (
        np.nan_to_num(np.array([getattr(interval, end) for interval in found.values()]) - means)
        for end in ("low", "high")
    )
    axes[0].errorbar(sizes, means, yerr=[-low, high], fmt="o-", color=BLUE, capsize=4)
    axes[0].axhline(by_size(errors)[0].mean, color=GREY, linestyle="--")
    axes[0].set(xscale="log", xlabel="Values for 4 frames", ylabel="Spectral RMSE (nepers)")
    axes[0].set_xticks(sizes, [str(size) for size in sizes])
    axes[0].set_xticks([], minor=True)
    axes[0].set_ylim(bottom=0.0)
    axes[0].set_title("Error")
    colours = plt.get_cmap("viridis")(np.linspace(0.0, 0.85, len(sizes)))
    for panel, direction in ((axes[1], FREQUENCY), (axes[2], TIME)):
        chosen = details[details["direction"] == direction]
        for size, colour, line in zip(sizes, colours, LINES * 2, strict=False):
            part = chosen[chosen["size"] == size].sort_values("ripple")
            panel.plot(
                part["ripple"], 100 * part["lost"], color=colour, linestyle=line, label=str(size)
            )
        panel.set(xscale="log", ylim=(0, 105))
        ticks = (30, 100, 300, 1000) if direction == FREQUENCY else (1, 3, 10, 30)
        panel.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        panel.set_xticks([], minor=True)
    axes[1].invert_xaxis()
    axes[1].set(xlabel="Ripple distance (Hz)", ylabel="Energy lost (%)", title="Along frequency")
    axes[2].set(xlabel="Ripples a second", title="Along time")
    axes[2].legend(title="values", loc="best")
    return figure, axes


def denoising_sweep(table: pd.DataFrame, styles: Mapping[str, str]) -> tuple[Figure, AxesArray]:
    """Error over the amount of damage, for each kind.

    Args:
        table: From :func:`musiclib.studies.autoencoders.denoising.corruption_table`, with several
            amounts of each kind.
        styles: Colour of each model; the damaged input is drawn in grey.

    Returns:
        The figure and its axes, shape ``(2,)``.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.8), sharey=True)
    markers = "osD^v"
    for panel, kind in zip(axes, ("masking", "gaussian"), strict=True):
        part = table[table["kind"].isin([kind, "none"])]
        amounts = sorted(part["amount"].unique())
        for (label, colour), marker in zip(styles.items(), markers, strict=False):
            found = [
                part[(part["model"] == label) & (part["amount"] == amount)] for amount in amounts
            ]
            middle = [mean_interval(of["spectral_rmse"], of["artist"]).mean for of in found]
            panel.plot(
                [100 * amount for amount in amounts], middle, marker=marker, color=colour,
                linestyle=":" if label == INPUT else "-", label=label,
            )  # fmt: skip
        panel.set_title("Masking" if kind == "masking" else "Gaussian noise")
        panel.set(xlabel="Amount (%)")
        panel.set_ylim(bottom=0.0)
    models = table[table["model"] != INPUT]["spectral_rmse"].groupby(
        [table["model"], table["kind"], table["amount"]]
    )
    axes[0].set(
        ylabel="Spectral RMSE to clean (nepers)", ylim=(0, 1.25 * float(models.mean().max()))
    )
    axes[1].legend(loc="upper left")
    return figure, axes


def average_spectra(
    spectra: Mapping[str, DoubleArray], sample_rate: int, cutoff_hz: float
) -> tuple[Figure, Axes]:
    """Mean level of each bin for several systems.

    Args:
        spectra: Levels in dB by label, the reference first, each ``(F,)``.
        sample_rate: In Hz.
        cutoff_hz: Half the rate that plain downsampling keeps, to be marked.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.6))
    colours = ["#1a1a1a", GREY, BLUE, ORANGE, GREEN, VERMILION]
    for (label, level), colour, line in zip(
        spectra.items(), colours, ("-", "--", "-", "-.", ":", "-"), strict=False
    ):
        khz = np.linspace(0.0, sample_rate / 2000.0, len(level))
        axes.plot(khz, level, color=colour, linestyle=line, linewidth=1.4, label=label)
    axes.axvline(cutoff_hz / 1000.0, color="#b0b0b0", linewidth=1.2)
    axes.set(xlabel="Frequency (kHz)", ylabel="Mean level (dB)")
    axes.legend(loc="upper right")
    return figure, axes


def quantised_latent(
    values: Sequence[DoubleArray], step: float, titles: Sequence[str]
) -> tuple[Figure, AxesArray]:
    """Histograms of latent values with the cells of a quantiser.

    Args:
        values: Values of each latent.
        step: Width of a cell.
        titles: A title for each.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(1, len(values), figsize=(WIDTH, 3.2), squeeze=False)
    for panel, found, title in zip(axes[0], values, titles, strict=True):
        reach = float(np.quantile(np.abs(found), 0.995)) + step
        cells = int(np.ceil(reach / step))
        panel.hist(
            found,
            bins=np.linspace(-reach, reach, 81),
            color="#9ecae1",
            edgecolor="none",
            density=True,
        )
        edges = (np.arange(-cells, cells + 1) + 0.5) * step
        shares, _ = np.histogram(found, bins=edges)
        panel.bar(
            edges[:-1] + step / 2, shares / len(found) / step, width=step, facecolor="none",
            edgecolor=VERMILION, linewidth=1.2,
        )  # fmt: skip
        panel.set(xlim=(-reach, reach), xlabel="Latent value", yticks=[])
        panel.set_title(title)
        panel.grid(visible=False)
    axes[0, 0].set(ylabel="Density")
    return figure, axes[0]

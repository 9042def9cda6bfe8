"""Figures of the chapter. Each returns a figure and its axes."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from musiclib.figures.panels import AxesArray
from musiclib.figures.style import WIDTH
from musiclib.studies.roche.models import BASELINE, LABELS
from musiclib.studies.roche.spectra import DoubleArray

COLOURS = {
    "pca": "#c9b400",
    "shallow": "#7f7f7f",
    "deep": "#0072b2",
    "lstm": "#009e73",
    "vae": "#d55e00",
    "deep-scratch": "#cc79a7",
}
MARKERS = {"pca": "P", "shallow": "v", "deep": "o", "lstm": "s", "vae": "D", "deep-scratch": "X"}


def errors_and_differences(
    means: pd.DataFrame, differences: pd.DataFrame
) -> tuple[Figure, AxesArray]:
    """Error over encoding size, and the difference to PCA, with 95 % intervals.

    Args:
        means: Result of :func:`musiclib.studies.roche.tables.means`.
        differences: Result of :func:`musiclib.studies.roche.tables.differences`.

    Returns:
        The figure and its two axes. The right axis cuts off families that are far above PCA; it
        says so.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.4))
    _curves(axes[0], means, shift=0.0)
    axes[0].set(xlabel="Values for a frame", ylabel="RMSE of log spectra (dB)", title="Error")
    _curves(axes[1], differences, shift=0.03)
    axes[1].axhline(0.0, color=COLOURS[BASELINE], linewidth=1.6)
    near = differences[differences["mean"].abs() < 3 * _middle(differences)]
    ends = near[["mean", "low", "high"]].to_numpy()
    reach = 1.15 * float(np.nanmax(np.abs(ends))) if len(ends) else 1.0
    axes[1].set_ylim(-reach, reach)
    axes[1].set(xlabel="Values for a frame", ylabel="RMSE minus PCA's (dB)", title="Against PCA")
    far = [
        LABELS[family]
        for family, rows in differences.groupby("family", sort=False)
        if (rows["mean"].abs() > reach).any()
    ]
    if far:
        axes[1].annotate(
            f"partly off the scale: {', '.join(far)}",
            (0.02, 0.98), xycoords="axes fraction", va="top", fontsize=9,
        )  # fmt: skip
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), columnspacing=1.2)
    return figure, axes


def gains(panels: Mapping[str, Mapping[str, pd.DataFrame]]) -> tuple[Figure, AxesArray]:
    """Gain over PCA in groups of clips, bins or frames, with 95 % intervals over artists.

    Args:
        panels: By title, for each family a table ``group``, ``mean``, ``low``, ``high``.

    Returns:
        The figure and its axes, one for each title.
    """
    figure, grid = plt.subplots(1, len(panels), figsize=(WIDTH, 4.4), sharex=True)
    boxes: AxesArray = np.atleast_1d(grid)
    for axes, (title, families) in zip(boxes, panels.items(), strict=True):
        for number, (family, table) in enumerate(families.items()):
            rows = np.arange(len(table)) + 0.22 * (number - (len(families) - 1) / 2)
            axes.errorbar(
                table["mean"],
                rows,
                xerr=_bars(table),
                fmt=MARKERS[family],
                color=COLOURS[family],
                label=LABELS[family],
                markersize=5,
                linewidth=1.4,
            )
        names = next(iter(families.values()))["group"]
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.axvline(0.0, color=COLOURS[BASELINE], linewidth=1.6)
        axes.set(title=title, xlabel="Gain over PCA (dB)")
        axes.tick_params(axis="y", length=0)
    handles, labels = boxes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    return figure, boxes


def variance_and_memory(
    held: DoubleArray,
    sizes: Sequence[int],
    over_time: Mapping[str, DoubleArray],
    frame_s: float,
) -> tuple[Figure, AxesArray]:
    """Variance that components hold, and the gain over PCA since the start of an excerpt.

    Args:
        held: Share of the variance for 1, 2, ... components.
        sizes: Encoding sizes to mark.
        over_time: Gain in dB by frame, by family.
        frame_s: Distance between frames in seconds.

    Returns:
        The figure and its two axes.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.6))
    count = np.arange(1, len(held) + 1)
    axes[0].plot(count, 100 * held, color=COLOURS[BASELINE])
    for size in sizes:
        axes[0].plot(size, 100 * held[size - 1], MARKERS[BASELINE], color="#1a1a1a", markersize=5)
    for size in sizes[::-1][::2]:  # neighbours would write over each other
        axes[0].annotate(
            f"{size}: {100 * held[size - 1]:.0f} %",
            (size, 100 * held[size - 1]),
            xytext=(5, -11),
            textcoords="offset points",
            fontsize=9,
        )
    _log_counts(axes[0], (1, 4, 16, 64, 256))
    axes[0].set(xlabel="Principal components", ylabel="Variance held (%)", title="How far PCA gets")
    axes[0].set_ylim(0, 103)
    for family, values in over_time.items():
        times = np.arange(len(values)) * frame_s
        axes[1].plot(times, _smooth(values), color=COLOURS[family], label=LABELS[family])
    axes[1].axhline(0.0, color=COLOURS[BASELINE], linewidth=1.6)
    axes[1].set(
        xlabel="Time since the excerpt began (s)", ylabel="Gain over PCA (dB)", title="Memory"
    )
    axes[1].legend()
    return figure, axes


def values_in_use(tables: Mapping[int, pd.DataFrame]) -> tuple[Figure, Axes]:
    """Divergence of each value of a VAE from its prior, the largest first.

    Args:
        tables: Results of :func:`musiclib.studies.roche.insides.values_in_use` by size.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.4))
    for number, (size, table) in enumerate(tables.items()):
        axes.plot(
            np.arange(1, len(table) + 1),
            table["kl"],
            color=plt.get_cmap("viridis")(0.9 * number / max(1, len(tables) - 1)),
            marker="o",
            markersize=3,
            label=f"VAE with {size}",
        )
    _log_counts(axes, (1, 2, 4, 8, 16, 32, 64, 100))
    axes.set(xlabel="Value, the most informative first", ylabel="Divergence (bits a frame)")
    axes.set_ylim(bottom=0.0)
    axes.legend(ncols=2)
    return figure, axes


def coding(coded: pd.DataFrame, exact: pd.DataFrame) -> tuple[Figure, AxesArray]:
    """Error of decoded magnitudes over real bitrate, a panel for each encoding size.

    Args:
        coded: Result of :func:`musiclib.studies.roche.coding.coding_table`.
        exact: Errors of unquantised models on the same clips, which are drawn as dashed lines.

    Returns:
        The figure and its axes.
    """
    sizes = list(coded["size"].unique())
    figure, grid = plt.subplots(1, len(sizes), figsize=(WIDTH, 4.0), sharey=True, squeeze=False)
    boxes: AxesArray = grid[0]
    for axes, size in zip(boxes, sizes, strict=True):
        part = coded[coded["size"] == size]
        for family, rows in part.groupby("family", sort=False):
            line = rows.groupby("step")[["kbps", "rmse_db"]].mean()
            axes.plot(
                line["kbps"],
                line["rmse_db"],
                color=COLOURS[family],
                marker=MARKERS[family],
                label=LABELS[family],
            )
            same = exact[(exact["family"] == family) & (exact["size"] == size)]
            level = same[same["track_id"].isin(rows["track_id"])]["rmse_db"].mean()
            axes.axhline(level, color=COLOURS[family], linestyle="--", linewidth=1.0)
        axes.set(xlabel="Bitrate of the file (kbps)", title=f"{size} values for a frame")
    boxes[0].set_ylabel("RMSE of log spectra (dB)")
    boxes[0].legend()
    return figure, boxes


def _curves(axes: Axes, table: pd.DataFrame, shift: float) -> None:
    families = list(table["family"].unique())
    for number, (family, rows) in enumerate(table.groupby("family", sort=False)):
        moved = rows["size"] * (1.0 + shift * (number - (len(families) - 1) / 2))
        axes.errorbar(
            moved,
            rows["mean"],
            yerr=_bars(rows),
            color=COLOURS[family],
            marker=MARKERS[family],
            markersize=5,
            linewidth=1.4,
            label=LABELS[family],
        )
    _log_counts(axes, sorted(table["size"].unique()))


def _bars(rows: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Lengths of both whiskers, ``(2, n)``; none for a single clip."""
    ends = [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]
    return np.nan_to_num(np.clip(np.array(ends, dtype=np.float64), 0.0, None))


def _middle(differences: pd.DataFrame) -> float:
    """A difference that is typical of the families near PCA."""
    return max(float(differences["mean"].abs().median()), 1e-6)


def _log_counts(axes: Axes, counts: Sequence[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(list(counts)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())


def _smooth(values: DoubleArray, width: int = 5) -> DoubleArray:
    """Mean over neighbouring frames, of fewer at the ends."""
    kernel = np.ones(min(width, len(values)))
    weight = np.convolve(np.ones(len(values)), kernel, mode="same")
    return np.asarray(np.convolve(values, kernel, mode="same") / weight)

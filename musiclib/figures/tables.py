"""Tables of measurements as figures: rate-distortion curves, comparisons, confusion matrices."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from musiclib.errors import MusiclibError
from musiclib.figures.panels import AxesArray, figure_and_axes
from musiclib.figures.style import CODEC_COLOURS, WIDTH, codec_colour, codec_marker


def rate_distortion(
    table: pd.DataFrame,
    metric: str,
    *,
    codecs: Sequence[str] | None = None,
    title: str | None = None,
    axes: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Quality over bitrate: a curve per codec, with 95 % intervals.

    Used by the introduction and by every chapter that compares codecs.

    Args:
        table: One row a system and setting, with means: columns ``codec``, ``kbps``, the metric,
            and its interval in ``<metric>_low`` and ``<metric>_high``.
        metric: A key of :data:`musiclib.metrics.METRICS`, or another column of this form.
        codecs: Codecs to draw, in the order of the legend; all by default.
        title: Title of the axes.
        axes: Axes to draw in; a new figure by default.

    Returns:
        The figure and its axes. Bitrates, measured from bytes, are on a logarithmic axis.

    Raises:
        MusiclibError: If a column or a codec is missing.
    """
    low, high = f"{metric}_low", f"{metric}_high"
    _require(table, ["codec", "kbps", metric, low, high])
    figure, axes = figure_and_axes(axes, height=4.2)
    for codec in codecs if codecs is not None else table["codec"].unique():
        points = table[table["codec"] == codec].sort_values("kbps")
        if points.empty:
            raise MusiclibError(f"the table has no codec {codec!r}: {sorted(set(table['codec']))}")
        centre = points[metric].to_numpy(float)
        spread = np.stack([centre - points[low], points[high] - centre]).clip(min=0.0)
        axes.errorbar(
            points["kbps"],
            centre,
            yerr=spread,
            label=_codec_name(str(codec)),
            color=codec_colour(str(codec)),
            marker=codec_marker(str(codec)),
            markersize=7,
            capsize=3,
            elinewidth=1.2,
        )
    scale_bitrates(axes)
    axes.set_xlabel("Bitrate (kbps)")
    axes.set_ylabel(metric_label(metric))
    if title:
        axes.set_title(title)
    axes.legend()
    return figure, axes


def rate_distortion_grid(
    table: pd.DataFrame, metrics: Sequence[str], *, columns: int = 2
) -> tuple[Figure, AxesArray]:
    """Several metrics over the same bitrates, a panel each, with one legend.

    Used by the introduction and by the metric chapter: no single figure is safe.

    Args:
        table: As for :func:`rate_distortion`.
        metrics: Metrics, a panel each.
        columns: Panels in a row.

    Returns:
        The figure and the axes of the panels, shape ``(len(metrics),)``.
    """
    columns = min(columns, len(metrics))
    rows = -(-len(metrics) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(WIDTH, 0.5 + 3.0 * rows), squeeze=False)
    panels: AxesArray = grid.ravel()
    for panel, metric in zip(panels, metrics, strict=False):
        rate_distortion(table, metric, axes=panel)
        panel.get_legend().remove()
    for panel in panels[len(metrics) :]:
        panel.remove()
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 6))
    return figure, panels[: len(metrics)]


def metric_bars(
    table: pd.DataFrame, metrics: Sequence[str], *, columns: int = 2
) -> tuple[Figure, AxesArray]:
    """What several metrics say of the same few changes to a sound, a panel each.

    Used by the metric chapter, where metrics disagree.

    Args:
        table: A row for each change, its name in the index; a column for each metric.
        metrics: Metrics, a panel each.
        columns: Panels in a row.

    Returns:
        The figure and the axes of the panels, shape ``(len(metrics),)``. Each bar carries its
        value; the title says which direction is better.
    """
    _require(table, metrics)
    columns = min(columns, len(metrics))
    rows = -(-len(metrics) // columns)
    height = 0.5 + rows * (0.9 + 0.32 * len(table))
    figure, grid = plt.subplots(rows, columns, figsize=(WIDTH, height), sharey=True, squeeze=False)
    panels: AxesArray = grid.ravel()
    colours = sns.color_palette(n_colors=len(table))
    for panel, metric in zip(panels, metrics, strict=False):
        values = table[metric].to_numpy(float)
        shown = np.where(np.isfinite(values), values, 0.0)  # an infinite SI-SDR has no bar
        bars = panel.barh([str(name) for name in table.index], shown, color=colours)
        texts = [f"{value:.2f}" if np.isfinite(value) else f"{value}" for value in values]
        panel.bar_label(bars, texts, padding=3, fontsize=9)
        panel.set(xlabel=metric_label(metric))
        panel.margins(x=0.18)
        panel.grid(False, axis="y")
        panel.axvline(0.0, color="#7f7f7f", linewidth=1.0)
    panels[0].invert_yaxis()
    for panel in panels[len(metrics) :]:
        panel.remove()
    return figure, panels[: len(metrics)]


def bitrate_bars(bitrates: pd.Series, *, title: str | None = None) -> tuple[Figure, Axes]:
    """Bitrates as bars on a logarithmic axis, each with its value.

    Used by the introduction, from uncompressed PCM down to the smallest codec.

    Args:
        bitrates: Bitrates in kbps, above 0, by label.
        title: Title of the axes.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 0.9 + 0.36 * len(bitrates)))
    labels = [str(label) for label in bitrates.index]
    values = bitrates.to_numpy(float)
    colours = [codec_colour(label, unknown=CODEC_COLOURS["downsample"]) for label in labels]
    bars = axes.barh(labels, values, color=colours)
    axes.bar_label(bars, [f"{value:,.4g}" for value in values], padding=4, fontsize=9)
    scale_bitrates(axes)
    axes.set_xlim(values.min() / 2, values.max() * 2.5)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set_xlabel("Bitrate (kbps)")
    if title:
        axes.set_title(title)
    return figure, axes


def confusion_matrix(
    counts: npt.ArrayLike, labels: Sequence[str], *, title: str | None = None
) -> tuple[Figure, Axes]:
    """Which classes are taken for which: shares of each row as colours, counts as numbers.

    Used by the data set chapter and by the chapters on classification.

    Args:
        counts: Number of tracks by true class (rows) and predicted class, shape ``(K, K)``.
        labels: Name of each class, K of them.
        title: Title of the axes.

    Returns:
        The figure and its axes. A row without tracks stays at 0.

    Raises:
        ValueError: If the matrix is not square or does not fit the labels.
    """
    matrix = np.asarray(counts)
    if matrix.shape != (len(labels), len(labels)):
        raise ValueError(f"{len(labels)} labels do not fit a matrix of shape {matrix.shape}")
    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(totals, 1)
    texts = [
        [f"{share:.0%}\n({count:g})" for share, count in zip(*row, strict=True)]
        for row in zip(shares, matrix, strict=True)
    ]
    names = [label.replace("_", " ") for label in labels]
    side = 1.8 + 0.78 * len(labels)
    figure, axes = plt.subplots(figsize=(min(side + 1.2, WIDTH), min(side, WIDTH)))
    sns.heatmap(
        shares,
        annot=np.array(texts),
        fmt="",
        vmin=0.0,
        vmax=1.0,
        cmap="Blues",
        xticklabels=names,
        yticklabels=names,
        square=True,
        annot_kws={"fontsize": 9},
        cbar_kws={"label": "Share of the true class", "shrink": 0.8},
        ax=axes,
    )
    axes.set(xlabel="Predicted", ylabel="True")
    axes.tick_params(axis="x", rotation=35, length=0)
    axes.tick_params(axis="y", rotation=0, length=0)
    plt.setp(axes.get_xticklabels(), ha="right", rotation_mode="anchor")
    if title:
        axes.set_title(title)
    return figure, axes


def metric_label(metric: str) -> str:
    """Name of a metric for an axis: label, unit and the better direction."""
    from musiclib.metrics import METRICS

    if metric not in METRICS:
        return metric.replace("_", " ")
    found = METRICS[metric]
    arrow = "\N{UPWARDS ARROW}" if found.higher_is_better else "\N{DOWNWARDS ARROW}"
    return f"{found.axis_label}\n{arrow} better"


def scale_bitrates(axes: Axes) -> None:
    """Space the bitrates of a horizontal axis by factors, and write them without exponents."""
    axes.set_xscale("log")
    low, high = axes.dataLim.intervalx
    # The bitrates that codecs are set to; half of them where the axis is long.
    powers = [2**power for power in range(12)]
    between = [] if high > 20 * low else [3 * power / 2 for power in powers]
    axes.xaxis.set_major_locator(FixedLocator(sorted([*powers, *between])))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda kbps, _: f"{kbps:g}"))


def _codec_name(codec: str) -> str:
    known = {
        "mp3": "MP3",
        "aac": "AAC-LC (FFmpeg)",
        "he-aac": "HE-AAC (fdkaac)",
        "pca": "PCA",
        "downsample": "Downsampling",
        "melic": "Melic",
    }
    return known.get(codec, codec.capitalize())


def _require(table: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise MusiclibError(f"the table lacks {missing}; it has {list(table.columns)}")

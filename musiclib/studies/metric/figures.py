"""Figures of the chapter on metrics. Each returns a figure and its axes."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from musiclib.audio import FloatArray
from musiclib.figures.panels import AxesArray
from musiclib.figures.style import WIDTH
from musiclib.studies.metric.baseline import ORIGINAL_REPORT
from musiclib.studies.metric.measures import METRIC_LABELS, energy_above

LIMIT_DB = 100.0
"""SI-SDR beyond this is arithmetic and not sound."""
GREY, BLUE, VERMILION, PURPLE = "#7f7f7f", "#0072b2", "#d55e00", "#cc79a7"


def energy_by_frequency(
    clips: Mapping[str, FloatArray], sample_rate: int, cutoff_hz: float = 4000.0
) -> tuple[Figure, Axes]:
    """Share of each clip's energy that lies above a frequency.

    Args:
        clips: Clips by name, each of shape ``(N,)``.
        sample_rate: In Hz.
        cutoff_hz: Frequency to mark.

    Returns:
        The figure and its axes: one thin line for each clip and their median.
    """
    cutoffs = np.geomspace(100.0, 0.95 * sample_rate / 2, 40)
    shares = 100 * np.array(
        [[energy_above(audio, sample_rate, hertz) for hertz in cutoffs] for audio in clips.values()]
    )
    figure, axes = plt.subplots(figsize=(WIDTH, 3.6))
    for index, line in enumerate(shares):
        axes.plot(
            cutoffs / 1000,
            line,
            color=GREY,
            alpha=0.5,
            linewidth=1,
            label="" if index else "a clip",
        )
    axes.plot(cutoffs / 1000, np.median(shares, axis=0), color=BLUE, linewidth=2.5, label="median")
    axes.axvline(cutoff_hz / 1000, color=VERMILION, linestyle="--", label=f"{cutoff_hz:g} Hz")
    axes.set(xscale="log", yscale="log", ylim=(1e-4, 130))
    axes.set(xlabel="Frequency (kHz)", ylabel="Energy above it (%)")
    ticks = [khz for khz in (0.1, 0.2, 0.5, 1, 2, 4, 10) if khz < sample_rate / 2000]
    axes.set_xticks(ticks, [f"{khz:g}" for khz in ticks])
    axes.set_xticks([], minor=True)
    axes.legend(loc="lower left")
    return figure, axes


def baseline(table: pd.DataFrame, offset: float = 0.1) -> tuple[Figure, AxesArray]:
    """Spectral RMSE of downsampling beside the original report's, and how it depends on c.

    Args:
        table: From :func:`musiclib.studies.metric.baseline.downsampling_baseline`.
        offset: The constant c of the left panel.

    Returns:
        The figure and its axes, shape ``(2,)``.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.8))
    original = ORIGINAL_REPORT[ORIGINAL_REPORT["factor"] > 1]
    nominal = original.set_index("factor")["nominal_kbps"]
    ours = table[table["offset"] == offset]
    axes[0].errorbar(
        ours["factor"].map(nominal),
        ours["mean"],
        yerr=[ours["mean"] - ours["low"], ours["high"] - ours["mean"]],
        fmt="o-",
        color=BLUE,
        capsize=4,
        label="downsampling, here",
    )
    axes[0].plot(
        original["nominal_kbps"],
        original["downsampling"],
        "v--",
        color=GREY,
        label="downsampling, report",
    )
    axes[0].plot(
        ORIGINAL_REPORT["nominal_kbps"],
        ORIGINAL_REPORT["autoencoder"],
        "X:",
        color=PURPLE,
        label="autoencoder, report",
    )
    axes[0].set(xscale="log", xlabel="Nominal bitrate (kbps)", ylabel="Spectral RMSE")
    ticks = list(ORIGINAL_REPORT["nominal_kbps"])
    axes[0].set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes[0].set_xticks([], minor=True)
    axes[0].set_title(f"c = {offset:g}")
    axes[0].legend(loc="best")
    for (factor, part), style in zip(table.groupby("factor"), ("-", "--", "-.", ":"), strict=False):
        axes[1].plot(part["offset"], part["mean"], style, color=BLUE, label=f"1/{factor}")
    for value in original["downsampling"]:
        axes[1].plot(offset, value, "v", color=GREY)
    axes[1].set(xscale="log", xlabel="Constant c", title="Other values of c")
    axes[0].set_ylim(bottom=0.0)
    axes[1].legend(title="samples kept", loc="best")
    return figure, axes


def damage_matrix(
    equivalent: pd.DataFrame, means: pd.DataFrame, lowest_db: float, highest_db: float
) -> tuple[Figure, Axes]:
    """Kinds of damage by metrics; colour is equivalent noise, the text is the metric's own value.

    Args:
        equivalent: From :func:`musiclib.studies.metric.measures.equivalent_noise_db`.
        means: Mean values of the metrics with the same rows and columns.
        lowest_db: Low end of the colours, in dB SNR.
        highest_db: High end of the colours.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 0.9 + 0.46 * len(equivalent)))
    text = means.loc[equivalent.index, equivalent.columns].apply(
        lambda column: [_cell_text(value, column.name == "si_sdr") for value in column]
    )
    labelled = equivalent.rename(columns=METRIC_LABELS)
    sns.heatmap(
        labelled,
        annot=text.to_numpy(),
        fmt="",
        cmap="RdYlBu",
        vmin=lowest_db,
        vmax=highest_db,
        linewidths=1.0,
        ax=axes,
        cbar_kws={"label": "Equivalent white noise (dB SNR)"},
        annot_kws={"fontsize": 10},
    )
    axes.set(xlabel="", ylabel="")
    axes.grid(visible=False)
    axes.set_xticklabels([label.replace(" ", "\n", 1) for label in labelled.columns], rotation=0)
    axes.tick_params(left=False, bottom=False)
    return figure, axes


def agreement(equivalent: pd.DataFrame) -> tuple[Figure, Axes]:
    """Spearman rank correlation between metrics over the kinds of damage.

    Args:
        equivalent: From :func:`musiclib.studies.metric.measures.equivalent_noise_db`.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH * 0.75, 4.2))
    correlation = equivalent.rename(columns=METRIC_LABELS).corr(method="spearman")
    sns.heatmap(
        correlation, annot=True, fmt=".2f", cmap="RdYlBu", vmin=-1, vmax=1, linewidths=1.0, ax=axes
    )
    axes.grid(visible=False)
    axes.set_xticklabels([label.replace(" ", "\n", 1) for label in correlation], rotation=0)
    axes.tick_params(left=False, bottom=False)
    return figure, axes


def _cell_text(value: float, limited: bool) -> str:
    if limited and abs(value) > LIMIT_DB:
        return f"> {LIMIT_DB:.0f}" if value > 0 else f"< −{LIMIT_DB:.0f}"
    size = abs(round(value, 2))
    digits = 0 if size >= 100 else 1 if size >= 10 else 2
    return f"{value:.{digits}f}".replace("-", "−")

"""Figures of the chapter on genre. Each returns a figure and its axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from musiclib.audio import HOUSE_RATE
from musiclib.figures.style import WIDTH
from musiclib.genre import Comparison, Score
from musiclib.latents import band_values
from musiclib.mdct import SIZE
from musiclib.models.transform import EDGES, N_BANDS, Frames
from musiclib.models.transform.bands import FLOOR_DB, LEVEL_DB
from musiclib.studies.genre import systems as names
from musiclib.studies.genre.experiment import Results

GREY, BLUE, VERMILION, GREEN = "#7f7f7f", "#0072b2", "#d55e00", "#009e73"
PURPLE = "#cc79a7"
COLOURS: Final = {
    names.LOOKED_AT: GREY,
    names.RAW: VERMILION,
    names.LATENT: BLUE,
    names.TUNED: GREEN,
    names.CODED: PURPLE,
}
HEADINGS: Final = {
    names.LOOKED_AT: "Without a sound, or with few numbers of it",
    names.RAW: "Raw signal and its usual features",
    names.LATENT: "Frozen latents",
    names.TUNED: "Latents with a fine-tuned encoder",
    names.CODED: "Files of Melic, not decoded to sound",
}


def score_dots(results: Results) -> tuple[Figure, Axes]:
    """Balanced accuracy of all systems, with intervals, and lines of what has to be beaten.

    Args:
        results: Of the experiment.

    Returns:
        The figure and its axes. Filled dots are test scores, thick bars their intervals over
        tracks, thin ones over artists; rings are validation scores.
    """
    groups = [group for group in names.GROUPS if results.group(group)]
    height = len(results.systems) + 1.2 * len(groups)
    figure, axes = plt.subplots(figsize=(WIDTH, 1.0 + 0.29 * height))
    place, ticks, labels = 0.0, [], []
    for group in groups:
        axes.text(
            0.005, place, HEADINGS[group], fontweight="bold", va="center", fontsize=10.5, zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
        )  # fmt: skip
        for name in results.group(group):
            place += 1.0
            _dot(axes, results, name, place, COLOURS[group])
            ticks.append(place)
            labels.append(name)
        place += 1.2
    _marks(axes, results, place)
    axes.set_yticks(ticks, labels)
    axes.set(xlim=(0.0, 1.0), ylim=(place - 0.2, -0.7), xlabel="Balanced accuracy")
    axes.grid(False, axis="y")
    return figure, axes


def _dot(axes: Axes, results: Results, name: str, place: float, colour: str) -> None:
    score, held = results.test(name), results.scores[name]["validation"]
    near = score.balanced
    axes.plot(
        [near.low, near.high], [place, place], color=colour, linewidth=5.5, alpha=0.35,
        solid_capstyle="butt",
    )  # fmt: skip
    axes.plot(near.mean, place, "o", color=colour, markersize=6.5)
    axes.plot(held.balanced.mean, place, "o", mec=colour, mfc="none", markersize=6.5)
    axes.annotate(f"{near.mean:.2f}", (1.0, place), va="center", ha="right", fontsize=10)


def _marks(axes: Axes, results: Results, foot: float) -> None:
    """Lines of chance, metadata and descriptors."""
    lines = {"chance": results.test(results.systems[0].name).chance}
    for label, name in (("metadata", names.METADATA), ("descriptors", names.DESCRIPTORS)):
        if name in results.guesses:
            lines[label] = results.test(name).balanced.mean
    for (label, value), style in zip(lines.items(), ("--", ":", "-."), strict=False):
        axes.axvline(value, color="#444444", linestyle=style, linewidth=1.2, zorder=1)
        axes.annotate(
            label, (value, foot - 0.25), xytext=(3, 0), textcoords="offset points", fontsize=9,
            color="#444444", va="bottom",
        )  # fmt: skip


def differences(comparisons: Sequence[Comparison]) -> tuple[Figure, Axes]:
    """Differences of two systems with intervals, and the corrected p of the test.

    Args:
        comparisons: First minus second.

    Returns:
        The figure and its axes: a row for each comparison.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 1.1 + 0.42 * len(comparisons)))
    places = np.arange(len(comparisons))
    for place, one in zip(places, comparisons, strict=True):
        clear = one.verdict in ("better", "worse")
        colour = GREY if not clear else BLUE if one.difference.mean > 0 else VERMILION
        axes.plot(
            [one.difference.low, one.difference.high], [place, place], color=colour, linewidth=5,
            alpha=0.4, solid_capstyle="butt",
        )  # fmt: skip
        axes.plot(one.difference.mean, place, "o", color=colour, markersize=7)
        text = "p < 0.001" if one.p_holm < 0.001 else f"p = {one.p_holm:.3f}"
        axes.annotate(
            text, (1.0, place), xycoords=("axes fraction", "data"), va="center", ha="right",
            fontsize=10,
        )  # fmt: skip
    axes.axvline(0.0, color="#444444", linewidth=1.2)
    axes.set_yticks(places, [one.second for one in comparisons])
    low, high = axes.get_xlim()
    axes.set_xlim(low, high + 0.22 * (high - low))
    axes.set(xlabel=f"Balanced accuracy: {comparisons[0].first} minus this")
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    return figure, axes


def confusions(scores: Mapping[str, Score]) -> tuple[Figure, Any]:
    """Confusion matrices side by side: shares of each row as colours and percents.

    Args:
        scores: By title, at most three.

    Returns:
        The figure and its axes.
    """
    genres = [genre.replace("_", " ") for genre in next(iter(scores.values())).confusion.index]
    side = WIDTH / 2 if len(scores) > 1 else 0.6 * WIDTH
    figure, panels = plt.subplots(
        1, len(scores), figsize=(side * len(scores), 0.95 * side + 0.6), sharey=True, squeeze=False
    )
    for axes, (title, score) in zip(panels[0], scores.items(), strict=True):
        counts = score.confusion.to_numpy()
        shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-9)
        sns.heatmap(
            shares, annot=True, fmt=".0f", vmin=0, vmax=100, cmap="Blues", square=True, cbar=False,
            xticklabels=genres, yticklabels=genres, annot_kws={"fontsize": 10}, ax=axes,
        )  # fmt: skip
        axes.set(title=title, xlabel="Guessed")
        axes.tick_params(axis="x", rotation=40, length=0)
        axes.tick_params(axis="y", rotation=0, length=0)
        for label in axes.get_xticklabels():
            label.set_horizontalalignment("right")
    panels[0][0].set_ylabel("True")
    return figure, panels[0]


def learning_curves(table: pd.DataFrame, chance: float) -> tuple[Figure, Axes]:
    """Accuracy over the number of training tracks, mean and range over the runs.

    Args:
        table: From :func:`musiclib.studies.genre.splits.learning_curve`.
        chance: Accuracy of blind guesses.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.8))
    colours = dict(zip(table["system"].unique(), (BLUE, VERMILION, GREEN, GREY), strict=False))
    for (name, colour), marker in zip(colours.items(), "os^v", strict=False):
        cells = table[table["system"] == name].groupby("tracks")["balanced"]
        mean, low, high = cells.mean(), cells.min(), cells.max()
        axes.fill_between(mean.index, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(mean.index, mean, f"{marker}-", color=colour, label=name)
    axes.axhline(chance, color="#444444", linestyle="--", linewidth=1.2)
    axes.annotate("chance", (table["tracks"].min(), chance), va="bottom", fontsize=9)
    ticks = sorted(table["tracks"].unique())
    axes.set(xscale="log", xlabel="Training tracks of each genre", ylabel="Balanced accuracy")
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_ylim(0.0, 1.0)
    axes.legend(loc="upper left")
    return figure, axes


def size_and_rate(
    sizes: pd.DataFrame, rates: pd.DataFrame, coded: pd.DataFrame, floats: Score, chance: float
) -> tuple[Figure, npt.NDArray[Any]]:
    """Accuracy over values a second, and over the bitrate of files.

    Args:
        sizes: Scores of :func:`musiclib.studies.genre.sizes.size_systems`.
        rates: Scores of :func:`musiclib.studies.genre.sizes.bitrate_systems`.
        coded: Scores of :func:`musiclib.studies.genre.sizes.coded_systems`.
        floats: The same model without rounding.
        chance: Accuracy of blind guesses.

    Returns:
        The figure and its axes, `(2,)`.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(WIDTH, 3.9), sharey=True)
    for (family, part), colour, marker in zip(
        sizes.groupby("family", sort=False), (GREY, BLUE, GREEN, VERMILION, PURPLE), "so^*P",
        strict=False,
    ):  # fmt: skip
        part = part.sort_values("rate")
        left.errorbar(
            part["rate"], part["balanced"], yerr=_ends(part), fmt=f"{marker}-", color=colour,
            label=family, linewidth=1.4, elinewidth=0.8, markersize=7,
        )  # fmt: skip
    left.set(xscale="log", xlabel="Values a second", ylabel="Balanced accuracy", ylim=(0.0, 1.0))
    ticks = [rate for rate in (100, 300, 1000, 3000, 10000) if _within(rate, sizes["rate"])]
    left.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    left.set_xticks([], minor=True)
    left.legend(loc="lower right", ncols=2, bbox_to_anchor=(1.0, 0.24))
    for table, label, colour, marker in (
        (rates, "files of deep-16", BLUE, "o"),
        (coded, "files of Melic", PURPLE, "s"),
    ):
        part = table.sort_values("kbps")
        right.errorbar(
            part["kbps"], part["balanced"], yerr=_ends(part), fmt=f"{marker}-", color=colour,
            elinewidth=0.8, label=label,
        )  # fmt: skip
        right.plot(part["kbps"], part["validation"], marker, mec=colour, mfc="none")
    right.axhline(floats.balanced.mean, color=BLUE, linestyle=":", label="deep-16, not rounded")
    right.set(xscale="log", xlabel="Bitrate of the files (kbps)")
    kbps = pd.concat([rates["kbps"], coded["kbps"]])
    marks = [mark for mark in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if _within(mark, kbps)]
    right.set_xticks(marks, [f"{mark:g}" for mark in marks])
    right.set_xticks([], minor=True)
    right.legend(loc="lower right", bbox_to_anchor=(1.0, 0.24))
    for axes in (left, right):
        axes.axhline(chance, color="#444444", linestyle="--", linewidth=1.2)
    return figure, np.array([left, right])


def coded_frames(frames: Frames) -> tuple[Figure, npt.NDArray[Any]]:
    """What is read of a file of Melic: levels of bands, and sizes of its values.

    Args:
        frames: From :meth:`musiclib.latents.CodedFrames.frames`.

    Returns:
        The figure and its axes, `(2,)`.
    """
    values = band_values(frames)
    seconds = values.shape[1] * SIZE / HOUSE_RATE
    figure, panels = plt.subplots(1, 2, figsize=(WIDTH, 3.2), sharey=True)
    for axes, part, label in zip(
        panels,
        (LEVEL_DB * values[:N_BANDS] + FLOOR_DB, values[N_BANDS:]),
        ("Level of the band (dB)", "ln(1 + mean size of its values)"),
        strict=True,
    ):
        image = axes.imshow(
            part, origin="lower", aspect="auto", interpolation="nearest", cmap="magma",
            extent=(0.0, seconds, -0.5, N_BANDS - 0.5),
        )  # fmt: skip
        figure.colorbar(image, ax=axes, label=label)
        axes.set_xlabel("Time (s)")
        axes.grid(False)
    bands = range(1, N_BANDS, 3)
    middle = [(EDGES[k] + EDGES[k + 1]) * HOUSE_RATE / (4000 * SIZE) for k in bands]
    panels[0].set_yticks(list(bands), [f"{kilohertz:.2g}" for kilohertz in middle])
    panels[0].set_ylabel("Centre of the band (kHz)")
    return figure, np.asarray(panels)


def _ends(part: pd.DataFrame) -> npt.NDArray[np.float64]:
    ends = np.stack([part["balanced"] - part["low"], part["high"] - part["balanced"]])
    lengths: npt.NDArray[np.float64] = np.nan_to_num(np.maximum(ends, 0.0))
    return lengths


def _within(value: float, values: pd.Series) -> bool:
    return bool(values.min() / 1.3 <= value <= values.max() * 1.3)

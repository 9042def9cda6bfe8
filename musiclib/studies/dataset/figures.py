"""Figures that only the data set chapter draws."""

from collections.abc import Mapping
from typing import Any, Final

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from musiclib.figures import genre_colours
from musiclib.figures.style import WIDTH
from musiclib.studies.dataset.provenance import CONFIDENCE, EVIDENCE
from musiclib.studies.dataset.recognition import Recognition

_EVIDENCE_COLOURS: Final = {
    "tag": "#0072b2",
    "credits": "#009e73",
    "upstream": "#56b4e9",
    "guess": "#d9d9d9",
}
_CONFIDENCE_COLOURS: Final = {"high": "#0072b2", "medium": "#9ecae1", "low": "#d9d9d9"}
_DOT, _CHANCE = "#0072b2", "#d55e00"


def message(text: str) -> tuple[Figure, Axes]:
    """A card that says why there is no figure, so that its number and place stay."""
    figure, axes = plt.subplots(figsize=(WIDTH, 1.2))
    axes.text(0.5, 0.5, text, ha="center", va="center", wrap=True, transform=axes.transAxes)
    axes.set_axis_off()
    return figure, axes


def label_bars(tracks: pd.DataFrame) -> tuple[Figure, Any]:
    """Clips of each genre by what their label rests on, and by how sure it is.

    Args:
        tracks: Table with `genre`; `evidence` and `confidence` where labels have them.

    Returns:
        The figure and its two axes, or a card that says what the table lacks.
    """
    if not {"evidence", "confidence"} <= set(tracks.columns):
        return message("This data set does not say what its labels rest on.")
    genres = sorted(tracks["genre"].unique())[::-1]
    size = (WIDTH, 1.6 + 0.42 * len(genres))
    figure, panels = plt.subplots(1, 2, figsize=size, sharey=True)
    kinds = (
        ("evidence", "Evidence", list(EVIDENCE), _EVIDENCE_COLOURS),
        ("confidence", "Confidence", list(CONFIDENCE), _CONFIDENCE_COLOURS),
    )
    for axes, (column, title, values, colours) in zip(panels, kinds, strict=True):
        counts = pd.crosstab(tracks["genre"], tracks[column]).reindex(
            index=genres, columns=values, fill_value=0
        )
        left = np.zeros(len(genres))
        names = [str(genre).replace("_", " ") for genre in genres]
        for value in values:
            widths = counts[value].to_numpy()
            bars = axes.barh(names, widths, left=left, color=colours[value], label=value)
            texts = [str(width) if width > 1 else "" for width in widths]
            dark = colours[value] in ("#0072b2", "#009e73")
            axes.bar_label(
                bars, texts, label_type="center", fontsize=9, color="white" if dark else "#1a1a1a"
            )
            left += widths
        axes.set(xlabel="Clips")
        axes.grid(False, axis="y")
        axes.legend(
            title=title, loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=4,
            columnspacing=0.8, handlelength=1.0, handletextpad=0.4, alignment="left",
        )  # fmt: skip
    return figure, panels


def source_panels(table: pd.DataFrame) -> tuple[Figure, Any]:
    """What the files of each genre looked like before anybody listened.

    Args:
        table: A row a clip: `genre`, `bitrate_kbps` and `loudness` (LUFS, before any gain).

    Returns:
        The figure and its two axes: bitrate and loudness, a row of dots and a box for each genre.
    """
    order = sorted(table["genre"].unique())
    colours = genre_colours(order)
    figure, panels = plt.subplots(1, 2, figsize=(WIDTH, 1.4 + 0.42 * len(order)), sharey=True)
    columns = (("bitrate_kbps", "Bitrate (kbps)", True), ("loudness", "Loudness (LUFS)", False))
    for axes, (column, label, log) in zip(panels, columns, strict=True):
        known = table[table[column].notna()]
        shared = {"data": known, "x": column, "y": "genre", "order": order, "ax": axes}
        sns.boxplot(**shared, color="#eeeeee", showfliers=False, width=0.65)
        sns.stripplot(
            **shared, hue="genre", palette=colours, legend=False, size=4, alpha=0.7, jitter=False
        )
        if log and len(known):
            axes.set_xscale("log")
            ticks = [16, 32, 64, 128, 256, 512, 1024]
            inside = [t for t in ticks if known[column].min() / 1.5 <= t <= known[column].max() * 2]
            axes.set_xticks(inside, [str(tick) for tick in inside])
            axes.minorticks_off()
        axes.set(xlabel=label, ylabel="")
    panels[0].set_yticks(range(len(order)), [str(genre).replace("_", " ") for genre in order])
    return figure, panels


def score_dots(groups: Mapping[str, Mapping[str, Recognition]]) -> tuple[Figure, Axes]:
    """Balanced accuracy of each set of features, with 95 % intervals and the line of chance.

    Args:
        groups: Results by name, in groups with a heading each.

    Returns:
        The figure and its axes.
    """
    rows = [(None, heading, result) for heading, result in groups.items()]
    height = sum(len(results) + 1 for _, _, results in rows)
    figure, axes = plt.subplots(figsize=(WIDTH, 1.2 + 0.36 * height))
    place, ticks, names, chance = 0.0, [], [], 0.0
    for _, heading, results in rows:
        axes.text(
            0.012, place, heading, fontweight="bold", va="center", fontsize=11, zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )  # fmt: skip
        for name, result in results.items():
            place += 1
            score, chance = result.accuracy, result.chance
            axes.plot(
                [score.low, score.high], [place, place], color=_DOT, linewidth=6, alpha=0.35,
                solid_capstyle="butt",
            )  # fmt: skip
            axes.plot(score.mean, place, "o", color=_DOT, markersize=8)
            axes.annotate(f"{score.mean:.2f}", (1.0, place), va="center", ha="right", fontsize=11)
            ticks.append(place)
            names.append(name)
        place += 1.2
    axes.axvline(chance, color=_CHANCE, linestyle="--", linewidth=1.4)
    axes.annotate(
        "chance", (chance, place - 0.5), color=_CHANCE, fontsize=10, ha="left",
        xytext=(4, 0), textcoords="offset points", va="bottom",
    )  # fmt: skip
    axes.set_yticks(ticks, names)
    axes.set(xlim=(0.0, 1.0), ylim=(place - 0.3, -0.7), xlabel="Balanced accuracy on test clips")
    axes.grid(False, axis="y")
    return figure, axes

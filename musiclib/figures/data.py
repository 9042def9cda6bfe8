"""A data set at a glance: how many tracks, how long, how they sound. Used by the data set chapter.

Every function takes a tracks table, as :attr:`musiclib.datasets.Dataset.tracks` has it.
"""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from musiclib.errors import DatasetError
from musiclib.figures.style import WIDTH, genre_colours

# The parts of a split, and a colour for numbers that is read on each.
_PARTS = {"train": "#0072b2", "validation": "#009e73", "test": "#e69f00"}
_TEXT = {"train": "white", "validation": "white", "test": "#1a1a1a"}


def genre_counts(tracks: pd.DataFrame) -> tuple[Figure, Axes]:
    """Tracks of each genre, divided into the parts of the split.

    Args:
        tracks: Table with columns ``genre`` and ``split``.

    Returns:
        The figure and its axes: a bar for each genre, the largest above, and the number of tracks
        of each part in it.

    Raises:
        DatasetError: If the table is empty or lacks a column.
    """
    _require(tracks, "genre", "split")
    counts = tracks.groupby(["genre", "split"], observed=True).size().unstack(fill_value=0)
    counts = counts.loc[counts.sum(axis=1).sort_values(ascending=True, kind="stable").index]
    names = [_words(genre) for genre in counts.index]
    figure, axes = plt.subplots(figsize=(WIDTH, 1.1 + 0.42 * len(counts)))
    left = counts.iloc[:, 0] * 0
    for part, colour in _PARTS.items():
        if part not in counts or not counts[part].any():
            continue
        bars = axes.barh(names, counts[part], left=left, color=colour, label=part)
        texts = [str(count) if count else "" for count in counts[part]]
        axes.bar_label(bars, texts, label_type="center", color=_TEXT[part], fontsize=9)
        left = left + counts[part]
    axes.set(xlabel="Tracks")
    axes.grid(False, axis="y")
    figure.legend(loc="outside upper right", ncols=3)
    return figure, axes


def distribution(
    tracks: pd.DataFrame,
    column: str,
    label: str,
    *,
    by_genre: bool = True,
    log: bool = False,
) -> tuple[Figure, Axes]:
    """Distribution of a number over the tracks: each track a dot, quartiles as a box.

    For durations, bandwidths, levels and other descriptors. Tracks without a value are left out.

    Args:
        tracks: Table with the column, and with ``genre`` if divided by genre.
        column: Column of numbers.
        label: What it is, with its unit, such as "Bandwidth (kHz)".
        by_genre: Whether to draw a row for each genre; else one histogram.
        log: Whether the axis is logarithmic.

    Returns:
        The figure and its axes. Genres have their fixed colours.

    Raises:
        DatasetError: If the table is empty or lacks a column.
    """
    _require(tracks, column, *(["genre"] if by_genre else []))
    tracks = tracks.dropna(subset=[column])
    _require(tracks, column)
    if not by_genre:
        figure, axes = plt.subplots(figsize=(WIDTH, 3.0))
        sns.histplot(x=tracks[column], log_scale=log, color="#0072b2", ax=axes)
        axes.set(xlabel=label, ylabel="Tracks")
        return figure, axes
    order = sorted(tracks["genre"].unique())
    figure, axes = plt.subplots(figsize=(WIDTH, 1.0 + 0.5 * len(order)))
    shared = {"data": tracks, "x": column, "y": "genre", "order": order, "ax": axes}
    sns.boxplot(**shared, color="#eeeeee", showfliers=False, width=0.6, log_scale=log)
    sns.stripplot(
        **shared,
        hue="genre",
        palette=genre_colours(order),
        legend=False,
        size=4,
        alpha=0.7,
        jitter=False,  # random offsets would change from run to run
    )
    axes.set(xlabel=label, ylabel="")
    axes.set_yticks(range(len(order)), [_words(genre) for genre in order])
    return figure, axes


def descriptor_scatter(
    tracks: pd.DataFrame, x: str, y: str, x_label: str, y_label: str
) -> tuple[Figure, Axes]:
    """Two descriptors of each track against each other, coloured by genre.

    Args:
        tracks: Table with both columns and ``genre``.
        x: Column for the horizontal axis.
        y: Column for the vertical axis.
        x_label: What the horizontal axis is, with its unit.
        y_label: What the vertical axis is, with its unit.

    Returns:
        The figure and its axes. Genres have their fixed colours, and markers beside them.

    Raises:
        DatasetError: If the table is empty or lacks a column.
    """
    _require(tracks, x, y, "genre")
    figure, axes = plt.subplots(figsize=(WIDTH, 4.6))
    order = sorted(tracks["genre"].unique())
    sns.scatterplot(
        data=tracks,
        x=x,
        y=y,
        hue="genre",
        style="genre",
        hue_order=order,
        style_order=order,
        palette=genre_colours(order),
        s=45,
        alpha=0.85,
        ax=axes,
    )
    axes.set(xlabel=x_label, ylabel=y_label)
    handles, names = axes.get_legend_handles_labels()
    axes.legend().remove()  # the figure's, which stands beside the dots, takes its place
    figure.legend(handles, [_words(name) for name in names], loc="outside right upper")
    return figure, axes


def _words(genre: object) -> str:
    return str(genre).replace("_", " ")


def _require(tracks: pd.DataFrame, *columns: str) -> None:
    missing = [column for column in columns if column not in tracks.columns]
    if missing:
        raise DatasetError(f"the tracks table lacks {missing}; it has {list(tracks.columns)}")
    if tracks.empty:
        raise DatasetError(f"there is nothing to draw: no track has a value of {list(columns)}")

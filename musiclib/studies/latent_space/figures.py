"""Pictures of the spaces. Each function returns a figure and its axes."""

from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from musiclib.figures import genre_colours
from musiclib.figures.panels import AxesArray
from musiclib.figures.style import WIDTH, series_styles
from musiclib.latents.projection import Array
from musiclib.studies.latent_space.layout import Picture
from musiclib.studies.latent_space.material import Material, loudness
from musiclib.studies.latent_space.paths import Paths

MOST_ARTISTS, FEWEST_CLIPS = 8, 3
GREY = "#d0d0d0"
MARKS = "osD^vP*X"
COLOURS = {"learned": "#0072b2", "pca-16": "#c9b400", "log-mel": "#7f7f7f", "MFCC": "#7f7f7f"}
SHADES = plt.get_cmap("RdBu_r", 20)
COOL_WARM = ("#0072b2", "#d55e00")


def projections(
    found: Material, made: Mapping[str, Picture], titles: Mapping[str, str]
) -> tuple[Figure, AxesArray]:
    """All pictures side by side, coloured by genre: test tracks filled, training tracks faint.

    Args:
        found: The material.
        made: Pictures by name, at least one.
        titles: A line below each name.

    Returns:
        The figure and its axes. Where LDA is there, a last panel shows the tracks it was fitted on.
    """
    panels = [(f"{one.label}\n{titles[name]}", one, False) for name, one in made.items()]
    if "lda" in made:
        panels.append(
            (f"LDA, its training tracks\n{titles.get('lda-training', '')}", made["lda"], True)
        )
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    figure, boxes = _grid(rows, columns, len(panels), 0.5 + 2.35 * rows)
    genres = found.genres or sorted(set(found.tracks["genre"]))
    colours = genre_colours(genres)
    shades = found.tracks["genre"].map(colours).to_numpy()
    for axes, (heading, picture, only_training) in zip(boxes, panels, strict=True):
        _dots(axes, picture.framed, shades, found.training, faint=not only_training)
        if not only_training:
            _dots(axes, picture.framed, shades, found.test, faint=False)
        axes.set_title(heading, fontsize=9.5)
    handles = [_handle(colours[genre], genre.replace("_", " ")) for genre in genres]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 5))
    return figure, boxes


def colourings(
    found: Material, made: Mapping[str, Picture], titles: Mapping[str, Mapping[str, str]]
) -> tuple[Figure, AxesArray]:
    """Some pictures once by artist and once by level.

    Args:
        found: The material.
        made: Pictures by name, a row each.
        titles: For each picture a line below its name, for `artist` and `level`.

    Returns:
        The figure and its axes, two a picture. Artists with few clips are grey.
    """
    figure, boxes = _grid(len(made), 2, 2 * len(made), 0.7 + 3.0 * len(made))
    level = loudness(found)["heard_db"].to_numpy(float)
    owners = found.tracks["artist_group"]
    frequent = [
        str(name)
        for name, count in owners.value_counts().head(MOST_ARTISTS).items()
        if count >= FEWEST_CLIPS
    ]
    artists = found.tracks.groupby("artist_group")["artist"].first()
    drawn = None
    for pair, (name, picture) in zip(boxes.reshape(-1, 2), made.items(), strict=True):
        x, y = picture.framed.T
        rest = (~owners.isin(frequent)).to_numpy()
        pair[0].scatter(x[rest], y[rest], s=10, color=GREY, linewidths=0)
        for number, (artist, style) in enumerate(zip(frequent, _styles(frequent), strict=True)):
            own = (owners == artist).to_numpy()
            pair[0].scatter(x[own], y[own], s=24, color=style, marker=MARKS[number], linewidths=0)
        drawn = pair[1].scatter(x, y, s=16, c=level, cmap="viridis", linewidths=0)
        pair[0].set_title(f"{picture.label} by artist\n{titles[name]['artist']}", fontsize=10)
        pair[1].set_title(f"{picture.label} by level\n{titles[name]['level']}", fontsize=10)
    if drawn is not None:
        figure.colorbar(drawn, ax=list(boxes), label="Level at a peak of 0.3 (dB)", aspect=40)
    handles = [
        _handle(style, shorten(str(artists[artist]), 28, placeholder=" …"), MARKS[number])
        for number, (artist, style) in enumerate(zip(frequent, _styles(frequent), strict=True))
    ]
    handles.append(_handle(GREY, "others"))
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=9)
    return figure, boxes


def dots(
    panels: Mapping[str, pd.DataFrame],
    chance: Mapping[str, float],
    columns: int = 3,
    limits: tuple[float, float] | None = None,
) -> tuple[Figure, AxesArray]:
    """Measures of several spaces with 95 % intervals, a panel for each measure.

    Args:
        panels: By title, a table with `mean`, `low` and `high`; index: what is compared.
        chance: Where a line is drawn, by title.
        columns: Panels in a row.
        limits: Range of all panels; what is outside is cut off.

    Returns:
        The figure and its axes. Learned spaces are blue, PCA is yellow, the others are grey.
    """
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    longest = max(len(table) for table in panels.values())
    figure, grid = plt.subplots(
        rows, columns, figsize=(WIDTH, rows * (0.75 + 0.26 * longest)), sharey=True, squeeze=False
    )
    boxes: AxesArray = grid.ravel()
    for axes, (title, table) in zip(boxes, panels.items(), strict=False):
        places = np.arange(len(table))
        centre = table["mean"].to_numpy(float)
        spread = np.stack([centre - table["low"], table["high"] - centre]).clip(min=0.0)
        colours = [COLOURS.get(str(name), COLOURS["learned"]) for name in table.index]
        axes.barh(places, np.nan_to_num(centre), color=colours, alpha=0.35, height=0.7)
        axes.errorbar(centre, places, xerr=spread, fmt="none", ecolor="#333333", elinewidth=1.2)
        axes.scatter(centre, places, color=colours, s=22, zorder=3)
        axes.axvline(chance.get(title, 0.0), color="#333333", linestyle="--", linewidth=1.0)
        axes.set_title(title, fontsize=10)
        if limits is not None:
            axes.set_xlim(*limits)
        axes.set_yticks(places, [str(name) for name in table.index])
        axes.tick_params(labelsize=9)
        axes.grid(False, axis="y")
    boxes[0].invert_yaxis()
    for axes in boxes[len(panels) :]:
        axes.remove()
    return figure, boxes[: len(panels)]


def wandering(found: Paths, titles: Sequence[str]) -> tuple[Figure, AxesArray]:
    """Two paths before the places of the training music.

    Args:
        found: The paths.
        titles: One for each of them.

    Returns:
        The figure and its two axes.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.0), sharex=True, sharey=True)
    for box, path, title in zip(axes, found.chosen, titles, strict=True):
        x, y = found.background.T
        box.scatter(x, y, s=2, color="#e2e2e2", linewidths=0)
        box.plot(*path.places.T, color="#666666", linewidth=0.8, zorder=2)
        step = max(1, len(path.places) // 240)
        times = np.linspace(0.0, path.seconds, len(path.places))
        x, y = path.places[::step].T
        lines = box.scatter(x, y, c=times[::step], s=12, cmap="plasma", zorder=3, linewidths=0)
        box.set_title(title, fontsize=10)
        box.set_xlabel("First component")
    axes[0].set_ylabel("Second component")
    figure.colorbar(lines, ax=list(axes), label="Time (s)", aspect=30)
    return figure, axes


def units(
    table: pd.DataFrame,
    labels: Mapping[str, str],
    hertz: npt.NDArray[np.float64],
    added: npt.NDArray[np.float64],
    chosen: Mapping[int, str],
    places: Sequence[float],
) -> tuple[Figure, AxesArray]:
    """What single values follow, and what the decoder adds for some of them.

    Args:
        table: Rank correlations, a row a value and a column a fact.
        labels: Name of each fact.
        hertz: Frequencies, `(F,)`.
        added: Differences of level in dB, `(units, places, F)`.
        chosen: A few words for each value, in the order of `added`.
        places: Positions in standard deviations.

    Returns:
        The figure and its axes: the correlations, then a panel for each chosen value.
    """
    count = len(chosen)
    names = ["map", *(f"unit{number}" for number in range(count))]
    mosaic: Any = [["map", f"unit{number}"] for number in range(count)]
    figure, boxes = plt.subplot_mosaic(
        mosaic, figsize=(WIDTH, 1.0 + max(1.35 * count, 0.24 * len(table))), width_ratios=[1, 1.1]
    )
    grid = boxes["map"]
    picture = grid.imshow(table.to_numpy(float), vmin=-1, vmax=1, cmap=SHADES, aspect="auto")
    grid.set_xticks(range(len(table.columns)), [labels[name] for name in table.columns])
    grid.tick_params(axis="x", rotation=40, labelsize=9)
    plt.setp(grid.get_xticklabels(), ha="right", rotation_mode="anchor")
    every = max(1, len(table) // 16)
    grid.set_yticks(range(0, len(table), every), table.index[::every])
    grid.tick_params(axis="y", labelsize=9)
    grid.set(ylabel="Latent value", title="Rank correlation")
    grid.grid(False)
    figure.colorbar(picture, ax=grid, aspect=40, pad=0.03)
    reach = 1.1 * max(float(np.abs(added).max()), 0.1) if added.size else 1.0
    for number, (unit, follows) in enumerate(chosen.items()):
        axes = boxes[f"unit{number}"]
        for place, levels, colour in zip(
            places, added[number], ("#0072b2", "#d55e00"), strict=True
        ):
            sign = "\N{MINUS SIGN}" if place < 0 else "+"
            axes.plot(hertz / 1000, levels, color=colour, label=f"{sign}{abs(place):g} σ")
        axes.set_ylim(-reach, reach)
        axes.set_ylabel("dB", fontsize=9)
        axes.set_title(f"Value {unit}: {follows}", fontsize=9.5)
        axes.tick_params(labelsize=8.5, labelbottom=number == count - 1)
    if count:
        boxes[f"unit{count - 1}"].legend(fontsize=8, ncols=2, loc="upper right")
        boxes[f"unit{count - 1}"].set_xlabel("Frequency (kHz)")
    ordered: AxesArray = np.array([boxes[name] for name in names], dtype=object)
    return figure, ordered


def _grid(rows: int, columns: int, used: int, height: float) -> tuple[Figure, AxesArray]:
    figure, grid = plt.subplots(rows, columns, figsize=(WIDTH, height), squeeze=False)
    boxes: AxesArray = grid.ravel()
    for axes in boxes[used:]:
        axes.remove()
    for axes in boxes[:used]:
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
    return figure, boxes[:used]


def _dots(
    axes: Axes, places: Array, shades: npt.NDArray[np.object_], rows: npt.NDArray[np.bool_],
    faint: bool,
) -> None:  # fmt: skip
    size, alpha = (9, 0.28) if faint else (20, 0.95)
    x, y = places[rows].T
    axes.scatter(x, y, s=size, c=list(shades[rows]), alpha=alpha, linewidths=0)


def _handle(colour: str, label: str, marker: str = "o") -> Line2D:
    return Line2D([], [], marker=marker, color=colour, linestyle="none", label=label)


def _styles(names: Sequence[str]) -> list[str]:
    return [str(style["color"]) for style in series_styles([f"artist {n}" for n in names])]


def note(words: str) -> tuple[Figure, Axes]:
    """A sentence in the place of a figure that cannot be drawn from the data that were given."""
    figure, axes = plt.subplots(figsize=(WIDTH, 0.8))
    axes.axis("off")
    axes.text(0.5, 0.5, words, ha="center", va="center", wrap=True)
    return figure, axes

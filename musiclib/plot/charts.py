"""Figures of tidy tables: curves, forest plots, dots, loss curves and confusion matrices."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, Literal

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FuncFormatter, Locator, NullLocator
from matplotlib.transforms import Transform, blended_transform_factory, offset_copy
from scipy.optimize import isotonic_regression

from musiclib.errors import MusiclibError
from musiclib.plot.published import when_narrow
from musiclib.plot.style import WIDTH, figure_and_axes, series_styles

Side = Literal["left", "right"]
_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "p", "h", "<", ">")
_GREY: Final = "#7f7f7f"
_INK: Final = "#1a1a1a"
_LABEL_POINTS: Final = 10
_NARROW_LETTERS: Final = 44  # bold ones in a line of a narrow page
_TICK_POINTS: Final = 34  # room for a number such as 0.125
_CONTRAST: Final = 4.5  # of small text on its ground, by WCAG 2.2


def curves(
    table: pd.DataFrame,
    x: str,
    y: str = "mean",
    *,
    system: str = "system",
    xlabel: str | None = None,
    ylabel: str | None = None,
    log_x: bool = False,
    log_y: bool = False,
    markers: bool = True,
    label_at: Side | Mapping[str, Side] = "right",
    title: str | None = None,
    axes: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw one line for each system, labelled at its end, with a band for its interval.

    Args:
        table: One row for each system and place on the horizontal axis. Bands reach from its
            columns ``low`` to ``high``, where it has them, with a gap where a bound is NaN.
        x: Column of the horizontal axis, such as ``"kbps"``.
        y: Column of the vertical axis.
        system: Column that tells the lines apart; its values are the labels.
        xlabel: Text of the horizontal axis; by default the column's name.
        ylabel: Text of the vertical axis; by default the column's name.
        log_x: Whether the horizontal axis is logarithmic, as suits bitrates.
        log_y: Whether the vertical axis is, as suits losses.
        markers: Whether each row gets a mark. Leave them out where rows are steps of a curve
            rather than measurements.
        label_at: End of the lines that carries the label, for all or by system.
        title: Title of the axes.
        axes: Axes to draw in; a new figure by default.

    Returns:
        The figure and its axes.

    Raises:
        MusiclibError: A column is missing, or the table is empty.
    """
    _require(table, [x, y, system])
    banded = _has_interval(table)
    figure, axes = figure_and_axes(axes, height=4.2)
    styles = _styles(table[system])
    axes.set(xscale="log" if log_x else "linear", yscale="log" if log_y else "linear")
    sns.lineplot(
        table,
        x=x,
        y=y,
        hue=system,
        style=system,
        palette={name: style["color"] for name, style in styles.items()},
        markers={name: style["marker"] for name, style in styles.items()} if markers else False,
        dashes=False,
        errorbar=None,
        estimator=None,
        markersize=7,
        legend=False,
        ax=axes,
    )
    ends: list[tuple[str, float, float, Side]] = []
    for name, style in styles.items():
        rows = table[table[system] == name].dropna(subset=[x, y]).sort_values(x)
        if banded:
            bounds = rows["low"].to_numpy(float), rows["high"].to_numpy(float)
            axes.fill_between(
                rows[x].to_numpy(float), *bounds, color=style["color"], alpha=0.18, linewidth=0
            )
        if not rows.empty:
            side = label_at if isinstance(label_at, str) else label_at.get(name, "right")
            end = rows.iloc[-1 if side == "right" else 0]
            ends.append((name, float(end[x]), float(end[y]), side))
    axes.set(xlabel=xlabel or x, ylabel=ylabel or y)
    for axis, logarithmic in ((axes.xaxis, log_x), (axes.yaxis, log_y)):
        if logarithmic:
            _tick_by_factors(axis)
    if title:
        axes.set_title(title)
    _label_ends(axes, ends, {name: style["color"] for name, style in styles.items()})
    return figure, axes


def forest(
    table: pd.DataFrame,
    label: str = "label",
    value: str = "mean",
    *,
    group: str | None = None,
    digits: int = 1,
    unit: str = "",
    xlabel: str | None = None,
    title: str | None = None,
    axes: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw differences from 0, one a row, each with its interval and its numbers.

    A row whose interval leaves 0 out is drawn in black with a full mark. The others,
    which are not settled, are grey with an open one; so are rows without an interval, whose bounds
    are NaN.

    Args:
        table: One row for each difference, from top to bottom, with the ends of its interval in
            the columns ``low`` and ``high``.
        label: Column with the names of the rows.
        value: Column with the differences.
        group: Column of headings; rows of one heading stand together, in the table's order.
        digits: Decimal places of the numbers at the right.
        unit: Unit of the numbers, such as ``"%"``.
        xlabel: Text of the horizontal axis; by default the column's name.
        title: Title of the axes.
        axes: Axes to draw in; a new figure by default.

    Returns:
        The figure and its axes.

    Raises:
        MusiclibError: A column is missing, or the table is empty.
    """
    _require(table, [label, value, "low", "high", *([group] if group else [])])
    lines = _forest_lines(table, label, group)
    figure, axes = figure_and_axes(axes, height=0.9 + 0.36 * len(lines))
    at_right = blended_transform_factory(axes.transAxes, axes.transData)
    axes.axvline(0.0, color=_GREY, linewidth=1.0, zorder=1)
    numbers: list[Text] = []
    for place, (_, row) in enumerate(lines):
        if row is None:
            continue
        middle, bottom, top = (float(table[column].iloc[row]) for column in (value, "low", "high"))
        settled = bottom > 0 or top < 0
        colour = _INK if settled else _GREY
        axes.plot([bottom, top], [place, place], color=colour, linewidth=2.0, zorder=2)
        face = colour if settled else "white"
        axes.plot(middle, place, "o", color=colour, markerfacecolor=face, markersize=8, zorder=3)
        told = f"{_number(middle, digits)}{_unit(unit)}"
        if not np.isnan([bottom, top]).any():
            told += f"  [{_number(bottom, digits)}, {_number(top, digits)}]"
        written = axes.text(1.02, place, told, transform=at_right, va="center", color=colour)
        written.set_fontsize(_LABEL_POINTS)
        numbers.append(written)
    axes.set_yticks(range(len(lines)), [text for text, _ in lines])
    for tick, (_, row) in zip(axes.get_yticklabels(), lines, strict=True):
        tick.set_fontweight("bold" if row is None else "normal")
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.08)
    axes.set_xlabel(xlabel or value)
    if title:
        axes.set_title(title)
    when_narrow(axes, partial(_words_above, axes, [text for text, _ in lines], numbers))
    return figure, axes


@contextmanager
def _words_above(axes: Axes, labels: Sequence[str], numbers: Sequence[Text]) -> Iterator[float]:
    """Write the labels and numbers of a forest above its rows, where a page is narrow."""
    weights = [tick.get_fontweight() for tick in axes.get_yticklabels()]
    axes.set_yticks(range(len(labels)), [])
    above: list[Artist] = []
    for place, (label, weight) in enumerate(zip(labels, weights, strict=True)):
        written = _above(axes, textwrap.fill(label, _NARROW_LETTERS), 0.0, place, "left")
        written.set_fontweight(weight)
        above.append(written)
    for text in numbers:
        text.set_visible(False)
        written = _above(axes, text.get_text(), 1.0, text.get_position()[1], "right")
        written.set_color(text.get_color())
        above.append(written)
    try:
        yield 1.3
    finally:
        for artist in above:
            artist.remove()
        for text in numbers:
            text.set_visible(True)
        axes.set_yticks(range(len(labels)), labels)
        for tick, weight in zip(axes.get_yticklabels(), weights, strict=True):
            tick.set_fontweight(weight)


def _above(axes: Axes, text: str, x: float, y: float, side: str) -> Annotation:
    return axes.annotate(
        text, (x, y), in_layout=False, xycoords=axes.get_yaxis_transform(), xytext=(0, 5),
        textcoords="offset points", ha=side, va="bottom", fontsize=_LABEL_POINTS,
    )  # fmt: skip


def dots(
    table: pd.DataFrame,
    category: str = "category",
    *,
    system: str | None = None,
    reference: float | None = None,
    reference_label: str = "",
    xlabel: str | None = None,
    axes: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw values as dots, a row for each category, with a bar for each interval.

    Args:
        table: One row for each category, or for each category and system. Its column
            ``mean`` has the values; bars reach from ``low`` to ``high``, where it has them.
        category: Column with the names of the rows, from top to bottom as they come.
        system: Column that tells several dots of a category apart; they stand below one another.
        reference: Where a dashed line stands, such as chance.
        reference_label: What that line is.
        xlabel: Text of the horizontal axis; ``mean`` by default.
        axes: Axes to draw in; a new figure by default.

    Returns:
        The figure and its axes.

    Raises:
        MusiclibError: A column is missing, or the table is empty.
    """
    _require(table, [category, "mean", *([system] if system else [])])
    barred = _has_interval(table)
    categories = list(dict.fromkeys(table[category]))
    names = table[system] if system else pd.Series("", index=table.index)
    styles = _styles(names)
    spread = 0.0 if len(styles) == 1 else min(0.7, 0.18 * len(styles))
    offsets = dict(zip(styles, np.linspace(-spread / 2, spread / 2, len(styles)), strict=True))
    height = 0.9 + len(categories) * (0.36 + 0.6 * spread)
    figure, axes = figure_and_axes(axes, height=height)
    if reference is not None:
        axes.axvline(reference, color=_GREY, linewidth=1.2, linestyle="--", zorder=1)
        axes.annotate(
            reference_label, (reference, 1.0), xycoords=axes.get_xaxis_transform(),
            xytext=(0, 3), textcoords="offset points", ha="center", fontsize=_LABEL_POINTS,
        )  # fmt: skip
    for name, style in styles.items():
        rows = table[names == name]
        places = rows[category].map(categories.index).to_numpy(float) + offsets[name]
        if barred:
            bounds = rows["low"].to_numpy(float), rows["high"].to_numpy(float)
            axes.hlines(places, *bounds, color=style["color"], linewidth=2.0, zorder=2)
        axes.plot(
            rows["mean"].to_numpy(float), places, style["marker"], color=style["color"],
            markersize=8, zorder=3, label=str(name),
        )  # fmt: skip
    axes.set_yticks(range(len(categories)), [str(each) for each in categories])
    axes.set_ylim(len(categories) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.06)
    axes.set_xlabel(xlabel or "mean")
    if len(styles) > 1:
        figure.legend(loc="outside upper center", ncols=min(len(styles), 4))
    return figure, axes


def loss_curves(
    table: pd.DataFrame,
    *,
    ylabel: str = "Loss",
    title: str | None = None,
    axes: Axes | None = None,
) -> tuple[Figure, Axes]:
    """Draw loss over training steps: validation as a line, training as a thin dashed one.

    Args:
        table: One row for each ``system``, ``part`` and ``step`` with its ``loss`` above 0, and
            ``low`` and ``high`` where it has an interval. Parts are ``"training"`` and
            ``"validation"``; without that column all rows are validation.
        ylabel: Text of the vertical axis.
        title: Title of the axes.
        axes: Axes to draw in; a new figure by default.

    Returns:
        The figure and its axes.

    Raises:
        MusiclibError: A column is missing, a part is neither of the two, or the table is empty.
    """
    _require(table, ["step", "loss", "system"])
    parts = table["part"] if "part" in table else pd.Series("validation", index=table.index)
    if strangers := sorted(set(parts) - {"training", "validation"}):
        raise MusiclibError(f"part is {strangers[0]!r}: give 'training' or 'validation'")
    validation, training = table[parts == "validation"], table[parts == "training"]
    shown = validation if not validation.empty else training
    figure, axes = curves(
        shown, "step", "loss", xlabel="Training step", ylabel=ylabel, log_y=True, markers=False,
        title=title, axes=axes,
    )  # fmt: skip
    if validation.empty or training.empty:
        return figure, axes
    # Systems keep the colours that they have as validation lines.
    styles = _styles(shown["system"])
    for name, rows in training.groupby("system", sort=False):
        colour = styles[name]["color"] if name in styles else _GREY
        line = rows.sort_values("step")
        axes.plot(line["step"], line["loss"], color=colour, linewidth=1.0, linestyle="--", zorder=1)
    proxies = [
        Line2D([], [], color=_INK, label="validation"),
        Line2D([], [], color=_INK, linewidth=1.0, linestyle="--", label="training"),
    ]
    axes.legend(handles=proxies)
    return figure, axes


def confusion(counts: npt.ArrayLike, labels: Sequence[str]) -> tuple[Figure, Axes]:
    """Draw which class was taken for which: shares of each row as colours, counts as numbers.

    Args:
        counts: Number of tracks by true class (rows) and predicted class, shape ``(K, K)``.
        labels: Name of each class, K of them.

    Returns:
        The figure and its axes. A row without tracks stays at 0.

    Raises:
        MusiclibError: The matrix is not square or does not fit the labels.
    """
    matrix = np.asarray(counts)
    if matrix.shape != (len(labels), len(labels)):
        raise MusiclibError(f"{len(labels)} labels do not fit a matrix of shape {matrix.shape}")
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    texts = [f"{share:.0%}\n({n:g})" for share, n in zip(shares.flat, matrix.flat, strict=True)]
    names = [label.replace("_", " ") for label in labels]
    side = 1.8 + 0.78 * len(labels)
    figure, axes = plt.subplots(figsize=(min(side + 1.2, WIDTH), min(side, WIDTH)))
    sns.heatmap(
        shares, annot=np.reshape(texts, shares.shape), fmt="", vmin=0.0, vmax=1.0, cmap="Blues",
        xticklabels=names, yticklabels=names, square=True, annot_kws={"fontsize": 9},
        cbar_kws={"label": "Share of the true class", "shrink": 0.8}, ax=axes,
    )  # fmt: skip
    axes.set(xlabel="Predicted", ylabel="True")
    axes.tick_params(axis="both", length=0)
    plt.setp(axes.get_xticklabels(), rotation=35, ha="right", rotation_mode="anchor")
    plt.setp(axes.get_yticklabels(), rotation=0)
    return figure, axes


def _require(table: pd.DataFrame, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in table]
    if missing:
        raise MusiclibError(f"the table lacks {missing}; it has {list(table.columns)}")
    if table.empty:
        raise MusiclibError("the table has no rows, so there is nothing to draw")


def _has_interval(table: pd.DataFrame) -> bool:
    there = [column for column in ("low", "high") if column in table]
    if len(there) == 1:
        raise MusiclibError(f"an interval has two ends, but the table has only {there[0]!r}")
    return bool(there)


def _styles(systems: pd.Series) -> dict[Any, dict[str, Any]]:
    """Colour and marker of each system, in the order in which they come."""
    names = list(dict.fromkeys(systems))
    found = series_styles([str(name) for name in names])
    return {
        name: {"color": style["color"], "marker": _MARKERS[place % len(_MARKERS)]}
        for place, (name, style) in enumerate(zip(names, found, strict=True))
    }


class _Factors(Locator):
    """Ticks at powers of two or of four, or between them: as many as there is room for."""

    def __init__(self, axes: Axes, *, across: bool) -> None:
        self.axes = axes
        self.across = across

    def __call__(self) -> Sequence[float]:
        return self.tick_values(*(self.axes.get_xlim() if self.across else self.axes.get_ylim()))

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        pixels = self.axes.bbox.width if self.across else self.axes.bbox.height
        figure = self.axes.get_figure(root=True)
        assert figure is not None
        room = 72.0 * pixels / figure.dpi / (_TICK_POINTS if self.across else 2 * _LABEL_POINTS)
        low, high = np.log2(sorted((vmin, vmax)))
        octaves = np.arange(np.ceil(low), np.floor(high) + 1)
        if 2 * len(octaves) <= room:
            between = 1.5 * 2.0 ** np.append(np.floor(low), octaves)
            return sorted([*(2.0**octaves).tolist(), *between.tolist()])
        step = next((one for one in (1, 2, 3, 4) if len(octaves) / one <= room), 8)
        return [2.0**octave for octave in octaves.tolist() if octave % step == 0]


def _tick_by_factors(axis: Axis) -> None:
    """Ticks by factors, written without exponents."""
    axis.set_major_locator(_Factors(axis.axes, across=axis is axis.axes.xaxis))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _forest_lines(
    table: pd.DataFrame, label: str, group: str | None
) -> list[tuple[str, int | None]]:
    """Texts at the left from top to bottom, with their rows; headings have none."""
    if group is None:
        return [(str(text), row) for row, text in enumerate(table[label])]
    lines: list[tuple[str, int | None]] = []
    for heading in dict.fromkeys(table[group]):
        lines.append((str(heading), None))
        members = np.flatnonzero((table[group] == heading).to_numpy())
        lines += [(str(table[label].iloc[row]), int(row)) for row in members]
    return lines


def _label_ends(
    axes: Axes, ends: Sequence[tuple[str, float, float, Side]], colours: Mapping[str, str]
) -> None:
    """Write names beside the ends of lines, moved apart where they would overlap."""
    if not ends:
        return
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # only now the axes have their size in pixels
    pixels = axes.transData.transform([(x, y) for _, x, y, _ in ends])
    frame = axes.get_window_extent()
    point = figure.dpi / 72
    gap = 1.25 * _LABEL_POINTS * point
    for side in ("left", "right"):
        chosen = [number for number, end in enumerate(ends) if end[3] == side]
        for members in _columns(pixels[:, 0], chosen, 0.2 * frame.width):
            wanted = pixels[members, 1]
            moved = (_apart(wanted, gap) - wanted) / point
            edge = max(ends[number][1] for number in members)
            for number, shift in zip(members, moved, strict=True):
                name, x, y, _ = ends[number]
                coords: str | Transform = "offset points"
                place: tuple[float, float] = (8 if side == "right" else -8, shift)
                if side == "right" and x < edge:  # right of all marks, at every width
                    coords = offset_copy(axes.transData, figure, *place, units="points")
                    place = (edge, y)
                axes.annotate(
                    str(name),
                    (x, y),
                    xytext=place,
                    textcoords=coords,
                    ha="left" if side == "right" else "right",
                    va="center",
                    fontsize=_LABEL_POINTS,
                    color=_readable(colours[name]),
                    annotation_clip=False,
                    arrowprops=_leader(colours[name], side) if abs(shift) > 4 else None,
                )


def _leader(colour: str, side: Side) -> dict[str, Any]:
    near = (0.0 if side == "right" else 1.0, 0.5)  # the side of the text that is turned to the line
    how = {"arrowstyle": "-", "linewidth": 0.7, "shrinkA": 0, "shrinkB": 3}
    return {**how, "color": colour, "relpos": near}


def _columns(
    places: npt.NDArray[np.float64], chosen: Sequence[int], reach: float
) -> list[list[int]]:
    """Labels that may overlap: those whose lines end within `reach` pixels of each other."""
    found: list[list[int]] = []
    for number in sorted(chosen, key=lambda each: float(places[each])):
        if found and places[number] - places[found[-1][-1]] <= reach:
            found[-1].append(number)
        else:
            found.append([number])
    return found


def _apart(wanted: npt.NDArray[np.float64], gap: float) -> npt.NDArray[np.float64]:
    """Places at least `gap` apart, in the same order and as near to the wanted ones as can be.

    The least squares problem with ordered gaps is isotonic regression once the gaps are taken out.
    """
    order = np.argsort(wanted, kind="stable")
    taken = gap * np.arange(len(wanted))
    moved = np.empty(len(wanted))
    moved[order] = isotonic_regression(wanted[order] - taken).x + taken
    return moved


def _readable(colour: str) -> str:
    """A colour for small text on white: darkened until it stands out enough."""
    rgb = np.array(to_rgb(colour))
    while 1.05 / (_luminance(rgb) + 0.05) < _CONTRAST:
        rgb *= 0.95
    return to_hex(tuple(rgb))


def _luminance(rgb: npt.NDArray[np.float64]) -> float:
    """Relative luminance by WCAG 2.2, from 0 for black to 1 for white."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _number(value: float, digits: int) -> str:
    """A number with a minus sign as long as a plus sign, and never "−0.0"."""
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\N{MINUS SIGN}")


def _unit(unit: str) -> str:
    return f"\N{NO-BREAK SPACE}{unit}" if unit else ""

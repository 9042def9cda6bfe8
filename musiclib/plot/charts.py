"""Figures of tidy tables: curves, forest plots, dots and loss curves."""

import itertools
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, Literal, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from matplotlib.ticker import Locator, NullLocator
from matplotlib.transforms import Transform, blended_transform_factory, offset_copy
from scipy.optimize import isotonic_regression
from seaborn.utils import relative_luminance

from musiclib.errors import MusiclibError
from musiclib.plot.published import lay_out, when_narrow
from musiclib.plot.style import figure_and_axes, number_text, series_colours

Side = Literal["left", "right"]
_MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X", "p", "h", "<", ">")
_GREY: Final = "#7f7f7f"
_INK: Final = "#1a1a1a"
_LABEL_POINTS: Final = 10
_NARROW_LETTERS: Final = 44  # bold ones in a line of a narrow page
_TICK_POINTS: Final = 34  # room for a number such as 0.125
_CONTRAST: Final = 4.5  # of small text on its ground, by WCAG 2.2


class _End(NamedTuple):
    """The end of a line, which carries its label; `x` and `y` are in the units of the axes."""

    label: str
    x: float
    y: float
    side: Side
    colour: str


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
    axes.set(xscale="log" if log_x else "linear", yscale="log" if log_y else "linear")
    ends = []
    colours = series_colours(table[system])
    for (name, colour), mark in zip(colours.items(), itertools.cycle(_MARKERS), strict=False):
        rows = table[table[system] == name].dropna(subset=[x, y]).sort_values(x)
        if rows.empty:
            continue
        places = rows[x].to_numpy(float)
        axes.plot(
            places, rows[y].to_numpy(float), color=colour, marker=mark if markers else None,
            markersize=7, markeredgecolor="white", markeredgewidth=0.75,
        )  # fmt: skip
        if banded:
            low, high = rows["low"].to_numpy(float), rows["high"].to_numpy(float)
            axes.fill_between(places, low, high, color=colour, alpha=0.18, linewidth=0)
        side = label_at if isinstance(label_at, str) else label_at.get(name, "right")
        end = rows.iloc[-1 if side == "right" else 0]
        ends.append(_End(str(name), float(end[x]), float(end[y]), side, colour))
    for axis, text, logarithmic in (
        (axes.xaxis, xlabel or x, log_x),
        (axes.yaxis, ylabel or y, log_y),
    ):
        # Of panels that share an axis only the outer one has its numbers and its name.
        numbered = any(label.get_visible() for label in axis.get_ticklabels())
        axis.set_label_text(text, visible=numbered)
        if logarithmic:
            axis.set_major_locator(_Factors())
            axis.set_minor_locator(NullLocator())
            axis.set_major_formatter("{x:g}")  # without exponents
    if title:
        axes.set_title(title)
    _label_ends(axes, ends)
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
    lines: list[tuple[str, pd.Series | None]] = []  # headings have no row
    for heading, members in table.groupby(group, sort=False) if group else [("", table)]:
        if group:
            lines.append((str(heading), None))
        lines += [(str(row[label]), row) for _, row in members.iterrows()]
    figure, axes = figure_and_axes(axes, height=0.9 + 0.36 * len(lines))
    at_right = blended_transform_factory(axes.transAxes, axes.transData)
    axes.axvline(0.0, color=_GREY, linewidth=1.0, zorder=1)
    unit = f"\N{NO-BREAK SPACE}{unit}" if unit else ""
    numbers: list[Text] = []
    for place, (_, row) in enumerate(lines):
        if row is None:
            continue
        middle, low, high = (float(row[column]) for column in (value, "low", "high"))
        settled = low > 0 or high < 0
        colour = _INK if settled else _GREY
        axes.plot([low, high], [place, place], color=colour, linewidth=2.0, zorder=2)
        face = colour if settled else "white"
        axes.plot(middle, place, "o", color=colour, markerfacecolor=face, markersize=8, zorder=3)
        told = f"{number_text(middle, digits)}{unit}"
        if not np.isnan([low, high]).any():
            told += f"  [{number_text(low, digits)}, {number_text(high, digits)}]"
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
    when_narrow(axes, partial(_words_above, axes, numbers))
    return figure, axes


@contextmanager
def _words_above(axes: Axes, numbers: Sequence[Text]) -> Iterator[float]:
    """Write the labels and numbers of a forest above its rows, where a page is narrow."""
    beside: list[Text] = [*axes.get_yticklabels(), *numbers]
    above: list[Artist] = []
    for place, label in enumerate(axes.get_yticklabels()):
        text = textwrap.fill(label.get_text(), _NARROW_LETTERS)
        written = _above(axes, text, 0.0, place, "left")
        written.set_fontweight(label.get_fontweight())
        above.append(written)
    for number in numbers:
        written = _above(axes, number.get_text(), 1.0, number.get_position()[1], "right")
        written.set_color(number.get_color())
        above.append(written)
    for words in beside:
        words.set_visible(False)
    try:
        yield 1.3
    finally:
        for artist in above:
            artist.remove()
        for words in beside:
            words.set_visible(True)


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
    colours = series_colours(names)
    count = len(colours)
    spread = 0.0 if count == 1 else min(0.7, 0.18 * count)
    offsets = np.linspace(-spread / 2, spread / 2, count)
    height = 0.9 + len(categories) * (0.36 + 0.6 * spread)
    figure, axes = figure_and_axes(axes, height=height)
    if reference is not None:
        axes.axvline(reference, color=_GREY, linewidth=1.2, linestyle="--", zorder=1)
        axes.annotate(
            reference_label, (reference, 1.0), xycoords=axes.get_xaxis_transform(),
            xytext=(0, 3), textcoords="offset points", ha="center", fontsize=_LABEL_POINTS,
        )  # fmt: skip
    marks = itertools.cycle(_MARKERS)
    for (name, colour), mark, offset in zip(colours.items(), marks, offsets, strict=False):
        rows = table[names == name]
        places = rows[category].map(categories.index).to_numpy(float) + offset
        if barred:
            low, high = rows["low"].to_numpy(float), rows["high"].to_numpy(float)
            axes.hlines(places, low, high, color=colour, linewidth=2.0, zorder=2)
        axes.plot(
            rows["mean"].to_numpy(float), places, mark, color=colour, markersize=8, zorder=3,
            label=str(name),
        )  # fmt: skip
    axes.set_yticks(range(len(categories)), [str(each) for each in categories])
    axes.set_ylim(len(categories) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.06)
    axes.set_xlabel(xlabel or "mean")
    if count > 1:
        figure.legend(loc="outside upper center", ncols=min(count, 4))
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
        table: One row for each ``system``, ``part`` and ``step`` with its ``loss`` above 0. Parts
            are ``"training"`` and ``"validation"``.
        ylabel: Text of the vertical axis.
        title: Title of the axes.
        axes: Axes to draw in; a new figure by default.

    Returns:
        The figure and its axes.

    Raises:
        MusiclibError: A column is missing, or no row is of validation.
    """
    _require(table, ["step", "loss", "system", "part"])
    _, axes = figure_and_axes(axes, height=4.2)
    # First, since they widen the axes, in which labels find their places.
    thin: dict[str, Any] = {"linewidth": 1.0, "linestyle": "--"}
    for name, colour in series_colours(table["system"]).items():
        rows = table[(table["part"] == "training") & (table["system"] == name)].sort_values("step")
        axes.plot(rows["step"], rows["loss"], color=colour, zorder=1, **thin)
    figure, axes = curves(
        table[table["part"] == "validation"], "step", "loss", xlabel="Training step",
        ylabel=ylabel, log_y=True, markers=False, title=title, axes=axes,
    )  # fmt: skip
    proxies = [
        Line2D([], [], color=_INK, label="validation"),
        Line2D([], [], color=_INK, label="training", **thin),
    ]
    axes.legend(handles=proxies)
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


class _Factors(Locator):
    """Ticks at powers of two or of four, or between them: as many as there is room for."""

    def __call__(self) -> Sequence[float]:
        return self.tick_values(*cast(Axis, self.axis).get_view_interval())

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        axis = cast(Axis, self.axis)
        box, figure = axis.axes.bbox, cast(Figure, axis.axes.get_figure(root=True))
        across = isinstance(axis, XAxis)
        points = 72.0 * (box.width if across else box.height) / figure.dpi
        room = points / (_TICK_POINTS if across else 2 * _LABEL_POINTS)
        low, high = np.log2(sorted((vmin, vmax)))
        octaves = np.arange(np.ceil(low), np.floor(high) + 1)
        if 2 * len(octaves) <= room:
            between = 1.5 * 2.0 ** np.append(np.floor(low), octaves)
            return sorted([*(2.0**octaves).tolist(), *between.tolist()])
        step = next((one for one in (1, 2, 3, 4) if len(octaves) / one <= room), 8)
        return [2.0**octave for octave in octaves.tolist() if octave % step == 0]


def _label_ends(axes: Axes, ends: Sequence[_End]) -> None:
    """Write names beside the ends of lines, moved apart where they would overlap."""
    figure = cast(Figure, axes.get_figure(root=True))
    lay_out(figure)  # only now the axes have their size in pixels
    point = figure.dpi / 72
    gap = 1.25 * _LABEL_POINTS * point
    reach = 0.2 * axes.get_window_extent().width
    for side in ("left", "right"):
        chosen = [end for end in ends if end.side == side]
        if not chosen:
            continue
        pixels = axes.transData.transform([(end.x, end.y) for end in chosen])
        order = np.argsort(pixels[:, 0], kind="stable")
        # Labels may overlap where lines end near each other.
        apart = np.flatnonzero(np.diff(pixels[order, 0]) > reach) + 1
        for members in np.split(order, apart):
            wanted = pixels[members, 1]
            edge = max(chosen[number].x for number in members)
            shifts = (_apart(wanted, gap) - wanted) / point
            for number, shift in zip(members, shifts, strict=True):
                _label_end(axes, chosen[number], float(shift), edge)


def _label_end(axes: Axes, end: _End, shift: float, edge: float) -> None:
    """Write a name beside the end of its line; `shift` is upwards in points."""
    at_right = end.side == "right"
    coords: str | Transform = "offset points"
    place: tuple[float, float] = (8 if at_right else -8, shift)
    if at_right and end.x < edge:  # right of all marks, at every width
        figure = cast(Figure, axes.get_figure(root=True))
        coords = offset_copy(axes.transData, figure, *place, units="points")
        place = (edge, end.y)
    leader = {
        "arrowstyle": "-", "linewidth": 0.7, "shrinkA": 0, "shrinkB": 3, "color": end.colour,
        "relpos": (0.0 if at_right else 1.0, 0.5),  # the side that is turned to the line
    }  # fmt: skip
    axes.annotate(
        end.label, (end.x, end.y), xytext=place, textcoords=coords,
        ha="left" if at_right else "right", va="center", fontsize=_LABEL_POINTS,
        color=_readable(end.colour), annotation_clip=False,
        arrowprops=leader if abs(shift) > 4 else None,
    )  # fmt: skip


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
    while 1.05 / (relative_luminance(tuple(rgb)) + 0.05) < _CONTRAST:
        rgb *= 0.95
    return to_hex(tuple(rgb))

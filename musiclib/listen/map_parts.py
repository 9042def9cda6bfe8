"""The pieces of HTML that points which play are made of: maps of sounds, and dots on curves."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from musiclib.listen.colouring import Colouring
from musiclib.listen.markers import mark
from musiclib.listen.sound import escape

WIDTH: Final = 720
HEIGHT: Final = 504
MARGIN: Final = 18
ROOM: Final = (44, 32, 22, 52)
"""Pixels for the numbers of axes: left, top, right and bottom."""
GRID: Final = 1000
_OUTSIDE: Final = 0.01


@dataclass(frozen=True, eq=False)
class Layout:
    """Places of all points.

    Attributes:
        name: Name for the reader; empty where there is only one.
        places: Whole numbers, shape ``(points, 2)``: to the right and downwards, as :func:`whole`
            gives them.
        note: A few words about it.
        paths: Where each point walks while its sound plays, shape ``(steps, 2)`` on the same grid;
            none at all, or one a point, without steps for those that stay.
    """

    name: str
    places: npt.NDArray[np.int64]
    note: str = ""
    paths: Sequence[npt.NDArray[np.int64]] = ()

    @property
    def extent(self) -> npt.NDArray[np.int64]:
        """How far points and paths reach to the right and downwards."""
        most: npt.NDArray[np.int64] = np.concatenate([self.places, *self.paths]).max(axis=0)
        return most


@dataclass(frozen=True)
class Axes:
    """Axes around points, whose places are then on a grid of 1,000 steps in either direction.

    Attributes:
        xlabel: What lies to the right.
        ylabel: What lies upwards.
        xticks: Places on the grid with their texts.
        yticks: The same, downwards.
        lines: Curves: colour, and places of shape ``(N, 2)``.
    """

    xlabel: str
    ylabel: str
    xticks: Mapping[int, str]
    yticks: Mapping[int, str]
    lines: Sequence[tuple[str, npt.NDArray[np.int64]]] = field(default=(), repr=False)

    def draw(self, put: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.int64]]) -> str:
        """SVG of grid, numbers and curves; `put` gives pixels, and scripts move them again."""
        lines = [("ml-grid", "", np.array([(x, 0), (x, GRID)])) for x in self.xticks]
        lines += [("ml-grid", "", np.array([(0, y), (GRID, y)])) for y in self.yticks]
        lines += [("ml-curve", f' style="color: {colour}"', each) for colour, each in self.lines]
        drawn = [
            f'<path class="{kind}"{style} data-line="{_numbers(each.ravel())}" '
            f'd="M{"L".join(f"{x} {y}" for x, y in put(each))}"/>'
            for kind, style, each in lines
        ]
        below, beside = 'y="20" text-anchor="middle"', 'x="-8" dy=".35em" text-anchor="end"'
        texts = [((x, GRID), below, text) for x, text in self.xticks.items()]
        texts += [((0, y), beside, text) for y, text in self.yticks.items()]
        texts += [((GRID // 2, GRID), 'y="42" text-anchor="middle"', self.xlabel)]
        texts += [((0, 0), 'x="-34" y="-14"', self.ylabel)]
        for place, how, text in texts:
            ((x, y),) = put(np.array([place]))
            drawn.append(
                f'<text data-at="{_numbers(place)}" transform="translate({x} {y})" {how}>'
                f"{escape(text)}</text>"
            )
        return f'<g class="ml-axes" aria-hidden="true">{"".join(drawn)}</g>'


def words(name: str) -> str:
    """A genre for the reader: "folk_world" as "folk world"."""
    return name.replace("_", " ")


def whole(
    places: npt.NDArray[np.float64], paths: Sequence[npt.NDArray[np.float64]] = ()
) -> tuple[npt.NDArray[np.int64], list[npt.NDArray[np.int64]]]:
    """Places on a grid of 1,000 steps, which take a few characters each.

    Args:
        places: To the right and upwards, shape ``(points, 2)``.
        paths: More of them, shape ``(steps, 2)`` each. All but the outermost hundredth of their
            steps has room; those lie on the edge.

    Returns:
        Both to the right and downwards, from 0. One step of the grid is as long in both directions,
        so distances keep their proportions.
    """
    turned = np.concatenate([places, *paths]) * (1.0, -1.0)
    framed, steps = np.split(turned, [len(places)])
    if len(steps):
        least = np.quantile(steps, _OUTSIDE, axis=0, method="lower", keepdims=True)
        most = np.quantile(steps, 1.0 - _OUTSIDE, axis=0, method="higher", keepdims=True)
        framed = np.concatenate([framed, least, most])
    low, high = framed.min(axis=0), framed.max(axis=0)
    shifted = np.clip(turned, low, high) - low
    grid = np.asarray(np.round(shifted / ((high - low).max() or 1.0) * GRID), dtype=np.int64)
    first, *rest = np.split(grid, np.cumsum([len(places), *map(len, paths)])[:-1])
    return first, rest


def controls(key: str, layouts: Sequence[Layout], colourings: Sequence[Colouring]) -> str:
    """Choices of layout and colour. They are hidden, since they do nothing without the script."""
    chosen = [
        f'data-xy="{_numbers(one.places.ravel())}" {_paths(one)}data-note="{escape(one.note)}" '
        f'value="{escape(one.name)}"'
        for one in layouts
    ]
    coloured = [
        f'data-palette="{" ".join(one.palette)}" data-of="{_numbers(one.of)}"'
        + (f' data-kin="{_numbers(one.kin)}"' if one.label == "artist" else "")
        + f' value="{escape(one.label)}"'
        for one in colourings
    ]
    return (
        '<div class="ml-choices" hidden>'
        + _choice(f"{key}-layout", "Layout", chosen, [one.name for one in layouts])
        + _choice(f"{key}-colour", "Colour", coloured, [one.label for one in colourings])
        + "</div>"
    )


def _paths(layout: Layout) -> str:
    if not layout.paths:
        return ""
    return f'data-paths="{",".join(_numbers(path.ravel()) for path in layout.paths)}" '


def _choice(name: str, title: str, attributes: Sequence[str], labels: Sequence[str]) -> str:
    buttons = "".join(
        f'<label><input type="radio" name="{name}" {one}{" checked" if index == 0 else ""}> '
        f"<span>{escape(label)}</span></label>"
        for index, (one, label) in enumerate(zip(attributes, labels, strict=True))
    )
    # A choice between one thing is none, but the script reads it.
    hidden = " hidden" if len(labels) < 2 else ""
    return f'<fieldset class="ml-choice"{hidden}><legend>{title}</legend>{buttons}</fieldset>'


def plot(
    labels: Sequence[str],
    tips: Sequence[str],
    marks: Sequence[str],
    layout: Layout,
    colouring: Colouring,
    genres: Sequence[int],
    *,
    name: str = "",
    nearest: Sequence[Sequence[int]] = (),
    axes: Axes | None = None,
) -> str:
    """The picture of the points, each with its name.

    Args:
        labels: Name of each point, which screen readers say.
        tips: What browsers show by themselves when the mouse rests on a point.
        marks: SVG of each point's mark.
        layout: Where the points are.
        colouring: What colours they have.
        genres: Number of each point's genre in the legend.
        name: What the picture is, by default a map.
        nearest: For each point the numbers of those that are nearest, to which lines can lead.
        axes: Axes and curves; by default none.

    Returns:
        HTML with inline SVG.
    """
    extent = np.array([GRID, GRID]) if axes else layout.extent
    left, top, right, bottom = ROOM if axes else (MARGIN,) * 4
    room = np.array([WIDTH - left - right, HEIGHT - top - bottom])
    scales = room / np.maximum(extent, 1)
    scale = scales if axes else scales.min()
    corner = (left, top) + (room - scale * extent) / 2

    def put(grid: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return np.asarray(np.round(corner + scale * grid), np.int64)

    places = put(layout.places)
    points = "".join(
        f'<g class="ml-point" role="img" aria-label="{escape(label)}" '
        f'transform="translate({x} {y})" color="{colouring.palette[colour]}">'
        f"<title>{escape(tip)}</title>{one}</g>"
        for label, tip, one, (x, y), colour in zip(
            labels, tips, marks, places, colouring.of, strict=True
        )
    )
    data = f'data-genres="{_numbers(genres)}"'
    if nearest:
        data += f' data-nearest="{",".join(map(_numbers, nearest))}"'
    if axes:
        data += f' data-axes="{_numbers(ROOM)}"'
    return (
        f'<div class="ml-plot"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="group" '
        f'aria-label="{escape(name) or f"Map of {_count(len(labels))}"}" fill="currentColor" '
        f'stroke="currentColor" {data}>{axes.draw(put) if axes else ""}{points}</svg></div>'
    )


def layout_note(layout: Layout) -> str:
    """A line with the note of the layout that is shown."""
    return f'<p class="ml-note ml-layout">{escape(layout.note)}</p>'


def genre_legend(colouring: Colouring, shapes: Mapping[str, str], label: str = "Genres") -> str:
    """Shape and colour of each genre with the number of its points."""
    items = "".join(
        _legend_item(mark(shapes[name], "filled"), colour, words(name), count)
        for name, colour, count in zip(
            colouring.names, colouring.palette, colouring.counts, strict=True
        )
    )
    return f'<ul class="ml-legend" aria-label="{label}" data-legend="genre">{items}</ul>'


def legend(number: int, colouring: Colouring) -> str:
    """What the colours mean, hidden until they are chosen; nothing for the genre."""
    if colouring.label == "genre":
        return ""
    start = (
        f'class="ml-legend" aria-label="{escape(colouring.label)}" data-legend="{number}"'
        f"{' hidden' if number else ''}"
    )
    if not colouring.ends:
        dot = mark("circle", "filled")
        items = "".join(
            _legend_item(dot, colour, name, count)
            for name, colour, count in zip(
                colouring.names, colouring.palette, colouring.counts, strict=True
            )
        )
        return f"<ul {start}>{items}</ul>"
    low, high = colouring.ends
    *scale, other = colouring.palette
    unknown = colouring.counts[-1]
    last = f"; {_icon(mark('circle', 'filled'), other)} unknown: {unknown}" if unknown else ""
    return (
        f"<p {start}>{escape(colouring.label)}: {escape(low)} "
        f'<span class="ml-ramp" style="background: linear-gradient(90deg, {", ".join(scale)})">'
        f"</span> {escape(high)}{last}</p>"
    )


def split_legend(styles: Mapping[str, str]) -> str:
    """What filled and open marks mean; nothing where there is one part."""
    if len(styles) < 2:
        return ""
    items = "".join(
        f"<li>{_icon(mark('circle', style), 'currentColor')} {escape(part or 'no part')}</li>"
        for part, style in styles.items()
    )
    return f'<ul class="ml-legend" aria-label="Parts of the split">{items}</ul>'


def listing(
    titles: Sequence[str],
    details: Sequence[str],
    sources: Sequence[str],
    players: bool,
    notes: Sequence[str] = (),
) -> str:
    """All sounds as a list, which needs neither a script nor a mouse.

    Args:
        titles: Title of each sound.
        details: What else is said of each.
        sources: Address of each sound.
        players: Whether each sound gets a player, or a link. Browsers open no link to a sound
            that is in the page.
        notes: What the list alone says of each.

    Returns:
        HTML, folded at first.
    """
    items = []
    notes = notes or [""] * len(titles)
    for title, detail, source, note in zip(titles, details, sources, notes, strict=True):
        name = escape(title)
        if players:
            sound = (
                f'<b>{name}</b> <audio controls preload="none" src="{escape(source)}" '
                f'aria-label="{name}" data-ml-sound></audio>'
            )
        else:
            sound = f'<a href="{escape(source)}" data-ml-sound>{name}</a>'
        more = f' <span class="ml-note">{escape(note)}</span>' if note else ""
        items.append(f"<li>{sound} <span>{escape(detail)}</span>{more}</li>")
    return (
        f'<details class="ml-listing"><summary>{_count(len(titles)).capitalize()} as a list'
        f"</summary><ol>{''.join(items)}</ol></details>"
    )


def caption(key: str, text: str, note: str) -> str:
    """The caption, and behind it how the sounds were made."""
    return (
        f'<figcaption id="{key}">{escape(text)} <span class="ml-note">{escape(note)}</span>'
        "</figcaption>"
    )


def _legend_item(shape: str, colour: str, name: str, count: int) -> str:
    return (
        f'<li>{_icon(shape, colour)} <span>{escape(name)}</span> <span class="ml-note">{count}'
        "</span></li>"
    )


def _icon(shape: str, colour: str) -> str:
    return (
        f'<svg class="ml-icon" viewBox="-8 -8 16 16" width="16" height="16" aria-hidden="true" '
        f'color="{colour}" fill="currentColor" stroke="currentColor">{shape}</svg>'
    )


def _count(number: int) -> str:
    return f"{number:,} {'sound' if number == 1 else 'sounds'}"


def _numbers(values: Iterable[int]) -> str:
    return " ".join(str(int(value)) for value in values)

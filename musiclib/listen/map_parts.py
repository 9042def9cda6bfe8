"""The pieces of HTML that a map of sounds is made of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from musiclib.listen.colouring import Colouring
from musiclib.listen.markers import mark
from musiclib.listen.sound import escape

WIDTH: Final = 720
HEIGHT: Final = 504
MARGIN: Final = 18
_GRID: Final = 1000
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
    grid = np.asarray(np.round(shifted / ((high - low).max() or 1.0) * _GRID), dtype=np.int64)
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
) -> str:
    """The picture of the points, each with its name.

    Args:
        labels: Name of each point, which screen readers say.
        tips: What browsers show by themselves when the mouse rests on a point.
        marks: SVG of each point's mark.
        layout: Where the points are.
        colouring: What colours they have.
        genres: Number of each point's genre in the legend.

    Returns:
        HTML with inline SVG.
    """
    extent = layout.extent
    room = np.array([WIDTH, HEIGHT]) - 2 * MARGIN
    scale = float((room / np.maximum(extent, 1)).min())
    corner = (np.array([WIDTH, HEIGHT]) - scale * extent) / 2
    places = np.round(corner + scale * layout.places).astype(int)
    points = "".join(
        f'<g class="ml-point" role="img" aria-label="{escape(label)}" '
        f'transform="translate({x} {y})" color="{colouring.palette[colour]}">'
        f"<title>{escape(tip)}</title>{one}</g>"
        for label, tip, one, (x, y), colour in zip(
            labels, tips, marks, places, colouring.of, strict=True
        )
    )
    return (
        f'<div class="ml-plot"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="group" '
        f'aria-label="Map of {_count(len(labels))}" fill="currentColor" stroke="currentColor" '
        f'data-genres="{_numbers(genres)}">{points}</svg></div>'
    )


def layout_note(layout: Layout) -> str:
    """A line with the note of the layout that is shown."""
    return f'<p class="ml-note ml-layout">{escape(layout.note)}</p>'


def genre_legend(colouring: Colouring, shapes: Mapping[str, str]) -> str:
    """Shape and colour of each genre with the number of its points."""
    items = "".join(
        _legend_item(mark(shapes[name], "filled"), colour, words(name), count)
        for name, colour, count in zip(
            colouring.names, colouring.palette, colouring.counts, strict=True
        )
    )
    return f'<ul class="ml-legend" aria-label="Genres" data-legend="genre">{items}</ul>'


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
    titles: Sequence[str], details: Sequence[str], sources: Sequence[str], embedded: bool
) -> str:
    """All sounds as a list, which needs neither a script nor a mouse.

    Args:
        titles: Title of each sound.
        details: What else is said of each.
        sources: Address of each sound.
        embedded: Whether the sounds are in the page. Browsers open no such address by a link, so
            they get players.

    Returns:
        HTML, folded at first.
    """
    items = []
    for title, detail, source in zip(titles, details, sources, strict=True):
        name = escape(title)
        if embedded:
            sound = (
                f'<b>{name}</b> <audio controls preload="none" src="{escape(source)}" '
                f'aria-label="{name}" data-ml-sound></audio>'
            )
        else:
            sound = f'<a href="{escape(source)}" data-ml-sound>{name}</a>'
        items.append(f"<li>{sound} <span>{escape(detail)}</span></li>")
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

"""What the book's build keeps beside each figure: twins for the dark theme and for phones, an SVG.

A notebook shows a figure as a PNG, and MyST-NB names the file by the hash of its bytes. So the
twins have that hash in their names, and the site's last step finds them.

On a phone a figure would be shrunk until nobody can read it. Its narrow twins are laid out anew,
with letters of the same size: panels that stood side by side stand below each other.
"""

import hashlib
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.layout_engine import LayoutEngine
from matplotlib.text import Annotation, Text

from musiclib.figures.dark import GROUND, in_the_dark
from musiclib.figures.picture import WHITE, Colour, figure_png, figure_svg
from musiclib.files import replace_file

MEDIA_DIR: Final = "MUSICLIB_MEDIA_DIR"
"""Name of the environment's variable that holds the folder of a chapter's media."""
FOLDER: Final = "figures"
"""Folder of the twins below that of a chapter's media."""
DARK: Final = "-dark"
NARROW: Final = "-narrow"
SVG: Final = ".svg"
PNG: Final = ".png"
NARROW_INCHES: Final = 4.3
"""Width of narrow twins: letters of 10 points are 11 pixels high in a column of 344."""

_SHOWN_SVG_BYTES = 80_000
_NARROW_DPI = 160
_GAP = 10  # pixels between an axis and a label inside
_LIFT = 2.4  # heights of its letters by which such a label goes up
_NARROW_FORMS: WeakKeyDictionary[Axes, Callable[[], AbstractContextManager[float]]] = (
    WeakKeyDictionary()
)


def when_narrow(axes: Axes, form: Callable[[], AbstractContextManager[float]]) -> None:
    """Give a panel another form on narrow pages.

    Args:
        axes: The panel.
        form: Makes a context within which the panel has that form; it gives how many times as
            high the panel should then be.
    """
    _NARROW_FORMS[axes] = form


def published_png(figure: Figure) -> bytes:
    """A figure as the PNG that a page shows; in the book's build also its twins, as files.

    Args:
        figure: A matplotlib figure.

    Returns:
        The bytes of a PNG file. Where ``MUSICLIB_MEDIA_DIR`` is set, its folder ``figures`` then
        has ``NAME-dark.png``, ``NAME.svg``, and ``NAME-narrow`` and ``NAME-narrow-dark`` as SVG or
        PNG, where ``NAME`` is the SHA-256 of these bytes.
    """
    light = figure_png(figure)
    if os.environ.get(MEDIA_DIR):
        write_twins(figure, light, Path(os.environ[MEDIA_DIR], FOLDER))
    return light


def write_twins(figure: Figure, light: bytes, folder: Path) -> None:
    """Write a figure for the dark theme, as an SVG, and for narrow pages.

    Args:
        figure: The figure, drawn before.
        light: Its PNG, whose hash names the files.
        folder: Folder that receives the files; made when missing.
    """
    name = hashlib.sha256(light).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    with _layout_as_it_is(figure):
        with in_the_dark(figure):
            replace_file(folder / f"{name}{DARK}{PNG}", figure_png(figure, GROUND))
        replace_file(folder / f"{name}{SVG}", figure_svg(figure))
    with _narrow(figure), _layout_as_it_is(figure):
        suffix, data = _small_picture(figure)
        replace_file(folder / f"{name}{NARROW}{suffix}", data)
        with in_the_dark(figure):
            suffix, data = _small_picture(figure, GROUND)
            replace_file(folder / f"{name}{NARROW}{DARK}{suffix}", data)


def _small_picture(figure: Figure, ground: Colour = WHITE) -> tuple[str, bytes]:
    """A figure as an SVG, or as a PNG where that is large."""
    drawn = figure_svg(figure, ground)
    if len(drawn) <= _SHOWN_SVG_BYTES:
        return SVG, drawn
    return PNG, figure_png(figure, ground)


@contextmanager
def _narrow(figure: Figure) -> Iterator[None]:
    """Lay a figure out for a narrow page for as long as the block lasts."""
    width, height = figure.get_size_inches()
    dpi = figure.dpi
    places = {axes: axes.get_subplotspec() for axes in figure.axes}
    columns = _stack(figure)
    forms = ExitStack()
    higher = float(columns)
    try:
        figure.set_dpi(_NARROW_DPI)
        for axes in figure.axes:
            if form := _NARROW_FORMS.get(axes):
                higher = max(higher, columns * forms.enter_context(form()))
        for narrow in (NARROW_INCHES, 1.2 * NARROW_INCHES, 1.5 * NARROW_INCHES, width):
            figure.set_size_inches(min(width, narrow), height * higher)
            if _has_room(figure):
                break
        with _labels_off_the_axis(figure):
            yield
    finally:
        forms.close()
        figure.set_dpi(dpi)
        figure.set_size_inches(width, height)
        for axes, place in places.items():
            if place is not None:
                axes.set_subplotspec(place)


def _has_room(figure: Figure) -> bool:
    """Lay a figure out; gives whether its panels have room beside their words."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="constrained_layout not applied")
        try:
            figure.draw_without_rendering()
        except UserWarning:
            return False
    widest = max((axes.bbox.width for axes in figure.axes), default=figure.bbox.width)
    return widest > 0.3 * figure.bbox.width


@contextmanager
def _labels_off_the_axis(figure: Figure) -> Iterator[None]:
    """Lift labels that would stand on the left axis: above the ends of their lines, inside."""
    lifted: list[tuple[Annotation, tuple[float, float]]] = []
    for axes in figure.axes:
        for text in axes.texts:
            if not isinstance(text, Annotation) or text.get_horizontalalignment() != "right":
                continue
            over = axes.bbox.x0 + _GAP - Text.get_window_extent(text).x0
            if text.anncoords == "offset points" and 0 < over < 0.5 * axes.bbox.width:
                lifted.append((text, text.xyann))
                right, up = text.xyann
                right += over * 72 / figure.dpi
                text.xyann = (right, up + _LIFT * float(text.get_fontsize()))
    try:
        yield
    finally:
        for text, place in lifted:
            text.xyann = place


def _stack(figure: Figure) -> int:
    """Put panels of a plain grid below each other; gives how many stood side by side."""
    placed = [(axes, axes.get_subplotspec()) for axes in figure.axes]
    grids = {place.get_gridspec() for _, place in placed if place is not None}
    if len(grids) != 1 or any(place is None for _, place in placed):
        return 1  # such as a panel with a scale of colours
    columns = grids.pop().ncols
    cells = [len(place.rowspan) * len(place.colspan) for _, place in placed if place is not None]
    if columns == 1 or max(cells) > 1:
        return 1
    below = GridSpec(len(placed), 1, figure=figure)
    for number, (axes, _) in enumerate(placed):
        axes.set_subplotspec(below[number])
        _label_all_sides(axes)
    return columns


def _label_all_sides(axes: Axes) -> None:
    """Show the numbers that a panel shared with its former neighbour."""
    axes.xaxis.set_tick_params(which="both", labelbottom=axes.axison)
    axes.yaxis.set_tick_params(which="both", labelleft=axes.axison)


@contextmanager
def _layout_as_it_is(figure: Figure) -> Iterator[None]:
    """Keep all parts where the light picture has them, and save the time to place them again."""
    engine: LayoutEngine | None = figure.get_layout_engine()
    figure.set_layout_engine("none")
    try:
        yield
    finally:
        figure.set_layout_engine(engine)

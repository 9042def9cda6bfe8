"""Figures and tables as a page shows them, and what the book's build keeps beside them.

A figure is shown as a small PNG, and MyST-NB names the file by the hash of its bytes. So its twins,
for the dark theme, for phones and as SVG, have that hash in their names, and the site's last step
finds them. On a phone a figure would be shrunk until nobody can read it. Its narrow twins are laid
out anew, with letters of the same size: panels that stood side by side stand below each other.

A shown data frame is also written as CSV, and the shown table names the file.
"""

import base64
import hashlib
import io
import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import Collection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from PIL import Image

from musiclib.files import replace_file
from musiclib.plot.dark import GROUND, Colour, dark_theme

MEDIA_DIR: Final = "MUSICLIB_MEDIA_DIR"
"""Name of the environment's variable that holds the folder of a chapter's media."""
FIGURE_FOLDER: Final = "figures"
TABLE_FOLDER: Final = "tables"
"""Folders of twins and of CSV files below that of a chapter's media."""
DARK: Final = "-dark"
NARROW: Final = "-narrow"
SVG: Final = ".svg"
PNG: Final = ".png"
NARROW_INCHES: Final = 4.3
"""Width of narrow twins: letters of 10 points are 11 pixels high in a column of 344."""
FILE_ATTRIBUTE: Final = "data-ml-csv"
"""Attribute of a shown table with the name of its file."""
COLOUR_MAP: Final = "magma"
"""Colour map of spectrograms: its lightness grows evenly with level."""
WHITE: Final = (255, 255, 255)
MAX_SVG_BYTES: Final = 600_000
"""Above this size an SVG's heavy parts become pictures of a lower resolution."""
_EMBEDDED = re.compile(rb"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
_MANY_MARKS, _MANY_POINTS = 2_000, 4_000
_SVG_DPI: Final = (150, 96, 72)
_SHOWN_SVG_BYTES = 80_000
_NARROW_DPI = 160
_PNG_LEVEL = 8  # the last level, 9, saves a hundredth more and takes thrice as long
_GAP = 10  # pixels between an axis and a label inside
_LIFT = 2.4  # heights of its letters by which such a label goes up
_NARROW_FORMS: WeakKeyDictionary[Axes, Callable[[], AbstractContextManager[float]]] = (
    WeakKeyDictionary()
)
_STYLE = re.compile(r"<style scoped>.*?</style>\s*", re.DOTALL)


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
    lay_out(figure)
    with _layout_as_it_is(figure):
        light = figure_png(figure)
        if not os.environ.get(MEDIA_DIR):
            return light
        folder = Path(os.environ[MEDIA_DIR], FIGURE_FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(light).hexdigest()
        with dark_theme(figure):
            replace_file(folder / f"{name}{DARK}{PNG}", figure_png(figure, GROUND))
        drawn = figure_svg(figure)
        replace_file(folder / f"{name}{SVG}", drawn)
    # The narrow twins have the same lines, so the wide one tells how large they would be.
    suffix, picture = (SVG, figure_svg) if len(drawn) <= _SHOWN_SVG_BYTES else (PNG, figure_png)
    with _narrow(figure), _layout_as_it_is(figure):
        replace_file(folder / f"{name}{NARROW}{suffix}", picture(figure, WHITE))
        with dark_theme(figure):
            replace_file(folder / f"{name}{NARROW}{DARK}{suffix}", picture(figure, GROUND))
    return light


def figure_png(figure: Figure, ground: Colour = WHITE) -> bytes:
    """A figure as a PNG of at most 256 colours, a third of the size of the usual one.

    Args:
        figure: A matplotlib figure.
        ground: Its ground, 0 to 255 for red, green and blue. White stays opaque, any other is
            made transparent, so that the page's own ground shows.
    """
    raw = io.BytesIO()
    # Not bbox_inches="tight", the notebook's default: it gives every figure a width of its own.
    _save(figure, raw, format="rgba", dpi=figure.dpi, facecolor=[part / 255 for part in ground])
    size = (int(figure.bbox.width), int(figure.bbox.height))
    picture = Image.frombytes("RGBA", size, raw.getvalue()).convert("RGB")
    small = io.BytesIO()
    # Without dithering flat areas stay flat, which is also what compresses.
    few = picture.quantize(palette=_palette(picture, ground), dither=Image.Dither.NONE)
    # Pillow looks colours up in steps of four levels and may take a shade beside it for white.
    few.paste(0, mask=Image.fromarray((np.asarray(picture) == ground).all(axis=2)))
    clear = {} if ground == WHITE else {"transparency": 0}
    few.save(small, format="png", compress_level=_PNG_LEVEL, **clear)
    return small.getvalue()


def figure_svg(figure: Figure, ground: Colour = WHITE) -> bytes:
    """A figure as an SVG, the same bytes on every run.

    Clouds of thousands of marks, meshes and very long lines are embedded as pictures; all else
    is drawn by lines and can be scaled.

    Args:
        figure: A matplotlib figure.
        ground: Its ground. White stays opaque, any other is left out, so that the page's own ground
            shows.

    Returns:
        The text of an SVG file. It is above :data:`MAX_SVG_BYTES` only where the lines alone are.
    """
    with _heavy_parts_as_pictures(figure):
        for dpi in _SVG_DPI:
            drawn = io.BytesIO()
            with mpl.rc_context({"svg.hashsalt": "musiclib", "svg.fonttype": "path"}):
                # The date would differ from run to run; the creator line names another host.
                metadata = {"Date": None, "Creator": "musiclib"}
                colour = "white" if ground == WHITE else "none"
                _save(figure, drawn, format="svg", dpi=dpi, metadata=metadata, facecolor=colour)
            text = _EMBEDDED.sub(_with_few_colours, drawn.getvalue())
            if len(text) <= MAX_SVG_BYTES:
                break
    return text


def _save(figure: Figure, stream: io.BytesIO, **how: Any) -> None:
    """Save a figure; panels that were placed by hand stay where they are.

    Matplotlib turns the layout off while it saves. To a figure that has none it gives back the
    layout of the style in force, which would move the panels when it is next drawn.
    """
    lay_out(figure)  # else Matplotlib would draw the figure twice to do the same
    with _layout_as_it_is(figure), _style_without_layout():
        figure.savefig(stream, **how)


def _style_without_layout() -> AbstractContextManager[None]:
    return mpl.rc_context({"figure.autolayout": False, "figure.constrained_layout.use": False})


def _with_few_colours(found: re.Match[bytes]) -> bytes:
    picture = Image.open(io.BytesIO(base64.b64decode(found[1])))
    small = io.BytesIO()
    few = picture.convert("RGBA").quantize(256, Image.Quantize.FASTOCTREE)
    few.save(small, format="png", compress_level=_PNG_LEVEL)
    return b"data:image/png;base64," + base64.b64encode(small.getvalue())


@contextmanager
def _heavy_parts_as_pictures(figure: Figure) -> Iterator[None]:
    heavy = [artist for artist in figure.findobj(_heavy) if not artist.get_rasterized()]
    for artist in heavy:
        artist.set_rasterized(True)
    try:
        yield
    finally:
        for artist in heavy:
            artist.set_rasterized(False)


def _heavy(artist: Artist) -> bool:
    if isinstance(artist, QuadMesh):
        return True
    if isinstance(artist, Collection):
        marks = max(len(np.asarray(artist.get_offsets())), len(artist.get_paths()))
        return marks > _MANY_MARKS
    return isinstance(artist, Line2D) and len(np.asarray(artist.get_xydata())) > _MANY_POINTS


def _palette(picture: Image.Image, ground: Colour) -> Image.Image:
    """Colours of a picture, its ground the first of them."""
    first = np.array([ground])
    found = picture.getcolors(255)
    if found is not None:  # few enough colours: keep them exactly
        colours = np.concatenate([first, [colour for _, colour in found]])
    else:
        # The colour map of levels is kept whole, else its rare loudest colours would be merged.
        scale = np.round(255 * mpl.colormaps[COLOUR_MAP](np.linspace(0, 1, 96))[:, :3])
        others = picture.quantize(159, dither=Image.Dither.NONE).getpalette() or []
        averaged = np.reshape(others, (-1, 3))
        # No average that is a shade off may take the place of the ground.
        away = np.abs(averaged - first).max(axis=1) > 7
        colours = np.concatenate([first, scale, averaged[away]])
    palette = Image.new("P", (1, 1))
    palette.putpalette(colours.astype(np.uint8).tobytes())
    return palette


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
            lay_out(figure)
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
            text.get_window_extent()  # moves the label to where its line now ends
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
        # Show the numbers that a panel shared with its former neighbour.
        axes.xaxis.set_tick_params(which="both", labelbottom=axes.axison)
        axes.yaxis.set_tick_params(which="both", labelleft=axes.axison)
    return columns


def lay_out(figure: Figure) -> None:
    """Give all parts of a figure their places, without the time that a drawing takes.

    Args:
        figure: A matplotlib figure. One without a layout engine stays as it is.
    """
    engine = figure.get_layout_engine()
    if engine is not None and figure.axes:
        engine.execute(figure)


@contextmanager
def _layout_as_it_is(figure: Figure) -> Iterator[None]:
    """Keep all parts where they are, and save the time to place them again.

    With no layout at all, rather than one that does nothing, Matplotlib draws once to save and not
    twice.
    """
    engine = figure.get_layout_engine()
    with _style_without_layout():
        figure.set_layout_engine(None)
    try:
        yield
    finally:
        with _style_without_layout():
            figure.set_layout_engine(engine)


def published_html(shown: Any) -> str:
    """A data frame as HTML; its values become a file of the chapter.

    Returns:
        An HTML table whose attribute ``data-ml-csv`` names a file in the folder ``tables`` below
        ``MUSICLIB_MEDIA_DIR``. The file has a heading for the frame's rows where they have one.
    """
    frame = shown if isinstance(shown, pd.DataFrame) else shown.data
    named = any(name is not None for name in frame.index.names)
    # Chapters put the name of the rows into the corner, where pandas keeps that of the columns.
    corner = None if named or frame.columns.nlevels > 1 else frame.columns.name
    numbered = isinstance(frame.index, pd.RangeIndex) and not named and corner is None
    text = frame.to_csv(index=not numbered, index_label=corner).encode()
    name = f"{hashlib.sha256(text).hexdigest()[:16]}.csv"
    replace_file(Path(os.environ[MEDIA_DIR], TABLE_FOLDER, name), text)
    html = _STYLE.sub("", str(shown._repr_html_()))
    return html.replace("<table ", f'<table {FILE_ATTRIBUTE}="{name}" ', 1)


def show_published_tables(display_formatter: Any) -> None:
    """Let a notebook show data frames by :func:`published_html`, in the book's build alone."""
    if os.environ.get(MEDIA_DIR):
        formatter = display_formatter.formatters["text/html"]
        formatter.for_type(pd.DataFrame, published_html)
        formatter.for_type_by_name("pandas.io.formats.style", "Styler", published_html)

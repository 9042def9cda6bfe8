"""A figure as a small PNG, and as an SVG that a reader can print at any size."""

import base64
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import Collection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.layout_engine import PlaceHolderLayoutEngine
from matplotlib.lines import Line2D
from PIL import Image

Colour = tuple[int, int, int]

COLOUR_MAP: Final = "magma"
"""Colour map of spectrograms: its lightness grows evenly with level."""
WHITE: Final = (255, 255, 255)
MAX_SVG_BYTES: Final = 600_000
"""Above this size an SVG's heavy parts become pictures of a lower resolution."""

_EMBEDDED = re.compile(rb"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
_MANY_MARKS, _MANY_POINTS = 2_000, 4_000
_SVG_DPI: Final = (150, 96, 72)


def figure_png(figure: Figure, ground: Colour = WHITE) -> bytes:
    """A figure as a PNG of at most 256 colours, a third of the size of the usual one.

    Args:
        figure: A matplotlib figure.
        ground: Its ground, 0 to 255 for red, green and blue. White stays opaque, any other is
            made transparent, so that the page's own ground shows.

    Returns:
        The bytes of a PNG file, of the figure's size in inches times its dpi.
    """
    raw = io.BytesIO()
    # Not bbox_inches="tight", the notebook's default: it gives every figure a width of its own.
    _save(figure, raw, format="png", dpi=figure.dpi, facecolor=[part / 255 for part in ground])
    picture = Image.open(raw).convert("RGB")
    small = io.BytesIO()
    # Without dithering flat areas stay flat, which is also what compresses.
    few = picture.quantize(palette=_palette(picture, ground), dither=Image.Dither.NONE)
    # Pillow looks colours up in steps of four levels and may take a shade beside it for white.
    few.paste(0, mask=Image.fromarray((np.asarray(picture) == ground).all(axis=2)))
    clear = {} if ground == WHITE else {"transparency": 0}
    few.save(small, format="png", optimize=True, **clear)
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
    """Save a figure whose panels stay where they are if they were placed by hand.

    Matplotlib turns the layout off while it saves. To a figure that has none it gives back the
    layout of the style in force, which moves the panels when it is next drawn.
    """
    if figure.get_layout_engine() is None:
        figure.set_layout_engine(PlaceHolderLayoutEngine(True, True))
    figure.savefig(stream, **how)


def _with_few_colours(found: re.Match[bytes]) -> bytes:
    picture = Image.open(io.BytesIO(base64.b64decode(found[1])))
    small = io.BytesIO()
    few = picture.convert("RGBA").quantize(256, Image.Quantize.FASTOCTREE)
    few.save(small, format="png", optimize=True)
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

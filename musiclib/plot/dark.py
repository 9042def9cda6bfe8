"""The same figure for readers of the dark theme.

Paper and ink change places: white, black and greys take the theme's ground, its text colour and
what lies between. Colours carry meaning and stay; only those too dark to be seen on the ground
are lightened. Pictures such as spectrograms, and what is drawn on them, stay as they are.

Lightness and chroma are those of Oklab (Ottosson, "A perceptual color space for image
processing", 2020).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis, Tick
from matplotlib.collections import Collection, QuadMesh
from matplotlib.colors import to_rgba, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch
from matplotlib.spines import Spine
from matplotlib.text import Annotation, Text

Colour = tuple[int, int, int]
Colours = npt.NDArray[np.float64]

GROUND: Final[Colour] = (18, 18, 18)
"""Ground of the site's dark theme, 0 to 255."""
INK: Final[Colour] = (206, 214, 221)
"""Colour of text in the site's dark theme, 0 to 255."""

_NEUTRAL_CHROMA: Final = 0.03
_PALE_LIGHTNESS, _PALE_CHROMA = 0.85, 0.05
_LEAST_LIGHTNESS: Final = 0.55  # 3:1 on the ground
_LEAST_TEXT_LIGHTNESS: Final = 0.64  # 4.5:1 on the ground
_BLACK_LIGHTNESS: Final = 0.22  # the ink of light figures

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def dark_colours(colours: npt.ArrayLike, least: float = _LEAST_LIGHTNESS) -> Colours:
    """Colours for the dark theme in place of those for white paper.

    Args:
        colours: Shape `(N, 4)`: red, green, blue and opacity, 0 to 1.
        least: Least lightness of a colour, 0 to 1 in Oklab.

    Returns:
        Shape `(N, 4)`. Greys are mirrored between ground and ink, pale tints become deep ones,
        other colours keep their hue and get at least the lightness `least`. Opacity stays.
    """
    given = np.asarray(colours, dtype=np.float64).reshape(-1, 4)
    lab, neutral, pale = _kinds(given)
    light = lab[:, :1]
    ground, ink = _lab(np.array([GROUND, INK]) / 255)
    paper = np.clip((light - _BLACK_LIGHTNESS) / (1 - _BLACK_LIGHTNESS), 0, 1)
    paper = paper**1.4  # thin grey lines need more on a dark ground than on a white one
    grey = paper * ground + (1 - paper) * ink
    deep = np.hstack([ground[0] + 0.06 + (1 - light), lab[:, 1:]])
    lightened = np.hstack([np.maximum(light, least), lab[:, 1:]])
    mapped = np.select([neutral, pale], [grey, deep], lightened)
    rgb = np.where(neutral | pale | (light < least), _rgb(mapped), given[:, :3])
    return np.column_stack([rgb, given[:, 3]])


def _kinds(colours: Colours) -> tuple[Colours, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Colours in Oklab, and which are greys and which pale tints, each of shape ``(N, 1)``."""
    lab = _lab(colours[:, :3])
    chroma = np.hypot(lab[:, 1:2], lab[:, 2:])
    neutral = chroma < _NEUTRAL_CHROMA
    return lab, neutral, ~neutral & (lab[:, :1] > _PALE_LIGHTNESS) & (chroma < _PALE_CHROMA)


@contextmanager
def dark_theme(figure: Figure) -> Iterator[None]:
    """Give a drawn figure the colours of the dark theme for as long as the block lasts."""
    undo: list[tuple[Artist, dict[str, Any]]] = []
    kept = _on_pictures(figure)
    fills = [patch for patch in _fills(figure) if patch not in kept]
    texts = figure.findobj(Text)
    kept.update(text for text in texts if _covered(text, fills))
    try:
        for artist in _parts(figure):
            if artist in kept:
                continue
            before = dict(vars(artist))
            _recolour(artist)
            after = vars(artist)
            undo.append((artist, {k: v for k, v in before.items() if after[k] is not v}))
        yield
    finally:
        for artist, values in undo:
            vars(artist).update(values)


def _parts(whole: Artist) -> list[Artist]:
    """Return an artist and all inside it, also what texts hold without calling it a child."""
    found = list(whole.findobj())
    for text in [artist for artist in found if isinstance(artist, Text)]:
        box = text.get_bbox_patch()
        arrow = text.arrow_patch if isinstance(text, Annotation) else None
        found += [part for part in (box, arrow) if part is not None]
    return list(dict.fromkeys(found))


def _recolour(artist: Artist) -> None:
    if isinstance(artist, Text):
        artist.set_color(_one(artist.get_color(), _LEAST_TEXT_LIGHTNESS))
    elif isinstance(artist, Line2D):
        _recolour_line(artist)
    elif isinstance(artist, Patch):
        face, edge = artist.get_facecolor(), artist.get_edgecolor()
        artist.set_facecolor(_one(face))
        artist.set_edgecolor(_one(edge))
    elif isinstance(artist, Collection) and not isinstance(artist, QuadMesh):
        _recolour_marks(artist)


def _recolour_line(line: Line2D) -> None:
    # Each is asked before any is set, since "auto" follows the colour of the line.
    face, edge, colour = line.get_markerfacecolor(), line.get_markeredgecolor(), line.get_color()
    line.set_color(_one(colour))
    for value, change in ((face, line.set_markerfacecolor), (edge, line.set_markeredgecolor)):
        if not (isinstance(value, str) and value == "none"):
            change(_one(value))


def _recolour_marks(marks: Collection) -> None:
    # Colours that stand for numbers have a scale beside them, which is a picture and stays.
    numbers = marks.get_array() is not None
    face, edge = to_rgba_array(marks.get_facecolor()), to_rgba_array(marks.get_edgecolor())
    if not numbers and len(face):
        marks.set_facecolor(cast(Any, dark_colours(face)))
    if not numbers or len(edge) == 1 < len(face):
        marks.set_edgecolor(cast(Any, dark_colours(edge)))


def _one(colour: Any, least: float = _LEAST_LIGHTNESS) -> tuple[float, float, float, float]:
    return _known(to_rgba(colour), least)


@cache
def _known(
    colour: tuple[float, float, float, float], least: float
) -> tuple[float, float, float, float]:
    """One colour for the dark theme; a figure has few colours and thousands of parts."""
    red, green, blue, opacity = dark_colours([colour], least)[0]
    return float(red), float(green), float(blue), float(opacity)


def _on_pictures(figure: Figure) -> set[Artist]:
    """Pictures and what is drawn inside their axes, without the axes' lines and labels."""
    kept: set[Artist] = set()
    for axes in figure.axes:
        children = axes.get_children()
        if any(isinstance(child, AxesImage | QuadMesh) for child in children):
            kept.update(tick.gridline for tick in axes.findobj(Tick))
            for child in children:
                if not isinstance(child, Axis | Spine) and _inside(child, axes):
                    kept.update(_parts(child))
    return kept


def _inside(artist: Artist, axes: Axes) -> bool:
    if not isinstance(artist, Text):
        return True
    return bool(artist.get_text()) and bool(axes.bbox.contains(*_centre(artist)))


def _centre(text: Text) -> tuple[float, float]:
    box = text.get_window_extent()
    return (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2


def _fills(figure: Figure) -> list[Patch]:
    """Filled shapes, the lowest first; neither the paper nor the ground of axes, and no lines."""
    grounds = {figure.patch, *(axes.patch for axes in figure.axes)}
    found = [
        patch
        for patch in _parts(figure)
        if isinstance(patch, Patch)
        and patch not in grounds
        and not isinstance(patch, FancyArrowPatch | Spine)
    ]
    return sorted((p for p in found if p.get_visible() and _opaque(p)), key=Artist.get_zorder)


def _opaque(patch: Patch) -> bool:
    return bool(patch.get_fill()) and to_rgba(patch.get_facecolor())[3] > 0.5


def _covered(text: Text, fills: list[Patch]) -> bool:
    """Whether a text stands on a shape that keeps its colour, and so has to keep its own."""
    if not text.get_text():
        return False
    centre = _centre(text)
    below = text.get_bbox_patch() or next((p for p in reversed(fills) if _shows(p, centre)), None)
    if below is None or not _opaque(below):
        return False
    _, neutral, pale = _kinds(np.array([to_rgba(below.get_facecolor())]))
    return not (neutral | pale).any()


def _shows(patch: Patch, point: tuple[float, float]) -> bool:
    """Whether a shape is seen at a point; one that is clipped ends with its axes."""
    clipped = patch.get_clip_on() and patch.axes is not None
    inside = not clipped or bool(cast(Axes, patch.axes).bbox.contains(*point))
    return inside and bool(patch.contains_point(point))


def _lab(rgb: Colours) -> Colours:
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return cast(Colours, np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T)


def _rgb(lab: Colours) -> Colours:
    cones = (lab @ np.linalg.inv(_TO_LAB).T) ** 3
    linear = np.clip(cones @ np.linalg.inv(_TO_CONES).T, 0, 1)
    curved = 1.055 * linear ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, 12.92 * linear, curved)

"""Marks of points in SVG: a shape for each genre, and filled or open for the parts of a split.

Shapes repeat what colours say, so that a map can be read in print and by readers who see fewer
colours.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from musiclib.errors import AudioError

_SIZE: Final = 5.0


def _ring(corners: int, radius: float, start_degrees: float, inner: float = 1.0) -> str:
    """Outline with corners on a circle; every other one lies on a smaller circle if `inner` < 1."""
    places = []
    for index in range(corners):
        angle = math.radians(start_degrees + 360 * index / corners)
        length = radius * (inner if index % 2 else 1.0)
        places.append((length * math.cos(angle), length * math.sin(angle)))
    return _outline(places)


def _outline(places: Iterable[tuple[float, float]]) -> str:
    # Adding 0 turns -0.0 into 0.0.
    return "M" + "L".join(f"{round(x, 1) + 0:g},{round(y, 1) + 0:g}" for x, y in places) + "Z"


def _cross(arm: float, half: float, turn_degrees: float) -> str:
    corner = [(arm, -half), (arm, half), (half, half)]
    places = []
    for quarter in range(4):
        angle = math.radians(90 * quarter + turn_degrees)
        cos, sin = math.cos(angle), math.sin(angle)
        places += [(x * cos - y * sin, x * sin + y * cos) for x, y in corner]
    return _outline(places)


SHAPES: Final[dict[str, str]] = {
    "circle": "M-5,0A5,5 0 1 1 5,0A5,5 0 1 1-5,0Z",
    "square": _ring(4, 6.2, 45),
    "triangle": _ring(3, 6.6, -90),
    "diamond": _ring(4, 6.6, 0),
    "down": _ring(3, 6.6, 90),
    "plus": _cross(6.0, 2.0, 0),
    "star": _ring(10, 7.2, -90, 0.45),
    "pentagon": _ring(5, 6.0, -90),
    "cross": _cross(6.2, 2.0, 45),
}
"""Outline of each shape as an SVG path around (0, 0), about as large as a circle of radius 5."""

GENRE_SHAPES: Final[dict[str, str]] = {
    "orchestral": "circle",
    "folk_world": "triangle",
    "rock_metal": "square",
    "electronic": "diamond",
    "ambient": "down",
    "chiptune": "plus",
    "jazz_lounge": "star",
}
"""Shape per genre of the bundled music."""

STYLES: Final = ("filled", "open", "dotted")
"""How marks of the parts of a split are drawn; "dotted" is open with a dot in the middle."""

_PARTS: Final = ("train", "validation", "test")


def genre_shapes(genres: Iterable[str]) -> dict[str, str]:
    """Shape of each genre.

    Args:
        genres: Genre names of any data set.

    Returns:
        Fixed shapes for the genres of the bundled music. Other genres get those that are left, in
        alphabetical order and in turn. There are nine shapes and sixteen colours
        (:func:`musiclib.figures.genre_colours`), so that shape and colour together stay apart
        where each alone repeats.
    """
    names = sorted(set(genres))
    fixed = {name: GENRE_SHAPES[name] for name in names if name in GENRE_SHAPES}
    others = [name for name in names if name not in fixed]
    free = [shape for shape in SHAPES if shape not in fixed.values()]
    return fixed | {name: free[index % len(free)] for index, name in enumerate(others)}


def part_styles(parts: Sequence[str]) -> dict[str, str]:
    """How marks of each part of a split are drawn.

    Args:
        parts: The part of each point, such as "train"; empty for points of no part.

    Returns:
        A value of :data:`STYLES` for each part, in the order train, validation, test. Training
        marks are filled, test marks open. A single part is filled.

    Raises:
        AudioError: If there are more than three parts.
    """
    found = sorted(set(parts), key=lambda part: ([*_PARTS, part].index(part), part))
    if len(found) > len(STYLES):
        raise AudioError(f"a map shows up to {len(STYLES)} parts of a split, not {found}")
    styles = ("filled", "open") if len(found) < 3 else ("filled", "dotted", "open")
    return dict(zip(found, styles, strict=False))


def mark(shape: str, style: str) -> str:
    """A mark as SVG around (0, 0), which takes its colour from the element around it.

    Args:
        shape: A key of :data:`SHAPES`.
        style: A value of :data:`STYLES`.

    Returns:
        SVG elements.
    """
    if style == "filled":
        return f'<path d="{SHAPES[shape]}"/>'
    dot = '<circle r="1.5"/>' if style == "dotted" else ""
    return f'<path d="{SHAPES[shape]}" fill="none" stroke-width="2"/>{dot}'

"""What the book's build keeps beside each figure: its dark twin and its SVG.

A notebook shows a figure as a PNG, and MyST-NB names the file by the hash of its bytes. So the
twins have that hash in their names, and the site's last step finds them.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure
from matplotlib.layout_engine import LayoutEngine

from musiclib.figures.dark import GROUND, in_the_dark
from musiclib.figures.picture import figure_png, figure_svg
from musiclib.files import replace_file

MEDIA_DIR: Final = "MUSICLIB_MEDIA_DIR"
"""Name of the environment's variable that holds the folder of a chapter's media."""
FOLDER: Final = "figures"
"""Folder of the twins below that of a chapter's media."""
DARK_SUFFIX: Final = "-dark.png"
SVG_SUFFIX: Final = ".svg"


def published_png(figure: Figure) -> bytes:
    """A figure as the PNG that a page shows; in the book's build also its twins, as files.

    Args:
        figure: A matplotlib figure.

    Returns:
        The bytes of a PNG file. Where ``MUSICLIB_MEDIA_DIR`` is set, its folder ``figures`` then
        has ``<sha256 of these bytes>-dark.png`` and ``<sha256 of these bytes>.svg``.
    """
    light = figure_png(figure)
    if os.environ.get(MEDIA_DIR):
        write_twins(figure, light, Path(os.environ[MEDIA_DIR], FOLDER))
    return light


def write_twins(figure: Figure, light: bytes, folder: Path) -> None:
    """Write a figure for the dark theme and as an SVG.

    Args:
        figure: The figure, drawn before.
        light: Its PNG, whose hash names the files.
        folder: Folder that receives both; made when missing.
    """
    name = hashlib.sha256(light).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    with _layout_as_it_is(figure):
        with in_the_dark(figure):
            replace_file(folder / f"{name}{DARK_SUFFIX}", figure_png(figure, GROUND))
        replace_file(folder / f"{name}{SVG_SUFFIX}", figure_svg(figure))


@contextmanager
def _layout_as_it_is(figure: Figure) -> Iterator[None]:
    """Keep all parts where the light picture has them, and save the time to place them again."""
    engine: LayoutEngine | None = figure.get_layout_engine()
    figure.set_layout_engine("none")
    try:
        yield
    finally:
        figure.set_layout_engine(engine)

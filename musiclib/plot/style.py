"""One look for every figure of the book, and colours that keep their meaning.

A codec or a genre has the same colour in every chapter. The colours are those of Okabe and Ito
("Color Universal Design", 2008), which stay apart for readers with colour-blindness; markers and
line styles repeat the distinction for print.

Figures are PNG on a white ground. Beside each of them the book's build keeps the same figure for
the dark theme and as an SVG (:mod:`musiclib.plot.published`).
"""

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Final

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from musiclib.plot.published import COLOUR_MAP, published_png, show_published_tables

WIDTH: Final = 8.0
"""Width of a figure in inches; at :data:`DPI` about twice the pixels of a phone's column."""
DPI: Final = 120

_BLACK, _ORANGE, _SKY, _GREEN = "#1a1a1a", "#e69f00", "#56b4e9", "#009e73"
_YELLOW, _BLUE, _VERMILION, _PURPLE, _GREY = "#c9b400", "#0072b2", "#d55e00", "#cc79a7", "#7f7f7f"

CODEC_COLOURS: Final[dict[str, str]] = {
    "reference": _BLACK,
    "pcm": _BLACK,
    "flac": "#332288",
    "mp3": _VERMILION,
    "aac": _ORANGE,
    "opus": _BLUE,
    "vorbis": _SKY,
    "downsample": _GREY,
    "pca": _YELLOW,
    "autoencoder": _PURPLE,
    "melic": _GREEN,
}
"""Colour per codec or system."""

GENRE_COLOURS: Final[dict[str, str]] = {
    "orchestral": _BLUE,
    "folk_world": _GREEN,
    "rock_metal": _VERMILION,
    "electronic": _ORANGE,
    "ambient": _SKY,
    "chiptune": _PURPLE,
    "jazz_lounge": _GREY,
}
"""Colour per genre of the bundled music."""

_OTHER_COLOURS: Final = (
    _BLUE, _VERMILION, _GREEN, _ORANGE, _PURPLE, _SKY, _GREY, _YELLOW, _BLACK,
    "#882255", "#332288", "#999933", "#661100", "#44aa99", "#aa4499", "#6699cc",
)  # fmt: skip


def use_book_style() -> None:
    """Set matplotlib and seaborn to the book's look; every chapter calls it first.

    In a notebook it also shows figures as small PNG files, so that pages stay light and all
    figures of a page share one width. In the book's build, what readers can take away is kept
    beside figures and tables.
    """
    sns.set_theme(context="notebook", style="ticks", palette=_OTHER_COLOURS[:8])
    mpl.rcParams.update(
        {
            "figure.figsize": (WIDTH, 4.0),
            "figure.dpi": DPI,
            "savefig.dpi": DPI,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "axes.facecolor": "white",
            "figure.constrained_layout.use": True,
            "font.family": ["DejaVu Sans"],  # ships with matplotlib: the same on every machine
            "font.size": 11,
            "axes.titlesize": 12,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.labelsize": 11,
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "legend.fontsize": 10,
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": "#e3e3e3",
            "grid.linewidth": 0.8,
            "lines.linewidth": 1.8,
            "image.cmap": COLOUR_MAP,
            "image.interpolation": "nearest",
            "axes.prop_cycle": cycler(color=_OTHER_COLOURS[:8]),
            "agg.path.chunksize": 10_000,
        }
    )
    _show_as_published()


def genre_colours(genres: Iterable[str]) -> dict[str, str]:
    """Colour of each genre.

    Args:
        genres: Genre names of any data set.

    Returns:
        Fixed colours for the genres of the bundled music. Other genres get the colours that are
        left, in alphabetical order, so that no two of up to 16 genres share one.
    """
    return assigned(sorted(set(genres)), GENRE_COLOURS, _OTHER_COLOURS)


def assigned(
    names: Iterable[str], fixed: Mapping[str, str], others: Iterable[str]
) -> dict[str, str]:
    """For each name what it always has, or the next of the others that no name has yet."""
    given = list(dict.fromkeys(names))
    taken = {fixed[name] for name in given if name in fixed}
    free = itertools.cycle([one for one in others if one not in taken])
    return {name: fixed[name] if name in fixed else next(free) for name in given}


def _codec_key(name: str) -> str:
    found = re.search(r"[a-z0-9]+", name.lower())
    word = found.group() if found else ""
    # Inflected forms count too: "Downsampling 64 kbps" is the codec "downsample".
    stem = word.removesuffix("ing").removesuffix("e")
    return next((key for key in CODEC_COLOURS if key.removesuffix("e") == stem), word)


def series_colours(labels: Iterable[str]) -> dict[str, str]:
    """Colour of each series of a figure.

    Args:
        labels: Codec labels such as "Opus 12 kbps", or any other words; some may repeat.

    Returns:
        A colour for each label, in the order in which they come first. Codecs have their fixed
        colours, other labels take the remaining ones in turn.
    """
    names = list(labels)
    keys = {name: _codec_key(str(name)) for name in names}
    fixed = {name: CODEC_COLOURS[key] for name, key in keys.items() if key in CODEC_COLOURS}
    return assigned(names, fixed, _OTHER_COLOURS)


def number_text(value: float, digits: int = 1) -> str:
    """A number in words, with a minus sign that is as long as a plus sign, such as "−14.2"."""
    if not np.isfinite(value):
        return "infinite" if value > 0 else "not defined" if np.isnan(value) else "minus infinity"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")  # no "-0.0"
    return text.replace("-", "\N{MINUS SIGN}")


def _show_as_published() -> None:
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None or shell.display_formatter is None:
        return
    show_published_tables(shell.display_formatter)
    backend = str(mpl.get_backend())
    if "inline" in backend.lower():
        # The inline backend sets its own formatter when it is loaded, so it must be loaded first.
        plt.switch_backend(backend)
        # Figures are drawn when they are shown. Once more before that, after each cell, is in vain.
        plt.uninstall_repl_displayhook()
        shell.display_formatter.formatters["image/png"].for_type(Figure, published_png)


def figure_and_axes(axes: Axes | None, height: float) -> tuple[Figure, Axes]:
    """The given axes with their figure, or a new figure of the book's width."""
    if axes is None:
        return plt.subplots(figsize=(WIDTH, height))
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure, axes

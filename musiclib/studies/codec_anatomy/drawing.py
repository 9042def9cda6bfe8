"""The codec as a drawing, with the bits a second of a real file on its arrows."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from musiclib.audio import HOUSE_RATE
from musiclib.figures.style import WIDTH
from musiclib.mdct import SIZE
from musiclib.models.transform import N_BANDS
from musiclib.studies.codec_anatomy.material import Coded

INK, MUTED = "#1a1a1a", "#5f5f5f"
FIXED, CODING, LEARNED, SIGNAL = "#0072b2", "#e69f00", "#009e73", "#7f7f7f"
HEIGHT = 5.3
UPPER, LOWER = 3.95, 1.25
"""Heights of encoder and decoder, in inches."""
SMALL = 9.0
_BOX = (1.02, 0.62)
_PCM_BITS = 16


def diagram(file: Coded, weights: int) -> tuple[Figure, Axes]:
    """Encoder above, decoder below, the file on the right between them.

    Args:
        file: An opened file: its rates are written at the arrows.
        weights: Learned numbers of the network.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, HEIGHT))
    figure.set_layout_engine("none")
    axes.set_position((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    each = file.frames_per_second
    places = [0.62, 2.2, 3.95, 5.62]
    _lane(axes, "Encoder", UPPER + 1.08)
    _lane(axes, "Decoder", LOWER + 0.98)
    _box(axes, places[0], UPPER, "samples", SIGNAL)
    _box(axes, places[1], UPPER, "MDCT", FIXED)
    _box(axes, places[2], UPPER + 0.55, f"levels of\n{N_BANDS} bands", FIXED)
    _box(axes, places[2], UPPER - 0.55, "quantiser", FIXED)
    _box(axes, places[3], UPPER, "mixer and\narithmetic coder", CODING, 1.3)
    _box(axes, 7.3, (UPPER + LOWER) / 2, ".mlc file", SIGNAL)
    _arrow(axes, (places[0] + 0.51, UPPER), (places[1] - 0.51, UPPER))
    _words(
        axes, places[0], UPPER - 0.38,
        f"{HOUSE_RATE:,} /s\nof {_PCM_BITS} bits:\n{HOUSE_RATE * _PCM_BITS / 1000:g} kbps",
    )  # fmt: skip
    for end in (0.55, -0.55):
        _arrow(axes, (places[1] + 0.51, UPPER), (places[2] - 0.51, UPPER + end))
        _arrow(axes, (places[2] + 0.51, UPPER + end), (places[3] - 0.65, UPPER + 0.3 * end))
    _arrow(axes, (places[2], UPPER + 0.24), (places[2], UPPER - 0.24))
    _words(axes, places[2] + 0.08, UPPER, "step", "left")
    _words(axes, places[1] + 0.02, UPPER - 0.38, f"{each:.2f} frames/s\nof {SIZE} coefficients")
    values = sum(file.rate(part) for part in ("zeros", "sizes"))
    signs = file.rate("signs")
    of_levels = f"{N_BANDS * each:,.0f} /s:\n{file.rate('levels'):,.0f} bits/s"
    _words(axes, 4.58, UPPER + 1.0, of_levels, "left")
    _words(
        axes, 4.62, UPPER - 0.52,
        f"{SIZE * each:,.0f} /s:\nsizes {values:,.0f} bits/s\nsigns {signs:,.0f} bits/s", "left",
    )  # fmt: skip
    right = (7.3, (UPPER + LOWER) / 2)
    _bent(axes, (places[3] + 0.65, UPPER), (right[0], right[1] + 0.31))
    _bent(axes, (right[0], right[1] - 0.31), (places[3] + 0.65, LOWER), backwards=True)
    _words(
        axes, right[0] - 0.58, right[1] + 0.02,
        f"{file.bitrate:,.0f} bits/s\n{file.overhead_rate:,.0f} of them for\nheader and checksums",
        "right", "center",
    )  # fmt: skip
    _box(axes, places[3], LOWER, "arithmetic\ndecoder, mixer", CODING, 1.3)
    _box(axes, places[2], LOWER, "values × step,\nnoise for zeros", FIXED, 1.2)
    _box(axes, places[1], LOWER, "restoring\nnetwork", LEARNED)
    _box(axes, places[0], LOWER, "inverse\nMDCT", FIXED)
    _arrow(axes, (places[3] - 0.65, LOWER), (places[2] + 0.6, LOWER))
    _arrow(axes, (places[2] - 0.6, LOWER), (places[1] + 0.51, LOWER))
    _arrow(axes, (places[1] - 0.51, LOWER), (places[0] + 0.51, LOWER))
    nonzero = file.bits["signs"] / file.frames.values.size
    _words(
        axes,
        (places[2] + places[3]) / 2 - 0.02,
        LOWER - 0.42,
        "levels and values,\nas they were sent",
    )
    _words(axes, places[2], LOWER + 0.7, f"{100 * nonzero:.1f} % of values\nare not 0")
    _words(axes, places[1], LOWER - 0.42, f"{weights:,}\nlearned weights,\nnone of them sent")
    _words(axes, places[0], LOWER - 0.42, "samples")
    for x, colour, words in (
        (0.2, FIXED, "fixed rules"),
        (1.5, CODING, "learned in training, learns on while coding"),
        (5.1, LEARNED, "learned in training"),
    ):
        style = "round,pad=0,rounding_size=0.03"
        axes.add_patch(
            FancyBboxPatch((x, 0.1), 0.16, 0.12, boxstyle=style, facecolor=colour, edgecolor="none")
        )
        axes.text(x + 0.24, 0.16, words, va="center", size=SMALL, color=INK)
    return figure, axes


def _lane(axes: Axes, words: str, y: float) -> None:
    axes.text(0.1, y, words, va="center", weight="bold", size=12, color=INK)


def _box(axes: Axes, x: float, y: float, words: str, colour: str, width: float = _BOX[0]) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - _BOX[1] / 2),
            width,
            _BOX[1],
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor="white",
            edgecolor=colour,
            linewidth=2.2,
            zorder=3,
        )
    )
    axes.text(x, y, words, ha="center", va="center", size=10, color=INK, zorder=4, linespacing=1.15)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    props = {"arrowstyle": "-|>", "color": MUTED, "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", end, start, arrowprops=props, zorder=2)


def _bent(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], backwards: bool = False
) -> None:
    """A line with one right angle: across and then down, or down and then across."""
    corner = (start[0], end[1]) if backwards else (end[0], start[1])
    axes.plot([start[0], corner[0]], [start[1], corner[1]], color=MUTED, linewidth=1.5, zorder=1)
    _arrow(axes, corner, end)


def _words(
    axes: Axes, x: float, y: float, words: str, align: str = "center", vertical: str = "top"
) -> None:
    axes.text(
        x, y, words, ha=align, va=vertical, size=SMALL, color=INK, linespacing=1.2, zorder=4,
    )  # fmt: skip

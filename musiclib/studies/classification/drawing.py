"""From a track to a genre, drawn from the numbers of one track; and what is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from musiclib.audio import FloatArray
from musiclib.figures import genre_colours
from musiclib.figures.style import WIDTH
from musiclib.studies.classification.dealing import Decision
from musiclib.studies.classification.sizes import Learned, Size

INK, MUTED, BLUE, ORANGE, PURPLE, GREY = (
    "#1a1a1a", "#5f5f5f", "#0072b2", "#e69f00", "#cc79a7", "#7f7f7f",
)  # fmt: skip
SMALL = 9.0
TALL, SHORT = 4.6, 2.85
POINTS = 1_200


@dataclass(frozen=True, eq=False)
class Example:
    """A track on its way.

    Attributes:
        audio: Its samples, `(N,)`.
        seconds: Its length.
        piece: Number of the piece that is followed.
        pieces: Number of its pieces.
        latents: Latents of the piece, standardised, `(C, L)`.
        vector: Statistics of the piece, standardised, `(D,)`.
        size: Shape of the latents.
    """

    audio: FloatArray
    seconds: float
    piece: int
    pieces: int
    latents: npt.NDArray[np.floating]
    vector: npt.NDArray[np.floating]
    size: Size


def pipeline(
    example: Example, others: Sequence[Size], decided: Decision | None
) -> tuple[Figure, Axes]:
    """The way from a track to its genre, with one track's own numbers.

    Args:
        example: The track.
        others: Baselines, which enter where the latents do.
        decided: Its probabilities; None where there is no classifier, and the second row is left
            out.

    Returns:
        The figure and the axes that the arrows are drawn in, in inches.
    """
    height = TALL if decided is not None else SHORT
    lift = height - SHORT
    figure = plt.figure(figsize=(WIDTH, height))
    figure.set_layout_engine("none")
    canvas = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    canvas.set(xlim=(0, WIDTH), ylim=(0, height))
    canvas.axis("off")
    y = lift + 1.55
    share = example.pieces and 1.0 / example.pieces
    _wave(_panel(figure, 0.15, y - 0.55, 1.75, 1.1), example)
    _say(canvas, 1.02, y + 0.62, f"track, {example.seconds:.0f} s", "bottom")
    _say(canvas, 1.02, y - 0.62, f"{example.pieces} pieces of 3 s,\none is followed")
    rows = [f"encoder of\n{example.size.label}", *(one.label for one in others)]
    places = np.linspace(y + 0.85, y - 0.95, len(rows))
    piece_x = 0.15 + 1.75 * min(1.0, (example.piece + 1) * share)
    for place, label in zip(places, rows, strict=True):
        main = place == places[0]
        _box(canvas, 3.05, place, 1.3, 0.44, BLUE if main else "#d9d9d9", label, main)
        colour = BLUE if main else GREY
        _arrow(canvas, (max(piece_x, 1.9) + 0.05, y), (2.38, place), colour)
        _arrow(canvas, (3.72, place), (4.1, y + 0.12 * np.sign(place - y)), colour)
    panel = _panel(figure, 4.15, y - 0.55, 1.6, 1.1)
    panel.imshow(example.latents, aspect="auto", cmap="RdBu_r", vmin=-2.5, vmax=2.5)
    _say(canvas, 4.95, y + 0.62, "sequence", "bottom")
    words = f"{example.size.label}: {example.size.shape}\n"
    words += "\n".join(f"{one.label}: {one.shape}" for one in others)
    _say(canvas, 4.95, y - 0.62, words)
    _arrow(canvas, (5.8, y), (6.65, y), INK)
    _say(canvas, 6.22, y + 0.08, "statistics\nover time", "bottom")
    block = example.vector.reshape(-1, example.latents.shape[0]).T
    panel = _panel(figure, 6.75, y - 0.55, 0.6, 1.1)
    panel.imshow(block, aspect="auto", cmap="RdBu_r", vmin=-2.5, vmax=2.5)
    _say(canvas, 7.05, y + 0.62, "vector", "bottom")
    _say(canvas, 7.05, y - 0.62, f"{example.vector.size} numbers:\nmean, spread,\nchanges")
    if decided is not None:
        _second_row(figure, canvas, example, decided, lift)
    return figure, canvas


def _second_row(
    figure: Figure, canvas: Axes, example: Example, decided: Decision, lift: float
) -> None:
    y, level = 0.95, lift + 0.1
    canvas.plot(
        [7.05, 7.05, 0.75, 0.75], [lift + 0.35, level, level, 1.5], color=INK, linewidth=1.6
    )
    _arrow(canvas, (0.75, 1.5), (0.75, 1.27), INK)
    count = len(decided.genres)
    _box(canvas, 0.75, y, 1.1, 0.6, BLUE, "linear layer,\nsoftmax", True)
    _say(canvas, 0.75, y - 0.37, f"{example.vector.size} + 1 weights\nfor each of\n{count} genres")
    _arrow(canvas, (1.35, y), (1.75, y), INK)
    colours = genre_colours(decided.genres)
    low, tall = y - 0.5, 1.0
    names = [str(genre).replace("_", " ") for genre in decided.genres]
    panel = _panel(figure, 2.7, low, 0.75, tall)
    values = decided.probabilities[example.piece]
    panel.barh(names, values, color=[colours[genre] for genre in decided.genres])
    panel.set(xlim=(0, 1), yticks=range(count))
    panel.set_yticklabels(names, fontsize=SMALL)
    panel.tick_params(axis="y", length=0)
    panel.invert_yaxis()
    _say(canvas, 3.07, low - 0.07, "probabilities\nof the piece")
    _arrow(canvas, (3.52, y), (3.92, y), INK)
    panel = _panel(figure, 4.0, low, 1.75, tall)
    _stack(panel, decided.probabilities, decided, colours)
    panel.set_xticks([])
    _say(canvas, 4.87, low - 0.07, "all pieces, over time")
    _arrow(canvas, (5.8, y), (6.5, y), INK)
    _say(canvas, 6.14, y + 0.08, "vote,\nmean", "bottom")
    panel = _panel(figure, 6.6, low, 0.75, tall)
    _stack(panel, np.stack([decided.votes, decided.mean]), decided, colours)
    panel.set_xticks([])
    said = sorted({decided.vote_guess, decided.mean_guess})
    _say(canvas, 6.97, low - 0.07, "the track:\n" + " / ".join(said).replace("_", " "))


def lanes(found: Learned, name: str) -> tuple[Figure, Axes]:
    """What is trained with a frozen encoder and with a fine-tuned one.

    Args:
        found: Learned values of encoder and head.
        name: Of the autoencoder.

    Returns:
        The figure and its axes, in inches.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 2.9))
    figure.set_layout_engine("none")
    axes.set_position((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0, WIDTH), ylim=(0, 2.9))
    axes.axis("off")
    for y, title, trained in ((2.25, "Frozen", False), (0.85, "Fine-tuned", True)):
        axes.text(0.1, y, title, va="center", weight="bold", size=12, color=INK)
        _say(axes, 1.62, y + 0.16, "samples", "center")
        _arrow(axes, (1.3, y), (2.05, y), GREY)
        share = found.encoder
        words = f"encoder of {name}\n{share:,} values" + (", trained" if trained else ", fixed")
        _box(axes, 3.25, y, 2.3, 0.6, BLUE if trained else "#d9d9d9", words, trained)
        _arrow(axes, (4.45, y), (5.0, y), GREY)
        _say(axes, 4.72, y + 0.16, "latents", "center")
        _box(axes, 6.0, y, 1.9, 0.6, BLUE, f"head\n{found.head:,} values, trained", True)
        _arrow(axes, (7.0, y), (7.8, y), GREY)
        _say(axes, 7.4, y + 0.16, "genre", "center")
        back = y - 0.42
        end = 2.2 if trained else 5.15
        axes.plot([7.6, 7.6], [y - 0.08, back], color=ORANGE, linewidth=1.6)
        _arrow(axes, (7.6, back), (end, back), ORANGE)
        _say(axes, (7.6 + end) / 2, back - 0.04, "gradient of the error")
    return figure, axes


def _wave(panel: Axes, example: Example) -> None:
    audio = example.audio[:: max(1, len(example.audio) // POINTS)]
    times = np.linspace(0.0, example.seconds, len(audio), endpoint=False)
    panel.plot(times, audio, color=GREY, linewidth=0.5)
    start = example.piece * 3.0
    inside = (times >= start) & (times < start + 3.0)
    panel.plot(times[inside], audio[inside], color=ORANGE, linewidth=0.6)
    for number in range(example.pieces + 1):
        panel.axvline(3.0 * number, color=MUTED, linewidth=0.5)
    panel.set_xlim(0.0, max(example.seconds, 1e-3))
    for spine in panel.spines.values():
        spine.set_visible(False)


def _stack(
    panel: Axes, bars: npt.NDArray[np.floating], decided: Decision, colours: dict[str, str]
) -> None:
    bottom = np.zeros(len(bars))
    for genre, values in zip(decided.genres, bars.T, strict=True):
        panel.bar(range(len(bars)), values, 0.86, bottom, color=colours[genre], linewidth=0)
        bottom += values
    panel.set(ylim=(0, 1), xlim=(-0.5, len(bars) - 0.5))
    for spine in panel.spines.values():
        spine.set_visible(False)


def _panel(figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
    across, up = figure.get_size_inches()
    panel = figure.add_axes((x / across, y / up, width / across, height / up))
    panel.set(xticks=[], yticks=[])
    panel.grid(visible=False)
    return panel


def _box(
    axes: Axes, x: float, y: float, width: float, height: float, colour: str, words: str, dark: bool
) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor=colour,
            edgecolor="none",
            zorder=3,
        )
    )
    axes.text(
        x, y, words, ha="center", va="center", size=SMALL, color="white" if dark else INK, zorder=4
    )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    properties = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.6, "shrinkA": 0}
    axes.annotate("", end, start, arrowprops={**properties, "shrinkB": 0}, zorder=2)


def _say(axes: Axes, x: float, y: float, words: str, va: str = "top") -> None:
    axes.text(x, y, words, ha="center", va=va, size=SMALL, color=INK, linespacing=1.2)

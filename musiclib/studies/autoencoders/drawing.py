"""Models drawn to scale from their traces, so that a drawing cannot say what the model is not."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch

from musiclib.figures.style import WIDTH
from musiclib.studies.autoencoders.shapes import Stage, Trace

INK, MUTED = "#1a1a1a", "#5f5f5f"
NETWORK, SPINE, LATENT, SIGNAL = "#0072b2", "#e69f00", "#cc79a7", "#7f7f7f"
HEIGHT = 4.7
EDGE = 0.5
UPPER, LOWER = 3.12, 1.0
"""Heights of the two lanes' centre lines, in inches."""
TALLEST, SHORTEST = 1.15, 0.16
"""Heights of the boxes with the most and the fewest values a second, in inches."""
LINEAR_LABELS = {
    "frequency": {"spine_in": "starts as PCA", "spine_out": "starts as PCA"},
    "waveform": {
        "spine_in": "starts as downsampling\nby {factor}",
        "spine_out": "starts as interpolation\nby {factor}",
    },
}
"""What the linear maps are before training (`musiclib.models.frequency` and `.waveform`)."""
SMALL = 9.0


def architecture(trace: Trace, title: str) -> tuple[Figure, Axes]:
    """A model as two lanes: the network above, the linear spine below, the latents between.

    The height of a box is the logarithm of its values a second. Shapes, strides and weights are
    those of the trace.

    Args:
        trace: From :func:`musiclib.studies.autoencoders.shapes.trace`.
        title: Heading of the drawing.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, HEIGHT))
    figure.set_layout_engine("none")
    axes.set_position((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
    axes.axis("off")
    axes.text(0.08, HEIGHT - 0.1, title, va="top", weight="bold", size=12, color=INK)
    axes.text(
        0.08,
        HEIGHT - 0.36,
        f"Shapes for {trace.seconds:g} s of sound. Height of a box: values a second, logarithmic. "
        "Below it: kernel and learned values.",
        va="top",
        size=SMALL,
        color=MUTED,
    )
    scale = _Scale(trace)
    for name, x, colour, rate, shape in (
        ("input", EDGE, SIGNAL, trace.input_per_second, trace.input_shape),
        ("latents", WIDTH / 2, LATENT, trace.latent_per_second, trace.latent_shape),
        ("output", WIDTH - EDGE, SIGNAL, trace.input_per_second, trace.input_shape),
    ):
        _box(axes, x, LOWER, scale(rate), colour, 0.55)
        _words(axes, x, LOWER, scale(rate), name, _shape(shape))
    for span, stages in _halves(trace):
        _network(axes, stages, scale, span)
    _connections(axes, trace, scale)
    return figure, axes


class _Scale:
    """Height of a box by its values a second."""

    def __init__(self, trace: Trace) -> None:
        rates = [trace.input_per_second, trace.latent_per_second]
        rates += [stage.values_per_second for stage in trace.stages]
        self.low, self.high = np.log(min(rates)), np.log(max(rates))

    def __call__(self, rate: float) -> float:
        share = (np.log(rate) - self.low) / max(self.high - self.low, 1e-9)
        return float(SHORTEST + (TALLEST - SHORTEST) * share)


def _network(axes: Axes, stages: list[Stage], scale: _Scale, span: tuple[float, float]) -> None:
    step = _step(span, stages)
    for index, stage in enumerate(stages):
        centre = span[0] + (index + 0.5) * step
        height = scale(stage.values_per_second)
        _box(axes, centre, UPPER, height, NETWORK, 0.42)
        _words(axes, centre, UPPER, height, "", _shape(stage.shape))
        words = stage.operation.replace(", ", "\n").replace(" residual", "\nresidual")
        _label(axes, centre, UPPER - TALLEST / 2 - 0.06, f"{words}\n{stage.parameters:,}")
        if index:
            _arrow(axes, (centre - step + 0.23, UPPER), (centre - 0.23, UPPER), NETWORK)


def _connections(axes: Axes, trace: Trace, scale: _Scale) -> None:
    middle = WIDTH / 2
    encoder, decoder = trace.part("encoder"), trace.part("decoder")
    # The frequency model's network corrects what the linear map sees and what it gives; the
    # waveform model's network runs beside the linear map, from samples to latents and back.
    corrects = trace.kind == "frequency"
    below = UPPER - TALLEST / 2 - 0.53
    starts = [span[0] + _step(span, stages) / 2 for span, stages in _halves(trace)]
    ends = [span[1] - _step(span, stages) / 2 for span, stages in _halves(trace)]
    join_in, join_out = (1.3 if corrects else ends[0]), WIDTH - 1.15
    fork = WIDTH - 1.9 if corrects else middle
    left, right = EDGE + 0.3, WIDTH - EDGE - 0.3
    linear_in = (join_in + 0.11 if corrects else left, middle - 0.34)
    linear_out = (middle + 0.34, fork if corrects else right)
    factor = round(trace.input_per_second / trace.latent_per_second)
    for part, (begin, end) in (("spine_in", linear_in), ("spine_out", linear_out)):
        for stage in trace.part(part):
            _arrow(axes, (begin, LOWER), (end, LOWER), SPINE, 3.0)
            label = LINEAR_LABELS[trace.kind][part].format(factor=factor)
            kernel = stage.operation.split(",")[0]
            words = f"linear, kernel {kernel}\n{stage.parameters:,} weights\n{label}"
            _label(axes, (begin + end) / 2, LOWER - 0.14, words)
    if corrects:
        _arrow(axes, (left, LOWER), (join_in - 0.11, LOWER), SIGNAL)
        _arrow(axes, (fork, LOWER), (right, LOWER), SIGNAL)
    if encoder:
        above = LOWER + scale(trace.input_per_second) / 2 + 0.38
        _arrow(axes, (starts[0], above), (starts[0], below), NETWORK)
        _elbow(axes, (ends[0], below), (join_in, LOWER + 0.12))
        _plus(axes, join_in, LOWER)
    if decoder:
        above = LOWER if corrects else LOWER + scale(trace.latent_per_second) / 2 + 0.38
        _elbow(axes, (fork, above), (starts[1], below))
        _elbow(axes, (ends[1], below), (join_out, LOWER + 0.12))
        _plus(axes, join_out, LOWER)


def _halves(trace: Trace) -> list[tuple[tuple[float, float], list[Stage]]]:
    """Left and right end of each half of the upper lane, with its stages."""
    middle = WIDTH / 2
    return [
        ((0.08, middle - 0.12), trace.part("encoder")),
        ((middle + 0.12, WIDTH - 0.08), trace.part("decoder")),
    ]


def _step(span: tuple[float, float], stages: list[Stage]) -> float:
    return (span[1] - span[0]) / max(len(stages), 1)


def _box(axes: Axes, x: float, y: float, height: float, colour: str, width: float) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.04",
            facecolor=colour,
            edgecolor="none",
            zorder=3,
        )
    )


def _words(axes: Axes, x: float, y: float, height: float, name: str, shape: str) -> None:
    text = f"{name}\n{shape}" if name else shape
    axes.text(
        x, y + height / 2 + 0.05, text, ha="center", va="bottom", size=SMALL, linespacing=1.15,
        color=INK,
    )  # fmt: skip


def _arrow(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    width: float = 1.6,
) -> None:
    axes.annotate(
        "",
        end,
        start,
        arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": width, "shrinkA": 0,
                    "shrinkB": 0},
        zorder=2,
    )  # fmt: skip


def _elbow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """A line up or down, across and on, with an arrow at its end."""
    level = UPPER - TALLEST / 2 - 0.62
    near = end[1] + (0.05 if end[1] < level else -0.05)
    axes.plot(
        [start[0], start[0], end[0], end[0]],
        [start[1], level, level, near],
        color=NETWORK,
        linewidth=1.6,
        zorder=1,
    )
    _arrow(axes, (end[0], near + (0.01 if end[1] < level else -0.01)), end, NETWORK)


def _label(axes: Axes, x: float, y: float, words: str) -> None:
    axes.text(x, y, words, ha="center", va="top", size=SMALL, color=INK, linespacing=1.2)


def _plus(axes: Axes, x: float, y: float) -> None:
    axes.add_patch(Circle((x, y), 0.11, facecolor="white", edgecolor=INK, zorder=4))
    axes.text(x, y - 0.005, "+", ha="center", va="center", size=12, color=INK, zorder=5)


def _shape(shape: tuple[int, ...]) -> str:
    sizes = [size for index, size in enumerate(shape) if size > 1 or index == len(shape) - 1]
    return "×".join(f"{size:,}" for size in sizes)

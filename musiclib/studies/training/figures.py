"""Figures of the chapter on training. Each returns a figure and its axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from musiclib.figures.panels import AxesArray
from musiclib.figures.style import WIDTH, series_styles
from musiclib.studies.training.families import FRAME_KINDS, Family
from musiclib.studies.training.runs import Run, interval_means
from musiclib.training.recipes import FRAME_LATENTS

TRAIN, VALIDATION, BASELINE = "#56b4e9", "#d55e00", "#7f7f7f"
LIGHT_LINE = 1.0


def loss_curves(
    runs: Mapping[str, Run], family: Family, columns: int, shared: bool = True
) -> tuple[Figure, AxesArray]:
    """Training and validation loss over the steps, a panel for each model of a family.

    Args:
        runs: Trainings by name.
        family: Which of them.
        columns: Panels in a row.
        shared: Whether the panels share the axis of losses.

    Returns:
        The figure and its axes, shape ``(panels,)``.
    """
    rows = -(-len(family.members) // columns)
    height = 0.7 + 2.1 * rows
    figure, grid = plt.subplots(
        rows, columns, figsize=(WIDTH, height), sharey=shared, sharex=shared, squeeze=False
    )
    panels = grid.ravel()
    for axes, (name, label) in zip(panels, family.members.items(), strict=False):
        _draw(axes, runs[name])
        axes.set_title(label, fontsize=11)
    for axes in panels[len(family.members) :]:
        axes.set_axis_off()
    chosen = [runs[name] for name in family.members]
    if shared:
        panels[0].set_ylim(*_limits(chosen))
    else:
        for axes, run in zip(panels, chosen, strict=False):
            axes.set_ylim(*_limits([run]))
    for axes in grid[:, 0]:
        axes.set_ylabel("Loss")
    _finish(figure, panels[: len(family.members)])
    return figure, panels[: len(family.members)]


def frame_curves(runs: Mapping[str, Run]) -> tuple[Figure, AxesArray]:
    """Roche's family: a row for each kind of model, a column for each encoding size.

    The axis of losses is logarithmic and shared by all panels, so that equal ratios look alike.

    Args:
        runs: Trainings by name, those of the family among them.

    Returns:
        The figure and its axes, shape ``(kinds, sizes)``. PCA, which makes no steps, is the dashed
        line in the panels of its size. A size that a kind doesn't have is left empty.
    """
    kinds = [kind for kind in FRAME_KINDS if kind != "pca"]
    figure, grid = plt.subplots(
        len(kinds),
        len(FRAME_LATENTS),
        figsize=(WIDTH, 1.35 * len(kinds) + 0.7),
        sharex=True,
        sharey=True,
    )
    drawn = []
    for row, kind in zip(grid, kinds, strict=True):
        for axes, latent in zip(row, FRAME_LATENTS, strict=True):
            run = runs.get(f"{kind}-{latent}")
            if run is None:  # not every kind has every size
                axes.set_axis_off()
                continue
            drawn.append(run)
            _draw(axes, run, LIGHT_LINE)
            baseline = float(runs[f"pca-{latent}"].validation["loss"].iloc[-1])
            axes.axhline(baseline, color=BASELINE, linestyle="--", linewidth=1.2, label="PCA")
        row[0].set_ylabel(FRAME_KINDS[kind])
    for axes, latent in zip(grid[0], FRAME_LATENTS, strict=True):
        axes.set_title(f"{latent} values", fontsize=11)
    low, high = _limits(drawn)
    low = min(low, *(runs[f"pca-{latent}"].validation["loss"].min() for latent in FRAME_LATENTS))
    grid[0, 0].set(yscale="log", ylim=(0.9 * max(low, 1e-6), 1.05 * high))
    ticks = [tick for tick in (0.05, 0.1, 0.2, 0.4, 0.8, 1.6) if 0.9 * low < tick < high]
    grid[0, 0].set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    grid[0, 0].set_yticks([], minor=True)
    _finish(figure, grid.ravel())
    return figure, grid


def common_terms(runs: Mapping[str, Run], names: Mapping[str, str]) -> tuple[Figure, AxesArray]:
    """Waveform models by the same two measures on validation music, whatever they minimise.

    Args:
        runs: Trainings by name.
        names: Labels by name.

    Returns:
        The figure and its axes, shape ``(2,)``: noise-to-signal ratio and log-spectral distance.
    """
    figure, panels = plt.subplots(1, 2, figsize=(WIDTH, 3.6), sharex=True)
    terms = {
        "noise_to_signal_db": "Noise-to-signal ratio (dB)",
        "log_spectral_db": "Log-spectral distance (dB)",
    }
    for axes, (term, label) in zip(panels, terms.items(), strict=True):
        for (name, words), style in zip(
            names.items(), series_styles(list(names.values())), strict=True
        ):
            losses = runs[name].validation[term]
            axes.plot(losses.index, losses, marker=".", label=words, **style)
        axes.set(xlabel="Step", title=label)
        axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    return figure, panels


def schedule(runs: Mapping[str, Run], names: Mapping[str, str]) -> tuple[Figure, AxesArray]:
    """Learning rate and norm of the gradient over the steps.

    Args:
        runs: Trainings by name.
        names: Labels by name.

    Returns:
        The figure and its axes, shape ``(2,)``. Ticks at the right side of the second panel are
        the norms at which each gradient is cut.
    """
    figure, panels = plt.subplots(1, 2, figsize=(WIDTH, 3.6))
    styles = series_styles(list(names.values()))
    for (name, label), style in zip(names.items(), styles, strict=True):
        run = runs[name]
        steps = np.arange(run.config.steps)
        rates = [run.config.learning_rate_at(int(step)) for step in steps]
        panels[0].plot(steps, rates, label=label, **style)
        norms = run.train["gradient_norm"]
        panels[1].plot(norms.index, norms, linewidth=1.2, **style)
        if run.config.gradient_clip is not None:
            panels[1].axhline(run.config.gradient_clip, xmin=0.96, color=style["color"])
    panels[0].set(title="Learning rate", xlabel="Step")
    panels[1].set(title="Norm of the gradient", xlabel="Step", yscale="log")
    for axes in panels:
        axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure, panels


def cost(runs: Mapping[str, Run], groups: Sequence[Family]) -> tuple[Figure, Axes]:
    """Time of each training over the number of its parameters.

    Args:
        runs: Trainings by name.
        groups: Families to tell apart.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.8))
    markers = "osD^vPX"
    styles = series_styles([item.title for item in groups])
    for item, marker, style in zip(groups, markers, styles, strict=False):
        chosen = [runs[name] for name in item.members if name in runs and runs[name].parameters > 0]
        axes.plot(
            [run.parameters for run in chosen],
            [run.seconds * run.threads / 60.0 for run in chosen],
            marker,
            color=style["color"],
            alpha=0.8,
            label=item.title,
        )
    axes.set(xscale="log", xlabel="Learned values", ylabel="Minutes of one core")
    axes.set_ylim(bottom=0.0)
    axes.xaxis.set_major_formatter(FuncFormatter(_counts))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
    figure.legend(loc="outside lower center", ncols=2)
    return figure, axes


def _draw(axes: Axes, run: Run, width: float = 1.4) -> None:
    means, losses = interval_means(run), run.validation["loss"]
    if not run.train.empty:
        axes.plot(
            run.train.index, run.train["loss"], color=TRAIN, linewidth=0.6, alpha=0.6, label="_"
        )
        axes.plot(means.index, means, color="#0072b2", linewidth=width, label="training")
    axes.plot(losses.index, losses, ".-", color=VALIDATION, linewidth=width, label="validation")
    axes.xaxis.set_major_locator(MaxNLocator(2, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(_thousands))


def _limits(runs: Sequence[Run]) -> tuple[float, float]:
    """Limits that show validation and mean training losses whole; single steps may leave them."""
    values = np.concatenate([[*run.validation["loss"], *interval_means(run)] for run in runs])
    low, high = float(values.min()), float(values.max())
    margin = 0.1 * (high - low) + 0.02 * max(abs(low), abs(high), 1e-6)
    return (max(low - margin, 0.5 * low) if low > 0.0 else low - margin), high + margin


def _finish(figure: Figure, panels: AxesArray | Sequence[Axes]) -> None:
    figure.supxlabel("Step", fontsize=11)
    found: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            if isinstance(handle, Artist):
                found.setdefault(label, handle)
    figure.legend(list(found.values()), list(found), loc="outside upper right", ncols=len(found))


def _thousands(value: float, _: object) -> str:
    return f"{value:,.0f}"


def _counts(value: float, _: object) -> str:
    return f"{value / 1e6:g} M" if value >= 1e6 else f"{value / 1e3:g} k"

"""Figures of the chapter on classification. Each returns a figure and its axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from musiclib.audio import FloatArray
from musiclib.figures import genre_colours, spectrogram
from musiclib.figures.panels import AxesArray
from musiclib.figures.style import WIDTH
from musiclib.genre import Score
from musiclib.stats import Interval
from musiclib.studies.classification.dealing import Decision
from musiclib.studies.classification.vectors import Swing
from musiclib.studies.dataset.figures import message

GREY, BLUE, VERMILION, ORANGE, GREEN, PURPLE = (
    "#7f7f7f", "#0072b2", "#d55e00", "#e69f00", "#009e73", "#cc79a7",
)  # fmt: skip
PART_COLOURS = {"train": "#9ecae1", "validation": ORANGE, "test": "#7f7f7f"}

__all__ = ["message"]


def twins(
    pieces: Mapping[str, FloatArray],
    scale: FloatArray,
    seconds: float,
    lags: Sequence[float],
    changes: Mapping[str, npt.NDArray[np.float64]],
) -> tuple[Figure, AxesArray]:
    """Latents of two pieces, and how much they change over each lag.

    Args:
        pieces: Latents by name, each `(C, L)`.
        scale: Deviation of each channel, `(C,)`.
        seconds: Length of a piece.
        lags: In seconds.
        changes: For each line its values over the lags.

    Returns:
        The figure and its axes, the pieces' first.
    """
    figure, axes = plt.subplots(
        1, 3, figsize=(WIDTH, 3.1), gridspec_kw={"width_ratios": (1.0, 1.0, 1.15)}
    )
    shown = {name: values / np.maximum(scale, 1e-6)[:, None] for name, values in pieces.items()}
    middle = np.mean([values.mean(axis=1) for values in shown.values()], axis=0)[:, None]
    for panel, (name, values) in zip(axes, shown.items(), strict=False):
        panel.imshow(
            values - middle, aspect="auto", cmap="RdBu_r", vmin=-2.5, vmax=2.5,
            extent=(0, seconds, len(values) + 0.5, 0.5),
        )  # fmt: skip
        panel.set(title=name, xlabel="Time (s)")
        panel.grid(visible=False)
    axes[0].set(ylabel="Latent")
    axes[1].set_yticklabels([])
    for (name, values), colour, style in zip(
        changes.items(), (BLUE, VERMILION, BLUE, VERMILION), ("-", "-", ":", ":"), strict=False
    ):
        axes[2].plot(np.array(lags), values, style, color=colour, marker="o", label=name)
    axes[2].set(xscale="log", xlabel="Lag (s)", title="Change")
    axes[2].set_xticks(list(lags), [f"{lag:.2f}" for lag in lags])
    axes[2].set_xticks([], minor=True)
    axes[2].set_ylim(bottom=0.0)
    axes[2].legend(loc="lower right", fontsize=9)
    return figure, axes


def swings(found: Sequence[Swing], seconds: float) -> tuple[Figure, AxesArray]:
    """One channel of each sequence over time, with its mean and its spread."""
    figure, axes = plt.subplots(len(found), 1, figsize=(WIDTH, 1.55 * len(found)), sharex=True)
    for panel, one in zip(axes, found, strict=True):
        length = max(2, round(seconds * one.frame_rate))
        values = one.values[:length]
        mean, spread = one.values.mean(), one.values.std()
        panel.axhspan(mean - spread, mean + spread, color=GREY, alpha=0.15, linewidth=0)
        panel.axhline(mean, color=VERMILION, linestyle="--")
        panel.axhline(0.0, color=GREY, linewidth=0.8)
        panel.plot(np.arange(len(values)) / one.frame_rate, values, color=BLUE, linewidth=1.2)
        panel.set_title(one.label)
        panel.set_ylabel("Value")
    axes[-1].set_xlabel("Time (s)")
    return figure, axes


def attention(
    audio: FloatArray,
    sample_rate: int,
    weights: npt.NDArray[np.float64],
    frame_rate: float,
    piece_s: float,
) -> tuple[Figure, AxesArray]:
    """A spectrogram and the weights of its frames, as multiples of an equal share."""
    figure, axes = plt.subplots(
        2, 1, figsize=(WIDTH, 4.4), sharex=True, gridspec_kw={"height_ratios": (1.3, 1.0)}
    )
    spectrogram(audio, sample_rate, axes=axes[0], frequency_axis="mel", colourbar=False)
    axes[0].set_xlabel("")
    times = np.arange(len(weights)) / frame_rate
    axes[1].fill_between(times, weights, step="post", color=PURPLE, alpha=0.85, linewidth=0)
    axes[1].axhline(1.0, color="#1a1a1a", linestyle="--", linewidth=1.0)
    for start in np.arange(piece_s, times[-1], piece_s):
        axes[1].axvline(start, color=GREY, linewidth=1.0)
    axes[1].set(xlabel="Time (s)", ylabel="Weight (equal = 1)", xlim=(0, times[-1]))
    axes[1].set_ylim(bottom=0.0)
    return figure, axes


def fold_matrix(
    parts: npt.NDArray[np.int_],
    labels: Sequence[str],
    names: Sequence[str],
    tracks: pd.DataFrame,
) -> tuple[Figure, Axes]:
    """Part of each track in each run; tracks of one artist stand together.

    Args:
        parts: `(R, M)`, places in `PARTS`; the last row is set apart.
        labels: Of the rows.
        names: Tracks in the order of the columns.
        tracks: Table with `genre` and `artist_group`.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 1.5 + 0.38 * len(parts)))
    colours = ListedColormap(list(PART_COLOURS.values()))
    axes.imshow(parts, aspect="auto", cmap=colours, vmin=0, vmax=2, interpolation="nearest")
    axes.grid(visible=False)
    chosen = tracks.loc[list(names)]
    artist, genre = chosen["artist_group"].to_numpy(), chosen["genre"].to_numpy()
    for column in range(1, len(names)):
        if genre[column] != genre[column - 1]:
            axes.axvline(column - 0.5, color="white", linewidth=5)
        elif artist[column] != artist[column - 1]:
            axes.axvline(column - 0.5, color="white", linewidth=0.9)
    for row in range(1, len(parts)):
        # The last row is another way of dealing.
        axes.axhline(row - 0.5, color="white", linewidth=14 if row == len(parts) - 1 else 4)
    centres = pd.Series(np.arange(len(names))).groupby(genre).mean()
    axes.set_xticks(centres.to_list(), [str(name).replace("_", " ") for name in centres.index])
    axes.tick_params(axis="x", length=0)
    axes.set_yticks(range(len(labels)), list(labels))
    axes.tick_params(axis="y", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel("Tracks, those of an artist side by side")
    handles = [Patch(color=colour, label=part) for part, colour in PART_COLOURS.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    return figure, axes


def decision(one: Decision) -> tuple[Figure, AxesArray]:
    """Probabilities of a track's pieces over time, its votes, and the mean."""
    figure, axes = plt.subplots(
        1, 2, figsize=(WIDTH, 3.7), sharey=True, gridspec_kw={"width_ratios": (4.2, 1.0)}
    )
    colours = genre_colours(one.genres)
    step = one.starts[1] - one.starts[0] if len(one.starts) > 1 else 1.0
    for panel, places, bars, width in (
        (axes[0], one.starts + step / 2, one.probabilities, 0.86 * step),
        (axes[1], np.array([0.0, 1.0]), np.stack([one.votes, one.mean]), 0.7),
    ):
        bottom = np.zeros(len(places))
        for genre, values in zip(one.genres, bars.T, strict=True):
            panel.bar(
                places, values, width, bottom, color=colours[genre], edgecolor="white",
                linewidth=0.6, label=str(genre).replace("_", " "),
            )  # fmt: skip
            bottom += values
        panel.grid(visible=False)
        panel.set_ylim(0, 1)
    axes[0].set(xlabel="Time (s)", ylabel="Probability", title="Its pieces")
    axes[0].set_xticks(np.append(one.starts, one.starts[-1] + step))
    axes[1].set_title("The track")
    axes[1].set_xticks([0, 1], ["votes", "mean"])
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(5, len(labels)))
    return figure, axes


def intervals(
    score: Score, tracks: pd.DataFrame, found: Mapping[str, Interval]
) -> tuple[Figure, AxesArray]:
    """Test tracks by artist with the share of runs that were right, and the score's intervals.

    Args:
        score: A score with hits.
        tracks: Table with `genre` and `artist_group`.
        found: Intervals by name.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(
        1, 2, figsize=(WIDTH, 3.3), gridspec_kw={"width_ratios": (1.25, 1.0)}
    )
    table = tracks.loc[score.hits.index, ["genre", "artist_group"]].assign(hit=score.hits)
    genres = sorted(table["genre"].unique())
    shades = plt.get_cmap("RdYlBu")
    for row, genre in enumerate(genres):
        mine = table[table["genre"] == genre]
        groups = sorted(
            (sorted(group["hit"], reverse=True) for _, group in mine.groupby("artist_group")),
            key=lambda hits: (-len(hits), -sum(hits)),
        )
        left = 0.0
        for hits in groups:
            for hit in hits:
                axes[0].add_patch(
                    Rectangle(
                        (left, row - 0.36), 0.82, 0.72, facecolor=shades(hit), edgecolor="none"
                    )
                )
                left += 0.92
            left += 0.45
    axes[0].autoscale_view()
    axes[0].set_yticks(range(len(genres)), [str(genre).replace("_", " ") for genre in genres])
    axes[0].set_xticks([])
    axes[0].tick_params(axis="y", length=0)
    axes[0].invert_yaxis()
    axes[0].grid(visible=False)
    axes[0].set(title="Test tracks by artist")
    axes[0].spines[["left", "bottom"]].set_visible(False)
    scale = plt.cm.ScalarMappable(Normalize(0, 1), shades)
    figure.colorbar(
        scale,
        ax=axes[0],
        location="bottom",
        label="Runs that were right",
        aspect=40,
        pad=0.0,
    )
    for row, (one, colour) in enumerate(zip(found.values(), (BLUE, VERMILION), strict=True)):
        axes[1].plot([one.low, one.high], [row, row], color=colour, linewidth=5, alpha=0.4)
        axes[1].plot(one.mean, row, "o", color=colour, markersize=7)
    axes[1].set_yticks(range(len(found)), [f"over {name}" for name in found])
    axes[1].set(title="95 % intervals of the score", xlabel="Balanced accuracy", ylim=(1.8, -0.8))
    axes[1].grid(visible=False, axis="y")
    return figure, axes


def coin(found: npt.NDArray[np.float64], observed: float) -> tuple[Figure, Axes]:
    """Differences that a coin makes, and the one that was measured."""
    figure, axes = plt.subplots(figsize=(WIDTH, 2.8))
    axes.hist(found, 41, color=GREY, label="by tossing coins")
    axes.axvline(observed, color=VERMILION, linewidth=2.5, label="measured")
    axes.set(xlabel="Difference of balanced accuracy", ylabel="Rounds")
    axes.legend()
    return figure, axes


def best_of(
    counts: Sequence[int], lines: Mapping[str, npt.NDArray[np.float64]], honest: float
) -> tuple[Figure, Axes]:
    """Expected best score over the number of systems that were tried."""
    figure, axes = plt.subplots(figsize=(WIDTH, 3.2))
    styles: Sequence[dict[str, Any]] = ({"color": VERMILION}, {"color": ORANGE, "linestyle": "--"})
    for (name, values), style in zip(lines.items(), styles, strict=True):
        axes.plot(list(counts), values, label=name, **style)
    axes.axhline(honest, color=BLUE, linestyle=":", label="chosen elsewhere, tested once")
    axes.set(xscale="log", xlabel="Systems tried", ylabel="Best accuracy on the test part")
    axes.set_xticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
    axes.set_xticks([], minor=True)
    axes.legend()
    return figure, axes

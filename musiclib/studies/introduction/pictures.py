"""Figures that only the introduction draws."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from musiclib.audio import HOUSE_RATE
from musiclib.codecs import get_codec
from musiclib.figures import codec_colour
from musiclib.figures.panels import AxesArray
from musiclib.figures.style import WIDTH
from musiclib.metrics import Interval, bootstrap_interval
from musiclib.studies.introduction.codecs import attacks, coded_attacks
from musiclib.studies.introduction.pcm import LOSSLESS_ROWS

_FILE, _BOUND, _DOT = "#0072b2", "#b0b0b0", "#1a1a1a"


def intervals(table: pd.DataFrame, by: str, column: str, seed: int = 0) -> dict[object, Interval]:
    """Means over clips with bootstrap 95 % intervals.

    Args:
        table: One row per clip and group.
        by: Column that names the group.
        column: Column to average.
        seed: Seed of the bootstrap.

    Returns:
        An interval for each group, in order of appearance.
    """
    return {
        key: bootstrap_interval(part[column].to_numpy(), seed=seed)
        for key, part in table.groupby(by, sort=False)
    }


def lossless_bars(bits: pd.DataFrame, seed: int = 0) -> tuple[Figure, Axes]:
    """Bits per sample of each lossless way, with 95 % intervals and a dot for each clip.

    Args:
        bits: Table of :func:`musiclib.studies.introduction.pcm.lossless_table`.
        seed: Seed of the bootstrap and of the dots' jitter.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.6))
    jitter = np.random.default_rng(seed).uniform(-0.18, 0.18, len(bits))
    for row, key in enumerate(LOSSLESS_ROWS):
        interval = bootstrap_interval(bits[key].to_numpy(), seed=seed)
        colour = _FILE if key in ("pcm", "deflate", "flac") else _BOUND
        axes.barh(row, interval.mean, color=colour, height=0.7)
        if key != "pcm":
            axes.plot(bits[key], row + jitter, ".", color=_DOT, markersize=4, alpha=0.6)
            axes.plot([interval.low, interval.high], [row, row], color=_DOT, linewidth=2.5)
        axes.annotate(
            f"{interval.mean:.1f}", (16.2, row), va="center", annotation_clip=False, fontsize=11
        )
    axes.set_yticks(range(len(LOSSLESS_ROWS)), list(LOSSLESS_ROWS.values()))
    axes.set(xlabel="Bits per sample", xlim=(0.0, 16.0))
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    return figure, axes


def compaction_points(shares: pd.DataFrame, seed: int = 0) -> tuple[Figure, Axes]:
    """Share of the numbers that holds most energy, for samples and for MDCT sizes.

    Args:
        shares: Table of :func:`musiclib.studies.introduction.transforms.energy_compaction`.
        seed: Seed of the bootstrap and of the dots' jitter.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.6))
    generator = np.random.default_rng(seed)
    groups = list(shares.groupby("hop"))
    for place, (hop, part) in enumerate(groups):
        values = 100.0 * part["share"].to_numpy()
        interval = bootstrap_interval(values, seed=seed)
        colour = _BOUND if hop == 0 else _FILE
        axes.plot(
            place + generator.uniform(-0.15, 0.15, len(values)), values, ".", color=_DOT, alpha=0.35
        )
        axes.vlines(place, interval.low, interval.high, color=colour, linewidth=4.0)
        axes.plot(place, interval.mean, "o", color=colour, markersize=10, markeredgecolor=_DOT)
        axes.annotate(
            f"{interval.mean:.1f} %",
            (place, interval.mean),
            (14, 0),
            textcoords="offset points",
            va="center",
        )
    labels = ["samples" if hop == 0 else f"MDCT, M = {hop:,}" for hop, _ in groups]
    axes.set_xticks(range(len(labels)), labels)
    axes.set(ylabel="Numbers needed for\n99 % of the energy (%)", xlim=(-0.4, len(labels) - 0.4))
    axes.set_ylim(bottom=0.0)
    axes.grid(False, axis="x")
    return figure, axes


def pre_echo(
    settings: Sequence[tuple[str, int]], sample_rate: int = HOUSE_RATE, attack: int = 3
) -> tuple[Figure, AxesArray]:
    """Waveforms around one attack, original and through codecs.

    Args:
        settings: Codec names with nominal bitrates in kbps.
        sample_rate: Of the test sound, in Hz.
        attack: Which of the attacks to draw.

    Returns:
        The figure and its axes, one a codec.
    """
    original, starts = attacks(sample_rate)
    start = int(starts[attack])
    shown = slice(start - round(0.05 * sample_rate), start + round(0.03 * sample_rate))
    times = 1000.0 * (np.arange(shown.start, shown.stop) - start) / sample_rate
    columns = 2
    rows = -(-len(settings) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(WIDTH, 0.4 + 1.9 * rows), sharex=True, sharey=True, squeeze=False
    )
    for axes, (name, kbps) in zip(grid.ravel(), settings, strict=False):
        codec = get_codec(name, kbps)
        decoded, _ = coded_attacks(codec, sample_rate)
        axes.plot(times, original[shown], color=_DOT, linewidth=1.0, label="original")
        axes.plot(times, decoded[shown], color=codec_colour(name), linewidth=1.2, label="decoded")
        axes.axvline(0.0, color="#7f7f7f", linewidth=1.0, linestyle=":")
        axes.set_title(codec.label)
        axes.set_ylim(-0.2, 0.2)
    for axes in grid[-1]:
        axes.set_xlabel("Time from the attack (ms)")
    for axes in grid[:, 0]:
        axes.set_ylabel("Amplitude")
    for axes in grid.ravel()[len(settings) :]:
        axes.remove()
    used: AxesArray = grid.ravel()[: len(settings)]
    return figure, used


def interval_text(summary: Mapping[object, Interval], digits: int = 1) -> dict[object, str]:
    """Intervals as text, such as ``"7.2 (6.8 to 7.6)"``.

    Args:
        summary: Intervals by group.
        digits: Digits after the point.

    Returns:
        Text for each group.
    """
    return {
        key: f"{i.mean:.{digits}f} ({i.low:.{digits}f} to {i.high:.{digits}f})"
        for key, i in summary.items()
    }

"""Figures that only the introduction draws."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from musiclib.audio import HOUSE_RATE
from musiclib.codecs import get_codec
from musiclib.figures import codec_colour
from musiclib.figures.style import WIDTH
from musiclib.stats import Interval, mean_interval
from musiclib.studies.introduction.codecs import attacks, coded_attacks
from musiclib.studies.introduction.pcm import LOSSLESS_ROWS

_FILE, _BOUND, _DOT = "#0072b2", "#b0b0b0", "#1a1a1a"


def intervals(table: pd.DataFrame, by: str, column: str) -> dict[object, Interval]:
    """Means over artists with 95 % intervals.

    Args:
        table: One row per clip and group, with its ``artist``.
        by: Column that names the group.
        column: Column to average.

    Returns:
        An interval for each group, in order of appearance.
    """
    return {
        key: mean_interval(part[column], part["artist"])
        for key, part in table.groupby(by, sort=False)
    }


def lossless_bars(bits: pd.DataFrame, seed: int = 0) -> tuple[Figure, Axes]:
    """Bits per sample of each lossless way, with 95 % intervals and a dot for each clip.

    Args:
        bits: Table of :func:`musiclib.studies.introduction.pcm.lossless_table`.
        seed: Seed of the dots' jitter.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.6))
    jitter = np.random.default_rng(seed).uniform(-0.18, 0.18, len(bits))
    for row, key in enumerate(LOSSLESS_ROWS):
        interval = mean_interval(bits[key], bits["artist"])
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
        seed: Seed of the dots' jitter.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.6))
    generator = np.random.default_rng(seed)
    groups = list(shares.groupby("hop"))
    for place, (hop, part) in enumerate(groups):
        values = 100.0 * part["share"].to_numpy()
        interval = mean_interval(values, part["artist"])
        colour = _BOUND if hop == 0 else _FILE
        axes.plot(
            place + generator.uniform(-0.15, 0.15, len(values)), values, ".", color=_DOT, alpha=0.35
        )
        axes.vlines(place, interval.low, interval.high, color=colour, linewidth=4.0)
        axes.plot(place, interval.mean, "o", color=colour, markersize=10, markeredgecolor=_DOT)
        axes.annotate(
            f"{interval.mean:.1f} %",
            (place, interval.mean),
            (24, 0),
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
    settings: Sequence[tuple[str, int]], sample_rate: int = HOUSE_RATE, floor_db: float = -70.0
) -> tuple[Figure, Axes]:
    """Level before and after an attack out of silence, original and through codecs.

    Args:
        settings: Codec names with nominal bitrates in kbps.
        sample_rate: Of the test sound, in Hz.
        floor_db: Lowest level drawn.

    Returns:
        The figure and its axes. Levels are mean powers over all attacks of the test sound, in steps
        of 1 ms, relative to the original's loudest step.
    """
    original, starts = attacks(sample_rate)
    figure, axes = plt.subplots(figsize=(WIDTH, 3.8))
    sounds = {"original": (original, _DOT)}
    for name, kbps in settings:
        codec = get_codec(name, kbps)
        sounds[codec.label] = (coded_attacks(codec, sample_rate)[0], codec_colour(name))
    step = round(0.001 * sample_rate)
    moments = np.arange(-30, 40)
    loudest = None
    for (label, (sound, colour)), style in zip(
        sounds.items(), ["-", "-", "--", "-.", ":", "-"], strict=False
    ):
        frames = np.stack(
            [sound[int(start) + moments[0] * step :][: len(moments) * step] for start in starts]
        ).astype(np.float64)
        power = np.mean(frames.reshape(len(starts), len(moments), step) ** 2, axis=(0, 2))
        loudest = power.max() if loudest is None else loudest
        levels = 10.0 * np.log10(np.maximum(power / loudest, 10.0 ** (floor_db / 10.0)))
        axes.step(moments, levels, where="post", color=colour, linestyle=style, label=label)
    axes.axvline(0.0, color="#7f7f7f", linewidth=1.0, linestyle=":")
    axes.set(xlabel="Time from the attack (ms)", ylabel="Level (dB)", ylim=(floor_db, 3.0))
    axes.set_xlim(moments[0], moments[-1])
    axes.legend(loc="upper left")
    return figure, axes

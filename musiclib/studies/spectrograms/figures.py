"""Figures of the chapter on spectrograms. Each returns a figure and its axes."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from musiclib.audio import FloatArray
from musiclib.figures.panels import AxesArray
from musiclib.figures.style import WIDTH
from musiclib.stats import mean_interval
from musiclib.stft import StftConfig

GREY, BLUE, VERMILION, GREEN = "#7f7f7f", "#0072b2", "#d55e00", "#009e73"


def level_histograms(levels_db: npt.NDArray[np.float64]) -> tuple[Figure, AxesArray]:
    """How often each magnitude occurs, on a linear and on a logarithmic scale.

    Args:
        levels_db: Levels relative to the loudest bin, shape ``(K,)``, in dB.

    Returns:
        The figure and its axes, shape ``(2,)``.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.2))
    weights = np.full(len(levels_db), 100.0 / len(levels_db))
    axes[0].hist(10.0 ** (levels_db / 20.0), bins=50, weights=weights, color=GREY)
    axes[0].set(xlabel="Magnitude (loudest bin = 1)", ylabel="Share of bins (%)", title="Before")
    axes[1].hist(levels_db, bins=50, weights=weights, color=BLUE)
    axes[1].set(xlabel="Level (dB, loudest bin = 0)", title="After the logarithm")
    return figure, axes


def convergence(table: pd.DataFrame) -> tuple[Figure, Axes]:
    """Spectral convergence over iterations.

    Args:
        table: From :func:`musiclib.studies.spectrograms.phase.griffin_lim_curve`, with a
            column ``clip``.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.6))
    sns.lineplot(
        table,
        x="iterations",
        y="spectral_convergence_db",
        hue="method",
        style="clip",
        markers=True,
        ax=axes,
    )
    axes.set_xscale("log", base=2)
    ticks = sorted(table["iterations"].unique())
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set(xlabel="Iterations", ylabel="Spectral convergence (dB)")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure, axes


def waveform_pair(
    reference: FloatArray,
    others: Mapping[str, FloatArray],
    sample_rate: int,
    duration_s: float = 0.02,
) -> tuple[Figure, AxesArray]:
    """A few milliseconds of waveforms on top of the reference's, where the reference is loud.

    Args:
        reference: Samples, shape ``(N,)``.
        others: Sounds of the same length by label, one panel each.
        sample_rate: In Hz.
        duration_s: Length to draw, in seconds.

    Returns:
        The figure and its axes, shape ``(len(others),)``.
    """
    length = min(round(duration_s * sample_rate), len(reference))
    # The edges are left out: there a window covers less of the sound and everything fades in.
    inner = reference[len(reference) // 4 : max(3 * len(reference) // 4, len(reference) // 4 + 1)]
    start = len(reference) // 4 + int(np.argmax(np.abs(inner))) - length // 2
    part = slice(max(start, 0), max(start, 0) + length)
    figure, grid = plt.subplots(
        len(others), 1, figsize=(WIDTH, 0.7 + 1.35 * len(others)), sharex=True, squeeze=False
    )
    axes = grid[:, 0]
    milliseconds = 1000.0 * np.arange(length) / sample_rate
    for panel, (label, sound) in zip(axes, others.items(), strict=True):
        panel.plot(milliseconds, reference[part], color=GREY, label="the clip", linewidth=2.4)
        panel.plot(milliseconds, sound[part], color=BLUE, label=label, linewidth=1.4)
        panel.set_ylabel("Amplitude")
        panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    axes[-1].set_xlabel("Time (ms)")
    return figure, axes


def resolution_grid(
    clips: Mapping[str, FloatArray],
    sample_rate: int,
    windows: Sequence[int],
    seconds: float = 1.5,
    highest_hz: float = 6000.0,
) -> tuple[Figure, AxesArray]:
    """Spectrograms of several clips (rows) with several window lengths (columns).

    Args:
        clips: Sounds by label, each of shape ``(N,)``.
        sample_rate: In Hz.
        windows: Window lengths in samples.
        seconds: Length to draw.
        highest_hz: Top of the frequency axis.

    Returns:
        The figure and its axes, shape ``(len(clips), len(windows))``.
    """
    from musiclib.figures import spectrogram

    figure, grid = plt.subplots(
        len(clips),
        len(windows),
        figsize=(WIDTH, 0.6 + 2.3 * len(clips)),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for row, (label, audio) in zip(grid, clips.items(), strict=True):
        middle = max(0, (len(audio) - round(seconds * sample_rate)) // 2)
        shown = audio[middle : middle + round(seconds * sample_rate)]
        for panel, window in zip(row, windows, strict=True):
            config = StftConfig(n_fft=window, hop_length=window // 8)
            title = f"{label}\n{window:,} samples, {1000 * window / sample_rate:.3g} ms"
            spectrogram(
                shown, sample_rate, config, floor_db=-70.0, colourbar=False, title=title, axes=panel
            )
            panel.set_ylim(0, min(highest_hz, sample_rate / 2) / 1000)
            panel.title.set_fontsize(10)
            panel.label_outer()
    return figure, grid


def compaction(
    tables: Mapping[str, pd.DataFrame], clip_labels: Mapping[str, str]
) -> tuple[Figure, AxesArray]:
    """Values that hold 99 % of the energy, over the window length.

    Args:
        tables: By title of a panel: rows of one transform, from
            :func:`musiclib.studies.spectrograms.representation.compaction_table`.
        clip_labels: Labels of the clips that get a line of their own; the mean is over all.

    Returns:
        The figure and its axes, shape ``(len(tables),)``.
    """
    figure, axes = plt.subplots(1, len(tables), figsize=(WIDTH, 3.8), squeeze=False)
    for panel, (title, table) in zip(axes[0], tables.items(), strict=True):
        for (clip, label), colour in zip(clip_labels.items(), (VERMILION, BLUE), strict=False):
            line = table[table["clip"] == clip]
            panel.plot(line["window"], line["values_per_sample"], "o-", color=colour, label=label)
        means = table.groupby("window")["values_per_sample"].mean()
        panel.plot(means.index, means, "s--", color=GREY, label="mean of all clips")
        ticks = sorted(table["window"].unique())
        panel.set(xscale="log", title=title, xlabel="Window (samples)")
        panel.set_ylim(bottom=0.0)
        panel.set_xticks(ticks, [str(tick) for tick in ticks])
        panel.set_xticks([], minor=True)
    axes[0, 0].set_ylabel("Values a sample")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure, axes[0]


def window_choice(table: pd.DataFrame) -> tuple[Figure, AxesArray]:
    """What each window length gives, with 95 % intervals.

    Args:
        table: From :func:`musiclib.studies.spectrograms.phase.window_trials`, one clip an artist.

    Returns:
        The figure and its axes, shape ``(2,)``.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.4))
    titles = {"kept_mos": "Largest cells kept", "rebuilt_mos": "Phase rebuilt"}
    for panel, (column, title) in zip(axes, titles.items(), strict=True):
        values = {window: part[column] for window, part in table.groupby("window")}
        found = [mean_interval(part, bounds=(1.0, 5.0)) for part in values.values()]
        places = range(len(found))
        panel.vlines(places, [one.low for one in found], [one.high for one in found], color=BLUE)
        panel.plot(places, [one.mean for one in found], "o-", color=BLUE)
        panel.set(title=title, xlabel="Window (samples)", ylabel="Zimtohrli MOS")
        panel.set_xticks(places, [f"{window:,}" for window in values])
    return figure, axes

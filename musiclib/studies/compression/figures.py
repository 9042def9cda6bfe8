"""Figures of the chapter on compression. Each returns a figure and its axes."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from musiclib.audio import FloatArray
from musiclib.figures.panels import AxesArray
from musiclib.figures.style import CODEC_COLOURS, WIDTH, codec_colour, codec_marker
from musiclib.figures.tables import metric_label
from musiclib.studies.compression.limits import local_spectra
from musiclib.studies.compression.rates import title
from musiclib.studies.compression.report import ORIGINAL_REPORT

GREY, BLACK, BLUE, PURPLE = "#7f7f7f", "#1a1a1a", "#0072b2", CODEC_COLOURS["autoencoder"]
SYSTEM_STYLES: dict[str, dict[str, Any]] = {
    "wideband-64": {"color": "#aa3377", "marker": "X"},
    "deep-64": {"color": PURPLE, "marker": "X", "linestyle": "--"},
    "pca-16": {"color": CODEC_COLOURS["pca"], "marker": "P", "linestyle": ":"},
    "deep-16": {"color": "#882255", "marker": "p", "linestyle": ":"},
    "waveform-4": {"color": "#117733", "marker": "<", "linestyle": ":"},
    "waveform-8": {"color": CODEC_COLOURS["melic"], "marker": "<"},
    "waveform-16": {"color": "#44aa99", "marker": ">", "linestyle": "--"},
    "waveform-32": {"color": "#88bb88", "marker": ">", "linestyle": "-."},
    "frequency-512": {"color": PURPLE, "marker": "X", "linestyle": "--"},
    "frequency-128": {"color": "#aa3377", "marker": "X"},
    "frequency-32": {"color": "#882255", "marker": "p", "linestyle": ":"},
}
"""Styles of the models: those of spectrograms are purple, those of samples green."""
_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 400)


def style(system: str) -> dict[str, Any]:
    """Keyword arguments of a system's line."""
    if system in SYSTEM_STYLES:
        return SYSTEM_STYLES[system]
    return {"color": codec_colour(system), "marker": codec_marker(system)}


def report_ratios(measured: pd.DataFrame, found: pd.DataFrame) -> tuple[Figure, AxesArray]:
    """The report's experiment: distances on the left, ratios to downsampling on the right.

    Args:
        measured: From :func:`musiclib.studies.compression.report.measure`.
        found: From :func:`musiclib.studies.compression.report.ratios`.

    Returns:
        The figure and its axes, shape ``(2,)``.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.2))
    means = measured.groupby("nominal_kbps")[["downsampling", "pca", "autoencoder"]].mean()
    for name, label, kind in (
        ("downsampling", "downsampling", {"color": GREY, "marker": "v"}),
        ("pca", "PCA", {"color": CODEC_COLOURS["pca"], "marker": "P"}),
        ("autoencoder", "autoencoder", {"color": "#aa3377", "marker": "X"}),
    ):
        axes[0].plot(means.index, means[name], label=label, **kind)
    quoted = {"color": BLACK, "linewidth": 1.2, "linestyle": ":"}
    report = ORIGINAL_REPORT.sort_values("nominal_kbps")
    for name, marker in (("downsampling", "v"), ("autoencoder", "X")):
        axes[0].plot(
            report["nominal_kbps"], report[name], label=f"{name}, report", marker=marker, **quoted
        )
    for name, label, kind in (
        ("pca_ratio", "PCA", {"color": CODEC_COLOURS["pca"], "marker": "P"}),
        ("ratio", "autoencoder", {"color": "#aa3377", "marker": "X"}),
        ("sound_ratio", "autoencoder, as sound", {"color": "#882255", "marker": "p", "ls": "--"}),
    ):
        _with_interval(axes[1], found["nominal_kbps"], found[name], label, **kind)
    axes[1].plot(
        found["nominal_kbps"],
        found["quoted_ratio"],
        label="autoencoder, report",
        marker="X",
        **quoted,
    )
    axes[1].axhline(1.0, color=GREY, linewidth=1.2)
    axes[1].plot(found["nominal_kbps"], found["wanted"], "_", color=BLUE, ms=18, label="aim")
    axes[0].set(ylabel="Spectral RMSE")
    axes[1].set(ylabel="Ratio to downsampling")
    for panel in axes:
        _bitrate_axis(panel, sorted({round(rate) for rate in measured["nominal_kbps"]}))
        panel.set(xlabel="Nominal bitrate (kbps)")
        panel.set_ylim(bottom=0.0)
    figure.legend(*_merged(axes), loc="outside upper center", ncols=3)
    return figure, axes


def rate_distortion(
    summary: pd.DataFrame,
    metric: str,
    systems: Sequence[str] | None = None,
    limits: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]] | None = None,
) -> tuple[Figure, Axes]:
    """One metric over real bitrates, a line for each system, and limits as black lines.

    Args:
        summary: From :func:`musiclib.studies.rate_tables.summarise`.
        metric: Its column.
        systems: Values of the column ``codec``; all by default.
        limits: Bitrates in kbps and values of limits by label.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 5.4))
    for (label, (rates, values)), dashes in zip(
        (limits or {}).items(), ("-", "--", ":"), strict=False
    ):
        axes.plot(rates, values, color=BLACK, linestyle=dashes, linewidth=1.4, label=label)
    for system in systems or summary["codec"].unique():
        points = summary[summary["codec"] == system].sort_values("kbps")
        spread = [
            points[metric] - points[f"{metric}_low"],
            points[f"{metric}_high"] - points[metric],
        ]
        axes.errorbar(
            points["kbps"],
            points[metric],
            yerr=np.clip(np.array(spread, dtype=float), 0.0, None),
            label=title(str(system)),
            markersize=7,
            capsize=2,
            elinewidth=0.9,
            **style(str(system)),
        )
    _bitrate_axis(axes, _TICKS)
    axes.set(xlabel="Bitrate of the files (kbps)", ylabel=metric_label(metric))
    figure.legend(*_merged([axes]), loc="outside upper center", ncols=4)
    return figure, axes


def narrow(
    sounds: pd.DataFrame, spectrograms: pd.DataFrame, curves: Mapping[str, Mapping[str, Any]]
) -> tuple[Figure, AxesArray]:
    """Spectral RMSE at 8 kHz by real bytes: as sound, and before a phase is found.

    Args:
        sounds: From :func:`musiclib.studies.rate_tables.summarise`, of the codecs at 8 kHz.
        spectrograms: From :func:`musiclib.studies.compression.rates.narrow_spectrograms`.
        curves: ``kbps`` and ``rmse`` of limits, by label.

    Returns:
        The figure and its axes, shape ``(2,)``.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 4.8))
    for system in sounds["codec"].unique():
        points = sounds[sounds["codec"] == system].sort_values("kbps")
        metric = points["spectral_rmse"]
        spread = [metric - points["spectral_rmse_low"], points["spectral_rmse_high"] - metric]
        axes[0].errorbar(
            points["kbps"],
            metric,
            yerr=np.clip(np.array(spread, dtype=float), 0.0, None),
            label=title(str(system)),
            markersize=6,
            capsize=2,
            elinewidth=0.9,
            **style(str(system)),
        )
    for model, points in spectrograms.groupby("model", sort=False):
        ordered = points.sort_values("kbps")
        axes[1].plot(ordered["kbps"], ordered["rmse"], label=str(model), **style(str(model)))
    shown = spectrograms["kbps"]
    for (label, curve), dashes in zip(curves.items(), ("-", "--", ":"), strict=False):
        rates, errors = np.asarray(curve["kbps"]), np.asarray(curve["rmse"])
        near = (rates > shown.min() / 2) & (rates < shown.max() * 2)
        axes[1].plot(
            rates[near], errors[near], color=BLACK, linestyle=dashes, linewidth=1.4, label=label
        )
    axes[0].set(title="Sound", ylabel="Spectral RMSE")
    axes[1].set(title="Spectrograms, no phase yet")
    for panel in axes:
        _bitrate_axis(panel, _TICKS)
        panel.set(xlabel="Bitrate of the files (kbps)")
        panel.set_ylim(bottom=0.0)
    figure.legend(*_merged(axes), loc="outside upper center", ncols=3)
    return figure, axes


def water_filling(audio: FloatArray, sample_rate: int) -> tuple[Figure, Axes]:
    """The mean spectrum of a clip, and what stands under water.

    Args:
        audio: Samples, shape ``(N,)``, not silent.
        sample_rate: In Hz.

    Returns:
        The figure and its axes; half of the bins are under water.
    """
    power = local_spectra(audio).mean(axis=1)
    decibels = np.maximum(10.0 * np.log10(np.maximum(power / power.max(), 1e-12)), -90.0)
    level_db = float(np.median(decibels))
    khz = np.arange(len(power)) * sample_rate / 2000.0 / len(power)
    figure, axes = plt.subplots(figsize=(WIDTH, 3.8))
    floor = -90.0
    axes.fill_between(khz, floor, np.minimum(decibels, level_db), color="#56b4e9", alpha=0.6)
    axes.fill_between(
        khz, level_db, decibels, where=(decibels > level_db).tolist(), color="#d55e00", alpha=0.45
    )
    axes.plot(khz, decibels, color=BLACK, linewidth=1.0)
    axes.axhline(level_db, color=BLUE, linewidth=1.5)
    axes.annotate(
        "water level", (khz[-1], level_db), (0, 5), textcoords="offset points", ha="right",
        color=BLUE, bbox={"color": "white", "alpha": 0.7, "pad": 1.0},
    )  # fmt: skip
    handles = [
        Rectangle((0, 0), 1, 1, color="#d55e00", alpha=0.45, label="pays bits, ½ bit for 3 dB"),
        Rectangle((0, 0), 1, 1, color="#56b4e9", alpha=0.6, label="error that is left"),
    ]
    axes.legend(handles=handles, loc="upper right")
    axes.set(xlabel="Frequency (kHz)", ylabel="Power (dB)", ylim=(floor, 4), xlim=(0, khz[-1]))
    return figure, axes


def _with_interval(axes: Axes, x: pd.Series, intervals: pd.Series, label: str, **kind: Any) -> None:
    means = np.array([interval.mean for interval in intervals])
    low = np.array([interval.low for interval in intervals])
    high = np.array([interval.high for interval in intervals])
    spread = np.nan_to_num(np.stack([means - low, high - means])).clip(min=0.0)
    axes.errorbar(x, means, yerr=spread, label=label, capsize=3, **kind)


def _bitrate_axis(axes: Axes, ticks: Sequence[float]) -> None:
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    shown = [tick for tick in ticks if low <= tick <= high]
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda kbps, _: f"{kbps:g}"))


def _merged(axes: Sequence[Axes] | AxesArray) -> tuple[list[Any], list[str]]:
    """Handles and labels of several panels, each label once."""
    found: dict[str, Any] = {}
    for panel in axes:
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)

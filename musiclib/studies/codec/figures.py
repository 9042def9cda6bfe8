"""Figures of the chapter on Melic. Each returns a figure and its axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from musiclib.figures.panels import AxesArray
from musiclib.figures.style import WIDTH, codec_colour, codec_marker
from musiclib.figures.tables import metric_label, scale_bitrates
from musiclib.metrics import METRICS
from musiclib.studies.codec.measuring import QUALITY_METRICS
from musiclib.studies.codec.plan import MELIC, PLAIN
from musiclib.studies.codec.tables import title

_LINES = ("-", "--", ":", "-.")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")


def style(system: str) -> dict[str, Any]:
    """Keyword arguments of a codec's line."""
    if system == PLAIN:
        return {
            "color": codec_colour(MELIC),
            "marker": codec_marker(MELIC),
            "linestyle": "--",
            "markerfacecolor": "white",
        }
    wide = {"linewidth": 2.4, "zorder": 3} if system == MELIC else {}
    return {"color": codec_colour(system), "marker": codec_marker(system), **wide}


def rate_distortion(
    summary: pd.DataFrame, metrics: Sequence[str] = QUALITY_METRICS
) -> tuple[Figure, AxesArray]:
    """All codecs over real bitrates, a panel for each metric, with 95 % intervals.

    Args:
        summary: From :func:`musiclib.studies.rate_tables.summarise`.
        metrics: Its metrics.

    Returns:
        The figure and its axes, shape ``(len(metrics),)``.
    """
    figure, panels = _grid(len(metrics), 3.2)
    for panel, metric in zip(panels, metrics, strict=True):
        for system in summary["codec"].unique():
            points = summary[summary["codec"] == system].sort_values("kbps")
            spread = np.array(
                [
                    points[metric] - points[f"{metric}_low"],
                    points[f"{metric}_high"] - points[metric],
                ],
                dtype=float,
            )
            panel.errorbar(
                points["kbps"],
                points[metric],
                yerr=np.nan_to_num(spread).clip(min=0.0),
                label=title(str(system)),
                markersize=6,
                capsize=2,
                elinewidth=0.9,
                **style(str(system)),
            )
        scale_bitrates(panel)
        panel.set(xlabel="Bitrate of the files (kbps)", ylabel=metric_label(metric))
    _legend(figure, panels[0], 6)
    return figure, panels


def equal_bytes(
    found: pd.DataFrame, metrics: Sequence[str] = QUALITY_METRICS
) -> tuple[Figure, AxesArray]:
    """Differences to each rival at equal bytes over the rival's bitrate; above 0 is better.

    Args:
        found: From :func:`musiclib.studies.codec.measuring.differences`.
        metrics: Its metrics.

    Returns:
        The figure and its axes, shape ``(len(metrics),)``.
    """
    figure, panels = _grid(len(metrics), 3.0)
    for panel, metric in zip(panels, metrics, strict=True):
        sign = 1.0 if METRICS[metric].higher_is_better else -1.0
        for codec, part in found.groupby("rival_codec", sort=False):
            ordered = part.sort_values("rival_kbps")
            ends = sign * np.array([[one.mean, one.low, one.high] for one in ordered[metric]])
            means = ends[:, 0]
            spread = np.nan_to_num(
                np.stack([means - ends[:, 1:].min(axis=1), ends[:, 1:].max(axis=1) - means])
            )
            panel.errorbar(
                ordered["rival_kbps"],
                means,
                yerr=spread.clip(min=0.0),
                label=f"against {title(str(codec))}",
                markersize=6,
                capsize=2,
                elinewidth=0.9,
                **style(str(codec)),
            )
        panel.axhline(0.0, color="#7f7f7f", linewidth=1.2)
        scale_bitrates(panel)
        panel.set(xlabel="Bitrate of the rival's files (kbps)", ylabel=_better(metric))
    _legend(figure, panels[0], 4)
    return figure, panels


def variants(
    table: pd.DataFrame, names: Mapping[str, str], metrics: Sequence[str]
) -> tuple[Figure, AxesArray]:
    """Mean curves of variants of the codec, a panel for each metric.

    Args:
        table: Rows of clips, variants and settings: `codec`, `label`, `kbps`, metrics.
        names: What a reader calls each variant; others are left out.
        metrics: Columns of the table.

    Returns:
        The figure and its axes, shape ``(len(metrics),)``.
    """
    figure, panels = _grid(len(metrics), 3.6)
    means = table.groupby(["codec", "label"], sort=False)[["kbps", *metrics]].mean().reset_index()
    for panel, metric in zip(panels, metrics, strict=True):
        for place, (variant, called) in enumerate(names.items()):
            points = means[means["codec"] == variant].sort_values("kbps")
            panel.plot(
                points["kbps"],
                points[metric],
                label=called,
                marker=_MARKERS[place % len(_MARKERS)],
                linestyle=_LINES[place % len(_LINES)],
                markersize=5,
            )
        scale_bitrates(panel)
        panel.set(xlabel="Bitrate (kbps)", ylabel=metric_label(metric))
    _legend(figure, panels[0], 2)
    return figure, panels


def repairs(
    table: pd.DataFrame, names: Mapping[str, str], base: str, metrics: Sequence[str]
) -> tuple[Figure, AxesArray]:
    """What each network changes at the same bits, over the bitrate; above 0 is better.

    Args:
        table: Rows of :func:`musiclib.studies.codec.variants.compare_parts`.
        names: What a reader calls each variant with a network.
        base: The variant without one.
        metrics: Columns of the table.

    Returns:
        The figure and its axes, shape ``(len(metrics),)``.
    """
    figure, panels = _grid(len(metrics), 3.2)
    means = table.groupby(["codec", "gain"])[["kbps", *metrics]].mean()
    plain = means.loc[base]
    for panel, metric in zip(panels, metrics, strict=True):
        sign = 1.0 if METRICS[metric].higher_is_better else -1.0
        for place, (variant, called) in enumerate(names.items()):
            panel.plot(
                plain["kbps"],
                sign * (means.loc[variant][metric] - plain[metric]),
                label=called,
                marker=_MARKERS[place % len(_MARKERS)],
                linestyle=_LINES[place % len(_LINES)],
                markersize=5,
            )
        panel.axhline(0.0, color="#7f7f7f", linewidth=1.2)
        scale_bitrates(panel)
        panel.set(xlabel="Bitrate (kbps)", ylabel=_better(metric))
    _legend(figure, panels[0], 2)
    return figure, panels


def entropy_models(
    table: pd.DataFrame, names: Mapping[str, str], static: str
) -> tuple[Figure, Axes]:
    """Bits of each entropy model over those of static tables, from coarse to fine quantisers.

    Args:
        table: Rows of :func:`musiclib.studies.codec.variants.compare_parts`.
        names: What a reader calls each entropy model.
        static: The model that the others are compared with.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.8))
    means = table.groupby(["codec", "gain"])["kbps"].mean()
    base = means.loc[f"entropy: {static}"]
    for place, (name, called) in enumerate(names.items()):
        axes.plot(
            base,
            100.0 * means.loc[f"entropy: {name}"] / base,
            label=called,
            marker=_MARKERS[place % len(_MARKERS)],
            linestyle=_LINES[place % len(_LINES)],
            markersize=6,
        )
    scale_bitrates(axes)
    axes.set(xlabel="Bitrate with static tables (kbps)", ylabel="Bits (% of static tables)")
    _legend(figure, axes, 4)
    return figure, axes


def genres(found: pd.DataFrame, metric: str) -> tuple[Figure, Axes]:
    """Differences at equal bytes by genre, with intervals over its clips.

    Args:
        found: From :func:`musiclib.studies.codec.tables.by_genre`.
        metric: What it holds.
    """
    rivals = list(found.columns.drop("clips"))
    figure, axes = plt.subplots(figsize=(WIDTH, 1.4 + 0.5 * len(found)))
    places = np.arange(len(found))
    for number, rival in enumerate(rivals):
        offset = 0.5 * ((number + 0.5) / len(rivals) - 0.5)
        values = np.array([[one.mean, one.low, one.high] for one in found[rival]])
        spread = np.nan_to_num(np.abs(values[:, 1:] - values[:, :1])).T
        axes.errorbar(
            values[:, 0],
            places + offset,
            xerr=spread,
            fmt="osD^vP"[number % 6],
            markersize=6,
            capsize=2,
            elinewidth=1.0,
            label=rival,
        )
    axes.axvline(0.0, color="#7f7f7f", linewidth=1.2)
    names = [str(name).replace("_", " ") for name in found.index]
    axes.set_yticks(
        places, [f"{name} ({n})" for name, n in zip(names, found["clips"], strict=True)]
    )
    axes.invert_yaxis()
    axes.set_xlabel(f"Difference of {METRICS[metric].label}, musiclib less the rival")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return figure, axes


def _better(metric: str) -> str:
    """What grows upwards where a difference is drawn so that up is better."""
    one = METRICS[metric]
    unit = f" ({one.unit})" if one.unit else ""
    return f"{one.label}{'' if one.higher_is_better else ', less'}{unit}"


def _grid(count: int, height: float) -> tuple[Figure, AxesArray]:
    rows = -(-count // 2)
    figure, grid = plt.subplots(
        rows, min(2, count), figsize=(WIDTH, 0.7 + height * rows), squeeze=False
    )
    panels: AxesArray = grid.ravel()
    for panel in panels[count:]:
        panel.remove()
    return figure, panels[:count]


def _legend(figure: Figure, panel: Axes, columns: int) -> None:
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), columns))

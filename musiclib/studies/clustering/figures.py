"""Figures on deep clustering. Each returns a figure and its axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from musiclib.figures import genre_colours
from musiclib.figures.panels import AxesArray
from musiclib.figures.style import WIDTH
from musiclib.studies.clustering.experiment import Outcome
from musiclib.studies.clustering.findings import decibels
from musiclib.studies.clustering.material import Material
from musiclib.studies.clustering.summary import ACCURACY, TEST, TRAINING

BLUE, VERMILION, GREY, BLACK = "#0072b2", "#d55e00", "#7f7f7f", "#1a1a1a"
TITLES: Final = {"purity": "Purity", "NMI": "NMI", ACCURACY: "Accuracy"}


def message(text: str) -> tuple[Figure, Axes]:
    """A card that says why there is no figure, so that its number and place stay."""
    figure, axes = plt.subplots(figsize=(WIDTH, 1.2))
    axes.text(0.5, 0.5, text, ha="center", va="center", wrap=True, transform=axes.transAxes)
    axes.set_axis_off()
    return figure, axes


def agreement(table: pd.DataFrame) -> tuple[Figure, AxesArray]:
    """Agreement with genre of every method, in a panel for each measure.

    Args:
        table: From :func:`~musiclib.studies.clustering.summary.comparison`.

    Returns:
        The figure and its axes, `(3,)`: dots with 95 % intervals over artists; a grey stroke is
        what dealt labels give on the same tracks.
    """
    methods = list(dict.fromkeys(table["method"]))
    figure, panels = plt.subplots(1, 3, figsize=(WIDTH, 1.4 + 0.46 * len(methods)), sharey=True)
    styles = ((TRAINING, GREY, "o", -0.16), (TEST, BLUE, "s", 0.16))
    for axes, measure in zip(panels, TITLES, strict=True):
        for part, colour, marker, shift in styles:
            rows = table[(table["part"] == part) & (table["measure"] == measure)]
            if rows.empty:
                continue
            heights = np.array([methods.index(name) for name in rows["method"]]) + shift
            reach = [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]
            axes.errorbar(
                rows["mean"],
                heights,
                xerr=np.nan_to_num(np.array(reach)),
                fmt=marker,
                color=colour,
                markersize=5,
                elinewidth=1.4,
                label=f"{part} tracks",
            )
            axes.plot(rows["chance"], heights, "|", color=VERMILION, markersize=11, label="chance")
        axes.set(title=TITLES[measure], xlim=(0.0, None))
        axes.grid(False, axis="y")
    panels[0].set_yticks(range(len(methods)), methods)
    panels[0].invert_yaxis()
    handles, names = panels[0].get_legend_handles_labels()
    once = dict(zip(names, handles, strict=True))
    figure.legend(once.values(), once.keys(), loc="outside lower center", ncols=3)
    return figure, panels


def contingency(training: pd.DataFrame, test: pd.DataFrame) -> tuple[Figure, AxesArray]:
    """Which genres each cluster holds, as numbers of tracks; colours are shares of the genre.

    Args:
        training: Genres by clusters, from :func:`~musiclib.studies.clustering.summary.contingency`.
        test: The same of the test tracks.

    Returns:
        The figure and its axes, `(2,)`.
    """
    figure, panels = plt.subplots(1, 2, figsize=(WIDTH, 1.2 + 0.5 * len(training)), sharey=True)
    for axes, counts, title in zip(
        panels, (training, test), ("Training tracks", "Test tracks"), strict=True
    ):
        shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
        sns.heatmap(
            shares,
            annot=counts.to_numpy(),
            fmt="d",
            vmin=0.0,
            vmax=1.0,
            cmap="Blues",
            cbar=False,
            linewidths=1.0,
            yticklabels=[str(name).replace("_", " ") for name in counts.index],
            ax=axes,
        )
        axes.set(title=title, xlabel="Cluster", ylabel="")
        axes.tick_params(length=0, rotation=0)
    return figure, panels


def rebuilding(material: Material, outcomes: Mapping[str, Outcome]) -> tuple[Figure, AxesArray]:
    """What clustering does to an autoencoder: its error, and how sure it is of its clusters.

    Args:
        material: The pieces.
        outcomes: Trainings on frames, by label.

    Returns:
        The figure and its axes, `(2,)`; a line for each seed.
    """
    figure, panels = plt.subplots(1, 2, figsize=(WIDTH, 3.2))
    for (label, outcome), colour, line in zip(
        outcomes.items(), (BLUE, VERMILION), ("-", "--"), strict=False
    ):
        for index, one in enumerate(outcome.fits):
            name = "" if index else label
            error = decibels(material, one.history["error"])
            panels[0].plot(one.history.index, error, line, color=colour, label=name, lw=1.3)
            panels[1].plot(one.history["confidence"], line, color=colour, lw=1.3)
    panels[0].set(title="Error of the spectra", xlabel="Epoch", ylabel="dB")
    panels[0].set_ylim(bottom=0.0)
    panels[1].set(title="Largest share of a piece", xlabel="Epoch", ylim=(0.0, 1.0))
    figure.legend(loc="outside lower center", ncols=2)
    return figure, panels


def embedding(material: Material, outcome: Outcome) -> tuple[Figure, AxesArray]:
    """Tracks in the first two principal components of the embedding, before and after.

    Args:
        material: The pieces.
        outcome: Trainings; the first one is drawn.

    Returns:
        The figure and its axes, `(2,)`. Colours are genres, numbers are clusters.
    """
    fitted = outcome.fits[0]
    figure, panels = plt.subplots(1, 2, figsize=(WIDTH, 4.4))
    colours = genre_colours(material.genres)
    order = _cluster_names(material, outcome)
    for axes, points, title in zip(
        panels, (fitted.before, fitted.after), ("Before", "After"), strict=True
    ):
        plane, share = _plane(_track_means(points, material), material.known)
        for genre in material.genres:
            chosen = (material.tracks["genre"] == genre).to_numpy()
            axes.scatter(
                *plane[chosen].T,
                s=26,
                color=colours[genre],
                alpha=0.75,
                linewidths=0.0,
                label=genre.replace("_", " "),
            )
        for cluster, name in order.items():
            held = outcome.clusters[0] == cluster
            if held.any():
                axes.text(
                    *np.median(plane[held], axis=0), name, fontsize=13, fontweight="bold",
                    ha="center", va="center", color=BLACK,
                    bbox={"boxstyle": "circle,pad=0.2", "fc": "white", "ec": BLACK, "lw": 0.8},
                )  # fmt: skip
        axes.set(title=f"{title} ({share:.0%} of the variance)", xticks=[], yticks=[])
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=min(5, len(names)))
    return figure, panels


def numbers(table: pd.DataFrame) -> tuple[Figure, AxesArray]:
    """Agreement with genre by number of clusters.

    Args:
        table: From :func:`~musiclib.studies.clustering.summary.by_number`.

    Returns:
        The figure and its axes, `(2,)`.
    """
    figure, panels = plt.subplots(1, 2, figsize=(WIDTH, 3.2))
    styles = {"k-means": (GREY, "o--"), "deep clustering": (BLUE, "s-")}
    for method, rows in table.groupby("method", sort=False):
        colour, line = styles[str(method)]
        panels[0].plot(rows["clusters"], rows["purity"], line, color=colour, label=str(method))
        panels[1].plot(rows["clusters"], rows["carried"], line, color=colour)
    level = table.groupby("clusters")["chance"].mean()
    panels[0].plot(level.index, level, ":", color=VERMILION, label="chance")
    panels[0].set(title="Purity, training tracks", xlabel="Clusters", ylim=(0.0, 1.0))
    panels[1].set(title="Genre of the cluster, test tracks", xlabel="Clusters", ylim=(0.0, 1.0))
    for axes in panels:
        axes.set_xticks(sorted(set(table["clusters"])))
    figure.legend(loc="outside lower center", ncols=3)
    return figure, panels


def _track_means(points: npt.NDArray[np.float32], material: Material) -> npt.NDArray[np.float64]:
    sums = np.zeros((len(material.tracks), points.shape[1]))
    np.add.at(sums, material.piece_tracks, points)
    means: npt.NDArray[np.float64] = sums / np.bincount(material.piece_tracks)[:, None]
    return means


def _plane(
    points: npt.NDArray[np.float64], known: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], float]:
    from sklearn.decomposition import PCA

    fitted = PCA(2, svd_solver="full").fit(points[known])
    return fitted.transform(points), float(fitted.explained_variance_ratio_.sum())


def _cluster_names(material: Material, outcome: Outcome) -> dict[int, str]:
    from musiclib.studies.clustering.summary import cluster_order

    return {int(one): str(rank + 1) for rank, one in enumerate(cluster_order(material, outcome))}

"""Tables of measurements as figures: confusion matrices."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from musiclib.figures.style import WIDTH


def confusion_matrix(
    counts: npt.ArrayLike, labels: Sequence[str], *, title: str | None = None
) -> tuple[Figure, Axes]:
    """Which classes are taken for which: shares of each row as colours, counts as numbers.

    Used by the data set chapter and by the chapters on classification.

    Args:
        counts: Number of tracks by true class (rows) and predicted class, shape ``(K, K)``.
        labels: Name of each class, K of them.
        title: Title of the axes.

    Returns:
        The figure and its axes. A row without tracks stays at 0.

    Raises:
        ValueError: If the matrix is not square or does not fit the labels.
    """
    matrix = np.asarray(counts)
    if matrix.shape != (len(labels), len(labels)):
        raise ValueError(f"{len(labels)} labels do not fit a matrix of shape {matrix.shape}")
    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(totals, 1)
    texts = [
        [f"{share:.0%}\n({count:g})" for share, count in zip(*row, strict=True)]
        for row in zip(shares, matrix, strict=True)
    ]
    names = [label.replace("_", " ") for label in labels]
    side = 1.8 + 0.78 * len(labels)
    figure, axes = plt.subplots(figsize=(min(side + 1.2, WIDTH), min(side, WIDTH)))
    sns.heatmap(
        shares,
        annot=np.array(texts),
        fmt="",
        vmin=0.0,
        vmax=1.0,
        cmap="Blues",
        xticklabels=names,
        yticklabels=names,
        square=True,
        annot_kws={"fontsize": 9},
        cbar_kws={"label": "Share of the true class", "shrink": 0.8},
        ax=axes,
    )
    axes.set(xlabel="Predicted", ylabel="True")
    axes.tick_params(axis="x", rotation=35, length=0)
    axes.tick_params(axis="y", rotation=0, length=0)
    plt.setp(axes.get_xticklabels(), ha="right", rotation_mode="anchor")
    if title:
        axes.set_title(title)
    return figure, axes

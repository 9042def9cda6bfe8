"""What bits and bytes are spent on. Each returns a figure and its axes."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from musiclib.figures.panels import AxesArray
from musiclib.figures.style import WIDTH
from musiclib.studies.codec_anatomy.entropy import AGAIN, MIXED, UNTRAINED, WORDS
from musiclib.studies.codec_anatomy.figures import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION
from musiclib.studies.codec_anatomy.filemap import BLOCK_HEADS, CHECKSUMS, HEADER, Piece
from musiclib.studies.codec_anatomy.influence import BINS_BELOW, Influence

PART_COLOURS = {
    HEADER: VERMILION,
    BLOCK_HEADS: PURPLE,
    "levels": ORANGE,
    "zeros": BLUE,
    "sizes": "#56b4e9",
    "signs": "#332288",
    "rounding": GREY,
    CHECKSUMS: GREEN,
}
PART_WORDS = {"zeros": "zero or not", "rounding": "rounding to bytes"}


def neighbours(found: Influence) -> tuple[Figure, Axes]:
    """How far each neighbour moves the expectation of a zero.

    Args:
        found: From :func:`musiclib.studies.codec_anatomy.influence.influence`.

    Returns:
        The figure and its axes: frames across, bins upwards, the coefficient in question marked.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.6))
    rows, columns = found.nats.shape
    picture = found.nats[::-1].T
    image = axes.imshow(picture, origin="lower", aspect="auto", cmap="viridis", vmin=0.0)
    here = rows - 1, BINS_BELOW
    for frame in range(rows):
        for place in range(columns):
            value = picture[place, frame]
            if np.isfinite(value):
                ink = "white" if value < 0.6 * np.nanmax(picture) else "#1a1a1a"
                axes.text(frame, place, f"{value:.2f}", ha="center", va="center", size=9, color=ink)
    axes.text(*here, "?", ha="center", va="center", size=14, weight="bold")
    axes.add_patch(
        Rectangle(
            (here[0] - 0.5, here[1] - 0.5), 1, 1, fill=False, edgecolor=VERMILION, linewidth=2
        )
    )
    axes.set_xticks(range(rows), [*(f"{back} before" for back in range(rows - 1, 0, -1)), "now"])
    axes.set_yticks(range(columns), [f"{place - BINS_BELOW:+d}" for place in range(columns)])
    axes.set(xlabel="Frame", ylabel="Bin")
    axes.grid(visible=False)
    figure.colorbar(image, ax=axes, label="Change of the logit", pad=0.02)
    return figure, axes


def code_lengths(table: pd.DataFrame) -> tuple[Figure, Axes]:
    """Kilobits a second of the same numbers by several ways to code them.

    Args:
        table: From :func:`musiclib.studies.codec_anatomy.entropy.length_table`.

    Returns:
        The figure and its axes, on a logarithmic scale.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.2))
    words = [WORDS[str(name)] for name in table.index]
    mixed = table.index.isin([UNTRAINED, MIXED, AGAIN])
    colours = [GREEN if one else "#9a9a9a" for one in mixed]
    axes.barh(words[::-1], table["kbps"].to_numpy()[::-1], color=colours[::-1])
    for place, value in enumerate(table["kbps"].to_numpy()[::-1]):
        axes.text(value * 1.03, place, f"{value:.2f}", va="center", size=9.5)
    low, high = 0.5 * float(table["kbps"].min()), 2.0 * float(table["kbps"].max())
    axes.set(xscale="log", xlim=(low, high), xlabel="kbps")
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200) if low <= tick <= high]
    axes.set_xticks(ticks, [f"{tick}" for tick in ticks])
    axes.minorticks_off()
    axes.grid(visible=False, axis="y")
    return figure, axes


def byte_map(
    pieces: list[Piece], shares: pd.Series, columns: int = 120
) -> tuple[Figure, AxesArray]:
    """Every byte of a file as a cell, and what all bytes are spent on.

    Args:
        pieces: From :func:`musiclib.studies.codec_anatomy.filemap.pieces`.
        shares: From :func:`musiclib.studies.codec_anatomy.filemap.shares`.
        columns: Bytes in a row of the map.

    Returns:
        The figure and its two axes.
    """
    total = pieces[-1].start + pieces[-1].size
    rows = -(-total // columns)
    figure, panels = plt.subplots(
        2, 1, figsize=(WIDTH, 5.4), height_ratios=[3.2, 1], layout="constrained"
    )
    kinds = (HEADER, BLOCK_HEADS, "payload", CHECKSUMS)
    cells = np.full(rows * columns, np.nan)
    for piece in pieces:
        cells[piece.start : piece.start + piece.size] = kinds.index(piece.kind)
    colours = [PART_COLOURS[HEADER], PART_COLOURS[BLOCK_HEADS], "#9ecae1", PART_COLOURS[CHECKSUMS]]
    panels[0].pcolormesh(
        cells.reshape(rows, columns), cmap=ListedColormap(colours), vmin=-0.5, vmax=3.5,
        edgecolors="white", linewidth=0.25,
    )  # fmt: skip
    panels[0].invert_yaxis()
    panels[0].grid(visible=False)
    panels[0].set(ylabel="Byte", title=f"All {total:,} bytes")
    marks = range(0, rows, max(1, rows // 5))
    panels[0].set_yticks([row + 0.5 for row in marks], [f"{row * columns:,}" for row in marks])
    panels[0].set_xticks([])
    sizes = {kind: sum(p.size for p in pieces if p.kind == kind) for kind in kinds}
    panels[0].legend(
        handles=[
            Patch(color=colour, label=f"{kind}: {sizes[kind]:,}")
            for kind, colour in zip(kinds, colours, strict=True)
        ],
        loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=4,
    )  # fmt: skip
    left = 0.0
    for name, size in shares.items():
        words = PART_WORDS.get(str(name), str(name))
        label = f"{words}: {size:,.1f}"
        panels[1].barh([0], [size], left=left, color=PART_COLOURS[str(name)], label=label)
        left += float(size)
    panels[1].set(xlim=(0, total), xlabel="Bytes", yticks=[], title="What they are spent on")
    panels[1].grid(visible=False)
    panels[1].legend(loc="upper center", bbox_to_anchor=(0.5, -0.75), ncols=4, fontsize=9)
    return figure, panels

"""Pictures of spectra of the chapter. Each function returns a figure and its axes."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from musiclib.audio import FloatArray
from musiclib.figures.panels import AxesArray
from musiclib.figures.style import WIDTH

FLOOR_DB = -80.0


def spectrograms(
    pictures: Mapping[str, FloatArray], sample_rate: int, seconds: float, columns: int = 2
) -> tuple[Figure, AxesArray]:
    """Magnitudes side by side on one scale, which is that of the first.

    Args:
        pictures: Magnitudes ``(F, T)`` by label, the original first.
        sample_rate: In Hz.
        seconds: Length of the excerpt.
        columns: Panels in a row.

    Returns:
        The figure and the axes of the panels.
    """
    rows = -(-len(pictures) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(WIDTH, 0.6 + 1.9 * rows), sharex=True, sharey=True, squeeze=False
    )
    boxes: AxesArray = grid.ravel()
    loudest = max(float(next(iter(pictures.values())).max()), 1e-30)
    colours = Normalize(FLOOR_DB, 0.0)
    for axes, (label, magnitudes) in zip(boxes, pictures.items(), strict=False):
        levels = 20 * np.log10(np.maximum(magnitudes / loudest, 10 ** (FLOOR_DB / 20)))
        axes.imshow(
            levels,
            origin="lower",
            aspect="auto",
            extent=(0.0, seconds, 0.0, sample_rate / 2000),
            norm=colours,
        )
        axes.grid(False)
        axes.set(title=label, xlabel="Time (s)", ylabel="kHz")
        axes.label_outer()
    for axes in boxes[len(pictures) :]:
        axes.remove()
    used: AxesArray = boxes[: len(pictures)]
    for axes in used[-columns:]:
        axes.xaxis.set_tick_params(labelbottom=True)
        axes.set_xlabel("Time (s)")
    figure.colorbar(used[0].images[0], ax=list(used), label="Level (dB)", pad=0.02, aspect=40)
    return figure, used


def latent_walk(
    walks: Mapping[str, npt.NDArray[np.float32]], places: Sequence[float], sample_rate: int
) -> tuple[Figure, AxesArray]:
    """Spectra as one value moves, a row for each model and a column for each value.

    Args:
        walks: Results of :func:`musiclib.studies.roche.insides.latent_steps` by label.
        places: Their positions in standard deviations.
        sample_rate: In Hz.

    Returns:
        The figure and its axes.
    """
    columns = max(walk.shape[0] for walk in walks.values())
    figure, grid = plt.subplots(
        len(walks), columns, figsize=(WIDTH, 0.6 + 1.9 * len(walks)), sharex=True, sharey=True,
        squeeze=False,
    )  # fmt: skip
    for row, (label, walk) in enumerate(walks.items()):
        kilohertz = np.linspace(0.0, sample_rate / 2000, walk.shape[2])
        for column, spectra in enumerate(walk):
            axes = grid[row, column]
            for number, (place, levels) in enumerate(zip(places, spectra, strict=True)):
                shade = plt.get_cmap("viridis")(0.85 * number / max(1, len(places) - 1))
                axes.plot(kilohertz, levels, color=shade, linewidth=1.2, label=_place(place))
            axes.set_title(f"{label}: value {column + 1}", fontsize=10)
    for axes in grid[-1]:
        axes.set_xlabel("kHz")
    for axes in grid[:, 0]:
        axes.set_ylabel("Level (dB)")
    grid[0, 0].legend(fontsize=8, loc="upper right", handlelength=1.2)
    return figure, grid


def _place(deviations: float) -> str:
    if deviations == 0.0:
        return "mean"
    return f"{deviations:+g} σ".replace("-", "\N{MINUS SIGN}")

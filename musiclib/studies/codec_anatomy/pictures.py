"""Pictures over time and frequency. Each returns a figure and its axes."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from musiclib.audio import FloatArray
from musiclib.figures import levels as figure_levels
from musiclib.figures.panels import AxesArray
from musiclib.figures.spectrograms import spectrogram
from musiclib.figures.style import WIDTH
from musiclib.models.transform import Frames, dequantise, interpolate, step_exponents
from musiclib.models.transform.bands import N_BINS, decibels
from musiclib.models.transform.quantiser import amplitude
from musiclib.stft import StftConfig
from musiclib.studies.codec_anatomy.entropy import Guesses
from musiclib.studies.codec_anatomy.figures import BLUE, GREEN, GREY, ORANGE, VERMILION

_LARGEST_CHANGE_DB = 12.0
Picture = npt.NDArray[np.floating] | npt.NDArray[np.integer]


def one_frame(
    frames: Frames, coefficients: FloatArray, gain: int, frame: int, top_khz: float
) -> tuple[Figure, Axes]:
    """A frame's coefficients, envelope, quantiser step, and what is decoded.

    Args:
        frames: Levels and values of a file.
        coefficients: Of the music, `(T, 256)`.
        gain: Quantiser setting.
        frame: Which frame.
        top_khz: Highest frequency.

    Returns:
        The figure and its axes.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 4.2))
    khz = (np.arange(N_BINS) + 0.5) * top_khz / N_BINS
    one = slice(frame, frame + 1)
    cut = frames.levels[one]
    spectrum = dequantise(frames.values[one], cut, gain, frame)
    axes.plot(khz, _loud(coefficients[frame]), color="#b4b4b4", linewidth=1.0, label="coefficients")
    axes.plot(khz, decibels(interpolate(cut))[0], color=ORANGE, label="envelope")
    axes.plot(khz, decibels(step_exponents(cut, gain))[0], color=BLUE, linestyle="--",
              label="quantiser step")  # fmt: skip
    sent = spectrum.values[0] != 0
    axes.plot(khz[sent], _loud(spectrum.coded[0, sent]), "o", color=GREEN, markersize=4.5,
              label="decoded from whole numbers")  # fmt: skip
    axes.plot(khz[~sent], _loud(spectrum.plain[0, ~sent]), ".", color=VERMILION, markersize=4,
              label="noise for zeros")  # fmt: skip
    low = float(np.percentile(decibels(step_exponents(cut, gain)), 1)) - 45.0
    high = float(max(_loud(coefficients[frame]).max(), decibels(interpolate(cut)).max())) + 18.0
    axes.set(xlabel="Frequency (kHz)", ylabel="Level (dB)", xlim=(0, top_khz), ylim=(low, high))
    axes.legend(loc="upper right", ncols=3)
    return figure, axes


def quantiser_pictures(
    frames: Frames, gain: int, span: slice, frames_per_second: float, top_khz: float
) -> tuple[Figure, AxesArray]:
    """Envelope, step, whole numbers and noise of a stretch of a file.

    Args:
        frames: Levels and values of a file.
        gain: Quantiser setting.
        span: Which frames.
        frames_per_second: Frames a second.
        top_khz: Highest frequency.

    Returns:
        The figure and its four axes.
    """
    figure, grid = plt.subplots(2, 2, figsize=(WIDTH, 5.2), sharex=True, sharey=True)
    panels = grid.ravel()
    cut = frames.levels[span]
    spectrum = dequantise(frames.values[span], cut, gain, span.start)
    envelope, step = decibels(interpolate(cut)), decibels(step_exponents(cut, gain))
    noise = _loud(spectrum.noise)
    top = float(envelope.max())
    extent = _extent(span, frames_per_second, top_khz)
    drawn: dict[str, Picture] = {
        "Envelope": envelope,
        "Quantiser step": step,
        "Noise for zeros": noise,
    }
    for panel, title in zip(panels[[0, 1, 3]], drawn, strict=True):
        image = _image(panel, drawn[title], extent, vmin=top - 80.0, vmax=top)
        panel.set_title(title)
        figure.colorbar(image, ax=panel, label="Level (dB)", pad=0.02, aspect=20)
    size = np.abs(frames.values[span])
    image = _image(panels[2], np.minimum(size, 4), extent, vmin=0, vmax=4, cmap="cividis")
    panels[2].set_title("Sizes of whole numbers")
    bar = figure.colorbar(image, ax=panels[2], ticks=range(5), pad=0.02, aspect=20)
    bar.ax.set_yticklabels(["0", "1", "2", "3", "4+"])
    _label(grid)
    return figure, panels


def amplitude_rule(gain: int, levels: npt.NDArray[np.int32]) -> float:
    """Exponent of the law that links steps to the envelope, measured on levels `(T, 20)`."""
    envelope = np.log(amplitude(interpolate(levels)).astype(np.float64))
    step = np.log(amplitude(step_exponents(levels, gain)).astype(np.float64))
    # Within a bin, since low bins have finer steps by another rule.
    x, y = envelope - envelope.mean(axis=0), step - step.mean(axis=0)
    return float((x * y).sum() / max((x * x).sum(), 1e-30))


def expectations(
    guesses: Guesses, table: pd.DataFrame, frames_per_second: float, top_khz: float
) -> tuple[Figure, AxesArray]:
    """Whole numbers, the probability of a zero beforehand, bits spent, and promised against true.

    Args:
        guesses: A stretch of frames and some bins.
        table: From :meth:`Guesses.calibration`.
        frames_per_second: Frames a second.
        top_khz: Frequency above the last bin of the stretch.

    Returns:
        The figure and its four axes.
    """
    figure, grid = plt.subplots(2, 2, figsize=(WIDTH, 5.8))
    panels = grid.ravel()
    span = slice(guesses.start, guesses.start + len(guesses.values))
    extent = _extent(span, frames_per_second, top_khz)
    size = np.minimum(np.abs(guesses.values), 4).astype(np.float64)
    shown: tuple[tuple[str, Picture, tuple[float, float], str], ...] = (
        ("Sizes of whole numbers", size, (0.0, 4.0), "cividis"),
        ("Probability of a zero, beforehand", guesses.zero, (0.0, 1.0), "cividis_r"),
        ("Bits spent", guesses.bits, (0.0, 6.0), "magma"),
    )
    for panel, (title, picture, limits, colours) in zip(panels, shown, strict=False):
        image = _image(panel, picture, extent, vmin=limits[0], vmax=limits[1], cmap=colours)
        figure.colorbar(image, ax=panel, pad=0.02, aspect=25)
        panel.set_title(title)
        panel.set(xlabel="Time (s)", ylabel="Frequency (kHz)")
    panels[3].plot([0, 1], [0, 1], color=GREY, linestyle=":")
    panels[3].plot(table["promised"], table["true"], color=BLUE, marker="o", markersize=5)
    panels[3].set(xlabel="Promised probability of a zero", ylabel="Share of zeros",
                  xlim=(0, 1), ylim=(0, 1))  # fmt: skip
    panels[3].set_title("Does the mixer keep its word?")
    return figure, panels


def repaired(
    sounds: Mapping[str, FloatArray], sample_rate: int, labels: tuple[str, str]
) -> tuple[Figure, AxesArray]:
    """Spectrograms of a clip and of its decoded versions, and what the network changed.

    Args:
        sounds: Three sounds by label: original, without the network, with it.
        sample_rate: In Hz.
        labels: Labels of the last two.

    Returns:
        The figure and its four axes.
    """
    figure, grid = plt.subplots(2, 2, figsize=(WIDTH, 5.4), sharex=True, sharey=True)
    panels = grid.ravel()
    config = StftConfig()
    powers = {name: figure_levels.stft_power(sound, config) for name, sound in sounds.items()}
    loudest = float(next(iter(powers.values())).max())
    for panel, (title, sound) in zip(panels, sounds.items(), strict=False):
        spectrogram(
            sound, sample_rate, config, reference_power=loudest, colourbar=False, axes=panel,
            title=title,
        )  # fmt: skip
        panel.label_outer()
    shown = [*panels[0].images, *panels[0].collections][0]
    for panel in panels[:3]:
        figure.colorbar(shown, ax=panel, label="Level (dB)", pad=0.02, aspect=20)
    floor = loudest * 1e-8
    before, after = (np.log10(powers[label] + floor) for label in labels)
    seconds = next(iter(sounds.values())).shape[-1] / sample_rate
    limit = _LARGEST_CHANGE_DB
    image = panels[3].imshow(
        10.0 * (after - before), origin="lower", aspect="auto", cmap="RdBu_r",
        vmin=-limit, vmax=limit, extent=(0.0, seconds, 0.0, sample_rate / 2000),
    )  # fmt: skip
    panels[3].grid(visible=False)
    panels[3].set(title="What the network changed", xlabel="Time (s)")
    figure.colorbar(image, ax=panels[3], label="Change (dB)", pad=0.02, aspect=20)
    return figure, panels


def _loud(values: FloatArray) -> npt.NDArray[np.float64]:
    return np.asarray(20.0 * np.log10(np.abs(values.astype(np.float64)) + 1e-9))


def _extent(
    span: slice, frames_per_second: float, top_khz: float
) -> tuple[float, float, float, float]:
    return span.start / frames_per_second, span.stop / frames_per_second, 0.0, top_khz


def _image(
    axes: Axes,
    picture: Picture,
    extent: tuple[float, float, float, float],
    vmin: float,
    vmax: float,
    cmap: str | None = None,
) -> AxesImage:
    image = axes.imshow(
        picture.T, origin="lower", aspect="auto", extent=extent, vmin=vmin, vmax=vmax,
        cmap=cmap,
    )  # fmt: skip
    axes.grid(visible=False)
    return image


def _label(grid: AxesArray) -> None:
    for axes in grid[-1]:
        axes.set_xlabel("Time (s)")
    for axes in grid[:, 0]:
        axes.set_ylabel("Frequency (kHz)")

"""Pictures for explorers: spectrograms whose pixels are whole cells, waveforms, and charts."""

from typing import Final

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from musiclib.audio import FloatArray
from musiclib.explore.model import Picture
from musiclib.figures import levels
from musiclib.figures.picture import figure_png
from musiclib.figures.thumbnails import coloured, mean_cells, png

WIDTH: Final = 480
HEIGHT: Final = 160


def picture(
    shown_db: npt.NDArray[np.floating],
    alt: str,
    *,
    floor_db: float,
    top_khz: float,
    seconds: float,
    follows: bool = True,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> Picture:
    """Levels as a picture, low frequencies at the bottom.

    Args:
        shown_db: Levels, shape ``(F, T)``, 0 dB at the loudest. Few cells are drawn as rectangles,
            so that the grid of a short transform is seen.
        alt: What the picture shows.
        floor_db: Level of the darkest colour, below 0.
        top_khz: Frequency at the upper edge.
        seconds: Time from the left to the right edge.
        follows: Whether it shows all of the sound beside it.
        width: Pixels across.
        height: Pixels upwards.

    Returns:
        A PNG of 32 colours.
    """
    shares = 1.0 - np.asarray(shown_db, dtype=np.float64) / floor_db
    data = png(coloured(shares, width, height))
    return Picture(data, alt, width, height, f"{top_khz:g} kHz", seconds, follows)


def power_picture(
    power: FloatArray,
    alt: str,
    *,
    reference_power: float,
    top_khz: float,
    seconds: float,
    floor_db: float = -80.0,
    follows: bool = True,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> Picture:
    """Powers of an STFT as a picture.

    Args:
        power: ``|X|**2``, shape ``(F, T)``. Where there are more cells than pixels, their mean
            power is drawn.
        alt: What the picture shows.
        reference_power: Power of the lightest colour, one for all pictures to be compared.
        top_khz: Frequency at the upper edge.
        seconds: Time from the left to the right edge.
        floor_db: Level of the darkest colour, in dB.
        follows: Whether it shows all of the sound beside it.
        width: Pixels across.
        height: Pixels upwards.

    Returns:
        A PNG of 32 colours.
    """
    return picture(
        levels.decibels(mean_cells(power, width, height), reference_power, floor_db),
        alt,
        floor_db=floor_db,
        top_khz=top_khz,
        seconds=seconds,
        follows=follows,
        width=width,
        height=height,
    )


def sound_picture(
    audio: FloatArray, sample_rate: int, label: str, reference_power: float | None = None
) -> Picture:
    """The spectrogram of a sound, from 0 Hz to half its rate.

    Args:
        audio: Samples, shape ``(N,)``.
        sample_rate: In Hz.
        label: What the sound is.
        reference_power: Power of the lightest colour; by default that of the loudest bin.

    Returns:
        A picture.
    """
    power = levels.stft_power(audio)
    top_khz = sample_rate / 2000
    return power_picture(
        power,
        f"Spectrogram of {label}, 0 to {top_khz:g} kHz",
        reference_power=float(power.max()) if reference_power is None else reference_power,
        top_khz=top_khz,
        seconds=audio.shape[-1] / sample_rate,
    )


def wave_picture(audio: FloatArray, sample_rate: int, title: str) -> Picture:
    """The waveform of a sound: from the lowest to the highest sample behind each pixel.

    Args:
        audio: Samples, shape ``(N,)``.
        sample_rate: In Hz.
        title: What the sound is called.

    Returns:
        A picture whose height is twice the sound's largest sample.
    """
    edges = np.linspace(0, len(audio), WIDTH + 1).astype(int)
    firsts = np.minimum(edges[:-1], len(audio) - 1)
    low, high = np.minimum.reduceat(audio, firsts), np.maximum.reduceat(audio, firsts)
    largest = max(float(np.abs(audio).max()), 1e-9)
    rows = np.linspace(1.0, -1.0, HEIGHT)[:, None]
    half = 1.0 / HEIGHT
    inside = (rows >= low / largest - half) & (rows <= high / largest + half)
    data = png(coloured(inside[::-1].astype(np.float64), WIDTH, HEIGHT))
    seconds = len(audio) / sample_rate
    return Picture(data, f"Waveform of {title}, {seconds:.3g} s", WIDTH, HEIGHT, "", seconds)


def chart_picture(figure: Figure, alt: str) -> Picture:
    """A figure with axes as a picture; the figure is closed.

    Args:
        figure: A matplotlib figure. On a phone it is about 350 points wide, so a width of five
            inches and few words keep it readable.
        alt: What the chart shows.

    Returns:
        A PNG of at most 256 colours.
    """
    width, height = (round(float(side)) for side in figure.get_size_inches() * figure.dpi)
    data = figure_png(figure)
    plt.close(figure)
    return Picture(data, alt, width, height, "", 0.0, follows=False, chart=True)

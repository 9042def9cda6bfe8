"""What an explorer is: controls, and a frame of pictures, sounds and facts for each setting."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from musiclib.audio import FloatArray, validate
from musiclib.errors import BookError
from musiclib.plot.published import figure_png
from musiclib.plot.sounds import coloured, decibels, mean_cells, png, stft_power

Value = int | float | str
Setting = Mapping[str, Value]
WIDTH: Final = 480
HEIGHT: Final = 160


@dataclass(frozen=True)
class Control:
    """One thing that a reader may change.

    Numbers become a slider, words a choice. A control with a single value is not shown, since it
    could do nothing.

    Attributes:
        name: Keyword of the explorer's frame function.
        label: What readers see, such as "Bitrate".
        values: What it can be set to, in order, none twice.
        unit: Unit that follows a value, such as "kbps".
        start: Value at the start; by default the middle one.
        words: Words for single values, in place of number and unit.
    """

    name: str
    label: str
    values: tuple[Value, ...]
    unit: str = ""
    start: Value | None = None
    words: Mapping[Any, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.values or len(set(self.values)) < len(self.values):
            raise BookError(f"{self.label}: give at least one value, and none twice")
        if self.start is not None and self.start not in self.values:
            raise BookError(f"{self.label}: the start {self.start!r} is none of {self.values}")

    @property
    def slides(self) -> bool:
        """Whether the values are numbers, which a slider fits."""
        return all(not isinstance(value, str) for value in self.values)

    def begin(self) -> Value:
        """Value at the start."""
        return self.start if self.start is not None else self.values[len(self.values) // 2]

    def text(self, value: Value) -> str:
        """A value in words, such as "32 kbps"."""
        if value in self.words:
            return self.words[value]
        number = value if isinstance(value, str) else f"{value:,g}"
        return f"{number} {self.unit}".strip()


@dataclass(frozen=True)
class Picture:
    """A spectrogram without axes and what its edges mean, or a chart with axes of its own.

    Attributes:
        data: PNG file.
        alt: What it shows, for those who do not see it.
        width: Pixels across.
        height: Pixels upwards.
        top: Frequency at the upper edge, such as "12 kHz".
        seconds: Time from the left to the right edge.
        chart: Whether it is a chart, which keeps its proportions and gets nothing written on it.
            Any other shows all of the pane's sound, and a cursor follows that.
    """

    data: bytes
    alt: str
    width: int
    height: int
    top: str
    seconds: float
    chart: bool = False


@dataclass(frozen=True, eq=False)
class Pane:
    """Something to look at and to hear.

    Attributes:
        label: What it is, such as "Original".
        picture: Its picture.
        audio: Its sound at true level, ``(N,)``; None where there is nothing to hear.
        sample_rate: Samples a second of the sound.
        facts: Figures in words by name, such as ``{"LSD": "4.1 dB"}``.
    """

    label: str
    picture: Picture
    audio: FloatArray | None = None
    sample_rate: int = 0
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.audio is not None:
            validate(self.audio, self.label)


@dataclass(frozen=True, eq=False)
class Frame:
    """What one setting shows.

    Attributes:
        panes: Pictures with sounds, side by side.
        facts: Figures of the setting in words by name.
    """

    panes: tuple[Pane, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Explorer:
    """Controls, and a function that computes what they show.

    The page without a kernel and the one with a kernel call the same function.

    Attributes:
        name: Stem of the names of its files, unique on its page.
        title: What readers see above it.
        controls: What can be changed.
        frame: Computes a frame; gets one keyword for each control. All frames have panes of the
            same number and kind.
        caption: How the sounds and pictures were made.
        always: What is shown beside every setting, such as the original.
        exists: Whether a setting exists, as not every codec has every bitrate. A control then
            offers only what exists with the values of the controls before it.
    """

    name: str
    title: str
    controls: tuple[Control, ...]
    frame: Callable[..., Frame]
    caption: str
    always: Frame = field(default_factory=Frame)
    exists: Callable[..., bool] = lambda **_: True
    _known: dict[tuple[Value, ...], Frame] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.settings():
            raise BookError(f"{self.title}: none of its settings exists")

    def settings(self) -> list[Setting]:
        """All settings of a page without a kernel that exist, the last control moving fastest."""
        names = [control.name for control in self.controls]
        grid = itertools.product(*(control.values for control in self.controls))
        every = [dict(zip(names, values, strict=True)) for values in grid]
        return [setting for setting in every if self.exists(**setting)]

    def start(self) -> Setting:
        """The setting at the start: that of the controls, or the first with the same beginning."""
        wanted = [control.begin() for control in self.controls]

        def agreement(setting: Setting) -> int:
            pairs = zip(setting.values(), wanted, strict=True)
            return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))

        return max(self.settings(), key=agreement)

    def at(self, setting: Setting) -> Frame:
        """The frame of a setting, computed once.

        Raises:
            BookError: The frame's panes are not those of the other frames.
        """
        key = tuple(setting[control.name] for control in self.controls)
        if key not in self._known:
            frame = self.frame(**setting)
            first = next(iter(self._known.values()), frame)
            if _heard(frame) != _heard(first):
                raise BookError(
                    f"{self.title}: all settings need the same number of pictures and sounds; "
                    f"{self.text(setting)} differs"
                )
            self._known[key] = frame
        return self._known[key]

    def text(self, setting: Setting) -> str:
        """A setting in words, such as "MP3, 32 kbps"."""
        return ", ".join(control.text(setting[control.name]) for control in self.controls)


def _heard(frame: Frame) -> list[bool]:
    """For each pane whether it has a sound."""
    return [pane.audio is not None for pane in frame.panes]


def picture(
    shown_db: npt.NDArray[np.floating],
    alt: str,
    *,
    floor_db: float,
    top_khz: float,
    seconds: float,
) -> Picture:
    """Levels as a picture, low frequencies at the bottom.

    Args:
        shown_db: Levels, shape ``(F, T)``, 0 dB at the loudest. Few cells are drawn as rectangles,
            so that the grid of a short transform is seen.
        alt: What the picture shows.
        floor_db: Level of the darkest colour, below 0.
        top_khz: Frequency at the upper edge.
        seconds: Time from the left to the right edge.
    """
    shares = 1.0 - np.asarray(shown_db, dtype=np.float64) / floor_db
    data = png(coloured(shares, WIDTH, HEIGHT))
    return Picture(data, alt, WIDTH, HEIGHT, f"{top_khz:g} kHz", seconds)


def power_picture(
    power: FloatArray,
    alt: str,
    *,
    reference_power: float,
    top_khz: float,
    seconds: float,
) -> Picture:
    """Powers of an STFT as a picture.

    Args:
        power: ``|X|**2``, shape ``(F, T)``. Where there are more cells than pixels, their mean
            power is drawn.
        alt: What the picture shows.
        reference_power: Power of the lightest colour, 80 dB above the darkest; one for all pictures
            to be compared.
        top_khz: Frequency at the upper edge.
        seconds: Time from the left to the right edge.
    """
    return picture(
        decibels(mean_cells(power, WIDTH, HEIGHT), reference_power, -80.0),
        alt,
        floor_db=-80.0,
        top_khz=top_khz,
        seconds=seconds,
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
    """
    power = stft_power(audio)
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
    return Picture(data, alt, width, height, "", 0.0, chart=True)

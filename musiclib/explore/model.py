"""What an explorer is: controls, and a frame of pictures, sounds and facts for each setting."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from musiclib.audio import FloatArray, validate
from musiclib.errors import BookError

Value = int | float | str
Setting = Mapping[str, Value]


@dataclass(frozen=True)
class Control:
    """One thing that a reader may change.

    Numbers become a slider, words a choice. A control with a single value is not shown, since it
    could do nothing.

    Attributes:
        name: Keyword of the explorer's frame function.
        label: What readers see, such as "Bitrate".
        values: Values on a page without a kernel, in order, none twice.
        unit: Unit that follows a value, such as "kbps".
        start: Value at the start; by default the middle one.
        fine: Values where a kernel computes any setting; by default `values`.
        words: Words for single values, in place of number and unit.
    """

    name: str
    label: str
    values: tuple[Value, ...]
    unit: str = ""
    start: Value | None = None
    fine: tuple[Value, ...] = ()
    words: Mapping[Any, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or not self.label.strip():
            raise BookError(f"a control needs a keyword and a label: {self.name!r}, {self.label!r}")
        for values in (self.values, self.fine or self.values):
            if not values or len(set(values)) < len(values):
                raise BookError(f"{self.label}: give at least one value, and none twice")
            if self.start is not None and self.start not in values:
                raise BookError(f"{self.label}: the start {self.start!r} is none of {values}")

    @property
    def slides(self) -> bool:
        """Whether the values are numbers, which a slider fits."""
        return all(not isinstance(value, str) for value in (*self.values, *self.fine))

    def begin(self, *, fine: bool = False) -> Value:
        """Value at the start.

        Args:
            fine: Whether the values of a page with a kernel are meant.
        """
        values = (self.fine or self.values) if fine else self.values
        return self.start if self.start is not None else values[len(values) // 2]

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
        follows: Whether it shows all of the pane's sound, so that a cursor can follow it.
        chart: Whether it is a chart, which keeps its proportions and gets nothing written on it.
    """

    data: bytes
    alt: str
    width: int
    height: int
    top: str
    seconds: float
    follows: bool = True
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

    @property
    def shape(self) -> tuple[bool, ...]:
        """For each pane whether it has a sound."""
        return tuple(pane.audio is not None for pane in self.panes)


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
        names = [control.name for control in self.controls]
        if not names or len(set(names)) < len(names):
            raise BookError(f"{self.title}: give controls, each with a keyword of its own: {names}")
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

        Args:
            setting: A value for each control.

        Returns:
            The frame.

        Raises:
            BookError: The frame's panes are not those of the other frames.
        """
        key = tuple(setting[control.name] for control in self.controls)
        if key not in self._known:
            frame = self.frame(**setting)
            shapes = {known.shape for known in self._known.values()}
            if shapes and frame.shape not in shapes:
                raise BookError(
                    f"{self.title}: all settings need the same number of pictures and sounds; "
                    f"{self.text(setting)} differs"
                )
            self._known[key] = frame
        return self._known[key]

    def text(self, setting: Setting) -> str:
        """A setting in words, such as "MP3, 32 kbps"."""
        return ", ".join(control.text(setting[control.name]) for control in self.controls)

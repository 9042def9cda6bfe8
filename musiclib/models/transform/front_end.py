"""From samples to the whole numbers that are sent, and back without a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from musiclib.audio import FloatArray
from musiclib.errors import CodecError
from musiclib.mdct import imdct, mdct
from musiclib.models.transform.bands import IntArray
from musiclib.models.transform.envelope import choose_levels
from musiclib.models.transform.quantiser import DEAD_ZONE, LARGEST_GAIN, dequantise, quantise


@dataclass(frozen=True)
class Setting:
    """How finely to send.

    Attributes:
        gain: Size of quantiser steps, 0 (finest) to 255 in steps of 3/16 dB.
        smoothing: How much changes of levels are avoided; None: what suits the gain.
        dead_zone: How much zeros are preferred.
    """

    gain: int
    smoothing: float | None = None
    dead_zone: float = DEAD_ZONE

    def __post_init__(self) -> None:
        if not 0 <= self.gain <= LARGEST_GAIN:
            raise CodecError(f"gain must lie between 0 and {LARGEST_GAIN}, not {self.gain}")

    @property
    def level_smoothing(self) -> float:
        """The smoothing, or what suits the gain where none is given."""
        return smoothing_of_gain(self.gain) if self.smoothing is None else self.smoothing


def smoothing_of_gain(gain: int) -> float:
    """Smoothing of levels for a gain: the fewer bits there are, the more a level's bits matter."""
    rough = max(0.0, (gain - 106) / 96)
    return 1.0 + 2.0 * rough**2


@dataclass(frozen=True)
class Frames:
    """What is sent of a clip.

    Attributes:
        levels: Levels of bands, `(T, 20)`.
        values: Quantised coefficients, `(T, 256)`.
    """

    levels: IntArray
    values: IntArray


def quantised(coefficients: FloatArray, setting: Setting) -> Frames:
    """Choose what to send of MDCT coefficients `(T, 256)`."""
    levels = choose_levels(coefficients, setting.level_smoothing)
    return Frames(levels, quantise(coefficients, levels, setting.gain, setting.dead_zone))


def analyse(audio: npt.ArrayLike, setting: Setting) -> Frames:
    """Choose what to send of samples `(N,)` at 24 kHz."""
    return quantised(mdct(np.asarray(audio, np.float32)), setting)


def synthesise(frames: Frames, gain: int, n_samples: int) -> FloatArray:
    """Samples `(N,)` of what was sent, without a network."""
    return imdct(dequantise(frames.values, frames.levels, gain).plain, n_samples)

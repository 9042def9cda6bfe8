"""How finely to quantise, so that a file takes the bytes that it may take.

One number, the coarseness, sets everything else: the gain, between its steps the dead zone of the
quantiser, and beyond the coarsest gain how much changes of the levels are avoided. A histogram of
coefficients predicts the bits for any coarseness at once; what the entropy coder really
writes corrects the prediction.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from musiclib.codecs.melic.analysis import Block
from musiclib.models.transform import LARGEST_GAIN, Setting, smoothing_of_gain, step_exponents
from musiclib.models.transform.bands import LARGEST_LEVEL, decibels
from musiclib.models.transform.envelope import exact_levels
from musiclib.models.transform.quantiser import DEAD_ZONE

# Levels get ever smoother beyond the coarsest gain, doubling every so many steps.
DOUBLING = 12.0
COARSEST = LARGEST_GAIN + 6.0 * DOUBLING
# A step of the gain takes about as many bits as so much dead zone.
DEAD_ZONE_PER_STEP = 0.017
STEP_DB = 3.0 / 16.0
# Statistics: each 8th frame, sizes from -60 to 120 dB over the finest step.
SAMPLED = 8
LOWEST, HIGHEST = -320, 640
# Fitted to what the entropy coder writes: bits of a level of a frame, and of a coefficient.
LEVEL_BITS = 19.0
SPREAD, WEIGHT = 0.5, 1.5
# A search ends when this share of the budget is used.
ENOUGH, AIM = 0.986, 0.9935
MAX_TRIALS = 8
CLOSE = 0.03

Counts = npt.NDArray[np.float64]
Result = TypeVar("Result")


def setting_of(coarseness: float) -> Setting:
    """Return the setting of a coarseness from 0 (finest) to `COARSEST`."""
    gain = min(math.ceil(coarseness), LARGEST_GAIN)
    dead_zone = DEAD_ZONE - DEAD_ZONE_PER_STEP * max(0.0, gain - coarseness)
    beyond = max(0.0, coarseness - LARGEST_GAIN)
    smoothing = smoothing_of_gain(gain) * 2.0 ** (beyond / DOUBLING)
    return Setting(gain, smoothing, dead_zone)


@dataclass(frozen=True)
class Statistics:
    """Sizes of coefficients over the finest quantiser step.

    Attributes:
        counts: How many there are of each size, in steps of the gain from `LOWEST`.
        frames: Frames times channels.
    """

    counts: Counts
    frames: float

    @classmethod
    def of(cls, block: Block) -> Statistics:
        """Measure a block's frames."""
        own = block.own[:, ::SAMPLED]
        levels = np.clip(np.rint(exact_levels(own)), 0, LARGEST_LEVEL).astype(np.int32)
        size = 20.0 * np.log10(np.abs(own) + np.float32(1e-12))
        place = ((size - decibels(step_exponents(levels, 0))) / np.float32(STEP_DB)).astype(
            np.int32
        )
        place = np.clip(place, LOWEST, HIGHEST - 1) - LOWEST
        counts = np.bincount(place.ravel(), minlength=HIGHEST - LOWEST).astype(np.float64)
        share = block.n_frames / own.shape[1]
        return cls(counts * share, float(len(own) * block.n_frames))

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(self.counts + other.counts, self.frames + other.frames)

    def __sub__(self, other: Statistics) -> Statistics:
        return Statistics(self.counts - other.counts, self.frames - other.frames)

    def bits(self, coarseness: float) -> float:
        """Predict the bits at a coarseness."""
        gain = min(coarseness, float(LARGEST_GAIN))
        sizes = 10.0 ** ((np.arange(LOWEST, HIGHEST) + 0.5 - gain) * (STEP_DB / 20.0))
        each = WEIGHT * np.log2(1.0 + (sizes / SPREAD) ** 2) * np.minimum(1.0, sizes) ** 2
        smooth = (setting_of(coarseness).smoothing or 1.0) ** -0.5
        return float(self.counts @ each + LEVEL_BITS * smooth * self.frames)


def solve(predicted: Callable[[float], float], bits: float, low: float, high: float) -> float:
    """Return where a falling function of the coarseness reaches `bits`, or the nearer end."""
    for _ in range(24):
        middle = 0.5 * (low + high)
        if predicted(middle) > bits:
            low = middle
        else:
            high = middle
    return high


@dataclass(frozen=True)
class Trial(Generic[Result]):
    """What came of a coarseness.

    Attributes:
        coarseness: What was tried.
        n_bytes: What it takes.
        result: What was coded.
    """

    coarseness: float
    n_bytes: int
    result: Result


def search(
    attempt: Callable[[float], tuple[int, Result]],
    predicted: Callable[[float], float],
    budget: float,
    correction: float = 1.0,
    start: float | None = None,
) -> Trial[Result]:
    """Find the finest coarseness whose bytes stay within a budget.

    Args:
        attempt: Codes at a coarseness; returns bytes and what was coded.
        predicted: Predicts the bits at a coarseness.
        budget: Bytes.
        correction: Bits that are written for each that is predicted.
        start: Coarseness to try first; by default what the prediction says.

    Returns:
        The best trial. Where nothing is small enough it is the smallest, and exceeds the budget.
    """
    best: Trial[Result] | None = None  # small enough, the coarse end of where to look
    over: Trial[Result] | None = None  # too large, the fine end
    least: Trial[Result] | None = None
    place = start
    if place is None:
        place = solve(predicted, 8.0 * AIM * budget / correction, 0.0, COARSEST)
    for _ in range(MAX_TRIALS):
        trial = Trial(place, *attempt(place))
        if least is None or trial.n_bytes < least.n_bytes:
            least = trial
        if trial.n_bytes > budget:
            over = trial
        elif best is None or trial.n_bytes > best.n_bytes:
            best = trial
        if best is not None and best.n_bytes >= ENOUGH * budget:
            break
        if best is not None and over is not None:
            # Between two trials bits fall about exponentially.
            share = math.log(AIM * budget / best.n_bytes) / math.log(over.n_bytes / best.n_bytes)
            share = min(max(share, 0.03), 0.97)
            place = best.coarseness + share * (over.coarseness - best.coarseness)
        else:
            correction = 8.0 * trial.n_bytes / predicted(place)
            low = 0.0 if over is None else over.coarseness
            high = COARSEST if best is None else best.coarseness
            place = solve(predicted, 8.0 * AIM * budget / correction, low, high)
        if abs(place - trial.coarseness) < CLOSE:
            break
    assert least is not None
    return least if best is None else best

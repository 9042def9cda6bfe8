"""Pairs of sounds that one metric cannot tell apart, though a listener can.

The idea is that of the maximum differentiation competition (Wang and Simoncelli, Journal of Vision
8(12):8, 2008): hold one metric fixed and let the others disagree. Audio is float32, mono, ``(N,)``.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from musiclib.audio import FloatArray
from musiclib.errors import MusiclibError
from musiclib.studies.distortions import (
    HOUSE_STFT,
    LONG_STFT,
    add_noise,
    delay,
    lowpass,
    replace_phase,
)
from musiclib.studies.metric.measures import CHAPTER_METRICS, METRIC_NAMES, measure

Family = Callable[[float], FloatArray]
"""A kind of damage: the damaged clip, shape ``(N,)``, for a strength."""


class OutOfReachError(MusiclibError):
    """A metric does not take the wanted value for any strength of the damage."""


@dataclass(frozen=True)
class EqualPair:
    """Two damaged copies of one clip on which one metric gives the same value.

    Attributes:
        metric: Key of the metric that cannot tell them apart.
        labels: What was done to each.
        sounds: The two copies, each of shape ``(N,)``.
        values: All metrics of each copy.
    """

    metric: str
    labels: tuple[str, str]
    sounds: tuple[FloatArray, FloatArray]
    values: tuple[dict[str, float], dict[str, float]]


def match(
    reference: FloatArray,
    sample_rate: int,
    metric: str,
    target: float,
    family: Callable[[float], FloatArray],
    strengths: tuple[float, float],
    steps: int = 16,
) -> tuple[float, FloatArray]:
    """Find how strong one kind of damage must be for a metric to reach a value, by bisection.

    Args:
        reference: Samples, shape ``(N,)``.
        sample_rate: In Hz.
        metric: See :func:`measure`.
        target: Wanted value of the metric.
        family: Damaged clip for a strength; the metric must be monotone in the strength.
        strengths: Ends of the search.
        steps: Halvings of the interval.

    Returns:
        The strength and the damaged clip.

    Raises:
        OutOfReachError: If the target is not between the metric's values at the two ends.
    """

    def value(strength: float) -> float:
        return measure(reference, family(strength), sample_rate, [metric])[metric]

    low, high = strengths
    at_low, at_high = value(low), value(high)
    if not min(at_low, at_high) <= target <= max(at_low, at_high):
        raise OutOfReachError(
            f"{metric} = {target:.4g} is out of reach: it is {at_low:.4g} at strength {low:g} "
            f"and {at_high:.4g} at {high:g}; widen the strengths"
        )
    for _ in range(steps):
        middle = (low + high) / 2
        if (value(middle) < target) == (at_low < at_high):
            low = middle
        else:
            high = middle
    return (low + high) / 2, family((low + high) / 2)


def equal_pairs(reference: FloatArray, sample_rate: int, seed: int = 0) -> list[EqualPair]:
    """Pairs of damaged copies, each matched on one metric of the chapter.

    Each pair sets one kind of damage and searches the strength of another until the metric agrees.
    A pair is left out where the metric cannot be matched on this clip: a clip without anything
    above 4 kHz, for instance, is not changed by a low-pass there.

    Args:
        reference: Samples, shape ``(N,)``.
        sample_rate: In Hz.
        seed: Of noise and random phases.

    Returns:
        Pairs in the order of :data:`musiclib.studies.metric.measures.CHAPTER_METRICS`.
    """

    def noisy(snr_db: float) -> FloatArray:
        return add_noise(reference, snr_db, seed)

    def softer(decibels: float) -> FloatArray:
        return (reference * np.float32(10.0 ** (-decibels / 20.0))).astype(np.float32)

    def duller(cutoff_hz: float) -> FloatArray:
        return lowpass(reference, sample_rate, cutoff_hz)

    noise = ("White noise at {:.1f} dB SNR", noisy, (-20.0, 100.0))
    recipes: dict[str, tuple[str, FloatArray, tuple[str, Family, tuple[float, float]]]] = {
        "relative_rmse": ("1 ms late", delay(reference, sample_rate, 0.001), noise),
        "si_sdr": ("Low-pass at 4 kHz", duller(4000.0), noise),
        "spectral_rmse": (
            "Random phase, 8,192 window",
            replace_phase(reference, LONG_STFT, "random", seed),
            noise,
        ),
        "log_spectral_distance": (
            "Random phase, 1,024 window",
            replace_phase(reference, HOUSE_STFT, "random", seed),
            ("{:.1f} dB softer", softer, (0.0, 79.0)),
        ),
        "zimtohrli_mos": (
            "White noise at 20 dB SNR",
            noisy(20.0),
            ("Low-pass at {:,.0f} Hz", duller, (200.0, 0.49 * sample_rate)),
        ),
    }
    pairs = []
    for metric in CHAPTER_METRICS:
        label, sound, (pattern, family, strengths) = recipes[metric]
        values = measure(reference, sound, sample_rate)
        try:
            strength, partner = match(
                reference, sample_rate, metric, values[metric], family, strengths
            )
        except OutOfReachError:
            continue
        partner_values = measure(reference, partner, sample_rate)
        labels = (label, re.sub(r"-(?=\d)", "−", pattern.format(strength)))
        pairs.append(EqualPair(metric, labels, (sound, partner), (values, partner_values)))
    return pairs


def widest_mos_gap(pairs: Sequence[EqualPair]) -> EqualPair:
    """The pair whose predicted qualities differ most.

    Args:
        pairs: At least one pair.

    Returns:
        One of the pairs.
    """
    return max(
        pairs, key=lambda p: abs(p.values[0]["zimtohrli_mos"] - p.values[1]["zimtohrli_mos"])
    )


def pair_table(pairs: Sequence[EqualPair]) -> pd.DataFrame:
    """All metrics of both copies of each pair.

    Args:
        pairs: From :func:`equal_pairs`.

    Returns:
        Two rows for each pair, indexed by the matched metric and the copy's label.
    """
    rows = [
        {"equal by": METRIC_NAMES[pair.metric], "copy": label, **values}
        for pair in pairs
        for label, values in zip(pair.labels, pair.values, strict=True)
    ]
    return pd.DataFrame(rows).set_index(["equal by", "copy"])

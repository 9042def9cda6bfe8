"""Figures of a sound in words, and the profiles' sizes of a grid."""

from collections.abc import Sequence
from typing import TypeVar

from musiclib.audio import FloatArray
from musiclib.errors import DatasetError, MusiclibError
from musiclib.listen.sound import number_text
from musiclib.metrics import METRICS

T = TypeVar("T")


def measure(
    name: str, reference: FloatArray, estimate: FloatArray, sample_rate: int, digits: int = 2
) -> str:
    """A metric in words, such as "4.1 dB".

    Args:
        name: Key of :data:`musiclib.metrics.METRICS`.
        reference: Samples, ``(N,)``.
        estimate: Samples to be judged, ``(N,)``.
        sample_rate: In Hz.
        digits: Decimals.

    Returns:
        Number and unit; "not defined" where the metric refuses the sounds, as for silence.
    """
    metric = METRICS[name]
    try:
        value = metric.function(reference, estimate, sample_rate)
    except MusiclibError:
        return number_text(float("nan"))
    return f"{number_text(float(value), digits)} {metric.unit}".strip()


def thinned(values: Sequence[T], profile: str) -> tuple[T, ...]:
    """Values of a control for a profile: all, or the first and the last for `smoke`.

    Args:
        values: Values of the full profiles.
        profile: `smoke`, `mini` or `retrain`.

    Raises:
        DatasetError: If the profile is not known.
    """
    if profile not in ("smoke", "mini", "retrain"):
        raise DatasetError(f"profile {profile!r} is not known: choose smoke, mini or retrain")
    if profile != "smoke" or len(values) <= 2:
        return tuple(values)
    return (values[0], values[-1])

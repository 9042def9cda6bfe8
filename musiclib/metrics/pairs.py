"""What every measure checks before it measures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from musiclib.audio.samples import validate
from musiclib.errors import AudioError

DoubleArray = npt.NDArray[np.float64]


def checked_pair(
    reference: npt.ArrayLike, estimate: npt.ArrayLike
) -> tuple[DoubleArray, DoubleArray]:
    """Return both clips as float64 `(N,)`, so that measuring adds no rounding of its own.

    Raises:
        AudioError: If one cannot be used, is not mono, or if the lengths differ.
    """
    first, second = _mono(reference, "reference"), _mono(estimate, "estimate")
    if len(first) != len(second):
        raise AudioError(
            f"The reference has {len(first)} samples and the estimate {len(second)}. "
            "Bring the estimate to the reference's rate and align it first (evaluate.align)."
        )
    return first, second


def require_sound(reference: DoubleArray, measure: str) -> None:
    """Refuse a silent reference.

    Raises:
        AudioError: If all samples are zero.
    """
    if not reference.any():
        raise AudioError(
            f"The reference is silent, and {measure} is relative to its level. Leave this clip out."
        )


def _mono(audio: npt.ArrayLike, name: str) -> DoubleArray:
    # Checked before float32 could round: double input is measured as it is.
    samples = np.asarray(audio)
    validate(samples, name)
    if samples.ndim != 1:
        raise AudioError(f"The {name} must be mono (N,), not {samples.shape}. Use to_mono first.")
    return samples.astype(np.float64)

"""Estimates of what listeners would say, as mean opinion scores from 1 (bad) to 5 (excellent).

Both models were fitted to listening tests and are no listening test themselves. They take 48 kHz
and resample what has another rate.
"""

from __future__ import annotations

import functools
import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from musiclib.audio.resampling import resample
from musiclib.audio.samples import FloatArray, check_rate
from musiclib.errors import AudioError
from musiclib.metrics.pairs import checked_pair, require_sound

if TYPE_CHECKING:
    from visqol import VisqolApi

MODEL_RATE = 48_000
LOWEST_MOS = 1.0
# Zimtohrli's C++ code writes out of bounds below about 0.1 s.
ZIMTOHRLI_MIN_S = 0.25
# ViSQOL compares patches of 45 spectrogram frames of 20 ms.
VISQOL_MIN_S = 1.0


def zimtohrli_mos(reference: npt.ArrayLike, estimate: npt.ArrayLike, sample_rate: int) -> float:
    """Zimtohrli's mean opinion score (Alakuijala et al., 2025, arXiv:2509.26133).

    The model takes a full-scale sine for about 80 dB SPL. It is lenient with silence: a silent
    estimate of loud music still scores between 2 and 3.

    Args:
        reference: Reference clip, `(N,)`.
        estimate: Estimate, `(N,)`.
        sample_rate: Sampling rate of both in Hz.

    Returns:
        Score from 1 to 5; 5 for equal clips.

    Raises:
        AudioError: If the clips do not go together (see `checked_pair`), are shorter than 0.25 s,
            or if the reference is silent.
    """
    import zimtohrli

    first, second = _at_model_rate(reference, estimate, sample_rate, ZIMTOHRLI_MIN_S, "Zimtohrli")
    return float(zimtohrli.mos_from_signals(first, second))


def visqol_mos(reference: npt.ArrayLike, estimate: npt.ArrayLike, sample_rate: int) -> float:
    """ViSQOL's mean opinion score in audio mode (Chinen et al., "ViSQOL v3", QoMEX 2020).

    ViSQOL scales the estimate to the reference's level and searches for the best alignment, so it
    does not count gain or a short delay. Its scale for music ends at about 4.73. It takes about a
    quarter of the clip's duration, and some seconds more for compiling at its first use.

    Args:
        reference: Reference clip, `(N,)`.
        estimate: Estimate, `(N,)`.
        sample_rate: Sampling rate of both in Hz.

    Returns:
        Score from 1 to about 4.73. A silent estimate, which ViSQOL cannot scale, gets the 1 that
        the scale of mean opinion scores starts with.

    Raises:
        AudioError: If the clips do not go together (see `checked_pair`), are shorter than 1 s, or
            if the reference is silent or ViSQOL finds nothing in it to compare.
    """
    first, second = _at_model_rate(reference, estimate, sample_rate, VISQOL_MIN_S, "ViSQOL")
    if not second.any():
        return LOWEST_MOS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = _visqol().measure_from_arrays(
                first.astype(np.float64), second.astype(np.float64), MODEL_RATE
            )
    except ValueError as error:
        raise AudioError(f"ViSQOL cannot compare these clips ({error}). Leave them out.") from error
    score = float(result.moslqo)
    if not math.isfinite(score):
        raise AudioError("ViSQOL found nothing to compare in these clips. Leave them out.")
    return score


def _at_model_rate(
    reference: npt.ArrayLike,
    estimate: npt.ArrayLike,
    sample_rate: int,
    shortest_s: float,
    model: str,
) -> tuple[FloatArray, FloatArray]:
    first, second = checked_pair(reference, estimate)
    require_sound(first, model)
    rate = check_rate(sample_rate)
    if len(first) < shortest_s * rate:
        raise AudioError(
            f"{model} needs clips of at least {shortest_s} s, and these last "
            f"{len(first) / rate:.3f} s. Compare longer clips."
        )
    return resample(first, rate, MODEL_RATE), resample(second, rate, MODEL_RATE)


@functools.cache
def _visqol() -> VisqolApi:
    """The model, read from disk once a process."""
    from visqol import VisqolApi

    model = VisqolApi()
    model.create(mode="audio")
    return model

"""Judges: models that predict what listeners would say of a decoded clip.

All were fitted to listening tests and are no listening test themselves. They work at 48 kHz, and
clips of another rate are resampled. Zimtohrli and ViSQOL are of one family: both compare auditory
spectrograms by structural similarity, and answer on the scale of mean opinion scores from 1 (bad)
to 5 (excellent). The 2f-model is of another: it rests on PEAQ's ear model, and predicts the mean
score of a MUSHRA test from 0 (bad) to 100 (excellent).
"""

from __future__ import annotations

import copy
import functools
import math
import warnings
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from musiclib.audio.samples import FloatArray, check_rate, resample
from musiclib.errors import AudioError
from musiclib.metrics.diagnostics import checked_pair, require_sound

if TYPE_CHECKING:
    from visqol import VisqolApi

Float64Array: TypeAlias = npt.NDArray[np.float64]

JUDGE_RATE = 48_000
LOWEST_MOS = 1.0
LOWEST_MUSHRA, HIGHEST_MUSHRA = 0.0, 100.0
# Zimtohrli's C++ code writes out of bounds below about 0.1 s.
ZIMTOHRLI_MIN_S = 0.25
# ViSQOL compares patches of 45 spectrogram frames of 20 ms.
VISQOL_MIN_S = 1.0
PEAQ_SCALE = 32_768.0
"""Full scale, as PEAQ has it."""
# PEAQ leaves the first half second out of its average, for the ear model to settle.
TWO_F_MIN_S = 1.0


def zimtohrli_mos(reference: npt.ArrayLike, estimate: npt.ArrayLike, sample_rate: int) -> float:
    """Predict the mean opinion score by Zimtohrli (Alakuijala et al., 2025, arXiv:2509.26133).

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

    first, second = _at_judge_rate(reference, estimate, sample_rate, ZIMTOHRLI_MIN_S, "Zimtohrli")
    return float(zimtohrli.mos_from_signals(first, second))


def visqol_mos(reference: npt.ArrayLike, estimate: npt.ArrayLike, sample_rate: int) -> float:
    """Predict the mean opinion score by ViSQOL in audio mode (Chinen et al., QoMEX 2020).

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
    first, second = _at_judge_rate(reference, estimate, sample_rate, VISQOL_MIN_S, "ViSQOL")
    if not second.any():
        return LOWEST_MOS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = _visqol().measure_from_arrays(
                first.astype(np.float64), second.astype(np.float64), JUDGE_RATE
            )
    except ValueError as error:
        raise AudioError(f"ViSQOL cannot compare these clips ({error}). Leave them out.") from error
    score = float(result.moslqo)
    if not math.isfinite(score):
        raise AudioError("ViSQOL found nothing to compare in these clips. Leave them out.")
    return score


def two_f_mushra(reference: npt.ArrayLike, estimate: npt.ArrayLike, sample_rate: int) -> float:
    """Predict the mean MUSHRA score by the 2f-model (Kastner and Herre, WASPAA 2019).

    Two features of PEAQ (ITU-R BS.1387, basic version), the average modulation difference and the
    average distorted block, go through one fitted curve. Over fourteen listening tests it followed
    listeners better than PEAQ, ViSQOL and HAAQI did (Torcoli et al., 2021, arXiv:2110.11438). It
    is computed by the package `seabass-2f`.

    The result is clipped to MUSHRA's scale, as the model's authors have it. Beyond, its curve says
    nothing: an exact copy would get 118.5 and a good MP3 up to 170. So codecs of more than about
    48 kbps a channel cannot be told apart by it.

    Args:
        reference: Reference clip, `(N,)`.
        estimate: Estimate, `(N,)`.
        sample_rate: Sampling rate of both in Hz.

    Returns:
        Score from 0 to 100; 100 for equal clips.

    Raises:
        AudioError: If the clips do not go together (see `checked_pair`), are shorter than 1 s, or
            if the reference is never louder than about -58 dB of full scale.
    """
    first, second = _at_judge_rate(reference, estimate, sample_rate, TWO_F_MIN_S, "The 2f-model")
    from seabass.core.models import constants as fitted

    try:
        with np.errstate(divide="ignore", invalid="ignore"):
            # Of the reference all is kept: many copies are compared with the same one.
            peaq = copy.copy(_two_f_reference(first.tobytes()))
            peaq.test_signal = PEAQ_SCALE * second[np.newaxis].astype(np.float64)
            features = peaq.compute()
    except ValueError as error:
        raise AudioError(
            "The 2f-model finds nothing loud enough in the reference. Leave this clip out."
        ) from error
    modulation = fitted._AMD1_DENOM_MULT * features["avg_mod_diff1"] + fitted._AMD1_DENOM_CONST
    score = float(
        fitted._AMD1_NUM_MULT / (1.0 + modulation**2)
        + fitted._ADB_MULT * features["adb"]
        + fitted._MMS_CONST
    )
    if not math.isfinite(score):
        raise AudioError(
            "The 2f-model finds less than half a second of sound in the reference. Compare a "
            "longer part, or leave this clip out."
        )
    return min(max(score, LOWEST_MUSHRA), HIGHEST_MUSHRA)


def _at_judge_rate(
    reference: npt.ArrayLike,
    estimate: npt.ArrayLike,
    sample_rate: int,
    shortest_s: float,
    judge: str,
) -> tuple[FloatArray, FloatArray]:
    first, second = checked_pair(reference, estimate)
    require_sound(first, judge)
    rate = check_rate(sample_rate)
    if len(first) < shortest_s * rate:
        raise AudioError(
            f"{judge} needs clips of at least {shortest_s} s, and these last "
            f"{len(first) / rate:.3f} s. Compare longer clips."
        )
    return resample(first, rate, JUDGE_RATE), resample(second, rate, JUDGE_RATE)


@functools.cache
def _visqol() -> VisqolApi:
    """The model, read from disk once a process."""
    from visqol import VisqolApi

    model = VisqolApi()
    model.create(mode="audio")
    return model


@functools.lru_cache(maxsize=2)
def _two_f_reference(samples: bytes) -> Any:
    """PEAQ's features of a reference, given as bytes of its float32 samples."""
    reference = np.frombuffer(samples, np.float32)[np.newaxis].astype(np.float64)
    peaq = _two_f_features()(reference, reference.copy())
    # What is asked of it here is kept in the object; what only leads there is thrown away.
    kept = (
        "ref_envelope_modulation",
        "ref_smeared_excitation_pattern_db",
        "average_modulation_difference1_basic_temporal_weights",
    )
    values = {name: getattr(peaq, name) for name in kept}
    for name in [name for name in vars(peaq) if name.startswith("ref_")]:
        delattr(peaq, name)
    vars(peaq).update(values)
    return peaq


@functools.cache
def _two_f_features() -> type[Any]:
    """PEAQ's features as `seabass-2f` computes them, with savings that change no result.

    The package asks Numba to compile a dozen small functions without a cache, which takes a minute
    in every process; as plain NumPy they need a twentieth of a second for ten seconds of sound. It
    computes each property anew at each of its uses, and spreads excitation by many powers.
    """
    from numba.core import config

    settings: Any = config
    compiled, settings.DISABLE_JIT = settings.DISABLE_JIT, True
    try:
        from seabass.core.model_output_variables import PeaqModelOutputVariables as Peaq
    finally:
        settings.DISABLE_JIT = compiled
    found: dict[str, Any] = {
        name: value.fget for name, value in vars(Peaq).items() if isinstance(value, property)
    }
    for side in ("ref", "test"):
        found[f"{side}_unsmeared_excitation_pattern"] = functools.partial(_spread_of, side)
    kept = {name: functools.cached_property(get) for name, get in found.items()}
    return type("Features", (Peaq,), kept)


def _spread_of(side: str, peaq: Any) -> Float64Array:
    return _spread(getattr(peaq, f"{side}_pitch_pattern"), peaq.freq_centers_hz, peaq.dz)


def _spread(pattern: Float64Array, centres_hz: Float64Array, step_bark: float) -> Float64Array:
    """Spread excitation over neighbouring bands, `(1, bands, frames)`; ITU-R BS.1387, 2.1.7."""
    flat = _spread_unscaled(np.ones((len(centres_hz), 1)), centres_hz, step_bark)
    return (_spread_unscaled(pattern[0], centres_hz, step_bark) / flat)[np.newaxis]


def _spread_unscaled(
    pattern: Float64Array, centres_hz: Float64Array, step_bark: float
) -> Float64Array:
    bands = len(centres_hz)
    place = np.arange(bands)[:, np.newaxis]
    down = 10.0 ** (-2.7 * step_bark)  # from band to band, towards low frequencies
    up = 10.0 ** ((-2.4 - 23.0 / centres_hz[:, np.newaxis]) * step_bark)
    up = up * pattern ** (0.2 * step_bark)  # louder sounds mask further up
    below = (1.0 - down ** (place + 1)) / (1.0 - down)
    above = (1.0 - up ** (bands - place)) / (1.0 - up)
    power = 0.4
    source = (pattern / (below + above - 1.0)) ** power
    down, up = down**power, up**power
    spread = source.copy()
    for band in range(bands - 2, -1, -1):
        spread[band] += down * spread[band + 1]
    arriving = source.copy()  # what each lower band sends to the present one
    for band in range(1, bands):
        arriving[:band] *= up[:band]
        spread[band] += arriving[:band].sum(axis=0)
    result: Float64Array = spread ** (1.0 / power)
    return result

"""Measures of how far a decoded clip is from its reference, defined once for the whole book.

Every measure takes a reference and an estimate, mono `(N,)` and of equal length, and their sampling
rate in Hz where it matters. All raise `AudioError` for clips that do not go together, and those
that are relative to the reference's level for a silent one. Each one alone can be gamed; read them
together.

Diagnostics show what a codec does to a signal; none is a measure of how good it sounds. Judges
predict what listeners would say. They were fitted to listening tests and are no listening test
themselves. Zimtohrli and ViSQOL are of one family: both compare auditory spectrograms by structural
similarity, and answer on the scale of mean opinion scores from 1 (bad) to 5 (excellent). The
2f-model is of another: it rests on PEAQ's ear model, and predicts the mean score of a MUSHRA test
from 0 (bad) to 100 (excellent).
"""

from __future__ import annotations

import copy
import functools
import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from musiclib.audio.samples import FloatArray, check_rate, resample, validate
from musiclib.errors import AudioError, MusiclibError

if TYPE_CHECKING:
    import pandas as pd
    from visqol import VisqolApi

DoubleArray = npt.NDArray[np.float64]

LSD_N_FFT, LSD_HOP = 1024, 256
LSD_RANGE_DB = 80.0

REPORT_RATE = 8_000
REPORT_N_FFT, REPORT_HOP = 512, 128
REPORT_OFFSET = 0.1
REPORT_PEAK = 0.3
# What resampling leaves of higher frequencies, 100 dB down, is not brought to the peak.
RESAMPLING_RESIDUE = 1e-5

# Energy ratio at which float64 arithmetic alone makes a difference: 156.5 dB.
ROUNDING = float(np.finfo(np.float64).eps)
SI_SDR_LIMIT_DB = -10.0 * math.log10(ROUNDING)

JUDGE_RATE = 48_000  # all judges work at it
PEAQ_SCALE = 32_768.0  # full scale, as PEAQ has it
LOWEST_MOS = 1.0
LOWEST_MUSHRA, HIGHEST_MUSHRA = 0.0, 100.0
# Zimtohrli's C++ code writes out of bounds below about 0.1 s.
ZIMTOHRLI_MIN_S = 0.25
# ViSQOL compares patches of 45 spectrogram frames of 20 ms.
VISQOL_MIN_S = 1.0
# PEAQ leaves the first half second out of its average, for the ear model to settle.
TWO_F_MIN_S = 1.0


def log_spectral_distance(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Compute the log-spectral distance in dB: 0 for equal magnitudes, at most about 80.

    Root mean square over the bins of a frame of the difference of `20 log10 |X|`, then the mean
    over frames (A. H. Gray and J. D. Markel, "Distance measures for speech processing", IEEE
    Transactions on Acoustics, Speech, and Signal Processing 24(5), 1976). STFT of 1024 samples
    every 256 with a Hann window; both clips are floored 80 dB below the reference's loudest bin.
    The window is in samples, so the distance is meant for one rate, the house rate of 24 kHz.

    Every bin weighs the same whether it can be heard or not, and noise of the right envelope scores
    better than a sharp copy of the lower half.
    """
    first, second = _pair(reference, estimate, "the log-spectral distance")
    first, second = (_magnitudes(clip, LSD_N_FFT, LSD_HOP) for clip in (first, second))
    floor = first.max() * 10.0 ** (-LSD_RANGE_DB / 20.0)
    difference_db = 20.0 * np.log10(np.maximum(second, floor) / np.maximum(first, floor))
    return float(np.sqrt(np.mean(np.square(difference_db), axis=0)).mean())


def spectral_rmse(reference: npt.ArrayLike, estimate: npt.ArrayLike, sample_rate: int) -> float:
    """Compute the original report's spectral RMSE, the RMS difference of natural log magnitudes.

    At 8 kHz, STFT of 512 samples every 128 with a Hann window, root mean square of the difference
    of `ln(|X| + 0.1)` over all bins and frames. The report does not state its scaling. Here one
    gain brings the reference's peak to 0.3, which comes near the report's own downsampling
    figures. The estimate gets the same gain: a gain of its own would hide level errors, and would
    let one overshooting sample change every bin. Compare by ratios, not by absolute figures.

    Returns:
        Distance in nepers, 0 for equal magnitudes.

    Raises:
        AudioError: Also if the reference is silent below 4 kHz.
    """
    first, second = _pair(reference, estimate, "the spectral RMSE")
    full_band_peak = float(np.abs(first).max())
    if check_rate(sample_rate) != REPORT_RATE:
        first, second = (
            resample(clip, sample_rate, REPORT_RATE).astype(np.float64) for clip in (first, second)
        )
    highest = float(np.abs(first).max())
    if highest <= RESAMPLING_RESIDUE * full_band_peak:
        raise AudioError("The reference is silent below 4 kHz, where the spectral RMSE measures.")
    gain = REPORT_PEAK / highest
    logs = [
        np.log(gain * _magnitudes(clip, REPORT_N_FFT, REPORT_HOP) + REPORT_OFFSET)
        for clip in (first, second)
    ]
    return _rms(logs[0] - logs[1])


def waveform_rmse(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Compute the root mean square difference of the samples, in units of full scale."""
    first, second = _pair(reference, estimate)
    return _rms(first - second)


def si_sdr(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Compute the scale-invariant signal-to-distortion ratio in dB.

    Le Roux, Wisdom, Erdogan and Hershey, "SDR - half-baked or well done?" (ICASSP 2019, section
    3): the energy of the reference, scaled to fit the estimate best, over the energy of the rest.
    The mean of both clips is removed first, so a constant offset does not count.

    Returns:
        Ratio in dB, limited to plus or minus 156.5 dB, where float64 rounding begins. So a perfect
        estimate gives 156.5, and one that shares nothing with the reference, or is silent, -156.5.

    Raises:
        AudioError: Also if the reference is constant.
    """
    first, second = _pair(reference, estimate)
    if float(np.ptp(first)) == 0.0:
        raise AudioError("The reference is silent or constant: SI-SDR needs a reference that moves")
    first, second = first - first.mean(), second - second.mean()
    energy = float(np.dot(second, second))
    if energy == 0.0:
        return -SI_SDR_LIMIT_DB
    target = first * (np.dot(first, second) / np.dot(first, first))
    rest = second - target
    wanted, unwanted = float(np.dot(target, target)), float(np.dot(rest, rest))
    ratio = max(wanted, ROUNDING * unwanted) / max(unwanted, ROUNDING * wanted)
    return 10.0 * math.log10(ratio)


def zimtohrli_mos(reference: npt.ArrayLike, estimate: npt.ArrayLike, sample_rate: int) -> float:
    """Predict the mean opinion score by Zimtohrli (Alakuijala et al., 2025, arXiv:2509.26133).

    The model takes a full-scale sine for about 80 dB SPL. It is lenient with silence: a silent
    estimate of loud music still scores between 2 and 3.

    Returns:
        Score from 1 to 5; 5 for equal clips.

    Raises:
        AudioError: Also for clips shorter than 0.25 s.
    """
    import zimtohrli

    first, second = _at_judge_rate(reference, estimate, sample_rate, ZIMTOHRLI_MIN_S, "Zimtohrli")
    return float(zimtohrli.mos_from_signals(first, second))


def visqol_mos(reference: npt.ArrayLike, estimate: npt.ArrayLike, sample_rate: int) -> float:
    """Predict the mean opinion score by ViSQOL in audio mode (Chinen et al., QoMEX 2020).

    ViSQOL scales the estimate to the reference's level and searches for the best alignment, so it
    does not count gain or a short delay. It takes about a quarter of the clip's duration, and some
    seconds more for compiling at its first use.

    Returns:
        Score from 1 to about 4.73. A silent estimate, which ViSQOL cannot scale, gets the 1 that
        the scale of mean opinion scores starts with.

    Raises:
        AudioError: Also for clips shorter than 1 s, or where ViSQOL finds nothing to compare.
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

    Returns:
        Score from 0 to 100; 100 for equal clips.

    Raises:
        AudioError: Also for clips shorter than 1 s, or if the reference is never louder than about
            -58 dB of full scale.
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


@functools.cache
def _visqol() -> VisqolApi:
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


def _spread_of(side: str, peaq: Any) -> DoubleArray:
    return _spread(getattr(peaq, f"{side}_pitch_pattern"), peaq.freq_centers_hz, peaq.dz)


def _spread(pattern: DoubleArray, centres_hz: DoubleArray, step_bark: float) -> DoubleArray:
    """Spread excitation over neighbouring bands, `(1, bands, frames)`; ITU-R BS.1387, 2.1.7."""
    flat = _spread_unscaled(np.ones((len(centres_hz), 1)), centres_hz, step_bark)
    return (_spread_unscaled(pattern[0], centres_hz, step_bark) / flat)[np.newaxis]


def _spread_unscaled(
    pattern: DoubleArray, centres_hz: DoubleArray, step_bark: float
) -> DoubleArray:
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
    result: DoubleArray = spread ** (1.0 / power)
    return result


def _at_judge_rate(
    reference: npt.ArrayLike,
    estimate: npt.ArrayLike,
    sample_rate: int,
    shortest_s: float,
    judge: str,
) -> tuple[FloatArray, FloatArray]:
    first, second = _pair(reference, estimate, judge)
    rate = check_rate(sample_rate)
    if len(first) < shortest_s * rate:
        raise AudioError(
            f"{judge} needs clips of at least {shortest_s} s, and these last "
            f"{len(first) / rate:.3f} s. Compare longer clips."
        )
    return resample(first, rate, JUDGE_RATE), resample(second, rate, JUDGE_RATE)


def _pair(
    reference: npt.ArrayLike, estimate: npt.ArrayLike, relative: str = ""
) -> tuple[DoubleArray, DoubleArray]:
    """Return both clips as float64, so that measuring adds no rounding of its own.

    `relative` names a measure that is relative to the level of the reference.
    """
    first, second = _mono(reference, "reference"), _mono(estimate, "estimate")
    if len(first) != len(second):
        raise AudioError(
            f"The reference has {len(first)} samples and the estimate {len(second)}. Bring the "
            "estimate to the reference's rate and align it first (musiclib.evaluation.align)."
        )
    if relative and not first.any():
        raise AudioError(
            f"The reference is silent, and {relative} is relative to its level. "
            "Leave this clip out."
        )
    return first, second


def _mono(audio: npt.ArrayLike, name: str) -> DoubleArray:
    # Checked before float32 could round: double input is measured as it is.
    samples = np.asarray(audio)
    validate(samples, name)
    if samples.ndim != 1:
        raise AudioError(f"The {name} must be mono (N,), not {samples.shape}. Use to_mono first.")
    return samples.astype(np.float64)


def _magnitudes(clip: DoubleArray, n_fft: int, hop_length: int) -> DoubleArray:
    """Magnitudes of the STFT, `(bins, frames)`."""
    # PyTorch takes seconds to import, and most of the package does without it.
    import torch

    from musiclib.stft import StftConfig, stft

    with torch.no_grad():
        spectrum = stft(torch.from_numpy(clip), StftConfig(n_fft, hop_length))
    # NumPy's absolute value of complex numbers is several times faster than PyTorch's.
    magnitudes: DoubleArray = np.abs(spectrum.numpy())
    return magnitudes


def _rms(values: DoubleArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def bitrate_kbps(n_bytes: int, seconds: float) -> float:
    """Bitrate in kbps (1000 bits a second) of a file of `n_bytes` for `seconds` of audio.

    Raises:
        MusiclibError: If the size is negative or the duration not positive.
    """
    if n_bytes < 0 or not (math.isfinite(seconds) and seconds > 0.0):
        raise MusiclibError(
            f"A bitrate needs 0 or more bytes and a positive duration, not {n_bytes} bytes in "
            f"{seconds} s"
        )
    return 8.0 * n_bytes / seconds / 1000.0


@dataclass(frozen=True)
class Metric:
    """A measure and how to show it.

    Attributes:
        name: Key in `METRICS` and column name in tables.
        label: Name for axes and table heads, without the unit.
        higher_is_better: Whether larger values mean closer to the reference.
        function: Takes reference `(N,)`, estimate `(N,)` and sampling rate in Hz.
        unit: Unit, or an empty string.
        scale: Ends of a judge's scale, for example `1 to 5`; empty for a diagnostic.
        family: What kind of judge it is; judges of one family share their blind spots. Empty for a
            diagnostic, which predicts no listener.
        trained_on: Parts of the book's systems that were trained towards a relative of this judge,
            so that a figure with it can say so. Such a judge carries no headline alone.
    """

    name: str
    label: str
    higher_is_better: bool
    function: Callable[[npt.ArrayLike, npt.ArrayLike, int], float]
    unit: str = ""
    scale: str = ""
    family: str = ""
    trained_on: tuple[str, ...] = ()

    def __call__(
        self, reference: npt.ArrayLike, estimate: npt.ArrayLike, sample_rate: int
    ) -> float:
        """Measure an estimate against its reference."""
        return self.function(reference, estimate, sample_rate)

    @property
    def axis_label(self) -> str:
        """Label with the unit or the scale in brackets, for axes."""
        within = self.unit or self.scale
        return f"{self.label} ({within})" if within else self.label


_SIMILARITY = "structural similarity of auditory spectrograms"

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "log_spectral_distance",
            "Log-spectral distance",
            False,
            lambda reference, estimate, _rate: log_spectral_distance(reference, estimate),
            unit="dB",
        ),
        Metric("spectral_rmse", "Spectral RMSE", False, spectral_rmse),
        Metric(
            "si_sdr",
            "SI-SDR",
            True,
            lambda reference, estimate, _rate: si_sdr(reference, estimate),
            unit="dB",
        ),
        Metric(
            "zimtohrli_mos",
            "Predicted quality, Zimtohrli",
            True,
            zimtohrli_mos,
            scale="1 to 5",
            family=_SIMILARITY,
            # Its loss, `musiclib.models.losses`, is measured from Zimtohrli.
            trained_on=("Melic's post-filter",),
        ),
        Metric(
            "visqol_mos",
            "Predicted quality, ViSQOL",
            True,
            visqol_mos,
            scale="1 to 5",
            family=_SIMILARITY,
        ),
        Metric(
            "two_f_mushra",
            "Predicted quality, 2f-model",
            True,
            two_f_mushra,
            scale="0 to 100",
            family="distortion and modulation in PEAQ's ear model",
        ),
        Metric(
            "waveform_rmse",
            "Waveform RMSE",
            False,
            lambda reference, estimate, _rate: waveform_rmse(reference, estimate),
        ),
    )
}

JUDGES: tuple[str, ...] = tuple(name for name, metric in METRICS.items() if metric.family)
"""Metrics that predict listeners; all others are diagnostics."""


def agreement(table: pd.DataFrame, metrics: Sequence[str] = JUDGES) -> pd.DataFrame:
    """Compare every two measures by Spearman's rank correlation.

    Two judges may agree on which system is the better one and disagree on the single clip, so there
    are two answers. 1 is full agreement: smaller-is-better measures are turned round first.

    Args:
        table: Rows of :func:`musiclib.evaluation.evaluate`; columns `system`, `setting`, `clip`,
            `metric` and `value`. Clips on which one of the measures has no value are left out of
            all of them.
        metrics: Keys of `METRICS`, two or more.

    Returns:
        A row for each pair: `first`, `second`; `systems`, over the means of systems;
        `within_clips`, over the systems of one clip, the mean over clips.

    Raises:
        MusiclibError: If a measure is not in the table.
    """
    import pandas as pd

    absent = sorted(set(metrics) - set(table["metric"]))
    if absent:
        raise MusiclibError(f"The table has no values of {', '.join(absent)}: measure them first.")
    wide = table.pivot(index=["clip", "system", "setting"], columns="metric", values="value")
    wide = wide[list(metrics)] * [
        1.0 if METRICS[name].higher_is_better else -1.0 for name in metrics
    ]
    whole = wide.groupby(level="clip").filter(lambda clip: clip.notna().all(axis=None))
    systems = whole.groupby(level=["system", "setting"]).mean().corr("spearman")
    within_clips = whole.groupby(level="clip").corr("spearman").groupby(level=1).mean()
    rows = [
        (first, second, systems.at[first, second], within_clips.at[first, second])
        for first, second in itertools.combinations(metrics, 2)
    ]
    return pd.DataFrame(rows, columns=["first", "second", "systems", "within_clips"])

"""Distances between spectra, which ignore phase, and between waveforms, which hear every shift.

They are diagnostics: they show what a codec does to a signal, and none of them is a measure of how
good it sounds. Beside them stands what a file costs, its bitrate.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from musiclib.audio.samples import check_rate, resample, validate
from musiclib.errors import AudioError, MusiclibError

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


def log_spectral_distance(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Compute the log-spectral distance in dB.

    Root mean square over the bins of a frame of the difference of `20 log10 |X|`, then the mean
    over frames (A. H. Gray and J. D. Markel, "Distance measures for speech processing", IEEE
    Transactions on Acoustics, Speech, and Signal Processing 24(5), 1976). STFT of 1024 samples
    every 256 with a Hann window; both clips are floored 80 dB below the reference's loudest bin.
    The window is in samples, so the distance is meant for one rate, the house rate of 24 kHz.

    It is a diagnostic and no measure of quality: every bin weighs the same whether it can be heard
    or not, and noise of the right envelope scores better than a sharp copy of the lower half.

    Args:
        reference: Reference clip, `(N,)`.
        estimate: Estimate, `(N,)`.

    Returns:
        Distance in dB: 0 for equal magnitudes, at most about 80 for silence or lost bands.

    Raises:
        AudioError: If the clips do not go together (see `checked_pair`) or the reference is silent.
    """
    first, second = checked_pair(reference, estimate)
    require_sound(first, "the log-spectral distance")
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

    Args:
        reference: Reference clip, `(N,)`.
        estimate: Estimate, `(N,)`.
        sample_rate: Sampling rate of both in Hz. Other rates are resampled to 8 kHz.

    Returns:
        Distance in nepers, 0 for equal magnitudes.

    Raises:
        AudioError: If the clips do not go together (see `checked_pair`), or if the reference is
            silent below 4 kHz.
    """
    first, second = checked_pair(reference, estimate)
    require_sound(first, "the spectral RMSE")
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
    """Compute the root mean square difference of the samples, in units of full scale.

    Args:
        reference: Reference clip, `(N,)`.
        estimate: Estimate, `(N,)`.

    Returns:
        0 for equal clips.

    Raises:
        AudioError: If the clips do not go together (see `checked_pair`).
    """
    first, second = checked_pair(reference, estimate)
    return float(np.sqrt(np.mean(np.square(first - second))))


def si_sdr(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Compute the scale-invariant signal-to-distortion ratio in dB.

    Le Roux, Wisdom, Erdogan and Hershey, "SDR - half-baked or well done?" (ICASSP 2019, section
    3): the energy of the reference, scaled to fit the estimate best, over the energy of the rest.
    The mean of both clips is removed first, so a constant offset does not count.

    Args:
        reference: Reference clip, `(N,)`.
        estimate: Estimate, `(N,)`.

    Returns:
        Ratio in dB, limited to plus or minus 156.5 dB, where float64 rounding begins. So a perfect
        estimate gives 156.5, and one that shares nothing with the reference, or is silent, -156.5.

    Raises:
        AudioError: If the clips do not go together (see `checked_pair`), or if the reference is
            constant.
    """
    first, second = checked_pair(reference, estimate)
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

"""Distances between magnitude spectra. They ignore phase."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from musiclib.audio.resampling import resample
from musiclib.audio.samples import check_rate
from musiclib.errors import AudioError
from musiclib.metrics.pairs import DoubleArray, checked_pair, require_sound

LSD_N_FFT, LSD_HOP = 1024, 256
LSD_RANGE_DB = 80.0

REPORT_RATE = 8_000
REPORT_N_FFT, REPORT_HOP = 512, 128
REPORT_OFFSET = 0.1
REPORT_PEAK = 0.3
# What resampling leaves of higher frequencies, 100 dB down, is not brought to the peak.
RESAMPLING_RESIDUE = 1e-5


def log_spectral_distance(reference: npt.ArrayLike, estimate: npt.ArrayLike) -> float:
    """Log-spectral distance in dB: the RMS difference of two spectrograms in dB.

    STFT of 1024 samples every 256 with a Hann window; `20 log10 |X|` of both clips, floored 80 dB
    below the reference's loudest bin; root mean square over all bins and frames. The window is in
    samples, so the measure is meant for one rate, the house rate of 24 kHz.

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
    ratio = np.maximum(second, floor) / np.maximum(first, floor)
    return 20.0 * _rms(np.log10(ratio))


def spectral_rmse(reference: npt.ArrayLike, estimate: npt.ArrayLike, sample_rate: int) -> float:
    """Spectral RMSE of the original report: RMS difference of natural log magnitudes.

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


def _magnitudes(clip: DoubleArray, n_fft: int, hop_length: int) -> DoubleArray:
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

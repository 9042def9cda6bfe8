"""Experiments of the chapter on spectrograms: what the representation keeps, and at what cost.

Clips are float32, mono, shape ``(N,)``. Spectra have shape ``(F, T)``: bins, then frames.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.signal
import torch

from musiclib.audio import FloatArray
from musiclib.stft import StftConfig, istft, stft
from musiclib.studies.introduction.transforms import imdct, mdct, share_for_energy

Array = npt.NDArray[np.float64]
WINDOWS = ("boxcar", "hann", "hamming", "blackman")
WINDOW_LABELS = {
    "boxcar": "Rectangle",
    "hann": "Hann",
    "hamming": "Hamming",
    "blackman": "Blackman",
}


def spectrum_of(audio: FloatArray, config: StftConfig) -> npt.NDArray[np.complex64]:
    """STFT of a clip as a NumPy array.

    Args:
        audio: Samples, shape ``(N,)``.
        config: Window and hop length.

    Returns:
        Complex spectrum, shape ``(F, T)``.
    """
    spectrum: npt.NDArray[np.complex64] = stft(torch.from_numpy(audio), config).numpy()
    return spectrum


def audio_of(spectrum: npt.NDArray[np.complex64], config: StftConfig, length: int) -> FloatArray:
    """Inverse STFT of a NumPy array.

    Args:
        spectrum: Complex, shape ``(F, T)``.
        config: Window and hop length.
        length: Number of samples.

    Returns:
        Samples, shape ``(length,)``.
    """
    return istft(torch.from_numpy(spectrum), config, length).numpy().astype(np.float32)


def window_response_db(window: str, n_fft: int = 1024, oversampling: int = 16) -> Array:
    """Magnitude of a window's own transform, relative to its peak.

    This is the shape that every pure tone takes in a spectrogram.

    Args:
        window: Name known to :func:`scipy.signal.get_window`.
        n_fft: Window length in samples.
        oversampling: Points for each bin.

    Returns:
        Levels in dB, shape ``(n_fft * oversampling // 2 + 1,)``, from the centre outwards.
    """
    weights = scipy.signal.get_window(window, n_fft)
    magnitude = np.abs(np.fft.rfft(weights, n_fft * oversampling))
    return np.asarray(20.0 * np.log10(np.maximum(magnitude / magnitude[0], 1e-10)))


def window_table(windows: Sequence[str] = WINDOWS, n_fft: int = 1024) -> pd.DataFrame:
    """What each window costs and buys, after Harris (Proceedings of the IEEE 66, 1978).

    Args:
        windows: Names known to :func:`scipy.signal.get_window`.
        n_fft: Window length in samples.

    Returns:
        One row for each window: ``main_lobe_bins`` (between the first zeros),
        ``highest_side_lobe_db``, ``far_side_lobe_db`` (highest beyond 50 bins) and
        ``noise_bandwidth_bins``.
    """
    oversampling = 64
    rows = []
    for name in windows:
        weights = scipy.signal.get_window(name, n_fft)
        response = window_response_db(name, n_fft, oversampling)
        first_zero = int(np.argmax(np.diff(response) > 0))
        rows.append(
            {
                "window": WINDOW_LABELS.get(name, name),
                "main_lobe_bins": 2.0 * first_zero / oversampling,
                "highest_side_lobe_db": float(response[first_zero:].max()),
                "far_side_lobe_db": float(response[50 * oversampling :].max()),
                "noise_bandwidth_bins": float(n_fft * np.sum(weights**2) / np.sum(weights) ** 2),
            }
        )
    return pd.DataFrame(rows).set_index("window")


def error_db(reference: FloatArray, estimate: FloatArray) -> float:
    """Energy of the difference over energy of the reference.

    Args:
        reference: Samples, shape ``(N,)``.
        estimate: Samples, shape ``(N,)``.

    Returns:
        dB; about -140 for the rounding of float32, minus infinity for no difference at all.
    """
    difference = estimate.astype(np.float64) - reference
    with np.errstate(divide="ignore"):
        return float(
            10.0 * np.log10(np.sum(difference**2) / np.sum(reference.astype(np.float64) ** 2))
        )


def round_trip_table(audio: FloatArray, configs: Sequence[StftConfig]) -> pd.DataFrame:
    """Error of there-and-back, and the number of values, for the STFT and the MDCT.

    Args:
        audio: Samples, shape ``(N,)``.
        configs: STFT settings; the MDCT has the window length of the first.

    Returns:
        One row for each transform: ``transform``, ``error_db`` and ``values_per_sample`` (real
        numbers for each sample of sound, the frames at the edges not counted).
    """
    rows = []
    for config in configs:
        spectrum = spectrum_of(audio, config)
        back = audio_of(spectrum, config, len(audio))
        rows.append(
            {
                "transform": f"STFT {config.n_fft:,}, hop {config.hop_length:,}",
                "error_db": error_db(audio, back),
                # The bins at 0 Hz and at the Nyquist rate are real, the others are complex.
                "values_per_sample": (2 * config.n_bins - 2) / config.hop_length,
            }
        )
    n_bins = configs[0].n_fft // 2
    coefficients = mdct(audio, n_bins)
    rows.append(
        {
            "transform": f"MDCT {2 * n_bins:,}, hop {n_bins:,}",
            "error_db": error_db(audio, imdct(coefficients, len(audio))),
            "values_per_sample": 1.0,
        }
    )
    return pd.DataFrame(rows).set_index("transform")


def levels_db(clips: Sequence[FloatArray], config: StftConfig, floor_db: float = 80.0) -> Array:
    """Levels of all bins and frames of some clips, relative to each clip's loudest bin.

    Args:
        clips: Clips, each of shape ``(N,)``.
        config: Window and hop length.
        floor_db: Levels further below the loudest are set to minus this.

    Returns:
        Levels in dB, shape ``(K,)``, from ``-floor_db`` to 0.
    """
    parts = []
    for audio in clips:
        magnitude = np.abs(spectrum_of(audio, config)).ravel().astype(np.float64)
        ratio = magnitude / max(float(magnitude.max()), 1e-12)
        parts.append(20.0 * np.log10(np.maximum(ratio, 10.0 ** (-floor_db / 20.0))))
    return np.concatenate(parts)


def quiet_level_db(
    clips: Sequence[FloatArray], window: str, n_fft: int = 1024, share: float = 0.1
) -> float:
    """How far the quiet bins lie below the loudest one, which is how far leakage lets one see.

    Args:
        clips: Clips of at least ``n_fft`` samples, each of shape ``(N,)``.
        window: Name known to :func:`scipy.signal.get_window`.
        n_fft: Window length in samples; the hop is a quarter of it.
        share: Share of all bins, frames and clips that is quieter than the result.

    Returns:
        That quantile, in dB relative to each clip's loudest bin (negative).
    """
    weights = scipy.signal.get_window(window, n_fft)
    levels = []
    for audio in clips:
        frames = np.lib.stride_tricks.sliding_window_view(audio, n_fft)[:: n_fft // 4]
        magnitude = np.abs(np.fft.rfft(frames * weights))
        levels.append(magnitude.ravel() / max(float(magnitude.max()), 1e-12))
    level = float(np.quantile(np.concatenate(levels), share))
    return float(20.0 * np.log10(max(level, 1e-10)))


def pre_emphasis(audio: FloatArray, coefficient: float = 0.97) -> FloatArray:
    """Raise the highs by about 6 dB an octave, as speech coders do before they analyse.

    Music falls with frequency, so without it a measure of energy is a measure of the bass.

    Args:
        audio: Samples, shape ``(N,)``.
        coefficient: Share of the previous sample that is subtracted from each sample.

    Returns:
        Samples, shape ``(N,)``.
    """
    return np.asarray(np.append(audio[:1], audio[1:] - coefficient * audio[:-1]), dtype=np.float32)


def keep_largest(audio: FloatArray, config: StftConfig, share: float) -> FloatArray:
    """Keep the largest cells of the STFT, with their phases, and silence all others.

    Args:
        audio: Samples, shape ``(N,)``.
        config: Window and hop length.
        share: Cells to keep, between 0 and 1.

    Returns:
        Samples, shape ``(N,)``.
    """
    spectrum = spectrum_of(audio, config)
    magnitude = np.abs(spectrum)
    threshold = np.quantile(magnitude, 1.0 - share)
    kept = np.where(magnitude >= threshold, spectrum, 0).astype(np.complex64)
    return audio_of(kept, config, len(audio))


def compaction_table(
    clips: Mapping[str, FloatArray], windows: Sequence[int], energy: float = 0.99
) -> pd.DataFrame:
    """How few values hold nearly all of a clip's energy, for each window length.

    Args:
        clips: Clips by name, each of shape ``(N,)``.
        windows: Window lengths in samples; the hop is a quarter of each (STFT), a half (MDCT).
        energy: Share of the energy to hold.

    Returns:
        One row for each clip, window and transform: ``clip``, ``window``, ``transform`` and
        ``values_per_sample`` (real numbers that hold the energy, for each sample of sound).
    """
    rows = []
    for name, audio in clips.items():
        for window in windows:
            config = StftConfig(n_fft=window, hop_length=window // 4)
            cells = share_for_energy(np.abs(spectrum_of(audio, config)), energy)
            values = {
                "STFT": cells * (2 * config.n_bins - 2) / config.hop_length,
                "MDCT": share_for_energy(mdct(audio, window // 2), energy),
            }
            rows += [
                {"clip": name, "window": window, "transform": key, "values_per_sample": value}
                for key, value in values.items()
            ]
    return pd.DataFrame(rows)

"""What a magnitude spectrogram still knows of the sound: phase removed, guessed and reconstructed.

Used by the chapter on spectrograms. Clips are float32, mono, shape ``(N,)``; magnitudes ``(F, T)``.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from musiclib.audio import FloatArray
from musiclib.metrics import log_spectral_distance, si_sdr, zimtohrli_mos
from musiclib.stft import StftConfig, griffin_lim, istft, spectral_convergence, stft
from musiclib.studies.spectrograms.representation import audio_of, keep_largest, spectrum_of

PhaseKind = Literal["random", "zero", "noise"]

PHASE_LABELS: dict[PhaseKind, str] = {
    "random": "Random phases",
    "zero": "Zero phases",
    "noise": "Phases of white noise",
}

HEARD = ("log_spectral_distance", "si_sdr", "zimtohrli_mos")
"""Columns of :func:`compare` that stand beside the players."""


def replace_phase(
    audio: FloatArray,
    config: StftConfig,
    kind: PhaseKind,
    seed: int = 0,
    *,
    keep_level: bool = True,
) -> FloatArray:
    """Keep the STFT's magnitudes, throw its phases away and transform back.

    Overlapping frames whose phases do not fit together cancel in part, so that the result is
    softer than the clip, by about 6 dB for random phases. The level is given back unless asked
    otherwise, so that phase alone is judged.

    Args:
        audio: Samples, shape ``(N,)``.
        config: Window and hop length.
        kind: ``"random"`` draws every phase by itself, ``"zero"`` sets all to zero, ``"noise"``
            takes the phases of white noise's own STFT, which fit together from frame to frame.
        seed: Of the random phases.
        keep_level: Whether to scale the result to the clip's RMS value.

    Returns:
        Samples, shape ``(N,)``.
    """
    magnitude = stft(torch.from_numpy(audio), config).abs()
    rng = np.random.default_rng(seed)
    if kind == "zero":
        phase = torch.zeros_like(magnitude)
    elif kind == "random":
        angles = rng.uniform(-np.pi, np.pi, tuple(magnitude.shape)).astype(np.float32)
        phase = torch.from_numpy(angles)
    else:
        white = rng.standard_normal(len(audio)).astype(np.float32)
        phase = stft(torch.from_numpy(white), config).angle()
    sound = istft(torch.polar(magnitude, phase), config, len(audio)).numpy().astype(np.float32)
    level = np.sqrt(np.mean(np.square(sound, dtype=np.float64)))
    if not keep_level or level == 0.0:
        return sound
    wanted = np.sqrt(np.mean(np.square(audio, dtype=np.float64)))
    return np.asarray(sound * (wanted / level), dtype=np.float32)


def spectral_convergence_db(
    magnitude: npt.NDArray[np.floating], audio: FloatArray, config: StftConfig
) -> float:
    """How far a sound's magnitudes are from those it was made from.

    The measure of Griffin and Lim (IEEE Transactions on Acoustics, Speech, and Signal Processing
    32, 1984), as a ratio: ``20 log10(||  |STFT(audio)| - magnitude || / || magnitude ||)``.

    Args:
        magnitude: Wanted magnitudes, shape ``(F, T)``.
        audio: Samples, shape ``(N,)``.
        config: Window and hop length of the magnitudes.

    Returns:
        dB, lower is closer; minus infinity for an exact match.
    """
    found = np.abs(spectrum_of(audio, config))
    ratio = spectral_convergence(torch.from_numpy(magnitude), torch.from_numpy(found))
    with np.errstate(divide="ignore"):
        return float(20.0 * np.log10(ratio))


def griffin_lim_curve(
    audio: FloatArray,
    config: StftConfig,
    iterations: Sequence[int],
    momenta: Mapping[str, float],
    seed: int = 0,
) -> tuple[pd.DataFrame, dict[tuple[str, int], FloatArray]]:
    """Reconstruct a clip from its magnitudes alone, with more and more iterations.

    Args:
        audio: Samples, shape ``(N,)``; only the magnitudes of their STFT are used.
        config: Window and hop length.
        iterations: Numbers of iterations.
        momenta: Label and momentum of each variant: 0 is the algorithm of Griffin and Lim (1984),
            0.99 the fast one of Perraudin, Balazs and Sondergaard (2013).
        seed: Of the phases that the search starts from.

    Returns:
        A table with ``method``, ``iterations``, ``spectral_convergence_db``, and the sounds by
        method and number of iterations.
    """
    magnitude = np.abs(spectrum_of(audio, config))
    rows, sounds = [], {}
    for label, momentum in momenta.items():
        for count in iterations:
            estimate = rebuild(magnitude, config, len(audio), count, seed, momentum)
            sounds[label, count] = estimate
            rows.append(
                {
                    "method": label,
                    "iterations": count,
                    "spectral_convergence_db": spectral_convergence_db(magnitude, estimate, config),
                }
            )
    return pd.DataFrame(rows), sounds


def phase_variants(audio: FloatArray, config: StftConfig, seed: int = 0) -> dict[str, FloatArray]:
    """The same magnitudes with phases that are not the clip's own.

    Args:
        audio: Samples, shape ``(N,)``.
        config: Window and hop length.
        seed: Of the random phases.

    Returns:
        Sounds of shape ``(N,)`` by label.
    """
    return {label: replace_phase(audio, config, kind, seed) for kind, label in PHASE_LABELS.items()}


def compare(
    audio: FloatArray, sounds: Mapping[str, FloatArray], sample_rate: int, config: StftConfig
) -> pd.DataFrame:
    """Magnitude error and waveform error of several sounds, side by side.

    Args:
        audio: The clip, shape ``(N,)``.
        sounds: Sounds of the same length by label.
        sample_rate: In Hz.
        config: Window and hop length of the spectral convergence.

    Returns:
        One row for each sound: ``spectral_convergence_db``, ``log_spectral_distance``,
        ``si_sdr``, ``zimtohrli_mos``.
    """
    magnitude = np.abs(spectrum_of(audio, config))
    rows = {
        label: {
            "spectral_convergence_db": spectral_convergence_db(magnitude, sound, config),
            "log_spectral_distance": log_spectral_distance(audio, sound),
            "si_sdr": si_sdr(audio, sound),
            "zimtohrli_mos": zimtohrli_mos(audio, sound, sample_rate),
        }
        for label, sound in sounds.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def mel_magnitudes(
    audio: FloatArray, sample_rate: int, config: StftConfig, n_mels: int
) -> npt.NDArray[np.float32]:
    """Sum magnitudes into mel bands, and spread them over the bins again.

    The way back is the least-squares one (the pseudo-inverse of the filter bank), with negative
    magnitudes set to zero. Nothing else is lost or added.

    Args:
        audio: Samples, shape ``(N,)``.
        sample_rate: In Hz.
        config: Window and hop length.
        n_mels: Number of mel bands from 0 Hz to half the sample rate.

    Returns:
        Magnitudes, shape ``(F, T)``.
    """
    bank, inverse = _mel_bank(sample_rate, config.n_fft, n_mels)
    magnitude = np.abs(spectrum_of(audio, config))
    return np.asarray(np.maximum(inverse @ (bank @ magnitude), 0.0), dtype=np.float32)


def mel_table(
    clips: Mapping[str, FloatArray],
    sample_rate: int,
    config: StftConfig,
    bands: Sequence[int],
    iterations: int = 32,
    seed: int = 0,
) -> pd.DataFrame:
    """What is left of clips that went through mel bands, with their own phases and with found ones.

    With a clip's own phases, all that is lost is the mel scale's doing. A decoder does not have
    them and has to find some: here by Griffin and Lim's algorithm with momentum.

    Args:
        clips: Clips by name, each of shape ``(N,)``.
        sample_rate: In Hz.
        config: Window and hop length.
        bands: Numbers of mel bands. All bins, without any bands, are added as a last row.
        iterations: Iterations of the search.
        seed: Of the phases that the search starts from.

    Returns:
        Means over the clips, one row for each number of values in a frame: ``own_lsd``,
        ``own_mos``, ``found_lsd``, ``found_mos``.
    """
    rows = []
    for audio in clips.values():
        spectrum = spectrum_of(audio, config)
        variants = {count: mel_magnitudes(audio, sample_rate, config, count) for count in bands}
        variants[config.n_bins] = np.abs(spectrum)
        for count, magnitude in variants.items():
            phases = np.exp(1j * np.angle(spectrum))
            own = audio_of((magnitude * phases).astype(np.complex64), config, len(audio))
            found = rebuild(magnitude, config, len(audio), iterations, seed)
            rows.append(
                {
                    "values_per_frame": count,
                    "own_lsd": log_spectral_distance(audio, own),
                    "own_mos": zimtohrli_mos(audio, own, sample_rate),
                    "found_lsd": log_spectral_distance(audio, found),
                    "found_mos": zimtohrli_mos(audio, found, sample_rate),
                }
            )
    return pd.DataFrame(rows).groupby("values_per_frame").mean()


def rebuild(
    magnitude: npt.NDArray[np.float32],
    config: StftConfig,
    length: int,
    iterations: int,
    seed: int = 0,
    momentum: float = 0.99,
) -> FloatArray:
    """A sound with the given magnitudes, by :func:`musiclib.stft.griffin_lim`.

    Args:
        magnitude: Magnitudes, shape ``(F, T)``.
        config: Window and hop length.
        length: Number of samples.
        iterations: Iterations of the search.
        seed: Of the phases that it starts from.
        momentum: 0 is the algorithm of 1984.

    Returns:
        Samples, shape ``(length,)``.
    """
    sound = griffin_lim(
        torch.from_numpy(magnitude), config, length, iterations, seed=seed, momentum=momentum
    )
    return sound.numpy().astype(np.float32)


def _mel_bank(
    sample_rate: int, n_fft: int, n_mels: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    import librosa

    bank = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, dtype=np.float64)
    # Narrow bands at the bottom may fall between two bins and be empty: they carry nothing.
    bank = bank[bank.sum(axis=1) > 0]
    return bank, np.linalg.pinv(bank)


def window_trials(
    clips: Mapping[str, FloatArray],
    sample_rate: int,
    windows: Sequence[int],
    share: float = 0.05,
    iterations: int = 32,
    seed: int = 0,
) -> pd.DataFrame:
    """Two trials of each window length: few cells with their phases, all cells without any.

    Args:
        clips: Clips by name, each of shape ``(N,)``.
        sample_rate: In Hz.
        windows: Window lengths in samples; the hop is a quarter of each.
        share: Share of the largest cells that the first trial keeps.
        iterations: Iterations of Griffin and Lim's algorithm in the second.
        seed: Of the phases that it starts from.

    Returns:
        One row for each clip and window: ``clip``, ``window``, ``kept_mos``, ``kept_si_sdr``,
        ``rebuilt_mos``, ``rebuilt_lsd``.
    """
    rows = []
    for name, audio in clips.items():
        for window in windows:
            config = StftConfig(n_fft=window, hop_length=window // 4)
            kept = keep_largest(audio, config, share)
            magnitude = np.abs(spectrum_of(audio, config))
            estimate = rebuild(magnitude, config, len(audio), iterations, seed)
            rows.append(
                {
                    "clip": name,
                    "window": window,
                    "kept_mos": zimtohrli_mos(audio, kept, sample_rate),
                    "kept_si_sdr": si_sdr(audio, kept),
                    "rebuilt_mos": zimtohrli_mos(audio, estimate, sample_rate),
                    "rebuilt_lsd": log_spectral_distance(audio, estimate),
                }
            )
    return pd.DataFrame(rows)

"""What a magnitude spectrogram still knows of the sound: phase removed, guessed and reconstructed.

Used by the chapter on spectrograms. Clips are float32, mono, shape ``(N,)``; magnitudes ``(F, T)``.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from musiclib.audio import FloatArray
from musiclib.metrics import log_spectral_distance, si_sdr, zimtohrli_mos
from musiclib.stft import StftConfig, griffin_lim, spectral_convergence
from musiclib.studies.distortions import PhaseKind, replace_phase
from musiclib.studies.spectrograms.representation import audio_of, keep_largest, spectrum_of

PHASE_LABELS: dict[PhaseKind, str] = {
    "random": "Random phases",
    "zero": "Zero phases",
    "noise": "Phases of white noise",
}

HEARD = ("log_spectral_distance", "si_sdr", "zimtohrli_mos")
"""Columns of :func:`compare` that stand beside the players."""

COLUMN_LABELS = {
    "values_per_frame": "values a frame",
    "spectral_convergence_db": "spectral convergence (dB)",
    "log_spectral_distance": "LSD (dB)",
    "si_sdr": "SI-SDR (dB)",
    "zimtohrli_mos": "MOS",
    "kept_mos": "MOS, 5 % kept",
    "kept_si_sdr": "SI-SDR, 5 % kept (dB)",
    "rebuilt_mos": "MOS, phase rebuilt",
    "rebuilt_lsd": "LSD, phase rebuilt (dB)",
    "values_24k": "values a sample, 24 kHz",
    "values_8k": "values a sample, 8 kHz",
}
"""Headings of the chapter's tables."""


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
    target = torch.from_numpy(magnitude)
    rows, sounds = [], {}
    for label, momentum in momenta.items():
        for count in iterations:
            sound = griffin_lim(
                target, config, len(audio), iterations=count, momentum=momentum, seed=seed
            )
            estimate = sound.numpy().astype(np.float32)
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


def mel_round_trip(
    audio: FloatArray, sample_rate: int, config: StftConfig, n_mels: int
) -> FloatArray:
    """Sum magnitudes into mel bands, spread them out again, and keep the clip's own phases.

    The phases are the clip's own on purpose: what is lost is then the mel scale's doing alone.
    The way back is the least-squares one (the pseudo-inverse of the filter bank), with negative
    magnitudes set to zero.

    Args:
        audio: Samples, shape ``(N,)``.
        sample_rate: In Hz.
        config: Window and hop length.
        n_mels: Number of mel bands from 0 Hz to half the sample rate.

    Returns:
        Samples, shape ``(N,)``.
    """
    spectrum = spectrum_of(audio, config)
    magnitude = np.abs(spectrum)
    bank, inverse = _mel_bank(sample_rate, config.n_fft, n_mels)
    rebuilt = np.maximum(inverse @ (bank @ magnitude), 0.0)
    phases = np.exp(1j * np.angle(spectrum))
    return audio_of((rebuilt * phases).astype(np.complex64), config, len(audio))


def _mel_bank(
    sample_rate: int, n_fft: int, n_mels: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    import librosa

    bank = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, dtype=np.float64)
    # Narrow bands at the bottom may fall between two bins and be empty: they carry nothing.
    bank = bank[bank.sum(axis=1) > 0]
    return bank, np.linalg.pinv(bank)


def percussiveness(audio: FloatArray, sample_rate: int) -> float:
    """Share of a clip's energy that median filtering calls percussive rather than harmonic.

    Source: Fitzgerald, "Harmonic/percussive separation using median filtering", DAFx 2010.

    Args:
        audio: Samples, shape ``(N,)``.
        sample_rate: In Hz.

    Returns:
        0 for steady tones, 1 for clicks.
    """
    import librosa

    config = StftConfig(n_fft=2048 if sample_rate > 12_000 else 1024, hop_length=512)
    magnitude = np.abs(spectrum_of(audio, config))
    harmonic, percussive = librosa.decompose.hpss(magnitude)
    total = float(np.sum(harmonic**2) + np.sum(percussive**2))
    return float(np.sum(percussive**2)) / max(total, 1e-20)


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
            magnitude = torch.from_numpy(np.abs(spectrum_of(audio, config)))
            rebuilt = griffin_lim(magnitude, config, len(audio), iterations=iterations, seed=seed)
            estimate = rebuilt.numpy().astype(np.float32)
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


def extremes(clips: Mapping[str, FloatArray], sample_rate: int) -> tuple[str, str]:
    """The most percussive and the most tonal of some clips.

    Args:
        clips: Clips by name, each of shape ``(N,)``.
        sample_rate: In Hz.

    Returns:
        Two names; the same name twice if there is one clip.
    """
    shares = {name: percussiveness(audio, sample_rate) for name, audio in clips.items()}
    return max(shares, key=lambda name: shares[name]), min(shares, key=lambda name: shares[name])

"""Banks of filters to compare with: sinusoids on several scales, random numbers, and the KLT.

A bank is an array `(filters, kernel)`, float64, in order of time; each row has a norm of 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, get_window, sosfiltfilt

from musiclib.audio import FloatArray
from musiclib.errors import AudioError

Bank = npt.NDArray[np.float64]
LOWEST_HZ = 40.0
GAMMATONE_ORDER = 4


def normalised(filters: npt.ArrayLike) -> Bank:
    """Each row divided by its norm.

    Args:
        filters: Shape ``(filters, kernel)``.

    Returns:
        The same shape; a row of zeros stays.
    """
    bank = np.asarray(filters, dtype=np.float64)
    norms = np.linalg.norm(bank, axis=1, keepdims=True)
    return np.asarray(np.divide(bank, norms, out=np.zeros_like(bank), where=norms > 0.0))


def fourier(filters: int, kernel: int, window: str = "hann") -> Bank:
    """Windowed cosines and sines on an even grid from 0 to half the sampling rate.

    Args:
        filters: Number of filters, even: a cosine and a sine for each frequency.
        kernel: Length in samples.
        window: Any of SciPy's.

    Returns:
        The bank, pairs next to each other, lowest frequency first. Frequencies lie in the middle
        of equal bands, so there is no sine of frequency 0.
    """
    cycles = (np.arange(filters // 2) + 0.5) / filters
    return _pairs(cycles, get_window(window, kernel)[None].repeat(filters // 2, axis=0))


def fourier_basis(kernel: int) -> Bank:
    """The real discrete Fourier transform as an orthonormal basis, `(kernel, kernel)`.

    Args:
        kernel: Length in samples, even.

    Returns:
        The constant, cosines and sines in pairs, and the alternating row of half the sampling
        rate.
    """
    inner = np.arange(1, kernel // 2) / kernel
    times = np.arange(kernel)
    ends = np.stack([np.ones(kernel), (-1.0) ** times])
    pairs = _pairs(inner, np.ones((len(inner), kernel)))
    return normalised(np.concatenate([ends[:1], pairs, ends[1:]]))


def mel(filters: int, kernel: int, sample_rate: int) -> Bank:
    """Windowed cosines and sines, evenly spaced on the mel scale, all of the same length.

    Args:
        filters: Number of filters, even.
        kernel: Length in samples.
        sample_rate: In Hz.
    """
    grid = np.linspace(hz_to_mel(LOWEST_HZ), hz_to_mel(sample_rate / 2), filters // 2 + 2)[1:-1]
    window = get_window("hann", kernel)[None].repeat(filters // 2, axis=0)
    return _pairs(mel_to_hz(grid) / sample_rate, window)


def gammatone(filters: int, kernel: int, sample_rate: int) -> Bank:
    r"""Pairs of gammatone filters, as wide as those of the ear and as closely spaced.

    The envelope is :math:`t^3 e^{-2 \pi b t}` with `b` 1.019 times the equivalent rectangular
    bandwidth at the filter's frequency (Patterson et al., 1992; the bandwidth is that of Glasberg
    and Moore, 1990).

    Args:
        filters: Number of filters, even.
        kernel: Length in samples; longer responses, those of low frequencies, are cut.
        sample_rate: In Hz.
    """
    grid = np.linspace(hz_to_erb_rate(LOWEST_HZ), hz_to_erb_rate(sample_rate / 2), filters // 2 + 2)
    hertz = erb_rate_to_hz(grid[1:-1])
    width = 1.019 * 24.7 * (4.37e-3 * hertz + 1.0)
    times = np.arange(kernel) / sample_rate
    envelopes = times ** (GAMMATONE_ORDER - 1) * np.exp(-2.0 * np.pi * width[:, None] * times)
    return _pairs(hertz / sample_rate, normalised(envelopes))


def random(filters: int, kernel: int, seed: int = 0) -> Bank:
    """Rows of independent normal numbers."""
    return normalised(np.random.default_rng(seed).standard_normal((filters, kernel)))


def frames(
    clips: Sequence[FloatArray], kernel: int, per_clip: int, seed: int = 0
) -> list[npt.NDArray[np.float64]]:
    """Random frames of clips.

    Args:
        clips: Samples ``(N,)``.
        kernel: Length of a frame.
        per_clip: Frames of each clip.
        seed: Seed of their places.

    Returns:
        For each clip that is long enough, ``(per_clip, kernel)``.

    Raises:
        AudioError: If no clip is as long as a frame, or all are silent.
    """
    generator = np.random.default_rng(seed)
    found = []
    for clip in clips:
        if len(clip) >= kernel:
            starts = generator.integers(0, len(clip) - kernel + 1, per_clip)
            found.append(np.stack([clip[start : start + kernel] for start in starts]).astype(float))
    found = [frame for frame in found if np.any(frame)]
    if not found:
        raise AudioError(f"no clip has {kernel} samples that are not silent: use longer clips")
    return found


def covariance(clip_frames: Sequence[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """Mean products of samples of a frame, `(kernel, kernel)`; each clip has the same weight."""
    kernel = clip_frames[0].shape[1]
    total = np.zeros((kernel, kernel))
    for rows in clip_frames:
        products = rows.T @ rows
        total += products / max(np.trace(products), 1e-20)
    return total / len(clip_frames)


def klt(products: npt.NDArray[np.float64], filters: int) -> Bank:
    """The Karhunen-Loeve transform: eigenvectors of the covariance, largest eigenvalues first.

    No bank of so many filters captures more of the energy of the frames that it was computed from.

    Args:
        products: From :func:`covariance`.
        filters: How many.
    """
    _, vectors = np.linalg.eigh(products)
    return np.ascontiguousarray(vectors[:, ::-1][:, :filters].T)


def noise_like(products: npt.NDArray[np.float64], filters: int, seed: int = 0) -> Bank:
    """Random filters with a given covariance: noise that has music's spectrum and nothing else.

    A step changes a filter by a sum of frames of the music that it has just read. So a change that
    has learned no more than the spectrum looks like this.

    Args:
        products: From :func:`covariance`.
        filters: How many.
        seed: Seed of the draws.
    """
    values, vectors = np.linalg.eigh(products)
    drawn = np.random.default_rng(seed).standard_normal((filters, len(values)))
    return normalised((drawn * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def above(clips: Sequence[FloatArray], hertz: float, sample_rate: int) -> list[FloatArray]:
    """Clips without what lies below a frequency, with zero phase.

    Args:
        clips: Samples ``(N,)``.
        hertz: Where the high-pass is 6 dB down.
        sample_rate: In Hz.
    """
    sections = butter(8, hertz, "highpass", fs=sample_rate, output="sos")
    return [sosfiltfilt(sections, clip).astype(np.float32) for clip in clips]


def hz_to_mel(hertz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Mel of a frequency (O'Shaughnessy, 1987)."""
    return 2595.0 * np.log10(1.0 + np.asarray(hertz, dtype=np.float64) / 700.0)


def mel_to_hz(mels: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Frequency of a mel value."""
    return 700.0 * (10.0 ** (np.asarray(mels, dtype=np.float64) / 2595.0) - 1.0)


def hz_to_erb_rate(hertz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Number of equivalent rectangular bandwidths below a frequency (Glasberg and Moore, 1990)."""
    return 21.4 * np.log10(4.37e-3 * np.asarray(hertz, dtype=np.float64) + 1.0)


def erb_rate_to_hz(rate: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Frequency of a number of equivalent rectangular bandwidths."""
    return (10.0 ** (np.asarray(rate, dtype=np.float64) / 21.4) - 1.0) / 4.37e-3


def _pairs(cycles: npt.NDArray[np.float64], windows: npt.NDArray[np.float64]) -> Bank:
    """Cosine and sine of each frequency in cycles per sample, under its window."""
    times = np.arange(windows.shape[1]) - (windows.shape[1] - 1) / 2.0
    angles = 2.0 * np.pi * cycles[:, None] * times
    both = np.stack([windows * np.cos(angles), windows * np.sin(angles)], axis=1)
    return normalised(both.reshape(-1, windows.shape[1]))

"""What a bank of filters is like: how close to sinusoids, where in frequency, how redundant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from musiclib.stats import Interval, jackknife, mean_interval
from musiclib.studies.fourier.banks import Bank, hz_to_mel, mel_to_hz, normalised

N_FFT = 4096
N_FFT_ATOMS = 2048
WIDTHS = (16, 32, 64, 128, 256)
"""Standard deviations of the Gaussian windows that are tried, in samples."""
EDGE_HZ = 30.0
"""Sinusoids nearer to 0 Hz or to half the sampling rate have no two phases to tell apart."""
PAIR_SIMILARITY = 0.8
SCALES = ("even", "mel", "octaves")


@dataclass(frozen=True, eq=False)
class Atoms:
    """The windowed sinusoid that is closest to each filter.

    Attributes:
        share: Share of the filter's energy that it explains, 0 to 1, ``(filters,)``.
        hertz: Its frequency.
        width: Standard deviation of its Gaussian window in samples; infinite without a window.
        centre: Middle of the window in samples.
        phase: Its phase in radians at sample 0.
        waveform: The sinusoid itself at the filter's level, ``(filters, kernel)``.
    """

    share: npt.NDArray[np.float64]
    hertz: npt.NDArray[np.float64]
    width: npt.NDArray[np.float64]
    centre: npt.NDArray[np.float64]
    phase: npt.NDArray[np.float64]
    waveform: Bank


def power_spectra(bank: Bank) -> npt.NDArray[np.float64]:
    """Power of each filter by frequency, `(filters, N_FFT / 2 + 1)`; the rows sum to 1."""
    power = np.abs(np.fft.rfft(bank, N_FFT, axis=1)) ** 2
    return np.asarray(power / np.maximum(power.sum(axis=1, keepdims=True), 1e-30))


def centre_frequencies(bank: Bank, sample_rate: int) -> npt.NDArray[np.float64]:
    """Frequency of each filter's largest response in Hz, ``(filters,)``."""
    peaks = power_spectra(bank).argmax(axis=1)
    return np.asarray(peaks * sample_rate / N_FFT)


def spreads(bank: Bank, sample_rate: int) -> npt.NDArray[np.float64]:
    """Bandwidth of each filter in Hz: the width of a band of even power with the same entropy.

    A half-power bandwidth looks at the highest peak alone, and calls noise with a peak narrow.
    This one counts all frequencies that a filter lets through.

    Args:
        bank: The filters.
        sample_rate: In Hz.

    Returns:
        Shape ``(filters,)``.
    """
    power = power_spectra(bank)
    entropy = -np.sum(power * np.log(np.maximum(power, 1e-30)), axis=1)
    return np.asarray(np.exp(entropy) * sample_rate / N_FFT)


def energy_below(bank: Bank, hertz: float, sample_rate: int) -> float:
    """Mean share of the filters' energy below a frequency, 0 to 1."""
    frequencies = np.fft.rfftfreq(N_FFT, 1.0 / sample_rate)
    return float(power_spectra(bank)[:, frequencies < hertz].sum(axis=1).mean())


def nearest_atoms(bank: Bank, sample_rate: int) -> Atoms:
    """Find the Gaussian-windowed sinusoid (Gabor, 1946) that explains most of each filter.

    Windows of all :data:`WIDTHS` at all places, and none, are tried with all frequencies of a
    transform of :data:`N_FFT_ATOMS` samples; amplitude and phase are the best ones for each.

    Args:
        bank: The filters.
        sample_rate: In Hz.

    Returns:
        The sinusoids. A filter of zeros has a share of 0.
    """
    count, kernel = bank.shape
    energy = np.sum(bank**2, axis=1)
    times = np.arange(kernel)
    hertz = np.fft.rfftfreq(N_FFT_ATOMS, 1.0 / sample_rate)
    allowed = np.flatnonzero((hertz >= EDGE_HZ) & (hertz <= sample_rate / 2 - EDGE_HZ))
    best = np.full(count, -1.0)
    chosen = np.zeros((count, 4))
    amplitude = np.zeros(count, dtype=np.complex128)
    rows = np.arange(count)
    for width, centre in _places(kernel):
        window = np.exp(-0.5 * ((times - centre) / width) ** 2)
        found = np.fft.rfft(bank * window, N_FFT_ATOMS, axis=1)[:, allowed]
        # Cosine and sine under a window are not quite orthogonal; the second transform says how.
        total = float(np.sum(window**2))
        turned = np.fft.fft(window**2, N_FFT_ATOMS)[2 * allowed % N_FFT_ATOMS]
        below = total**2 - np.abs(turned) ** 2
        explained = 2.0 * (total * np.abs(found) ** 2 - np.real(np.conj(turned) * found**2)) / below
        peak = explained.argmax(axis=1)
        value = explained[rows, peak]
        better = value > best
        best = np.where(better, value, best)
        solved = 2.0 * (total * found - turned * np.conj(found)) / below
        amplitude = np.where(better, solved[rows, peak], amplitude)
        place = np.stack(
            [hertz[allowed][peak], np.full(count, width), np.full(count, centre)], axis=1
        )
        chosen[:, :3] = np.where(better[:, None], place, chosen[:, :3])
    angles = 2.0 * np.pi * np.outer(chosen[:, 0] / sample_rate, times)
    windows = np.exp(-0.5 * ((times - chosen[:, 2:3]) / chosen[:, 1:2]) ** 2)
    waveform = windows * np.real(amplitude[:, None] * np.exp(1j * angles))
    share = np.divide(best, energy, out=np.zeros(count), where=energy > 0.0)
    return Atoms(share, chosen[:, 0], chosen[:, 1], chosen[:, 2], np.angle(amplitude), waveform)


def effective_rank(bank: Bank) -> float:
    """Exponential of the entropy of normalised squared singular values (Roy and Vetterli, 2007).

    It is the number of rows for a bank of orthonormal rows, 1 for rows that are all alike, and 0
    for a bank of zeros. The paper takes singular values; their squares, taken here, are energies.
    """
    energies = np.linalg.svd(normalised(bank), compute_uv=False) ** 2
    if not energies.any():
        return 0.0
    shares = energies / energies.sum()
    return float(np.exp(-np.sum(shares * np.log(np.maximum(shares, 1e-30)))))


def condition_db(bank: Bank, hop: int, points: int = 64) -> float:
    """How unevenly a bank that is applied every `hop` samples treats sounds.

    It is the gain of the sound that the bank amplifies most over that of the one it amplifies
    least, found by the singular values of the polyphase matrix (Vaidyanathan, "Multirate systems
    and filter banks", 1993, chapter 5) at some frequencies. A finite value means that the sound can
    be rebuilt from the outputs; noise in them grows by up to so many dB on the way.

    Args:
        bank: Filters, ``(filters, kernel)``, at their own level.
        hop: Distance of outputs in samples.
        points: Frequencies of the polyphase matrix, from 0 to the rate of the outputs.

    Returns:
        Decibels; infinite where a sound is lost.

    Raises:
        ValueError: If the hop does not divide the kernel.
    """
    count, kernel = bank.shape
    if kernel % hop:
        raise ValueError(f"a hop of {hop} does not divide a kernel of {kernel} samples")
    matrices = np.fft.fft(bank.reshape(count, kernel // hop, hop), points, axis=1)
    gains = np.linalg.svd(matrices.transpose(1, 0, 2), compute_uv=False)
    lowest = float(gains[:, -1].min()) if count >= hop else 0.0
    highest = float(gains.max())
    if lowest <= 1e-12 * highest:
        return float("inf")
    return float(20.0 * np.log10(highest / lowest))


def quadrature_pairs(bank: Bank, similarity: float = PAIR_SIMILARITY) -> float:
    """Share of filters that have a partner in quadrature: the same but for 90 degrees of phase.

    The partner of a cosine is a sine. A filter has one if the bank holds another filter whose inner
    product with its Hilbert transform is at least ``similarity``, and with itself less than half.

    Args:
        bank: The filters.
        similarity: Lowest inner product with the Hilbert transform; all have a norm of 1.

    Returns:
        A share, 0 to 1.
    """
    from scipy.signal import hilbert

    unit = normalised(bank)
    turned = normalised(np.imag(hilbert(unit, axis=1)))
    same, across = np.abs(unit @ unit.T), np.abs(turned @ unit.T)
    np.fill_diagonal(across, 0.0)
    return float(np.mean(np.any((across >= similarity) & (same < 0.5), axis=1)))


def moved(bank: Bank, start: Bank) -> npt.NDArray[np.float64]:
    """Energy of each filter's change, over the sum of those of the start and of the change.

    Args:
        bank: Filters after training, at their own level.
        start: The same filters before.

    Returns:
        0 for a filter that stayed, near 1 for one that nothing is left of; ``(filters,)``.
    """
    change, before = np.sum((bank - start) ** 2, axis=1), np.sum(start**2, axis=1)
    return np.asarray(change / np.maximum(change + before, 1e-30))


def scale_fit(hertz: npt.NDArray[np.float64], sample_rate: int) -> pd.DataFrame:
    """How well centre frequencies follow an even scale, the mel scale and octaves.

    Each scale, from :data:`EDGE_HZ` to half the sampling rate, says where the i-th of n sorted
    frequencies should be, and how densely frequencies should lie at each place.

    Args:
        hertz: Centre frequencies in any order.
        sample_rate: In Hz.

    Returns:
        Index ``scale`` ("even", "mel", "octaves"); ``misfit_hz``, the root mean square distance of
        the sorted frequencies from the best straight line on the scale, measured in Hz; ``bits``,
        an ``Interval`` of the mean log2 of the scale's density at a filter's frequency over the
        even scale's: positive where the scale describes the frequencies better.
    """
    inside = np.clip(hertz, EDGE_HZ, sample_rate / 2)
    span = sample_rate / 2 - EDGE_HZ
    rows = {}
    for scale in SCALES:
        # A density falls with the steepness of its scale, and integrates to 1.
        offset = {"mel": 700.0, "octaves": 0.0}.get(scale)
        bits = np.zeros(len(inside))
        if offset is not None:
            whole = np.log((sample_rate / 2 + offset) / (EDGE_HZ + offset))
            bits = np.log2(span / (whole * (inside + offset)))
        rows[scale] = {
            "misfit_hz": _misfit(np.sort(inside), scale, sample_rate),
            "bits": mean_interval(bits),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("scale")


def bandwidth_exponent(
    hertz: npt.NDArray[np.float64], bandwidth: npt.NDArray[np.float64]
) -> Interval:
    """Exponent e of bandwidth = constant times frequency to the power of e.

    0 is the same bandwidth everywhere (Fourier), 1 is constant Q (wavelets).

    Args:
        hertz: Centre frequencies.
        bandwidth: Bandwidths in Hz.

    Returns:
        The least-squares slope on logarithmic axes, with a 95 % interval over filters.
    """
    x, y = np.log(np.maximum(hertz, EDGE_HZ)), np.log(np.maximum(bandwidth, 1.0))
    return jackknife(
        _slope(x, y), [_slope(x[kept], y[kept]) for kept in ~np.eye(len(x), dtype=bool)]
    )


def _slope(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    centred = x - x.mean()
    return float(centred @ y / max(float(centred @ centred), 1e-30))


def _misfit(hertz: npt.NDArray[np.float64], scale: str, sample_rate: int) -> float:
    """Distance in Hz of sorted frequencies from the best line on a scale."""
    warped = {"even": hertz, "mel": hz_to_mel(hertz), "octaves": np.log2(hertz)}[scale]
    place = (np.arange(len(hertz)) + 0.5) / len(hertz)
    line = np.polyval(np.polyfit(place, warped, 1), place)
    if scale != "even":
        line = mel_to_hz(line) if scale == "mel" else np.exp2(line)
    return float(np.sqrt(np.mean((np.clip(line, 0.0, sample_rate / 2) - hertz) ** 2)))


def _places(kernel: int) -> list[tuple[float, float]]:
    """Width and middle of each window that is tried; the last is no window at all."""
    places = [
        (float(width), float(centre))
        for width in WIDTHS
        if width <= kernel / 2
        for centre in np.arange(0.0, kernel, width / 2.0)
    ]
    return [*places, (np.inf, (kernel - 1) / 2.0)]

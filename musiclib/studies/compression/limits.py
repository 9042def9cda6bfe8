"""The Gaussian rate-distortion limit by reverse water-filling.

For independent Gaussian variables of variances ``v_i`` and a water level ``t``, no code of any kind
needs fewer bits than ``R = sum_i max(0, log2(v_i / t) / 2)`` for the squared error
``D = sum_i min(v_i, t)``, and codes exist that come as near to it as one likes (Shannon, 1959;
Cover and Thomas, "Elements of information theory", 2006, section 10.3.3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import scipy.ndimage
import torch

from musiclib.audio import FloatArray
from musiclib.errors import AudioError
from musiclib.stft import StftConfig, stft

QUANTISER_BITS = 0.5 * np.log2(np.pi * np.e / 6.0)
"""What a uniform scalar quantiser with ideal entropy coding needs above the limit at high rates,
in bits a variable: 0.254 (Gish and Pierce, 1968)."""
LOCAL_N_FFT = 2048
LOCAL_REACH = (3, 3)
"""Bins and frames that a local spectrum is averaged over."""

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GaussianLimit:
    """Limit of a set of independent Gaussian variables.

    Attributes:
        variances: Falling, positive, shape ``(n,)``. Make it by :meth:`of`.
        count: Number of variables, those without any variance included.
    """

    variances: Array
    count: int

    @classmethod
    def of(cls, variances: npt.ArrayLike) -> "GaussianLimit":
        """Sort variances of any shape and leave out those that are 0.

        Raises:
            AudioError: If there is no positive one.
        """
        flat = np.asarray(variances, dtype=np.float64).ravel()
        # Below this, a variance is the rounding of a silent place.
        kept = flat[flat > 1e-20 * flat.max(initial=0.0)]
        if len(kept) == 0:
            raise AudioError("There is no limit for silence: all variances are 0.")
        return cls(np.sort(kept)[::-1], len(flat))

    @cached_property
    def energy(self) -> float:
        """Sum of the variances."""
        return float(self.variances.sum())

    @cached_property
    def _spent(self) -> tuple[Array, Array]:
        """Bits when the water stands at the n-th variance, and sums of the first n logarithms."""
        n = np.arange(1, len(self.variances) + 1)
        logs: Array = np.log2(self.variances)
        sums: Array = np.cumsum(logs)
        return 0.5 * (sums - n * logs), sums

    def level_for_bits(self, bits: float) -> float:
        """Water level at which all variables together take ``bits``, 0 or more."""
        spent, sums = self._spent
        active = int(np.searchsorted(spent, bits, side="right"))
        mean = float(sums[active - 1])
        return float(2.0 ** ((mean - 2.0 * bits) / active))

    def level_for_error(self, error: float) -> float:
        """Water level at which the squared errors add up to ``error``.

        Raises:
            AudioError: If it is not above 0.
        """
        if not error > 0.0:
            raise AudioError(f"An error of {error} would take infinitely many bits.")
        if error >= self.energy:
            return float(self.variances[0])
        n = np.arange(1, len(self.variances) + 1)
        below = self.energy - np.cumsum(self.variances)
        reached = n * self.variances + below  # falls from the energy towards 0
        active = int(np.searchsorted(-reached, -error, side="right"))
        return float((error - below[active - 1]) / active)

    def bits(self, level: float, quantiser: bool = False) -> float:
        """Bits of all variables together at a water level.

        Args:
            level: Above 0.
            quantiser: Whether to add :data:`QUANTISER_BITS` for each variable above the water.
        """
        above = self.variances[self.variances > level]
        extra = QUANTISER_BITS * len(above) if quantiser else 0.0
        return float(0.5 * np.log2(above / level).sum() + extra)

    def error(self, level: float) -> float:
        """Sum of squared errors at a water level."""
        return float(np.minimum(self.variances, level).sum())

    def bits_for_error(self, error: float) -> float:
        """Fewest bits for a sum of squared errors."""
        return self.bits(self.level_for_error(error))

    def si_sdr_at(self, bits: float) -> float:
        """Highest SI-SDR in dB for so many bits; minus infinity for none.

        The best reconstruction has the energy ``E - D`` and the inner product ``E - D`` with the
        clip, so its SI-SDR is ``10 log10((E - D) / D)``: the signal-to-noise ratio ``E / D``
        less 1.
        """
        error = self.error(self.level_for_bits(bits))
        with np.errstate(divide="ignore"):
            return float(10.0 * np.log10(max(self.energy - error, 0.0) / error))

    def bits_for_si_sdr(self, si_sdr_db: float) -> float:
        """Fewest bits for an SI-SDR in dB."""
        return self.bits_for_error(self.energy / (1.0 + 10.0 ** (si_sdr_db / 10.0)))


def local_spectra(audio: FloatArray, n_fft: int = LOCAL_N_FFT) -> Array:
    """Power of a clip around each place in time and frequency.

    With half a window between frames there are as many bins as samples: each stands for one
    coefficient of a lapped transform.

    Args:
        audio: Samples, shape ``(N,)``.
        n_fft: Length of the window in samples.

    Returns:
        Powers, shape ``(n_fft / 2, T)``, averages over :data:`LOCAL_REACH`.
    """
    config = StftConfig(n_fft, n_fft // 2)
    with torch.no_grad():
        spectrum = stft(torch.from_numpy(audio.astype(np.float64)), config)
    power = spectrum.abs().square().numpy()[:-1]
    smoothed: Array = scipy.ndimage.uniform_filter(power, LOCAL_REACH, mode="nearest")
    return smoothed


def waveform_limit(audio: FloatArray, local: bool = True) -> GaussianLimit:
    """Limit of Gaussian noise with a clip's spectra.

    Args:
        audio: Samples, shape ``(N,)``, not silent.
        local: Whether the spectrum changes with time as the clip's does; else all frames have its
            mean over the clip.

    Raises:
        AudioError: If the clip is silent.
    """
    powers = local_spectra(audio)
    if not local:
        powers = np.broadcast_to(powers.mean(axis=1, keepdims=True), powers.shape)
    return GaussianLimit.of(powers)


def si_sdr_curve(
    limits: Sequence[GaussianLimit], seconds: Sequence[float], kbps: npt.ArrayLike
) -> Array:
    """Mean of the limit's SI-SDR over clips.

    Args:
        limits: One for each clip.
        seconds: Length of each clip.
        kbps: Bitrates, shape ``(K,)``, above 0; every clip gets each of them.

    Returns:
        SI-SDR in dB, shape ``(K,)``.
    """
    rates = np.asarray(kbps, dtype=np.float64)
    values = [
        [limit.si_sdr_at(1000.0 * rate * length) for rate in rates]
        for limit, length in zip(limits, seconds, strict=True)
    ]
    mean: Array = np.mean(np.array(values), axis=0)
    return mean


def spectrogram_curve(
    limit: GaussianLimit, groups_per_second: float, levels: npt.ArrayLike
) -> dict[str, Array]:
    """The limit of log spectrograms whose groups of frames are coded one by one.

    Args:
        limit: Of the eigenvalues of a group's covariance, in squared nepers.
        groups_per_second: Groups in a second.
        levels: Water levels, shape ``(K,)``.

    Returns:
        ``kbps`` and ``rmse`` (spectral RMSE in nepers) of each level, and ``quantiser_kbps``, with
        a uniform scalar quantiser and ideal entropy coding; shape ``(K,)`` each.
    """
    values = [float(level) for level in np.asarray(levels, dtype=np.float64)]
    scale = groups_per_second / 1000.0
    return {
        "rmse": np.array([np.sqrt(limit.error(level) / limit.count) for level in values]),
        "kbps": np.array([scale * limit.bits(level) for level in values]),
        "quantiser_kbps": np.array([scale * limit.bits(level, quantiser=True) for level in values]),
    }

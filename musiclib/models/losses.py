"""Losses in the time, spectral and log-spectral domains, the divergence of a VAE, and hearing.

Each takes batches and returns a scalar. All are relative to the level of each clip, so that quiet
music counts as much as loud music, and all stay finite with finite gradients in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from musiclib.stft import StftConfig, stft

# Power per sample below which a clip counts as silent: -100 dB of full scale.
SILENCE = 1e-10
RESOLUTIONS = (512, 1024, 2048)
RANGE_DB = 80.0
DB_PER_NEPER = 8.685889638065035


def relative_l2(target: Tensor, output: Tensor) -> Tensor:
    """Squared error over the power of each clip, `(B, ...)`; 1 for a silent output."""
    dims = tuple(range(1, target.ndim))
    error = (output - target).square().mean(dim=dims)
    return (error / (target.square().mean(dim=dims) + SILENCE)).mean()


def noise_to_signal_db(target: Tensor, output: Tensor) -> Tensor:
    """Noise-to-signal ratio in dB, the mean over clips `(B, ...)`; lower is better.

    The logarithm makes a clip that is easy to rebuild count as much as a hard one, as the mean of
    SI-SDR over clips does (Le Roux et al., "SDR - half-baked or well done?", ICASSP 2019).
    """
    dims = tuple(range(1, target.ndim))
    error = (output - target).square().mean(dim=dims) + SILENCE
    return 10.0 * torch.log10(error / (target.square().mean(dim=dims) + SILENCE)).mean()


def spectral_distance(
    target: Tensor, output: Tensor, resolutions: Sequence[int] = RESOLUTIONS
) -> Tensor:
    """Spectral convergence, `|| |T| - |O| || / || T ||`, mean over clips `(B, N)` and resolutions.

    Arik, Jun and Diamos, "Fast spectrogram inversion using multi-head convolutional neural
    networks" (IEEE Signal Processing Letters 2019), the first of their losses. Each resolution is
    a window length with a hop of a quarter.
    """
    parts = []
    for n_fft in resolutions:
        first, second = _powers(target, output, n_fft)
        error = (first.sqrt() - second.sqrt()).square().mean(dim=(1, 2))
        parts.append(((error + SILENCE) / (first.mean(dim=(1, 2)) + SILENCE)).sqrt().mean())
    return torch.stack(parts).mean()


def log_spectral_distance_db(
    target: Tensor, output: Tensor, resolutions: Sequence[int] = RESOLUTIONS
) -> Tensor:
    """Root mean square difference of log magnitudes in dB, mean over clips and resolutions.

    As `musiclib.metrics.log_spectral_distance`, with a soft floor 80 dB below the target's loudest
    bin in place of a hard one, which would have no gradient. Clips are `(B, N)`.
    """
    parts = []
    for n_fft in resolutions:
        first, second = _powers(target, output, n_fft)
        floor = first.amax(dim=(1, 2), keepdim=True) * 10.0 ** (-RANGE_DB / 10.0) + SILENCE
        ratio = 0.5 * torch.log((second + floor) / (first + floor))
        # The root's slope is infinite at zero.
        parts.append((ratio.square().mean(dim=(1, 2)) + 1e-8).sqrt().mean())
    return DB_PER_NEPER * torch.stack(parts).mean()


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of N(mean, variance) from N(0, 1) in nats, `(...)`.

    Kingma and Welling, "Auto-encoding variational Bayes" (ICLR 2014, appendix B), for each value:
    0 at the prior.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)


def _powers(target: Tensor, output: Tensor, n_fft: int) -> tuple[Tensor, Tensor]:
    """Power spectra `(B, F, T)` of two batches `(B, N)`; the small constant bounds slopes."""
    config = StftConfig(n_fft, n_fft // 4)
    first, second = (stft(clips, config) for clips in (target, output))
    return tuple(s.real.square() + s.imag.square() + SILENCE for s in (first, second))  # type: ignore[return-value]


# A spectrogram as a model of hearing sees it, measured from Zimtohrli (Alakuijala et al., 2025,
# arXiv:2509.26133), which turns sound into 128 channels of a logarithm of energy over a threshold
# and compares two such pictures by structural similarity. Here each channel is a weighted sum of
# STFT powers; sines of all bins go through the model's own analysis to find weights and thresholds.
# What is trained with this is trained towards a relative of that judge, which has to be said where
# the judge is quoted.
DoubleArray = npt.NDArray[np.float64]

SAMPLE_RATE = 24_000
N_FFT, HOP = 512, 256  # 94 frames a second; Zimtohrli has 86
_MODEL_RATE = 48_000
_SINE, _SECONDS = 0.1, 0.35
# The model's channels are 3.01 times the common logarithm of energy.
_SCALE = 3.0103
# Windows and constants that, on decoded music, agree best with Zimtohrli's distance.
_PLACE = (8, 7)  # channels and frames
_LEVEL, _STRUCTURE = 1.0, 3.0


@lru_cache(maxsize=1)
def channels() -> tuple[Tensor, Tensor]:
    """Weights of STFT powers `(128, 257)` and thresholds `(128, 1)`.

    Powers are those of `stft` with a Hann window of 512 samples at 24 kHz.
    """
    import zimtohrli

    model = zimtohrli.Pyohrli()
    time = np.arange(round(_SECONDS * _MODEL_RATE)) / _MODEL_RATE

    def energies(audio: DoubleArray) -> DoubleArray:
        steps = model.analyze(audio.astype(np.float32))
        return np.power(10.0, np.asarray(steps[len(steps) // 2], np.float64) / _SCALE)

    threshold = energies(np.zeros(len(time)))
    # A sine in the middle of a bin has two thirds of its power there.
    power = 1.5 * (_SINE * N_FFT / 4.0) ** 2
    found = [np.zeros_like(threshold)]
    for k in range(1, N_FFT // 2 + 1):
        sine = _SINE * np.sin(2.0 * np.pi * (k * SAMPLE_RATE / N_FFT) * time)
        found.append(np.maximum(energies(sine) - threshold, 0.0) / power)
    # Relative to the threshold, numbers keep well within float32.
    weights = np.stack(found, axis=1) / threshold[:, None]
    return (
        torch.from_numpy(weights.astype(np.float32)),
        torch.from_numpy(np.log10(threshold)[:, None].astype(np.float32)),
    )


def auditory_spectrogram(audio: Tensor) -> Tensor:
    """Channels of clips `(B, N)` at 24 kHz and at the level that they are played, `(B, 128, T)`."""
    weights, threshold = (part.to(audio.device) for part in channels())
    spectrum = stft(audio, StftConfig(N_FFT, HOP))
    power = spectrum.real.square() + spectrum.imag.square()
    return _SCALE * (torch.log10(1.0 + weights @ power) + threshold)


def similarity_loss(target: Tensor, output: Tensor) -> Tensor:
    """One minus the structural similarity of two auditory spectrograms, for each clip: `(B,)`.

    Neurogram similarity of Hines and Harte, "Speech intelligibility prediction using a neurogram
    similarity index measure" (Speech Communication 2012, equation 5), as Zimtohrli uses it: in
    places of 8 channels and 7 frames, agreement in level times agreement in structure.
    """
    first, second = auditory_spectrogram(target), auditory_spectrogram(output)

    def local(x: Tensor) -> Tensor:
        return F.avg_pool2d(x[:, None], _PLACE, stride=1)

    mean_1, mean_2 = local(first), local(second)
    # Values are around 20, and their variances small: differences of large squares are avoided.
    centre = first.mean(dim=(1, 2), keepdim=True)
    near_1, near_2 = first - centre, second - centre
    middle_1, middle_2 = local(near_1), local(near_2)
    variance_1 = (local(near_1 * near_1) - middle_1 * middle_1).clamp(min=0.0)
    variance_2 = (local(near_2 * near_2) - middle_2 * middle_2).clamp(min=0.0)
    covariance = local(near_1 * near_2) - middle_1 * middle_2
    level = (2.0 * mean_1 * mean_2 + _LEVEL) / (mean_1.square() + mean_2.square() + _LEVEL)
    spread = ((variance_1 + 1e-4) * (variance_2 + 1e-4)).sqrt()
    return 1.0 - (level * (covariance + _STRUCTURE) / (spread + _STRUCTURE)).mean(dim=(1, 2, 3))

"""Losses in the time, spectral and log-spectral domains, and the divergence of a VAE.

Each takes batches and returns a scalar. All are relative to the level of each clip, so that quiet
music counts as much as loud music, and all stay finite with finite gradients in silence.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

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

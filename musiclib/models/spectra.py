"""What models of spectra start from: the log spectrogram that they see, and its components.

`LogSpectrogram` takes audio there and magnitudes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from musiclib.errors import ModelError
from musiclib.psychoacoustics import erb_hz
from musiclib.stft import StftConfig, from_log_magnitude, log_magnitude, stft


class LogSpectrogram(nn.Module):
    """Normalised log magnitudes `weight (ln(|X| + offset) - mean) / scale`.

    The mean is one per bin. The scale is one for all bins, so that a squared error here is the
    squared error of the log spectrogram itself, up to a factor: `musiclib.metrics.spectral_rmse`
    weights all bins alike, and so does a model's loss with an `erb_exponent` of 0. With 1 a bin
    counts by how much of the ear's frequency scale it covers: one at 10 kHz covers 31 times less of
    it than one at 100 Hz.

    Attributes:
        stft: Window and hop.
        offset: What is added to magnitudes of clips with a peak of 0.3.
        mean: Mean of each bin, `(F,)`.
        scale: Standard deviation over all bins, `()`.
        weight: Square roots of the weights of errors, mean square 1, `(F,)`.
    """

    mean: Tensor
    scale: Tensor
    weight: Tensor

    def __init__(
        self, config: StftConfig, offset: float, sample_rate: int = 0, erb_exponent: float = 0.0
    ) -> None:
        super().__init__()
        if not offset > 0.0:
            raise ModelError(f"offset must be positive, not {offset}")
        hertz = np.arange(config.n_bins) * (sample_rate / config.n_fft)
        weight = erb_hz(hertz) ** (-0.5 * erb_exponent)
        weight /= np.sqrt(np.mean(weight**2))
        self.register_buffer("weight", torch.from_numpy(weight).float(), persistent=False)
        self.stft = config
        self.offset = offset
        self.register_buffer("mean", torch.zeros(config.n_bins))
        self.register_buffer("scale", torch.ones(()))

    def logs(self, audio: Tensor) -> Tensor:
        """Return log magnitudes in nepers, `(B, F, T)`, of levelled audio `(B, N)`."""
        return log_magnitude(stft(audio, self.stft), self.offset)

    def forward(self, audio: Tensor) -> Tensor:
        """Return normalised log magnitudes, `(B, F, T)`, of levelled audio `(B, N)`."""
        return self.normalise(self.logs(audio))

    def normalise(self, logs: Tensor) -> Tensor:
        """Normalise log magnitudes `(..., F, T)`."""
        return (logs - self.mean[:, None]) * (self.weight[:, None] / self.scale)

    def denormalise(self, values: Tensor) -> Tensor:
        """Return log magnitudes in nepers from normalised ones, `(..., F, T)`."""
        return values * (self.scale / self.weight[:, None]) + self.mean[:, None]

    def magnitude(self, values: Tensor) -> Tensor:
        """Return magnitudes, not negative, from normalised log magnitudes, `(..., F, T)`."""
        return from_log_magnitude(self.denormalise(values), self.offset)

    def set_statistics(self, mean: Tensor, variance: float) -> None:
        """Set the mean of each bin, `(F,)`, and the mean of their variances (equal frames: 0)."""
        self.mean.copy_(mean)
        self.scale.fill_(variance**0.5 if variance > 1e-12 else 1.0)


class Components(NamedTuple):
    """Principal components of some rows.

    Attributes:
        mean: Mean row, `(D,)`, float64.
        vectors: Orthonormal components as rows, `(D, D)`, the largest variance first.
        variances: Eigenvalues of the covariance, `(D,)`, falling, not negative.
    """

    mean: Tensor
    vectors: Tensor
    variances: Tensor


def principal_components(batches: Iterable[Tensor]) -> Components:
    """Find the principal components of rows `(M, D)` that come in batches, exact in float64.

    Raises:
        ModelError: If there were fewer than two rows, or a row was not finite.
    """
    count, total, products = 0, torch.zeros(()), torch.zeros(())
    for rows in batches:
        wide = rows.detach().to("cpu", torch.float64)
        count += len(wide)
        total = total + wide.sum(dim=0)
        products = products + wide.T @ wide
    if count < 2 or not bool(torch.isfinite(products).all()):
        raise ModelError(
            f"Principal components need at least two rows of finite values: {count} rows came. "
            "Check the audio."
        )
    mean = total / count
    values, vectors = torch.linalg.eigh(products / count - torch.outer(mean, mean))
    return Components(mean, vectors.T.flip(0).contiguous(), values.flip(0).clamp(min=0.0))

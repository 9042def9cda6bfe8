"""A linear autoencoder of samples: filters that have to choose what to listen for.

It is the first layer of `WaveformAutoencoder` alone: as many values out as samples in, and each has
its price. Squared error cannot tell filters apart, since any rotation of their outputs serves a
linear decoder as well. The price of bits can: outputs in which the energy is gathered are cheap
(Goyal, "Theoretical foundations of transform coding", IEEE Signal Processing Magazine 2001).
Nothing here knows of frequencies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musiclib.errors import ModelError
from musiclib.models.base import Autoencoder, Losses, ModelConfig, Reconstruction
from musiclib.models.losses import noise_to_signal_db, relative_l2
from musiclib.models.waveform import TYPICAL_RMS


@dataclass(frozen=True)
class FilterbankConfig(ModelConfig):
    """Configuration of `FilterbankAutoencoder`.

    Attributes:
        filters: Number of filters.
        kernel: Their length in samples.
        hop: Samples between their outputs; `kernel - hop` must be even.
        start: Norm of each filter at the start, all of it random.
    """

    kind: ClassVar[str] = "filterbank"

    sample_rate: int = 24_000
    filters: int = 64
    kernel: int = 256
    hop: int = 64
    start: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.filters, self.kernel, self.hop) < 1 or self.start <= 0.0:
            raise ModelError("filters, kernel, hop and start must be positive")
        if self.kernel < self.hop or (self.kernel - self.hop) % 2:
            raise ModelError(
                f"kernel {self.kernel} must not be shorter than hop {self.hop}, and their "
                "difference must be even"
            )


class FilterbankAutoencoder(Autoencoder):
    """Filters and their transposed counterparts, `(B, 1, N)` to `(B, filters, ceil(N / hop))`."""

    domain = "waveform"
    config_type = FilterbankConfig
    config: FilterbankConfig

    def __init__(self, config: FilterbankConfig) -> None:
        super().__init__(config, config.filters, config.hop)
        count, kernel, hop = config.filters, config.kernel, config.hop
        edge = (kernel - hop) // 2
        self.analysis = nn.Conv1d(1, count, kernel, hop, padding=edge, bias=False)
        self.synthesis = nn.ConvTranspose1d(count, 1, kernel, hop, padding=edge, bias=False)
        with torch.no_grad():
            nn.init.normal_(self.analysis.weight, std=config.start * kernel**-0.5)
            # The transposed filters undo filters that are orthogonal and of this norm.
            share = hop / count / config.start**2
            self.synthesis.weight.copy_(share * self.analysis.weight)

    def analysis_filters(self) -> Tensor:
        """Return a copy of the filters, `(filters, kernel)`, in order of time."""
        return self.analysis.weight.detach()[:, 0].clone()

    def inputs(self, audio: Tensor) -> Tensor:
        """Return levelled audio `(B, N)` as it is, with a channel: `(B, 1, N)`."""
        return audio.unsqueeze(1)

    def encode(self, inputs: Tensor) -> Tensor:
        """Turn `(B, 1, N)` into `(B, filters, ceil(N / hop))`."""
        padded = F.pad(inputs, (0, -inputs.shape[-1] % self.config.hop))
        latent: Tensor = self.analysis(padded / TYPICAL_RMS)
        return latent

    def decode(self, latent: Tensor, length: int) -> Tensor:
        """Turn `(B, filters, L)` into `(B, 1, N)` with `N = length` samples."""
        output: Tensor = self.synthesis(latent)
        return TYPICAL_RMS * output[..., :length]

    def loss(self, target: Tensor, reconstruction: Reconstruction) -> Losses:
        """Noise-to-signal ratio in dB; relative squared error is reported too."""
        first, second = target[:, 0].float(), reconstruction.output[:, 0].float()
        total = noise_to_signal_db(first, second)
        error = relative_l2(first, second)
        return Losses(total, {"noise_to_signal_db": total.detach(), "l2": error.detach()})

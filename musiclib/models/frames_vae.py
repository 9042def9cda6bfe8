"""The variational autoencoder of spectral frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from musiclib.errors import ModelError
from musiclib.models.base import Losses, Reconstruction
from musiclib.models.frames import DeepAutoencoder, DeepConfig
from musiclib.models.losses import gaussian_kl
from musiclib.models.pca import Components


@dataclass(frozen=True)
class VaeConfig(DeepConfig):
    """Configuration of `VariationalAutoencoder`.

    Attributes:
        beta: Weight of the divergence from the prior, per frame and bin, next to the mean squared
            error. 0 leaves out the prior, 1 and above lets most values collapse onto it.
    """

    kind: ClassVar[str] = "frames_vae"

    beta: float = 0.03

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.beta >= 0.0:
            raise ModelError(f"beta must not be negative, not {self.beta}")


class VariationalAutoencoder(DeepAutoencoder):
    """Deep autoencoder whose encoding is a normal distribution (Kingma and Welling, ICLR 2014).

    The encoder gives a mean and a variance for each value; training decodes a sample of it (section
    2.4, the reparameterisation) and pays `beta` times its divergence from N(0, 1) (section 3, and
    Higgins et al., "beta-VAE", ICLR 2017). `encode` gives the mean.
    """

    config_type = VaeConfig
    config: VaeConfig

    def __init__(self, config: VaeConfig) -> None:
        super().__init__(config)
        self.log_variance = nn.Linear(config.stft.n_bins, config.latent)
        # Small variances at first: the decoder must see its input before it can use it.
        nn.init.normal_(self.log_variance.weight, std=1e-3)
        nn.init.constant_(self.log_variance.bias, -3.0)

    def start_from(self, components: Components) -> None:
        """Set the spine with latent values of variance 1, which is what the prior expects."""
        if self.spine is not None:
            self.spine.start_from(components, whiten=True)

    def log_variances(self, inputs: Tensor) -> Tensor:
        """Turn `(B, F, T)` into the logarithms of the values' variances, `(B, latent, T)`."""
        # Bounded, so that one odd frame cannot overflow the exponential.
        found: Tensor = self.log_variance(inputs.transpose(1, 2)).transpose(1, 2).clamp(-12.0, 4.0)
        return found

    def forward(self, inputs: Tensor, generator: torch.Generator | None = None) -> Reconstruction:
        """Encode and decode; with a generator, decode a sample.

        Returns:
            The output, the mean as the latent, and in `extra` the `log_variance`, both
            `(B, latent, T)`.
        """
        mean, spread = self.encode(inputs), self.log_variances(inputs)
        sample = self.noisy(mean, generator)
        if generator is not None:
            noise = torch.randn(mean.shape, generator=generator).to(mean)
            sample = sample + (0.5 * spread).exp() * noise
        output = self.decode(sample, inputs.shape[-1])
        return Reconstruction(output, mean, {"log_variance": spread})

    def loss(self, target: Tensor, reconstruction: Reconstruction) -> Losses:
        """Mean squared error plus `beta` times the divergence, both per frame and bin.

        The term `kl` is the divergence in nats a frame.
        """
        error = super().loss(target, reconstruction)
        divergence = gaussian_kl(reconstruction.latent, reconstruction.extra["log_variance"])
        per_frame = divergence.sum(dim=1).mean()
        total = error.total + self.config.beta * per_frame / target.shape[1]
        return Losses(total, {**error.terms, "kl": per_frame.detach()})

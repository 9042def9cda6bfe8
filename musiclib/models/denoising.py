"""Corruption of inputs for denoising autoencoders.

A denoising autoencoder sees a corrupted input and is asked for the clean one (Vincent, Larochelle,
Bengio and Manzagol, "Extracting and composing robust features with denoising autoencoders", ICML
2008, section 2.3). It is the plain autoencoder in everything else, so denoising is a setting of
every model here and no model of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from musiclib.errors import ModelError

CORRUPTIONS = ("none", "masking", "gaussian")


@dataclass(frozen=True)
class Corruption:
    """What is done to inputs in training.

    Attributes:
        kind: `none`, `masking` (each value is set to zero with a chance of `amount`; zero is the
            mean of a normalised input) or `gaussian` (noise with a standard deviation of `amount`
            times the root mean square of each example is added).
        amount: Fraction in [0, 1] for masking, relative deviation of at least 0 for Gaussian noise.
    """

    kind: str = "none"
    amount: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in CORRUPTIONS:
            raise ModelError(f"corruption must be one of {', '.join(CORRUPTIONS)}: {self.kind!r}")
        highest = {"none": 0.0, "masking": 1.0, "gaussian": float("inf")}[self.kind]
        if not 0.0 <= self.amount <= highest:
            raise ModelError(f"{self.kind} corruption by {self.amount}: use 0 to {highest:g}")

    def apply(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Corrupt inputs.

        Args:
            inputs: Clean inputs, `(B, ...)`.
            generator: Source of randomness on the CPU, so that a seed means the same on every
                device.

        Returns:
            Corrupted inputs of the same shape; the clean ones are left as they are.
        """
        if self.kind == "none":
            return inputs
        if self.kind == "masking":
            kept = torch.rand(inputs.shape, generator=generator) >= self.amount
            return inputs * kept.to(device=inputs.device, dtype=inputs.dtype)
        noise = torch.randn(inputs.shape, generator=generator).to(inputs)
        power = inputs.square().mean(dim=tuple(range(1, inputs.ndim)), keepdim=True)
        return inputs + self.amount * power.sqrt() * noise

"""What stands between encoder and decoder when an autoencoder is trained to compress.

Three ways to make a latent cost something:

- `plain`: nothing but, if asked for, uniform noise as wide as a quantiser's step;
- `rate`: the same noise, and each latent frame pays for its bits under a learned density, so that
  a training minimises `distortion + rate_weight * kbps` (Balle, Laparra and Simoncelli,
  "End-to-end optimized image compression", ICLR 2017);
- `rvq`: residual vector quantisation, stage after stage of codebooks (Zeghidour et al.,
  "SoundStream", 2021, section III.C), each with factorised, L2-normalised codes (Yu et al.,
  "Vector-quantized image modeling with improved VQGAN", ICLR 2022, as in Kumar et al.,
  "High-fidelity audio compression with improved RVQGAN", NeurIPS 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musiclib.errors import ModelError

KINDS = ("plain", "rate", "rvq")
LEAST_PROBABILITY = 1e-9
# A code that fewer than this share of an even use would fall to is dead and starts again.
DEAD_SHARE = 0.05
USE_DECAY = 0.99
CENTROID_PASSES = 10


@dataclass(frozen=True)
class Bottleneck:
    """Configuration of a bottleneck.

    Attributes:
        kind: One of `KINDS`.
        rate_weight: Of `rate`: what the loss pays for one kbps.
        stages: Of `rvq`: codebooks, one after the other.
        codes: Of `rvq`: vectors in a codebook.
        dimension: Of `rvq`: values of such a vector; the latent is projected to them.
        commitment: Of `rvq`: weight of the loss that keeps the encoder near the codes.
    """

    kind: str = "plain"
    rate_weight: float = 0.0
    stages: int = 24
    codes: int = 1024
    dimension: int = 8
    commitment: float = 0.25

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ModelError(f"There is no bottleneck {self.kind!r}. Use one of {KINDS}.")
        if (self.kind == "rate") != (self.rate_weight > 0.0):
            raise ModelError("rate_weight must be positive with the bottleneck rate, else 0")
        if min(self.stages, self.dimension) < 1 or self.codes < 2 or self.commitment < 0.0:
            raise ModelError("stages, codes and dimension must be positive, commitment 0 or more")


class FactorisedPrior(nn.Module):
    """Density of whole-number latents: each channel by itself, around its own last value.

    A channel's change `z[t] - w z[t-1]` follows a mixture of logistic distributions, integrated
    over the cell of a whole number. With noise in place of rounding the same formula is a lower
    bound on the likelihood and has a gradient.
    """

    def __init__(self, channels: int, components: int = 3) -> None:
        super().__init__()
        spread = torch.linspace(-1.0, 1.0, components)
        self.weight_before = nn.Parameter(torch.zeros(channels))
        self.share = nn.Parameter(torch.zeros(channels, components))
        self.centre = nn.Parameter(torch.zeros(channels, components))
        self.log_scale = nn.Parameter(spread.repeat(channels, 1))

    @torch.no_grad()
    def fit(self, latent: Tensor) -> None:
        """Start from the spread and the correlation of latents `(B, C, L)`."""
        centred = latent - latent.mean(dim=(0, 2), keepdim=True)
        power = centred.square().mean(dim=(0, 2)).clamp(min=1e-6)
        weight = (centred[..., 1:] * centred[..., :-1]).mean(dim=(0, 2)) / power
        self.weight_before.copy_(weight.clamp(0.0, 1.0))
        change = latent[..., 1:] - self.weight_before[:, None] * latent[..., :-1]
        self.centre.copy_(change.mean(dim=(0, 2))[:, None].expand_as(self.centre))
        # A logistic distribution of scale s has a standard deviation of 1.81 s.
        scale = (change.std(dim=(0, 2)) / 1.81).clamp(min=0.1).log()
        spread = torch.linspace(-1.0, 1.0, self.log_scale.shape[1])
        self.log_scale.copy_(scale[:, None] + spread)

    def bits(self, latent: Tensor) -> Tensor:
        """Return the code length of latents `(B, C, L)`, of the same shape, in bits."""
        before = F.pad(latent[..., :-1], (1, 0))
        change = (latent - self.weight_before[:, None] * before).unsqueeze(-1)
        offset = change - self.centre[:, None]
        # On the side away from zero both sigmoids are small, and their difference keeps its digits.
        offset = -offset.abs()
        scale = self.log_scale.clamp(-6.0, 8.0).exp()[:, None]
        mass = ((offset + 0.5) / scale).sigmoid() - ((offset - 0.5) / scale).sigmoid()
        chance = (self.share.softmax(dim=-1)[:, None] * mass).sum(dim=-1)
        return -chance.clamp(min=LEAST_PROBABILITY).log2()


class VectorQuantiser(nn.Module):
    """One codebook in a space of few dimensions, which vectors `(..., C)` are projected to.

    Codes and projections see residuals divided by `scale`, their spread at the start, so that the
    optimizer, which moves weights by about the learning rate whatever their size, treats the first
    stage, where residuals are large, and the last alike.
    """

    use: Tensor
    scale: Tensor

    def __init__(self, channels: int, codes: int, dimension: int) -> None:
        super().__init__()
        self.reduce = nn.Linear(channels, dimension)
        self.expand = nn.Linear(dimension, channels)
        self.codebook = nn.Parameter(torch.randn(codes, dimension))
        self.register_buffer("use", torch.ones(codes))
        self.register_buffer("scale", torch.ones(()))

    def project(self, residual: Tensor) -> Tensor:
        """Return residuals `(..., C)` in the space of the codes, `(..., d)`."""
        low: Tensor = self.reduce(residual / self.scale)
        return low

    def nearest(self, low: Tensor) -> Tensor:
        """Return the index of the code with the most similar direction, `(...)` of `(..., d)`."""
        # Vectors and codes have length 1: the largest product is the smallest distance.
        return (low @ F.normalize(self.codebook, dim=-1).T).argmax(dim=-1)

    def lookup(self, index: Tensor) -> Tensor:
        """Return what a code adds to the latent: `(..., C)` for indices `(...)`."""
        added: Tensor = self.scale * self.expand(F.embedding(index, self.codebook))
        return added

    def forward(self, residual: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Quantise residuals `(B, L, C)`.

        Returns:
            What the code adds `(B, L, C)`, with the gradient of its input (straight through); its
            index `(B, L)`; and two losses `(B,)` in units of the residual: how far the code is from
            the projected residual (moves the code) and the same with the gradient to the residual
            (commitment).
        """
        low = self.project(residual)
        index = self.nearest(low)
        code = F.embedding(index, self.codebook)
        # A mean over the channels of the residual, of which the codes span a few.
        power = self.scale.square() * low.shape[-1] / residual.shape[-1]
        towards_code = power * (low.detach() - code).square().mean(dim=(1, 2))
        towards_latent = power * (low - code.detach()).square().mean(dim=(1, 2))
        added = self.scale * self.expand(low + (code - low).detach())
        if self.training and torch.is_grad_enabled():
            self._restart_dead(low.detach().flatten(0, -2), index.flatten())
        return added, index, towards_code, towards_latent

    @torch.no_grad()
    def _restart_dead(self, low: Tensor, index: Tensor) -> None:
        """Move codes that nothing uses to vectors of this batch."""
        count = torch.bincount(index, minlength=len(self.use)).to(self.use)
        even = len(index) / len(self.use)
        self.use.mul_(USE_DECAY).add_(count / even, alpha=1.0 - USE_DECAY)
        dead = (self.use < DEAD_SHARE).nonzero().flatten()
        if len(dead):
            chosen = torch.randint(len(low), (len(dead),), device=low.device)
            self.codebook[dead] = low[chosen].to(self.codebook)
            self.use[dead] = 1.0

    @torch.no_grad()
    def fit(self, residual: Tensor, generator: torch.Generator) -> Tensor:
        """Start from residuals `(M, C)`: their principal plane, and centroids in it.

        Returns:
            What is left of them, `(M, C)`.
        """
        codes, dimension = self.codebook.shape
        mean = residual.mean(dim=0)
        centred = residual - mean
        _, vectors = torch.linalg.eigh((centred.T @ centred / len(centred)).double())
        plane = vectors.flip(1)[:, :dimension].to(residual)
        low = centred @ plane
        scale = low.square().mean().sqrt().clamp(min=1e-6)
        self.scale.copy_(scale)
        self.reduce.weight.copy_(plane.T)
        self.reduce.bias.copy_(-(mean @ plane) / scale)
        self.expand.weight.copy_(plane)
        self.expand.bias.copy_(mean / scale)
        low = low / scale
        self.codebook.copy_(low[torch.randint(len(low), (codes,), generator=generator)])
        for _ in range(CENTROID_PASSES):
            index = self.nearest(low)
            count = torch.bincount(index, minlength=codes)
            total = torch.zeros_like(self.codebook).index_add_(0, index, low)
            spare = low[torch.randint(len(low), (codes,), generator=generator)]
            centroid = total / count.clamp(min=1)[:, None]
            self.codebook.copy_(torch.where(count[:, None] > 0, centroid, spare))
        return residual - self.lookup(self.nearest(low))


class ResidualVectorQuantiser(nn.Module):
    """Codebooks one after the other, each for what those before it left."""

    def __init__(self, channels: int, config: Bottleneck) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            VectorQuantiser(channels, config.codes, config.dimension) for _ in range(config.stages)
        )
        self.commitment = config.commitment

    @torch.no_grad()
    def fit(self, latent: Tensor) -> None:
        """Start from latents `(B, C, L)`, stage after stage."""
        generator = torch.Generator().manual_seed(0)
        left = latent.transpose(1, 2).flatten(0, 1)
        for stage in self.stages:
            left = stage.fit(left, generator)  # type: ignore[operator]

    @torch.no_grad()
    def encode(self, latent: Tensor) -> Tensor:
        """Return indices `(B, S, L)` of all stages for latents `(B, C, L)`."""
        left, found = latent.transpose(1, 2), []
        for stage in self.stages:
            assert isinstance(stage, VectorQuantiser)
            index = stage.nearest(stage.project(left))
            left = left - stage.lookup(index)
            found.append(index)
        return torch.stack(found, dim=1)

    def decode(self, index: Tensor) -> Tensor:
        """Return latents `(B, C, L)` for the indices of the first stages, `(B, s, L)`."""
        total = torch.zeros((), device=index.device)
        for stage, mine in zip(self.stages, index.unbind(dim=1), strict=False):
            total = total + stage.lookup(mine)  # type: ignore[operator]
        return total.transpose(1, 2)

    def forward(self, latent: Tensor, used: Tensor) -> tuple[Tensor, Tensor]:
        """Quantise latents `(B, C, L)`, each example by the first `used` stages (dropout), `(B,)`.

        Returns:
            Latents after quantisation, `(B, C, L)`, and the codes' loss, a mean over stages.
        """
        left = latent.transpose(1, 2)
        total, loss = torch.zeros_like(left), latent.new_zeros(())
        for number, stage in enumerate(self.stages):
            added, _, towards_code, towards_latent = stage(left)
            mask = (used > number).to(left)
            total = total + mask[:, None, None] * added
            loss = loss + (mask * (towards_code + self.commitment * towards_latent)).mean()
            left = left - added
        return total.transpose(1, 2), loss / len(self.stages)

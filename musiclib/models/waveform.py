"""The time-domain convolutional autoencoder: samples in and out.

The original report kept one value for eight samples. Here a wide plain convolution turns samples
into filter outputs, a strided convolution and residual units reduce them to latents, and the
decoder mirrors that. Beside this a linear spine leads from samples to latents and from latents to
samples. It starts as plain downsampling with a windowed sinc, and everything else starts at
random, so that training begins where the baseline ends. `spine=False` leaves it out.

Nothing tells the first layer what its filters should be. `analysis_filters` reads them out: the
chapter on Fourier asks what they became.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musiclib.errors import ModelError
from musiclib.models import losses
from musiclib.models.base import Autoencoder, Losses, ModelConfig, Reconstruction

DILATIONS = (1, 3, 9)
# Clips with a peak of 0.3 have about this root mean square: inside, samples are near 1.
TYPICAL_RMS = 0.05
ZERO_CROSSINGS = 24  # of the sinc on each side


@dataclass(frozen=True)
class WaveformConfig(ModelConfig):
    """Configuration of `WaveformAutoencoder`.

    Attributes:
        factor: Samples for one latent value.
        filters: Filters of the first layer.
        kernel: Length of these filters in samples, a multiple of `first_stride`.
        first_stride: Distance between their outputs in samples.
        second_stride: Stride of the second layer. The product of both strides, over `factor`, is
            the number of latent channels.
        width: Channels of the residual units.
        blocks: Residual units on each side.
        spine: Whether there is a linear path from samples to samples.
        first_scale: Factor of the random numbers that the first layer's filters start from.
        l2_weight: Weight of `losses.relative_l2`.
        time_weight: Weight of `losses.noise_to_signal_db`.
        spectral_weight: Weight of `losses.spectral_distance`.
        log_spectral_weight: Weight of `losses.log_spectral_distance_db`.
    """

    kind: ClassVar[str] = "waveform"

    sample_rate: int = 24_000
    factor: int = 8
    filters: int = 128
    kernel: int = 512
    first_stride: int = 64
    second_stride: int = 2
    width: int = 192
    blocks: int = 3
    spine: bool = True
    first_scale: float = 1.0
    l2_weight: float = 0.0
    time_weight: float = 1.0
    spectral_weight: float = 0.0
    log_spectral_weight: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = (self.factor, self.filters, self.kernel, self.first_stride, self.second_stride)
        if min(*sizes, self.width) < 1 or self.blocks < 0:
            raise ModelError("sizes must be positive, blocks must not be negative")
        if self.stride % self.factor:
            raise ModelError(f"factor {self.factor} does not divide the stride of {self.stride}")
        if self.kernel % self.first_stride or (self.kernel - self.first_stride) % 2:
            raise ModelError(
                f"kernel {self.kernel} must be a multiple of first_stride {self.first_stride}, and "
                "their difference must be even"
            )
        weights = (self.l2_weight, self.time_weight, self.spectral_weight, self.log_spectral_weight)
        if min(weights) < 0.0 or max(weights) == 0.0:
            raise ModelError("weights of losses must not be negative, and one must be positive")

    @property
    def stride(self) -> int:
        """Samples for a latent frame."""
        return self.first_stride * self.second_stride


class ResidualUnit(nn.Module):
    """`x + conv1(gelu(conv3(gelu(norm(x)))))` over `(B, width, L)`."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1, width, 1))
        self.mix = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.out = nn.Conv1d(width, width, 1)
        nn.init.normal_(self.out.weight, std=0.3 * width**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, width, L)` to the same shape."""
        # Each place is normalised by itself: a clip's end must not change its beginning.
        normal = x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-4) * self.gain
        hidden: Tensor = self.out(F.gelu(self.mix(F.gelu(normal))))
        return x + hidden


class WaveformAutoencoder(Autoencoder):
    """Autoencoder of samples, `(B, 1, N)` to latents `(B, C, ceil(N / stride))`."""

    domain = "waveform"
    config_type = WaveformConfig
    config: WaveformConfig

    def __init__(self, config: WaveformConfig) -> None:
        channels = config.stride // config.factor
        super().__init__(config, channels, config.stride)
        width, step = config.width, config.second_stride
        edge = (config.kernel - config.first_stride) // 2
        self.analysis = nn.Conv1d(
            1, config.filters, config.kernel, config.first_stride, padding=edge, bias=False
        )
        self.down = nn.Conv1d(config.filters, width, 3 * step, step, padding=step)
        self.encoder = _units(width, config.blocks)
        self.reduce = nn.Conv1d(width, channels, 3, padding=1)
        self.expand = nn.Conv1d(channels, width, 7, padding=3)
        self.decoder = _units(width, config.blocks)
        self.up = nn.ConvTranspose1d(width, config.filters, 3 * step, step, padding=step)
        self.synthesis = nn.ConvTranspose1d(
            config.filters, 1, config.kernel, config.first_stride, padding=edge, bias=False
        )

        with torch.no_grad():
            self.analysis.weight.mul_(config.first_scale)
        self.spine_in: nn.Conv1d | None = None
        self.spine_out: nn.ConvTranspose1d | None = None
        if config.spine:
            kernels = _downsampling(config.factor, channels)
            length, reach = kernels.shape[-1], ZERO_CROSSINGS * config.factor
            self.spine_in = nn.Conv1d(1, channels, length, config.stride, padding=reach, bias=False)
            self.spine_out = nn.ConvTranspose1d(
                channels, 1, length, config.stride, padding=reach, bias=False
            )
            with torch.no_grad():
                self.spine_in.weight.copy_(kernels)
                self.spine_out.weight.copy_(kernels)
                self.synthesis.weight.mul_(0.02)
                self.reduce.weight.mul_(0.1)

    def analysis_filters(self) -> Tensor:
        """Return a copy of the first layer's filters, `(filters, kernel)`, in order of time.

        A filter's output at a frame is the sum of the samples around it times these values.
        """
        return self.analysis.weight.detach()[:, 0].clone()

    def inputs(self, audio: Tensor) -> Tensor:
        """Return levelled audio `(B, N)` as it is, with a channel: `(B, 1, N)`."""
        return audio.unsqueeze(1)

    def encode(self, inputs: Tensor) -> Tensor:
        """Turn `(B, 1, N)` into `(B, C, ceil(N / stride))`."""
        padded = F.pad(inputs, (0, -inputs.shape[-1] % self.config.stride))
        padded = padded / TYPICAL_RMS
        hidden = self.encoder(self.down(self.analysis(padded)))
        latent: Tensor = self.reduce(hidden)
        return latent if self.spine_in is None else latent + self.spine_in(padded)

    def decode(self, latent: Tensor, length: int) -> Tensor:
        """Turn `(B, C, L)` into `(B, 1, N)` with `N = length` samples."""
        output: Tensor = self.synthesis(self.up(self.decoder(self.expand(latent))))
        if self.spine_out is not None:
            output = output + self.spine_out(latent)
        return TYPICAL_RMS * output[..., :length]

    def loss(self, target: Tensor, reconstruction: Reconstruction) -> Losses:
        """Weighted sum of the losses of the configuration; all are reported."""
        # Under mixed precision the output has few bits, and spectra need float32.
        first, second = target[:, 0].float(), reconstruction.output[:, 0].float()
        weighted = {
            "l2": (self.config.l2_weight, losses.relative_l2),
            "noise_to_signal_db": (self.config.time_weight, losses.noise_to_signal_db),
            "spectral": (self.config.spectral_weight, losses.spectral_distance),
            "log_spectral_db": (self.config.log_spectral_weight, losses.log_spectral_distance_db),
        }
        total = first.new_zeros(())
        terms = {}
        for name, (weight, function) in weighted.items():
            # Without a gradient, a term that only is reported costs a third.
            with torch.set_grad_enabled(weight > 0.0 and torch.is_grad_enabled()):
                term = function(first, second)
            if weight > 0.0:
                total = total + weight * term
            terms[name] = term.detach()
        return Losses(total, terms)


def _units(width: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(
        *(ResidualUnit(width, DILATIONS[i % len(DILATIONS)]) for i in range(blocks))
    )


def _downsampling(factor: int, channels: int) -> Tensor:
    """Kernels `(channels, 1, K)` of downsampling by `factor`, and transposed of its inverse.

    Channel c of a latent frame holds sample c of the `channels` low-rate samples of that frame.
    """
    reach = ZERO_CROSSINGS * factor
    places = torch.arange(channels * factor + 2 * reach, dtype=torch.float64) - reach
    centres = factor * torch.arange(channels, dtype=torch.float64) + (factor - 1) / 2.0
    distance = places - centres[:, None]
    inside = (1.0 - (distance / reach).square()).clamp(min=0.0)
    window = torch.special.i0(8.0 * inside.sqrt()) / torch.special.i0(torch.tensor(8.0))
    # The factor is shared between both directions, so that latents keep the power of samples
    # in the band and both directions learn at the same pace.
    kernels: Tensor = (
        torch.sinc(distance / factor) * window * (distance.abs() < reach) / factor**0.5
    )
    return kernels.unsqueeze(1).to(torch.float32)

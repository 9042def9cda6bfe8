"""The frequency-domain convolutional autoencoder: a log spectrogram in and out.

The original report coded 8 kHz log spectrograms (STFT 512/128) in groups of four frames: 126
latent frames for 8.192 s, of 512 to 32 values each. Here a linear spine does what principal
components do, and 2-D convolutions on both sides of the bottleneck add what a linear map cannot:

    latent = spine(x + encoder_net(x)),   y = spine'(latent),   output = y + decoder_net(y)

`prepare` sets the spine to the principal components of groups of frames, from which training
starts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musiclib.errors import ModelError
from musiclib.models.base import Autoencoder, Losses, ModelConfig, Reconstruction
from musiclib.models.spectra import LogSpectrogram, principal_components
from musiclib.stft import StftConfig

STRIDE = 4  # of the convolutions' grid, in bins and frames


@dataclass(frozen=True)
class FrequencyConfig(ModelConfig):
    """Configuration of `FrequencyAutoencoder`.

    Attributes:
        latent: Values for a group of frames. The original report has 512, 256, 128, 64 and 32.
        group: Frames in a group.
        n_fft: Length of the STFT's window in samples.
        hop_length: Distance between frames in samples.
        offset: Added to magnitudes before the logarithm.
        erb_exponent: How errors of bins count: 0 alike, 1 by their share of the ear's frequency
            scale; see `musiclib.models.spectra.LogSpectrogram`.
        width: Channels of the 2-D convolutions.
        blocks: Residual blocks on each side; 0 leaves the linear spine alone.
    """

    kind: ClassVar[str] = "frequency"

    latent: int = 128
    group: int = 4
    n_fft: int = 512
    hop_length: int = 128
    offset: float = 0.1
    erb_exponent: float = 0.0
    width: int = 32
    blocks: int = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        values = self.group * (self.n_fft // 2 + 1)
        if not 1 <= self.latent <= values:
            raise ModelError(f"latent must lie in 1 to {values}, not {self.latent}")
        if self.group < 1 or self.width < 1 or self.blocks < 0:
            raise ModelError("group and width must be positive, blocks must not be negative")
        if not 0.0 <= self.erb_exponent <= 1.0:
            raise ModelError(f"erb_exponent must lie in 0 to 1, not {self.erb_exponent}")

    @property
    def stft(self) -> StftConfig:
        """Window and hop."""
        return StftConfig(self.n_fft, self.hop_length)


class ResidualBlock(nn.Module):
    """`x + conv(gelu(conv(gelu(x))))` with a reach over frequency that grows with `dilation`."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        reach = (dilation, 1)
        self.first = nn.Conv2d(width, width, 3, padding=reach, dilation=reach)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        # A deep stack without normalisation starts near the identity.
        nn.init.normal_(self.second.weight, std=0.1 / (9 * width) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, width, H, W)` to the same shape."""
        hidden: Tensor = self.second(F.gelu(self.first(F.gelu(x))))
        return x + hidden


class Refiner(nn.Module):
    """2-D convolutional network that corrects a spectrogram; near zero at first.

    It works on a grid of every fourth bin and frame, which makes it 16 times cheaper than full
    resolution, and knows where in frequency it is.
    """

    def __init__(self, bins: int, width: int, blocks: int) -> None:
        super().__init__()
        self.bins = bins
        self.rows = -(-bins // STRIDE)
        self.stem = nn.Conv2d(1, width, 2 * STRIDE, STRIDE, padding=STRIDE // 2)
        self.place = nn.Parameter(0.02 * torch.randn(1, width, self.rows, 1))
        self.blocks = nn.Sequential(*(ResidualBlock(width, 2 ** (i % 3)) for i in range(blocks)))
        self.head = nn.ConvTranspose2d(width, 1, 2 * STRIDE, STRIDE, padding=STRIDE // 2)
        nn.init.normal_(self.head.weight, std=1e-3)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Return the correction for `x`, both `(B, 1, F, T)`."""
        frames = x.shape[-1]
        padded = F.pad(x, (0, -frames % STRIDE, 0, self.rows * STRIDE - self.bins))
        hidden = self.blocks(self.stem(padded) + self.place)
        correction: Tensor = self.head(F.gelu(hidden))
        return correction[..., : self.bins, :frames]


class Reduction(nn.Conv2d):
    """Convolution `(B, 1, F, T)` to `(B, C, 1, L)` with kernels as long as its stride.

    Nothing overlaps, so it is one matrix product. PyTorch's algorithm expects overlaps and takes a
    multiple of the time.
    """

    def __init__(self, channels: int, kernel: tuple[int, int]) -> None:
        super().__init__(1, channels, kernel, kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, 1, F, T)` to `(B, C, 1, L)`; T must be a multiple of the kernel's length."""
        bins, group = self.kernel_size
        # (B, F, L * group) to (B, F * group, L)
        groups = x.reshape(len(x), bins, -1, group).transpose(2, 3).flatten(1, 2)
        products = (self.weight.flatten(1) @ groups).unsqueeze(2)
        return products if self.bias is None else products + self.bias[:, None, None]


class Expansion(nn.ConvTranspose2d):
    """Transposed convolution `(B, C, 1, L)` to `(B, 1, F, T)`: one matrix product as well."""

    def __init__(self, channels: int, kernel: tuple[int, int]) -> None:
        super().__init__(channels, 1, kernel, kernel)

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map `(B, C, 1, L)` to `(B, 1, F, T)`."""
        del output_size  # no other is possible
        products = self.weight.flatten(1).T @ x.squeeze(2)  # (B, F * group, L)
        split = products.reshape(len(x), *self.kernel_size, -1).transpose(2, 3)
        joined: Tensor = split.reshape(len(x), 1, self.kernel_size[0], -1)
        return joined if self.bias is None else joined + self.bias


class FrequencyAutoencoder(Autoencoder):
    """Autoencoder of log spectrograms, `(B, 1, F, T)` to latents `(B, latent, ceil(T / group))`."""

    domain = "spectrogram"
    config_type = FrequencyConfig
    config: FrequencyConfig

    def __init__(self, config: FrequencyConfig) -> None:
        super().__init__(config, config.latent, config.group * config.hop_length)
        bins, group = config.stft.n_bins, config.group
        self.spectrogram = LogSpectrogram(
            config.stft, config.offset, config.sample_rate, config.erb_exponent
        )
        self.encoder_net = Refiner(bins, config.width, config.blocks) if config.blocks else None
        self.decoder_net = Refiner(bins, config.width, config.blocks) if config.blocks else None
        self.reduce = Reduction(config.latent, (bins, group))
        self.expand = Expansion(config.latent, (bins, group))
        spread = (bins * group) ** -0.5
        nn.init.normal_(self.reduce.weight, std=spread)
        with torch.no_grad():
            self.expand.weight.copy_(self.reduce.weight)
            for layer in (self.reduce, self.expand):
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def latent_frames(self, n_samples: int) -> int:
        """Return the number of groups for a clip of `n_samples` samples."""
        return -(-self.config.stft.frames(n_samples) // self.config.group)

    def prepare(self, batches: Iterable[Tensor]) -> None:
        """Fit the normalisation, and set the spine to principal components of groups of frames."""
        batches = list(batches)
        latent, group, bins = self.config.latent, self.config.group, self.config.stft.n_bins
        weight = self.spectrogram.weight

        def rows(audio: Tensor) -> Tensor:
            """Cut spectrograms into groups of frames, `(M, F * group)`."""
            logs = self.spectrogram.logs(self.peak_normalize(audio)[0]) * weight[:, None]
            groups = self._grouped(logs.unsqueeze(1)).reshape(len(logs), bins, -1, group)
            return groups.transpose(1, 2).reshape(-1, bins * group)

        found = principal_components(rows(audio) for audio in batches)
        variance = float(found.variances.mean())
        mean = found.mean.reshape(bins, group).mean(dim=1) / weight
        self.spectrogram.set_statistics(mean, variance)
        kernels = found.vectors[:latent].reshape(latent, 1, bins, group).float()
        inwards, outwards = self._scales(found.variances[:latent] / variance)
        with torch.no_grad():
            self.reduce.weight.copy_(kernels * inwards[:, None, None, None])
            self.expand.weight.copy_(kernels * outwards[:, None, None, None])
        super().prepare(batches)

    def _scales(self, variances: Tensor) -> tuple[Tensor, Tensor]:
        """Return factors of the components on both sides of the bottleneck, `(latent,)` each.

        Where bits are paid for, a step of 1 starts as the one that makes an error worth its bits.
        A component of variance v costs `0.5 log2(v / d)` bits for an error d, so a bit more saves
        `2 ln(2) d`: with d a twelfth of the squared step, that is the price of a bit. Behind
        the noise of that step, the best linear decoder weighs a component by v / (v + d).
        """
        if self.config.bottleneck.kind != "rate":
            return torch.ones(len(variances)), torch.ones(len(variances))
        values = self.config.group * self.config.stft.n_bins
        kbps_per_bit = self.config.sample_rate / self.latent_hop / 1000.0
        error = self.config.bottleneck.rate_weight * kbps_per_bit * values / (2.0 * math.log(2.0))
        step = math.sqrt(12.0 * error)
        wiener = (variances / (variances + error)).float()
        return torch.full_like(wiener, 1.0 / step), step * wiener

    def learning_rate_factor(self, name: str) -> float:
        """Principal components and the codebooks' projections move in proportion to their size."""
        if self.config.bottleneck.kind == "plain":
            return 1.0
        if name in ("reduce.weight", "expand.weight"):
            return float(self.reduce.weight[0].numel()) ** -0.5  # type: ignore[no-any-return]
        if name.startswith("quantiser.") and not name.endswith("codebook"):
            return float(self.config.latent) ** -0.5  # type: ignore[no-any-return]
        return 1.0

    def inputs(self, audio: Tensor) -> Tensor:
        """Return normalised log magnitudes `(B, 1, F, T)` of levelled audio `(B, N)`."""
        spectrogram: Tensor = self.spectrogram(audio)
        return spectrogram.unsqueeze(1)

    def encode(self, inputs: Tensor) -> Tensor:
        """Turn `(B, 1, F, T)` into `(B, latent, ceil(T / group))`."""
        x = self._grouped(inputs)
        if self.encoder_net is not None:
            x = x + self.encoder_net(x)
        latent: Tensor = self.reduce(x)
        return latent.squeeze(2)

    def decode(self, latent: Tensor, length: int) -> Tensor:
        """Turn `(B, latent, L)` into `(B, 1, F, T)` with `T = length` frames."""
        y: Tensor = self.expand(latent.unsqueeze(2))
        if self.decoder_net is not None:
            y = y + self.decoder_net(y)
        return y[..., :length]

    def loss(self, target: Tensor, reconstruction: Reconstruction) -> Losses:
        """Mean squared error of normalised log magnitudes (the original report's L2 loss).

        The term `spectral_rmse` is the same in nepers, as `musiclib.metrics.spectral_rmse` has it,
        before a phase is found.
        """
        total = F.mse_loss(reconstruction.output, target)
        error = (reconstruction.output - target).detach() / self.spectrogram.weight[:, None]
        nepers = error.square().mean().sqrt() * self.spectrogram.scale
        return Losses(total, {"l2": total.detach(), "spectral_rmse": nepers})

    def _grouped(self, x: Tensor) -> Tensor:
        """Repeat the last frame up to a whole number of groups."""
        return F.pad(x, (0, -x.shape[-1] % self.config.group, 0, 0), mode="replicate")

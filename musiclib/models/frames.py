"""Autoencoders of single spectral frames: PCA, shallow and deep, and what all frame models share.

The family that Roche, Hueber, Limier and Girin compared in "Autoencoders for music sound modeling:
a comparison of linear, shallow, deep, recurrent and variational models" (arXiv 1806.04096): log
magnitude spectra of 513 bins, encoded to 4 to 100 values a frame. `frames_lstm` and `frames_vae`
have the recurrent and the variational one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musiclib.errors import ModelError
from musiclib.models.base import Autoencoder, Losses, ModelConfig, Reconstruction
from musiclib.models.features import LogSpectrogram
from musiclib.models.losses import DB_PER_NEPER
from musiclib.models.pca import Components, Moments
from musiclib.stft import StftConfig

ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "gelu": nn.GELU}


@dataclass(frozen=True)
class FrameConfig(ModelConfig):
    """What the configurations of all frame models share.

    Attributes:
        latent: Values for a frame, the encoding size.
        n_fft: Length of the STFT's window in samples.
        hop_length: Distance between frames in samples.
        offset: Added to magnitudes before the logarithm; for a peak of 0.3 the default is about
            80 dB below the loudest bin that there can be.
    """

    sample_rate: int = 24_000
    latent: int = 16
    n_fft: int = 1024
    hop_length: int = 256
    offset: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.latent <= self.stft.n_bins:
            raise ModelError(f"latent must lie in 1 to {self.stft.n_bins}, not {self.latent}")

    @property
    def stft(self) -> StftConfig:
        """Window and hop."""
        return StftConfig(self.n_fft, self.hop_length)


@dataclass(frozen=True)
class PcaConfig(FrameConfig):
    """Configuration of `PcaAutoencoder`."""

    kind: ClassVar[str] = "frames_pca"


@dataclass(frozen=True)
class ShallowConfig(FrameConfig):
    """Configuration of `ShallowAutoencoder`."""

    kind: ClassVar[str] = "frames_shallow"


@dataclass(frozen=True)
class DeepConfig(FrameConfig):
    """Configuration of `DeepAutoencoder`.

    Attributes:
        hidden: Sizes of the encoder's hidden layers; the decoder has them in reverse.
        activation: `tanh` or `gelu`.
        spine: Whether linear maps run beside the hidden layers on both sides. They start as
            principal components. `hidden=(128,), activation="tanh", spine=False` is the plain deep
            autoencoder of the literature.
    """

    kind: ClassVar[str] = "frames_deep"

    hidden: tuple[int, ...] = (512,)
    activation: str = "gelu"
    spine: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.hidden or min(self.hidden) < 1:
            raise ModelError(f"hidden must hold positive sizes, not {self.hidden}")
        if self.activation not in ACTIVATIONS:
            raise ModelError(
                f"activation must be one of {', '.join(ACTIVATIONS)}, not {self.activation!r}"
            )


class FrameAutoencoder(Autoencoder):
    """Base of the frame models: `(B, F, T)` to latents `(B, latent, T)`.

    Subclasses map rows, with a frame in the last dimension.
    """

    domain = "spectrogram"
    config: FrameConfig

    def __init__(self, config: FrameConfig) -> None:
        super().__init__(config)
        self.spectrogram = LogSpectrogram(config.stft, config.offset)

    def encode_rows(self, rows: Tensor) -> Tensor:
        """Map frames `(B, T, F)` to latents `(B, T, latent)`."""
        raise NotImplementedError

    def decode_rows(self, latent: Tensor) -> Tensor:
        """Map latents `(B, T, latent)` to frames `(B, T, F)`."""
        raise NotImplementedError

    def start_from(self, components: Components) -> None:
        """Set first weights from the principal components of normalised frames."""

    @property
    def latent_channels(self) -> int:
        """The encoding size."""
        return self.config.latent

    @property
    def latent_hop(self) -> int:
        """Samples between frames."""
        return self.config.hop_length

    def latent_frames(self, n_samples: int) -> int:
        """Return the number of frames for a clip of `n_samples` samples."""
        return self.config.stft.frames(n_samples)

    def pace(self, name: str) -> float:
        """Principal components move in proportion to the size of their weights."""
        return float(self.config.stft.n_bins) ** -0.5 if name.startswith("spine.") else 1.0

    def prepare(self, batches: Iterable[Tensor]) -> None:
        """Fit the normalisation and the principal components of frames."""
        bins = self.config.stft.n_bins
        moments = Moments(bins)
        for audio in batches:
            logs = self.spectrogram.logs(self.levelled(audio)[0])
            moments.update(logs.transpose(1, 2).reshape(-1, bins))
        found = moments.components()
        self.spectrogram.set_statistics(found.mean, float(found.variances.mean()))
        variances = found.variances / float(self.spectrogram.scale) ** 2
        self.start_from(Components(torch.zeros_like(found.mean), found.vectors, variances))

    def inputs(self, audio: Tensor) -> Tensor:
        """Return normalised log magnitudes `(B, F, T)` of levelled audio `(B, N)`."""
        spectrogram: Tensor = self.spectrogram(audio)
        return spectrogram

    def encode(self, inputs: Tensor) -> Tensor:
        """Turn `(B, F, T)` into `(B, latent, T)`."""
        return self.encode_rows(inputs.transpose(1, 2)).transpose(1, 2)

    def decode(self, latent: Tensor, length: int) -> Tensor:
        """Turn `(B, latent, T)` into `(B, F, T)`; `length` is T."""
        return self.decode_rows(latent[..., :length].transpose(1, 2)).transpose(1, 2)

    def loss(self, target: Tensor, reconstruction: Reconstruction) -> Losses:
        """Mean squared error; the term `rmse_db` is its root in dB, as the paper reports it."""
        total = F.mse_loss(reconstruction.output, target)
        level = total.detach().sqrt() * self.spectrogram.scale * DB_PER_NEPER
        return Losses(total, {"l2": total.detach(), "rmse_db": level})


class PcaAutoencoder(FrameAutoencoder):
    """Principal component analysis, fitted by `prepare` alone (the paper's baseline).

    Attributes:
        vectors: Orthonormal components as rows, `(latent, F)`.
        variances: All eigenvalues of the covariance of normalised frames, `(F,)`, falling.
    """

    config_type = PcaConfig
    vectors: Tensor
    variances: Tensor

    def __init__(self, config: PcaConfig) -> None:
        super().__init__(config)
        self.register_buffer("vectors", torch.eye(config.latent, config.stft.n_bins))
        self.register_buffer("variances", torch.ones(config.stft.n_bins))

    def start_from(self, components: Components) -> None:
        """Keep the first components."""
        self.vectors.copy_(components.vectors[: self.config.latent])
        self.variances.copy_(components.variances)

    def encode_rows(self, rows: Tensor) -> Tensor:
        """Project on the components."""
        return rows @ self.vectors.T

    def decode_rows(self, latent: Tensor) -> Tensor:
        """Sum the components."""
        return latent @ self.vectors


class ShallowAutoencoder(FrameAutoencoder):
    """One hidden layer, the encoding: `tanh(W x + b)`, then a linear map (the paper's AE)."""

    config_type = ShallowConfig

    def __init__(self, config: ShallowConfig) -> None:
        super().__init__(config)
        self.encoder = nn.Linear(config.stft.n_bins, config.latent)
        self.decoder = nn.Linear(config.latent, config.stft.n_bins)

    def encode_rows(self, rows: Tensor) -> Tensor:
        """Map frames to values in (-1, 1)."""
        return torch.tanh(self.encoder(rows))

    def decode_rows(self, latent: Tensor) -> Tensor:
        """Map encodings to frames."""
        rows: Tensor = self.decoder(latent)
        return rows


class DeepAutoencoder(FrameAutoencoder):
    """Several hidden layers on both sides of the encoding (the paper's DAE)."""

    config_type = DeepConfig

    def __init__(self, config: DeepConfig) -> None:
        super().__init__(config)
        bins, latent = config.stft.n_bins, config.latent
        self.encoder = dense((bins, *config.hidden, latent), config.activation)
        self.decoder = dense((latent, *config.hidden[::-1], bins), config.activation)
        self.spine = Spine(bins, latent) if config.spine else None
        if config.spine:
            shrink(self.encoder)
            shrink(self.decoder)

    def start_from(self, components: Components) -> None:
        """Set the spine, where there is one."""
        if self.spine is not None:
            self.spine.start_from(components)

    def encode_rows(self, rows: Tensor) -> Tensor:
        """Hidden layers plus the spine."""
        latent: Tensor = self.encoder(rows)
        return latent if self.spine is None else latent + self.spine.reduce(rows)

    def decode_rows(self, latent: Tensor) -> Tensor:
        """Hidden layers plus the spine."""
        rows: Tensor = self.decoder(latent)
        return rows if self.spine is None else rows + self.spine.expand(latent)


class Spine(nn.Module):
    """Linear maps to latents and back that start as principal components."""

    def __init__(self, bins: int, latent: int) -> None:
        super().__init__()
        self.reduce = nn.Linear(bins, latent, bias=False)
        self.expand = nn.Linear(latent, bins, bias=False)

    def start_from(self, components: Components, whiten: bool = False) -> None:
        """Set both maps; with `whiten` each latent value has a variance of 1."""
        latent = self.reduce.out_features
        vectors = components.vectors[:latent]
        spread = components.variances[:latent, None].clamp(min=1e-6).sqrt()
        with torch.no_grad():
            self.reduce.weight.copy_(vectors / spread if whiten else vectors)
            self.expand.weight.copy_((vectors * spread if whiten else vectors).T)


def dense(sizes: tuple[int, ...], activation: str) -> nn.Sequential:
    """Linear layers of the given sizes with an activation between each two."""
    layers: list[nn.Module] = []
    for first, second in itertools.pairwise(sizes):
        if layers:
            layers.append(ACTIVATIONS[activation]())
        layers.append(nn.Linear(first, second))
    return nn.Sequential(*layers)


def shrink(net: nn.Sequential) -> None:
    """Make a network's last layer small, so that the spine beside it leads at first."""
    last = net[-1]
    if isinstance(last, nn.Linear):
        with torch.no_grad():
            last.weight.mul_(0.02)
            last.bias.zero_()

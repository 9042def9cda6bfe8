"""Autoencoders of single spectral frames: PCA, shallow, deep, recurrent and variational.

The family that Roche, Hueber, Limier and Girin compared in "Autoencoders for music sound modeling:
a comparison of linear, shallow, deep, recurrent and variational models" (arXiv 1806.04096): log
magnitude spectra of 513 bins, encoded to 4 to 100 values a frame.
"""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musiclib.errors import ModelError
from musiclib.models.base import Autoencoder, Losses, ModelConfig, Reconstruction
from musiclib.models.losses import DB_PER_NEPER, gaussian_kl
from musiclib.models.spectra import Components, LogSpectrogram, principal_components
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


class PcaSkip(nn.Module):
    """Linear maps to latents and back that start as principal components."""

    def __init__(self, bins: int, latent: int) -> None:
        super().__init__()
        self.reduce = nn.Linear(bins, latent, bias=False)
        self.expand = nn.Linear(latent, bins, bias=False)

    def init_from_pca(self, components: Components, whiten: bool = False) -> None:
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


class FrameAutoencoder(Autoencoder):
    """Base of the frame models: `(B, F, T)` to latents `(B, latent, T)`.

    Subclasses map rows, with a frame in the last dimension.

    Attributes:
        spine: Linear maps whose outputs are added to those of the networks, or None.
    """

    domain = "spectrogram"
    config: FrameConfig

    def __init__(self, config: FrameConfig) -> None:
        super().__init__(config, config.latent, config.hop_length)
        self.spectrogram = LogSpectrogram(config.stft, config.offset)
        self.spine: PcaSkip | None = None

    def add_spine(self, *networks: nn.Sequential) -> None:
        """Put linear maps beside networks, and make these small, so that the maps lead at first."""
        self.spine = PcaSkip(self.config.stft.n_bins, self.config.latent)
        for network in networks:
            last = network[-1]
            assert isinstance(last, nn.Linear)
            with torch.no_grad():
                last.weight.mul_(0.02)
                last.bias.zero_()

    @abstractmethod
    def encode_rows(self, rows: Tensor) -> Tensor:
        """Map frames `(B, T, F)` to latents `(B, T, latent)`."""

    @abstractmethod
    def decode_rows(self, latent: Tensor) -> Tensor:
        """Map latents `(B, T, latent)` to frames `(B, T, F)`."""

    def init_from_pca(self, components: Components) -> None:
        """Set first weights from the principal components of normalised frames."""
        if self.spine is not None:
            self.spine.init_from_pca(components)

    def latent_frames(self, n_samples: int) -> int:
        """Return the number of frames for a clip of `n_samples` samples."""
        return self.config.stft.frames(n_samples)

    def learning_rate_factor(self, name: str) -> float:
        """Principal components move in proportion to the size of their weights."""
        return float(self.config.stft.n_bins) ** -0.5 if name.startswith("spine.") else 1.0

    def prepare(self, batches: Iterable[Tensor]) -> None:
        """Fit the normalisation and the principal components of frames."""
        logs = (self.spectrogram.logs(self.peak_normalize(audio)[0]) for audio in batches)
        found = principal_components(one.transpose(1, 2).flatten(0, 1) for one in logs)
        self.spectrogram.set_statistics(found.mean, float(found.variances.mean()))
        variances = found.variances / float(self.spectrogram.scale) ** 2
        self.init_from_pca(Components(torch.zeros_like(found.mean), found.vectors, variances))

    def inputs(self, audio: Tensor) -> Tensor:
        """Return normalised log magnitudes `(B, F, T)` of levelled audio `(B, N)`."""
        spectrogram: Tensor = self.spectrogram(audio)
        return spectrogram

    def encode(self, inputs: Tensor) -> Tensor:
        """Turn `(B, F, T)` into `(B, latent, T)`."""
        rows = inputs.transpose(1, 2)
        latent = self.encode_rows(rows)
        if self.spine is not None:
            latent = latent + self.spine.reduce(rows)
        return latent.transpose(1, 2)

    def decode(self, latent: Tensor, length: int) -> Tensor:
        """Turn `(B, latent, T)` into `(B, F, T)`; `length` is T."""
        latent = latent[..., :length].transpose(1, 2)
        rows = self.decode_rows(latent)
        if self.spine is not None:
            rows = rows + self.spine.expand(latent)
        return rows.transpose(1, 2)

    def loss(self, target: Tensor, reconstruction: Reconstruction) -> Losses:
        """Mean squared error; the term `rmse_db` is its root in dB, as the paper reports it."""
        total = F.mse_loss(reconstruction.output, target)
        level = total.detach().sqrt() * self.spectrogram.scale * DB_PER_NEPER
        return Losses(total, {"l2": total.detach(), "rmse_db": level})


@dataclass(frozen=True)
class PcaConfig(FrameConfig):
    """Configuration of `PcaAutoencoder`."""

    kind: ClassVar[str] = "frames_pca"


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

    def init_from_pca(self, components: Components) -> None:
        """Keep the first components."""
        self.vectors.copy_(components.vectors[: self.config.latent])
        self.variances.copy_(components.variances)

    def encode_rows(self, rows: Tensor) -> Tensor:
        """Project on the components."""
        return rows @ self.vectors.T

    def decode_rows(self, latent: Tensor) -> Tensor:
        """Sum the components."""
        return latent @ self.vectors


@dataclass(frozen=True)
class ShallowConfig(FrameConfig):
    """Configuration of `ShallowAutoencoder`."""

    kind: ClassVar[str] = "frames_shallow"


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
        if self.activation not in ACTIVATIONS:
            raise ModelError(
                f"activation must be one of {', '.join(ACTIVATIONS)}, not {self.activation!r}"
            )


class DeepAutoencoder(FrameAutoencoder):
    """Several hidden layers on both sides of the encoding (the paper's DAE)."""

    config_type = DeepConfig

    def __init__(self, config: DeepConfig) -> None:
        super().__init__(config)
        bins, latent = config.stft.n_bins, config.latent
        self.encoder = dense((bins, *config.hidden, latent), config.activation)
        self.decoder = dense((latent, *config.hidden[::-1], bins), config.activation)
        if config.spine:
            self.add_spine(self.encoder, self.decoder)

    def encode_rows(self, rows: Tensor) -> Tensor:
        """Run the hidden layers before the encoding."""
        latent: Tensor = self.encoder(rows)
        return latent

    def decode_rows(self, latent: Tensor) -> Tensor:
        """Run the hidden layers after the encoding."""
        rows: Tensor = self.decoder(latent)
        return rows


@dataclass(frozen=True)
class LstmConfig(FrameConfig):
    """Configuration of `LstmAutoencoder`.

    Attributes:
        hidden: Size of the state of each LSTM layer.
        spine: Whether linear maps run beside the LSTM layers; see `DeepConfig`.
    """

    kind: ClassVar[str] = "frames_lstm"

    hidden: int = 256
    spine: bool = True


class LstmAutoencoder(FrameAutoencoder):
    """Encoding of a frame that knows the frames before it (arXiv 1806.04096, the LSTM-AE).

    Each frame has its own encoding, so the rate is that of the other frame models. Both layers run
    forward in time: a frame needs no later one.
    """

    config_type = LstmConfig

    def __init__(self, config: LstmConfig) -> None:
        super().__init__(config)
        bins, latent, hidden = config.stft.n_bins, config.latent, config.hidden
        self.encoder_lstm = nn.LSTM(bins, hidden, batch_first=True)
        self.encoder_out = dense((hidden, latent), "tanh")
        self.decoder_lstm = nn.LSTM(latent, hidden, batch_first=True)
        self.decoder_out = dense((hidden, bins), "tanh")
        if config.spine:
            self.add_spine(self.encoder_out, self.decoder_out)

    def encode_rows(self, rows: Tensor) -> Tensor:
        """Run the first LSTM over the frames."""
        latent: Tensor = self.encoder_out(_states(self.encoder_lstm, rows))
        return latent

    def decode_rows(self, latent: Tensor) -> Tensor:
        """Run the second LSTM over the encodings."""
        rows: Tensor = self.decoder_out(_states(self.decoder_lstm, latent))
        return rows


def _states(lstm: nn.LSTM, rows: Tensor) -> Tensor:
    """Return the states of an LSTM after each row.

    On a processor always in float32: under mixed precision PyTorch would ask oneDNN for an LSTM in
    bfloat16, which it has for processors with AVX-512 alone.
    """
    on_processor = rows.device.type == "cpu"
    with torch.autocast("cpu", enabled=False) if on_processor else nullcontext():
        states: Tensor = lstm(rows.float() if on_processor else rows)[0]
    return states


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

    def init_from_pca(self, components: Components) -> None:
        """Set the spine with latent values of variance 1, which is what the prior expects."""
        if self.spine is not None:
            self.spine.init_from_pca(components, whiten=True)

    def forward(self, inputs: Tensor, generator: torch.Generator | None = None) -> Reconstruction:
        """Encode and decode; with a generator, decode a sample.

        Returns:
            The output, the mean as the latent, and in `extra` the `log_variance`, both
            `(B, latent, T)`.
        """
        mean = self.encode(inputs)
        # Bounded, so that one odd frame cannot overflow the exponential.
        spread = self.log_variance(inputs.transpose(1, 2)).transpose(1, 2).clamp(-12.0, 4.0)
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

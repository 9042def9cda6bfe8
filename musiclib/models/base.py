"""What all models share: configuration, the way of a batch through an autoencoder, its loss.

A denoising autoencoder sees a corrupted input and is asked for the clean one (Vincent, Larochelle,
Bengio and Manzagol, "Extracting and composing robust features with denoising autoencoders", ICML
2008, section 2.3). Denoising is a setting of every autoencoder here (`Corruption`).
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from musiclib.errors import ModelError
from musiclib.models.bottleneck import Bottleneck, FactorisedPrior, ResidualVectorQuantiser

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
        """Return inputs `(B, ...)` corrupted, by a generator on the CPU."""
        if self.kind == "none":
            return inputs
        if self.kind == "masking":
            kept = torch.rand(inputs.shape, generator=generator) >= self.amount
            return inputs * kept.to(device=inputs.device, dtype=inputs.dtype)
        noise = torch.randn(inputs.shape, generator=generator).to(inputs)
        power = inputs.square().mean(dim=tuple(range(1, inputs.ndim)), keepdim=True)
        return inputs + self.amount * power.sqrt() * noise


# Clips are brought to this peak, as `musiclib.metrics.spectral_rmse` does.
PEAK = 0.3


@dataclass(frozen=True)
class ModelConfig:
    """Everything that is needed to build a model, except its weights.

    Attributes:
        sample_rate: Sampling rate of the audio in Hz.
        corruption: Corruption of inputs in training.
        level_range_db: In training, each segment's peak lies up to so many dB below `PEAK`: a
            segment is often quieter than the loudest place of its clip.
        latent_noise: In training, uniform noise of this width is added to the latents, as rounding
            to a multiple of it would (Balle, Laparra and Simoncelli, "End-to-end optimized image
            compression", ICLR 2017, section 3). 0: none.
    """

    kind: ClassVar[str]

    sample_rate: int = 8_000
    corruption: Corruption = field(default_factory=Corruption)
    level_range_db: float = 6.0
    latent_noise: float = 0.0
    bottleneck: Bottleneck = field(default_factory=Bottleneck)

    def __post_init__(self) -> None:
        if self.sample_rate < 1:
            raise ModelError(f"sample_rate must be positive, not {self.sample_rate}")
        if self.level_range_db < 0.0 or self.latent_noise < 0.0:
            raise ModelError("level_range_db and latent_noise must not be negative")
        if self.bottleneck.kind != "plain" and self.latent_noise > 0.0:
            raise ModelError(f"the bottleneck {self.bottleneck.kind} has no other latent_noise")

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as JSON values, with its `kind`."""
        return {"kind": self.kind, **dataclasses.asdict(self)}


@dataclass
class Reconstruction:
    """What comes out of an autoencoder.

    Attributes:
        output: The input rebuilt, of the input's shape.
        latent: What was kept of it, `(B, C, L)`.
        extra: Further tensors that the loss needs, for example a variance.
    """

    output: Tensor
    latent: Tensor
    extra: dict[str, Tensor] = field(default_factory=dict)


@dataclass
class Losses:
    """Loss of a batch.

    Attributes:
        total: What is minimised, a scalar.
        terms: Its parts before weighting, scalars without gradient, by name.
    """

    total: Tensor
    terms: dict[str, Tensor]


class Model(nn.Module, ABC):
    """Base of all that is trained: `training_step` and `evaluation_step` are what a loop needs.

    Attributes:
        config: The configuration that the model was built from.
    """

    config_type: ClassVar[type[ModelConfig]]

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config

    def prepare(self, batches: Iterable[Tensor]) -> None:
        """Fit what is not learned by gradient to audio `(B, N)`: normalisation, first weights."""
        del batches

    @abstractmethod
    def training_step(self, audio: Tensor, generator: torch.Generator) -> Losses:
        """Return the loss of a batch `(B, N)`, all randomness drawn from a generator on the CPU."""

    @abstractmethod
    def evaluation_step(self, audio: Tensor) -> Losses:
        """Return the loss of a batch `(B, N)` at its full level, clean, without randomness."""

    def learning_rate_factor(self, name: str) -> float:
        """Return the factor of the learning rate for a parameter.

        AdamW moves each weight by about the learning rate, whatever its size. A large matrix that
        `prepare` has solved for has small weights, and at the pace of the others it would be lost
        within a hundred steps.
        """
        del name
        return 1.0

    @property
    def trainable(self) -> bool:
        """Whether any weight is learned by gradient; `prepare` alone fits the others."""
        return any(parameter.requires_grad for parameter in self.parameters())


class Autoencoder(Model):
    """Base of all autoencoders.

    Audio `(B, N)` passes `inputs`, `encode` to latents `(B, C, L)`, the bottleneck and `decode`.

    Attributes:
        domain: `spectrogram`: inputs are log magnitudes and the model has a `spectrogram`
            (`musiclib.models.spectra.LogSpectrogram`); `waveform`: inputs are samples.
        latent_channels: Values C in a latent frame.
        latent_hop: Samples of audio between latent frames.
    """

    domain: ClassVar[str]

    def __init__(self, config: ModelConfig, latent_channels: int, latent_hop: int) -> None:
        super().__init__(config)
        self.latent_channels = latent_channels
        self.latent_hop = latent_hop
        bottleneck = config.bottleneck
        self.prior = FactorisedPrior(latent_channels) if bottleneck.kind == "rate" else None
        self.quantiser = (
            ResidualVectorQuantiser(latent_channels, bottleneck)
            if bottleneck.kind == "rvq"
            else None
        )

    @abstractmethod
    def inputs(self, audio: Tensor) -> Tensor:
        """Turn levelled audio `(B, N)` into inputs, whose last dimension is time."""

    @abstractmethod
    def encode(self, inputs: Tensor) -> Tensor:
        """Turn inputs into latents `(B, C, L)`; deterministic."""

    @abstractmethod
    def decode(self, latent: Tensor, length: int) -> Tensor:
        """Turn latents `(B, C, L)` into outputs whose last dimension is `length`."""

    @abstractmethod
    def loss(self, target: Tensor, reconstruction: Reconstruction) -> Losses:
        """Compare a reconstruction with the clean inputs."""

    def latent_frames(self, n_samples: int) -> int:
        """Return the number of latent frames L for a clip of `n_samples` samples."""
        return -(-n_samples // self.latent_hop)

    @property
    def nominal_kbps(self) -> float:
        """Rate in kbps if each latent value took 16 bits, as the original report counted."""
        return 0.016 * self.latent_channels * self.config.sample_rate / self.latent_hop

    def peak_normalize(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Bring the peak of each clip of `(B, N)` to `PEAK`.

        Returns:
            Audio `(B, N)` and the gains `(B, 1)`; silence has a gain of 1.
        """
        peak = audio.abs().amax(dim=-1, keepdim=True)
        gain = torch.where(peak > 0.0, PEAK / peak.clamp(min=1e-12), torch.ones_like(peak))
        return audio * gain, gain

    def random_level(self, audio: Tensor, generator: torch.Generator) -> Tensor:
        """Bring the peak of each clip of `(B, N)` up to `level_range_db` below `PEAK`."""
        fall = torch.rand(audio.shape[0], 1, generator=generator) * self.config.level_range_db
        return self.peak_normalize(audio)[0] * (10.0 ** (-fall / 20.0)).to(audio)

    @torch.no_grad()
    def prepare(self, batches: Iterable[Tensor]) -> None:
        """Fit the bottleneck to the latents of audio `(B, N)`."""
        bottleneck = self.prior if self.quantiser is None else self.quantiser
        if bottleneck is not None:
            inputs = (self.inputs(self.peak_normalize(audio)[0]) for audio in batches)
            bottleneck.fit(torch.cat([self.encode(one) for one in inputs]))

    def forward(self, inputs: Tensor, generator: torch.Generator | None = None) -> Reconstruction:
        """Encode, pass the bottleneck, and decode.

        Args:
            inputs: What `inputs` returned, perhaps corrupted.
            generator: In training, the source of noise in the latents. Without one there is none,
                and latents that are sent as whole numbers are rounded.
        """
        latent = self.encode(inputs)
        sent, extra = self._sent(latent, generator)
        return Reconstruction(self.decode(sent, inputs.shape[-1]), latent, extra)

    def _sent(
        self, latent: Tensor, generator: torch.Generator | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return what the decoder gets of latents `(B, C, L)`, and what that costs."""
        if self.prior is not None:
            # Under mixed precision latents have few bits, and a whole number needs all of its own.
            latent = latent.float()
            sent = latent.round() if generator is None else self.noisy(latent, generator)
            return sent, {"bits": self.prior.bits(sent).sum(dim=(1, 2))}
        if self.quantiser is not None:
            stages, examples = len(self.quantiser.stages), len(latent)
            if generator is None:  # low and high rates alike
                used = 1 + torch.arange(examples, device=latent.device) * stages // examples
            else:
                used = torch.randint(1, stages + 1, (examples,), generator=generator)
            sent, codes = self.quantiser(latent.float(), used.to(latent.device))
            return sent, {"codes": codes}
        return self.noisy(latent, generator), {}

    def noisy(self, latent: Tensor, generator: torch.Generator | None) -> Tensor:
        """Add noise as wide as the quantiser's step where there is a generator."""
        width = 1.0 if self.prior is not None else self.config.latent_noise
        if generator is None or width == 0.0:
            return latent
        noise = torch.rand(latent.shape, generator=generator) - 0.5
        return latent + width * noise.to(latent)

    def training_step(self, audio: Tensor, generator: torch.Generator) -> Losses:
        """Return the loss of a batch with all randomness of training."""
        target = self.inputs(self.random_level(audio, generator))
        found = self(self.config.corruption.apply(target, generator), generator)
        losses = self._priced(self.loss(target, found), found, audio.shape[-1])
        if "codes" in found.extra:
            losses.total = losses.total + found.extra["codes"]
        return losses

    def evaluation_step(self, audio: Tensor) -> Losses:
        """Return the loss of a batch `(B, N)` at its full level, clean, without randomness.

        How far codes are from what they stand for is a means of training, and not part of it.
        """
        target = self.inputs(self.peak_normalize(audio)[0])
        found = self(target)
        return self._priced(self.loss(target, found), found, audio.shape[-1])

    def _priced(self, losses: Losses, found: Reconstruction, n_samples: int) -> Losses:
        """Add what the bottleneck charges to the distortion of clips of `n_samples` samples."""
        total, terms = losses.total, {**losses.terms}
        if "bits" in found.extra:
            kbps = found.extra["bits"].mean() * self.config.sample_rate / n_samples / 1000.0
            total, terms["kbps"] = total + self.config.bottleneck.rate_weight * kbps, kbps.detach()
        if "codes" in found.extra:
            terms["codes"] = found.extra["codes"].detach()
        return Losses(total, terms)


def as_autoencoder(model: Model) -> Autoencoder:
    """Return the model, which has latents to code or to classify.

    Raises:
        ModelError: It has none.
    """
    if not isinstance(model, Autoencoder):
        raise ModelError(f"a {model.config.kind} is no autoencoder: it has no latents")
    return model

"""What a classifier may be shown of a track: sequences of numbers, one column a frame.

Each representation turns mono audio into an array `(C, L)`. The latents of an autoencoder are one
kind. Log-mel spectra and MFCCs, the usual input of genre recognition, are the others, so that all
can be put to the same test.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import torch

from musiclib.audio import FloatArray
from musiclib.codecs.latent import AutoencoderCodec
from musiclib.dependencies import code_digest
from musiclib.models import Autoencoder, as_autoencoder
from musiclib.training import Checkpoint


@cache
def _code() -> str:
    return code_digest(__name__)


class Representation(ABC):
    """A way to turn audio into a sequence.

    Attributes:
        name: Short and unique, for files and tables.
        label: What a reader sees.
    """

    name: str
    label: str

    @property
    @abstractmethod
    def sample_rate(self) -> int:
        """Sampling rate of the audio that it takes, in Hz."""

    @property
    @abstractmethod
    def hop(self) -> int:
        """Distance between frames in samples."""

    @property
    @abstractmethod
    def channels(self) -> int:
        """Number of values C in a frame."""

    @abstractmethod
    def __call__(self, audio: FloatArray) -> FloatArray:
        """Turn mono audio `(N,)` into a sequence `(C, L)`. The level of the audio is left out."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """All that the result depends on, as JSON values."""

    @property
    def frame_rate(self) -> float:
        """Frames in a second."""
        return self.sample_rate / self.hop

    @property
    def key(self) -> str:
        """Digest of settings and code: equal for representations that give the same numbers."""
        values = {"kind": type(self).__name__, "code": _code(), **self.settings()}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


class Derived(Representation):
    """A representation that is made from another one.

    Attributes:
        of: The other one.
    """

    of: Representation

    @abstractmethod
    def transform(self, sequence: FloatArray) -> FloatArray:
        """Turn a sequence `(C, L)` of the other into one of this."""

    def __call__(self, audio: FloatArray) -> FloatArray:
        """Turn mono audio `(N,)` into a sequence."""
        return self.transform(self.of(audio))


@dataclass(frozen=True, eq=False)
class AutoencoderLatents(Representation):
    """The latents of a trained autoencoder, not rounded.

    Attributes:
        checkpoint: The trained model.
    """

    checkpoint: Checkpoint

    @cached_property
    def model(self) -> Autoencoder:
        """The model, ready to encode."""
        return self.checkpoint.build()

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "model"}

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name of the model."""
        return self.checkpoint.path.stem

    @property
    def label(self) -> str:  # type: ignore[override]
        """Name of the model."""
        return self.name

    @property
    def sample_rate(self) -> int:
        """Rate of the model in Hz."""
        return self.checkpoint.model_config.sample_rate

    @property
    def hop(self) -> int:
        """Samples of audio for a frame of latents."""
        return self.model.latent_hop

    @property
    def channels(self) -> int:
        """Latent values in a frame."""
        return self.model.latent_channels

    def settings(self) -> dict[str, Any]:
        """Weights and configuration."""
        return {
            "tensors": self.checkpoint.record["tensors_sha256"],
            "model": self.checkpoint.model_config.to_dict(),
        }

    def __call__(self, audio: FloatArray) -> FloatArray:
        """Encode a clip as a whole, `(N,)` to `(C, L)`."""
        with torch.inference_mode():
            levelled, _ = self.model.levelled(torch.tensor(audio, dtype=torch.float32)[None])
            latent: FloatArray = self.model.encode(self.model.inputs(levelled))[0].numpy()
        return latent


@dataclass(frozen=True, eq=False)
class RandomLatents(AutoencoderLatents):
    """The latents of the same network before it has learned anything, as a control.

    All weights are random numbers. The normalisation of spectra is that of the trained model, since
    it comes from the music's statistics and not from learning.

    Attributes:
        seed: Seed of the weights.
    """

    seed: int = 0

    @cached_property
    def model(self) -> Autoencoder:
        """The model, ready to encode."""
        from musiclib.training import new_model  # brings the loop, which takes seconds to import

        found = as_autoencoder(new_model(self.checkpoint.model_config, self.seed))
        spectrogram = getattr(found, "spectrogram", None)
        if spectrogram is not None:
            trained = self.checkpoint.build().get_submodule("spectrogram")
            spectrogram.load_state_dict(trained.state_dict())
        return found.eval()

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name of the model, marked."""
        return f"{self.checkpoint.path.stem}-random"

    def settings(self) -> dict[str, Any]:
        """Configuration and seed."""
        return {**super().settings(), "random": self.seed}


@dataclass(frozen=True, eq=False)
class QuantisedLatents(AutoencoderLatents):
    """The latents that an `.mla` file of a quantiser step holds: whole numbers times the step.

    Attributes:
        step: Step of :class:`~musiclib.codecs.latent.AutoencoderCodec`.
    """

    step: int = 0

    @cached_property
    def codec(self) -> AutoencoderCodec:
        """The codec that writes the files."""
        return AutoencoderCodec(self.checkpoint, step=self.step)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k != "codec"}

    @property
    def name(self) -> str:  # type: ignore[override]
        """Model and step."""
        return f"{self.checkpoint.path.stem}-step{self.step}"

    @property
    def label(self) -> str:  # type: ignore[override]
        """Model and step."""
        return f"{self.checkpoint.path.stem}, step {self.step}"

    def settings(self) -> dict[str, Any]:
        """Weights, configuration and step."""
        return {**super().settings(), "step": self.step}

    def __call__(self, audio: FloatArray) -> FloatArray:
        """Write a file and read its latents back, `(N,)` to `(C, L)`."""
        return self.codec.decode_latents(self.codec.encode(audio, self.sample_rate))

"""What a classifier may be shown of a track: sequences of numbers, one column a frame.

Each representation turns mono audio into an array `(C, L)`. The latents of an autoencoder are one
kind, what a file of Melic holds is another. Log-mel spectra and MFCCs, the usual input of genre
recognition, are the others, so that all can be put to the same test.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import torch

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.codecs.latent import AutoencoderCodec
from musiclib.codecs.melic import MelicCodec, Model
from musiclib.codecs.melic.encoder import frame_blocks
from musiclib.dependencies import code_digest
from musiclib.errors import ModelError
from musiclib.mdct import SIZE
from musiclib.models import PEAK, Autoencoder, as_autoencoder
from musiclib.models.transform import EDGES, N_BANDS, Frames, QuantiserSetting, smoothing_of_gain
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
            levelled, _ = self.model.peak_normalize(torch.tensor(audio, dtype=torch.float32)[None])
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


MEL_FLOOR = 1e-6


class Framed(Representation):
    """A representation whose rate and hop length are settings.

    Attributes:
        rate: Sampling rate in Hz.
        hop_length: Distance between frames in samples.
    """

    rate: int
    hop_length: int

    @property
    def sample_rate(self) -> int:
        """As configured."""
        return self.rate

    @property
    def hop(self) -> int:
        """As configured."""
        return self.hop_length


@dataclass(frozen=True)
class LogMel(Framed):
    """Log-mel spectrogram in nepers of power, of clips with a peak of 0.3.

    Attributes:
        bands: Number of mel bands.
        n_fft: Length of the STFT's window in samples.
        hop_length: Distance between frames in samples.
        rate: Sampling rate in Hz.
    """

    bands: int = 64
    n_fft: int = 1024
    hop_length: int = 512
    rate: int = HOUSE_RATE

    name = "log-mel"
    label = "log-mel spectrogram"

    @property
    def channels(self) -> int:
        """Mel bands."""
        return self.bands

    def settings(self) -> dict[str, Any]:
        """All attributes."""
        return {**dataclasses.asdict(self), "floor": MEL_FLOOR}

    def __call__(self, audio: FloatArray) -> FloatArray:
        """Return `ln(mel power + 1e-6)`, `(N,)` to `(bands, L)`."""
        import librosa

        power = librosa.feature.melspectrogram(
            y=peak_normalize(audio),
            sr=self.rate,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
            n_mels=self.bands,
        )
        logs: FloatArray = np.log(power + MEL_FLOOR).astype(np.float32)
        return logs


@dataclass(frozen=True)
class Mfcc(Framed):
    """Mel-frequency cepstral coefficients as librosa computes them: 20, of windows of 2048 samples.

    These are the features of FMA's baselines (Defferrard et al., "FMA: A dataset for music
    analysis", ISMIR 2017, section 5).

    Attributes:
        coefficients: Number of coefficients.
        n_fft: Length of the STFT's window in samples.
        hop_length: Distance between frames in samples.
        rate: Sampling rate in Hz.
    """

    coefficients: int = 20
    n_fft: int = 2048
    hop_length: int = 512
    rate: int = HOUSE_RATE

    name = "mfcc"
    label = "MFCC"

    @property
    def channels(self) -> int:
        """Coefficients."""
        return self.coefficients

    def settings(self) -> dict[str, Any]:
        """All attributes."""
        return dataclasses.asdict(self)

    def __call__(self, audio: FloatArray) -> FloatArray:
        """Return coefficients `(N,)` to `(coefficients, L)`."""
        import librosa

        found: FloatArray = librosa.feature.mfcc(
            y=peak_normalize(audio),
            sr=self.rate,
            n_mfcc=self.coefficients,
            n_fft=self.n_fft,
            hop_length=self.hop_length,
        ).astype(np.float32)
        return found


def peak_normalize(audio: FloatArray) -> FloatArray:
    """Bring the peak of a clip `(N,)` to 0.3, as the autoencoders do; silence stays silent."""
    return audio * np.float32(peak_gain(audio))


@dataclass(frozen=True)
class CodedFrames(Representation):
    """The whole numbers of an `.mlc` file, band by band, of clips with a peak of 0.3.

    A frame has the level of each of the 20 bands, in steps of 3 dB, and for each band the
    logarithm of how large its quantised coefficients are. The quantiser's step follows the levels,
    so the second twenty tell how far the energy of a band stands out in single coefficients: much
    for a tone, little for noise.

    Attributes:
        gain: Size of the quantiser's steps, 0 (finest) to 255, the same for all clips.
    """

    gain: int

    @property
    def name(self) -> str:  # type: ignore[override]
        """The codec and its gain."""
        return f"coded-gain{self.gain}"

    @property
    def label(self) -> str:  # type: ignore[override]
        """The codec and its gain."""
        return f"Melic, gain {self.gain}"

    @property
    def sample_rate(self) -> int:
        """Rate of the codec in Hz."""
        return HOUSE_RATE

    @property
    def hop(self) -> int:
        """Samples between frames."""
        return SIZE

    @property
    def channels(self) -> int:
        """Two values for each band."""
        return 2 * N_BANDS

    def settings(self) -> dict[str, Any]:
        """All that the codec is told."""
        return dataclasses.asdict(QuantiserSetting(self.gain))

    def file(self, audio: FloatArray, model: Model | None = None) -> bytes:
        """Return the `.mlc` file of a clip `(N,)`, which holds what `frames` returns.

        Args:
            audio: The clip; its peak is brought to 0.3.
            model: Tables of the entropy coder; by default the shipped ones.
        """
        codec = MelicCodec(gain=self.gain, restore=False, model=model)
        return codec.encode(peak_normalize(audio), HOUSE_RATE)

    def frames(self, audio: FloatArray) -> Frames:
        """Return the whole numbers that the file of a clip `(N,)` holds.

        They are chosen in blocks, as the codec does it. The entropy coder loses nothing, so there
        is no need to write the file and read it.
        """
        setting, levels, values = QuantiserSetting(self.gain), [], []
        for block in frame_blocks([peak_normalize(audio)[None]]):
            levels.append(block.levels(smoothing_of_gain(setting.gain))[0])
            values.append(block.values(levels[-1][None], setting.gain, setting.dead_zone)[0])
        return Frames(np.concatenate(levels), np.concatenate(values))

    def __call__(self, audio: FloatArray) -> FloatArray:
        """Return levels and sizes of a clip, `(N,)` to `(40, L)`."""
        return band_values(self.frames(audio))


def band_values(frames: Frames) -> FloatArray:
    """Return the levels of bands, and `ln(1 + mean size of the values)` of each, `(40, T)`.

    Args:
        frames: Levels `(T, 20)` and values `(T, 256)`.
    """
    sizes = np.add.reduceat(np.abs(frames.values), EDGES[:-1], axis=1) / np.diff(EDGES)
    both = np.concatenate([frames.levels, np.log1p(sizes)], axis=1)
    return np.ascontiguousarray(both.T, np.float32)


def peak_gain(audio: FloatArray) -> float:
    """Return the gain that brings the peak of a clip `(N,)` to 0.3; that of silence is 1.

    Raises:
        ModelError: The audio holds NaN or infinity.
    """
    peak = float(np.abs(audio).max(initial=0.0))
    if not np.isfinite(peak):
        raise ModelError("The audio holds NaN or infinity; decode it again")
    return PEAK / peak if peak > 0.0 else 1.0

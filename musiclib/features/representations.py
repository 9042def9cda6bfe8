"""What a classifier may be shown of a track: sequences of numbers, one column a frame.

Each representation turns mono audio into an array `(C, L)`: latents of an autoencoder, what a file
of Melic holds, or the usual input of genre recognition, log-mel spectra and MFCCs. So all can be
put to the same test.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from abc import ABC, abstractmethod
from functools import cache
from typing import Any

import numpy as np
import torch

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.codecs.latent import AutoencoderCodec
from musiclib.codecs.melic.encoder import frame_blocks
from musiclib.dependencies import code_digest
from musiclib.errors import ModelError
from musiclib.mdct import SIZE
from musiclib.models import PEAK, Autoencoder, as_autoencoder
from musiclib.models.transform import EDGES, N_BANDS, Frames, QuantiserSetting, smoothing_of_gain
from musiclib.training import Checkpoint

MEL_FLOOR = 1e-6


@cache
def _code() -> str:
    return code_digest(__name__)


class Representation(ABC):
    """A way to turn audio into a sequence.

    Attributes:
        name: Short and unique, for files and tables.
        label: What a reader sees.
        sample_rate: Sampling rate of the audio that it takes, in Hz.
        hop: Distance between frames in samples.
        channels: Number of values C in a frame.
    """

    name: str
    label: str
    sample_rate: int = HOUSE_RATE
    hop: int
    channels: int

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


class AutoencoderLatents(Representation):
    """The latents of a trained autoencoder, not rounded.

    Attributes:
        checkpoint: The trained model.
        model: The model, ready to encode.
    """

    def __init__(self, checkpoint: Checkpoint, model: Autoencoder | None = None) -> None:
        self.checkpoint = checkpoint
        self.model = checkpoint.build() if model is None else model
        self.name = self.label = checkpoint.path.stem
        self.sample_rate = self.model.config.sample_rate
        self.hop, self.channels = self.model.latent_hop, self.model.latent_channels

    def settings(self) -> dict[str, Any]:
        """Weights and configuration."""
        return {
            "tensors": self.checkpoint.record["tensors_sha256"],
            "model": self.model.config.to_dict(),
        }

    def __call__(self, audio: FloatArray) -> FloatArray:
        """Encode a clip as a whole, `(N,)` to `(C, L)`."""
        with torch.inference_mode():
            levelled, _ = self.model.peak_normalize(torch.tensor(audio, dtype=torch.float32)[None])
            latent: FloatArray = self.model.encode(self.model.inputs(levelled))[0].numpy()
        return latent


class RandomLatents(AutoencoderLatents):
    """The latents of the same network before it has learned anything, as a control.

    All weights are random numbers. The normalisation of spectra is that of the trained model, since
    it comes from the music's statistics and not from learning.
    """

    def __init__(self, checkpoint: Checkpoint, seed: int = 0) -> None:
        from musiclib.training import new_model  # brings the loop, which takes seconds to import

        model = as_autoencoder(new_model(checkpoint.model_config, seed))
        if model.domain == "spectrogram":
            trained = checkpoint.build().get_submodule("spectrogram")
            model.get_submodule("spectrogram").load_state_dict(trained.state_dict())
        super().__init__(checkpoint, model.eval())
        self.name = self.label = f"{self.name}-random"
        self.seed = seed

    def settings(self) -> dict[str, Any]:
        """Configuration and seed."""
        return {**super().settings(), "random": self.seed}


class QuantisedLatents(AutoencoderLatents):
    """The latents that an `.mla` file of a quantiser step holds: whole numbers times the step."""

    def __init__(self, checkpoint: Checkpoint, step: int = 0) -> None:
        super().__init__(checkpoint)
        self.step = step
        self.codec = AutoencoderCodec(checkpoint, step=step)
        self.name += f"-step{step}"
        self.label += f", step {step}"

    def settings(self) -> dict[str, Any]:
        """Weights, configuration and step."""
        return {**super().settings(), "step": self.step}

    def __call__(self, audio: FloatArray) -> FloatArray:
        """Write a file and read its latents back, `(N,)` to `(C, L)`."""
        return self.codec.decode_latents(self.codec.encode(audio, self.sample_rate))


class LogMel(Representation):
    """Log-mel spectrogram in nepers of power, of clips with a peak of 0.3."""

    name, label = "log-mel", "log-mel spectrogram"
    channels, hop, n_fft = 64, 512, 1024

    def settings(self) -> dict[str, Any]:
        """Nothing that the code does not tell."""
        return {}

    def __call__(self, audio: FloatArray) -> FloatArray:
        """Return `ln(mel power + 1e-6)`, `(N,)` to `(bands, L)`."""
        import librosa

        power = librosa.feature.melspectrogram(
            y=peak_normalize(audio),
            sr=self.sample_rate,
            n_fft=self.n_fft,
            hop_length=self.hop,
            n_mels=self.channels,
        )
        logs: FloatArray = np.log(power + MEL_FLOOR).astype(np.float32)
        return logs


class Mfcc(Representation):
    """Mel-frequency cepstral coefficients as librosa computes them: 20, of windows of 2048 samples.

    These are the features of FMA's baselines (Defferrard et al., "FMA: A dataset for music
    analysis", ISMIR 2017, section 5).
    """

    name, label = "mfcc", "MFCC"
    channels, hop, n_fft = 20, 512, 2048

    def settings(self) -> dict[str, Any]:
        """Nothing that the code does not tell."""
        return {}

    def __call__(self, audio: FloatArray) -> FloatArray:
        """Return coefficients `(N,)` to `(coefficients, L)`."""
        import librosa

        found: FloatArray = librosa.feature.mfcc(
            y=peak_normalize(audio),
            sr=self.sample_rate,
            n_mfcc=self.channels,
            n_fft=self.n_fft,
            hop_length=self.hop,
        ).astype(np.float32)
        return found


class CodedFrames(Representation):
    """The whole numbers of an `.mlc` file, band by band, of clips with a peak of 0.3.

    A frame has the level of each of the 20 bands, in steps of 3 dB, and for each band the
    logarithm of how large its quantised coefficients are. The quantiser's step follows the levels,
    so the second twenty tell how far the energy of a band stands out in single coefficients: much
    for a tone, little for noise.
    """

    hop, channels = SIZE, 2 * N_BANDS

    def __init__(self, gain: int) -> None:
        """Set the size of the quantiser's steps, 0 (finest) to 255, the same for all clips."""
        self.gain = gain
        self.name, self.label = f"coded-gain{gain}", f"Melic, gain {gain}"

    def settings(self) -> dict[str, Any]:
        """All that the codec is told."""
        return dataclasses.asdict(QuantiserSetting(self.gain))

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
    """Return the levels of bands, and `ln(1 + mean size of the values)` of each, `(40, T)`."""
    sizes = np.add.reduceat(np.abs(frames.values), EDGES[:-1], axis=1) / np.diff(EDGES)
    both = np.concatenate([frames.levels, np.log1p(sizes)], axis=1)
    return np.ascontiguousarray(both.T, np.float32)


def peak_normalize(audio: FloatArray) -> FloatArray:
    """Bring the peak of a clip `(N,)` to 0.3, as the autoencoders do; silence stays silent."""
    return audio * np.float32(peak_gain(audio))


def peak_gain(audio: FloatArray) -> float:
    """Return the gain that brings the peak of a clip `(N,)` to 0.3; that of silence is 1.

    Raises:
        ModelError: The audio holds NaN or infinity.
    """
    peak = float(np.abs(audio).max(initial=0.0))
    if not np.isfinite(peak):
        raise ModelError("The audio holds NaN or infinity; decode it again")
    return PEAK / peak if peak > 0.0 else 1.0

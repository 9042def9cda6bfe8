"""Any trained autoencoder as a codec."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from musiclib.audio import FloatArray, resample, validate
from musiclib.codecs.container import MAX_DECODED_SECONDS
from musiclib.codecs.latent import bitstream
from musiclib.codecs.latent.coded import Analysis, CodedModel
from musiclib.codecs.latent.coder import ENTROPIES, MIXING
from musiclib.codecs.latent.find import find_checkpoint
from musiclib.errors import AudioError, BitstreamError, CodecError
from musiclib.metrics import bitrate_kbps
from musiclib.training.checkpoint import Checkpoint


@dataclass(frozen=True, eq=False)
class AutoencoderCodec:
    """A trained autoencoder as a codec: its latents rounded, and entropy coded.

    Audio is resampled to the model's rate and decodes at that rate. Two channels are coded one by
    one. Models of spectrograms send magnitudes alone; the decoder finds phases that fit them
    (`musiclib.stft.griffin_lim`).

    Attributes:
        checkpoint: A finished checkpoint, calibrated by its training. It may be left out where the
            codec is only used to decode: then it is found by the file.
        step: The quantiser's step is `2 ** (step / 4)` in units of the output, for each latent
            channel; -64 (finest) to 63. Of a model that was trained for rate, 0 is the step of its
            training. Of one with codebooks, -s sends the first s stages.
        kbps: Instead of `step`: the finest step is searched for each clip that keeps the whole file
            at or below this bitrate.
        entropy: `"mixing"`: whole numbers are coded by context mixing, where that takes fewer bytes
            than fixed tables; `"tables"`: by tables. The file says which. Codes of codebooks have
            tables alone.
        folder: Where to look for the checkpoint of a file; by default the shipped ones.
    """

    checkpoint: Checkpoint | None = None
    step: int | None = None
    kbps: float | None = None
    entropy: str = MIXING
    folder: str | Path | None = None

    name: ClassVar[str] = "autoencoder"
    title: ClassVar[str] = "Autoencoder"
    suffix: ClassVar[str] = ".mla"

    def __post_init__(self) -> None:
        if self.step is not None and self.kbps is not None:
            raise CodecError("Autoencoder: give step or kbps, not both.")
        if self.entropy not in ENTROPIES:
            raise CodecError(f"Autoencoder: entropy must be one of {', '.join(ENTROPIES)}.")
        if self.kbps is not None and not (math.isfinite(self.kbps) and self.kbps > 0.0):
            raise CodecError(f"Autoencoder: kbps must be a positive number, not {self.kbps!r}.")
        if self.step is not None and not (
            isinstance(self.step, int) and bitstream.MIN_STEP <= self.step <= bitstream.MAX_STEP
        ):
            raise CodecError(
                f"Autoencoder: step must be a whole number from {bitstream.MIN_STEP} to "
                f"{bitstream.MAX_STEP}, not {self.step!r}."
            )

    @property
    def model_name(self) -> str:
        """Name of the checkpoint's file, which is that of its recipe; empty without one."""
        return "" if self.checkpoint is None else self.checkpoint.path.stem

    @property
    def setting(self) -> str:
        """Model and what was asked of it, for example `wideband-64, 3 kbps`."""
        asked = "" if self.step is None else f"step {self.step}"
        if self.step is not None and self._has_codebooks:
            asked = f"{-self.step} stage{'s' if self.step != -1 else ''}"
        asked = asked if self.kbps is None else f"{self.kbps:g} kbps"
        return ", ".join(part for part in (self.model_name, asked) if part)

    @property
    def _has_codebooks(self) -> bool:
        found = self.checkpoint
        return found is not None and found.model_config.bottleneck.kind == "rvq"

    @property
    def label(self) -> str:
        """Model and setting, for example `wideband-64 3 kbps`."""
        return self.setting.replace(",", "") or self.title

    @property
    def nominal_kbps(self) -> float:
        """Rate in kbps of a channel if each latent value took 16 bits."""
        return self._mine.model.nominal_kbps

    @cached_property
    def _mine(self) -> CodedModel:
        if self.checkpoint is None:
            raise CodecError("Autoencoder: name a model, whose checkpoint it is to use.")
        return CodedModel.of(self.checkpoint)

    def __getstate__(self) -> dict[str, Any]:
        # Another process builds the model itself.
        return {key: value for key, value in self.__dict__.items() if key != "_mine"}

    def encode(self, audio: npt.ArrayLike, sample_rate: int) -> bytes:
        """Turn audio into the bytes of a file.

        Encoding is deterministic: the same audio, checkpoint and setting give the same bytes on the
        same machine.

        Args:
            audio: Mono `(N,)` or `(C, N)` with one or two channels.
            sample_rate: Sampling rate in Hz.

        Raises:
            AudioError: If the audio is empty, not finite, of a wrong shape, or too long.
            CodecError: If there is no setting, or the model cannot go down to the bitrate.
        """
        samples = np.atleast_2d(validate(audio, "The audio for Autoencoder"))
        if samples.shape[0] > bitstream.MAX_CHANNELS:
            raise CodecError(
                f"Autoencoder takes one or two channels here, not {samples.shape[0]}. "
                "Mix them down first (musiclib.audio.to_mono)."
            )
        if sample_rate <= 0:
            raise AudioError(f"sample_rate must be positive, not {sample_rate!r}.")
        if self.step is None and self.kbps is None:
            raise CodecError("Autoencoder needs a setting to encode: give kbps=... or step=...")
        coded = self._mine
        seconds = samples.shape[1] / sample_rate
        if seconds > MAX_DECODED_SECONDS:
            raise AudioError(
                f"The audio lasts over {MAX_DECODED_SECONDS / 3600:g} hours. Cut it into parts."
            )
        low = resample(samples, int(sample_rate), coded.rate)
        channels = [coded.analyse(channel) for channel in low]
        if self.step is not None:
            return self._file(channels, low.shape[1], self.step)
        return self._within_budget(channels, low.shape[1], seconds)

    def _within_budget(self, channels: list[Analysis], n_samples: int, seconds: float) -> bytes:
        """Return the file of the finest step that is small enough, by bisection."""
        kbps = float(self.kbps or 0.0)
        fine, coarse = self._mine.steps
        best = self._file(channels, n_samples, coarse)
        least = bitrate_kbps(len(best), seconds)
        if least > kbps:
            raise CodecError(
                f"Autoencoder {self.model_name} cannot code this clip at {kbps:g} kbps: the "
                f"coarsest step takes {least:.3g}. Use more, or a longer clip."
            )
        fine -= 1  # which bisection never tries
        while coarse - fine > 1:
            middle = (coarse + fine) // 2
            data = self._file(channels, n_samples, middle)
            if bitrate_kbps(len(data), seconds) <= kbps:
                best, coarse = data, middle
            else:
                fine = middle
        return best

    def _file(self, channels: list[Analysis], n_samples: int, step: int) -> bytes:
        coded = self._mine
        payloads = tuple(coded.payload(channel, step, self.entropy) for channel in channels)
        levels = tuple(channel.level for channel in channels)
        return bitstream.pack(bitstream.Stream(coded.model_id, n_samples, step, levels, payloads))

    def decode(self, data: bytes) -> tuple[FloatArray, int]:
        """Turn a file's bytes into audio, from these bytes and the model alone.

        Returns:
            Audio, `(N,)` for one channel and else `(2, N)`, and the model's sampling rate in Hz.

        Raises:
            BitstreamError: If the bytes are truncated, damaged or foreign, or of another model.
        """
        coded, stream = self._opened(data)
        audio = np.stack(
            [
                coded.synthesise(payload, stream.n_samples, stream.step, level)
                for payload, level in zip(stream.payloads, stream.levels, strict=True)
            ]
        )
        if not np.isfinite(audio).all():
            raise BitstreamError("This .mla file decodes to NaN or infinity: it is damaged.")
        return (audio[0] if audio.shape[0] == 1 else audio), coded.rate

    def decode_magnitudes(self, data: bytes) -> FloatArray:
        """Return the magnitudes that a file holds, before phases are found, at the clip's level.

        Returns:
            Magnitudes of the model's STFT, `(F, T)`, or `(2, F, T)` for two channels.

        Raises:
            BitstreamError: As `decode`.
            CodecError: The model is one of waveforms.
        """
        coded, stream = self._opened(data)
        found = np.stack(
            [
                coded.magnitudes(payload, stream.n_samples, stream.step, level)
                for payload, level in zip(stream.payloads, stream.levels, strict=True)
            ]
        )
        return found[0] if len(found) == 1 else found

    def decode_latents(self, data: bytes) -> FloatArray:
        """Return the latents that a file holds: its whole numbers times the quantiser's steps.

        Returns:
            Latents in the model's units, `(C, L)`, or `(2, C, L)` for two channels.

        Raises:
            BitstreamError: As `decode`.
        """
        coded, stream = self._opened(data)
        found = np.stack(
            [
                coded.latents(payload, stream.n_samples, stream.step, level)
                for payload, level in zip(stream.payloads, stream.levels, strict=True)
            ]
        )
        return found[0] if len(found) == 1 else found

    def _opened(self, data: bytes) -> tuple[CodedModel, bitstream.Stream]:
        stream = bitstream.unpack(bytes(data))
        if self.checkpoint is None:
            coded = CodedModel.of(find_checkpoint(stream.model_id, self.folder))
        else:
            coded = self._mine
        if stream.model_id != coded.model_id:
            raise BitstreamError(
                f"This .mla file was made by another model ({stream.model_id.hex()}) than "
                f"{self.model_name} ({coded.model_id.hex()}). Decode it with the one that made it."
            )
        if stream.n_samples > MAX_DECODED_SECONDS * coded.rate + 1:
            raise BitstreamError(
                f"This .mla file declares more than {MAX_DECODED_SECONDS / 3600:g} hours: it is "
                "damaged."
            )
        return coded, stream


@dataclass(frozen=True)
class Description:
    """What a file says of itself.

    Attributes:
        model: Name of the checkpoint that made it.
        step: The quantiser's step.
        sample_rate: Sampling rate of the model in Hz.
        channels: 1 or 2.
        seconds: Duration of the clip.
        payload_bytes: Bytes of coded latents; the others are header and checksum.
    """

    model: str
    step: int
    sample_rate: int
    channels: int
    seconds: float
    payload_bytes: int


def describe(data: bytes, folder: str | Path | None = None) -> Description:
    """Read a file's header.

    Args:
        data: The whole file.
        folder: Folder of checkpoints; by default the shipped ones.

    Raises:
        BitstreamError: It is damaged or foreign, or its model is not in the folder.
    """
    stream = bitstream.unpack(bytes(data))
    checkpoint = find_checkpoint(stream.model_id, folder)
    rate = checkpoint.model_config.sample_rate
    return Description(
        checkpoint.path.stem,
        stream.step,
        rate,
        len(stream.levels),
        stream.n_samples / rate,
        sum(map(len, stream.payloads)),
    )

"""Any trained autoencoder as a codec."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from musiclib.audio import FloatArray, resample, validate
from musiclib.codecs.container import MAX_DECODED_SECONDS
from musiclib.codecs.latent import bitstream, coder
from musiclib.codecs.latent.find import find_checkpoint
from musiclib.codecs.latent.tables import HIGHEST, IntArray
from musiclib.errors import AudioError, BitstreamError, CodecError, ModelError
from musiclib.models import PEAK, Autoencoder
from musiclib.models.calibration import Calibration
from musiclib.stft import griffin_lim
from musiclib.training.checkpoint import CODEC, Checkpoint

GRIFFIN_LIM_ITERATIONS = 32
# From here on, in quarter-octaves above the widest channel, steps leave nothing but zeros.
_COARSEST = 24


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
            channel; -128 (finest) to 127.
        kbps: Instead of `step`: the finest step is searched for each clip that keeps the whole file
            at or below this bitrate.
        folder: Where to look for the checkpoint of a file; by default the shipped ones.
    """

    checkpoint: Checkpoint | None = None
    step: int | None = None
    kbps: float | None = None
    folder: str | Path | None = None

    name: ClassVar[str] = "autoencoder"
    title: ClassVar[str] = "Autoencoder"
    suffix: ClassVar[str] = ".mla"

    def __post_init__(self) -> None:
        if self.step is not None and self.kbps is not None:
            raise CodecError("Autoencoder: give step or kbps, not both.")
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
        asked = asked if self.kbps is None else f"{self.kbps:g} kbps"
        return ", ".join(part for part in (self.model_name, asked) if part)

    @property
    def label(self) -> str:
        """Model and setting, for example `wideband-64 3 kbps`."""
        return self.setting.replace(",", "") or self.title

    @property
    def nominal_kbps(self) -> float:
        """Rate in kbps of a channel if each latent value took 16 bits."""
        return self._mine.model.nominal_kbps

    @cached_property
    def _mine(self) -> Coded:
        if self.checkpoint is None:
            raise CodecError("Autoencoder: name a model, whose checkpoint it is to use.")
        return Coded.of(self.checkpoint)

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
            return coded.file(channels, low.shape[1], self.step)
        return self._within_budget(channels, low.shape[1], seconds)

    def _within_budget(
        self, channels: list[tuple[int, FloatArray]], n_samples: int, seconds: float
    ) -> bytes:
        """Return the file of the finest step that is small enough, by bisection."""
        kbps, coded = float(self.kbps or 0.0), self._mine
        fine, coarse = coded.steps
        best = coded.file(channels, n_samples, coarse)
        least = 8 * len(best) / seconds / 1000
        if least > kbps:
            raise CodecError(
                f"Autoencoder {self.model_name} cannot code this clip at {kbps:g} kbps: the "
                f"coarsest step takes {least:.3g}. Use more, or a longer clip."
            )
        while coarse - fine > 1:
            middle = (coarse + fine) // 2
            data = coded.file(channels, n_samples, middle)
            if 8 * len(data) / seconds / 1000 <= kbps:
                best, coarse = data, middle
            else:
                fine = middle
        return best

    def decode(self, data: bytes) -> tuple[FloatArray, int]:
        """Turn a file's bytes into audio, from these bytes and the model alone.

        Returns:
            Audio, `(N,)` for one channel and else `(2, N)`, and the model's sampling rate in Hz.

        Raises:
            BitstreamError: If the bytes are truncated, damaged or foreign, or of another model.
        """
        coded, stream, channels = self._opened(data)
        audio = np.stack(
            [
                np.zeros(stream.n_samples, np.float32)
                if values is None
                else coded.synthesise(values, stream, level)
                for values, level in zip(channels, stream.levels, strict=True)
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
        coded, stream, channels = self._opened(data)
        found = np.stack(
            [
                coded.magnitudes(values, stream, level)
                for values, level in zip(channels, stream.levels, strict=True)
            ]
        )
        return found[0] if len(found) == 1 else found

    def _opened(self, data: bytes) -> tuple[Coded, bitstream.Stream, list[IntArray | None]]:
        stream = bitstream.unpack(bytes(data))
        if self.checkpoint is None:
            coded = Coded.of(find_checkpoint(stream.model_id, self.folder))
        else:
            coded = self._mine
        return coded, stream, coded.read(stream)


@dataclass(frozen=True, eq=False)
class Coded:
    """A model with its calibration, between samples and whole numbers.

    Attributes:
        model_id: What its files carry.
        model: The model.
        calibration: Its calibration.
        statistics: The part of it that decides about bytes.
    """

    model_id: bytes
    model: Autoencoder
    calibration: Calibration
    statistics: coder.Statistics

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Coded:
        """Build a checkpoint's model.

        Raises:
            CodecError: The checkpoint was not calibrated.
        """
        try:
            calibration = Calibration.from_tensors(checkpoint.tensors, CODEC)
        except ModelError as error:
            raise CodecError(
                f"{checkpoint.path} cannot be used as a codec: {error}. Run its training again; it "
                "adds what is missing."
            ) from error
        whole = str(checkpoint.record["tensors_sha256"])
        statistics = coder.Statistics(
            calibration.scale.numpy().astype(np.int64), calibration.shape.numpy().astype(np.int64)
        )
        model_id = bytes.fromhex(whole)[: bitstream.ID_BYTES]
        return cls(model_id, checkpoint.build(), calibration, statistics)

    @property
    def rate(self) -> int:
        """Sampling rate of the model in Hz."""
        return self.model.config.sample_rate

    @property
    def steps(self) -> tuple[int, int]:
        """Finest and coarsest step that are worth trying."""
        used = self.statistics.used
        widest = int(self.statistics.scale[0, used].max()) if used.any() else 0
        return (
            max(bitstream.MIN_STEP, widest - HIGHEST - 1),
            min(bitstream.MAX_STEP, widest + _COARSEST),
        )

    def analyse(self, audio: FloatArray) -> tuple[int, FloatArray]:
        """Return the coded level of samples `(N,)` and their latents in calibrated units."""
        peak = float(np.abs(audio).max())
        if peak == 0.0:
            return bitstream.SILENT, np.zeros((len(self.statistics.shape), 0), np.float32)
        level = bitstream.to_level(20.0 * math.log10(PEAK / peak))
        with torch.no_grad(), one_thread():
            levelled = torch.from_numpy(audio.astype(np.float64) * bitstream.from_level(level))
            latent = self.model.encode(self.model.inputs(levelled.float()[None]))[0]
            spread = (latent - self.calibration.mean[:, None]) * self.calibration.gain[:, None]
        spread[torch.from_numpy(~self.statistics.used)] = 0.0
        return level, spread.numpy()

    def file(self, channels: list[tuple[int, FloatArray]], n_samples: int, step: int) -> bytes:
        """Round the latents of all channels and code them."""
        payloads = []
        for level, spread in channels:
            values = np.rint(spread.astype(np.float64) * 2.0 ** (-step / 4)).astype(np.int64)
            silent = level == bitstream.SILENT
            payloads.append(b"" if silent else coder.encode(values, self.statistics, step))
        levels = tuple(level for level, _ in channels)
        return bitstream.pack(
            bitstream.Stream(self.model_id, n_samples, step, levels, tuple(payloads))
        )

    def read(self, stream: bitstream.Stream) -> list[IntArray | None]:
        """Return the whole numbers of each channel; None for silence."""
        if stream.model_id != self.model_id:
            raise BitstreamError(
                f"This .mla file was made by another model ({stream.model_id.hex()}) than this one "
                f"({self.model_id.hex()}). Decode it with the checkpoint that made it."
            )
        if stream.n_samples > MAX_DECODED_SECONDS * self.rate + 1:
            raise BitstreamError(
                f"This .mla file declares more than {MAX_DECODED_SECONDS / 3600:g} hours. It is "
                "damaged."
            )
        frames = self.model.latent_frames(stream.n_samples)
        return [
            coder.decode(payload, self.statistics, stream.step, frames) if payload else None
            for payload in stream.payloads
        ]

    def outputs(self, values: IntArray, stream: bitstream.Stream) -> torch.Tensor:
        """Return the model's outputs `(1, ..., T)` for whole numbers `(C, L)`."""
        spread = torch.from_numpy((values * 2.0 ** (stream.step / 4)).astype(np.float32))
        gain = torch.where(self.calibration.gain > 0.0, self.calibration.gain, 1.0)
        latent = spread / gain[:, None] + self.calibration.mean[:, None]
        length = stream.n_samples
        if self.model.domain == "spectrogram":
            length = self.spectrogram.stft.frames(length)
        with torch.no_grad(), one_thread():
            return self.model.decode(latent[None], length)

    @property
    def spectrogram(self) -> Any:
        """The model's `LogSpectrogram`.

        Raises:
            CodecError: It has none.
        """
        if self.model.domain != "spectrogram":
            raise CodecError("This model codes samples; it has no magnitudes of its own.")
        return self.model.spectrogram

    def magnitudes(
        self, values: IntArray | None, stream: bitstream.Stream, level: int
    ) -> FloatArray:
        """Return magnitudes `(F, T)` at the clip's level."""
        config = self.spectrogram.stft
        if values is None:
            return np.zeros((config.n_bins, config.frames(stream.n_samples)), np.float32)
        found = self._levelled_magnitudes(values, stream) / bitstream.from_level(level)
        magnitudes: FloatArray = found.numpy()
        return magnitudes

    def synthesise(self, values: IntArray, stream: bitstream.Stream, level: int) -> FloatArray:
        """Return samples `(N,)` at the clip's level."""
        if self.model.domain == "spectrogram":
            found = griffin_lim(
                self._levelled_magnitudes(values, stream),
                self.spectrogram.stft,
                stream.n_samples,
                GRIFFIN_LIM_ITERATIONS,
            )
        else:
            found = self.outputs(values, stream).reshape(-1)
        audio: FloatArray = (found / bitstream.from_level(level)).numpy()
        return audio

    def _levelled_magnitudes(self, values: IntArray, stream: bitstream.Stream) -> torch.Tensor:
        output = self.outputs(values, stream)
        found: torch.Tensor = self.spectrogram.magnitude(output.reshape(output.shape[-2:]))
        return found


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep PyTorch to one thread: sums come out the same however many there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)

"""Any trained autoencoder as a codec.

`AutoencoderCodec` is the codec, `CodedModel` a trained model with its calibration: samples to coded
latents and back. Long clips are cut into blocks of a minute, coded one by one, so that memory does
not grow with the clip. Neighbouring blocks overlap a little and are cross-faded.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from musiclib.audio import FloatArray, resample
from musiclib.codecs.base import MAX_CHANNELS, check_kbps, checked_audio, read_varint, to_varint
from musiclib.codecs.container import MAX_DECODED_SECONDS
from musiclib.codecs.latent import bitstream, coding
from musiclib.codecs.latent.checkpoints import find_checkpoint
from musiclib.codecs.latent.coding import (
    ENTROPIES,
    HIGHEST,
    MIXING,
    IntArray,
    IntegerCalibration,
    code_tables,
)
from musiclib.errors import AudioError, BitstreamError, CodecError, ModelError
from musiclib.metrics import bitrate_kbps
from musiclib.models import PEAK, Autoencoder
from musiclib.models.bottleneck import ResidualVectorQuantiser
from musiclib.models.calibration import Calibration
from musiclib.stft import griffin_lim
from musiclib.threads import one_thread
from musiclib.training.checkpoint import CODEC, Checkpoint


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
        check_kbps(self.kbps, self.title)
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

    @cached_property
    def _mine(self) -> CodedModel:
        if self.checkpoint is None:
            raise CodecError("Autoencoder: name a model, whose checkpoint it is to use.")
        return CodedModel.of(self.checkpoint)

    def __getstate__(self) -> dict[str, Any]:
        # Another process builds the model itself.
        return {key: value for key, value in self.__dict__.items() if key != "_mine"}

    def encode(self, audio: npt.ArrayLike, sample_rate: int) -> bytes:
        """Turn audio `(N,)` or `(C, N)` at `sample_rate` Hz into the bytes of a file.

        The same audio, checkpoint and setting give the same bytes on the same machine.

        Raises:
            AudioError: If the audio is empty, not finite, of a wrong shape, or too long.
            CodecError: If there is no setting, or the model cannot go down to the bitrate.
        """
        samples = checked_audio(audio, sample_rate, self.title)
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
        return bitstream.pack(bitstream.Contents(coded.model_id, n_samples, step, levels, payloads))

    def decode(self, data: bytes) -> tuple[FloatArray, int]:
        """Turn a file's bytes into audio `(N,)` or `(2, N)` and the model's sampling rate in Hz.

        Raises:
            BitstreamError: If the bytes are truncated, damaged or foreign, or of another model.
        """
        coded = self._coded(stream := bitstream.unpack(bytes(data)))
        audio = coded.each(stream, coded.synthesise)
        if not np.isfinite(audio).all():
            raise BitstreamError("This .mla file decodes to NaN or infinity: it is damaged.")
        return audio, coded.rate

    def decode_magnitudes(self, data: bytes) -> FloatArray:
        """Return the magnitudes that a file holds before phases are found, `([2,] F, T)`.

        Raises:
            BitstreamError: As `decode`.
            CodecError: The model is one of waveforms.
        """
        coded = self._coded(stream := bitstream.unpack(bytes(data)))
        return coded.each(stream, coded.magnitudes)

    def decode_latents(self, data: bytes) -> FloatArray:
        """Return the latents that a file holds, `([2,] C, L)`.

        Raises:
            BitstreamError: As `decode`.
        """
        coded = self._coded(stream := bitstream.unpack(bytes(data)))
        return coded.each(stream, coded.latents)

    def _coded(self, stream: bitstream.Contents) -> CodedModel:
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
        return coded


GRIFFIN_LIM_ITERATIONS = 32
# Rounding up from 0.6 on instead of 0.5 saves 6 to 10 % of the bytes at the same error, measured on
# music: what it costs in error, a finer step buys back for less.
ROUNDING = 0.4
BLOCK_SECONDS = 60.0
OVERLAP_SECONDS = 0.08
# From here on, in quarter-octaves above the widest channel, steps leave nothing but zeros.
_COARSEST = 24
_KEPT_MODELS = 4
_KEPT_BYTES = 2**24  # of a channel's latents


@dataclass(frozen=True, eq=False)
class Analysis:
    """A channel of a clip, ready to be rounded: its level's code, and what each block holds.

    That is latents in calibrated units, `(C, L)`, or indices in codebooks, `(S, L)`; nothing for
    silence.
    """

    level: int
    blocks: list[FloatArray | IntArray]


@dataclass(frozen=True, eq=False)
class CodedModel(ABC):
    """A model whose latents have codes; its files carry `model_id`."""

    model_id: bytes
    model: Autoencoder
    _latest: dict[bytes, Analysis] = field(default_factory=dict, repr=False, kw_only=True)

    @staticmethod
    def of(checkpoint: Checkpoint) -> CodedModel:
        """Return a checkpoint's model, which is built once a process for all that use it.

        Raises:
            CodecError: The checkpoint was not calibrated.
        """
        key = str(checkpoint.record["tensors_sha256"])
        found = _built.pop(key, None)
        if found is None:
            try:
                found = _coded(checkpoint)
            except ModelError as error:
                raise CodecError(
                    f"{checkpoint.path} cannot be used as a codec: {error}. Run its training "
                    "again; it adds what is missing."
                ) from error
        _built[key] = found  # as the latest
        for old in list(_built)[:-_KEPT_MODELS]:
            del _built[old]
        return found

    @property
    def rate(self) -> int:
        """Sampling rate of the model in Hz."""
        return self.model.config.sample_rate

    @property
    @abstractmethod
    def steps(self) -> tuple[int, int]:
        """Finest and coarsest step that are worth trying."""

    @abstractmethod
    def quantised(self, latent: Tensor) -> FloatArray | IntArray:
        """Return what is kept of latents `(C, L)` for coding them at any step."""

    @abstractmethod
    def block_bytes(self, block: FloatArray | IntArray, step: int, entropy: str) -> bytes:
        """Code a block of what `quantised` returned."""

    @abstractmethod
    def block_values(self, data: bytes, step: int, frames: int) -> IntArray:
        """Return the whole numbers that `block_bytes` coded, with `frames` columns."""

    @abstractmethod
    def block_latent(self, values: IntArray, step: int) -> Tensor:
        """Return the latents `(C, L)` that whole numbers stand for."""

    @property
    def spectrogram(self) -> Any:
        """The model's `LogSpectrogram`.

        Raises:
            CodecError: It has none.
        """
        if self.model.domain != "spectrogram":
            raise CodecError("This model codes samples; it has no magnitudes of its own.")
        return self.model.spectrogram

    def each(
        self, stream: bitstream.Contents, read: Callable[[bytes, int, int, int], FloatArray]
    ) -> FloatArray:
        """Return what a method reads of each channel of a file; two channels are stacked."""
        found = [
            read(payload, stream.n_samples, stream.step, level)
            for payload, level in zip(stream.payloads, stream.levels, strict=True)
        ]
        return found[0] if len(found) == 1 else np.stack(found)

    def blocks(self, n_samples: int) -> list[tuple[int, int]]:
        """Return start and end in samples of each block of a clip; neighbours overlap."""
        hop = self.model.latent_hop
        length = max(1, round(BLOCK_SECONDS * self.rate / hop)) * hop
        overlap = round(OVERLAP_SECONDS * self.rate)
        count = max(1, -(-(n_samples - overlap) // length))
        return [
            (start, min(start + length + overlap, n_samples))
            for start in range(0, count * length, length)
        ]

    def analyse(self, audio: FloatArray) -> Analysis:
        """Level a channel `(N,)` and encode it.

        The latest clip is kept, since it is often coded at one step after another.
        """
        key = hashlib.blake2b(audio.tobytes() + repr(self.blocks(len(audio))).encode()).digest()
        found = self._latest.get(key)
        if found is None:
            found = self._analysed(audio)
            for old in list(self._latest)[: -(MAX_CHANNELS - 1)]:
                self._latest.pop(old, None)
            if sum(block.nbytes for block in found.blocks) <= _KEPT_BYTES:
                self._latest[key] = found
        return found

    def _analysed(self, audio: FloatArray) -> Analysis:
        peak = float(np.abs(audio).max())
        if peak == 0.0:
            return Analysis(bitstream.SILENT, [])
        level = bitstream.to_level(20.0 * math.log10(PEAK / peak))
        levelled = (audio.astype(np.float64) * bitstream.from_level(level)).astype(np.float32)
        return Analysis(
            level, [self._latents(levelled[start:end]) for start, end in self.blocks(len(audio))]
        )

    def _latents(self, audio: FloatArray) -> FloatArray | IntArray:
        with torch.no_grad(), one_thread():
            latent = self.model.encode(self.model.inputs(torch.from_numpy(audio)[None]))[0]
            return self.quantised(latent)

    def payload(self, analysis: Analysis, step: int, entropy: str = coding.MIXING) -> bytes:
        """Quantise the latents of a channel and code them.

        Raises:
            CodecError: The step is so fine that a value has no code.
        """
        coded = [self.block_bytes(block, step, entropy) for block in analysis.blocks]
        return b"".join(to_varint(len(data)) + data for data in coded)

    def read(self, payload: bytes, n_samples: int, step: int) -> Iterator[IntArray]:
        """Iterate over the whole numbers `(C, L)` of each block.

        Raises:
            BitstreamError: The payload does not consist of so many blocks, at once; or a block is
                damaged, on the way.
        """
        at, parts = 0, []
        blocks = self.blocks(n_samples)
        for _ in blocks:  # all of them, before anything is computed from the first
            length, at = read_varint(payload, at)
            parts.append(payload[at : at + length])
            at += length
        if at != len(payload):
            raise BitstreamError(
                "This .mla file is damaged: its blocks do not fill it. Fetch or encode it again."
            )
        return (
            self.block_values(part, step, self.model.latent_frames(end - start))
            for (start, end), part in zip(blocks, parts, strict=True)
        )

    def synthesise(self, payload: bytes, n_samples: int, step: int, level: int) -> FloatArray:
        """Return a channel's samples `(N,)`."""
        if level == bitstream.SILENT:
            return np.zeros(n_samples, np.float32)
        coded = self.read(payload, n_samples, step)
        audio = np.zeros(n_samples, np.float32)
        overlap = round(OVERLAP_SECONDS * self.rate)
        ramp = (np.arange(overlap, dtype=np.float32) + 0.5) / overlap
        for (start, end), values in zip(self.blocks(n_samples), coded, strict=True):
            if self.model.domain == "spectrogram":
                found = griffin_lim(
                    self._magnitudes(values, step, end - start),
                    self.spectrogram.stft,
                    end - start,
                    GRIFFIN_LIM_ITERATIONS,
                )
            else:
                found = self._outputs(values, step, end - start).reshape(-1)
            block = found.numpy()
            if start > 0:
                block[:overlap] *= ramp
            if end < n_samples:
                block[-overlap:] *= ramp[::-1]
            audio[start:end] += block
        return (audio / bitstream.from_level(level)).astype(np.float32)

    def magnitudes(self, payload: bytes, n_samples: int, step: int, level: int) -> FloatArray:
        """Return a channel's magnitudes `(F, T)` before phases are found."""
        config = self.spectrogram.stft
        found = np.zeros((config.n_bins, config.frames(n_samples)), np.float32)
        if level == bitstream.SILENT:
            return found
        coded = self.read(payload, n_samples, step)
        overlap = round(OVERLAP_SECONDS * self.rate)
        for (start, end), values in zip(self.blocks(n_samples), coded, strict=True):
            block = self._magnitudes(values, step, end - start)
            # Frames at a block's ends see nothing beyond: each block begins in mid-overlap.
            skipped = 0 if start == 0 else overlap // 2 // config.hop_length
            first = start // config.hop_length
            found[:, first + skipped : first + block.shape[1]] = block[:, skipped:].numpy()
        return (found / bitstream.from_level(level)).astype(np.float32)

    def latents(self, payload: bytes, n_samples: int, step: int, level: int) -> FloatArray:
        """Return the latents `(C, L)` that a channel's payload holds; of silence, their means."""
        frames, hop = self.model.latent_frames(n_samples), self.model.latent_hop
        found = np.repeat(self.silence_latent().numpy()[:, None], frames, axis=1)
        if level == bitstream.SILENT:
            return found
        coded = self.read(payload, n_samples, step)
        for (start, _), values in zip(self.blocks(n_samples), coded, strict=True):
            block = self.block_latent(values, step).numpy()[:, : frames - start // hop]
            found[:, start // hop : start // hop + block.shape[1]] = block
        return found

    def silence_latent(self) -> Tensor:
        """Return the latent of silence, `(C,)`."""
        return torch.zeros(self.model.latent_channels)

    def _outputs(self, values: IntArray, step: int, n_samples: int) -> Tensor:
        latent = self.block_latent(values, step)
        spectral = self.model.domain == "spectrogram"
        length = self.spectrogram.stft.frames(n_samples) if spectral else n_samples
        with torch.no_grad(), one_thread():
            return self.model.decode(latent[None], length)

    def _magnitudes(self, values: IntArray, step: int, n_samples: int) -> Tensor:
        output = self._outputs(values, step, n_samples)
        found: Tensor = self.spectrogram.magnitude(output.reshape(output.shape[-2:]))
        return found


@dataclass(frozen=True, eq=False)
class RoundedLatents(CodedModel):
    """Latents that are rounded to multiples of a step; `statistics` decide about bytes."""

    calibration: Calibration
    statistics: IntegerCalibration

    @property
    def steps(self) -> tuple[int, int]:
        """Finest and coarsest step that are worth trying."""
        used = self.statistics.used
        widest = int(self.statistics.scale[0, used].max()) if used.any() else 0
        return (
            max(bitstream.MIN_STEP, widest - HIGHEST),
            min(bitstream.MAX_STEP, widest + _COARSEST),
        )

    def quantised(self, latent: Tensor) -> FloatArray:
        """Return latents `(C, L)` in calibrated units."""
        scaled = (latent - self.calibration.mean[:, None]) * self.calibration.gain[:, None]
        values: FloatArray = scaled.numpy()
        return values

    def block_bytes(self, block: FloatArray | IntArray, step: int, entropy: str) -> bytes:
        """Round latents in calibrated units to multiples of `2 ** (step / 4)` and code them."""
        scaled = block.astype(np.float64) * 2.0 ** (-step / 4)
        if float(np.abs(scaled).max(initial=0.0)) > coding.MAX_VALUE:
            raise CodecError(f"Autoencoder: step {step} is too fine for this clip.")
        values = np.copysign(np.floor(np.abs(scaled) + ROUNDING), scaled).astype(np.int64)
        return coding.encode(values, self.statistics, step, entropy)

    def block_values(self, data: bytes, step: int, frames: int) -> IntArray:
        """Return the whole numbers `(C, L)`."""
        return coding.decode(data, self.statistics, step, frames)

    def block_latent(self, values: IntArray, step: int) -> Tensor:
        """Return the latents `(C, L)` that whole numbers stand for."""
        scaled = torch.from_numpy((values * 2.0 ** (step / 4)).astype(np.float32))
        gain = torch.where(self.calibration.gain > 0.0, self.calibration.gain, 1.0)
        return scaled / gain[:, None] + self.calibration.mean[:, None]

    def silence_latent(self) -> Tensor:
        """Return the mean latent, `(C,)`."""
        return self.calibration.mean


@dataclass(frozen=True, eq=False)
class CodebookLatents(CodedModel):
    """Latents that are sums of codebook entries; step -s sends the codes of the first s stages."""

    tables: tuple[Any, ...]

    @property
    def _quantiser(self) -> ResidualVectorQuantiser:
        assert self.model.quantiser is not None
        return self.model.quantiser

    @property
    def steps(self) -> tuple[int, int]:
        """All stages, and one."""
        return -len(self.tables), -1

    def quantised(self, latent: Tensor) -> IntArray:
        """Return the indices of all stages, `(S, L)`."""
        index: IntArray = self._quantiser.encode(latent[None])[0].numpy()
        return index

    def block_bytes(self, block: FloatArray | IntArray, step: int, entropy: str) -> bytes:
        """Code the indices of the first `-step` stages; there is one way to code them."""
        del entropy
        if not 1 <= -step <= len(self.tables):
            raise CodecError(f"Autoencoder: {-step} stages of {len(self.tables)} cannot be coded.")
        return coding.encode_indices(block[:-step].astype(np.int64), self.tables)

    def block_values(self, data: bytes, step: int, frames: int) -> IntArray:
        """Return the indices `(s, L)`."""
        return coding.decode_indices(data, self.tables, -step, frames)

    @torch.no_grad()
    def block_latent(self, values: IntArray, step: int) -> Tensor:
        """Return the latents `(C, L)` that indices `(s, L)` stand for."""
        del step  # there are as many rows
        return self._quantiser.decode(torch.from_numpy(values)[None])[0]


# In the order of their last use: workers get a copy of a checkpoint with every clip.
_built: dict[str, CodedModel] = {}


def _coded(checkpoint: Checkpoint) -> CodedModel:
    model = checkpoint.build()
    whole = bytes.fromhex(str(checkpoint.record["tensors_sha256"]))
    model_id = whole[: bitstream.ID_BYTES]
    if model.quantiser is not None:
        counts = checkpoint.tensors.get(CODEC + "counts")
        shape = (len(model.quantiser.stages), model.config.bottleneck.codes)
        if counts is None or tuple(counts.shape) != shape or int(counts.min()) < 0:
            raise ModelError(f"its codes have no counts of shape {shape}")
        return CodebookLatents(model_id, model, code_tables(counts.numpy().astype(np.int64)))
    calibration = Calibration.from_tensors(checkpoint.tensors, CODEC)
    if len(calibration.mean) != model.latent_channels:
        raise ModelError(
            f"it is calibrated for {len(calibration.mean)} channels and has {model.latent_channels}"
        )
    statistics = IntegerCalibration(
        calibration.scale.numpy().astype(np.int64),
        calibration.shape.numpy().astype(np.int64),
        sequence=model.domain == "waveform",
    )
    return RoundedLatents(model_id, model, calibration, statistics)

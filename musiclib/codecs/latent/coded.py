"""A trained model with its calibration: samples to coded latents and back.

Long clips are cut into blocks of a minute, coded one by one, so that memory does not grow with the
clip. Neighbouring blocks overlap a little and are cross-faded.
"""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from musiclib.audio import FloatArray
from musiclib.codecs.latent import bitstream, coder, codes
from musiclib.codecs.latent.codes import CodeTable, code_tables
from musiclib.codecs.latent.plan import Statistics
from musiclib.codecs.latent.tables import HIGHEST, IntArray
from musiclib.codecs.varint import read_varint, to_varint
from musiclib.errors import BitstreamError, CodecError, ModelError
from musiclib.models import PEAK, Autoencoder
from musiclib.models.bottleneck import ResidualVectorQuantiser
from musiclib.models.calibration import Calibration
from musiclib.stft import griffin_lim
from musiclib.training.checkpoint import CODEC, Checkpoint

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
    """A channel of a clip, ready to be rounded.

    Attributes:
        level: Coded gain.
        blocks: Latents of each block in calibrated units, `(C, L)`, or their indices in codebooks,
            `(S, L)`; none for silence.
    """

    level: int
    blocks: list[FloatArray | IntArray]


@dataclass(frozen=True, eq=False)
class CodedModel(ABC):
    """A model whose latents have codes.

    Attributes:
        model_id: What its files carry.
        model: The model.
    """

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

        The latest clip is kept: it is often coded at one step after another, and only rounding and
        coding depend on the step.
        """
        key = hashlib.blake2b(audio.tobytes() + repr(self.blocks(len(audio))).encode()).digest()
        found = self._latest.get(key)
        if found is None:
            found = self._analysed(audio)
            for old in list(self._latest)[: -(bitstream.MAX_CHANNELS - 1)]:
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

    def payload(self, analysis: Analysis, step: int, entropy: str = coder.MIXING) -> bytes:
        """Quantise the latents of a channel and code them.

        Raises:
            CodecError: The step is so fine that a value has no code.
        """
        coded = [self.block_bytes(block, step, entropy) for block in analysis.blocks]
        return b"".join(to_varint(len(data)) + data for data in coded)

    def read(self, payload: bytes, n_samples: int, step: int) -> Iterator[IntArray]:
        """Return an iterator over the whole numbers `(C, L)` of each block.

        Raises:
            BitstreamError: The payload does not consist of so many blocks; a block that is damaged
                in itself is noticed on the way.
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
        found = np.repeat(self.resting_latent().numpy()[:, None], frames, axis=1)
        if level == bitstream.SILENT:
            return found
        coded = self.read(payload, n_samples, step)
        for (start, _), values in zip(self.blocks(n_samples), coded, strict=True):
            block = self.block_latent(values, step).numpy()[:, : frames - start // hop]
            found[:, start // hop : start // hop + block.shape[1]] = block
        return found

    def resting_latent(self) -> Tensor:
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
    """Latents that are rounded to multiples of a step.

    Attributes:
        calibration: The model's calibration.
        statistics: The part of it that decides about bytes.
    """

    calibration: Calibration
    statistics: Statistics

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
        if float(np.abs(scaled).max(initial=0.0)) > coder.MAX_VALUE:
            raise CodecError(f"Autoencoder: step {step} is too fine for this clip.")
        values = np.copysign(np.floor(np.abs(scaled) + ROUNDING), scaled).astype(np.int64)
        return coder.encode(values, self.statistics, step, entropy)

    def block_values(self, data: bytes, step: int, frames: int) -> IntArray:
        """Return the whole numbers `(C, L)`."""
        return coder.decode(data, self.statistics, step, frames)

    def block_latent(self, values: IntArray, step: int) -> Tensor:
        """Return the latents `(C, L)` that whole numbers stand for."""
        scaled = torch.from_numpy((values * 2.0 ** (step / 4)).astype(np.float32))
        gain = torch.where(self.calibration.gain > 0.0, self.calibration.gain, 1.0)
        return scaled / gain[:, None] + self.calibration.mean[:, None]

    def resting_latent(self) -> Tensor:
        """Return the mean latent, `(C,)`."""
        return self.calibration.mean


@dataclass(frozen=True, eq=False)
class CodebookLatents(CodedModel):
    """Latents that are sums of codebook entries; step -s sends the codes of the first s stages.

    Attributes:
        tables: Of each stage, how likely its codes are.
    """

    tables: tuple[CodeTable, ...]

    @property
    def quantiser(self) -> ResidualVectorQuantiser:
        """The model's codebooks."""
        found = self.model.quantiser
        assert found is not None
        return found

    @property
    def steps(self) -> tuple[int, int]:
        """All stages, and one."""
        return -len(self.tables), -1

    def quantised(self, latent: Tensor) -> IntArray:
        """Return the indices of all stages, `(S, L)`."""
        index: IntArray = self.quantiser.encode(latent[None])[0].numpy()
        return index

    def block_bytes(self, block: FloatArray | IntArray, step: int, entropy: str) -> bytes:
        """Code the indices of the first `-step` stages; there is one way to code them."""
        del entropy
        if not 1 <= -step <= len(self.tables):
            raise CodecError(f"Autoencoder: {-step} stages of {len(self.tables)} cannot be coded.")
        return codes.encode(block[:-step].astype(np.int64), self.tables)

    def block_values(self, data: bytes, step: int, frames: int) -> IntArray:
        """Return the indices `(s, L)`."""
        return codes.decode(data, self.tables, -step, frames)

    @torch.no_grad()
    def block_latent(self, values: IntArray, step: int) -> Tensor:
        """Return the latents `(C, L)` that indices `(s, L)` stand for."""
        del step  # there are as many rows
        return self.quantiser.decode(torch.from_numpy(values)[None])[0]


# In the order of their last use: workers get a copy of a checkpoint with every clip.
_built: dict[str, CodedModel] = {}


def _coded(checkpoint: Checkpoint) -> CodedModel:
    """Build a checkpoint's model.

    Raises:
        ModelError: It was not calibrated, or for another number of channels.
    """
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
    statistics = Statistics(
        calibration.scale.numpy().astype(np.int64),
        calibration.shape.numpy().astype(np.int64),
        sequence=model.domain == "waveform",
    )
    return RoundedLatents(model_id, model, calibration, statistics)


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep PyTorch to one thread: sums come out the same however many there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)

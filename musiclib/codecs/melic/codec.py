"""Melic, the codec of this book, behind the protocol of all codecs."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from musiclib.audio import HOUSE_RATE, AudioWriter, FloatArray, blocks, probe
from musiclib.codecs.base import MAX_CHANNELS, Coded, FileCodec, Progress
from musiclib.codecs.container import MAX_DECODED_SECONDS
from musiclib.codecs.melic.bitstream import LARGEST_GAIN, Reader, kept_tags
from musiclib.errors import AudioFileError, BitstreamError, CodecError
from musiclib.files import atomic_write

# What codes and decodes brings PyTorch and Numba. It is imported when there is something to do, so
# that a file is described and a request refused at once.
if TYPE_CHECKING:
    from musiclib.codecs.melic.decoder import Model
    from musiclib.codecs.melic.encoder import EncodeConfig

KBPS = (0.75, 1, 1.5, 2, 3, 4, 6, 8, 9, 12, 16, 20, 24, 32, 48, 64, 96, 128)
LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000
CHUNK_S = 10


@dataclass(frozen=True)
class MelicCodec(FileCodec):
    """The transform coder with learned probabilities and a network that restores.

    Audio is coded at 24 kHz and decodes at that rate; the file keeps the rate of the source.

    Attributes:
        kbps: Bitrate of the whole file, which no file exceeds. What can be reached depends on the
            audio; music needs about 0.7 kbps at least.
        gain: Instead of `kbps`: the quantiser's global step, 0 (finest) to 255, for all of the
            piece.
        restore: Whether the network works on what was decoded. Encoding writes it into the file;
            decoding with `restore=False` leaves the network out.
        threads: Windows of the network that are decoded at the same time. The result is the same.
        model: Tables and network; by default the shipped ones.
        folder: Instead of `model`: the folder that they lie in.
    """

    gain: int | None = None
    restore: bool = True
    threads: int = 1
    model: Model | None = None
    folder: str | Path | None = None

    name: ClassVar[str] = "melic"
    title: ClassVar[str] = "Melic"
    suffix: ClassVar[str] = ".mlc"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.gain is not None:
            if self.kbps is not None:
                raise CodecError("Melic: give kbps or gain, not both.")
            if not (isinstance(self.gain, int) and 0 <= self.gain <= LARGEST_GAIN):
                raise CodecError(
                    f"Melic: gain must be a whole number from 0 to {LARGEST_GAIN}, "
                    f"not {self.gain!r}."
                )
        if self.threads < 1:
            raise CodecError(f"Melic: threads must be 1 or more, not {self.threads!r}.")

    @property
    def setting(self) -> str:
        """What was asked of the codec, for example `6 kbps` or `gain 120`."""
        asked = super().setting if self.gain is None else f"gain {self.gain}"
        return asked if self.restore else f"{asked}, not restored".removeprefix(", ")

    def opened(self) -> Model:
        """Return the model that this codec works with.

        Raises:
            CheckpointError: It is missing or damaged.
        """
        from musiclib.codecs.melic.decoder import open_model

        return self.model or open_model(self.folder)

    def config(self, tags: Mapping[str, str] | None = None) -> EncodeConfig:
        """Return what this codec asks of the encoder.

        Raises:
            CodecError: If there is neither a bitrate nor a gain.
        """
        from musiclib.codecs.melic.encoder import EncodeConfig
        from musiclib.models.transform import QuantiserSetting

        setting = None if self.gain is None else QuantiserSetting(self.gain)
        kbps = self.required_kbps() if setting is None else None
        return EncodeConfig(kbps, setting, self.restore, kept_tags(tags or {}))

    @classmethod
    def supported_kbps(cls, sample_rate: int, channels: int) -> list[float]:  # noqa: ARG003
        """Return common bitrates in kbps; any between them will do."""
        return [float(kbps) for kbps in KBPS if kbps >= 1.5 or channels == 1]

    def _encode(self, audio: FloatArray, sample_rate: int, tags: Mapping[str, str]) -> bytes:
        check_source_rate(sample_rate)
        from musiclib.codecs.melic.encoder import encode

        size = CHUNK_S * sample_rate
        starts = range(0, audio.shape[1], size)
        file = io.BytesIO()
        encode(
            lambda: (audio[:, start : start + size] for start in starts),
            sample_rate,
            self.config(tags),
            self.opened(),
            file,
        )
        return file.getvalue()

    def _decode(self, data: bytes) -> tuple[FloatArray, int]:
        reader = Reader(io.BytesIO(data))
        reader.check()
        if reader.header.seconds > MAX_DECODED_SECONDS:
            raise BitstreamError(
                f"This .mlc file lasts more than {MAX_DECODED_SECONDS / 3600:g} hours. Decode it "
                "into a file (musiclib decode), which takes little memory."
            )
        from musiclib.codecs.melic.decoder import decode

        pieces = list(decode(reader, self.opened(), self.restore, self.threads))
        return np.concatenate(pieces, axis=1), HOUSE_RATE


def check_source_rate(sample_rate: int) -> None:
    """Refuse sampling rates that no music has.

    Raises:
        CodecError: It is below 8 or above 192 kHz.
    """
    if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
        raise CodecError(
            f"Melic takes {LOWEST_RATE} to {HIGHEST_RATE} Hz, not {sample_rate}. "
            "Resample it first (musiclib.audio.resample)."
        )


def encode_file(
    source: str | PathLike[str],
    target: str | PathLike[str],
    codec: MelicCodec,
    *,
    mono: bool = False,
    sample_rate: int | None = None,
    progress: Progress | None = None,
) -> Coded:
    """Code an audio file of any length, to the bytes of `MelicCodec.encode`.

    The file appears whole or not at all; one that exists is replaced.

    Args:
        source: Any audio file.
        target: `.mlc` file to write.
        codec: What to code with.
        mono: Whether to mix the channels down first.
        sample_rate: Rate in Hz to resample to first; that of the file by default.
        progress: Called with the share that is done, 0 to 1.

    Raises:
        AudioFileError: The source cannot be read.
        CodecError: It has more than two channels, or the bitrate is too low for it.
    """
    found = probe(source)
    rate = sample_rate or found.sample_rate
    check_source_rate(rate)
    if found.channels > MAX_CHANNELS and not mono:
        raise CodecError(
            f"{source} has {found.channels} channels, and Melic takes one or two. Mix them down "
            "first (--mono, or mono=True)."
        )

    from musiclib.codecs.melic.encoder import encode

    def chunks() -> Iterator[FloatArray]:
        for chunk in blocks(source, rate, CHUNK_S, mono):
            yield chunk[None] if chunk.ndim == 1 else chunk

    config = codec.config(found.tags)
    model = codec.opened()
    with atomic_write(Path(target)) as file:
        header = encode(chunks, rate, config, model, file, found.duration_s, progress)
        n_bytes = file.tell()
    return Coded(Path(target), "melic", n_bytes, rate, header.n_samples, header.channels)


def decode_file(
    source: str | PathLike[str],
    target: str | PathLike[str],
    *,
    codec: MelicCodec | None = None,
    sample_rate: int | None = None,
    subtype: str | None = None,
    progress: Progress | None = None,
) -> Coded:
    """Decode a file of any length, to the samples of `MelicCodec.decode`.

    The file appears whole or not at all; one that exists is replaced. It carries the tags that its
    format has a place for.

    Args:
        source: `.mlc` file.
        target: `.wav`, `.flac` or `.ogg` file to write.
        codec: A codec, for its model, threads and whether it restores.
        sample_rate: Rate in Hz to resample to; 24,000 by default. At the source's own rate the
            result has as many samples as the source had.
        subtype: libsndfile's name, for example `PCM_24`, `FLOAT`; 16 bit or Vorbis by default.
        progress: Called with the share that is done, 0 to 1.

    Raises:
        AudioFileError: The source cannot be read, or the target not be written.
        BitstreamError: The source is truncated, damaged, foreign or of another model.
    """
    codec = codec or MelicCodec()
    rate = sample_rate or HOUSE_RATE
    try:
        file = Path(source).open("rb")  # noqa: SIM115
    except OSError as error:
        raise AudioFileError(f"{source} cannot be read: {error.strerror}.") from error
    with file:
        try:
            reader = Reader(file)
            reader.check()
            from musiclib.codecs.melic.decoder import decode
            from musiclib.codecs.melic.encoder import resampled

            header = reader.header
            length = header.n_samples if rate == header.sample_rate else None
            pieces = decode(reader, codec.opened(), codec.restore, codec.threads)
            sound = resampled(pieces, HOUSE_RATE, rate, length)
            with AudioWriter(target, rate, header.channels, subtype, header.tags) as writer:
                for piece in sound:
                    writer.write(piece)
                    if progress is not None:
                        progress(min(1.0, writer.n_samples / (header.seconds * rate)))
        except BitstreamError as error:
            raise BitstreamError(f"{source}: {error}") from error
    return Coded(
        Path(target),
        "melic",
        reader.n_bytes,
        rate,
        writer.n_samples,
        header.channels,
        writer.clipped,
    )

"""The protocol that everything which compresses obeys, and what codecs share.

`identify` tells from a file's first bytes which codec made it. Varints are whole numbers of any
size in few bytes, seven bits a byte, the lowest first.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from musiclib.audio import FloatArray, validate
from musiclib.errors import AudioError, BitstreamError, CodecError

MAX_CHANNELS = 2

Progress = Callable[[float], None]
"""Called with the share of the work that is done, 0 to 1."""


@dataclass(frozen=True)
class Coded:
    """What came of a file that was encoded or decoded.

    Attributes:
        path: The file that was written.
        codec: Name of the codec.
        n_bytes: Size of the coded file.
        sample_rate: Of the audio that was read or written, in Hz.
        n_samples: Samples of a channel at that rate.
        channels: Of the audio.
        clipped: Samples beyond full scale that were clipped when decoding.
    """

    path: Path
    codec: str
    n_bytes: int
    sample_rate: int
    n_samples: int
    channels: int
    clipped: int = 0

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.n_samples / self.sample_rate

    @property
    def kbps(self) -> float:
        """Bitrate of the coded file, headers included, in kbps."""
        return 8.0 * self.n_bytes / self.seconds / 1000.0


@runtime_checkable
class Codec(Protocol):
    """Audio to bytes and back.

    The bytes are everything that a receiver gets, headers included, so that
    `8 * len(data) / seconds / 1000` is the bitrate and nothing needs to be believed.
    """

    @property
    def name(self) -> str:
        """Name in the registry, for example `opus`."""

    @property
    def suffix(self) -> str:
        """File name suffix with its dot, for example `.opus`."""

    @property
    def setting(self) -> str:
        """What was asked of the codec, for example `12 kbps`."""

    @property
    def label(self) -> str:
        """Name and setting for a figure or a table, for example `Opus 12 kbps`."""

    def encode(self, audio: npt.ArrayLike, sample_rate: int) -> bytes:
        """Turn audio `(N,)` or `(C, N)` at `sample_rate` Hz into bytes."""

    def decode(self, data: bytes) -> tuple[FloatArray, int]:
        """Turn bytes into audio `(N,)` or `(C, N)` and its sampling rate in Hz."""


@dataclass(frozen=True)
class FileCodec(ABC):
    """A codec whose bytes are a file that other players open.

    Attributes:
        kbps: Wanted bitrate of the whole file in kbps (1 kbps = 1000 bits a second), all channels
            together. It may be left out where the codec is only used to decode.
    """

    kbps: float | None = None

    name: ClassVar[str]
    title: ClassVar[str]
    suffix: ClassVar[str]
    # What `identify` calls its files, where several codecs share a format.
    kind: ClassVar[str] = ""

    def __post_init__(self) -> None:
        check_kbps(self.kbps, self.title)

    @property
    def setting(self) -> str:
        """What was asked of the codec, for example `12 kbps`."""
        return "" if self.kbps is None else f"{self.kbps:g} kbps"

    @property
    def label(self) -> str:
        """Name and setting, for example `Opus 12 kbps`."""
        return f"{self.title} {self.setting}".strip()

    def encode(
        self, audio: npt.ArrayLike, sample_rate: int, tags: Mapping[str, str] | None = None
    ) -> bytes:
        """Turn audio into the bytes of a file.

        Encoding is deterministic: the same audio and setting give the same bytes.

        Args:
            audio: Mono `(N,)` or `(C, N)` with one or two channels.
            sample_rate: Sampling rate in Hz, 8000 to 96000 (plain downsampling takes any).
            tags: Tags to store, for example `{"title": ..., "artist": ...}`. They count as bytes.

        Raises:
            AudioError: If the audio is empty, not finite or of a wrong shape.
            CodecError: If the codec cannot meet the request; the message lists what it can.
        """
        samples = checked_audio(audio, sample_rate, self.title)
        return self._encode(samples, int(sample_rate), tags or {})

    def decode(self, data: bytes) -> tuple[FloatArray, int]:
        """Turn a file's bytes into audio.

        The encoder's delay and padding are removed as the file declares them, so that the result
        starts with, and is as long as, what was encoded (at the file's own sampling rate).

        Returns:
            Audio, `(N,)` for one channel and else `(C, N)`, and its sampling rate in Hz. Samples
            may exceed 1 a little, as lossy decoders do.

        Raises:
            BitstreamError: If the bytes are empty, truncated, damaged or of another codec.
        """
        found = identify(data)
        if found != (self.kind or self.name):
            raise BitstreamError(
                f"These are {found} bytes, not {self.name}. Decode them with get_codec({found!r})."
            )
        audio, sample_rate = self._decode(bytes(data))
        if audio.shape[-1] == 0:
            raise BitstreamError(f"This {self.name} file holds no samples. Encode it again.")
        if not np.isfinite(audio).all():
            raise BitstreamError(
                f"This {self.name} file decodes to NaN or infinity: it is damaged."
            )
        return (audio[0] if audio.shape[0] == 1 else audio), sample_rate

    def required_kbps(self) -> float:
        """Return the wanted bitrate.

        Raises:
            CodecError: If none was given.
        """
        if self.kbps is None:
            raise CodecError(f"{self.title} needs a bitrate to encode: give kbps=...")
        return self.kbps

    @classmethod
    @abstractmethod
    def supported_kbps(cls, sample_rate: int, channels: int) -> list[float]:
        """Return bitrates in kbps that can be asked for, rising."""

    def refusal(self, sample_rate: int, channels: int, kbps: Sequence[float] = ()) -> CodecError:
        """Return the error for a bitrate that the codec cannot give; it lists those it can."""
        listed = kbps or self.supported_kbps(sample_rate, channels)
        what = f"{sample_rate} Hz, {'mono' if channels == 1 else 'stereo'}"
        return CodecError(
            f"{self.title} cannot code {self.setting} ({what}). "
            f"Use one of: {', '.join(f'{value:g}' for value in listed)} kbps."
        )

    @abstractmethod
    def _encode(self, audio: FloatArray, sample_rate: int, tags: Mapping[str, str]) -> bytes:
        """Encode checked audio `(C, N)`."""

    @abstractmethod
    def _decode(self, data: bytes) -> tuple[FloatArray, int]:
        """Decode bytes that `identify` holds for this codec's to `(C, N)` and a rate."""


def check_kbps(kbps: float | None, title: str) -> None:
    """Refuse a bitrate that is none.

    Raises:
        CodecError: If it is not positive or not finite.
    """
    if kbps is not None and not (math.isfinite(kbps) and kbps > 0.0):
        raise CodecError(f"{title}: kbps must be a positive number, not {kbps!r}.")


def checked_audio(audio: npt.ArrayLike, sample_rate: int, title: str) -> FloatArray:
    """Return audio as `(C, N)` with one or two channels.

    Raises:
        AudioError: If it is empty, not finite or of a wrong shape.
        CodecError: If it has more channels.
    """
    samples = np.atleast_2d(validate(audio, f"The audio for {title}"))
    if samples.shape[0] > MAX_CHANNELS:
        raise CodecError(
            f"{title} takes one or two channels here, not {samples.shape[0]}. "
            "Mix them down first (musiclib.audio.to_mono)."
        )
    if sample_rate <= 0:
        raise AudioError(f"sample_rate must be positive, not {sample_rate!r}.")
    return samples


OGG_FIRST_PAGE = 64
ADTS_SYNC = 0xFFF0
ADTS_MASK = 0xFFF6  # sync word and the layer bits, which are zero in ADTS
MPEG_SYNC = 0xFFE0
LAYER_MASK = 0x0006
LAYER_III = 0x0002
LATENT_MAGIC = b"MLA"
MELIC_MAGIC = b"MLC"


def identify(data: bytes) -> str:
    """Return the name of the codec whose file these bytes start; 64 bytes are enough.

    WAV is `downsample`, MP4 and ADTS are `aac`.

    Raises:
        BitstreamError: If the bytes are empty or of no codec that musiclib knows.
    """
    if not data:
        raise BitstreamError("There are no bytes to decode: the file is empty.")
    head = bytes(data[:OGG_FIRST_PAGE])
    if head.startswith(LATENT_MAGIC):
        return "autoencoder"
    if head.startswith(MELIC_MAGIC):
        return "melic"
    if head.startswith(b"OggS"):
        for mark, name in ((b"OpusHead", "opus"), (b"\x01vorbis", "vorbis")):
            if mark in head:
                return name
        raise BitstreamError("This Ogg file holds neither Opus nor Vorbis. Convert it first.")
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return "downsample"
    if head[4:8] == b"ftyp":
        return "aac"
    if head.startswith(b"ID3"):
        return "mp3"
    sync = int.from_bytes(head[:2], "big")
    if sync & ADTS_MASK == ADTS_SYNC:
        return "aac"
    if sync & MPEG_SYNC == MPEG_SYNC and sync & LAYER_MASK == LAYER_III:
        return "mp3"
    raise BitstreamError(
        f"These bytes (first ones: {head[:4].hex(' ')}) are not MP3, AAC, Opus, Vorbis, WAV, "
        "MLA or MLC. Check that the file is complete and of one of these formats."
    )


MAX_BYTES = 5
LARGEST = 2 ** (7 * MAX_BYTES) - 1


def to_varint(value: int) -> bytes:
    """Return the bytes of a number from 0 to 2^35 - 1."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def read_varint(data: bytes, at: int, suffix: str = ".mla") -> tuple[int, int]:
    """Return the number that starts at `at`, and where it ends; errors name the file's `suffix`.

    Raises:
        BitstreamError: It does not end.
    """
    value = 0
    for place, byte in enumerate(data[at : at + MAX_BYTES]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise BitstreamError(
        f"This {suffix} file is damaged: a number does not end. Fetch or encode it again."
    )

"""Vorbis by libvorbis in an Ogg file, through libsndfile (PyAV's wheels have no libvorbis)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import soundfile

from musiclib.audio import FloatArray
from musiclib.codecs.base import FileCodec, to_coding_rate
from musiclib.codecs.container import MAX_DECODED_SECONDS, check_ogg, with_serial
from musiclib.errors import BitstreamError, CodecError

KBPS = (16, 24, 32, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 480)
MAX_KBPS_PER_CHANNEL = 240.0
RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000)
TOLERANCE = 0.01
MAX_TRIALS = 10
BLOCK = 1 << 16
TAGS = ("title", "artist", "album", "date", "genre", "comment", "copyright", "license")


@dataclass(frozen=True)
class VorbisCodec(FileCodec):
    """Vorbis (libvorbis through libsndfile), variable bitrate.

    Vorbis has a quality and no bitrate. For `kbps` the quality is searched by bisection on the
    audio itself until the whole file is within 1 % of the request, or as near
    as the scale allows, which jumps in places by some per cent. Where the coarsest quality is
    still too large, the audio is resampled to the next lower rate; the smallest file of all is at
    8 kHz. Where the finest is still too small, that is the result. The headers take about 3.6 kB.

    Attributes:
        kbps: Wanted bitrate, 16 and more; 240 a channel at most.
        quality: Instead of `kbps`: 0 (coarsest) to 1 (finest), libvorbis's own scale of 0 to 10
            divided by ten, at the input's sampling rate.
    """

    quality: float | None = None

    name: ClassVar[str] = "vorbis"
    title: ClassVar[str] = "Vorbis"
    suffix: ClassVar[str] = ".ogg"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.quality is not None:
            if self.kbps is not None:
                raise CodecError("Vorbis: give kbps or quality, not both.")
            if not 0.0 <= self.quality <= 1.0:
                raise CodecError(f"Vorbis: quality must be 0 to 1, not {self.quality!r}.")

    @property
    def setting(self) -> str:
        """What was asked of the codec, for example `64 kbps` or `quality 0.5`."""
        return super().setting if self.quality is None else f"quality {self.quality:g}"

    @classmethod
    def supported_kbps(cls, sample_rate: int, channels: int) -> list[float]:  # noqa: ARG003
        """Return common bitrates in kbps within Vorbis's range; any between them will do."""
        return [float(kbps) for kbps in KBPS if kbps <= MAX_KBPS_PER_CHANNEL * channels]

    def _encode(self, audio: FloatArray, sample_rate: int, tags: Mapping[str, str]) -> bytes:
        wide = min((r for r in RATES if r >= sample_rate), default=RATES[-1])
        if self.quality is not None:
            return _file(to_coding_rate(audio, sample_rate, wide), wide, self.quality, tags)
        kbps, channels = self.required_kbps(), audio.shape[0]
        if not KBPS[0] <= kbps <= MAX_KBPS_PER_CHANNEL * channels:
            raise self.refusal(sample_rate, channels)
        budget = kbps * 1000 / 8 * audio.shape[1] / sample_rate
        for rate in sorted((r for r in RATES if r <= wide), reverse=True):
            coded = to_coding_rate(audio, sample_rate, rate)
            coarsest = _file(coded, rate, 0.0, tags)
            if len(coarsest) <= budget * (1 + TOLERANCE):
                return _search(coded, rate, budget, coarsest, tags)
        return coarsest

    def _decode(self, data: bytes) -> tuple[FloatArray, int]:
        # FFmpeg's Vorbis decoder can lose a block at the end; libvorbis keeps the exact length.
        check_ogg(data, "Vorbis")
        try:
            with soundfile.SoundFile(io.BytesIO(data)) as file:
                if file.frames > MAX_DECODED_SECONDS * file.samplerate:
                    raise BitstreamError(
                        f"This Vorbis file declares more than {MAX_DECODED_SECONDS / 3600:g} "
                        "hours. Cut it into parts."
                    )
                declared, rate = int(file.frames), int(file.samplerate)
                audio = file.read(dtype="float32", always_2d=True).T
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise BitstreamError(
                f"This Vorbis file cannot be decoded ({error}): it is damaged."
            ) from error
        if audio.shape[1] != declared:
            raise BitstreamError(
                f"This Vorbis file is damaged: {audio.shape[1]} of {declared} samples decode."
            )
        return np.ascontiguousarray(audio), rate


def _search(
    audio: FloatArray, rate: int, budget: float, coarsest: bytes, tags: Mapping[str, str]
) -> bytes:
    """Return the file whose size comes nearest to `budget` bytes, by bisection on the quality."""
    best = coarsest
    low, high, quality = 0.0, 1.0, 1.0
    for _ in range(MAX_TRIALS):
        data = _file(audio, rate, quality, tags)
        best = min(best, data, key=lambda file: abs(len(file) - budget))
        if abs(len(best) - budget) <= TOLERANCE * budget or (quality == 1.0 and len(data) < budget):
            break
        low, high = (quality, high) if len(data) < budget else (low, quality)
        quality = (low + high) / 2
    return best


def _file(audio: FloatArray, rate: int, quality: float, tags: Mapping[str, str]) -> bytes:
    memory = io.BytesIO()
    with soundfile.SoundFile(
        memory,
        "w",
        samplerate=rate,
        channels=audio.shape[0],
        format="OGG",
        subtype="VORBIS",
        compression_level=1.0 - quality,
    ) as file:
        for name in TAGS:
            if name in tags:
                setattr(file, name, tags[name])
        # libsndfile overflows its stack when a whole song is written to Ogg in one call.
        for start in range(0, audio.shape[1], BLOCK):
            file.write(audio[:, start : start + BLOCK].T)
    return with_serial(memory.getvalue())

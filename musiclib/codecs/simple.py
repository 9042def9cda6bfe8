"""What other codecs and judges are held against: plain downsampling, and anchors.

Anchors are known damage behind the protocol of codecs, so that judges can be judged. Listening
tests mix low-passed copies among the systems, since their order is known beforehand (ITU-R
BS.1534-3, section 5.1). A judge that gets anchors wrong has nothing to say of codecs. Their files
are what a receiver would get, WAV with floating point, and their bitrates mean nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from musiclib.audio import FloatArray, resample
from musiclib.codecs.base import FileCodec
from musiclib.codecs.container import read_sound, write_sound
from musiclib.errors import BitstreamError, CodecError

BITS = 16
FULL_SCALE = 2.0 ** (BITS - 1)
LOWEST_RATE = 100


@dataclass(frozen=True)
class DownsampleCodec(FileCodec):
    """16-bit PCM at a lower sampling rate, in a WAV file.

    Decoding returns the low rate that the file holds; `musiclib.evaluation.align` brings it back to
    the rate of the reference. Samples beyond full scale are clipped, as 16-bit files do.

    Attributes:
        kbps: Wanted bitrate of the samples: the rate becomes `kbps * 1000 / 16 / channels` Hz.
        factor: Instead of `kbps`: the sampling rate is divided by it (1 or more).
    """

    factor: float | None = None

    name: ClassVar[str] = "downsample"
    title: ClassVar[str] = "Downsampling"
    suffix: ClassVar[str] = ".wav"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.factor is not None:
            if self.kbps is not None:
                raise CodecError("Downsampling: give kbps or factor, not both.")
            if not (math.isfinite(self.factor) and self.factor >= 1.0):
                raise CodecError(f"Downsampling: factor must be 1 or more, not {self.factor!r}.")

    @property
    def setting(self) -> str:
        """What was asked of the codec, for example `48 kbps` or `by 8`."""
        return super().setting if self.factor is None else f"by {self.factor:g}"

    @classmethod
    def supported_kbps(cls, sample_rate: int, channels: int) -> list[float]:
        """Return the bitrates in kbps of halving the rate again and again; any other will do."""
        full = sample_rate * BITS * channels / 1000
        return [full / factor for factor in (64, 32, 16, 8, 4, 2, 1)]

    def low_rate(self, sample_rate: int, channels: int) -> int:
        """Return the sampling rate in Hz that audio is brought to.

        Raises:
            CodecError: If it would be above the input's or below 100 Hz.
        """
        if self.factor is not None:
            rate = round(sample_rate / self.factor)
        else:
            rate = round(self.required_kbps() * 1000 / BITS / channels)
        if not LOWEST_RATE <= rate <= sample_rate:
            low, high = (r * BITS * channels / 1000 for r in (LOWEST_RATE, sample_rate))
            raise CodecError(
                f"Downsampling {channels} channels at {sample_rate} Hz to {self.setting} would "
                f"need {rate} Hz. Use {low:g} to {high:g} kbps."
            )
        return rate

    def _encode(self, audio: FloatArray, sample_rate: int, tags: Mapping[str, str]) -> bytes:
        rate = self.low_rate(sample_rate, audio.shape[0])
        low = resample(audio, sample_rate, rate)
        values = np.clip(np.rint(low * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
        return write_sound(values, rate, tags, format="WAV", subtype="PCM_16")

    def _decode(self, data: bytes) -> tuple[FloatArray, int]:
        return read_wav(data)


def read_wav(data: bytes) -> tuple[FloatArray, int]:
    """Return the samples `(C, N)` of a WAV file and its rate.

    Raises:
        BitstreamError: If it is truncated or damaged.
    """
    check_wav(data)
    return read_sound(data, "WAV")


def check_wav(data: bytes) -> None:
    """Check that the chunks of a WAV file lie within it.

    libsndfile reads what there is of a truncated file without a word.

    Raises:
        BitstreamError: If the file is truncated or has no samples.
    """
    start = 12
    while start + 8 <= len(data):
        name, size = data[start : start + 4], int.from_bytes(data[start + 4 : start + 8], "little")
        if start + 8 + size > len(data):
            raise BitstreamError(
                f"This WAV file is truncated or damaged: its chunk {name!r} at byte {start} "
                f"declares {size} bytes, of which {len(data) - start - 8} are there."
            )
        if name == b"data":
            return
        start += 8 + size + size % 2  # chunks are padded to an even length
    raise BitstreamError("This WAV file holds no samples: it is truncated or damaged.")


STOP_BAND_DB = 60.0
TRANSITION = 1.0 / 7.0  # of the cutoff: 3.5 kHz pass and 4 kHz do not, as BS.1534-3 has it


@dataclass(frozen=True)
class _Anchor(FileCodec):
    suffix: ClassVar[str] = ".wav"
    kind: ClassVar[str] = "downsample"

    @classmethod
    def supported_kbps(cls, sample_rate: int, channels: int) -> list[float]:  # noqa: ARG003
        """Return no bitrates: an anchor has none to choose."""
        return []

    def _encode(self, audio: FloatArray, sample_rate: int, tags: Mapping[str, str]) -> bytes:  # noqa: ARG002
        damaged = self.damaged(audio, sample_rate)
        return write_sound(damaged, sample_rate, {}, format="WAV", subtype="FLOAT")

    def _decode(self, data: bytes) -> tuple[FloatArray, int]:
        return read_wav(data)

    def damaged(self, audio: FloatArray, sample_rate: int) -> FloatArray:
        """Return what becomes of audio `(C, N)`."""
        raise NotImplementedError


@dataclass(frozen=True)
class LowPass(_Anchor):
    """Everything above a frequency is gone; the rest stays where it is.

    Attributes:
        cutoff_hz: What lies below passes; a seventh above it 60 dB are left.
    """

    cutoff_hz: float = 3_500.0

    name: ClassVar[str] = "low-pass"
    title: ClassVar[str] = "Low-pass"

    @property
    def setting(self) -> str:
        """The cutoff, for example `3.5 kHz`."""
        return f"{self.cutoff_hz / 1000:g} kHz"

    def damaged(self, audio: FloatArray, sample_rate: int) -> FloatArray:
        """Return low-passed audio, `(C, N)`.

        Raises:
            CodecError: If nothing would be cut off at this sampling rate.
        """
        from scipy.signal import firwin, kaiserord, oaconvolve

        width_hz = TRANSITION * self.cutoff_hz
        if self.cutoff_hz + width_hz > sample_rate / 2:
            raise CodecError(
                f"A low-pass of {self.setting} cuts nothing off at {sample_rate} Hz. "
                "Use a lower cutoff or a higher sampling rate."
            )
        length, beta = kaiserord(STOP_BAND_DB, width_hz / (sample_rate / 2))
        length |= 1  # an odd number of taps has a middle, so that nothing moves
        edge_hz = self.cutoff_hz + width_hz / 2
        taps = firwin(length, edge_hz, window=("kaiser", beta), fs=sample_rate)
        passed = oaconvolve(audio, taps[np.newaxis], mode="full", axes=-1)
        start = length // 2
        kept: FloatArray = passed[:, start : start + audio.shape[1]].astype(np.float32)
        return kept


@dataclass(frozen=True)
class WhiteNoise(_Anchor):
    """White noise is added, the same one every time.

    Attributes:
        snr_db: How far the noise lies below the clip's mean level, in dB.
    """

    snr_db: float = 20.0

    name: ClassVar[str] = "white-noise"
    title: ClassVar[str] = "White noise"

    @property
    def setting(self) -> str:
        """How far the noise lies below, for example `at 20 dB`."""
        return f"at {self.snr_db:g} dB"

    def damaged(self, audio: FloatArray, sample_rate: int) -> FloatArray:  # noqa: ARG002
        """Return noisy audio, `(C, N)`."""
        noise = np.random.default_rng(0).standard_normal(audio.shape)
        level = np.sqrt(np.mean(np.square(audio, dtype=np.float64))) * 10.0 ** (-self.snr_db / 20.0)
        noisy: FloatArray = (audio + level * noise).astype(np.float32)
        return noisy

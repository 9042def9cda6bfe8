"""Anchors: known damage behind the protocol of codecs, so that judges can be judged.

Listening tests mix low-passed copies among the systems, since their order is known beforehand
(ITU-R BS.1534-3, section 5.1). A judge that gets anchors wrong has nothing to say of codecs. Their
files are what a receiver would get, WAV with floating point, and their bitrates mean nothing.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import soundfile

from musiclib.audio import FloatArray
from musiclib.codecs.base import FileCodec
from musiclib.codecs.downsample import read_wav
from musiclib.errors import CodecError

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
        memory = io.BytesIO()
        damaged = self.damaged(audio, sample_rate)
        soundfile.write(memory, damaged.T, sample_rate, format="WAV", subtype="FLOAT")
        return memory.getvalue()

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


ANCHORS: tuple[FileCodec, ...] = (
    *(LowPass(cutoff_hz=3_500.0), LowPass(cutoff_hz=7_000.0)),
    *(WhiteNoise(snr_db=20.0), WhiteNoise(snr_db=40.0)),
)
"""Anchors whose order every judge must get right: within each pair the second is the better."""

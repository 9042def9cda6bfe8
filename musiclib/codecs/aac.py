"""AAC (low complexity) by FFmpeg's own encoder, in an MP4 file (.m4a).

An MP4 file declares the encoder's delay and the true length in its edit list; a raw ADTS stream
cannot. MP4 costs about 760 bytes and 4 a frame, ADTS 7 a frame, so from 11 s on at 24 kHz the
honest format is also the smaller one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from musiclib.audio import FloatArray
from musiclib.codecs.base import FileCodec, RateRule, to_coding_rate
from musiclib.codecs.container import Target, demux, mux
from musiclib.errors import BitstreamError, CodecError

KBPS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256, 288, 320, 384, 512, 576)
RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
DECODERS = frozenset({"aac"})
MIN_KBPS_PER_CHANNEL = 8.0
FRAME = 1024
SIZE_ENTRY_BITS = 32  # the MP4 sample table holds each frame's size in 32 bits

# Measured on music at 24 kHz, mono: the encoder cannot go below 7.4 kbps at 8 kHz, 9.5 at 16 kHz
# and 12.5 at 24 kHz; at 20 kbps 12 kHz beats 16 and 24 kHz, from 28 kbps on 24 kHz is best.
RULE = RateRule(RATES, ((10, 8_000), (20, 12_000), (24, 16_000), (32, 24_000), (48, 32_000)))


def max_kbps_per_channel(coding_rate: int) -> float:
    """Return AAC's highest bitrate of a channel in kbps: 6144 bits a frame (ISO/IEC 14496-3)."""
    return 6144 * coding_rate / FRAME / 1000


@dataclass(frozen=True)
class AacCodec(FileCodec):
    """AAC-LC (FFmpeg's encoder) in an .m4a file.

    Attributes:
        kbps: Target for frames and sample table together, 8 to 288 kbps a channel. The encoder
            stays near it unless the music needs fewer bits at the finest quantisation.
        coding_rate: Sampling rate inside the file in Hz; by default chosen from the input's rate
            and the bitrate (`RULE`).
    """

    coding_rate: int | None = None

    name: ClassVar[str] = "aac"
    title: ClassVar[str] = "AAC"
    suffix: ClassVar[str] = ".m4a"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.coding_rate is not None and self.coding_rate not in RATES:
            raise CodecError(
                f"AAC has no sampling rate of {self.coding_rate} Hz here. Use one of: {RATES}."
            )

    @classmethod
    def supported_kbps(cls, sample_rate: int, channels: int) -> list[float]:  # noqa: ARG003
        """Return common bitrates in kbps within AAC's range; any between them will do."""
        low, high = MIN_KBPS_PER_CHANNEL * channels, max_kbps_per_channel(RATES[-1]) * channels
        return [float(kbps) for kbps in KBPS if low <= kbps <= high]

    def _encode(self, audio: FloatArray, sample_rate: int, tags: Mapping[str, str]) -> bytes:
        each = self.required_kbps() / audio.shape[0]
        rate = self.coding_rate
        if rate is None:
            rate = RULE.choose(sample_rate, each, lambda r: each <= max_kbps_per_channel(r))
        if rate is None or not MIN_KBPS_PER_CHANNEL <= each <= max_kbps_per_channel(rate):
            raise self.refusal(self.coding_rate or sample_rate, audio.shape[0])
        table_bits = SIZE_ENTRY_BITS * rate / FRAME
        target = Target(
            "aac",
            "ipod",
            muxer_options={
                # The edit list counts in this unit; with the default of 1 ms lengths are rounded.
                "movie_timescale": str(rate),
                "write_btrt": "0",
                "empty_hdlr_name": "1",
            },
        )
        bit_rate = round(each * audio.shape[0] * 1000 - table_bits)
        return mux(to_coding_rate(audio, sample_rate, rate), rate, bit_rate, target, tags)

    def _decode(self, data: bytes) -> tuple[FloatArray, int]:
        if data[4:8] != b"ftyp":  # ADTS: nothing is declared, so nothing can be removed
            found = demux(data, "aac", DECODERS, "AAC")
            return found.audio, found.sample_rate
        found = demux(data, "mp4", DECODERS, "AAC")
        length = found.audio.shape[1]
        if found.declared is None or found.declared > length:
            raise BitstreamError(
                f"This AAC file is truncated: it declares {found.declared} samples and holds "
                f"{length}. Fetch or encode it again."
            )
        # FFmpeg removes the delay at the start; the padding of the last frame is left to us.
        return found.audio[:, : found.declared], found.sample_rate

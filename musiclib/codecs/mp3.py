"""MP3 by LAME, constant bitrate.

The file starts with a Xing/LAME header, which declares the encoder's delay and padding.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from musiclib.audio import FloatArray
from musiclib.codecs.base import FileCodec, RateRule, to_coding_rate
from musiclib.codecs.container import Target, demux, mux
from musiclib.errors import BitstreamError, CodecError

KBPS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
MPEG_1_FROM = 32_000
DECODERS = frozenset({"mp3", "mp3float"})

# Measured on music at 24 kHz: at 8 and 16 kbps mono, 12 kHz beats 16 and 24 kHz in log-spectral
# distance and Zimtohrli MOS; at 24 kbps 16 kHz does. The upper steps are those of LAME itself.
RULE = RateRule(RATES, ((16, 12_000), (24, 16_000), (32, 24_000), (48, 32_000)))


def allowed_kbps(coding_rate: int) -> list[int]:
    """Return the constant bitrates in kbps that MP3 has at a sampling rate in Hz.

    MPEG-1 (32 kHz and more) has 32 to 320, MPEG-2 (16 to 24 kHz) 8 to 160, MPEG-2.5 8 to 64
    (ISO/IEC 11172-3, 13818-3).
    """
    low, high = (
        (32, 320) if coding_rate >= MPEG_1_FROM else (8, 160 if coding_rate >= 16_000 else 64)
    )
    return [kbps for kbps in KBPS if low <= kbps <= high]


@dataclass(frozen=True)
class Mp3Codec(FileCodec):
    """MP3 (LAME through FFmpeg), constant bitrate.

    Attributes:
        kbps: One of MP3's bitrates, 8 to 320. The file is larger by its header of one frame.
        coding_rate: Sampling rate inside the file in Hz; by default chosen from the input's rate
            and the bitrate (`RULE`): 320 kbps raises 24 kHz to 32 kHz, 8 kbps lowers it to 12 kHz.
    """

    coding_rate: int | None = None

    name: ClassVar[str] = "mp3"
    title: ClassVar[str] = "MP3"
    suffix: ClassVar[str] = ".mp3"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kbps is not None and self.kbps not in KBPS:
            raise CodecError(
                f"MP3 has no constant bitrate of {self.kbps:g} kbps. "
                f"Use one of: {', '.join(map(str, KBPS))}."
            )
        if self.coding_rate is None:
            return
        if self.coding_rate not in RATES:
            raise CodecError(
                f"MP3 has no sampling rate of {self.coding_rate} Hz. Use one of: {RATES}."
            )
        if self.kbps is not None and self.kbps not in allowed_kbps(self.coding_rate):
            raise self.refusal(self.coding_rate, 1, allowed_kbps(self.coding_rate))

    @classmethod
    def supported_kbps(cls, sample_rate: int, channels: int) -> list[float]:  # noqa: ARG003
        """Return MP3's constant bitrates in kbps; the rule below finds a sampling rate for each."""
        return [float(kbps) for kbps in KBPS]

    def _encode(self, audio: FloatArray, sample_rate: int, tags: Mapping[str, str]) -> bytes:
        kbps = self.required_kbps()
        rate = self.coding_rate or RULE.choose(
            sample_rate, kbps / audio.shape[0], lambda r: kbps in allowed_kbps(r)
        )
        if rate is None:  # every bitrate of KBPS exists at some rate above or at the first choice
            raise self.refusal(sample_rate, audio.shape[0])
        options = {"id3v2_version": "3" if tags else "0"}
        target = Target("libmp3lame", "mp3", muxer_options=options)
        coded = to_coding_rate(audio, sample_rate, rate)
        data = mux(coded, rate, round(kbps * 1000), target, tags)
        return with_length(data, coded.shape[1], 1152 if rate >= MPEG_1_FROM else 576)

    def _decode(self, data: bytes) -> tuple[FloatArray, int]:
        found = demux(data, "mp3", DECODERS, "MP3")
        if find_xing(data) is not None and found.declared is not None:
            missing = found.declared - found.audio.shape[1]
            if missing > 0:
                raise BitstreamError(
                    f"This MP3 file is truncated: {missing} of {found.declared} samples are "
                    "missing. Fetch or encode it again."
                )
        return found.audio, found.sample_rate


ID3_HEADER = 10
SEARCHED = 64  # the mark follows the frame header and side information, at most 36 bytes in
FRAMES_AT = 8
LAME_AT = 120  # mark, flags, frames, bytes, 100 bytes of seek table, quality
DELAY_AT = LAME_AT + 21
CHECKSUM_AT = LAME_AT + 34
ALL_FIELDS = 0x0F
CHECKED = 190
CRC_16 = 0xA001
MAX_PADDING = 0xFFF
SHORTEST = 47  # 1152 less the delays of encoder and decoder, 1105


@dataclass(frozen=True)
class XingHeader:
    """Where the header lies in a file, and what it says.

    Attributes:
        frame: First byte of the frame that carries the header.
        mark: First byte of the header itself.
        frames: Number of frames of audio that follow.
        delay: The encoder's delay in samples; a decoder adds 529 of its own.
        padding: Samples after the end, the decoder's 529 included.
    """

    frame: int
    mark: int
    frames: int
    delay: int
    padding: int


def find_xing(data: bytes) -> XingHeader | None:
    """Return the header of an MP3 file, None if it has none that states a length."""
    frame = 0
    if data.startswith(b"ID3") and len(data) >= ID3_HEADER:
        size = 0
        for byte in data[6:ID3_HEADER]:  # seven bits a byte (ID3v2.3, section 3.1)
            size = size << 7 | byte & 0x7F
        frame = ID3_HEADER + size
    head = data[frame : frame + SEARCHED]
    found = max(head.find(b"Xing"), head.find(b"Info"))
    mark = frame + found
    if found < 0 or len(data) < mark + CHECKSUM_AT + 2:
        return None
    if int.from_bytes(data[mark + 4 : mark + 8], "big") & ALL_FIELDS != ALL_FIELDS:
        return None
    frames = int.from_bytes(data[mark + FRAMES_AT : mark + FRAMES_AT + 4], "big")
    both = int.from_bytes(data[mark + DELAY_AT : mark + DELAY_AT + 3], "big")
    return XingHeader(frame, mark, frames, both >> 12, both & MAX_PADDING)


def with_length(data: bytes, n_samples: int, samples_per_frame: int) -> bytes:
    """Return an MP3 file whose header declares exactly `n_samples`.

    FFmpeg counts at most the padding of one frame. Where LAME needs one frame more to flush its
    filters, the declared length comes out up to a frame too long; this puts it right. Clips of
    less than 47 samples are left as they are, declared as 47: FFmpeg's decoder cannot remove the
    delay and the padding from one and the same frame.
    """
    header = find_xing(data)
    if header is None or n_samples < SHORTEST:
        return data
    padding = header.frames * samples_per_frame - header.delay - n_samples
    if padding == header.padding or not 0 <= padding <= MAX_PADDING:
        return data
    result = bytearray(data)
    at = header.mark + DELAY_AT
    result[at : at + 3] = (header.delay << 12 | padding).to_bytes(3, "big")
    at = header.mark + CHECKSUM_AT
    result[at : at + 2] = checksum(bytes(result), header).to_bytes(2, "big")
    return bytes(result)


def checksum(data: bytes, header: XingHeader) -> int:
    """Return the checksum of a header as FFmpeg writes it.

    It covers the first 190 bytes of the frame. Where the header lies early, its own checksum is
    among them, and counts as zero.
    """
    covered = bytearray(data[header.frame : header.frame + CHECKED])
    at = header.mark - header.frame + CHECKSUM_AT
    if at < CHECKED:
        covered[at : at + 2] = bytes(2)
    return crc_16(bytes(covered))


def crc_16(data: bytes) -> int:
    """Return the CRC-16 (polynomial 0x8005, lowest bit first) that closes the LAME header."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ CRC_16 if value & 1 else value >> 1
    return value

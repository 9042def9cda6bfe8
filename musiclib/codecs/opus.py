"""Opus by libopus in an Ogg file (RFC 6716, RFC 7845).

The header declares the encoder's delay (pre-skip), the last page the true length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from musiclib.audio import FloatArray
from musiclib.codecs.base import FileCodec, to_coding_rate
from musiclib.codecs.container import Target, demux, mux
from musiclib.codecs.ogg import check_ogg, packet_first_bytes
from musiclib.errors import CodecError

KBPS = (5, 6, 8, 12, 16, 20, 24, 32, 48, 64, 96, 128, 160, 192, 256, 320, 384, 448, 510)
RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
MAX_KBPS = {1: 256.0, 2: 510.0}
FRAME_MS = (10, 20, 40, 60)
VBR = ("constrained", "on", "off")
LONG_FRAMES_UP_TO = 10.0  # kbps a channel
NARROW_BAND = range(4)  # configurations of SILK at 8 kHz (RFC 6716, table 2)
DECODERS = frozenset({"opus", "libopus"})
PAGE_MICROSECONDS = 60_000_000  # pages as large as Ogg allows: 255 segments


@dataclass(frozen=True)
class OpusCodec(FileCodec):
    """Opus (libopus through FFmpeg), constrained variable bitrate, `application=audio`.

    Opus runs inside at up to 48 kHz and chooses its bandwidth from the bitrate. Input goes in at
    the lowest of its rates that is not below the input's; files decode at 48 kHz, always.

    Attributes:
        kbps: Target, 5 to 256 mono and to 510 stereo. Single clips differ from it.
        frame_ms: Length of a packet in ms; by default 60 up to 10 kbps a channel and 20 above.
            Up to 10 kbps Opus is its speech coder SILK, where 60 saves 6 to 10 % of the bytes at
            the same quality (measured on music). Above, 60 holds Opus to one of its two coders
            for too long: short clicks vanish.
        vbr: `constrained` keeps single clips near the target, `on` lets tonal music have up to
            half more (12 to 19 % on average from 16 to 48 kbps) and is no better for its bits,
            `off` makes all packets alike.
    """

    frame_ms: int | None = None
    vbr: str = "constrained"

    name: ClassVar[str] = "opus"
    title: ClassVar[str] = "Opus"
    suffix: ClassVar[str] = ".opus"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.vbr not in VBR:
            raise CodecError(f"Opus: vbr must be one of {VBR}, not {self.vbr!r}.")
        if self.frame_ms is not None and self.frame_ms not in FRAME_MS:
            raise CodecError(f"Opus: frame_ms must be one of {FRAME_MS}, not {self.frame_ms!r}.")

    @classmethod
    def supported_kbps(cls, sample_rate: int, channels: int) -> list[float]:  # noqa: ARG003
        """Return common bitrates in kbps within Opus's range; any between them will do."""
        return [float(kbps) for kbps in KBPS if kbps <= MAX_KBPS[channels]]

    def _encode(self, audio: FloatArray, sample_rate: int, tags: Mapping[str, str]) -> bytes:
        kbps = self.required_kbps()
        if not KBPS[0] <= kbps <= MAX_KBPS[audio.shape[0]]:
            raise self.refusal(sample_rate, audio.shape[0])
        rate = min((r for r in RATES if r >= sample_rate), default=RATES[-1])
        long = kbps / audio.shape[0] <= LONG_FRAMES_UP_TO
        target = Target(
            "libopus",
            "opus",
            sample_format="flt",
            encoder_options={
                "application": "audio",
                "vbr": self.vbr,
                "frame_duration": str(self.frame_ms or (60 if long else 20)),
            },
            muxer_options={"page_duration": str(PAGE_MICROSECONDS)},
        )
        return mux(to_coding_rate(audio, sample_rate, rate), rate, round(kbps * 1000), target, tags)

    def _decode(self, data: bytes) -> tuple[FloatArray, int]:
        check_ogg(data, "Opus")
        # The top five bits of a packet's first byte; the two header packets start with "Opus".
        configurations = {byte >> 3 for byte in list(packet_first_bytes(data))[2:]}
        # FFmpeg's own decoder puts narrow-band SILK 6 samples of 48 kHz late, libopus 2. For all
        # else FFmpeg's is within half a sample and libopus 2 early.
        narrow = bool(configurations) and all(c in NARROW_BAND for c in configurations)
        found = demux(data, "ogg", DECODERS, "Opus", decoder="libopus" if narrow else None)
        return found.audio, found.sample_rate

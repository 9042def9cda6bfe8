"""Opus by libopus in an Ogg file (RFC 6716, RFC 7845).

The header declares the encoder's delay (pre-skip), the last page the true length.
"""

from __future__ import annotations

import csv
import functools
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import ClassVar, NamedTuple

from musiclib.audio import FloatArray
from musiclib.codecs.base import FileCodec, to_coding_rate
from musiclib.codecs.container import Target, check_ogg, demux, mux, packet_first_bytes
from musiclib.errors import BitstreamError, CodecError

KBPS = (5, 6, 8, 12, 16, 20, 24, 32, 48, 64, 96, 128, 160, 192, 256, 320, 384, 448, 510)
RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
MAX_KBPS = {1: 256.0, 2: 510.0}
APPLICATIONS = ("audio", "lowdelay")
FRAME_MS = (10, 20, 40, 60)
VBR = ("constrained", "on", "off")
MODES_TABLE = "opus_modes.csv"  # made by scripts/choose_opus_modes.py
DECODERS = frozenset({"opus", "libopus"})
PAGE_MICROSECONDS = 60_000_000  # pages as large as Ogg allows: 255 segments
HEADER_PACKETS = 2


class OpusMode(NamedTuple):
    """How a packet is coded (RFC 6716, table 2).

    Attributes:
        coder: `SILK` (linear prediction, made for speech), `CELT` (MDCT, made for music) or
            `hybrid` (SILK below 8 kHz and CELT above).
        bandwidth_hz: Audio bandwidth that the packet carries: 4, 6, 8, 12 or 20 kHz. It may
            exceed half the input's sampling rate, above which there is nothing to code.
    """

    coder: str
    bandwidth_hz: int


# By the top five bits of a packet's first byte; what is left out by frame length only.
_CONFIGURATIONS = (
    *(OpusMode("SILK", hz) for hz in (4_000, 6_000, 8_000) for _ in range(4)),
    *(OpusMode("hybrid", hz) for hz in (12_000, 20_000) for _ in range(2)),
    *(OpusMode("CELT", hz) for hz in (4_000, 8_000, 12_000, 20_000) for _ in range(4)),
)
_NARROW_SILK = OpusMode("SILK", 4_000)


class _Choice(NamedTuple):
    """A row of the table of modes."""

    kbps: float
    application: str
    frame_ms: int
    chosen: bool


@dataclass(frozen=True)
class OpusCodec(FileCodec):
    """Opus (libopus through FFmpeg), constrained variable bitrate.

    Opus runs inside at up to 48 kHz and chooses its bandwidth from the bitrate. Input goes in at
    the lowest of its rates that is not below the input's; files decode at 48 kHz, always.

    Attributes:
        kbps: Target, 5 to 256 mono and to 510 stereo. Single clips differ from it.
        application: `audio` lets Opus choose between its speech coder SILK, its music coder CELT
            and both together; `lowdelay` is CELT alone. By default whichever of the two three
            judges preferred on music at this bitrate a channel (`opus_modes.csv`).
        frame_ms: Length of a packet in ms: 10, 20, 40 or 60. Longer packets save headers. By
            default what served the application best on the same music.
        vbr: `constrained` keeps single clips near the target, `on` lets tonal music have up to
            half more (12 to 19 % on average from 16 to 48 kbps) and is no better for its bits,
            `off` makes all packets alike.
    """

    application: str | None = None
    frame_ms: int | None = None
    vbr: str = "constrained"

    name: ClassVar[str] = "opus"
    title: ClassVar[str] = "Opus"
    suffix: ClassVar[str] = ".opus"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.application is not None and self.application not in APPLICATIONS:
            raise CodecError(
                f"Opus: application must be one of {APPLICATIONS}, not {self.application!r}."
            )
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
        application, frame_ms = self.application, self.frame_ms
        if application is None or frame_ms is None:
            best = _best_mode(kbps / audio.shape[0], application)
            application, frame_ms = best.application, frame_ms or best.frame_ms
        target = Target(
            "libopus",
            "opus",
            sample_format="flt",
            encoder_options={
                "application": application,
                "vbr": self.vbr,
                "frame_duration": str(frame_ms),
            },
            muxer_options={"page_duration": str(PAGE_MICROSECONDS)},
        )
        return mux(to_coding_rate(audio, sample_rate, rate), rate, round(kbps * 1000), target, tags)

    def _decode(self, data: bytes) -> tuple[FloatArray, int]:
        check_ogg(data, "Opus")
        # FFmpeg's own decoder puts narrow-band SILK 6 samples of 48 kHz late, libopus 2. For all
        # else FFmpeg's is within half a sample and libopus 2 early.
        narrow = set(_modes(data)) == {_NARROW_SILK}
        found = demux(data, "ogg", DECODERS, "Opus", decoder="libopus" if narrow else None)
        return found.audio, found.sample_rate


def opus_modes(data: bytes) -> Counter[OpusMode]:
    """Count a file's packets by how the encoder chose to code them.

    Args:
        data: A whole Opus file.

    Raises:
        BitstreamError: If the file is damaged or holds no audio.
    """
    check_ogg(data, "Opus")
    modes = _modes(data)
    if not modes:
        raise BitstreamError("This Opus file holds no audio packets. Encode it again.")
    return modes


def opus_bandwidth(data: bytes) -> int:
    """Return the audio bandwidth in Hz that most packets of a file carry, for labels.

    Args:
        data: A whole Opus file.

    Returns:
        4000, 6000, 8000, 12,000 or 20,000.

    Raises:
        BitstreamError: If the file is damaged or holds no audio.
    """
    packets: Counter[int] = Counter()
    for mode, count in opus_modes(data).items():
        packets[mode.bandwidth_hz] += count
    return packets.most_common(1)[0][0]


def _modes(data: bytes) -> Counter[OpusMode]:
    first_bytes = list(packet_first_bytes(data))[HEADER_PACKETS:]
    return Counter(_CONFIGURATIONS[byte >> 3] for byte in first_bytes)


def _best_mode(kbps: float, application: str | None) -> _Choice:
    """Return the row of the table whose bitrate is nearest by ratio, of an application if given."""
    rows = [row for row in _table() if application in (None, row.application)]
    if application is None:
        rows = [row for row in rows if row.chosen]
    return min(rows, key=lambda row: abs(math.log(kbps / row.kbps)))


@functools.cache
def _table() -> tuple[_Choice, ...]:
    text = resources.files("musiclib.codecs").joinpath(MODES_TABLE).read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return tuple(
        _Choice(
            float(row["kbps"]), row["application"], int(row["frame_ms"]), row["chosen"] == "yes"
        )
        for row in csv.DictReader(lines)
    )

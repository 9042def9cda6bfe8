"""MP3, AAC, Opus and Vorbis through FFmpeg, libsndfile and the command fdkaac.

Each file declares the encoder's delay and the true length: MP3 in its Xing/LAME header, AAC in the
edit list of MP4, Opus and Vorbis in the granule positions of their Ogg pages. Decoding honours it.
"""

from __future__ import annotations

import csv
import functools
import io
import math
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib import resources
from pathlib import Path
from typing import ClassVar, NamedTuple

import av
import numpy as np
import soundfile

from musiclib.audio import FloatArray, resample
from musiclib.codecs.base import FileCodec
from musiclib.codecs.container import (
    Target,
    check_ogg,
    demux,
    mux,
    packet_first_bytes,
    read_sound,
    reading,
    with_serial,
    write_sound,
)
from musiclib.errors import BitstreamError, CodecError

# Sampling rates in Hz that MP3, AAC and Vorbis have; Vorbis takes 96 kHz as well.
RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def _coding_rate(
    sample_rate: int,
    kbps: float,
    steps: Sequence[tuple[float, int]],
    allowed: Callable[[int], bool],
) -> int | None:
    """Return the sampling rate in Hz to code at, None if no rate has the bitrate.

    Few bits are better spent on a narrow band. The rate never exceeds the input's (rounded up to
    one that the codec has) unless the codec cannot give the bitrate there at all.

    Args:
        sample_rate: Rate of the input in Hz.
        kbps: Bitrate of a channel.
        steps: Pairs (kbps of a channel, highest rate in Hz), rising; the first whose kbps is not
            below the request decides, and beyond the last one any rate will do.
        allowed: Whether the codec has the bitrate at a rate.
    """
    wide = min((rate for rate in RATES if rate >= sample_rate), default=RATES[-1])
    cap = next((rate for most, rate in steps if kbps <= most), RATES[-1])
    best = min(wide, cap)
    return next((rate for rate in RATES if rate >= best and allowed(rate)), None)


# MP3 by LAME, constant bitrate.

MP3_KBPS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
MPEG_1_FROM = 32_000
# Measured on music at 24 kHz: at 8 and 16 kbps mono, 12 kHz beats 16 and 24 kHz in log-spectral
# distance and Zimtohrli MOS; at 24 kbps 16 kHz does. The upper steps are those of LAME itself.
MP3_STEPS = ((16, 12_000), (24, 16_000), (32, 24_000), (48, 32_000))


def _mp3_has(kbps: float, rate: int) -> bool:
    """Whether MP3 has a bitrate at a sampling rate in Hz (ISO/IEC 11172-3, 13818-3)."""
    if rate >= MPEG_1_FROM:
        return 32 <= kbps <= 320
    return 8 <= kbps <= (160 if rate >= 16_000 else 64)


@dataclass(frozen=True)
class Mp3Codec(FileCodec):
    """MP3 (LAME through FFmpeg), constant bitrate.

    Attributes:
        kbps: One of MP3's bitrates, 8 to 320. The file is larger by its header of one frame.
    """

    name: ClassVar[str] = "mp3"
    title: ClassVar[str] = "MP3"
    suffix: ClassVar[str] = ".mp3"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kbps is not None and self.kbps not in MP3_KBPS:
            raise CodecError(
                f"MP3 has no constant bitrate of {self.kbps:g} kbps. "
                f"Use one of: {', '.join(map(str, MP3_KBPS))}."
            )

    @classmethod
    def supported_kbps(cls, sample_rate: int, channels: int) -> list[float]:  # noqa: ARG003
        """Return MP3's constant bitrates in kbps."""
        return [float(kbps) for kbps in MP3_KBPS]

    def _encode(self, audio: FloatArray, sample_rate: int, tags: Mapping[str, str]) -> bytes:
        kbps = self.required_kbps()
        each = kbps / audio.shape[0]
        rate = _coding_rate(sample_rate, each, MP3_STEPS, lambda rate: _mp3_has(kbps, rate))
        assert rate is not None  # 48 kHz and 8 kHz have all of MP3_KBPS between them
        options = {"id3v2_version": "3" if tags else "0"}
        target = Target("libmp3lame", "mp3", muxer_options=options)
        coded = resample(audio, sample_rate, rate)
        data = mux(coded, rate, round(kbps * 1000), target, tags)
        return with_length(data, coded.shape[1], 1152 if rate >= MPEG_1_FROM else 576)

    def _decode(self, data: bytes) -> tuple[FloatArray, int]:
        found = demux(data, "mp3", frozenset({"mp3", "mp3float"}), "MP3")
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
    """Where the header (`mark`) and its frame lie in a file, and what it says.

    A decoder adds 529 samples to the encoder's delay; `padding` includes them.
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
    result[at : at + 2] = xing_checksum(bytes(result), header).to_bytes(2, "big")
    return bytes(result)


def xing_checksum(data: bytes, header: XingHeader) -> int:
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


# AAC in MP4 files (.m4a). MP4 costs about 760 bytes and 4 a frame, ADTS, which declares no length,
# 7 a frame: from 11 s on at 24 kHz the honest format is also the smaller one.

AAC_KBPS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256, 288, 320, 384, 512, 576)
MIN_KBPS_PER_CHANNEL = 8.0
FRAME = 1024
SIZE_ENTRY_BITS = 32  # the MP4 sample table holds each frame's size in 32 bits
# Measured on music at 24 kHz, mono: the encoder cannot go below 7.4 kbps at 8 kHz, 9.5 at 16 kHz
# and 12.5 at 24 kHz; at 20 kbps 12 kHz beats 16 and 24 kHz, from 28 kbps on 24 kHz is best.
AAC_STEPS = ((10, 8_000), (20, 12_000), (24, 16_000), (32, 24_000), (48, 32_000))

# fdkaac: MPEG-4 audio object types, and what it can be asked for in kbps.
FDKAAC = "fdkaac"
HE_AAC, HE_AAC_V2 = 5, 29
FDK_KBPS = (10, 12, 16, 20, 24, 32, 40, 48, 64, 96, 128)
# Measured on music at 24 kHz, mono, by Zimtohrli and the 2f-model: the core coder runs at half the
# rate of the file, so that even 24 kHz are better coded at 32 kHz, and from 32 kbps on at 44.1 kHz;
# 48 kHz are level with that, and rates below 24 kHz are worse throughout.
FDK_LOW_RATE, FDK_HIGH_RATE, FDK_LOW_RATE_UP_TO = 32_000, 44_100, 28.0
# Requests that it cannot meet it answers with some other bitrate, and without a word.
BITRATE_TOLERANCE = 0.15
RESERVOIR_BITS = 6144
TIME_LIMIT_S = 60.0


def max_kbps_per_channel(rate: int) -> float:
    """Return AAC's highest bitrate of a channel in kbps: 6144 bits a frame (ISO/IEC 14496-3)."""
    return RESERVOIR_BITS * rate / FRAME / 1000


def _mp4_options(rate: int) -> dict[str, str]:
    """How FFmpeg is told to write MP4."""
    # The edit list counts in the movie's timescale; with the default of 1 ms lengths are rounded.
    return {"movie_timescale": str(rate), "write_btrt": "0", "empty_hdlr_name": "1"}


@dataclass(frozen=True)
class AacCodec(FileCodec):
    """AAC-LC (FFmpeg's encoder) in an .m4a file.

    Attributes:
        kbps: Target for frames and sample table together, 8 to 288 kbps a channel. The encoder
            stays near it unless the music needs fewer bits at the finest quantisation.
    """

    name: ClassVar[str] = "aac"
    title: ClassVar[str] = "AAC-LC (FFmpeg)"
    suffix: ClassVar[str] = ".m4a"

    @classmethod
    def supported_kbps(cls, sample_rate: int, channels: int) -> list[float]:  # noqa: ARG003
        """Return common bitrates in kbps within AAC's range; any between them will do."""
        low, high = MIN_KBPS_PER_CHANNEL * channels, max_kbps_per_channel(RATES[-1]) * channels
        return [float(kbps) for kbps in AAC_KBPS if low <= kbps <= high]

    def _encode(self, audio: FloatArray, sample_rate: int, tags: Mapping[str, str]) -> bytes:
        each = self.required_kbps() / audio.shape[0]
        rate = _coding_rate(
            sample_rate, each, AAC_STEPS, lambda rate: each <= max_kbps_per_channel(rate)
        )
        if rate is None or each < MIN_KBPS_PER_CHANNEL:
            raise self.refusal(sample_rate, audio.shape[0])
        table_bits = SIZE_ENTRY_BITS * rate / FRAME
        target = Target("aac", "ipod", muxer_options=_mp4_options(rate))
        bit_rate = round(each * audio.shape[0] * 1000 - table_bits)
        return mux(resample(audio, sample_rate, rate), rate, bit_rate, target, tags)

    def _decode(self, data: bytes) -> tuple[FloatArray, int]:
        return _decoded(data)


@dataclass(frozen=True)
class FdkAacCodec(FileCodec):
    """High-efficiency AAC: encoding by the command `fdkaac`, decoding by FFmpeg.

    It codes the lower half of the band and describes the upper half (spectral band replication).
    The licence of Fraunhofer's encoder keeps it out of this package and of many distributions.

    Attributes:
        kbps: Target for frames and sample table together.
    """

    suffix: ClassVar[str] = ".m4a"
    kind: ClassVar[str] = "aac"
    object_type: ClassVar[int]  # MPEG-4 audio object type, which fdkaac calls profile
    # Lowest and highest bitrate in kbps by number of channels. Asked for less, fdkaac gives more.
    limits: ClassVar[Mapping[int, tuple[float, float]]]
    # By how many samples FFmpeg's decoder is quicker than fdkaac reckons, to the nearest one:
    # measured on music as 1.2 for HE-AAC, and 0.5 for v2.
    quicker: ClassVar[int] = 0

    @classmethod
    def supported_kbps(cls, sample_rate: int, channels: int) -> list[float]:  # noqa: ARG003
        """Return common bitrates in kbps within the codec's range, which depends on channels."""
        low, high = cls.limits.get(channels, (math.inf, -math.inf))
        return [float(kbps) for kbps in FDK_KBPS if low <= kbps <= high]

    def _encode(self, audio: FloatArray, sample_rate: int, tags: Mapping[str, str]) -> bytes:
        kbps, channels = self.required_kbps(), audio.shape[0]
        if channels not in self.limits:
            raise CodecError(f"{self.title} codes stereo alone. Use he-aac for mono.")
        low, high = self.limits[channels]
        if not low <= kbps <= high:
            raise self.refusal(sample_rate, channels)
        coded_channels = 1 if self.object_type == HE_AAC_V2 else channels
        few = kbps / coded_channels <= FDK_LOW_RATE_UP_TO
        rate = FDK_LOW_RATE if few else FDK_HIGH_RATE
        table_bits = SIZE_ENTRY_BITS * rate / (2 * FRAME)
        bit_rate = max(kbps * 1000 - table_bits, 1000 * low)
        coded = resample(audio, sample_rate, rate)
        if coded.shape[1] < 2 * FRAME:  # FFmpeg takes all of it for the encoder's delay
            raise CodecError(
                f"{self.title} needs clips of at least {2 * FRAME / rate:.3f} s; this one lasts "
                f"{coded.shape[1] / rate:.3f} s. Use another codec for it."
            )
        file = _fdkaac(coded, rate, self.object_type, round(bit_rate))
        return self._remuxed(file, coded.shape[1], rate, round(bit_rate), tags)

    def _decode(self, data: bytes) -> tuple[FloatArray, int]:
        return _decoded(data)

    def _remuxed(
        self, file: bytes, n_samples: int, rate: int, bit_rate: int, tags: Mapping[str, str]
    ) -> bytes:
        """Put the packets of an encoder's file into one of FFmpeg's, as AAC-LC has it.

        So all AAC here pays the same for its container, files hold no dates, and the edit list
        counts samples of the sound, not of the core coder at half its rate.

        Raises:
            CodecError: If the encoder gave a bitrate that is far from what it was asked for.
        """
        memory = io.BytesIO()
        options = {"fflags": "+bitexact", **_mp4_options(rate)}
        with reading(file, "mp4", self.title) as source:
            stream = source.streams.audio[0]
            packets = [packet for packet in source.demux(stream) if packet.size]
            seconds = 2 * FRAME * len(packets) / rate
            given = 8 * sum(packet.size for packet in packets) / seconds
            # A short clip may be coded out of the bit reservoir.
            allowed = BITRATE_TOLERANCE * bit_rate + RESERVOIR_BITS / seconds
            if abs(given - bit_rate) > allowed:
                raise CodecError(
                    f"{self.title}: asked for {bit_rate / 1000:g} kbps, fdkaac gave "
                    f"{given / 1000:.1f}. Use another bitrate."
                )
            start, unit = packets[0].pts, stream.time_base
            if start is None or unit is None:
                raise CodecError(f"{self.title}: this version of fdkaac declares no delay.")
            delay = round(-start * unit * rate) - self.quicker
            with av.open(memory, "w", format="ipod", options=options) as out:
                out.metadata.update(tags)
                copy = out.add_stream_from_template(stream)
                for index, packet in enumerate(packets):
                    begin = 2 * FRAME * index - delay
                    if begin >= n_samples:  # nothing but the encoder's own tail
                        break
                    packet.stream = copy
                    packet.time_base = Fraction(1, rate)
                    packet.pts = packet.dts = begin
                    packet.duration = min(2 * FRAME, n_samples - begin)
                    out.mux(packet)
        return memory.getvalue()


@dataclass(frozen=True)
class HeAacCodec(FdkAacCodec):
    """HE-AAC (Fraunhofer's encoder by `fdkaac`) in an .m4a file.

    Attributes:
        kbps: 10 to 96 mono, 16 to 128 stereo.
    """

    name: ClassVar[str] = "he-aac"
    title: ClassVar[str] = "HE-AAC (fdkaac)"
    object_type: ClassVar[int] = HE_AAC
    quicker: ClassVar[int] = 1
    limits: ClassVar[Mapping[int, tuple[float, float]]] = {1: (10.0, 96.0), 2: (16.0, 128.0)}


@dataclass(frozen=True)
class HeAacV2Codec(FdkAacCodec):
    """HE-AAC v2 (Fraunhofer's encoder by `fdkaac`) in an .m4a file; stereo only.

    It codes one channel and describes the difference to the other (parametric stereo).

    Attributes:
        kbps: 10 to 64; made for 16 to 40.
    """

    name: ClassVar[str] = "he-aac-v2"
    title: ClassVar[str] = "HE-AAC v2 (fdkaac)"
    object_type: ClassVar[int] = HE_AAC_V2
    limits: ClassVar[Mapping[int, tuple[float, float]]] = {2: (10.0, 64.0)}


def fdkaac_available() -> bool:
    """Return whether the command `fdkaac` is on the PATH; only encoding needs it."""
    return shutil.which(FDKAAC) is not None


def fdkaac_version() -> str:
    """Return the versions of the command and of its library, for provenance; empty without it.

    Raises:
        CodecError: If the command fails.
    """
    if not fdkaac_available():
        return ""
    file = _fdkaac(np.zeros((1, 4 * FRAME), np.float32), 24_000, HE_AAC, 24_000)
    with reading(file, "mp4", "AAC") as container:
        encoder = str(container.metadata.get("encoder", ""))
    return encoder.rsplit(",", 1)[0]  # without the bitrate


def _fdkaac(audio: FloatArray, rate: int, object_type: int, bit_rate: int) -> bytes:
    """Return the .m4a file that the command makes of audio `(C, N)`.

    Raises:
        CodecError: If the command is missing, fails, or does not come to an end.
    """
    command = shutil.which(FDKAAC)
    if command is None:
        raise CodecError(
            "HE-AAC is encoded by the command fdkaac, which is not on the PATH. Debian has it in "
            "its section contrib: enable contrib and non-free, then apt install fdkaac."
        )
    with tempfile.TemporaryDirectory(prefix="musiclib-") as folder:
        sound, file = Path(folder, "sound.wav"), Path(folder, "file.m4a")
        soundfile.write(sound, np.clip(audio.T, -1.0, 1.0), rate, subtype="PCM_16")
        arguments = [
            *(command, "--silent", "--profile", str(object_type), "--bitrate", str(bit_rate)),
            # An edit list that counts the delay of decoding the replicated band, too.
            *("--gapless-mode", "1", "--include-sbr-delay", "-o", str(file), str(sound)),
        ]
        time_limit_s = TIME_LIMIT_S + audio.shape[1] / rate
        try:
            done = subprocess.run(
                arguments,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=time_limit_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise CodecError(
                f"fdkaac did not finish within {time_limit_s:.0f} s. Code a shorter clip."
            ) from error
        except OSError as error:
            raise CodecError(f"{command} cannot be run ({error}). Install it again.") from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise CodecError(
                f"fdkaac refuses this audio ({said[-1] if said else done.returncode}). Choose "
                "another bitrate."
            )
        return file.read_bytes()


def _decoded(data: bytes) -> tuple[FloatArray, int]:
    """Decode any AAC file that FFmpeg knows to `(C, N)` and its rate."""
    decoders = frozenset({"aac"})
    if data[4:8] != b"ftyp":  # ADTS: nothing is declared, so nothing can be removed
        found = demux(data, "aac", decoders, "AAC")
        return found.audio, found.sample_rate
    found = demux(data, "mp4", decoders, "AAC")
    length = found.audio.shape[1]
    if found.declared is None or found.declared > length:
        raise BitstreamError(
            f"This AAC file is truncated: it declares {found.declared} samples and holds "
            f"{length}. Fetch or encode it again."
        )
    # FFmpeg removes the delay at the start; the padding of the last frame is left to us.
    audio = found.audio[:, : found.declared]
    if _declares_mono(found.extradata) and np.array_equal(audio[0], audio[-1]):
        audio = audio[:1]
    return audio, found.sample_rate


def _declares_mono(configuration: bytes) -> bool:
    """Return whether an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1) announces one channel.

    FFmpeg decodes HE-AAC of one channel to two, since parametric stereo may come unannounced.
    """
    bits = "".join(f"{byte:08b}" for byte in configuration)
    # Object type 29, or behind those of the core and of band replication a mark and a flag.
    parametric_stereo = bits[:5] == f"{HE_AAC_V2:05b}" or bits[37:49] == f"{0x548:011b}1"
    return bits[9:13] == "0001" and not parametric_stereo


# Opus by libopus in an Ogg file (RFC 6716, RFC 7845).

OPUS_KBPS = (5, 6, 8, 12, 16, 20, 24, 32, 48, 64, 96, 128, 160, 192, 256, 320, 384, 448, 510)
OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
OPUS_MAX_KBPS = {1: 256.0, 2: 510.0}
APPLICATIONS = ("audio", "lowdelay")
FRAME_MS = (10, 20, 40, 60)
MODES_TABLE = "opus_modes.csv"  # made by scripts/choose_opus_modes.py
PAGE_MICROSECONDS = 60_000_000  # pages as large as Ogg allows: 255 segments
HEADER_PACKETS = 2


class OpusMode(NamedTuple):
    """How a packet is coded (RFC 6716, table 2).

    SILK (linear prediction) is made for speech, CELT (MDCT) for music, `hybrid` is SILK below 8 kHz
    and CELT above. The bandwidth may exceed half the input's sampling rate.
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
    """

    application: str | None = None
    frame_ms: int | None = None

    name: ClassVar[str] = "opus"
    title: ClassVar[str] = "Opus"
    suffix: ClassVar[str] = ".opus"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.application is not None and self.application not in APPLICATIONS:
            raise CodecError(
                f"Opus: application must be one of {APPLICATIONS}, not {self.application!r}."
            )
        if self.frame_ms is not None and self.frame_ms not in FRAME_MS:
            raise CodecError(f"Opus: frame_ms must be one of {FRAME_MS}, not {self.frame_ms!r}.")

    @classmethod
    def supported_kbps(cls, sample_rate: int, channels: int) -> list[float]:  # noqa: ARG003
        """Return common bitrates in kbps within Opus's range; any between them will do."""
        return [float(kbps) for kbps in OPUS_KBPS if kbps <= OPUS_MAX_KBPS[channels]]

    def _encode(self, audio: FloatArray, sample_rate: int, tags: Mapping[str, str]) -> bytes:
        kbps = self.required_kbps()
        if not OPUS_KBPS[0] <= kbps <= OPUS_MAX_KBPS[audio.shape[0]]:
            raise self.refusal(sample_rate, audio.shape[0])
        rate = min((r for r in OPUS_RATES if r >= sample_rate), default=OPUS_RATES[-1])
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
                "vbr": "constrained",
                "frame_duration": str(frame_ms),
            },
            muxer_options={"page_duration": str(PAGE_MICROSECONDS)},
        )
        return mux(resample(audio, sample_rate, rate), rate, round(kbps * 1000), target, tags)

    def _decode(self, data: bytes) -> tuple[FloatArray, int]:
        check_ogg(data, "Opus")
        # FFmpeg's own decoder puts narrow-band SILK 6 samples of 48 kHz late, libopus 2. For all
        # else FFmpeg's is within half a sample and libopus 2 early.
        decoder = "libopus" if set(_modes(data)) == {_NARROW_SILK} else None
        found = demux(data, "ogg", frozenset({"opus", "libopus"}), "Opus", decoder)
        return found.audio, found.sample_rate


def opus_modes(data: bytes) -> Counter[OpusMode]:
    """Count an Opus file's packets by how the encoder chose to code them.

    Raises:
        BitstreamError: If the file is damaged or holds no audio.
    """
    check_ogg(data, "Opus")
    modes = _modes(data)
    if not modes:
        raise BitstreamError("This Opus file holds no audio packets. Encode it again.")
    return modes


def opus_bandwidth(data: bytes) -> int:
    """Return the audio bandwidth in Hz that most packets of an Opus file carry, 4000 to 20,000.

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
    rows = [row for row in _opus_table() if application in (None, row.application)]
    if application is None:
        rows = [row for row in rows if row.chosen]
    return min(rows, key=lambda row: abs(math.log(kbps / row.kbps)))


@functools.cache
def _opus_table() -> tuple[_Choice, ...]:
    text = resources.files("musiclib.codecs").joinpath(MODES_TABLE).read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(
        _Choice(
            float(row["kbps"]), row["application"], int(row["frame_ms"]), row["chosen"] == "yes"
        )
        for row in rows
    )


# Vorbis by libvorbis in an Ogg file, through libsndfile (PyAV's wheels have no libvorbis).

VORBIS_KBPS = (16, 24, 32, 48, 64, 80, 96, 128, 160, 192, 256, 320, 384, 480)
VORBIS_MAX_KBPS = 240.0
VORBIS_RATES = (*RATES, 96_000)
TOLERANCE = 0.01
MAX_TRIALS = 10


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
        return [float(kbps) for kbps in VORBIS_KBPS if kbps <= VORBIS_MAX_KBPS * channels]

    def _encode(self, audio: FloatArray, sample_rate: int, tags: Mapping[str, str]) -> bytes:
        wide = min((r for r in VORBIS_RATES if r >= sample_rate), default=VORBIS_RATES[-1])
        if self.quality is not None:
            return _file(resample(audio, sample_rate, wide), wide, self.quality, tags)
        kbps, channels = self.required_kbps(), audio.shape[0]
        if not VORBIS_KBPS[0] <= kbps <= VORBIS_MAX_KBPS * channels:
            raise self.refusal(sample_rate, channels)
        budget = kbps * 1000 / 8 * audio.shape[1] / sample_rate
        for rate in sorted((r for r in VORBIS_RATES if r <= wide), reverse=True):
            coded = resample(audio, sample_rate, rate)
            coarsest = _file(coded, rate, 0.0, tags)
            if len(coarsest) <= budget * (1 + TOLERANCE):
                return _search(coded, rate, budget, coarsest, tags)
        return coarsest

    def _decode(self, data: bytes) -> tuple[FloatArray, int]:
        # FFmpeg's Vorbis decoder can lose a block at the end; libvorbis keeps the exact length.
        check_ogg(data, "Vorbis")
        return read_sound(data, "Vorbis")


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
    kind = {"format": "OGG", "subtype": "VORBIS", "compression_level": 1.0 - quality}
    return with_serial(write_sound(audio, rate, tags, **kind))

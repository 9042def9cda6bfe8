"""AAC in MP4 files (.m4a): low complexity by FFmpeg's own encoder, high efficiency by `fdkaac`.

An MP4 file declares the encoder's delay and the true length in its edit list; a raw ADTS stream
cannot. MP4 costs about 760 bytes and 4 a frame, ADTS 7 a frame, so from 11 s on at 24 kHz the
honest format is also the smaller one.

HE-AAC codes the lower half of the band and describes the upper half (spectral band replication);
HE-AAC v2 codes one channel of two as well and describes the difference (parametric stereo). The
encoder is Fraunhofer's, by the command `fdkaac`. Its licence keeps it out of this package and of
many distributions; decoding needs FFmpeg alone.
"""

from __future__ import annotations

import io
import math
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import av
import numpy as np
import soundfile

from musiclib.audio import FloatArray
from musiclib.codecs.base import FileCodec, RateRule, to_coding_rate
from musiclib.codecs.container import Target, demux, mux, reading
from musiclib.errors import BitstreamError, CodecError

KBPS = (8, 12, 16, 24, 32, 48, 64, 96, 128, 160, 192, 256, 288, 320, 384, 512, 576)
RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
DECODERS = frozenset({"aac"})
MIN_KBPS_PER_CHANNEL = 8.0
FRAME = 1024
SIZE_ENTRY_BITS = 32  # the MP4 sample table holds each frame's size in 32 bits

# Measured on music at 24 kHz, mono: the encoder cannot go below 7.4 kbps at 8 kHz, 9.5 at 16 kHz
# and 12.5 at 24 kHz; at 20 kbps 12 kHz beats 16 and 24 kHz, from 28 kbps on 24 kHz is best.
LC_RULE = RateRule(RATES, ((10, 8_000), (20, 12_000), (24, 16_000), (32, 24_000), (48, 32_000)))

# fdkaac: MPEG-4 audio object types, and what it can be asked for, in kbps and Hz.
FDKAAC = "fdkaac"
HE_AAC, HE_AAC_V2 = 5, 29
FDK_KBPS = (10, 12, 16, 20, 24, 32, 40, 48, 64, 96, 128)
FDK_RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
# Measured on music at 24 kHz, mono, by Zimtohrli and the 2f-model: the core coder runs at half the
# rate of the file, so that even 24 kHz are better coded at 32 kHz, and from 32 kbps on at 44.1 kHz;
# 48 kHz are level with that, and rates below 24 kHz are worse throughout.
FDK_LOW_RATE, FDK_HIGH_RATE, FDK_LOW_RATE_UP_TO = 32_000, 44_100, 28.0
# Requests that it cannot meet it answers with some other bitrate, and without a word.
BITRATE_TOLERANCE = 0.15
RESERVOIR_BITS = 6144
TIME_LIMIT_S = 60.0


def max_kbps_per_channel(coding_rate: int) -> float:
    """Return AAC's highest bitrate of a channel in kbps: 6144 bits a frame (ISO/IEC 14496-3)."""
    return 6144 * coding_rate / FRAME / 1000


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
        coding_rate: Sampling rate inside the file in Hz; by default chosen from the input's rate
            and the bitrate (`LC_RULE`).
    """

    coding_rate: int | None = None

    name: ClassVar[str] = "aac"
    title: ClassVar[str] = "AAC-LC (FFmpeg)"
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
            rate = LC_RULE.choose(sample_rate, each, lambda r: each <= max_kbps_per_channel(r))
        if rate is None or not MIN_KBPS_PER_CHANNEL <= each <= max_kbps_per_channel(rate):
            raise self.refusal(self.coding_rate or sample_rate, audio.shape[0])
        table_bits = SIZE_ENTRY_BITS * rate / FRAME
        target = Target("aac", "ipod", muxer_options=_mp4_options(rate))
        bit_rate = round(each * audio.shape[0] * 1000 - table_bits)
        return mux(to_coding_rate(audio, sample_rate, rate), rate, bit_rate, target, tags)

    def _decode(self, data: bytes) -> tuple[FloatArray, int]:
        return _decoded(data)


@dataclass(frozen=True)
class FdkAacCodec(FileCodec):
    """What HE-AAC and HE-AAC v2 share: encoding by the command `fdkaac`, decoding by FFmpeg.

    Attributes:
        kbps: Target for frames and sample table together.
        coding_rate: Sampling rate inside the file in Hz, the core coder's is half of it; by default
            32 kHz up to 28 kbps for each channel that is coded, and 44.1 kHz above.
    """

    coding_rate: int | None = None

    suffix: ClassVar[str] = ".m4a"
    kind: ClassVar[str] = "aac"
    object_type: ClassVar[int]  # MPEG-4 audio object type, which fdkaac calls profile
    # Lowest and highest bitrate in kbps by number of channels. Asked for less, fdkaac gives more.
    limits: ClassVar[Mapping[int, tuple[float, float]]]
    # By how many samples FFmpeg's decoder is quicker than fdkaac reckons, to the nearest one:
    # measured on music as 1.2 for HE-AAC, and 0.5 for v2.
    quicker: ClassVar[int] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.coding_rate is not None and self.coding_rate not in FDK_RATES:
            raise CodecError(
                f"{self.title} has no sampling rate of {self.coding_rate} Hz here. "
                f"Use one of: {FDK_RATES}."
            )

    @classmethod
    def supported_kbps(cls, sample_rate: int, channels: int) -> list[float]:  # noqa: ARG003
        """Return common bitrates in kbps within the codec's range; any between them will do.

        There are none for a number of channels that it does not have.
        """
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
        rate = self.coding_rate or (FDK_LOW_RATE if few else FDK_HIGH_RATE)
        table_bits = SIZE_ENTRY_BITS * rate / (2 * FRAME)
        bit_rate = max(kbps * 1000 - table_bits, 1000 * low)
        coded = to_coding_rate(audio, sample_rate, rate)
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
                    f"{given / 1000:.1f}. Use another bitrate or coding_rate."
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
        coding_rate: As for :class:`FdkAacCodec`.
    """

    name: ClassVar[str] = "he-aac"
    title: ClassVar[str] = "HE-AAC (fdkaac)"
    object_type: ClassVar[int] = HE_AAC
    quicker: ClassVar[int] = 1
    limits: ClassVar[Mapping[int, tuple[float, float]]] = {1: (10.0, 96.0), 2: (16.0, 128.0)}


@dataclass(frozen=True)
class HeAacV2Codec(FdkAacCodec):
    """HE-AAC v2 (Fraunhofer's encoder by `fdkaac`) in an .m4a file; stereo only.

    Attributes:
        kbps: 10 to 64; made for 16 to 40.
        coding_rate: As for :class:`FdkAacCodec`.
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
        _run(arguments, TIME_LIMIT_S + audio.shape[1] / rate)
        return file.read_bytes()


def _run(arguments: Sequence[str], time_limit_s: float) -> None:
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
        raise CodecError(f"{arguments[0]} cannot be run ({error}). Install it again.") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise CodecError(
            f"fdkaac refuses this audio ({said[-1] if said else done.returncode}). Choose another "
            "bitrate or coding_rate."
        )


def _decoded(data: bytes) -> tuple[FloatArray, int]:
    """Decode any AAC file that FFmpeg knows to `(C, N)` and its rate."""
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

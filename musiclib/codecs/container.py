"""Files in memory: encoding, decoding and remuxing through FFmpeg (PyAV), and Ogg pages.

Ogg pages (RFC 3533) are read here as well, since FFmpeg neither notices that a file is cut off nor
leaves out its random serial number.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np
import soundfile
from av.container import InputContainer

from musiclib.audio import FloatArray
from musiclib.errors import BitstreamError, CodecError

LAYOUTS = {1: "mono", 2: "stereo"}

# A hostile file can make a few bytes stand for a second of silence. Decoding stops here.
MAX_DECODED_SECONDS = 3 * 3600.0


@dataclass(frozen=True)
class Target:
    """FFmpeg's names of an encoder and of the file format for its packets, with their options.

    Encoders want samples planar (`fltp`) or interleaved (`flt`).
    """

    encoder: str
    muxer: str
    sample_format: str = "fltp"
    encoder_options: Mapping[str, str] = field(default_factory=dict)
    muxer_options: Mapping[str, str] = field(default_factory=dict)


def mux(
    audio: FloatArray, sample_rate: int, bit_rate: int, target: Target, tags: Mapping[str, str]
) -> bytes:
    """Encode audio into a file in memory.

    FFmpeg runs in its bit-exact mode: no version strings, dates or random serial numbers, so that
    the same audio gives the same bytes and no byte is spent on what is not audio.

    Args:
        audio: `(C, N)`, one or two channels.
        sample_rate: Sampling rate in Hz that the encoder has.
        bit_rate: The encoder's target in bits a second.
        target: Encoder and file format.
        tags: Tags to store.

    Raises:
        CodecError: If the encoder refuses.
    """
    file = io.BytesIO()
    muxer_options = {"fflags": "+bitexact", **target.muxer_options}
    encoder_options = {"flags": "+bitexact", **target.encoder_options}
    try:
        with av.open(file, "w", format=target.muxer, options=muxer_options) as out:
            out.metadata.update(tags)
            stream = out.add_stream(target.encoder, rate=sample_rate, options=encoder_options)
            if not isinstance(stream, av.AudioStream):
                raise CodecError(f"{target.encoder} is not an audio encoder.")
            context = stream.codec_context
            context.layout = LAYOUTS[audio.shape[0]]
            context.format = target.sample_format
            context.bit_rate = bit_rate
            context.thread_count = 1
            context.open()
            for frame in _frames(audio, sample_rate, context.frame_size, target.sample_format):
                out.mux(stream.encode(frame))
            out.mux(stream.encode(None))
    except (av.FFmpegError, ValueError) as error:
        raise CodecError(
            f"FFmpeg's {target.encoder} cannot code {audio.shape[0]} channels at {sample_rate} Hz "
            f"and {bit_rate / 1000:g} kbps ({error}). Choose another bitrate."
        ) from error
    return file.getvalue()


def _frames(
    audio: FloatArray, sample_rate: int, size: int, sample_format: str
) -> Iterator[av.AudioFrame]:
    planar = sample_format.endswith("p")
    for start in range(0, audio.shape[1], size):
        block = audio[:, start : start + size]
        array = block if planar else block.T.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(array), format=sample_format, layout=LAYOUTS[audio.shape[0]]
        )
        frame.sample_rate = sample_rate
        frame.time_base = Fraction(1, sample_rate)
        frame.pts = start
        yield frame


@dataclass(frozen=True)
class Demuxed:
    """What a file decodes to: `(C, N)`, the declared delay at the start removed.

    `declared` is the length that the file declares or FFmpeg estimates, `extradata` the decoder's
    configuration.
    """

    audio: FloatArray
    sample_rate: int
    declared: int | None
    extradata: bytes


def demux(
    data: bytes, demuxer: str, decoders: frozenset[str], what: str, decoder: str | None = None
) -> Demuxed:
    """Decode a file in memory.

    The format is fixed by the caller and not guessed, so that hostile bytes cannot pass for a
    playlist that names other files.

    Args:
        data: The whole file.
        demuxer: FFmpeg's name of the file format.
        decoders: Names of the decoders that may be used.
        what: Name of the format for messages.
        decoder: FFmpeg's name of the decoder to use; its first choice by default.

    Raises:
        BitstreamError: If the file cannot be decoded to its end.
    """
    with reading(data, demuxer, what) as container:
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            raise BitstreamError(f"This {what} file holds no audio stream.")
        context = stream.codec_context
        # PyAV's types leave out that a codec unknown to FFmpeg has no context.
        if getattr(context, "name", None) is None:
            raise BitstreamError(f"This {what} file names no known codec: it is damaged.")
        if context.name not in decoders:
            raise BitstreamError(f"This {what} file holds {context.name}, which is not {what}.")
        rate, channels = int(context.sample_rate or 0), int(context.channels or 0)
        if rate <= 0 or channels not in LAYOUTS:
            raise BitstreamError(
                f"This {what} file declares {channels} channels at {rate} Hz: it is damaged, or "
                "not mono or stereo."
            )
        extradata = bytes(context.extradata or b"")
        declared = None
        if stream.duration is not None and stream.time_base is not None:
            declared = round(stream.duration * stream.time_base * rate)
        if decoder is not None:
            context = _decoder_like(context, decoder)
        context.thread_count = 1
        blocks: list[FloatArray] = []
        held = 0
        for packet in container.demux(stream):
            for frame in context.decode(packet):
                if frame.sample_rate != rate or frame.layout.nb_channels != channels:
                    raise BitstreamError(
                        f"This {what} file changes its sampling rate or channels midway: "
                        "it is damaged."
                    )
                block = frame.to_ndarray()
                if not frame.format.is_planar:
                    block = block.reshape(-1, channels).T
                held += block.shape[1]
                if held > MAX_DECODED_SECONDS * rate:
                    raise BitstreamError(
                        f"This {what} file decodes to more than {MAX_DECODED_SECONDS / 3600:g} "
                        "hours. Cut it into parts."
                    )
                blocks.append(block.astype(np.float32, copy=False))
    if not blocks:
        raise BitstreamError(f"This {what} file holds no samples: it is truncated or damaged.")
    return Demuxed(np.concatenate(blocks, axis=1), rate, declared, extradata)


def _decoder_like(context: av.AudioCodecContext, name: str) -> av.AudioCodecContext:
    """Another decoder for the same stream, putting out floating point."""
    other = av.CodecContext.create(name, "r")
    if not isinstance(other, av.AudioCodecContext):
        raise CodecError(f"{name} is not an audio decoder.")
    other.extradata = context.extradata
    other.sample_rate = context.sample_rate
    other.layout = context.layout.name
    other.options = {"request_sample_fmt": "flt"}
    return other


# Tags that libsndfile writes, in the order of the file.
TAGS = ("title", "artist", "album", "date", "genre", "comment", "copyright")
BLOCK = 1 << 16


def write_sound(
    audio: np.ndarray, sample_rate: int, tags: Mapping[str, str], **options: Any
) -> bytes:
    """Return the file that libsndfile makes of audio `(C, N)`, with options of `SoundFile`."""
    memory = io.BytesIO()
    with soundfile.SoundFile(
        memory, "w", samplerate=sample_rate, channels=len(audio), **options
    ) as file:
        for name in TAGS:
            if name in tags:
                setattr(file, name, tags[name])
        # libsndfile overflows its stack when a whole song is written to Ogg in one call.
        for start in range(0, audio.shape[1], BLOCK):
            file.write(audio[:, start : start + BLOCK].T)
    return memory.getvalue()


def read_sound(data: bytes, what: str) -> tuple[FloatArray, int]:
    """Decode a file through libsndfile to samples `(C, N)` and a rate in Hz.

    Raises:
        BitstreamError: If the file cannot be decoded to its end, or lasts over three hours.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            declared, rate = int(file.frames), int(file.samplerate)
            if rate <= 0 or declared > MAX_DECODED_SECONDS * max(rate, 48_000):
                raise BitstreamError(
                    f"This {what} file declares {declared} samples at {rate} Hz: it is damaged, or "
                    f"lasts more than {MAX_DECODED_SECONDS / 3600:g} hours. Cut it into parts."
                )
            audio = file.read(dtype="float32", always_2d=True).T
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise BitstreamError(
            f"This {what} file cannot be decoded ({error}): it is damaged."
        ) from error
    if audio.shape[1] != declared:
        raise BitstreamError(
            f"This {what} file is damaged: {audio.shape[1]} of {declared} samples decode."
        )
    return np.ascontiguousarray(audio), rate


def packet_bytes(data: bytes) -> int:
    """Return how many of a file's bytes are coded audio; the others are headers, tags, tables.

    Raises:
        BitstreamError: If the file cannot be read to its end.
    """
    with reading(data, None, "audio") as container:
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            raise BitstreamError("This file holds no audio stream.")
        return sum(packet.size for packet in container.demux(stream))


def container_name(data: bytes) -> str:
    """Return FFmpeg's name of a file's format, for example `ogg`.

    Raises:
        BitstreamError: If FFmpeg does not know it.
    """
    with reading(data, None, "audio") as container:
        return str(container.format.name)


@contextmanager
def reading(data: bytes, demuxer: str | None, what: str) -> Iterator[InputContainer]:
    """Open a file in memory; what FFmpeg says of it on the way becomes a `BitstreamError`."""
    try:
        # Bytes that pass for a playlist must not make FFmpeg open what they name.
        options = {"protocol_whitelist": "none"}
        with av.open(
            io.BytesIO(data), "r", format=demuxer, metadata_errors="ignore", options=options
        ) as container:
            yield container
    except (av.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BitstreamError(
            f"This {what} file cannot be decoded ({reason}): it is truncated or damaged."
        ) from error


HEADER = struct.Struct("<4sBBqIIIB")
LAST_PAGE = 0x04
SERIAL_AT = 14
CHECKSUM_AT = 22
BIT_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True)
class Page:
    """Where a page lies in a file, and what its header says."""

    start: int
    end: int
    flags: int
    serial: int
    number: int
    checksum: int


def pages(data: bytes, what: str = "Ogg") -> Iterator[Page]:
    """Yield the pages of a file in order.

    Raises:
        BitstreamError: At bytes that are not a whole page.
    """
    start = 0
    while start < len(data):
        if len(data) - start < HEADER.size:
            raise BitstreamError(f"This {what} file is truncated in a page header at byte {start}.")
        mark, version, flags, _, serial, number, checksum, count = HEADER.unpack_from(data, start)
        if mark != b"OggS" or version != 0:
            raise BitstreamError(f"This {what} file is damaged: no Ogg page at byte {start}.")
        body = start + HEADER.size + count
        end = body + sum(data[start + HEADER.size : body])
        if end > len(data):
            raise BitstreamError(
                f"This {what} file is truncated: its page at byte {start} ends at {end}, "
                f"the file at {len(data)}."
            )
        yield Page(start, end, flags, serial, number, checksum)
        start = end


def page_checksum(page: bytes) -> int:
    """Return the CRC-32 of a page, its own checksum field taken as zero.

    Ogg feeds bits highest first with start value and final XOR of zero. zlib feeds them lowest
    first with both at 2^32 - 1, so bytes and result are mirrored here and the ones undone.
    """
    blank = page[:CHECKSUM_AT] + bytes(4) + page[CHECKSUM_AT + 4 :]
    mirrored = zlib.crc32(blank.translate(BIT_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def check_ogg(data: bytes, what: str) -> None:
    """Check that a file is one whole, undamaged Ogg stream.

    Raises:
        BitstreamError: If it is truncated, damaged, or holds several streams.
    """
    last = None
    for expected, page in enumerate(pages(data, what)):
        if page_checksum(data[page.start : page.end]) != page.checksum:
            raise BitstreamError(
                f"This {what} file is damaged: the checksum of its page at byte {page.start} "
                "is wrong. Fetch or encode it again."
            )
        if last is not None and page.serial != last.serial:
            raise BitstreamError(f"This {what} file holds several streams. Split it first.")
        if page.number != expected:
            raise BitstreamError(
                f"This {what} file is damaged: page {expected} is missing at byte {page.start}."
            )
        last = page
    if last is None or not last.flags & LAST_PAGE:
        raise BitstreamError(
            f"This {what} file is truncated: its last page is missing. Fetch or encode it again."
        )


def packet_first_bytes(data: bytes) -> Iterator[int]:
    """Yield the first byte of every packet of a file that is not empty."""
    continued = False
    for page in pages(data):
        count = data[page.start + HEADER.size - 1]
        lengths = data[page.start + HEADER.size : page.start + HEADER.size + count]
        at = page.start + HEADER.size + count
        for length in lengths:
            if length and not continued:
                yield data[at]
            continued = length == 255  # a packet goes on while its segments are full
            at += length


def with_serial(data: bytes, serial: int = 0) -> bytes:
    """Return an Ogg file with another stream serial number and checksums to match.

    Encoders draw the number at random; a fixed one makes encoding deterministic.
    """
    result = bytearray(data)
    for page in pages(data):
        struct.pack_into("<I", result, page.start + SERIAL_AT, serial)
        checksum = page_checksum(bytes(result[page.start : page.end]))
        struct.pack_into("<I", result, page.start + CHECKSUM_AT, checksum)
    return bytes(result)

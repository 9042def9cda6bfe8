"""The Xing/LAME header of an MP3 file: its declared length, delay and padding."""

from __future__ import annotations

from dataclasses import dataclass

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

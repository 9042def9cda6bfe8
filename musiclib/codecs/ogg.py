"""Ogg pages (RFC 3533): checking that a file is whole, and fixing its serial number."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from musiclib.errors import BitstreamError

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

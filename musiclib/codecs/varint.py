"""Whole numbers of any size in few bytes: seven bits a byte, the lowest first."""

from __future__ import annotations

from musiclib.errors import BitstreamError

MAX_BYTES = 5
LARGEST = 2 ** (7 * MAX_BYTES) - 1


def to_varint(value: int) -> bytes:
    """Return the bytes of a number from 0 to 2^35 - 1."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def read_varint(data: bytes, at: int, suffix: str = ".mla") -> tuple[int, int]:
    """Return the number that starts at `at`, and where it ends.

    Args:
        data: Where to read.
        at: First byte of the number.
        suffix: What the message calls the file.

    Raises:
        BitstreamError: It does not end.
    """
    value = 0
    for place, byte in enumerate(data[at : at + MAX_BYTES]):
        value |= (byte & 127) << 7 * place
        if byte < 128:
            return value, at + place + 1
    raise BitstreamError(
        f"This {suffix} file is damaged: a number does not end. Fetch or encode it again."
    )

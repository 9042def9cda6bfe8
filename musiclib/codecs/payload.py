"""How many bytes of a file are coded audio, and how many are its wrapping."""

from __future__ import annotations

from musiclib.codecs.container import packet_bytes
from musiclib.codecs.identify import LATENT_MAGIC, MELIC_MAGIC


def payload_bytes(data: bytes) -> int:
    """Return how many bytes of a file code audio; headers, tags, tables and checksums do not.

    Args:
        data: A whole file of any codec of `musiclib`.

    Raises:
        BitstreamError: If the file is foreign, truncated or damaged.
    """
    if data.startswith(LATENT_MAGIC):
        from musiclib.codecs.latent.bitstream import unpack

        return sum(map(len, unpack(data).payloads))
    if data.startswith(MELIC_MAGIC):
        from musiclib.codecs.melic import describe

        return describe(data).contents.payload_bytes
    return packet_bytes(data)

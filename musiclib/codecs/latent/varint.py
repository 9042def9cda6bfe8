"""Whole numbers of both signs in few bytes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from musiclib.codecs.latent.tables import IntArray
from musiclib.codecs.varint import MAX_BYTES, read_varint, to_varint


def to_signed_varints(values: Iterable[int]) -> bytes:
    """Return the bytes of numbers of both signs; the sign is the lowest bit."""
    return b"".join(to_varint(2 * v if v >= 0 else -2 * v - 1) for v in values)


def signed_varint_length(size: IntArray) -> IntArray:
    """Return how many bytes `to_signed_varints` needs for each size, or one more."""
    return 1 + np.searchsorted(64 * 128 ** np.arange(MAX_BYTES), size, side="right")


def read_signed_varints(data: bytes, at: int, count: int) -> tuple[IntArray, int]:
    """Return `count` numbers that start at `at`, and where they end.

    Raises:
        BitstreamError: There are fewer.
    """
    found = np.empty(min(count, len(data)), dtype=np.int64)
    for place in range(count):
        value, at = read_varint(data, at)  # ends with the data, however large the count is
        found[place] = value >> 1 ^ -(value & 1)
    return found, at

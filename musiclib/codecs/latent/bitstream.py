"""The file format `.mla`: a header of about 25 bytes, a payload for each channel, a checksum.

| bytes | what |
|---|---|
| 3 | `MLA` |
| 1 | version |
| 8 | start of the checkpoint's SHA-256 |
| 1 | number of channels, 1 or 2 |
| 1 | step k, signed: the quantiser's step is 2^(k/4) |
| 1 to 5 | number of samples at the model's rate, seven bits a byte, the lowest first |
| 2 a channel | level: gain in 1/100 dB above -100 dB, little-endian; 65535 for silence |
| 1 to 5 a channel | length of the payload |
| ... | payloads |
| 4 | CRC-32 of everything before |
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from musiclib.codecs.base import LATENT_MAGIC, MAX_CHANNELS, read_varint, to_varint
from musiclib.errors import BitstreamError

VERSION = 1
ID_BYTES = 8
MIN_STEP, MAX_STEP = -64, 63
SILENT = 2**16 - 1
_FIXED = struct.Struct(f"<3sB{ID_BYTES}sBb")
_LEVEL = struct.Struct("<H")
_CHECKSUM = struct.Struct("<I")
_LOWEST_DB, _PER_DB = -100, 100


@dataclass(frozen=True)
class Contents:
    """What a file holds; see the table above. `levels` and `payloads` are of each channel."""

    model_id: bytes
    n_samples: int
    step: int
    levels: tuple[int, ...]
    payloads: tuple[bytes, ...]


def to_level(gain_db: float) -> int:
    """Return the code of a gain in dB, which a decoder divides by.

    Raises:
        BitstreamError: It is far outside what audio needs.
    """
    code = round((gain_db - _LOWEST_DB) * _PER_DB)
    if not 0 <= code < SILENT:
        raise BitstreamError(f"a gain of {gain_db:g} dB has no code")
    return code


def from_level(code: int) -> float:
    """Return the gain, a factor, of a code that is not `SILENT`."""
    decibels = code / _PER_DB + _LOWEST_DB
    return float(10.0 ** (decibels / 20.0))


def pack(stream: Contents) -> bytes:
    """Return the bytes of a file."""
    parts = [
        _FIXED.pack(LATENT_MAGIC, VERSION, stream.model_id, len(stream.levels), stream.step),
        to_varint(stream.n_samples),
    ]
    for level, payload in zip(stream.levels, stream.payloads, strict=True):
        parts += [_LEVEL.pack(level), to_varint(len(payload))]
    body = b"".join([*parts, *stream.payloads])
    return body + _CHECKSUM.pack(zlib.crc32(body))


def unpack(data: bytes) -> Contents:
    """Read a file, and check all that can be checked without the model.

    Raises:
        BitstreamError: It is foreign, truncated, damaged or of a later version.
    """
    if not data.startswith(LATENT_MAGIC):
        raise BitstreamError(
            f"These bytes (first ones: {data[:4].hex(' ')}) are no .mla file. Check its name."
        )
    if len(data) > len(LATENT_MAGIC) and data[len(LATENT_MAGIC)] > VERSION:
        raise BitstreamError(
            f"This .mla file has version {data[len(LATENT_MAGIC)]}; this musiclib reads version "
            f"{VERSION}. Update musiclib."
        )
    body = data[: -_CHECKSUM.size]
    if len(body) < _FIXED.size or _CHECKSUM.pack(zlib.crc32(body)) != data[-_CHECKSUM.size :]:
        raise BitstreamError(
            "This .mla file is truncated or damaged: wrong checksum. Fetch or encode it again."
        )
    _, version, model_id, channels, step = _FIXED.unpack_from(body)
    if not (version == VERSION and 1 <= channels <= MAX_CHANNELS and MIN_STEP <= step <= MAX_STEP):
        raise _senseless(f"version {version}, {channels} channels, step {step}")
    n_samples, at = read_varint(body, _FIXED.size)
    levels, lengths = [], []
    for _ in range(channels):
        if at + _LEVEL.size > len(body):
            raise _senseless("a header that is cut off")
        levels.append(_LEVEL.unpack_from(body, at)[0])
        length, at = read_varint(body, at + _LEVEL.size)
        lengths.append(length)
    if n_samples < 1 or sum(lengths) != len(body) - at:
        raise _senseless(f"{n_samples} samples, payloads of {sum(lengths)} bytes")
    payloads = []
    for level, length in zip(levels, lengths, strict=True):
        if (level == SILENT) != (length == 0):
            raise _senseless("silence with a payload, or sound without")
        payloads.append(body[at : at + length])
        at += length
    return Contents(model_id, n_samples, step, tuple(levels), tuple(payloads))


def _senseless(what: str) -> BitstreamError:
    return BitstreamError(f"This .mla file makes no sense: {what}. Encode it again.")

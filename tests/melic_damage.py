"""Damaged `.mlc` files, seeded."""

import io
from dataclasses import replace

import numpy as np

from musiclib.codecs.melic.bitstream import Reader, Writer

KINDS = ("flip", "burst", "cut off", "cut out", "splice", "noise", "length", "repaired")


def damaged(kind: str, streams: list[bytes], rng: np.random.Generator) -> bytes:
    """A damaged copy of one of some files.

    `repaired` is hostile: a payload is changed and all checksums are made to fit.
    """
    data = bytearray(streams[int(rng.integers(len(streams)))])
    at = int(rng.integers(len(data)))
    if kind == "flip":
        for where in rng.integers(0, len(data), int(rng.integers(1, 6))):
            data[where] ^= 1 << int(rng.integers(8))
    elif kind == "burst":
        data[at : at + 16] = rng.bytes(int(rng.integers(1, 33)))
    elif kind == "cut off":
        del data[at:]
    elif kind == "cut out":
        del data[at : at + int(rng.integers(1, 200))]
    elif kind == "splice":
        other = streams[int(rng.integers(len(streams)))]
        start = int(rng.integers(len(other)))
        data[at : at + int(rng.integers(200))] = other[start : start + int(rng.integers(1, 500))]
    elif kind == "noise":
        kept = int(rng.integers(0, 16))
        data[kept:] = rng.bytes(int(rng.integers(1, 3000)))
    elif kind == "length":  # samples, rate, tags and payloads lie about their size
        place = int(rng.integers(9, 16)) if rng.random() < 0.7 else at
        data[place : place + 1] = b"\xff" * int(rng.integers(1, 5)) + rng.bytes(1)
    else:
        return repaired(bytes(data), rng)
    return bytes(data)


def repaired(data: bytes, rng: np.random.Generator) -> bytes:
    """Another payload, gain or length of a file, with checksums that fit."""
    reader = Reader(io.BytesIO(data))
    header, blocks = reader.header, list(reader)
    number = int(rng.integers(len(blocks)))
    block = blocks[number]
    payload = bytearray(block.payload)
    what = int(rng.integers(5))
    if what == 0:
        payload[int(rng.integers(len(payload)))] ^= 1 << int(rng.integers(8))
    elif what == 1:
        payload = bytearray(rng.bytes(int(rng.integers(0, 2000))))
    elif what == 2:
        del payload[int(rng.integers(len(payload))) :]
    elif what == 3:
        block = replace(block, gain=int(rng.integers(256)))
    else:
        n_samples = max(1, header.n_samples + int(rng.integers(-3000, 3000)))
        header = replace(header, n_samples=n_samples)
    blocks[number] = replace(block, payload=bytes(payload))
    file = io.BytesIO()
    writer = Writer(file, header)
    for block in blocks:
        writer.write(block)
    return file.getvalue()

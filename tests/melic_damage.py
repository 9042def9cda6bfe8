"""Damaged `.mlc` files, seeded."""

import zlib

import numpy as np

from musiclib.codecs.melic.bitstream import Block, Header, Reader, block_head

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
    import io

    reader = Reader(io.BytesIO(data))
    header, blocks = reader.header, list(reader)
    number = int(rng.integers(len(blocks)))
    block = blocks[number]
    payload = bytearray(block.payload)
    gain, n_samples = block.gain, header.n_samples
    what = int(rng.integers(5))
    if what == 0:
        payload[int(rng.integers(len(payload)))] ^= 1 << int(rng.integers(8))
    elif what == 1:
        payload = bytearray(rng.bytes(int(rng.integers(0, 2000))))
    elif what == 2:
        del payload[int(rng.integers(len(payload))) :]
    elif what == 3:
        gain = int(rng.integers(256))
    else:
        n_samples = max(1, n_samples + int(rng.integers(-3000, 3000)))
    blocks[number] = Block(gain, block.angle, bytes(payload))
    changed = Header(
        header.model,
        header.sample_rate,
        n_samples,
        header.channels,
        header.coded_channels,
        header.restored,
        header.tags,
    )
    return joined(changed, blocks)


def joined(header: Header, blocks: list[Block]) -> bytes:
    """A file of these blocks, however many the header wants."""
    out = header.pack()
    checksum, last = zlib.crc32(out), None
    for block in blocks:
        part = block_head(block, last, header.channels == 2) + block.payload
        checksum = zlib.crc32(part, checksum)
        last = block.gain, block.angle
        out += part + (checksum & 0xFFFF).to_bytes(2, "little")
    return out

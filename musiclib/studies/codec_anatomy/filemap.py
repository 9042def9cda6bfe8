"""What lies where in a file of the codec, and what becomes of damage."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from musiclib.codecs.melic.bitstream import MODEL_BYTES, Reader, block_head
from musiclib.codecs.melic.entropy.coder import PARTS
from musiclib.errors import BitstreamError
from musiclib.studies.codec_anatomy.material import Coded

HEADER, BLOCK_HEADS, CHECKSUMS = "header", "block heads", "checksums"
_CHECKSUM_BYTES = 2


@dataclass(frozen=True)
class Piece:
    """Neighbouring bytes of a file with one purpose.

    Attributes:
        kind: `header`, `block heads`, `payload` or `checksums`.
        start: First byte.
        size: Bytes.
        words: What they say.
    """

    kind: str
    start: int
    size: int
    words: str


def pieces(data: bytes) -> list[Piece]:
    """Cut a mono file without tags into what its format describes.

    Args:
        data: The file.

    Returns:
        Pieces without gaps, in order; their sizes add up to that of the file.
    """
    reader = Reader(io.BytesIO(data))
    header = reader.header
    packed = len(header.pack())
    rest = packed - 5 - MODEL_BYTES - 1
    found: list[Piece] = []

    def add(kind: str, size: int, words: str) -> None:
        start = found[-1].start + found[-1].size if found else 0
        found.append(Piece(kind, start, size, words))

    add(HEADER, 3, "MLC")
    add(HEADER, 1, f"version {data[3]}")
    add(HEADER, 1, "flags")
    add(HEADER, MODEL_BYTES, f"model {header.model.hex()}")
    add(HEADER, 1, f"{header.sample_rate:,} Hz")
    add(HEADER, rest, f"{header.n_samples:,} samples")
    last: tuple[int, int] | None = None
    for number, block in enumerate(reader):
        head = len(block_head(block, last, stereo=False))
        last = block.gain, block.angle
        add(BLOCK_HEADS, head, f"block {number + 1}: length, gain {block.gain}")
        add("payload", len(block.payload), f"block {number + 1}: {header.frames_of(number)} frames")
        add(CHECKSUMS, _CHECKSUM_BYTES, f"checksum of block {number + 1}")
    return found


def shares(file: Coded) -> pd.Series:
    """Bytes of a file by purpose. What the entropy coder rounds up counts with the block heads.

    Args:
        file: An opened file.

    Returns:
        Bytes by name: header, block heads, the parts of the payloads (fractions of a byte are
        possible: an arithmetic coder lets numbers share one), checksums. They add up to the size.
    """
    cut = pieces(file.data)
    size = {kind: sum(p.size for p in cut if p.kind == kind) for kind in {p.kind for p in cut}}
    parts = {part: file.bits[part] / 8.0 for part in PARTS}
    rounding = size["payload"] - sum(parts.values())
    return pd.Series(
        {
            HEADER: size[HEADER],
            BLOCK_HEADS: size[BLOCK_HEADS],
            **parts,
            "rounding": rounding,
            CHECKSUMS: size[CHECKSUMS],
        },
        dtype=float,
    )


def file_map(data: bytes) -> pd.DataFrame:
    """The pieces as a table: `kind`, `start`, `size`, `words`."""
    return pd.DataFrame([vars(piece) for piece in pieces(data)])


@dataclass(frozen=True)
class Damage:
    """What became of damaged copies of a file.

    Attributes:
        tried: Copies.
        noticed: How many were refused.
        messages: Some of the refusals, each kind of damage once.
    """

    tried: int
    noticed: int
    messages: dict[str, str]


def damage(data: bytes, count: int, seed: int = 0) -> Damage:
    """Damage copies of a file in several ways and try to open each.

    Half of the copies have one bit turned, a quarter a run of up to 64 bytes replaced, and a
    quarter ends too early.

    Args:
        data: A sound file of the codec.
        count: Copies.
        seed: Of the damage.
    """
    random = np.random.default_rng(seed)
    refused, messages = 0, dict[str, str]()
    for number in range(count):
        copy = bytearray(data)
        place = int(random.integers(len(data)))
        if number % 4 < 2:
            name = "one bit turned"
            copy[place] ^= 1 << int(random.integers(8))
        elif number % 4 == 2:
            name = "a run replaced"
            length = min(int(random.integers(2, 65)), len(data) - place)
            copy[place : place + length] = random.bytes(length)
            copy[place] = data[place] ^ 0x55
        else:
            name = "cut short"
            del copy[place:]
        message = refusal(bytes(copy))
        if message is not None:
            refused += 1
            messages.setdefault(name, message)
    return Damage(count, refused, messages)


def refusal(data: bytes) -> str | None:
    """Why a file is refused before anything is decoded; None if it is not."""
    try:
        Reader(io.BytesIO(data)).check()
    except BitstreamError as error:
        return str(error)
    return None


def shortest_message(found: Damage) -> str:
    """The shortest of the refusals, nothing if there was none."""
    return min(found.messages.values(), key=len, default="")


def blocks_lost(data: bytes, lost: Iterable[int]) -> bytes:
    """A copy of a mono file from which whole blocks were left out."""
    reader = Reader(io.BytesIO(data))
    gone = set(lost)
    kept = io.BytesIO()
    cut = pieces(data)
    groups = [cut[i : i + 3] for i in range(6, len(cut), 3)]
    kept.write(data[: sum(p.size for p in cut if p.kind == HEADER)])
    for number, group in enumerate(groups):
        if number not in gone:
            kept.write(data[group[0].start : group[-1].start + group[-1].size])
    assert reader.header.n_blocks == len(groups)
    return kept.getvalue()

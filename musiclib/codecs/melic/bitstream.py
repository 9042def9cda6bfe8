"""The file format `.mlc`: a header of about 13 bytes, then blocks of 1,024 frames, 10.9 s each.

| bytes | what |
|---|---|
| 3 | `MLC` |
| 1 | version |
| 1 | flags: 1 two channels, 2 both are coded, 4 restored by the network, 8 tags |
| 2, 2 | start of the SHA-256 of the tables, and of the network (0 without) |
| 1 | sampling rate of the source: its place in a list, or 0 and 1 to 5 bytes |
| 1 to 5 | samples of a channel at that rate, seven bits a byte, the lowest first |
| | with tags: 1 to 5 bytes for their length, and tags |
| | for each block: |
| 1 to 5 | twice the length of its payload, plus 1 where gain and angle follow |
| 0 or 1 | gain; otherwise that of the block before |
| 0 or 1 | stereo: angle of the rotation in 256ths of half a turn |
| ... | payload |
| 2 | lower half of the CRC-32 of everything before, checksums left out |

The checksum of a block covers the header and all blocks before it too, so blocks that are lost,
repeated or of another file do not go unnoticed.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from musiclib.audio import HOUSE_RATE, resampled_length
from musiclib.codecs.base import LARGEST, MELIC_MAGIC, read_varint, to_varint
from musiclib.codecs.base import MAX_BYTES as VARINT_BYTES
from musiclib.errors import BitstreamError
from musiclib.mdct import frame_count

VERSION = 1
MODEL_BYTES = 4
BLOCK_FRAMES = 1024
ANGLES = 256
LARGEST_GAIN = 255  # a byte
RATES = (
    *(24_000, 8_000, 11_025, 12_000, 16_000, 22_050, 32_000, 44_100, 48_000),
    *(88_200, 96_000, 176_400, 192_000),
)
MAX_PAYLOAD = 1 << 22  # more than 1,024 frames of two channels take at the finest setting
MAX_TAGS = 1 << 16
STEREO, BOTH_CODED, RESTORED, TAGGED = 1, 2, 4, 8
_FIXED = struct.Struct(f"<3sBB{MODEL_BYTES}s")
_CHECKSUM = struct.Struct("<H")
_AGAIN = "Fetch or encode it again."


@dataclass(frozen=True)
class Header:
    """What a file says before its first block.

    Attributes:
        model: First bytes of the SHA-256 of tables and network.
        sample_rate: Of the source, in Hz.
        n_samples: Samples of a channel at that rate.
        channels: 1 or 2.
        coded_channels: Less than `channels` where both are copies of one but for their gains.
        restored: Whether the network works on what was decoded.
        tags: Title and the like.
    """

    model: bytes
    sample_rate: int
    n_samples: int
    channels: int
    coded_channels: int
    restored: bool
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.n_samples / self.sample_rate

    @property
    def n_decoded(self) -> int:
        """Samples of a channel at the house rate."""
        return resampled_length(self.n_samples, self.sample_rate, HOUSE_RATE)

    @property
    def n_frames(self) -> int:
        """Frames of the transform."""
        return frame_count(self.n_decoded)

    @property
    def n_blocks(self) -> int:
        """Blocks that follow the header."""
        return -(-self.n_frames // BLOCK_FRAMES)

    def frames_of(self, block: int) -> int:
        """Frames of a block: 1,024, or fewer for the last one."""
        return min(BLOCK_FRAMES, self.n_frames - block * BLOCK_FRAMES)

    def pack(self) -> bytes:
        """Return the bytes of the header."""
        tags = pack_tags(self.tags)
        flags = STEREO * (self.channels == 2) | BOTH_CODED * (self.coded_channels == 2)
        flags |= RESTORED * self.restored | TAGGED * bool(tags)
        place = RATES.index(self.sample_rate) + 1 if self.sample_rate in RATES else 0
        rate = bytes([place]) if place else b"\0" + to_varint(self.sample_rate)
        fixed = _FIXED.pack(MELIC_MAGIC, VERSION, flags, self.model)
        return b"".join(
            [fixed, rate, to_varint(self.n_samples), to_varint(len(tags)) if tags else b"", tags]
        )


@dataclass(frozen=True)
class Block:
    """A block: global step, rotation of the channels (0 for mono), the entropy coder's bytes."""

    gain: int
    angle: int
    payload: bytes


@dataclass(frozen=True)
class Description:
    """What a file says of itself.

    Attributes:
        header: Rate, length, channels, model and tags.
        n_bytes: Size of the whole file.
        payload_bytes: What the entropy coder wrote.
        gains: Finest and coarsest global step of its blocks.
    """

    header: Header
    n_bytes: int
    payload_bytes: int
    gains: tuple[int, int]


class Writer:
    """Writes a file block by block."""

    def __init__(self, file: BinaryIO, header: Header) -> None:
        self._file = file
        self._stereo = header.channels == 2
        self._last: tuple[int, int] | None = None
        head = header.pack()
        self._checksum = zlib.crc32(head)
        self.n_bytes = file.write(head)

    def write(self, block: Block) -> None:
        """Append a block."""
        data = block_head(block, self._last, self._stereo) + block.payload
        self._checksum = zlib.crc32(data, self._checksum)
        self._last = block.gain, block.angle
        self.n_bytes += self._file.write(data + _CHECKSUM.pack(self._checksum & 0xFFFF))


def block_head(block: Block, last: tuple[int, int] | None, stereo: bool) -> bytes:
    """Return what precedes a payload, from gain and angle of the block before."""
    changed = last != (block.gain, block.angle)
    setting = bytes([block.gain, block.angle] if stereo else [block.gain])
    return to_varint(2 * len(block.payload) + changed) + (setting if changed else b"")


def block_size(block: Block, last: tuple[int, int] | None, stereo: bool) -> int:
    """Return the bytes that a block takes in the file, its checksum included."""
    return len(block_head(block, last, stereo)) + len(block.payload) + _CHECKSUM.size


class Reader:
    """Reads a file block by block, and holds one at a time.

    Raises:
        BitstreamError: From any method: the file is foreign, truncated, damaged or of a later
            version. Everything that can be told without the model is told by `check`.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = file.seek(0, io.SEEK_END)
        file.seek(0)
        self._checksum = 0
        self.header = self._read_header()
        self._start = file.tell(), self._left, self._checksum

    @property
    def n_bytes(self) -> int:
        """Size of the file."""
        return self._start[0] + self._start[1]

    def _rewind(self) -> None:
        self._file.seek(self._start[0])
        _, self._left, self._checksum = self._start

    def check(self) -> Description:
        """Check every block and what follows the last, and go back to the first block."""
        self._rewind()
        payload, gains = 0, set[int]()
        for block in self:
            payload += len(block.payload)
            gains.add(block.gain)
        self._rewind()
        return Description(self.header, self.n_bytes, payload, (min(gains), max(gains)))

    def __iter__(self) -> Reader:
        self._number = 0
        self._last: tuple[int, int] | None = None
        return self

    def __next__(self) -> Block:
        header = self.header
        if self._number == header.n_blocks:
            if self._left:
                raise BitstreamError(
                    f"This .mlc file is damaged: {self._left} bytes follow its end. {_AGAIN}"
                )
            raise StopIteration
        self._number += 1
        where = f"in block {self._number} of {header.n_blocks}"
        code = self._varint(where)
        if code >> 1 > min(MAX_PAYLOAD, max(0, self._left - _CHECKSUM.size)):
            raise self._cut_off(where)
        if code & 1:
            gain, *angles = self._take(header.channels, where)
            self._last = gain, angles[0] if angles else 0
        payload = self._take(code >> 1, where)
        wanted = self._checksum & 0xFFFF
        if _CHECKSUM.unpack(self._raw(_CHECKSUM.size, where))[0] != wanted:
            raise BitstreamError(
                f"This .mlc file is damaged: the checksum of block {self._number} of "
                f"{header.n_blocks} is wrong. {_AGAIN}"
            )
        if self._last is None:
            raise BitstreamError(f"This .mlc file makes no sense {where}. Encode it again.")
        return Block(*self._last, payload)

    def _read_header(self) -> Header:
        start = self._raw(min(self._left, _FIXED.size), "in its header")
        if not start.startswith(MELIC_MAGIC):
            raise BitstreamError(
                f"These bytes (first ones: {start[:4].hex(' ')}) are no .mlc file. Check its name."
            )
        if len(start) > 3 and start[3] != VERSION:
            raise BitstreamError(
                f"This .mlc file has version {start[3]}; this musiclib reads version {VERSION}. "
                "Update musiclib, or fetch the file again."
            )
        if len(start) < _FIXED.size:
            raise self._cut_off("in its header")
        self._checksum = zlib.crc32(start)
        _, _, flags, model = _FIXED.unpack(start)
        place = self._take(1, "in its header")[0]
        rate = RATES[place - 1] if 0 < place <= len(RATES) else 0
        rate = rate if place else self._varint("in its header")
        n_samples = self._varint("in its header")
        tags: dict[str, str] = {}
        if flags & TAGGED:
            length = self._varint("in its tags")
            if length > min(MAX_TAGS, self._left):
                raise self._cut_off("in its tags")
            tags = unpack_tags(self._take(length, "in its tags"))
        channels, coded = 1 + bool(flags & STEREO), 1 + bool(flags & BOTH_CODED)
        sensible = flags < 16 and coded <= channels and 1 <= rate <= 10_000_000
        if not (sensible and 1 <= n_samples <= LARGEST):
            raise BitstreamError(
                f"This .mlc file makes no sense: flags {flags}, {rate} Hz, {n_samples} samples. "
                f"{_AGAIN}"
            )
        return Header(model, rate, n_samples, channels, coded, bool(flags & RESTORED), tags)

    def _varint(self, where: str) -> int:
        data = b""
        while len(data) < VARINT_BYTES and (not data or data[-1] > 127):
            data += self._take(1, where)
        return read_varint(data, 0, ".mlc")[0]

    def _take(self, n_bytes: int, where: str) -> bytes:
        data = self._raw(n_bytes, where)
        self._checksum = zlib.crc32(data, self._checksum)
        return data

    def _raw(self, n_bytes: int, where: str) -> bytes:
        if n_bytes > self._left:
            raise self._cut_off(where)
        data = self._file.read(n_bytes)
        self._left -= n_bytes
        if len(data) < n_bytes:
            raise self._cut_off(where)
        return data

    def _cut_off(self, where: str) -> BitstreamError:
        return BitstreamError(f"This .mlc file is truncated or damaged: it ends {where}. {_AGAIN}")


def describe(file: BinaryIO | bytes) -> Description:
    """Read and check a file, or its bytes, without its model.

    Raises:
        BitstreamError: It is truncated, damaged or foreign.
    """
    return Reader(io.BytesIO(file) if isinstance(file, bytes) else file).check()


# The order in which tags are stored and shown.
KEPT = (
    *("title", "artist", "album", "album_artist", "track", "date", "genre", "composer"),
    *("license", "copyright", "comment"),
)
# FFmpeg and libsndfile know some tags by other names.
SYNONYMS = {
    "licence": "license",
    "tracknumber": "track",
    "year": "date",
    "albumartist": "album_artist",
    "description": "comment",
}
MAX_CHARACTERS = 2000
MAX_BYTES = 1 << 16
_END = b"\0"
# Words that tags are made of; the compressor refers to them.
_WORDS = (
    b"Creative Commons Attribution-ShareAlike 4.0 International http://creativecommons.org/"
    b"licenses/by-sa/3.0/ https://creativecommons.org/publicdomain/zero/1.0/ CC-BY-SA CC0 "
    b"Soundtrack Electronic Ambient Classical Jazz Rock Game 201920202021\0comment\0copyright"
    b"\0license\0composer\0genre\0date\0track\0album_artist\0album\0artist\0title\0"
)


def kept_tags(found: Mapping[str, str]) -> dict[str, str]:
    """Return those tags of a file that are kept, by their usual names, in order.

    A value of more than 2,000 characters is cut there.
    """
    renamed = {SYNONYMS.get(key.lower(), key.lower()): key for key in reversed(list(found))}
    tags = {}
    for name in KEPT:
        value = found[renamed[name]] if name in renamed else ""
        value = value.replace("\0", " ").strip()[:MAX_CHARACTERS]
        if value:
            tags[name] = value
    return tags


def pack_tags(tags: Mapping[str, str]) -> bytes:
    """Return tags as compressed UTF-8, nothing for none."""
    if not tags:
        return b""
    text = _END.join(part.encode("utf-8", "replace") for pair in tags.items() for part in pair)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, _WORDS)
    return packer.compress(text) + packer.flush()


def unpack_tags(data: bytes) -> dict[str, str]:
    """Undo `pack_tags`, in bounded memory.

    Raises:
        BitstreamError: The bytes are damaged, or stand for more than 64 KiB.
    """
    opener = zlib.decompressobj(-15, _WORDS)
    try:
        text = opener.decompress(data, MAX_BYTES)
        parts = [part.decode("utf-8") for part in text.split(_END)]
    except (zlib.error, UnicodeDecodeError) as error:
        raise _damaged(str(error)) from error
    if not opener.eof or opener.unused_data or len(parts) % 2:
        raise _damaged("they do not end where they should")
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _damaged(reason: str) -> BitstreamError:
    return BitstreamError(
        f"The tags of this .mlc file are damaged ({reason}). Fetch or encode it again."
    )

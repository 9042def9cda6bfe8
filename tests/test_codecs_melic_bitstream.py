"""The `.mlc` format: what it holds, and what is said of files that are not whole."""

import io

import numpy as np
import pytest

from musiclib.codecs.melic import describe
from musiclib.codecs.melic.bitstream import (
    MAX_CHARACTERS,
    RATES,
    Block,
    Header,
    Reader,
    Writer,
    block_size,
    kept_tags,
    pack_tags,
    unpack_tags,
)
from musiclib.errors import BitstreamError, CheckpointError
from tests.codec_signals import music
from tests.melic_damage import KINDS, damaged, joined
from tests.melic_fixture import RATE, codec, model


@pytest.fixture(scope="module")
def streams():
    pair = np.stack([music(1.0), music(1.0, seed=1)])
    return [
        codec(gain=150).encode(music(1.0), RATE, {"title": "A song"}),
        codec(gain=190, restore=False).encode(music(12.0), RATE),
        codec(gain=150).encode(pair, RATE),
    ]


def header(**changes):
    values = {
        "model": b"abcd", "sample_rate": RATE, "n_samples": 300_000, "channels": 1,
        "coded_channels": 1, "restored": True, "tags": {},
    }  # fmt: skip
    return Header(**{**values, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"channels": 2},
        {"channels": 2, "coded_channels": 2},
        {"restored": False},
        {"sample_rate": 37_800},
        {"n_samples": 2**35 - 1},
        {"n_samples": 1},
        {"tags": {"title": "Näme", "comment": "x" * 500}},
        *({"sample_rate": rate} for rate in RATES),
    ],
)
def test_headers_come_back(changes):
    wanted = header(**changes)
    found = Reader(io.BytesIO(wanted.pack())).header
    assert found == wanted


def test_blocks_come_back():
    blocks = [Block(100, 7, b"abc"), Block(100, 7, b""), Block(101, 7, b"x" * 300)]
    mine = header(channels=2, n_samples=3 * 1024 * 256 - 256)
    file = io.BytesIO()
    writer, sizes, last = Writer(file, mine), [], None
    for block in blocks:
        before = writer.n_bytes
        writer.write(block)
        sizes.append(writer.n_bytes - before)
        assert sizes[-1] == block_size(block, last, stereo=True)
        last = block.gain, block.angle
    assert sizes == [1 + 2 + 3 + 2, 1 + 2, 2 + 2 + 300 + 2]
    reader = Reader(file)
    assert reader.check() == reader.check()
    assert list(reader) == blocks
    assert reader.n_bytes == len(file.getvalue())


def test_tags_are_kept_in_order_and_bounded():
    found = kept_tags({"ARTIST": "B", "Title": " A ", "encoder": "x", "licence": "CC0", "date": ""})
    assert list(found.items()) == [("title", "A"), ("artist", "B"), ("license", "CC0")]
    assert len(kept_tags({"comment": "x" * 10_000})["comment"]) == MAX_CHARACTERS
    assert unpack_tags(pack_tags(found)) == found
    assert pack_tags({}) == b""
    for data in (b"", b"\xff\xff", pack_tags(found)[:-2], pack_tags(found) + b"x"):
        with pytest.raises(BitstreamError, match="tags"):
            unpack_tags(data)


def test_tags_do_not_blow_up():
    import zlib

    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(10**8)) + packer.flush()
    with pytest.raises(BitstreamError):
        unpack_tags(bomb)


def test_each_fault_is_named(streams):
    data = streams[0]
    other_version = data[:3] + b"\x09" + data[4:]
    flipped = data[:200] + bytes([data[200] ^ 4]) + data[201:]
    for wrong, words in (
        (b"RIFF" + data[4:], "not MP3, AAC, Opus, Vorbis, WAV, MLA or MLC"),
        (other_version, "version 9; this musiclib reads version 1. Update"),
        (data[:3], "truncated"),
        (data[:12], "truncated"),
        (data[:-1], "block 1 of 1"),
        (data[:300], "truncated"),
        (flipped, "checksum of block 1 of 1 is wrong"),
        (data + b"x", "1 bytes follow"),
        (data[:4] + bytes([data[4] | 64]) + data[5:], "flags|checksum"),
    ):
        with pytest.raises(BitstreamError, match=words):
            codec().decode(wrong)
        if wrong.startswith(b"MLC"):
            with pytest.raises(BitstreamError, match=words):
                describe(wrong)


def test_another_model_is_named(streams):
    for restored, stream in ((True, streams[0]), (False, streams[1])):
        mine = model().identity(restored).hex()
        assert stream[5:9].hex() == mine
    other = model(seed=1)
    with pytest.raises(BitstreamError, match=f"needs the model {model().identity(True).hex()}"):
        codec().__class__(model=other).decode(streams[0])
    # Without the network the tables are what counts.
    codec().__class__(model=other).decode(streams[1])
    bare = type(other)(other.tables)
    bare_codec = codec().__class__(model=bare, restore=False)
    assert len(bare_codec.decode(streams[1])[0]) == 12 * RATE
    assert len(bare_codec.decode(streams[0])[0]) == RATE
    for action in (lambda c: c.encode(music(1.0), RATE), lambda c: c.decode(streams[0])):
        with pytest.raises(CheckpointError, match="restore=False"):
            action(codec().__class__(4, model=bare))


def test_lengths_must_fit_the_blocks(streams):
    reader = Reader(io.BytesIO(streams[1]))
    blocks, mine = list(reader), reader.header
    for n_samples in (1, 1024 * 256 - 256, 2**35 - 1, 3 * 1024 * 256):
        wrong = joined(Header(mine.model, RATE, n_samples, 1, 1, False), blocks)
        with pytest.raises(BitstreamError):
            codec().decode(wrong)
    # Blocks in another order, twice, or none at all.
    for order in ([1, 0], [0, 0], [0], [0, 1, 1], []):
        with pytest.raises(BitstreamError):
            codec().decode(joined(mine, [blocks[k] for k in order]))


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_decode_or_are_refused(kind, streams):
    rng = np.random.default_rng(KINDS.index(kind))
    refused = 0
    count = 40 if kind == "repaired" else 80
    for _ in range(count):
        data = damaged(kind, streams, rng)
        try:
            audio, rate = codec(restore=kind != "repaired").decode(data)
        except BitstreamError:
            refused += 1
        else:
            assert rate == RATE
            assert np.isfinite(audio).all()
    # Only what has checksums that fit may pass for music.
    assert refused > 0.97 * count or kind in ("repaired", "splice")

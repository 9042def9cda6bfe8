"""Bad requests and bad bytes are refused with a sentence, and never crash or hang."""

import numpy as np
import pytest

from musiclib.codecs import CODEC_NAMES, get_codec, identify, supported_kbps
from musiclib.codecs.container import Target, check_ogg, mux, page_checksum, pages, with_serial
from musiclib.codecs.mp3 import checksum, find_xing
from musiclib.errors import AudioError, BitstreamError, CodecError, MusiclibError
from tests.codec_signals import RATE, music

KBPS = {"mp3": 32, "aac": 32, "opus": 24, "vorbis": 48, "downsample": 64}


@pytest.fixture(scope="module")
def files():
    return {name: get_codec(name, kbps).encode(music(2.0), RATE) for name, kbps in KBPS.items()}


@pytest.mark.parametrize("name", CODEC_NAMES)
def test_truncated_files_are_refused(name, files):
    data = files[name]
    for length in (4, 12, 40, 60, 200, len(data) // 3, len(data) // 2, len(data) - 300):
        with pytest.raises(BitstreamError):
            get_codec(name).decode(data[:length])


@pytest.mark.parametrize("name", CODEC_NAMES)
@pytest.mark.parametrize("kind", ["flip", "garbage", "cut", "splice", "noise"])
def test_mutated_files_decode_or_are_refused(name, kind, files):
    rng = np.random.default_rng([CODEC_NAMES.index(name), len(kind)])
    data = files[name]
    refused = 0
    for _ in range(30):
        mutated = bytearray(data)
        at = int(rng.integers(0, len(data)))
        if kind == "flip":
            for where in rng.integers(0, len(data), 5):
                mutated[where] ^= 1 << int(rng.integers(0, 8))
        elif kind == "garbage":  # mostly in the headers, where lengths are declared
            at = int(rng.integers(0, min(400, len(data))))
            mutated[at : at + 8] = rng.bytes(8)
        elif kind == "cut":
            del mutated[at : at + int(rng.integers(1, 200))]
        elif kind == "splice":
            mutated[at:at] = data[: int(rng.integers(1, 500))]
        else:
            mutated[16:] = rng.bytes(len(data) - 16)
        try:
            audio, rate = get_codec(name).decode(bytes(mutated))
        except BitstreamError:
            refused += 1
        else:
            assert np.isfinite(audio).all()
            assert audio.shape[-1] > 0
            assert rate > 0
    if name in ("opus", "vorbis"):  # every Ogg page has a checksum
        assert refused == 30


@pytest.mark.parametrize("name", CODEC_NAMES)
def test_foreign_bytes_are_refused(name, files):
    for data in (b"", b"x", b"RIFF", b"OggS" * 20, b"#EXTM3U\nhttp://x/y\n", bytes(5000)):
        with pytest.raises(BitstreamError):
            get_codec(name).decode(data)
    for other in CODEC_NAMES:
        if other != name:
            with pytest.raises(BitstreamError, match=other):
                get_codec(name).decode(files[other])


def test_random_bytes_are_refused():
    rng = np.random.default_rng(0)
    for _ in range(100):
        data = rng.bytes(int(rng.integers(1, 3000)))
        with pytest.raises(BitstreamError):
            get_codec(identify(data)).decode(data)


def test_every_codec_is_identified(files):
    assert {identify(data) for data in files.values()} == set(CODEC_NAMES)
    assert identify(b"ID3\x04" + bytes(60)) == "mp3"
    assert identify(b"\xff\xf1\x50\x80" + bytes(60)) == "aac"
    with pytest.raises(BitstreamError, match="empty"):
        identify(b"")
    with pytest.raises(BitstreamError, match="64 65 61 64"):
        identify(b"dead beef")


@pytest.mark.parametrize(
    ("name", "kbps", "channels", "told"),
    [
        ("mp3", 20, 1, "16, 24"),
        ("mp3", 500, 1, "320"),
        ("aac", 5, 1, "8, 12"),
        ("aac", 320, 1, "288"),
        ("aac", 12, 2, "16, 24"),
        ("opus", 4, 1, "5, 6"),
        ("opus", 300, 1, "256"),
        ("vorbis", 8, 1, "16, 24"),
        ("vorbis", 300, 1, "192"),
        ("downsample", 500, 1, "384"),
        ("downsample", 1, 1, "1.6"),
        ("opus", None, 1, "kbps="),
    ],
)
def test_impossible_bitrates_say_what_is_possible(name, kbps, channels, told):
    audio = np.tile(music(0.5), (channels, 1)).squeeze()
    with pytest.raises(CodecError, match=told):
        get_codec(name, kbps).encode(audio, RATE)


def test_wrong_requests_are_refused():
    for name, options in [
        ("flac", {}),
        ("mp3", {"quality": 1.0}),
        ("mp3", {"kbps": -1}),
        ("mp3", {"kbps": float("nan")}),
        ("mp3", {"kbps": 320, "coding_rate": 24_000}),
        ("mp3", {"kbps": 64, "coding_rate": 23_000}),
        ("aac", {"coding_rate": 23_000}),
        ("opus", {"frame_ms": 33}),
        ("opus", {"vbr": "maybe"}),
        ("vorbis", {"quality": 2.0}),
        ("vorbis", {"quality": 0.5, "kbps": 64}),
        ("downsample", {"factor": 0.5}),
        ("downsample", {"factor": 2, "kbps": 64}),
    ]:
        with pytest.raises(CodecError):
            get_codec(name, **options)
    with pytest.raises(CodecError, match="AAC"):
        get_codec("aac", 200, coding_rate=24_000).encode(music(0.5), RATE)
    with pytest.raises(CodecError, match="no codec"):
        supported_kbps("flac", RATE)


@pytest.mark.parametrize("name", CODEC_NAMES)
def test_unusable_audio_is_refused(name):
    codec = get_codec(name, KBPS[name])
    for audio in (np.zeros(0), np.array([0.0, np.nan]), np.array([np.inf]), np.zeros((1, 2, 3))):
        with pytest.raises(AudioError):
            codec.encode(audio, RATE)
    with pytest.raises(CodecError, match="one or two channels"):
        codec.encode(np.zeros((6, 1000), np.float32), RATE)
    with pytest.raises(MusiclibError):
        codec.encode(music(0.5), 0)


@pytest.mark.parametrize("name", CODEC_NAMES)
@pytest.mark.parametrize("n", [1, 2, 100, 700])
def test_shortest_clips_go_through(name, n):
    codec = get_codec(name, KBPS[name])
    audio, rate = codec.decode(codec.encode(music(0.5)[:n], RATE))
    # LAME's first frame holds 47 samples at least.
    assert 1 <= len(audio) <= max(n * rate / RATE + 1, 48)


def test_loud_input_does_not_break_a_codec():
    loud = 3.0 * music(1.0) / np.abs(music(1.0)).max()
    for name, kbps in KBPS.items():
        codec = get_codec(name, kbps)
        assert np.isfinite(codec.decode(codec.encode(loud, RATE))[0]).all()


def test_ogg_checksums_agree_with_two_encoders(files):
    for name in ("opus", "vorbis"):
        data = files[name]
        check_ogg(data, name)
        for page in pages(data):
            assert page_checksum(data[page.start : page.end]) == page.checksum
        renumbered = with_serial(data, 7)
        check_ogg(renumbered, name)
        assert {page.serial for page in pages(renumbered)} == {7}
        assert np.array_equal(
            get_codec(name).decode(renumbered)[0], get_codec(name).decode(data)[0]
        )


def test_ogg_damage_is_named(files):
    data = files["opus"]
    first, *_, last = pages(data)
    with pytest.raises(BitstreamError, match="last page"):
        check_ogg(data[: last.start], "Opus")
    with pytest.raises(BitstreamError, match="several streams"):
        check_ogg(data + with_serial(data, 9), "Opus")
    second = next(page for page in pages(data) if page.number == 1)
    with pytest.raises(BitstreamError, match="page 1 is missing"):
        check_ogg(data[: first.end] + data[second.end :], "Opus")


@pytest.mark.parametrize("n", [24_000, 24_047])
def test_the_lame_header_has_a_right_checksum(n):
    """One length needs its padding put right, one does not."""
    data = get_codec("mp3", 32).encode(music(2.0)[:n], RATE)
    header = find_xing(data)
    assert header is not None
    assert header.frames * 576 - header.delay - header.padding == n
    at = header.mark + 154
    assert checksum(data, header) == int.from_bytes(data[at : at + 2], "big")


def test_the_lame_checksum_is_ffmpegs():
    for rate, channels in ((RATE, 1), (RATE, 2), (44_100, 2)):
        audio = np.tile(music(2.0)[:24_000], (channels, 1)).squeeze()
        data = mux(np.atleast_2d(audio), rate, 64_000, Target("libmp3lame", "mp3"), {})
        header = find_xing(data)
        assert header is not None
        at = header.mark + 154
        assert checksum(data, header) == int.from_bytes(data[at : at + 2], "big")

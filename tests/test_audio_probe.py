"""What headers say: properties, tags in odd encodings, pictures."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musiclib.audio import load, probe, save
from musiclib.errors import AudioFileError
from tests import signals
from tests.encoded import encode, encode_bytes


def id3(frames: dict[bytes, bytes]) -> bytes:
    """An ID3v2.3 tag of raw frames."""
    body = b"".join(
        name + struct.pack(">IH", len(value), 0) + value for name, value in frames.items()
    )
    size = len(body)
    synchsafe = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + synchsafe + body


def png() -> bytes:
    """The smallest picture: one pixel."""
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\x00\xff\x00\x00")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("suffix", "codec", "rate", "channels"),
    [
        ("wav", "pcm_s16le", 8_000, 1),
        ("wav", "pcm_s16le", 96_000, 6),
        ("flac", "flac", 44_100, 2),
        ("ogg", "vorbis", 24_000, 1),
    ],
)
def test_the_header_is_read(
    tmp_path: Path, suffix: str, codec: str, rate: int, channels: int
) -> None:
    path = tmp_path / f"a.{suffix}"
    save(path, np.stack([signals.noise(rate // 2)] * channels), rate)
    info = probe(path)
    assert (info.codec, info.sample_rate, info.channels) == (codec, rate, channels)
    assert info.path == path
    assert info.duration_s == 0.5
    assert info.bitrate_kbps == pytest.approx(path.stat().st_size * 8 / 0.5 / 1000)


def test_compressed_files_have_their_bitrate(tmp_path: Path) -> None:
    encode(tmp_path / "a.mp3", signals.noise(441_000), 44_100, "libmp3lame", kbps=96)
    info = probe(tmp_path / "a.mp3")
    assert info.duration_s == pytest.approx(10, abs=0.001)
    assert info.bitrate_kbps == pytest.approx(96, rel=0.02)


def test_bytes_are_probed_too() -> None:
    info = probe(encode_bytes(signals.noise(48_000), 48_000, "libopus", "ogg", 32))
    assert (info.codec, info.sample_rate) == ("opus", 48_000)
    assert info.duration_s == pytest.approx(1.0, abs=0.01)


def test_a_header_without_duration_is_measured(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    save(path, signals.noise(48_000), 48_000)
    data = bytearray(path.read_bytes())
    # The 36 bits of STREAMINFO that count the samples: 0 means unknown.
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)
    assert probe(path).duration_s == pytest.approx(1.0, abs=0.1)
    assert len(load(path)[0]) == 48_000


class TestTags:
    def test_tags_are_read_by_lower_case_name(self, tmp_path: Path) -> None:
        tags = {"TITLE": "Étude № 3", "artist": "Ærø Ensemble", "genre": "Jazz"}
        for name, codec in (("a.mp3", "libmp3lame"), ("a.flac", "flac"), ("a.opus", "libopus")):
            encode(tmp_path / name, signals.noise(48_000), 48_000, codec, tags=tags)
            read = probe(tmp_path / name).tags
            assert {key: read[key] for key in ("title", "artist", "genre")} == {
                key.lower(): value for key, value in tags.items()
            }

    @pytest.mark.parametrize(
        "text",
        [
            b"\x00Caf\xe9 \xff\xfe",  # Latin-1
            b"\x03\xff\xfe\x80 broken UTF-8",
            b"\x01\xff\xfea",  # UTF-16 cut in half
            b"\x00\x8e\x96\x88\xc0",  # Shift-JIS that claims to be Latin-1
            b"\x09what encoding is nine",
        ],
    )
    def test_odd_encodings_do_not_keep_a_file_from_opening(
        self, tmp_path: Path, text: bytes
    ) -> None:
        audio = encode_bytes(signals.tone(440, 44_100, 44_100), 44_100, "libmp3lame", "mp3")
        path = tmp_path / "a.mp3"
        path.write_bytes(id3({b"TIT2": text, b"TPE1": b"\x00Someone"}) + audio)
        info = probe(path)
        assert info.tags["artist"] == "Someone"
        assert all(isinstance(value, str) for value in info.tags.values())
        assert len(load(path)[0]) >= 44_100

    def test_invalid_utf8_in_vorbis_comments(self, tmp_path: Path) -> None:
        path = tmp_path / "a.flac"
        encode(path, signals.noise(48_000), 48_000, "flac", tags={"title": "XXXXXXXX"})
        path.write_bytes(path.read_bytes().replace(b"XXXXXXXX", b"\xff\xfe\xe9\x80abcd"))
        assert "abcd" in probe(path).tags["title"]
        assert len(load(path)[0]) == 48_000

    def test_a_cover_picture_is_not_the_audio(self, tmp_path: Path) -> None:
        audio = encode_bytes(signals.tone(440, 44_100, 44_100), 44_100, "libmp3lame", "mp3")
        path = tmp_path / "a.mp3"
        path.write_bytes(id3({b"APIC": b"\x00image/png\x00\x03\x00" + png()}) + audio)
        assert probe(path).codec == "mp3float"
        decoded, rate = load(path)
        assert signals.dominant_frequency(decoded, rate) == pytest.approx(440, abs=1)


class TestErrors:
    def test_a_picture_alone_is_no_audio(self, tmp_path: Path) -> None:
        (tmp_path / "cover.jpg").write_bytes(png())
        with pytest.raises(AudioFileError, match=r"cover\.jpg"):
            probe(tmp_path / "cover.jpg")

    def test_missing_files_folders_and_empty_files(self, tmp_path: Path) -> None:
        (tmp_path / "empty.mp3").write_bytes(b"")
        for name, message in (
            ("none.mp3", "does not exist"),
            ("", "is a folder"),
            ("empty.mp3", "empty file"),
            ("nul\0l.wav", "cannot be read"),
        ):
            for reader in (probe, load):
                with pytest.raises(AudioFileError, match=message):
                    reader(tmp_path / name)

    def test_a_header_without_samples(self, tmp_path: Path) -> None:
        for suffix in ("wav", "ogg"):
            soundfile.write(tmp_path / f"a.{suffix}", np.zeros((0, 1)), 48_000)
            for reader in (probe, load):
                with pytest.raises(AudioFileError, match="no samples"):
                    reader(tmp_path / f"a.{suffix}")

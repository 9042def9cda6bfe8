"""Audio files to arrays and back: lossless and lossy formats, cuts, blocks, headers."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from musiclib.audio import AudioWriter, blocks, load, probe, save
from musiclib.errors import AudioError, AudioFileError
from musiclib.files import atomic_write
from tests import signals
from tests.codec_signals import RATE, music, stereo
from tests.encoded import encode, encode_bytes

in_folder = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

# codec, container, sampling rate, whether the padding at the end is declared too
LOSSY = [
    ("libmp3lame", "mp3", 44_100, True),
    ("libmp3lame", "mp3", 24_000, True),
    ("libmp3lame", "mp3", 8_000, True),
    ("libopus", "ogg", 48_000, True),
    ("libopus", "matroska", 48_000, True),
    ("libopus", "webm", 48_000, True),
    ("aac", "mp4", 44_100, False),
    ("aac", "mp4", 96_000, False),
    ("aac", "matroska", 44_100, False),
]


class TestLossless:
    @in_folder
    @given(
        st.sampled_from([".wav", ".flac"]),
        st.sampled_from([16, 24]),
        st.integers(1, 3),
        st.integers(1, 3000),
        st.sampled_from([8_000, 22_050, 24_000, 44_100, 48_000, 96_000]),
    )
    def test_pcm_comes_back_bit_for_bit(self, tmp_path, suffix, bits, channels, n_samples, rate):
        scale = 2 ** (bits - 1)
        rng = np.random.default_rng(n_samples)
        levels = rng.integers(-scale, scale, (channels, n_samples))
        audio = (levels / scale).astype(np.float32)
        path = tmp_path / f"a{suffix}"
        save(path, audio, rate, f"PCM_{bits}")
        decoded, decoded_rate = load(path, mono=False)
        np.testing.assert_array_equal(decoded, audio)
        assert decoded_rate == rate
        assert soundfile.info(path).subtype == f"PCM_{bits}"


class TestLossy:
    @pytest.mark.parametrize(("codec", "container", "rate", "exact_end"), LOSSY)
    def test_the_encoders_delay_is_removed(self, codec, container, rate, exact_end):
        n_samples, at = rate + 123, rate // 2 + 77
        audio = signals.click(n_samples, at) + signals.tone(440, n_samples, rate, 0.01)
        decoded, decoded_rate = load(encode_bytes(audio, rate, codec, container, 64))
        assert decoded_rate == rate
        assert abs(int(np.argmax(np.abs(decoded))) - at) <= 1
        if exact_end:
            assert len(decoded) == n_samples
        else:
            # An MP4 edit list counts milliseconds, and Matroska does not cut an AAC's last frame.
            limit = rate // 1000 if container == "mp4" else 1024
            assert 0 <= len(decoded) - n_samples <= limit

    def test_vorbis_keeps_every_sample(self, tmp_path):
        for n_samples in (1, 100, 575, 12_000, 30_001):
            save(tmp_path / "a.ogg", signals.tone(440, n_samples, 24_000), 24_000)
            assert len(load(tmp_path / "a.ogg")[0]) == n_samples
            assert probe(tmp_path / "a.ogg").duration_s == n_samples / 24_000


class TestChannelsAndRates:
    def test_every_rate_and_layout_comes_to_house_rate(self, tmp_path):
        expected = signals.tone(440, 24_000, 24_000)
        for rate, channels in ((8_000, 1), (11_025, 2), (44_100, 6), (96_000, 2)):
            audio = np.stack([signals.tone(440, rate, rate)] * channels)
            save(tmp_path / "a.wav", audio, rate, "PCM_24")
            decoded, decoded_rate = load(tmp_path / "a.wav", 24_000)
            assert decoded_rate == 24_000
            assert np.abs(decoded - expected)[1000:-1000].max() < 1e-3

    def test_channels_keep_their_order(self, tmp_path):
        audio = np.stack([signals.tone(100 * (c + 1), 48_000, 48_000, 0.1) for c in range(6)])
        save(tmp_path / "a.flac", audio, 48_000)
        decoded, _ = load(tmp_path / "a.flac", 24_000, mono=False)
        assert decoded.shape == (6, 24_000)
        assert decoded.flags.c_contiguous
        for channel, row in enumerate(decoded):
            assert signals.dominant_frequency(row, 24_000) == pytest.approx(
                100 * (channel + 1), abs=1
            )


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """The same three seconds of stereo in five formats."""
    folder = tmp_path_factory.mktemp("songs")
    audio = np.stack([signals.music(132_300, 44_100, seed) for seed in (1, 2)])
    for suffix in ("wav", "flac", "ogg"):
        save(folder / f"a.{suffix}", audio, 44_100)
    encode(folder / "a.mp3", audio, 44_100, "libmp3lame", kbps=128)
    encode(folder / "a.m4a", audio, 44_100, "aac", kbps=128)
    return {path.suffix[1:]: path for path in folder.iterdir()}


FORMATS = st.sampled_from(["wav", "flac", "ogg", "mp3", "m4a"])


class TestCuts:
    @in_folder
    @given(
        FORMATS,
        st.sampled_from([None, 24_000, 48_000]),
        st.floats(0.0, 2.9),
        st.floats(0.01, 2.0),
        st.booleans(),
    )
    def test_a_cut_is_the_slice_of_the_whole(
        self, songs, suffix, wanted, start_s, duration_s, mono
    ):
        whole, rate = load(songs[suffix], wanted, mono)
        part, _ = load(songs[suffix], wanted, mono, start_s, duration_s)
        begin = round(start_s * rate)
        expected = whole[..., begin : begin + round(duration_s * rate)]
        assert part.shape == expected.shape
        np.testing.assert_allclose(part, expected, atol=1e-6)


class TestBlocks:
    @in_folder
    @given(FORMATS, st.sampled_from([None, 24_000]), st.floats(0.05, 5.0), st.booleans())
    def test_blocks_joined_are_the_whole(self, songs, suffix, wanted, seconds, mono):
        whole, rate = load(songs[suffix], wanted, mono)
        parts = list(blocks(songs[suffix], wanted, seconds, mono))
        np.testing.assert_array_equal(np.concatenate(parts, axis=-1), whole)
        assert {part.shape[-1] for part in parts[:-1]} <= {round(seconds * rate)}
        assert 1 <= parts[-1].shape[-1] <= round(seconds * rate)


class TestSources:
    def test_bytes_and_paths_are_the_same(self, songs):
        for path in songs.values():
            expected, rate = load(path)
            for source in (str(path), path.read_bytes()):
                audio, source_rate = load(source)
                np.testing.assert_array_equal(audio, expected)
                assert source_rate == rate


class TestSave:
    def test_what_would_clip_is_refused(self, tmp_path):
        audio = 2.0 * signals.tone(440, 4800, 48_000, 1.0)
        path = tmp_path / "a.wav"
        with pytest.raises(AudioError, match=r"a\.wav peaks at 2\.000"):
            save(path, audio, 48_000)
        assert not path.exists()
        save(path, audio, 48_000, "FLOAT")
        np.testing.assert_array_equal(load(path)[0], audio)

    def test_failure_leaves_the_old_file(self, tmp_path):
        path = tmp_path / "a.flac"
        save(path, signals.tone(440, 4800, 48_000), 48_000)
        before = path.read_bytes()
        with pytest.raises(AudioFileError, match=r"a\.flac cannot be written"):
            save(path, signals.tone(440, 4800, 48_000), 1_000_000)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_pieces_make_the_file_that_save_makes(tmp_path, name):
    pair = stereo(music(1.0))
    with AudioWriter(tmp_path / name, RATE, 2) as writer:
        for start in range(0, RATE, 7_001):
            writer.write(pair[:, start : start + 7_001])
    assert (writer.n_samples, writer.clipped) == (RATE, 0)
    (tmp_path / "whole").mkdir()
    save(tmp_path / "whole" / name, pair, RATE)
    first, second = (load(place / name, mono=False)[0] for place in (tmp_path, tmp_path / "whole"))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
def test_tags_are_written(tmp_path, name):
    tags = {"title": "Näme", "artist": "Someone", "date": "2020", "mood": "not kept"}
    with AudioWriter(tmp_path / name, RATE, 1, tags=tags) as writer:
        writer.write(music(0.5)[None])
    found = probe(tmp_path / name).tags
    assert (found["title"], found["artist"]) == ("Näme", "Someone")
    assert "mood" not in found


def test_after_an_error_nothing_is_there(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"old")
    with (
        pytest.raises(ZeroDivisionError),
        AudioWriter(tmp_path / "a.wav", RATE, 1) as writer,
    ):
        writer.write(music(0.1)[None] / (1 // 0))
    with pytest.raises(ZeroDivisionError), atomic_write(tmp_path / "b") as file:
        file.write(bytes([1 // 0]))
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
    assert (tmp_path / "a.wav").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("suffix", "codec", "rate", "channels"),
    [
        ("wav", "pcm_s16le", 8_000, 1),
        ("wav", "pcm_s16le", 96_000, 6),
        ("flac", "flac", 44_100, 2),
        ("ogg", "vorbis", 24_000, 1),
    ],
)
def test_the_header_is_read(tmp_path, suffix, codec, rate, channels):
    path = tmp_path / f"a.{suffix}"
    save(path, np.stack([signals.noise(rate // 2)] * channels), rate)
    info = probe(path)
    assert (info.codec, info.sample_rate, info.channels) == (codec, rate, channels)
    assert info.path == path
    assert info.duration_s == 0.5
    assert info.bitrate_kbps == pytest.approx(path.stat().st_size * 8 / 0.5 / 1000)


def test_a_header_without_duration_is_measured(tmp_path):
    path = tmp_path / "a.flac"
    save(path, signals.noise(48_000), 48_000)
    data = bytearray(path.read_bytes())
    # The 36 bits of STREAMINFO that count the samples: 0 means unknown.
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)
    assert probe(path).duration_s == pytest.approx(1.0, abs=0.1)
    assert len(load(path)[0]) == 48_000


class TestErrors:
    def test_missing_files_folders_and_empty_files(self, tmp_path):
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

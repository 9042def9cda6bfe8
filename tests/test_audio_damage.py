"""Files that are damaged, foreign or hostile: read as far as is honest, or refused by name."""

from __future__ import annotations

import logging
import subprocess
import sys
from contextlib import suppress
from functools import cache

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from musiclib.audio import blocks, load, probe, save
from musiclib.errors import AudioFileError
from tests import signals
from tests.encoded import encode_bytes

RATE = 44_100


@cache
def song(suffix: str) -> bytes:
    """Three seconds of the same music in one of several formats."""
    codec, container, rate = {
        "mp3": ("libmp3lame", "mp3", RATE),
        "flac": ("flac", "flac", RATE),
        "m4a": ("aac", "ipod", RATE),
        "opus": ("libopus", "ogg", 48_000),
        "wav": ("pcm_s16le", "wav", RATE),
    }[suffix]
    return encode_bytes(signals.music(3 * rate, rate), rate, codec, container, 96)


class TestDamage:
    def test_damage_in_the_middle_is_left_out_and_logged(self, caplog):
        data = bytearray(song("mp3"))
        middle = len(data) // 2
        data[middle : middle + 1500] = bytes(1500)
        with caplog.at_level(logging.WARNING):
            audio, _ = load(bytes(data))
        assert "damaged packets" in caplog.text
        assert 2.5 * RATE < len(audio) < 3 * RATE
        # Up to the damage the music is what it was.
        whole, _ = load(song("mp3"))
        np.testing.assert_allclose(audio[:RATE], whole[:RATE], atol=1e-6)

    def test_a_cut_off_file_is_refused_when_most_is_missing(self, tmp_path):
        for name in ("song.mp3", "song.flac"):
            data = song(name.partition(".")[2])
            (tmp_path / name).write_bytes(data[: len(data) // 4])
            with pytest.raises(AudioFileError, match=rf"{name} is damaged: only .* of 3\.0 s"):
                load(tmp_path / name)

    @settings(max_examples=40, deadline=None)
    @given(
        st.sampled_from(["mp3", "flac", "m4a", "opus", "wav"]),
        st.lists(st.tuples(st.floats(0.0, 0.999), st.binary(min_size=1, max_size=200)), max_size=5),
        st.floats(0.0, 1.0),
    )
    def test_any_damage_gives_usable_audio_or_a_clear_error(self, suffix, edits, keep):
        data = bytearray(song(suffix))
        for place, patch in edits:
            at = int(place * len(data))
            data[at : at + len(patch)] = patch
        with suppress(AudioFileError):
            audio, rate = load(bytes(data[: int(keep * len(data))]), 24_000)
            assert rate == 24_000
            assert audio.ndim == 1
            assert np.isfinite(audio).all()


class TestForeignFiles:
    @pytest.mark.parametrize(
        "data",
        [
            b"This is a text about music.\n" * 200,
            b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
            np.random.default_rng(0).bytes(100_000),
            bytes(100_000),
            b"RIFF",
            b"OggS",
            b"ID3\x03\x00\x00\x7f\x7f\x7f\x7f",
            b"fLaC" + bytes(100),
            b"%PDF-1.7\n" + bytes(500),
        ],
        ids=["text", "html", "noise", "zeros", "riff", "ogg", "id3", "flac", "pdf"],
    )
    def test_what_is_no_audio_is_refused(self, tmp_path, data):
        for name in ("file.mp3", "file.wav", "file.ogg", "file.sw"):
            (tmp_path / name).write_bytes(data)
            for reader in (probe, load):
                with pytest.raises(AudioFileError, match=rf"{name} .*\. \w+"):
                    reader(tmp_path / name)

    def test_a_playlist_opens_nothing_else(self, tmp_path):
        save(tmp_path / "secret.wav", signals.noise(48_000), 48_000)
        for text in (
            "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n",
            "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\nsecret.wav\n#EXT-X-ENDLIST\n",
            "ffconcat version 1.0\nfile 'secret.wav'\n",
        ):
            for name in ("list.m3u8", "list.mp3", "list.txt"):
                (tmp_path / name).write_text(text)
                with pytest.raises(AudioFileError, match="cannot be decoded"):
                    load(tmp_path / name)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 30_000.0])
def test_file_and_place_of_unusable_samples_are_named(tmp_path, bad):
    audio = signals.noise(150_000)
    audio[144_000:] = bad
    soundfile.write(tmp_path / "a.wav", audio, 48_000, "FLOAT")
    for rate in (None, 24_000):
        with pytest.raises(AudioFileError, match=r"a\.wav holds NaN.*at 3\.000 s"):
            load(tmp_path / "a.wav", rate)
        with pytest.raises(AudioFileError, match=r"at 3\.000 s"):
            list(blocks(tmp_path / "a.wav", rate, 1.0))
    # What lies before the damage can still be used.
    assert len(load(tmp_path / "a.wav", duration_s=2.0)[0]) == 96_000


def test_all_links_of_a_chained_ogg_are_read(tmp_path):
    links = []
    for seed, n_samples in ((1, 44_100), (2, 30_000)):
        save(tmp_path / "a.ogg", np.stack([signals.music(n_samples, RATE, seed)] * 2), RATE)
        links.append((tmp_path / "a.ogg").read_bytes())
    chain = b"".join(links)
    audio, _ = load(chain, mono=False)
    expected = [load(link, mono=False)[0] for link in links]
    np.testing.assert_array_equal(audio, np.concatenate(expected, axis=1))
    assert audio.shape == (2, 74_100)
    assert probe(chain).duration_s == pytest.approx(74_100 / RATE)


def test_importing_audio_does_not_import_the_heavy_libraries():
    code = (
        "import sys, musiclib.audio;"
        "print([m for m in ('torch', 'librosa', 'scipy', 'numba') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"

"""Audio files written piece by piece."""

import numpy as np
import pytest

from musiclib.audio import AudioWriter, load, probe, save
from musiclib.errors import AudioError, AudioFileError
from musiclib.files import whole_file
from musiclib.metrics import si_sdr
from tests.codec_signals import RATE, music, stereo


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


def test_vorbis_in_pieces_sounds_the_same(tmp_path):
    with AudioWriter(tmp_path / "a.ogg", RATE, 1) as writer:
        for start in range(0, 2 * RATE, 7_001):
            writer.write(music(2.0)[None, start : start + 7_001])
    found = load(tmp_path / "a.ogg")[0]
    assert len(found) == 2 * RATE
    assert si_sdr(music(2.0), found) > 10


def test_what_is_beyond_full_scale_is_clipped_and_counted(tmp_path):
    audio = np.array([[0.5, 1.5, -2.0, 1.0]], np.float32)
    with AudioWriter(tmp_path / "a.wav", RATE, 1) as writer:
        writer.write(audio)
    assert writer.clipped == 2
    assert np.allclose(load(tmp_path / "a.wav")[0], [0.5, 1.0, -1.0, 1.0], atol=1e-4)
    with AudioWriter(tmp_path / "b.wav", RATE, 1, "FLOAT") as writer:
        writer.write(audio)
    assert writer.clipped == 0
    assert np.array_equal(load(tmp_path / "b.wav")[0], audio[0])


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
    with pytest.raises(ZeroDivisionError), whole_file(tmp_path / "b") as file:
        file.write(bytes([1 // 0]))
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
    assert (tmp_path / "a.wav").read_bytes() == b"old"


def test_formats_that_do_not_go_together(tmp_path):
    with pytest.raises(AudioError, match=r"\.wav, \.flac or \.ogg"):
        AudioWriter(tmp_path / "a.mp3", RATE, 1)
    with pytest.raises(AudioError, match="FLOAT"):
        AudioWriter(tmp_path / "a.flac", RATE, 1, "FLOAT")
    with pytest.raises(AudioFileError, match="Create it"):
        AudioWriter(tmp_path / "none" / "a.wav", RATE, 1)
    with (
        pytest.raises(AudioFileError, match="10000000 Hz"),
        AudioWriter(tmp_path / "a.flac", 10_000_000, 1),
    ):
        pass

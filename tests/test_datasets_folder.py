"""Any folder of audio: odd names, broken files, links, tiny folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from musiclib.datasets import open_dataset, shared_artists
from musiclib.errors import DatasetError

RATE = 8_000


def write(path: Path, seconds: float = 0.1, **tags: str) -> None:
    """Write a tone as WAV, or as tagged FLAC."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        for key, value in tags.items():
            if value:
                setattr(file, key, value)
        file.write(0.2 * np.sin(np.arange(int(seconds * RATE)) * 0.3))


@pytest.fixture
def music(tmp_path):
    """Return a folder of 20 files, two genres, no tags."""
    for number in range(20):
        write(tmp_path / "music" / ("jazz", "metal")[number % 2] / f"{number:02d}.wav")
    return tmp_path / "music"


def test_genre_by_first_subfolder_and_all_three_parts(music):
    write(music / "jazz" / "album" / "deep.wav")
    write(music / "loose.wav", 0.5)
    dataset = open_dataset("folder", music)
    assert dataset.genres == ["jazz", "metal", "unknown"]
    assert dataset.tracks.loc["jazz/album/deep.wav", "genre"] == "jazz"
    assert dataset.tracks.loc["loose.wav", "genre"] == "unknown"
    assert dataset.tracks.loc["loose.wav", "duration_s"] == pytest.approx(0.5)
    assert set(dataset.tracks["split"]) == {"train", "validation", "test"}
    assert (dataset.tracks["split"] == "test").mean() == pytest.approx(0.3, abs=0.05)
    assert dataset.clip("loose.wav", RATE).seconds == pytest.approx(0.5)
    assert dataset.skipped.empty


def test_artists_from_tags_stay_on_one_side(music):
    for number in range(12):
        artist = ("The Trio", "the  TRIO!", "Anna", "Различные", "Various Artists", "")[number % 6]
        write(music / "jazz" / f"t{number}.flac", artist=artist, title=f"Song {number}")
    tracks = open_dataset("folder", music).tracks
    assert tracks.loc["jazz/t0.flac", "title"] == "Song 0"
    assert tracks.loc["jazz/t0.flac", "artist"] == "The Trio"
    groups = tracks["artist_group"]
    assert groups["jazz/t0.flac"] == groups["jazz/t1.flac"] == groups["jazz/t6.flac"]
    # A compilation's "artist" is nobody; each of its files stands alone.
    assert groups["jazz/t4.flac"] != groups["jazz/t10.flac"]
    assert groups["jazz/t5.flac"] != groups["jazz/t11.flac"]
    assert groups["jazz/t3.flac"] == groups["jazz/t9.flac"]
    assert shared_artists(tracks) == []


def test_unreadable_files_are_listed_with_a_warning(music):
    (music / "jazz" / "empty.mp3").write_bytes(b"")
    (music / "jazz" / "noise.flac").write_bytes(np.random.default_rng(0).bytes(5_000))
    (music / "jazz" / "text.wav").write_text("not audio")
    with pytest.warns(UserWarning, match="3 of 23 audio files cannot be read"):
        dataset = open_dataset("folder", music)
    assert list(dataset.skipped.index) == ["jazz/empty.mp3", "jazz/noise.flac", "jazz/text.wav"]
    assert dataset.skipped["reason"].str.len().min() > 5
    assert len(dataset) == 20


def test_one_album_is_split_by_file_with_a_warning(tmp_path):
    for number in range(10):
        write(tmp_path / "x" / f"{number}.flac", artist="Anna")
    with pytest.warns(UserWarning, match=r"by 1 artist\(s\) cannot be split by artist"):
        dataset = open_dataset("folder", tmp_path)
    assert (dataset.tracks["split"] == "test").sum() == 3
    assert set(dataset.tracks["artist"]) == {"Anna"}


def test_what_is_no_music_folder_is_said(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    for root, message in (
        (None, "needs data_root"),
        (tmp_path / "none", "no such folder"),
        (tmp_path / "a.txt", "no such folder"),
        (tmp_path, "no audio files"),
    ):
        with pytest.raises(DatasetError, match=message):
            open_dataset("folder", root)
    (tmp_path / "a.wav").write_text("x")
    with (
        pytest.warns(UserWarning, match="cannot be read"),
        pytest.raises(DatasetError, match="none of the 1"),
    ):
        open_dataset("folder", tmp_path)

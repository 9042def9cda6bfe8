"""The bundled data: every file, table and licence of `data/mini` and `data/stereo`."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from musiclib.audio import HOUSE_RATE, loudness_lufs
from musiclib.files import sha256_of

MINI = Path(__file__).parents[1] / "data" / "mini"
COUNTS = {
    "orchestral": (25, 11),
    "folk_world": (25, 11),
    "rock_metal": (25, 11),
    "electronic": (25, 11),
    "ambient": (25, 11),
    "chiptune": (13, 3),
    "jazz_lounge": (11, 5),
}


def table(name: str) -> list[dict[str, str]]:
    with (MINI / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


TRACKS = table("tracks.csv")


def test_genres_and_parts_have_their_sizes():
    counted = Counter((row["genre"], row["split"]) for row in TRACKS)
    found = {genre: (counted[genre, "train"], counted[genre, "test"]) for genre, _ in counted}
    assert found == COUNTS
    assert len({row["track_id"] for row in TRACKS}) == len(TRACKS) == 212


def test_no_artist_group_is_in_both_parts():
    groups, artists = defaultdict(set), defaultdict(set)
    for row in TRACKS:
        groups[row["split"]].add(row["artist_group"])
        if row["artist"] != "Unknown":
            artists[row["split"]].add(row["artist"].casefold())
    assert not groups["train"] & groups["test"]
    assert not artists["train"] & artists["test"]
    assert len(groups["train"] | groups["test"]) == 105
    assert all(row["artist_group"] for row in TRACKS)


def test_every_file_has_its_checksum():
    wrong = [row["file"] for row in TRACKS if sha256_of(MINI / row["file"]) != row["sha256"]]
    assert not wrong


def test_every_clip_has_one_format_and_tags_that_do_not_tell_the_genre():
    for row in TRACKS:
        expected = ("FLAC", "PCM_16") if row["split"] == "test" else ("OGG", "VORBIS")
        with soundfile.SoundFile(MINI / row["file"]) as clip:
            assert (clip.format, clip.subtype) == expected, row["file"]
            shape = clip.samplerate, clip.channels, clip.frames
            tags = clip.copy_metadata()
        assert shape == (HOUSE_RATE, 1, 30 * HOUSE_RATE)
        assert "genre" not in tags
        assert (tags["title"], tags["artist"]) == (row["title"], row["artist"]), row["file"]
        assert tags["license"] == row["licence"]


def test_clips_have_the_common_loudness():
    # A few of each genre: checksums tell that all are what `scripts/` made, and its tests the rest.
    for row in TRACKS[::18]:
        audio, _ = soundfile.read(MINI / row["file"], dtype="float32")
        assert loudness_lufs(audio, HOUSE_RATE) == pytest.approx(-24.0, abs=0.1), row["file"]
        assert float(np.max(np.abs(audio))) < 1.0, row["file"]
        assert abs(float(np.mean(audio))) < 1e-3, row["file"]


def test_every_licence_has_its_text():
    for licence in {part for row in TRACKS for part in row["licence"].split(" OR ")}:
        name = re.sub("-(only|or-later)$", "", licence)
        assert len((MINI / "LICENSES" / f"{name}.txt").read_text(encoding="utf-8")) > 500, licence


def test_every_package_has_its_copyright_file():
    folder = MINI / "LICENSES" / "packages"
    for package in table("packages.csv"):
        for notice in filter(None, ["copyright", *package["notices"].split(";")]):
            name = f"{package['package']}.{Path(notice.removesuffix('.gz')).name}"
            assert (folder / name).stat().st_size > 300, name


def test_every_clip_is_attributed():
    lines = (MINI / "ATTRIBUTION.md").read_text(encoding="utf-8").splitlines()
    for row in TRACKS:
        (line,) = [line for line in lines if line.startswith(f"- `{row['file']}`")]
        for key in ("title", "artist", "licence", "package", "version"):
            assert row[key], (row["file"], key)
            assert row[key] in line


FOLDER = Path(__file__).parents[1] / "data" / "stereo"


def test_the_stereo_clip_is_a_test_piece_of_the_bundled_music_and_its_channels_differ():
    (row,) = pd.read_csv(FOLDER / "tracks.csv", dtype=str).to_dict("records")
    file = FOLDER / row["file"]
    assert sha256_of(file) == row["sha256"]
    samples, rate = soundfile.read(file)
    assert (rate, samples.shape) == (44_100, (441_000, 2))
    left, right = samples.T
    assert 0 < np.std(left - right) < np.std(left + right)
    same = pd.read_csv(MINI / "tracks.csv", dtype=str).query("path == @row['path']")
    for column in ("split", "artist", "artist_group", "title", "licence", "package", "version"):
        assert list(same[column]) == [row[column]]

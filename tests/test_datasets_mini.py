"""The bundled music, and the table that all data sets share."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
import soundfile

from musiclib.cli.main import main
from musiclib.datasets import DATASET_NAMES, open_dataset, shared_artists
from musiclib.datasets.tracks import COLUMNS
from musiclib.errors import DatasetError


@pytest.fixture
def small(tmp_path):
    """Return a folder laid out like the bundled music: 24 clips of 0.2 s, tones by number."""
    rows = []
    for number in range(24):
        split = "test" if number % 3 == 0 else "train"
        file = tmp_path / "mini" / split / f"t{number:02d}.flac"
        file.parent.mkdir(parents=True, exist_ok=True)
        tone = 0.3 * np.sin(2 * np.pi * 100 * (number + 1) * np.arange(4_800) / 24_000)
        soundfile.write(file, tone, 24_000)
        rows.append(
            {
                "track_id": f"t{number:02d}",
                "split": split,
                "genre": ("ambient", "chiptune")[number % 2],
                "artist": f"Artist {number}",
                "artist_group": f"a{number}",
                "title": "007",
                "licence": "CC0-1.0",
                "path": "/usr/share/games/x.ogg",
                "file": f"{split}/t{number:02d}.flac",
                "duration_s": "0.2",
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            }
        )
    pd.DataFrame(rows).to_csv(tmp_path / "mini" / "tracks.csv", index=False)
    return tmp_path / "mini"


def test_bundled_music_is_found_split_by_artist_and_has_its_files():
    dataset = open_dataset("mini")
    assert len(dataset) == 212
    assert list(dataset.tracks.columns[: len(COLUMNS)]) == list(COLUMNS)
    counts = dataset.tracks["split"].value_counts()
    learned = counts["train"] + counts["validation"]
    assert counts["validation"] / learned == pytest.approx(0.15, abs=0.03)
    # The part that the shipped models were not trained on.
    held_out = " ".join(sorted(dataset.part("validation").tracks.index))
    assert hashlib.sha256(held_out.encode()).hexdigest()[:16] == "3dd56a5ad68435b3"
    assert shared_artists(dataset.tracks) == []
    assert all((dataset.root / path).is_file() for path in dataset.tracks["path"])
    assert len(dataset.genres) == 7


def test_seed_moves_a_new_split_and_not_the_official_one(small):
    first, second = (open_dataset("mini", small, seed=seed).tracks["split"] for seed in (0, 1))
    assert (first == second).all()
    resplit, other = (
        open_dataset("mini", small, seed=seed, split="70-30").tracks["split"] for seed in (0, 1)
    )
    assert (resplit != other).any()
    assert ((resplit == "test") != (first == "test")).any()
    assert (resplit == "test").mean() == pytest.approx(0.3, abs=0.05)


def test_selections(small):
    dataset = open_dataset("mini", small)
    assert list(dataset.select(track_ids=["t05", "t02"]).tracks.index) == ["t02", "t05"]
    chosen = dataset.select(per_genre=3)
    assert chosen.tracks["genre"].value_counts().to_dict() == {"ambient": 3, "chiptune": 3}
    assert list(chosen.tracks.index) != list(dataset.select(per_genre=3, seed=1).tracks.index)
    assert list(chosen.tracks.index) == sorted(chosen.tracks.index)
    assert set(dataset.part("test").tracks["split"]) == {"test"}
    for bad in ({"track_ids": ["x"]}, {"per_genre": 0}, {"track_ids": []}):
        with pytest.raises(DatasetError):
            dataset.select(**bad)
    with pytest.raises(DatasetError, match="no test tracks"):
        dataset.select(track_ids=["t01"]).part("test")
    with pytest.raises(DatasetError, match="unknown split 'dev'"):
        dataset.part("dev")


def test_names_splits_and_columns_are_checked(small, tmp_path):
    table = pd.read_csv(small / "tracks.csv", dtype=str)
    for column in ("track_id", "artist", "split", "file"):
        table.drop(columns=column).to_csv(small / "tracks.csv", index=False)
        with pytest.raises(DatasetError, match="path" if column == "file" else column):
            open_dataset("mini", small)
    with pytest.raises(DatasetError, match=r"unknown data set 'maxi'.*mini"):
        open_dataset("maxi")
    with pytest.raises(DatasetError, match="unknown split"):
        open_dataset("mini", split="80-20")
    with pytest.raises(DatasetError, match="no official split"):
        open_dataset("folder", tmp_path, split="official")


def test_commands_list_and_check(small, capsys):
    assert main(["data", "list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in DATASET_NAMES)
    assert main(["data", "list", "mini", "--root", str(small)]) == 0
    assert "0 of them in more than one split" in capsys.readouterr().out
    assert main(["data", "check", "mini", "--root", str(small)]) == 0
    (small / "test" / "t03.flac").unlink()
    (small / "train" / "t04.flac").write_bytes(b"x")
    assert main(["data", "check", "mini", "--root", str(small)]) == 1
    out = capsys.readouterr().out
    assert "2 problems" in out
    assert "t04.flac: wrong SHA256" in out
    assert main(["data", "list", "fma_small", "--root", str(small)]) == 2

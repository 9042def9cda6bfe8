"""Trained models by name: shipped ones, and those that a chapter trains itself."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest
import soundfile

from musiclib.datasets import open_dataset
from musiclib.errors import CheckpointError
from musiclib.training import (
    checkpoint,
    find_shipped,
    shipped_files,
    shipped_folder,
    trained,
    weights_digest,
)
from musiclib.training.config import POST_FILTER
from musiclib.training.data import SegmentLoader
from musiclib.training.trained import PACKAGED
from tests.training_fixture import music

__all__ = ["music"]
NAME = "pca-4"


def test_smoke_trains_on_the_given_music_and_keeps_the_result(music):
    first = trained("shallow-4", music, "smoke")
    changed = first.path.stat().st_mtime_ns
    second = trained("shallow-4", music, "smoke")
    assert second.path == first.path
    assert second.path.stat().st_mtime_ns == changed
    assert weights_digest(second.build()) == weights_digest(first.build())
    assert first.record["data"]["dataset"] == "folder"
    assert first.record["training"]["steps"] == 4


def test_mini_reads_the_shipped_checkpoint_whatever_the_music(music, tmp_path, monkeypatch):
    made = trained(NAME, music, "smoke")
    folder = tmp_path / "shipped"
    folder.mkdir()
    checkpoint.save(folder / NAME, made.tensors, made.record)
    monkeypatch.setenv("MUSICLIB_CHECKPOINTS", str(folder))
    assert shipped_folder() == folder
    found = trained(NAME, music)
    assert found.path == folder / f"{NAME}.safetensors"
    assert not found.build().training


def test_a_model_of_ones_own_stands_in_for_a_shipped_one(music, tmp_path, monkeypatch):
    monkeypatch.delenv("MUSICLIB_CHECKPOINTS", raising=False)
    weights, tables = f"{POST_FILTER}.safetensors", "codec-tables.npz"
    assert find_shipped(weights) == PACKAGED / weights
    assert {weights, tables, "codec-tables-static.npz", "pca-16.safetensors"} <= {
        path.name for path in shipped_files()
    }
    monkeypatch.setenv("MUSICLIB_CHECKPOINTS", str(tmp_path))
    (tmp_path / tables).write_bytes(b"mine")
    (tmp_path / f"{NAME}.last.safetensors").write_bytes(b"half done")
    assert find_shipped(tables) == tmp_path / tables
    assert find_shipped(weights) == PACKAGED / weights
    latents = PACKAGED / "rate-18.safetensors"
    assert shipped_files() == [PACKAGED / weights, tmp_path / tables, latents]
    with pytest.raises(CheckpointError, match=r"the repository.*MUSICLIB_CHECKPOINTS"):
        trained(NAME, music)


@pytest.mark.parametrize("seed", [0, 1, 3])
def test_no_seed_brings_training_tracks_into_the_validation_part(seed, monkeypatch):
    """The record of a shipped model names its split by a checksum; every seed has that split."""
    monkeypatch.delenv("MUSICLIB_CHECKPOINTS", raising=False)
    mini = open_dataset("mini", seed=seed)
    found = trained("waveform-8", mini, "mini", seed)
    rate = found.model_config.sample_rate
    lengths = {}
    for track_id in mini.tracks.index:
        facts = soundfile.info(mini.file(track_id))
        assert facts.samplerate == rate  # so that no decoding is needed to know the length
        lengths[track_id] = facts.frames
    audio = SimpleNamespace(sample_rate=rate, lengths=pd.Series(lengths))
    print_ = SegmentLoader(mini.part("train"), mini.part("validation"), audio).fingerprint()
    assert print_["sha256"] == found.record["data"]["sha256"]


def test_a_split_that_holds_out_what_a_shipped_model_knows_is_refused(monkeypatch):
    monkeypatch.delenv("MUSICLIB_CHECKPOINTS", raising=False)
    with pytest.raises(CheckpointError, match="tracks that this split of mini holds out"):
        trained("waveform-8", open_dataset("mini", split="70-30", seed=3))
    mini = open_dataset("mini")
    trained("waveform-8", mini.part("train"))
    trained("waveform-8", mini.select(per_genre=2))


def test_a_checkpoint_of_another_recipe_is_refused(music, tmp_path, monkeypatch):
    made = trained("pca-8", music, "smoke")
    checkpoint.save(tmp_path / NAME, made.tensors, made.record)
    monkeypatch.setenv("MUSICLIB_CHECKPOINTS", str(tmp_path))
    with pytest.raises(CheckpointError, match="another model than the recipe 'pca-4'"):
        trained(NAME, music)

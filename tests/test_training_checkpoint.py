"""Checkpoints are whole, refused where damaged, and finished with what a codec needs."""

from __future__ import annotations

import errno
import json
import os
import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from musiclib.errors import CheckpointError
from musiclib.training import checkpoint, fit, load, load_model, weights_digest
from tests.training_fixture import TRAINING, TinyAutoencoder, music, tiny

__all__ = ["music"]
SHORT = replace(TRAINING, steps=12, validate_every=6, checkpoint_every=6)


@pytest.fixture(scope="module")
def trained(music, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "tiny.4"  # a name with a full stop
    model = tiny()
    fit(model, music, SHORT, out)
    return out, model


@pytest.fixture
def copy(trained, tmp_path):
    """A checkpoint to damage."""
    out, _ = trained
    for file in checkpoint.weights_path(out), checkpoint.record_path(out):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path / out.name


def test_a_loaded_model_gives_the_same_sound(trained, music):
    out, model = trained
    loaded = load_model(out)
    assert isinstance(loaded, TinyAutoencoder)
    assert not loaded.training
    tone = 0.3 * torch.sin(torch.arange(1024) * 0.2)[None]
    with torch.no_grad():
        expected = model(model.inputs(tone)).output  # the best is the last one here
        error = loaded(loaded.inputs(tone)).output - expected
    # Weights are kept as float16.
    assert 0 < error.square().mean() < 1e-5 * expected.square().mean()
    assert all(value.dtype == torch.float32 for value in loaded.state_dict().values())
    for suffix in (".safetensors", ".json"):
        assert weights_digest(load_model(f"{out}{suffix}")) == weights_digest(loaded)


def test_the_record_says_how_the_model_was_made(trained, music):
    out, model = trained
    record = json.loads(checkpoint.record_path(out).read_text())
    found = load(out)
    assert record == found.record
    assert found.model_config == model.config
    assert found.train_config == SHORT
    assert record["model"]["kind"] == "tiny"
    assert record["data"]["dataset"] == "folder"
    assert record["data"]["train_tracks"] == len(music.part("train"))
    assert record["data"]["validation_seconds"] == 2.0 * len(music.part("validation"))
    assert record["versions"]["torch"] == torch.__version__
    assert record["wall_time_s"] > 0
    assert str(music.root) not in json.dumps(record)
    assert [row["step"] for row in found.history.validation] == [6, 12]


def test_damage_is_noticed(copy):
    file = checkpoint.weights_path(copy)
    data = bytearray(file.read_bytes())
    for keep in (0, 200, -1):
        file.write_bytes(data[:keep])
        with pytest.raises(CheckpointError, match=r"tiny\.4\.safetensors is damaged.*train it"):
            load_model(copy)
    data[-5] ^= 1
    file.write_bytes(data)
    with pytest.raises(CheckpointError, match="wrong checksum"):
        load_model(copy)


def test_foreign_files_are_refused_and_run_no_code(copy, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "hacked"),)

    file = checkpoint.weights_path(copy)
    file.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(CheckpointError, match="no safetensors file"):
        load_model(copy)
    torch.save({"weights": Evil()}, file)
    with pytest.raises(CheckpointError, match="no safetensors file"):
        load_model(copy)
    assert not (tmp_path / "hacked").exists()
    save_file({"model.up.bias": torch.zeros(3)}, file)
    with pytest.raises(CheckpointError, match="not written by musiclib"):
        load_model(copy)
    with pytest.raises(CheckpointError, match="is not there"):
        load_model(tmp_path / "nothing")


def test_a_full_disk_leaves_the_old_checkpoint(copy, monkeypatch):
    found = load(copy)
    before = {file.name: file.read_bytes() for file in copy.parent.iterdir()}

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    changed = {name: value + 1 for name, value in found.tensors.items()}
    with pytest.raises(CheckpointError, match=r"tiny\.4\.safetensors cannot be written: No space"):
        checkpoint.save(copy, changed, found.record)
    assert {file.name: file.read_bytes() for file in copy.parent.iterdir()} == before


def test_a_training_of_another_configuration_is_not_resumed(music, tmp_path):
    out = tmp_path / "model"
    fit(tiny(), music, SHORT, out)
    for model, dataset, config, message in (
        (tiny(channels=3), music, SHORT, "model channels is 4, not 3"),
        (tiny(), music, replace(SHORT, steps=13), "training steps is 12, not 13"),
        (tiny(), music.select(track_ids=list(music.tracks.index[1:])), SHORT, "data "),
    ):
        with pytest.raises(CheckpointError, match=rf"model\.last\.safetensors is of.*{message}"):
            fit(model, dataset, config, out)

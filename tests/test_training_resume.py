"""A training that was killed ends like one that was left alone: bit for bit."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from musiclib.training import fit, load
from tests.training_fixture import TRAINING, files, music, tiny

__all__ = ["music"]
ROOT = Path(__file__).resolve().parent.parent


def kill(dataset, out, death):
    command = [sys.executable, "-m", "tests.training_fixture", str(dataset.root), str(out), death]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_killed_twice_ends_with_the_same_weights(music, tmp_path):
    undisturbed, killed = tmp_path / "a" / "model", tmp_path / "b" / "model"
    expected = fit(tiny(), music, TRAINING, undisturbed)
    steps = []
    # In the middle of a step; then in the middle of writing NAME.last, after the two files of NAME.
    for death in ("step:27", "write:2"):
        kill(music, killed, death)
        steps.append(load(f"{killed}.last").step)
    assert steps == [20, 20]
    assert load(killed).step == 30
    assert any(name.endswith(".part") for name in files(killed.parent))

    history = fit(tiny(seed=5), music, TRAINING, killed)
    for name in ("model", "model.last"):
        first, second = (load(folder.parent / name) for folder in (undisturbed, killed))
        assert first.tensors.keys() == second.tensors.keys()
        for key, value in first.tensors.items():
            assert torch.equal(value, second.tensors[key]), key
        assert first.step == second.step
    assert any(name.startswith("optimizer.") for name in first.tensors)
    assert files(killed.parent) == files(undisturbed.parent)

    assert [row["step"] for row in history.train] == list(range(4, 61, 4))
    assert [row["step"] for row in history.validation] == [15, 30, 45, 60]
    for made, wanted in (
        (history.train, expected.train),
        (history.validation, expected.validation),
    ):
        for row, other in zip(made, wanted, strict=True):
            assert {**row, "seconds": 0} == {**other, "seconds": 0}
        seconds = [row["seconds"] for row in made]
        assert seconds == sorted(seconds)


@pytest.mark.parametrize("checkpoint_every", [7, 60])
def test_interrupted_anywhere_goes_on_as_if_nothing_happened(music, tmp_path, checkpoint_every):
    """The same within one process, where an exception ends the first run."""

    config = replace(TRAINING, checkpoint_every=checkpoint_every)
    fit(tiny(), music, config, tmp_path / "whole")
    broken = tiny()
    broken.register_forward_pre_hook(lambda *_: 1 / 0 if broken.steps_seen == 33 else None)
    with pytest.raises(ZeroDivisionError):
        fit(broken, music, config, tmp_path / "cut")
    assert load(tmp_path / "cut.last").step == 33 // checkpoint_every * checkpoint_every
    history = fit(tiny(), music, config, tmp_path / "cut")
    whole, cut = load(tmp_path / "whole"), load(tmp_path / "cut")
    assert whole.record["tensors_sha256"] == cut.record["tensors_sha256"]
    assert len(history.train) == 15


def test_a_complete_training_is_not_repeated(music, tmp_path):
    history = fit(tiny(), music, TRAINING, tmp_path / "model")
    (tmp_path / "model.last.json").write_text("{")  # a copy for readers; nothing depends on it
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.is_file()}
    again = fit(tiny(seed=9), music, TRAINING, tmp_path / "model")
    assert again == history
    kept = {path: path.stat().st_mtime_ns for path in before if path.suffix != ".lock"}
    assert kept == {path: before[path] for path in kept}


def test_restart_replaces_everything(music, tmp_path):

    fit(tiny(), music, TRAINING, tmp_path / "model")
    short = replace(TRAINING, steps=6)
    history = fit(tiny(), music, short, tmp_path / "model", resume=False)
    assert [row["step"] for row in history.validation] == [6]
    assert load(tmp_path / "model").step == load(tmp_path / "model.last").step == 6
    record = json.loads((tmp_path / "model.json").read_text())
    assert record["training"]["steps"] == 6

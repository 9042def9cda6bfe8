"""One loop: it learns, repeats itself, and goes on wherever it was killed."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from musiclib.errors import TrainingError
from musiclib.training import TrainConfig, fit, load, load_model
from musiclib.training.data import SegmentLoader
from tests.training_fixture import RATE, TRAINING, files, music, tiny

__all__ = ["music"]


def tone_error(model) -> float:
    """Error of a tone that is none of the music's, relative to its power."""
    tone = 0.3 * torch.sin(2 * math.pi * 345.0 / RATE * torch.arange(1024))[None]
    with torch.no_grad():
        target = model.inputs(model.peak_normalize(tone)[0])
        return float((model(target).output - target).square().mean() / target.square().mean())


def sums(out) -> str:
    return load(out).record["tensors_sha256"]


def test_a_trained_model_rebuilds_a_tone(music, tmp_path):
    before = tone_error(tiny().eval())
    history = fit(tiny(), music, replace(TRAINING, steps=150), tmp_path / "model")
    assert history.train[-1]["loss"] < 0.4 * history.train[0]["loss"]
    assert history.validation[-1]["loss"] < 0.4 * history.validation[0]["loss"]
    assert tone_error(load_model(tmp_path / "model")) < 0.1 * before


def test_the_best_is_the_best(music, tmp_path):
    config = replace(TRAINING, validate_every=3, schedule="constant")
    history = fit(tiny(turns_at=40), music, config, tmp_path / "model")
    losses = [row["loss"] for row in history.validation]
    best = history.best
    assert best["loss"] == min(losses) < 0.5 * losses[-1]
    assert best["step"] in (39, 42, 45)
    assert load(tmp_path / "model").step == best["step"] < config.steps
    assert load(tmp_path / "model.last").step == config.steps
    assert len(load(tmp_path / "model").history.validation) == len(losses)

    model = load_model(tmp_path / "model")
    batches = list(SegmentLoader.open(music, RATE).validation_batches(config))
    with torch.no_grad():
        values = [float(model.evaluation_step(audio).total) * len(audio) for audio in batches]
    # The best weights are kept as float16.
    assert sum(values) / sum(map(len, batches)) == pytest.approx(best["loss"], rel=1e-3)


def test_the_history_has_every_step_once(music, tmp_path):
    config = replace(TRAINING, steps=31, log_every=5, validate_every=10)
    history = fit(tiny(), music, config, tmp_path / "model")
    assert [row["step"] for row in history.train] == [5, 10, 15, 20, 25, 30, 31]
    assert [row["step"] for row in history.validation] == [10, 20, 30, 31]
    for row in history.train:
        assert row["learning_rate"] == config.learning_rate_at(row["step"] - 1)
    assert set(history.validation[0]) == {"step", "loss", "square", "seconds"}
    every = fit(tiny(), music, replace(config, log_every=1), tmp_path / "other")
    losses = [row["loss"] for row in every.train[5:10]]
    assert history.train[1]["loss"] == pytest.approx(sum(losses) / 5, rel=1e-12)
    assert load(tmp_path / "model").history == history


def test_the_learning_rate_warms_up_and_falls():
    config = TrainConfig(steps=1000, learning_rate=0.1, warmup_steps=100, final_fraction=0.01)
    rates = [config.learning_rate_at(step) for step in range(1000)]
    assert max(rates) == rates[100] == pytest.approx(0.1)
    assert rates[:101] == sorted(rates[:101])
    assert rates[100:] == sorted(rates[100:], reverse=True)
    assert rates[-1] == pytest.approx(0.001, rel=0.01)
    assert replace(config, schedule="constant").learning_rate_at(999) == 0.1


def test_seeds_decide(music, tmp_path):
    config = replace(TRAINING, steps=20)
    fit(tiny(), music, config, tmp_path / "a")
    torch.rand(7)  # what happened before must not matter
    fit(tiny(), music, config, tmp_path / "b")
    fit(tiny(), music, replace(config, seed=1), tmp_path / "c")
    fit(tiny(seed=1), music, config, tmp_path / "d")
    # Neither must looking more often.
    fit(tiny(), music, replace(config, validate_every=7, log_every=3), tmp_path / "e")
    first = sums(tmp_path / "a.last")
    assert sums(tmp_path / "b.last") == sums(tmp_path / "e.last") == first
    assert len({first, sums(tmp_path / "c.last"), sums(tmp_path / "d.last")}) == 3


def test_a_loss_that_is_no_number_stops(music, tmp_path):
    out = tmp_path / "model"
    with pytest.raises(TrainingError, match=r"model is not finite after 46 steps.*learning rate"):
        fit(tiny(breaks_at=47), music, TRAINING, out)
    last = load(f"{out}.last")
    assert last.step == 40
    assert all(bool(torch.isfinite(value).all()) for value in last.tensors.values())
    assert load(out).step == 45
    assert files(tmp_path) == {
        f"model{end}" for end in (".safetensors", ".json", ".last.safetensors", ".last.json")
    }


def test_what_needs_no_steps_is_prepared_and_kept(music, tmp_path):
    model = tiny()
    history = fit(model, music, replace(TRAINING, steps=0), tmp_path / "model")
    assert history.train == []
    assert [row["step"] for row in history.validation] == [0]
    loaded = load_model(tmp_path / "model")
    segments = SegmentLoader.open(music, RATE).batches(TRAINING)
    heard = torch.cat([loaded.peak_normalize(next(segments))[0] for _ in range(2)])
    assert float(loaded.scale) == pytest.approx(float(heard.std()))
    assert fit(tiny(), music, replace(TRAINING, steps=0), tmp_path / "model") == history
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(TrainingError, match="set steps to 0"):
        fit(model, music, TRAINING, tmp_path / "other")


def test_killed_twice_ends_with_the_same_weights(music, tmp_path):
    undisturbed, killed = tmp_path / "a" / "model", tmp_path / "b" / "model"
    expected = fit(tiny(), music, TRAINING, undisturbed)
    # In the middle of a step, after step 20 was kept; then, at step 30, in the middle of writing
    # NAME.last, after the two files of NAME.
    deaths = ("step:27", "write:2")
    command = [sys.executable, "-m", "tests.training_fixture", music.root, killed, *deaths]
    cwd = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert load(f"{killed}.last").step == 20
    assert load(killed).step == 30
    assert len(files(killed.parent)) == len(files(undisturbed.parent)) + 1

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

"""`musiclib train`: every recipe runs in seconds, and every mistake gets one line."""

import json
import subprocess
import sys

import pytest
import torch

from musiclib import cli
from musiclib.cli import train
from musiclib.codecs.melic.entropy import ContextTables
from musiclib.datasets import DATASET_NAMES
from musiclib.models import MODELS
from musiclib.training import config, load, load_model
from musiclib.training.config import PRECISIONS
from musiclib.training.loop import ACCELERATORS
from tests.training_fixture import files, music

__all__ = ["music"]


def smoke(music, name, out):
    source = f"--dataset folder --data-root {music.root}"
    return f"train {name} {source} --profile smoke --out {out} --device cpu"


def one_of_each_kind() -> list[str]:
    """The last plain recipe of each kind of model: the smallest, or that with the most to it."""
    plain = {
        n: r.model.kind for n, r in config.RECIPES.items() if r.model.bottleneck.kind == "plain"
    }
    return list({kind: name for name, kind in plain.items()}.values())


@pytest.mark.parametrize("name", one_of_each_kind())
def test_every_kind_of_model_trains_in_a_moment(run, music, tmp_path, name):
    code, out, err = run(smoke(music, name, tmp_path / "new" / name))
    assert (code, err) == (0, "")
    steps = 0 if config.RECIPES[name].training.steps == 0 else 4
    assert f"{name}.safetensors: validation loss" in out
    assert f" of {steps}, " in out
    record = json.loads((tmp_path / "new" / f"{name}.json").read_text())
    assert record["training"]["steps"] == steps
    assert record["training"]["precision"] in ("32-true", "bf16-mixed")
    assert record["data"]["dataset"] == "folder"
    model = load_model(tmp_path / "new" / name)
    assert model.config == config.RECIPES[name].model
    audio = torch.from_numpy(music.clip(music.tracks.index[0], model.config.sample_rate).audio)
    with torch.no_grad():
        losses = model.evaluation_step(audio[None])
    assert bool(torch.isfinite(losses.total))


def test_recipes_cover_all_models():
    assert {item.model.kind for item in config.RECIPES.values()} == set(MODELS) - {"tiny"}
    for item in config.RECIPES.values():
        assert item.configs("retrain") == item.configs("mini")
        model, training = item.configs("smoke", seed=3)
        assert (model, training.seed) == (item.model, 3)
        assert training.steps <= 4


def test_options_and_repetition(run, music, tmp_path):
    words = smoke(music, "pca-4", tmp_path / "model")
    code, first, _ = run(f"{words} --seed 2 --batch-size 3 --threads 1")
    assert code == 0
    training = load(tmp_path / "model").train_config
    assert (training.seed, training.batch_size) == (2, 3)
    assert run(f"{words} --seed 2 --batch-size 3")[1] == first
    code, _, err = run(f"{words} --seed 2 --batch-size 4")
    assert code == 2
    assert "batch_size is 3, not 4" in err
    assert "--restart" in err
    code, _, err = run(f"{words} --seed 2 --batch-size 4 --restart")
    assert (code, err) == (0, "")
    assert load(tmp_path / "model").train_config.batch_size == 4


def test_list(run):
    code, out, err = run("train --list")
    assert (code, err) == (0, "")
    names = [line.split()[0] for line in out.splitlines()]
    assert {line.split()[1] for line in out.splitlines()} == {"mini", "debian"}
    assert names == [*config.RECIPES, "codec-tables"]


def test_choices_are_those_of_training():
    assert (train.PRECISIONS, train.DEVICES) == (PRECISIONS, ACCELERATORS)
    assert (cli.PROFILES, cli.DATASETS) == (config.PROFILES, DATASET_NAMES)
    of_recipes = {name: recipe.dataset for name, recipe in config.RECIPES.items()}
    assert {**of_recipes, train.TABLES: config.CORPUS} == train.DATASET_OF


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "train --list"),
        ("frequency-65", "did you mean frequency-64"),
        ("opera", "no model 'opera'"),
        ("pca-4 --steps 5", "set steps to 0"),
        ("deep-4 --learning-rate -1", "not a positive number"),
        ("deep-4 --steps -1", "'-1' is not a whole number"),
        ("deep-4 --dataset vinyl", "'vinyl'"),
        ("deep-4 --device abacus", "invalid choice"),
    ],
)
def test_mistakes_get_one_line(refused, music, tmp_path, words, message):
    source = f"--dataset folder --data-root {music.root}" if words else ""
    refused(f"train {source} {words} --out {tmp_path}/x/model", message)
    assert not (tmp_path / "x").exists() or not files(tmp_path / "x")


def test_a_folder_is_no_name(refused, music, tmp_path):
    refused(smoke(music, "pca-4", tmp_path), f"{tmp_path / 'pca-4'}")


def test_two_processes_share_the_batches(music, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    start = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    words = smoke(music, "shallow-4", tmp_path / "model") + " --batch-size 4"
    command = [*start, "-m", "musiclib.cli.main", *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("validation loss") == 1
    shared = load(tmp_path / "model.last")
    assert shared.record["machine"]["processes"] == 2
    assert shared.step == 4


def test_tables_of_the_codec_are_trained_like_a_model(run, music, tmp_path):
    words = smoke(music, "codec-tables", tmp_path / "tables")
    code, text, err = run(words)
    assert (code, err) == (0, "")
    assert "tables.npz" in text
    found = ContextTables.load(tmp_path / "tables.npz")
    assert found.record["segments"] == 4
    assert found.record["data"]["dataset"] == "folder"
    assert (tmp_path / "tables-static.npz").is_file()
    digest = found.digest
    code, _, err = run(words)
    assert code == 2
    assert "--restart" in err
    code, _, _ = run(f"{words} --restart")
    assert code == 0
    assert ContextTables.load(tmp_path / "tables.npz").digest == digest

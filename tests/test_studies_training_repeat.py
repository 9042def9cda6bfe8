"""Trainings that the chapter makes: again, interrupted, with other seeds; both parts of music."""

import numpy as np
import pandas as pd
import pytest
import torch

from musiclib.models import FrequencyConfig, WaveformConfig
from musiclib.studies.training import equal_terms, findings, repeat, runs
from musiclib.training import Checkpoint, new_model
from musiclib.training.recipes import recipe
from musiclib.training.trained import trained
from tests.training_fixture import music

__all__ = ["music"]  # a fixture


def test_the_same_training_gives_the_same_weights(music):
    few = repeat.few_tracks(music, per_genre=2)
    assert set(few.tracks["split"]) == {"train", "validation"}
    found = repeat.trials(few, 4, seed=5, name="shallow-4")
    assert [trial.label for trial in found[:3]] == ["first", "again", "interrupted"]
    assert len({trial.digest for trial in found[:3]}) == 1
    assert len({trial.digest for trial in found}) == 1 + repeat.OTHER_SEEDS
    assert all(trial.history.validation[-1]["step"] == 4 for trial in found)
    table = repeat.trial_table(found)
    assert table["Same as first"].tolist() == ["yes"] * 3 + ["no"] * repeat.OTHER_SEEDS
    mean, deviation = repeat.seed_spread(found)
    losses = [found[0].validation, *(trial.validation for trial in found[3:])]
    assert mean == pytest.approx(np.mean(losses))
    assert deviation == pytest.approx(np.std(losses, ddof=1))
    words = findings.repeated(found)
    assert words["again"] == words["interrupted"] == "the same"
    assert words["seed_percent"] == pytest.approx(100 * deviation / mean)


def test_runs_are_read_from_checkpoints(music):
    found = runs.all_runs(music, "smoke", names=["shallow-4", "pca-4"])
    shallow, pca = found["shallow-4"], found["pca-4"]
    assert shallow.train.index.tolist() == [1, 2, 3, 4]
    assert shallow.validation.index.tolist() == [2, 4]
    assert shallow.parameters == 513 * 4 + 4 + 4 * 513 + 513
    assert shallow.n_bytes > 2 * shallow.parameters
    assert pca.train.empty
    assert pca.parameters == 0
    assert pd.notna(pca.validation["loss"].iloc[0])


def test_a_difference_between_parts_has_an_interval():
    generator = np.random.default_rng(0)
    train, validation = generator.normal(0.0, 1.0, 60), generator.normal(2.0, 1.0, 40)
    found = equal_terms.difference_of_parts(train, validation)
    assert found.low < 2.0 < found.high
    assert found.low > 0.0
    same = equal_terms.difference_of_parts(train, generator.normal(0.0, 1.0, 40))
    assert same.low < 0.0 < same.high
    assert np.isnan(equal_terms.difference_of_parts(train[:1], validation).low)


@pytest.mark.parametrize("config", [WaveformConfig(width=8, blocks=0), FrequencyConfig(latent=4)])
def test_errors_are_in_decibels(config):
    model = new_model(config).eval()
    clip = np.random.default_rng(0).uniform(-0.3, 0.3, 8192).astype(np.float32)
    target = model.inputs(model.levelled(torch.from_numpy(clip)[None])[0])
    silent = config.kind == "waveform"
    # Silence has a noise-to-signal ratio of 0 dB; a perfect copy has no error.
    model.decode = lambda *_: 0.0 * target if silent else target
    assert equal_terms.errors_db(model, [clip])[0] == pytest.approx(0.0, abs=1e-3)


def test_overfitting_is_told_from_harder_music(monkeypatch):
    generator = np.random.default_rng(3)
    hard = {"train": generator.normal(0.0, 3.0, 30), "validation": generator.normal(4.0, 3.0, 30)}
    gap = {"pca-16": 0.0, "deep-16": 1.0, "wideband-64": 0.0}

    def measured(name, parts):
        noise = generator.normal(0.0, 0.1, (2, 30))
        return hard["train"] + noise[0], hard["validation"] + gap[name] + noise[1]

    class Named:
        def __init__(self, name):
            self.name = name

        def build(self):
            return self.name

    monkeypatch.setattr(equal_terms, "trained", lambda name, *_: Named(name))
    monkeypatch.setattr(equal_terms, "_measured", measured)
    found = equal_terms.overfitting(
        None, "mini", None, controls={"pca-16": ("deep-16", "wideband-64")}
    )
    assert found.loc["wideband-64", "difference"].mean > 2.0
    deep, wide = found.loc["deep-16", "beyond_control"], found.loc["wideband-64", "beyond_control"]
    assert deep.low < 1.0 < deep.high
    assert wide.low < 0.0 < wide.high
    assert found.loc["pca-16", "beyond_control"] is None


def test_what_was_heard_is_told_from_the_record(music):
    checkpoint = trained("pca-4", music, "smoke")
    assert isinstance(checkpoint, Checkpoint)
    assert equal_terms.has_heard(checkpoint, music)
    other = Checkpoint(
        checkpoint.path,
        checkpoint.tensors,
        {**checkpoint.record, "data": {**checkpoint.record["data"], "train_tracks": 1}},
    )
    assert not equal_terms.has_heard(other, music)
    parts = equal_terms.parts_of(music, 3, 1.0)
    assert 1 <= len(parts.train) <= 3
    assert all(len(clip) == 24_000 for clip in parts.train)
    assert recipe("pca-4").model == checkpoint.model_config

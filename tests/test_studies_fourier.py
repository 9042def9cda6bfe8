"""The chapter on Fourier: what it says about a model follows from its filters."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from musiclib.errors import ModelError
from musiclib.models import DeepConfig, WaveformConfig, build_model
from musiclib.studies.fourier import banks, capture, findings, layers, tables
from musiclib.studies.fourier.portrait import portrait
from musiclib.training import Checkpoint, TrainConfig, new_model
from tests.fourier_fixture import KERNEL, RATE, chirps

SMALL = WaveformConfig(filters=16, kernel=256, width=16, blocks=1)


def checkpoint_of(model: torch.nn.Module, seed: int = 0) -> Checkpoint:
    record = {
        "model": model.config.to_dict(),
        "training": TrainConfig(steps=7, seed=seed).to_dict(),
        "step": 7,
    }
    tensors = {f"model.{name}": value.clone() for name, value in model.state_dict().items()}
    return Checkpoint(Path("none.safetensors"), tensors, record)


def trained_layer() -> layers.Layer:
    model = new_model(SMALL, 3)
    with torch.no_grad():
        model.analysis.weight[2] += 0.5
    return layers.layer("waveform-8", checkpoint_of(model, 3))


def test_layers_know_what_training_changed():
    found = trained_layer()
    assert found.steps == 7
    assert np.flatnonzero(np.any(found.change != 0.0, axis=1)).tolist() == [2]
    assert not np.any(found.synthesis_change)
    assert 0.0 < layers.newness(found) < 1.0
    with pytest.raises(ModelError, match="frames_deep"):
        layers.layer(
            "deep-16", checkpoint_of(build_model(DeepConfig(latent=4, n_fft=64, hop_length=32)))
        )


def test_other_filters_are_tried_and_taken_back():
    found = trained_layer()
    before = {name: value.clone() for name, value in found.model.state_dict().items()}
    given = layers.replacements(found, portrait(found.after, RATE))
    clips = chirps(2, 0.2)
    measured = capture.with_other_filters(found.model, given, clips)
    for name, value in found.model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    own = measured["noise"][layers.OWN]
    with torch.no_grad():
        direct = [
            float(
                found.model.evaluation_step(torch.from_numpy(clip)[None]).terms[
                    "noise_to_signal_db"
                ]
            )
            for clip in clips
        ]
    np.testing.assert_allclose(own, direct, atol=1e-5)
    assert not np.allclose(measured["noise"]["none"], own, atol=1e-6)
    shown = tables.replaced(measured, layers.OWN)
    assert shown.loc[layers.OWN, "Noise worse by (dB)"] == "–"
    worse = findings.worse(measured, "noise", "none", layers.OWN)
    assert worse.mean == pytest.approx((measured["noise"]["none"] - own).mean())


def test_a_sequence_of_filters_has_one_level():
    bank = banks.fourier(8, KERNEL)
    sound = layers.sequence(bank, range(8), RATE)
    piece = KERNEL + 240
    assert sound.shape == (8 * piece,)
    levels = [np.sqrt(np.mean(sound[i * piece :][:KERNEL] ** 2)) for i in range(8)]
    np.testing.assert_allclose(levels, 0.1, rtol=1e-4)


def test_models_are_compared_by_both_layers():
    found = trained_layer()
    other = dataclasses.replace(found, name="other")
    numbers = findings.model_table({"waveform-8": found, "other": other})
    assert numbers.loc[("waveform-8", "last layer"), "new"] == 0.0
    assert tables.models(numbers).shape == (4, 5)

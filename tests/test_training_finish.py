"""The last touch to a training: half-size weights that sound the same, and a calibration."""

from dataclasses import replace

import pytest
import torch

from musiclib.models.calibration import Calibration
from musiclib.training import checkpoint, fit, load, new_model
from musiclib.training.checkpoint import CODEC
from musiclib.training.loop import halved
from tests.latent_fixture import CONFIGS
from tests.training_fixture import TRAINING, music, tiny

__all__ = ["music"]
SHORT = replace(TRAINING, steps=10, segment_s=0.256)


@pytest.mark.parametrize("kind", ["deep", "frequency", "waveform"])
def test_rounded_weights_sound_the_same(music, tmp_path, kind):
    config = replace(SHORT, validate_every=10)  # the best weights are the last ones
    fit(new_model(CONFIGS[kind]), music, config, tmp_path / kind)
    full, best = load(tmp_path / f"{kind}.last").build(), load(tmp_path / kind)
    half = best.build()
    assert best.path.stat().st_size < 0.75 * sum(
        4 * value.numel() for value in full.state_dict().values()
    )
    tone = 0.3 * torch.sin(torch.arange(4096) * 0.27)[None]
    with torch.no_grad():
        first, second = (model(model.inputs(tone)).output for model in (full, half))
    error = (first - second).square().mean() / first.square().mean()
    assert 0 < float(error) < 1e-5  # -50 dB


def test_what_does_not_fit_into_float16_stays():
    good = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    assert halved(good).dtype == torch.float16
    for kept in (good * 1e6, good * 1e-8, good[0], torch.arange(6).reshape(2, 3)):
        assert halved(kept) is kept
    assert halved(torch.zeros(2, 2)).dtype == torch.float16


def test_a_model_without_steps_is_calibrated_as_well(music, tmp_path):
    fit(new_model(CONFIGS["pca"]), music, replace(SHORT, steps=0), tmp_path / "pca")
    found = Calibration.from_tensors(load(tmp_path / "pca").tensors, CODEC)
    assert found.mean.shape == (CONFIGS["pca"].latent,)


def test_a_finished_training_gets_what_it_lacks(music, tmp_path):
    out = tmp_path / "model"
    history = fit(tiny(), music, SHORT, out)
    finished = load(out)
    # As checkpoints were before: the weights of training, and nothing else.
    last = load(f"{out}.last")
    bare = {name: last.tensors[name] for name in last.tensors if name.startswith("model.")}
    record = {key: value for key, value in finished.record.items() if key != "tensors_sha256"}
    checkpoint.save(out, bare, record)
    assert fit(tiny(), music, SHORT, out) == history
    again = load(out)
    assert again.record == finished.record
    assert again.record["best_loss"] == history.best["loss"]


def test_calibration_does_not_depend_on_what_was_interrupted(music, tmp_path):
    fit(tiny(), music, SHORT, tmp_path / "whole")
    broken = tiny()
    broken.register_forward_pre_hook(lambda *_: 1 / 0 if broken.steps_seen == 7 else None)
    config = replace(SHORT, checkpoint_every=5)
    with pytest.raises(ZeroDivisionError):
        fit(broken, music, config, tmp_path / "cut")
    fit(tiny(), music, config, tmp_path / "cut")
    first, second = (load(tmp_path / name).tensors for name in ("whole", "cut"))
    assert any(name.startswith(CODEC) for name in first)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)

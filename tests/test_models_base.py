"""What holds for every autoencoder: lengths, rates, silence, gradients, determinism."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
import torch

from musiclib.errors import ModelError
from musiclib.models import (
    MODELS,
    PEAK,
    Corruption,
    FrequencyConfig,
    WaveformConfig,
    build_model,
    config_from_dict,
    summary,
)
from tests.model_fixture import KINDS, LEARNED, RATE, SMALL, built, generator, music

every_kind = pytest.mark.parametrize("kind", KINDS)
every_learned = pytest.mark.parametrize("kind", LEARNED)


def test_small_models_cover_all_kinds() -> None:
    # The codec's own models work on its frames at its rate; their tests are their own.
    assert set(KINDS) == set(MODELS) - {"restorer", "learned-transform"}


@every_kind
@pytest.mark.parametrize("length", [1, 31, 100, 1000, 1024, 1025, 4097])
def test_outputs_have_the_inputs_length(kind: str, length: int) -> None:
    model = built(kind)
    with torch.no_grad():
        inputs = model.inputs(music()[:, :length])
        result = model(inputs)
    assert result.output.shape == inputs.shape
    assert result.latent.shape == (3, model.latent_channels, model.latent_frames(length))
    assert torch.isfinite(result.output).all()


@every_kind
def test_latents_have_the_promised_number_of_values_a_second(kind: str) -> None:
    model = built(kind, prepared=False)
    seconds = 40
    with torch.no_grad():
        latent = model.encode(model.inputs(torch.randn(1, RATE * seconds)))
    # One group more at the end is the most that padding may add.
    excess = latent.numel() - seconds * model.values_per_second
    assert 0 <= excess <= 2 * model.latent_channels
    assert model.nominal_kbps == pytest.approx(0.016 * model.values_per_second)


@pytest.mark.parametrize(("latent", "kbps"), [(512, 128.0), (64, 16.0), (32, 8.0)])
def test_original_reports_rates(latent: int, kbps: float) -> None:
    model = build_model(FrequencyConfig(latent=latent, width=4, blocks=1))
    # The report counts 126 groups in 8.192 s, without the frames that hang over the ends.
    assert model.nominal_kbps == kbps
    assert 126 * latent * 16 / 8.192 / 1000 == pytest.approx(kbps, rel=0.02)


@pytest.mark.parametrize("factor", [4, 8, 16, 32])
def test_waveform_models_keep_one_value_for_factor_samples(factor: int) -> None:
    model = build_model(WaveformConfig(factor=factor, width=8, filters=8, blocks=1))
    assert model.values_per_second == 24_000 / factor


@every_kind
def test_silence_and_near_silence_stay_finite(kind: str) -> None:
    model = built(kind)
    audio = torch.zeros(2, RATE)
    audio[1, 5] = 1e-20
    losses = model.training_step(audio, generator())
    assert torch.isfinite(losses.total)
    if model.trainable:
        losses.total.backward()
        for parameter in model.parameters():
            assert parameter.grad is None or torch.isfinite(parameter.grad).all()


@every_kind
def test_a_silent_training_set_can_be_prepared(kind: str) -> None:
    model = built(kind, prepared=False)
    model.prepare([torch.zeros(2, RATE)])
    assert torch.isfinite(model.evaluation_step(torch.zeros(1, RATE)).total)


@every_learned
def test_gradients_reach_every_parameter(kind: str) -> None:
    model = built(kind).train()
    model.training_step(music(), generator()).total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0.0, name


@every_kind
def test_bfloat16_comes_close_to_float32(kind: str) -> None:
    model = built(kind)
    exact = float(model.evaluation_step(music()).total.detach())
    with torch.autocast("cpu", torch.bfloat16):
        rough = model.evaluation_step(music()).total.detach()
    assert rough.dtype == torch.float32
    # The waveform's loss is in dB, the others are mean squares of standard values.
    assert float(rough) == pytest.approx(exact, abs=0.5 if kind == "waveform" else 0.02)


@every_learned
def test_bfloat16_has_gradients_on_any_processor(kind: str) -> None:
    model = built(kind).train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = model.training_step(music(), generator()).total
    loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@every_kind
def test_clips_of_a_batch_do_not_touch_each_other(kind: str) -> None:
    model = built(kind)
    inputs = model.inputs(music())
    with torch.no_grad():
        together = model(inputs)
        alone = model(inputs[1:2])
    torch.testing.assert_close(together.output[1:2], alone.output, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(together.latent[1:2], alone.latent, rtol=1e-4, atol=1e-5)


@every_kind
def test_encoding_and_decoding_are_deterministic(kind: str) -> None:
    model = built(kind)
    inputs = model.inputs(music())
    with torch.no_grad():
        first, second = (model.decode(model.encode(inputs), inputs.shape[-1]) for _ in range(2))
    assert torch.equal(first, second)


@every_kind
def test_trainings_decode_as_users_do(kind: str) -> None:
    model = built(kind)
    inputs = model.inputs(music()).detach()
    latent = model.encode(inputs).detach()
    with torch.no_grad():
        found = model.decode(latent, inputs.shape[-1])
    torch.testing.assert_close(
        found, model.decode(latent, inputs.shape[-1]).detach(), rtol=1e-5, atol=1e-5
    )


@every_kind
def test_a_seed_gives_the_same_model_and_step(kind: str) -> None:
    config = dataclasses.replace(
        SMALL[kind], corruption=Corruption("gaussian", 0.3), latent_noise=0.2
    )
    first, second = (built(config, seed=3) for _ in range(2))
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    steps = [model.training_step(music(), generator(7)).total for model in (first, second)]
    assert torch.equal(*steps)
    assert not torch.equal(steps[0], first.training_step(music(), generator(8)).total)


@every_kind
def test_evaluation_does_not_depend_on_the_level(kind: str) -> None:
    model = built(kind)
    with torch.no_grad():
        loud, quiet = (float(model.evaluation_step(gain * music()).total) for gain in (1.0, 0.01))
    assert quiet == pytest.approx(loud, rel=1e-3)


def test_levelling_brings_the_peak_to_its_place_and_says_how() -> None:
    model = built("frames_pca", prepared=False)
    audio = torch.stack([torch.zeros(50), torch.linspace(-0.5, 0.2, 50)])
    levelled, gain = model.levelled(audio)
    assert torch.equal(levelled[0], audio[0])
    assert gain[0] == 1.0
    assert float(levelled[1].abs().max()) == pytest.approx(PEAK)
    torch.testing.assert_close(levelled / gain, audio)


def test_latent_noise_has_the_width_of_a_quantiser_step() -> None:
    model = built(dataclasses.replace(SMALL["frames_pca"], latent_noise=0.5))
    added = model.noisy(torch.zeros(1, 6, 20_000), generator())
    assert added.abs().max() <= 0.25
    assert float(added.square().mean()) == pytest.approx(0.5**2 / 12, rel=0.05)
    assert torch.equal(model.noisy(added, None), added)


@every_kind
def test_configurations_survive_json(kind: str) -> None:
    for config in (MODELS[kind].config_type(), SMALL[kind]):
        changed = dataclasses.replace(config, corruption=Corruption("masking", 0.25))
        assert config_from_dict(json.loads(json.dumps(changed.to_dict()))) == changed


@every_kind
def test_state_goes_into_a_fresh_model(kind: str) -> None:
    model = built(kind)
    fresh = built(kind, seed=9, prepared=False)
    fresh.load_state_dict(model.state_dict())
    inputs = model.inputs(music())
    with torch.no_grad():
        assert torch.equal(model(inputs).output, fresh(fresh.inputs(music())).output)


def test_summary_counts_what_is_learned() -> None:
    model = built("frames_shallow", prepared=False)
    found = summary(model)
    assert found["parameters"] == 65 * 6 + 6 + 6 * 65 + 65
    assert found["by_part"] == {"encoder": 65 * 6 + 6, "decoder": 6 * 65 + 65}
    assert found["buffers"] == 65 + 1
    assert summary(built("frames_pca", prepared=False))["parameters"] == 0


def test_unknown_configurations_are_refused() -> None:
    with pytest.raises(ModelError, match="no model 'wavelet'"):
        config_from_dict({"kind": "wavelet"})
    with pytest.raises(ModelError, match="depth"):
        config_from_dict({"kind": "frequency", "depth": 3})
    with pytest.raises(ModelError, match="kind 'waveform'"):
        FrequencyConfig.from_dict({"kind": "waveform"})


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("frequency", {"latent": 0}),
        ("frequency", {"latent": 4000}),
        ("frequency", {"blocks": -1}),
        ("frequency", {"sample_rate": 0}),
        ("frequency", {"latent_noise": -1.0}),
        ("waveform", {"factor": 5}),
        ("waveform", {"kernel": 81}),
        ("waveform", {"time_weight": -1.0}),
        ("waveform", {"width": 0}),
        ("frames_pca", {"latent": 66}),
        ("frames_deep", {"hidden": ()}),
        ("frames_deep", {"activation": "sine"}),
        ("frames_lstm", {"hidden": 0}),
        ("frames_vae", {"beta": math.nan}),
    ],
)
def test_impossible_configurations_are_refused(kind: str, changes: dict[str, object]) -> None:
    with pytest.raises(ModelError):
        dataclasses.replace(SMALL[kind], **changes)  # type: ignore[arg-type]

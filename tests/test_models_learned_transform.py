"""The learned transform: it starts as the MDCT coder, rotations keep energy, its rate is real."""

from __future__ import annotations

import dataclasses

import constriction
import numpy as np
import pytest
import torch

from musiclib.errors import ModelError
from musiclib.models.learned_transform import (
    LARGEST_ANGLE,
    LearnedTransform,
    LearnedTransformConfig,
    ValueDensity,
    rotate,
    scaled,
)
from musiclib.models.transform import Frames, Setting, analyse, synthesise
from tests import signals

RATE = 24_000
SMALL = LearnedTransformConfig(angle_width=8, width=4)


def music(batch: int = 2, seconds: float = 0.4, seed: int = 0) -> torch.Tensor:
    rows = [signals.music(round(RATE * seconds), RATE, seed + row) for row in range(batch)]
    return torch.from_numpy(np.stack(rows)).float()


def built(config: LearnedTransformConfig = SMALL, shaken: float = 0.0) -> LearnedTransform:
    """A model as it starts, or with all weights moved by noise of a size."""
    torch.manual_seed(0)
    model = LearnedTransform(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(shaken * torch.randn(parameter.shape))
    return model


@pytest.mark.parametrize("gain", [0, 90, 150, 215])
@pytest.mark.parametrize("config", [SMALL, dataclasses.replace(SMALL, group=1, width=0)])
def test_it_starts_as_the_mdct_coder(config: LearnedTransformConfig, gain: int) -> None:
    audio = music(1)[0].numpy()
    model = built(config)
    mine, plain = model.analyse(audio, gain), analyse(audio, Setting(gain))
    np.testing.assert_array_equal(mine.levels, plain.levels)
    np.testing.assert_array_equal(mine.values, plain.values)
    found = model.synthesise(mine, gain, len(audio))
    np.testing.assert_allclose(found, synthesise(plain, gain, len(audio)), atol=1e-5)


def test_a_fine_step_gives_the_sound_back_whatever_the_angles() -> None:
    audio = music(1)[0].numpy()
    model = built(dataclasses.replace(SMALL, width=0), shaken=0.5)
    error = model.synthesise(model.analyse(audio, 0), 0, len(audio)) - audio
    assert np.sum(error**2) < 1e-3 * np.sum(audio**2)
    values = model.analyse(audio, 0).values
    assert np.mean(values != analyse(audio, Setting(0)).values) > 0.1


@pytest.mark.parametrize("group", [2, 4, 8])
@pytest.mark.parametrize("frames", [1, 7, 16, 21])
def test_rotations_keep_energy_and_can_be_undone(group: int, frames: int) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, frames, 256, generator=generator)
    stages = group.bit_length() - 1
    shape = (2, frames // group, stages, group // 2, 256)
    angles = 3.0 * torch.randn(shape, generator=generator)
    turned = rotate(x, angles)
    torch.testing.assert_close(rotate(turned, angles, back=True), x, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(turned.square().sum((1, 2)), x.square().sum((1, 2)))
    assert torch.equal(turned[:, frames // group * group :], x[:, frames // group * group :])


def test_largest_angles_merge_a_steady_group() -> None:
    x = torch.ones(1, 4, 256)
    angles = torch.full((1, 1, 2, 2, 256), LARGEST_ANGLE)
    turned = rotate(x, angles)
    torch.testing.assert_close(turned[0, 0], torch.full((256,), 2.0))
    torch.testing.assert_close(turned[0, 1:], torch.zeros(3, 256), atol=1e-6, rtol=0.0)


def test_gradients_reach_every_parameter() -> None:
    model = built(shaken=0.1).train()
    model.training_step(music(), torch.Generator().manual_seed(0)).total.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().max() > 0.0, name


def test_silence_stays_finite() -> None:
    model = built(shaken=0.1)
    audio = torch.zeros(2, 6_000)
    audio[1, 5] = 1e-20
    losses = model.training_step(audio, torch.Generator().manual_seed(0))
    losses.total.backward()
    assert torch.isfinite(losses.total)
    assert torch.isfinite(model.evaluation_step(audio).total)


def test_probabilities_add_up_to_one() -> None:
    torch.manual_seed(0)
    density = ValueDensity()
    ratios = torch.linspace(-3.0, 3.0, 256).repeat(1, 2, 1)
    scales = density(torch.zeros(1, 2, 256), ratios)
    total = torch.zeros(1, 2, 256)
    for value in range(-400, 401):
        total += 2.0 ** -density.bits(torch.full((1, 2, 256), float(value)), scales)
    torch.testing.assert_close(total, torch.ones_like(total), atol=1e-3, rtol=0.0)


def test_the_rate_is_the_length_of_a_code() -> None:
    """An arithmetic coder that is given the density needs as many bits as the loss counts."""
    model = built(shaken=0.05)
    clips = scaled(music(1), torch.tensor([130]))
    with torch.no_grad():
        values = model.latents(clips).round()
        scales = model.density(values, clips.ratios)
        promised = float(model.density.bits(values, scales).sum())
        reach = int(values.abs().max()) + 1
        symbols = torch.arange(-reach, reach + 1.0)[:, None, None, None]
        tables = 2.0 ** -model.density.bits(symbols.expand(-1, *values.shape), scales)
    coder = constriction.stream.queue.RangeEncoder()
    family = constriction.stream.model.Categorical(perfect=False)
    rows = tables.flatten(1).T.double().numpy()
    coder.encode(
        (values.flatten() + reach).to(torch.int32).numpy(),
        family,
        np.ascontiguousarray(rows / rows.sum(axis=1, keepdims=True)),
    )
    assert promised > 1_000
    assert 32 * len(coder.get_compressed()) == pytest.approx(promised, rel=0.03)


def test_the_density_reads_only_what_a_decoder_knows() -> None:
    torch.manual_seed(0)
    density = ValueDensity()
    values, ratios = torch.zeros(1, 6, 256), torch.zeros(1, 6, 256)
    plain = density(values, ratios)[0]
    values[0, 3, 100] = 9.0
    changed = density(values, ratios)[0] != plain
    assert not changed[0, :3].any()
    assert not changed[0, 3, :101].any()
    assert changed[0, 3, 101]
    assert changed[0, 4, 100]


def test_training_steps_lower_the_loss() -> None:
    model = built().train()
    audio = music()
    before = model.evaluation_step(audio).total.item()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(30):
        optimizer.zero_grad()
        model.training_step(audio, torch.Generator().manual_seed(step)).total.backward()
        optimizer.step()
    assert model.evaluation_step(audio).total.item() < before - 0.05


def test_decoding_is_deterministic_and_needs_nothing_but_what_was_sent() -> None:
    model = built(shaken=0.1)
    audio = music(1)[0].numpy()
    sent = model.analyse(audio, 120)
    again = model.analyse(audio, 120)
    np.testing.assert_array_equal(sent.values, again.values)
    fresh = LearnedTransform(SMALL).eval()
    fresh.load_state_dict(model.state_dict())
    first = model.synthesise(Frames(sent.levels, sent.values), 120, len(audio))
    np.testing.assert_array_equal(first, fresh.synthesise(again, 120, len(audio)))
    assert first.shape == audio.shape


@pytest.mark.parametrize(
    "changes",
    [
        {"group": 3},
        {"group": 0},
        {"width": -1},
        {"blocks": 0},
        {"trade": 0.0},
        {"lowest_gain": 250},
        {"highest_gain": 256},
    ],
)
def test_impossible_configurations_are_refused(changes: dict[str, int]) -> None:
    with pytest.raises(ModelError):
        dataclasses.replace(SMALL, **changes)

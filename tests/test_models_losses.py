"""Losses, corruption and the variational autoencoder's prior."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from musiclib.errors import ModelError
from musiclib.metrics import log_spectral_distance, si_sdr
from musiclib.models import Corruption
from musiclib.models.features import Moments
from musiclib.models.losses import (
    gaussian_kl,
    log_spectral_distance_db,
    noise_to_signal_db,
    relative_l2,
    spectral_distance,
)
from tests import signals
from tests.model_fixture import SMALL, built, generator, music

Loss = Callable[[Tensor, Tensor], Tensor]
LOSSES: list[Loss] = [
    relative_l2,
    noise_to_signal_db,
    spectral_distance,
    log_spectral_distance_db,
]
every_loss = pytest.mark.parametrize("loss", LOSSES)


def noisy(amount: float) -> tuple[Tensor, Tensor]:
    clean = music(batch=2)
    noise = torch.randn(clean.shape, generator=generator())
    return clean, clean + amount * clean.square().mean(dim=1, keepdim=True).sqrt() * noise


@every_loss
def test_losses_grow_with_noise(loss: Loss) -> None:
    values = [float(loss(*noisy(amount))) for amount in (0.0, 0.01, 0.1, 1.0)]
    assert values == sorted(values)
    assert values[0] < values[1]


@every_loss
def test_losses_do_not_depend_on_the_level(loss: Loss) -> None:
    clean, changed = noisy(0.1)
    assert float(loss(0.1 * clean, 0.1 * changed)) == pytest.approx(
        float(loss(clean, changed)), rel=1e-2
    )


@every_loss
@pytest.mark.parametrize("case", ["both silent", "target silent", "output silent", "equal"])
def test_losses_and_slopes_are_finite(loss: Loss, case: str) -> None:
    sound = music(batch=2)
    silent = torch.zeros_like(sound)
    target = silent if case in ("both silent", "target silent") else sound
    output = (silent if case in ("both silent", "output silent") else sound).clone()
    output.requires_grad_(True)
    value = loss(target, output)
    value.backward()
    assert torch.isfinite(value)
    assert output.grad is not None
    assert torch.isfinite(output.grad).all()


def test_noise_to_signal_is_the_negative_of_si_sdr_for_fitting_levels() -> None:
    clean, changed = noisy(0.2)
    expected = sum(si_sdr(a.numpy(), b.numpy()) for a, b in zip(clean, changed, strict=True)) / 2
    assert float(noise_to_signal_db(clean, changed)) == pytest.approx(-expected, abs=0.2)


def test_log_spectral_loss_is_close_to_the_metric() -> None:
    clip = torch.from_numpy(signals.music(24_000, 24_000))[None]
    changed = clip + 0.01 * torch.randn(clip.shape, generator=generator())
    measured = log_spectral_distance(clip[0].numpy(), changed[0].numpy())
    loss = float(log_spectral_distance_db(clip, changed, resolutions=(1024,)))
    assert loss == pytest.approx(measured, rel=0.1)


def test_spectral_losses_do_not_hear_the_sign() -> None:
    clip = music(batch=2)
    assert float(log_spectral_distance_db(clip, -clip)) < 0.01
    assert float(spectral_distance(clip, -clip)) < 0.01
    assert float(relative_l2(clip, -clip)) == pytest.approx(4.0, rel=1e-3)


def test_divergence_is_zero_at_the_prior_and_positive_elsewhere() -> None:
    zeros = torch.zeros(5)
    assert torch.equal(gaussian_kl(zeros, zeros), zeros)
    values = torch.randn(1000, generator=generator())
    assert (gaussian_kl(values, values.flip(0)) > 0.0).all()
    assert float(gaussian_kl(torch.tensor(2.0), torch.tensor(0.0))) == pytest.approx(2.0)


def test_divergence_agrees_with_pytorch() -> None:
    mean, spread = torch.randn(2, 50, generator=generator())
    posterior = torch.distributions.Normal(mean, (0.5 * spread).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(gaussian_kl(mean, spread), expected, rtol=1e-4, atol=1e-5)


def test_variational_model_pays_for_information() -> None:
    model = built("frames_vae")
    inputs = model.inputs(model.levelled(music())[0])
    with torch.no_grad():
        result = model(inputs)
    # Whitened by the principal components, latents start with the prior's variance.
    assert float(result.latent.square().mean()) == pytest.approx(1.0, rel=0.2)
    informed = model.loss(inputs, result)
    result.latent = torch.zeros_like(result.latent)
    result.extra["log_variance"] = torch.zeros_like(result.latent)
    ignorant = model.loss(inputs, result)
    assert float(ignorant.terms["kl"]) == 0.0
    assert float(informed.terms["kl"]) > 1.0
    assert torch.equal(ignorant.total, ignorant.terms["l2"])


def test_variational_model_decodes_samples_in_training_and_the_mean_otherwise() -> None:
    model = built("frames_vae")
    inputs = model.inputs(music())
    with torch.no_grad():
        first, second = (model(inputs, generator(seed)) for seed in (0, 1))
        plain = model(inputs)
        mean = model.decode(model.encode(inputs), inputs.shape[-1])
    assert not torch.equal(first.output, second.output)
    assert torch.equal(first.latent, second.latent)
    assert torch.equal(plain.output, mean)


@pytest.mark.parametrize("amount", [0.0, 0.2, 0.7, 1.0])
def test_masking_removes_the_stated_fraction(amount: float) -> None:
    inputs = torch.randn(4, 1, 100, 100, generator=generator())
    corrupted = Corruption("masking", amount).apply(inputs, generator(1))
    masked = corrupted != inputs
    assert float(masked.float().mean()) == pytest.approx(amount, abs=0.01)
    assert (corrupted[masked] == 0.0).all()


@pytest.mark.parametrize("amount", [0.1, 1.0])
def test_gaussian_noise_has_the_stated_power_in_each_example(amount: float) -> None:
    inputs = torch.randn(2, 1, 50_000, generator=generator()) * torch.tensor([[[0.01]], [[3.0]]])
    added = Corruption("gaussian", amount).apply(inputs, generator(1)) - inputs
    ratio = added.square().mean(dim=(1, 2)) / inputs.square().mean(dim=(1, 2))
    torch.testing.assert_close(ratio.sqrt(), torch.full((2,), amount), rtol=0.02, atol=0.0)


def test_corruption_is_seeded_and_leaves_the_input_alone() -> None:
    inputs = torch.randn(2, 500, generator=generator())
    kept = inputs.clone()
    for corruption in (Corruption("masking", 0.5), Corruption("gaussian", 0.5)):
        first, again = (corruption.apply(inputs, generator(4)) for _ in range(2))
        assert torch.equal(first, again)
        assert not torch.equal(first, corruption.apply(inputs, generator(5)))
    assert torch.equal(inputs, kept)
    assert Corruption().apply(inputs, generator()) is inputs


@pytest.mark.parametrize("kind", ["frequency", "waveform", "frames_deep"])
def test_corruption_acts_in_training_alone_and_asks_for_the_clean_input(kind: str) -> None:
    config = dataclasses.replace(SMALL[kind], level_range_db=0.0)
    plain = built(config)
    masked = built(dataclasses.replace(config, corruption=Corruption("masking", 1.0)))
    with torch.no_grad():
        assert torch.equal(
            plain.evaluation_step(music()).total, masked.evaluation_step(music()).total
        )
        blind = masked.training_step(music(), generator())
        target = masked.inputs(masked.levelled(music())[0])
        expected = masked.loss(target, masked(torch.zeros_like(target)))
    torch.testing.assert_close(blind.total, expected.total)


@pytest.mark.parametrize(
    ("kind", "amount"),
    [("salt", 0.1), ("masking", 1.1), ("masking", -0.1), ("gaussian", math.nan), ("none", 0.1)],
)
def test_impossible_corruption_is_refused(kind: str, amount: float) -> None:
    with pytest.raises(ModelError):
        Corruption(kind, amount)


def test_moments_are_those_of_all_rows() -> None:
    rows = torch.randn(500, 7, generator=generator(), dtype=torch.float64) + 3.0
    moments = Moments(7)
    for piece in rows.split(33):
        moments.update(piece)
    found = moments.components()
    torch.testing.assert_close(found.mean, rows.mean(dim=0))
    covariance = found.vectors.T @ torch.diag(found.variances) @ found.vectors
    torch.testing.assert_close(covariance, torch.cov(rows.T, correction=0))
    assert (found.variances.diff() <= 0.0).all()


@pytest.mark.parametrize("rows", [torch.zeros(1, 3), torch.full((4, 3), math.nan)])
def test_moments_of_too_little_are_refused(rows: Tensor) -> None:
    moments = Moments(3)
    moments.update(rows)
    with pytest.raises(ModelError, match="finite"):
        moments.components()

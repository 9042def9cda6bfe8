"""What a latent costs in training: a density that is one, and codebooks that learn."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import logistic

from musiclib.errors import ModelError
from musiclib.models import Bottleneck, FrequencyConfig, build_model
from musiclib.models.bottleneck import (
    DEAD_SHARE,
    FactorisedPrior,
    ResidualVectorQuantiser,
    VectorQuantiser,
)
from tests.codec_signals import music as chords

RATE = 8_000
SPECTRA = FrequencyConfig(
    sample_rate=RATE, n_fft=256, hop_length=64, offset=0.01, latent=16, width=4, blocks=1
)


def clips(count=6, seconds=1.024):
    return torch.from_numpy(np.stack([chords(seconds, RATE, seed) for seed in range(count)]))


def test_chances_of_all_whole_numbers_add_up_to_one():
    prior = FactorisedPrior(3)
    torch.nn.init.normal_(prior.share)
    torch.nn.init.normal_(prior.centre)
    prior.weight_before.data.fill_(0.5)
    # Frame 0 is what it is; frame 1 is each whole number in turn.
    numbers = torch.arange(-200.0, 201.0)
    latent = torch.stack([torch.full((401, 3), 2.0), numbers[:, None].expand(-1, 3)], dim=-1)
    chance = torch.exp2(-prior.bits(latent)[..., 1])
    torch.testing.assert_close(chance.sum(dim=0), torch.ones(3), atol=2e-4, rtol=0)


def test_the_density_is_scipy_s_logistic():
    prior = FactorisedPrior(1, components=1)
    prior.centre.data.fill_(0.3)
    prior.log_scale.data.fill_(0.5)
    values = torch.tensor([-9.0, -2.0, 0.0, 0.4, 1.0, 7.0])
    found = prior.bits(values[:, None, None])[:, 0, 0].detach().numpy()
    law = logistic(0.3, np.exp(0.5))
    wanted = -np.log2(law.cdf(values + 0.5) - law.cdf(values - 0.5))
    np.testing.assert_allclose(found, wanted, rtol=1e-4)


def test_a_prior_that_was_fitted_costs_about_the_entropy():
    generator = torch.Generator().manual_seed(0)
    deviation = torch.tensor([0.5, 3.0, 20.0])
    latent = (deviation[:, None] * torch.randn(64, 3, 50, generator=generator)).round()
    prior = FactorisedPrior(3)
    prior.fit(latent)
    found = prior.bits(latent).mean(dim=(0, 2)).detach()
    for channel, bits in enumerate(found):
        _, count = latent[:, channel].unique(return_counts=True)
        share = count / count.sum()
        entropy = float(-(share * share.log2()).sum())
        assert entropy - 0.02 < bits < entropy + 0.3


def test_noise_costs_what_rounding_costs():
    generator = torch.Generator().manual_seed(0)
    latent = 6.0 * torch.randn(8, 1, 4000, generator=generator)
    prior = FactorisedPrior(1)
    prior.fit(latent)
    noise = torch.rand(latent.shape, generator=generator) - 0.5
    noisy, rounded = prior.bits(latent + noise).mean(), prior.bits(latent.round()).mean()
    assert noisy.item() == pytest.approx(rounded.item(), abs=0.02)


def test_a_higher_price_buys_fewer_bits_and_more_error():
    audio = clips()
    found = {}
    for weight in (0.001, 0.01, 0.1):
        torch.manual_seed(0)
        model = build_model(replace(SPECTRA, bottleneck=Bottleneck("rate", rate_weight=weight)))
        model.prepare(audio.split(2))
        model.eval()
        with torch.no_grad():
            losses = model.evaluation_step(audio)
        found[weight] = {name: float(value) for name, value in losses.terms.items()}
        total = found[weight]["l2"] + weight * found[weight]["kbps"]
        assert float(losses.total) == pytest.approx(total, rel=1e-5)
    kbps, error = ([row[name] for row in found.values()] for name in ("kbps", "l2"))
    assert kbps == sorted(kbps, reverse=True)
    assert kbps[0] > 2 * kbps[-1]
    assert error == sorted(error)


def quantiser(stages=4, codes=32, dimension=3, channels=6):
    torch.manual_seed(1)
    return ResidualVectorQuantiser(
        channels, Bottleneck("rvq", stages=stages, codes=codes, dimension=dimension)
    )


def vectors(count=400, channels=6):
    generator = torch.Generator().manual_seed(2)
    spread = torch.linspace(3.0, 0.3, channels)
    return (torch.randn(count, 10, channels, generator=generator) * spread).transpose(1, 2)


def test_each_stage_leaves_less():
    latent = vectors()
    model = quantiser().eval()
    model.fit(latent)
    left = []
    for stages in range(1, 5):
        index = model.encode(latent)[:, :stages]
        left.append(float((latent - model.decode(index)).square().mean()))
    assert left == sorted(left, reverse=True)
    assert left[0] < 0.5 * float(latent.square().mean())
    assert left[-1] < 0.5 * left[0]


def test_training_and_coding_choose_the_same_codes():
    latent = vectors(20)
    model = quantiser().eval()
    model.fit(latent)
    for stages in (1, 3, 4):
        sent, _ = model(latent, torch.full((20,), stages))
        torch.testing.assert_close(sent, model.decode(model.encode(latent)[:, :stages]))


def test_the_nearest_code_is_the_nearest_direction():
    stage = VectorQuantiser(5, 17, 3)
    low = torch.randn(50, 3)
    unit = low / low.norm(dim=1, keepdim=True)
    codes = stage.codebook / stage.codebook.norm(dim=1, keepdim=True)
    distance = (unit[:, None] - codes[None]).square().sum(dim=-1)
    assert torch.equal(stage.nearest(low), distance.argmin(dim=1))


def test_gradients_pass_straight_through_and_codes_learn():
    stage = VectorQuantiser(5, 17, 3)
    residual = torch.randn(2, 4, 5, requires_grad=True)
    added, _, towards_code, towards_latent = stage(residual)
    (slope,) = torch.autograd.grad(added.sum(), residual, retain_graph=True)
    through = stage.reduce.weight.T @ stage.expand.weight.sum(dim=0)
    torch.testing.assert_close(slope, through.expand_as(slope))
    (of_codes,) = torch.autograd.grad(towards_code.sum(), stage.codebook, retain_graph=True)
    assert float(of_codes.abs().sum()) > 0.0
    found = torch.autograd.grad(towards_latent.sum(), (stage.codebook, residual), allow_unused=True)
    assert found[0] is None
    assert float(found[1].abs().sum()) > 0.0


def test_codes_that_nothing_uses_start_again_where_vectors_are():
    torch.manual_seed(0)
    stage = VectorQuantiser(3, 64, 3).train()
    stage.codebook.data[32:] = stage.codebook.data[:32] * 1.01 + 1e-3  # twins of others
    residual = torch.randn(16, 32, 3)
    for _ in range(600):
        stage(residual)
    used = torch.bincount(stage(residual)[1].flatten(), minlength=64) > 0
    assert int(used.sum()) > 56
    assert float(stage.use.min()) >= DEAD_SHARE


def test_a_model_with_codebooks_learns_them():
    torch.manual_seed(0)
    bottleneck = Bottleneck("rvq", stages=3, codes=16, dimension=4)
    model = build_model(replace(SPECTRA, bottleneck=bottleneck))
    audio = clips()
    model.prepare(audio.split(2))
    for stage in model.quantiser.stages:  # what `prepare` found out is to be found again
        torch.nn.init.normal_(stage.codebook)
    groups = [{"params": [p], "lr": 1e-2 * model.pace(n)} for n, p in model.named_parameters()]
    optimizer = torch.optim.AdamW(groups)
    with torch.no_grad():
        first = float(model.eval().evaluation_step(audio).total)
    model.train()
    for step in range(40):
        losses = model.training_step(audio, torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
    with torch.no_grad():
        last = float(model.eval().evaluation_step(audio).total)
    assert last < 0.95 * first


@pytest.mark.parametrize(
    "values",
    [{"kind": "magic"}, {"kind": "rate"}, {"rate_weight": 0.1}, {"kind": "rvq", "codes": 1}],
)
def test_senseless_bottlenecks_are_refused(values):
    with pytest.raises(ModelError):
        Bottleneck(**values)


def test_a_bottleneck_survives_json():
    config = replace(SPECTRA, bottleneck=Bottleneck("rvq", stages=3, codes=16, dimension=4))
    assert FrequencyConfig.from_dict(config.to_dict()) == config
    with pytest.raises(ModelError, match="latent_noise"):
        replace(config, latent_noise=1.0)

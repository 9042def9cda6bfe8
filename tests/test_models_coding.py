"""What a latent costs: densities, codebooks, and the calibration that makes a codec of a model."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import logistic

from musiclib.errors import ModelError
from musiclib.models import (
    Bottleneck,
    DeepConfig,
    FrequencyConfig,
    WaveformConfig,
    build_model,
    config_from_dict,
)
from musiclib.models.bottleneck import (
    DEAD_SHARE,
    FactorisedPrior,
    ResidualVectorQuantiser,
    VectorQuantiser,
)
from musiclib.models.calibration import (
    SHAPES,
    UNUSED,
    Calibration,
    _distributions,
    calibrate,
    gain_energy,
)
from musiclib.models.waveform import TYPICAL_RMS
from tests.codec_signals import music as chords

RATE = 8_000
SPECTRA = FrequencyConfig(
    sample_rate=RATE, n_fft=256, hop_length=64, offset=0.01, latent=16, width=4, blocks=1
)

RATED = replace(SPECTRA, bottleneck=Bottleneck("rvq", stages=3, codes=16, dimension=4))


def clips(count=6, seconds=1.024):
    return torch.from_numpy(np.stack([chords(seconds, RATE, seed) for seed in range(count)]))


class TestPrior:
    def test_chances_of_all_whole_numbers_add_up_to_one(self):
        prior = FactorisedPrior(3)
        torch.nn.init.normal_(prior.share)
        torch.nn.init.normal_(prior.centre)
        prior.weight_before.data.fill_(0.5)
        # Frame 0 is what it is; frame 1 is each whole number in turn.
        numbers = torch.arange(-200.0, 201.0)
        latent = torch.stack([torch.full((401, 3), 2.0), numbers[:, None].expand(-1, 3)], dim=-1)
        chance = torch.exp2(-prior.bits(latent)[..., 1])
        torch.testing.assert_close(chance.sum(dim=0), torch.ones(3), atol=2e-4, rtol=0)

    def test_the_density_is_scipy_s_logistic(self):
        prior = FactorisedPrior(1, components=1)
        prior.centre.data.fill_(0.3)
        prior.log_scale.data.fill_(0.5)
        values = torch.tensor([-9.0, -2.0, 0.0, 0.4, 1.0, 7.0])
        found = prior.bits(values[:, None, None])[:, 0, 0].detach().numpy()
        law = logistic(0.3, np.exp(0.5))
        wanted = -np.log2(law.cdf(values + 0.5) - law.cdf(values - 0.5))
        np.testing.assert_allclose(found, wanted, rtol=1e-4)

    def test_a_higher_price_buys_fewer_bits_and_more_error(self):
        kbps, error = [], []
        for weight in (0.001, 0.01, 0.1):
            torch.manual_seed(0)
            model = build_model(replace(SPECTRA, bottleneck=Bottleneck("rate", rate_weight=weight)))
            model.prepare(clips().split(2))
            with torch.no_grad():
                losses = model.eval().evaluation_step(clips())
            kbps.append(float(losses.terms["kbps"]))
            error.append(float(losses.terms["l2"]))
            assert float(losses.total) == pytest.approx(error[-1] + weight * kbps[-1], rel=1e-5)
        assert kbps == sorted(kbps, reverse=True)
        assert kbps[0] > 2 * kbps[-1]
        assert error == sorted(error)


class TestCodebooks:
    def test_each_stage_leaves_less_and_training_chooses_as_coding_does(self):
        torch.manual_seed(1)
        bottleneck = Bottleneck("rvq", stages=4, codes=32, dimension=3)
        model = ResidualVectorQuantiser(6, bottleneck).eval()
        latent = torch.randn(400, 6, 10) * torch.linspace(3.0, 0.3, 6)[:, None]
        model.fit(latent)
        left = []
        for stages in range(1, 5):
            coded = model.decode(model.encode(latent)[:, :stages]).detach()
            left.append(float((latent - coded).square().mean()))
            sent, _ = model(latent, torch.full((400,), stages))
            torch.testing.assert_close(sent, coded)
        assert left == sorted(left, reverse=True)
        assert left[0] < 0.5 * float(latent.square().mean())
        assert left[-1] < 0.5 * left[0]

    def test_gradients_pass_straight_through_and_codes_learn(self):
        stage = VectorQuantiser(5, 17, 3)
        residual = torch.randn(2, 4, 5, requires_grad=True)
        added, _, towards_code, towards_latent = stage(residual)
        (slope,) = torch.autograd.grad(added.sum(), residual, retain_graph=True)
        through = stage.reduce.weight.T @ stage.expand.weight.sum(dim=0)
        torch.testing.assert_close(slope, through.expand_as(slope))
        (of_codes,) = torch.autograd.grad(towards_code.sum(), stage.codebook, retain_graph=True)
        assert float(of_codes.abs().sum()) > 0.0
        both = (stage.codebook, residual)
        found = torch.autograd.grad(towards_latent.sum(), both, allow_unused=True)
        assert found[0] is None
        assert float(found[1].abs().sum()) > 0.0

    def test_codes_that_nothing_uses_start_again_where_vectors_are(self):
        torch.manual_seed(0)
        stage = VectorQuantiser(3, 64, 3).train()
        stage.codebook.data[32:] = stage.codebook.data[:32] * 1.01 + 1e-3  # twins of others
        residual = torch.randn(16, 32, 3)
        for _ in range(600):
            stage(residual)
        used = torch.bincount(stage(residual)[1].flatten(), minlength=64) > 0
        assert int(used.sum()) > 56
        assert float(stage.use.min()) >= DEAD_SHARE

    def test_senseless_bottlenecks_are_refused(self):
        assert config_from_dict(RATED.to_dict()) == RATED
        for values in ({"kind": "magic"}, {"kind": "rate"}, {"rate_weight": 0.1}):
            with pytest.raises(ModelError):
                Bottleneck(**values)
        with pytest.raises(ModelError, match="latent_noise"):
            replace(SPECTRA, bottleneck=Bottleneck("rvq"), latent_noise=1.0)


FRAMES = {"sample_rate": RATE, "n_fft": 128, "hop_length": 32, "latent": 6}
DEEP = DeepConfig(hidden=(24,), spine=False, **FRAMES)
WAVEFORM = WaveformConfig(
    sample_rate=RATE, factor=4, filters=8, kernel=48, first_stride=8, width=8, blocks=1
)


def noise(seed=0):
    generator = torch.Generator().manual_seed(seed)
    shaped = torch.randn(3, 1024, generator=generator).cumsum(dim=1) * 0.02
    return shaped - shaped.mean(dim=1, keepdim=True)


def prepared(config):
    torch.manual_seed(1)
    model = build_model(config).eval()
    with torch.no_grad():
        model.prepare([noise(seed=5)])
    return model


class TestCalibration:
    @pytest.mark.parametrize("config", [DEEP, WAVEFORM], ids=lambda config: config.kind)
    def test_gains_are_what_finite_differences_say(self, config):
        model = prepared(config)
        with torch.no_grad():
            inputs = model.inputs(model.peak_normalize(noise())[0])
            latent = model.encode(inputs)
        length = inputs.shape[-1]
        generator = torch.Generator().manual_seed(2)
        # Several estimates, so that chance is small.
        found = [gain_energy(model, latent, length, generator) for _ in range(8)]
        gain = (sum(energy for energy, _ in found) / sum(count for _, count in found)).sqrt()
        unit = TYPICAL_RMS if model.domain == "waveform" else 1.0
        spread = latent.std()
        for channel in range(latent.shape[1]):
            total = 0.0
            for _ in range(12):  # a random change of unit size in all frames of one channel
                change = torch.zeros_like(latent)
                signs = torch.randint(0, 2, latent[:, 0].shape, generator=generator) * 2.0 - 1.0
                change[:, channel] = 1e-3 * spread * signs
                with torch.no_grad():
                    up, down = (model.decode(latent + s * change, length) for s in (1.0, -1.0))
                moved = (up.double() - down.double()) / (2e-3 * spread * unit)
                total += float(moved.square().mean()) / 12
            assert float(gain[channel]) == pytest.approx(total**0.5, rel=0.1)

    def test_scales_and_shapes_are_found_again(self):
        generator = torch.Generator().manual_seed(0)
        uniform = torch.rand(4, 2, 20_000, generator=generator, dtype=torch.float64)
        laplace = -torch.sign(uniform[:, 0] - 0.5) * torch.log1p(-2 * (uniform[:, 0] - 0.5).abs())
        logits = torch.logit(uniform[:, 1])
        spread = torch.stack([laplace * 2.0**-3, logits * 2.0**1.5, 0.0 * laplace], dim=1).float()
        scale, shape = _distributions([spread])
        assert [SHAPES[int(kind)] for kind in shape[:2]] == ["laplace", "logistic"]
        assert scale[0].tolist() == [-12, 6, UNUSED]
        # White noise is not predictable, so every prediction makes it wider; a slow latent is.
        assert scale[:, 0].tolist() == sorted(scale[:, 0].tolist())
        slow = torch.randn(2, 1, 5000, generator=generator).cumsum(dim=2)
        scale, _ = _distributions([slow])
        assert scale[:, 0].argmin() == 4
        assert scale[0, 0] - scale[4, 0] > 16

    def test_it_repeats_comes_back_and_nonsense_is_refused(self):
        model = prepared(DEEP)
        batches = [noise(seed) for seed in range(3)]
        good, again = (calibrate(model, batches, seed=4).to_tensors("x.") for _ in range(2))
        assert all(torch.equal(good[name], again[name]) for name in good)
        assert torch.equal(Calibration.from_tensors(good, "x.").scale, good["x.scale"])
        del good["x.gain"]
        with pytest.raises(ModelError, match=r"there is no x\.gain"):
            Calibration.from_tensors(good, "x.")
        with pytest.raises(ModelError, match="needs segments"):
            calibrate(model, [])

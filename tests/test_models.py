"""Autoencoders: what holds for each of them, where they start, and that they learn."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from musiclib.errors import ModelError
from musiclib.metrics import log_spectral_distance, si_sdr, spectral_rmse
from musiclib.models import (
    MODELS,
    PEAK,
    Autoencoder,
    Corruption,
    FrequencyConfig,
    PcaAutoencoder,
    WaveformAutoencoder,
    WaveformConfig,
    build_model,
    config_from_dict,
)
from musiclib.models.losses import (
    gaussian_kl,
    log_spectral_distance_db,
    noise_to_signal_db,
    relative_l2,
    spectral_distance,
)
from musiclib.models.spectra import principal_components
from musiclib.stft import istft, stft
from tests import signals
from tests.model_fixture import KINDS, LEARNED, RATE, SMALL, built, generator, music

every_kind = pytest.mark.parametrize("kind", KINDS)
Loss = Callable[[Tensor, Tensor], Tensor]


def learn(model: Autoencoder, steps: int, rate: float) -> None:
    """Train on one batch."""
    optimiser = torch.optim.Adam(model.train().parameters(), lr=rate)
    for step in range(steps):
        optimiser.zero_grad()
        model.training_step(music(), generator(step)).total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    model.eval()


def error(model: Autoencoder) -> float:
    """Mean squared error on the training batch, without a prior's share."""
    with torch.no_grad():
        return float(model.evaluation_step(music()).terms["l2"])


class TestEveryModel:
    @every_kind
    def test_outputs_have_the_inputs_length(self, kind: str) -> None:
        model = built(kind)
        for length in (1, 31, 1024, 1025, 4097):
            with torch.no_grad():
                inputs = model.inputs(music()[:, :length])
                result = model(inputs)
            assert result.output.shape == inputs.shape
            assert result.latent.shape == (3, model.latent_channels, model.latent_frames(length))
            assert torch.isfinite(result.output).all()

    @every_kind
    def test_silence_and_near_silence_stay_finite(self, kind: str) -> None:
        audio = torch.zeros(2, RATE)
        audio[1, 5] = 1e-20
        unprepared = built(kind, prepared=False)
        unprepared.prepare([audio[:1]])
        for model in (built(kind), unprepared):
            losses = model.training_step(audio, generator())
            assert torch.isfinite(losses.total)
            if model.trainable:
                losses.total.backward()
                slopes = [p.grad for p in model.parameters() if p.grad is not None]
                assert all(torch.isfinite(slope).all() for slope in slopes)

    @pytest.mark.parametrize("kind", LEARNED)
    def test_gradients_reach_every_parameter(self, kind: str) -> None:
        model = built(kind).train()
        for half in (False, True):
            model.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                loss = model.training_step(music(), generator()).total
            loss.backward()
            for name, parameter in model.named_parameters():
                assert parameter.grad is not None, name
                assert parameter.grad.isfinite().all(), name
                assert half or parameter.grad.abs().max() > 0.0, name

    @every_kind
    def test_clips_of_a_batch_do_not_touch_each_other_and_levels_do_not_matter(
        self, kind: str
    ) -> None:
        model = built(kind)
        with torch.no_grad():
            inputs = model.inputs(music())
            together, alone = model(inputs), model(inputs[1:2])
            loud, quiet = (float(model.evaluation_step(g * music()).total) for g in (1.0, 0.01))
        torch.testing.assert_close(together.output[1:2], alone.output, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(together.latent[1:2], alone.latent, rtol=1e-4, atol=1e-5)
        assert quiet == pytest.approx(loud, rel=1e-3)

    @every_kind
    def test_configurations_and_weights_come_back(self, kind: str) -> None:
        for config in (MODELS[kind].config_type(), SMALL[kind]):
            changed = dataclasses.replace(config, corruption=Corruption("masking", 0.25))
            assert config_from_dict(json.loads(json.dumps(changed.to_dict()))) == changed
        model, fresh = built(kind), built(kind, seed=9, prepared=False)
        fresh.load_state_dict(model.state_dict())
        with torch.no_grad():
            found = [one(one.inputs(music())).output for one in (model, fresh)]
        assert torch.equal(*found)

    def test_impossible_and_unknown_configurations_are_refused(self) -> None:
        for kind, changes in (
            ("frequency", {"latent": 4000}),
            ("frequency", {"latent_noise": -1.0}),
            ("waveform", {"factor": 5}),
            ("waveform", {"kernel": 81}),
            ("frames_pca", {"latent": 66}),
            ("frames_deep", {"activation": "sine"}),
            ("frames_vae", {"beta": math.nan}),
        ):
            with pytest.raises(ModelError):
                dataclasses.replace(SMALL[kind], **changes)
        for values in ({"kind": "wavelet"}, {"kind": "frequency", "depth": 3}):
            with pytest.raises(ModelError):
                config_from_dict(values)
        for kind, amount in (("salt", 0.1), ("masking", 1.1), ("none", 0.1)):
            with pytest.raises(ModelError):
                Corruption(kind, amount)


class TestParts:
    def test_original_reports_rates(self) -> None:
        for latent, kbps in ((512, 128.0), (64, 16.0), (32, 8.0)):
            model = build_model(FrequencyConfig(latent=latent, width=4, blocks=1))
            assert model.nominal_kbps == kbps

    def test_levelling_and_latent_noise(self) -> None:
        model = built(dataclasses.replace(SMALL["frames_pca"], latent_noise=0.5))
        audio = torch.stack([torch.zeros(50), torch.linspace(-0.5, 0.2, 50)])
        levelled, gain = model.peak_normalize(audio)
        assert torch.equal(levelled[0], audio[0])
        assert float(levelled[1].abs().max()) == pytest.approx(PEAK)
        torch.testing.assert_close(levelled / gain, audio)
        added = model.noisy(torch.zeros(1, 6, 20_000), generator())
        assert added.abs().max() <= 0.25
        assert float(added.square().mean()) == pytest.approx(0.5**2 / 12, rel=0.05)
        assert torch.equal(model.noisy(added, None), added)

    def test_features_are_standard_and_invert(self) -> None:
        model = built("frames_deep")
        levelled, _ = model.peak_normalize(music())
        inputs = model.inputs(levelled)
        assert inputs.mean(dim=(0, 2)).abs().max() < 1e-3
        assert float(inputs.square().mean()) == pytest.approx(1.0, rel=1e-3)
        expected = stft(levelled, model.spectrogram.stft).abs()
        found = model.spectrogram.magnitude(inputs)
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)

    def test_principal_components_are_those_of_all_rows(self) -> None:
        rows = torch.randn(500, 7, generator=generator(), dtype=torch.float64) + 3.0
        found = principal_components(rows.split(33))
        torch.testing.assert_close(found.mean, rows.mean(dim=0))
        covariance = found.vectors.T @ torch.diag(found.variances) @ found.vectors
        torch.testing.assert_close(covariance, torch.cov(rows.T, correction=0))
        assert (found.variances.diff() <= 0.0).all()
        for wrong in (torch.zeros(1, 3), torch.full((4, 3), math.nan)):
            with pytest.raises(ModelError, match="finite"):
                principal_components([wrong])

    def test_first_filters_can_be_read_out(self) -> None:
        model = built("waveform")
        assert isinstance(model, WaveformAutoencoder)
        filters = model.analysis_filters()
        assert filters.shape == (24, 80)
        audio = torch.randn(1, 1, RATE)
        # The output of frame 10 looks at the 80 samples around samples 80 to 88.
        expected = filters @ audio[0, 0, 80 - 36 : 80 - 36 + 80]
        torch.testing.assert_close(model.analysis(audio)[0, :, 10], expected, rtol=1e-4, atol=1e-5)


class TestStartAndLearning:
    @pytest.mark.parametrize(
        ("kind", "changes", "steps", "rate", "share"),
        [
            *((kind, {}, 20, 6e-3, 0.95) for kind in LEARNED if kind != "frames_shallow"),
            ("frames_shallow", {}, 60, 1e-2, 0.4),
            ("waveform", {"spine": False}, 20, 1e-2, 0.3),
        ],
    )
    def test_training_goes_below_the_start(self, kind, changes, steps, rate, share) -> None:
        model = built(dataclasses.replace(SMALL[kind], level_range_db=0.0, **changes))
        before = error(model)
        learn(model, steps, rate)
        assert error(model) < share * before

    def test_spine_of_a_waveform_model_is_plain_downsampling(self) -> None:
        model = built(WaveformConfig(width=16, filters=16, blocks=1))
        assert isinstance(model, WaveformAutoencoder)
        assert model.spine_in is not None
        assert model.spine_out is not None
        middle = slice(2_000, -2_000)
        found = {}
        for frequency in (300.0, 2_500.0):
            clip = signals.tone(frequency, 187 * 128, 24_000)
            with torch.no_grad():
                latent = model.spine_in(torch.from_numpy(clip)[None, None])
                found[frequency] = clip[middle], model.spine_out(latent)[0, 0].numpy()[middle]
            if frequency == 300.0:  # the latents are a signal at the low rate
                low = latent[0].T.reshape(-1).numpy()
                assert signals.dominant_frequency(low, 3_000) == pytest.approx(300.0, abs=2.0)
        assert si_sdr(*found[300.0]) > 45.0
        clip, decoded = found[2_500.0]
        assert (decoded**2).sum() < 1e-4 * (clip**2).sum()

    def test_frequency_model_without_blocks_is_pca_of_frame_groups(self) -> None:
        model = built(dataclasses.replace(SMALL["frequency"], blocks=0))
        logs = model.inputs(model.peak_normalize(music())[0])[:, 0]
        whole = logs[..., : logs.shape[-1] // 3 * 3].reshape(3, 65, -1, 3)
        groups = whole.transpose(1, 2).reshape(-1, 65 * 3).double()
        # Normalised by bin, groups have no mean but a tiny one between a group's frames.
        variances = torch.linalg.eigvalsh(groups.T @ groups / len(groups)).flip(0)
        lost = 1.0 - float(variances[:12].sum() / variances.sum())
        assert error(model) == pytest.approx(lost * float(logs.square().mean()), rel=0.05)

    def test_pca_error_is_the_share_of_the_discarded_eigenvalues(self) -> None:
        for latent in (1, 4, 16, 65):
            model = built(dataclasses.replace(SMALL["frames_pca"], latent=latent))
            assert isinstance(model, PcaAutoencoder)
            expected = float(model.variances[latent:].sum()) / 65
            assert error(model) == pytest.approx(expected, rel=1e-3, abs=1e-5)

    def test_spectral_term_is_the_metric_of_the_book(self) -> None:
        model = built(FrequencyConfig(latent=64, width=4, blocks=1), prepared=False)
        clip = signals.music(16_384, 8_000)
        audio = torch.from_numpy(clip)[None]
        model.prepare([audio])
        levelled, gain = model.peak_normalize(audio)
        with torch.no_grad():
            inputs = model.inputs(levelled)
            term = float(model.evaluation_step(audio).terms["spectral_rmse"])
            phase = stft(levelled, model.spectrogram.stft).angle()
            rebuilt = model.spectrogram.magnitude(model(inputs).output[:, 0])
            # Its magnitudes with the original's phase are nearly consistent: the metric sees them.
            borrowed = istft(torch.polar(rebuilt, phase), model.spectrogram.stft, 16_384)
        measured = spectral_rmse(clip, (borrowed / gain)[0].numpy(), 8_000)
        assert term == pytest.approx(measured, rel=0.35)

    def test_variational_model_pays_for_information(self) -> None:
        model = built("frames_vae")
        inputs = model.inputs(model.peak_normalize(music())[0])
        with torch.no_grad():
            first, second = (model(inputs, generator(seed)) for seed in (0, 1))
            result = model(inputs)
            mean = model.decode(model.encode(inputs), inputs.shape[-1])
        assert not torch.equal(first.output, second.output)  # a sample in training
        assert torch.equal(result.output, mean)
        # Whitened by the principal components, latents start with the prior's variance.
        assert float(result.latent.square().mean()) == pytest.approx(1.0, rel=0.2)
        assert float(model.loss(inputs, result).terms["kl"]) > 1.0
        result.latent = torch.zeros_like(result.latent)
        result.extra["log_variance"] = torch.zeros_like(result.latent)
        ignorant = model.loss(inputs, result)
        assert float(ignorant.terms["kl"]) == 0.0
        assert torch.equal(ignorant.total, ignorant.terms["l2"])


def noisy(amount: float) -> tuple[Tensor, Tensor]:
    clean = music(batch=2)
    noise = torch.randn(clean.shape, generator=generator())
    return clean, clean + amount * clean.square().mean(dim=1, keepdim=True).sqrt() * noise


class TestLosses:
    @pytest.mark.parametrize(
        "loss", [relative_l2, noise_to_signal_db, spectral_distance, log_spectral_distance_db]
    )
    def test_losses_grow_with_noise_and_stay_finite(self, loss: Loss) -> None:
        values = [float(loss(*noisy(amount))) for amount in (0.0, 0.01, 0.1, 1.0)]
        assert values == sorted(values)
        clean, changed = noisy(0.1)
        quiet = float(loss(0.1 * clean, 0.1 * changed))
        assert quiet == pytest.approx(float(loss(clean, changed)), rel=1e-2)
        silent = torch.zeros_like(clean)
        for target, output in ((silent, silent), (silent, clean), (clean, silent), (clean, clean)):
            start = output.clone().requires_grad_(True)
            value = loss(target, start)
            value.backward()
            assert torch.isfinite(value)
            assert start.grad is not None
            assert torch.isfinite(start.grad).all()

    def test_losses_are_close_to_the_metrics(self) -> None:
        clean, changed = noisy(0.2)
        ratios = [si_sdr(a.numpy(), b.numpy()) for a, b in zip(clean, changed, strict=True)]
        expected = -sum(ratios) / 2
        assert float(noise_to_signal_db(clean, changed)) == pytest.approx(expected, abs=0.2)
        clip = torch.from_numpy(signals.music(24_000, 24_000))[None]
        changed = clip + 0.01 * torch.randn(clip.shape, generator=generator())
        measured = log_spectral_distance(clip[0].numpy(), changed[0].numpy())
        loss = float(log_spectral_distance_db(clip, changed, resolutions=(1024,)))
        assert loss == pytest.approx(measured, rel=0.1)
        assert float(log_spectral_distance_db(clip, -clip)) < 0.01

    def test_divergence_agrees_with_pytorch(self) -> None:
        mean, spread = torch.randn(2, 50, generator=generator())
        posterior = torch.distributions.Normal(mean, (0.5 * spread).exp())
        prior = torch.distributions.Normal(0.0, 1.0)
        expected = torch.distributions.kl_divergence(posterior, prior)
        torch.testing.assert_close(gaussian_kl(mean, spread), expected, rtol=1e-4, atol=1e-5)


class TestCorruption:
    def test_it_is_as_strong_as_it_says_in_each_example(self) -> None:
        inputs = torch.randn(2, 1, 50_000, generator=generator())
        inputs *= torch.tensor([[[0.01]], [[3.0]]])
        masked = Corruption("masking", 0.2).apply(inputs, generator(1)) != inputs
        assert float(masked.float().mean()) == pytest.approx(0.2, abs=0.01)
        added = Corruption("gaussian", 0.4).apply(inputs, generator(1)) - inputs
        ratio = added.square().mean(dim=(1, 2)) / inputs.square().mean(dim=(1, 2))
        torch.testing.assert_close(ratio.sqrt(), torch.full((2,), 0.4), rtol=0.02, atol=0.0)

    @pytest.mark.parametrize("kind", ["frequency", "waveform", "frames_deep"])
    def test_it_acts_in_training_alone_and_asks_for_the_clean_input(self, kind: str) -> None:
        config = dataclasses.replace(SMALL[kind], level_range_db=0.0)
        plain = built(config)
        masked = built(dataclasses.replace(config, corruption=Corruption("masking", 1.0)))
        with torch.no_grad():
            clean = [model.evaluation_step(music()).total for model in (plain, masked)]
            blind = masked.training_step(music(), generator())
            target = masked.inputs(masked.peak_normalize(music())[0])
            expected = masked.loss(target, masked(torch.zeros_like(target)))
        assert torch.equal(*clean)
        torch.testing.assert_close(blind.total, expected.total)

"""Models over the MDCT: the coder without a network, the post-filter, the learned transform."""

from __future__ import annotations

import dataclasses
import itertools

import constriction
import numpy as np
import pytest
import torch
import zimtohrli

from musiclib.audio import resample
from musiclib.mdct import imdct, mdct
from musiclib.metrics import si_sdr
from musiclib.models import PostFilter, PostFilterConfig
from musiclib.models.learned_transform import (
    LARGEST_ANGLE,
    LearnedTransform,
    LearnedTransformConfig,
    ValueDensity,
    rotate,
    scaled,
)
from musiclib.models.losses import auditory_spectrogram, similarity_loss
from musiclib.models.post_filter import decoded
from musiclib.models.transform import (
    CHANGE_BITS,
    LARGEST_GAIN,
    LARGEST_LEVEL,
    N_BANDS,
    STEP_BITS,
    UNCHANGED_BITS,
    QuantiserSetting,
    analyse,
    choose_levels,
    dequantise,
    exact_levels,
    synthesise,
    uniform_noise,
)
from tests import signals
from tests.signals import click, noise, silence, tone

RATE = 24_000


def music(batch: int = 2, n_samples: int = 9_600) -> torch.Tensor:
    rows = [signals.music(n_samples, RATE, row) for row in range(batch)]
    return torch.from_numpy(np.stack(rows)).float()


class TestTransformCoder:
    @staticmethod
    def rebuilt(audio: np.ndarray, gain: int) -> np.ndarray:
        return synthesise(analyse(audio, QuantiserSetting(gain)), gain, len(audio))

    def test_tones_and_clicks_survive_and_silence_is_sent_as_zeros(self) -> None:
        for frequency in (220.0, 1000.0, 7000.0):
            audio = tone(frequency, RATE, RATE)
            assert si_sdr(audio, self.rebuilt(audio, 80)) > 15.0
        assert int(np.argmax(np.abs(self.rebuilt(click(RATE, 12_345), 60)))) == 12_345
        frames = analyse(silence(10_000), QuantiserSetting(100))
        assert not frames.levels.any()
        assert not frames.values.any()
        assert np.abs(synthesise(frames, 100, 10_000)).max() < 1e-4

    def test_noise_fills_what_was_not_sent_at_its_level(self) -> None:
        audio = noise(4 * RATE, rms=0.1)
        assert not analyse(audio, QuantiserSetting(LARGEST_GAIN)).values.any()
        level_db = 20.0 * np.log10(np.std(self.rebuilt(audio, LARGEST_GAIN)) / np.std(audio))
        assert -5.0 < level_db < 0.0
        frames = analyse(audio, QuantiserSetting(120))
        spectrum = dequantise(frames.values, frames.levels, 120)
        assert not spectrum.noise[frames.values != 0].any()
        assert not spectrum.coded[frames.values == 0].any()
        whole = uniform_noise(30, 0, 0)  # and belongs to its place
        np.testing.assert_array_equal(uniform_noise(10, 20, 0), whole[20:])
        assert np.abs(np.corrcoef(whole.ravel(), uniform_noise(30, 0, 1).ravel())[0, 1]) < 0.05
        assert whole.var() == pytest.approx(1.0, rel=0.03)

    def test_smoothing_saves_changes_and_finds_the_best_path(self) -> None:
        coefficients = mdct(noise(RATE, rms=0.1))
        changes = [
            np.count_nonzero(np.diff(choose_levels(coefficients, smoothing), axis=0))
            for smoothing in (0.0, 1.0, 4.0)
        ]
        assert changes[0] > 2 * changes[1] > 2 * changes[2]
        exact = np.clip(exact_levels(coefficients), 0.0, LARGEST_LEVEL)

        def cost(levels: np.ndarray, smoothing: float) -> float:
            steps = np.abs(np.diff(levels, axis=0))
            bits = np.where(steps == 0, UNCHANGED_BITS, CHANGE_BITS + STEP_BITS * steps)
            error = np.abs(exact - levels)
            squares = np.where(error > 10.0, 20.0 * error - 100.0, error**2)
            return float(squares.sum() + smoothing * bits.sum())

        best = choose_levels(coefficients, 2.0)
        rng = np.random.default_rng(0)
        for _ in range(200):
            other = best.copy()
            t, band, length = rng.integers(len(best)), rng.integers(N_BANDS), rng.integers(1, 6)
            moved = other[t : t + length, band] + rng.choice([-2, -1, 1, 2])
            other[t : t + length, band] = np.clip(moved, 0, LARGEST_LEVEL)
            assert cost(best, 2.0) <= cost(other, 2.0) + 1e-9


class TestRestorer:
    config = PostFilterConfig(width=16, blocks=2, expansion=2, kernel=3)

    def built(self, shaken: float = 0.0) -> PostFilter:
        """A network as it starts, or with a last layer that is not zero."""
        torch.manual_seed(0)
        model = PostFilter(self.config)
        if shaken:
            torch.nn.init.normal_(model.leave.weight, std=shaken)
        return model.eval()

    def test_untrained_it_is_the_decoder_without_a_network(self) -> None:
        audio, gains = music(), [110, 150]
        model = self.built()
        with torch.no_grad():
            output = model.audio(model(decoded(audio, gains))).numpy()
        for row, clip, gain in zip(output, audio.numpy(), gains, strict=True):
            plain = synthesise(analyse(clip, QuantiserSetting(gain)), gain, len(clip))
            np.testing.assert_allclose(row[: len(clip)], plain, atol=2e-6)
        spectra = np.random.default_rng(0).standard_normal((1, 7, 256)).astype(np.float32)
        found = model.audio(torch.from_numpy(spectra)).numpy()
        np.testing.assert_allclose(found[0], imdct(spectra[0]), atol=2e-5)

    def test_it_looks_no_further_than_its_reach(self) -> None:
        model, reach = self.built(shaken=0.1), self.config.reach
        batch, changed = (decoded(music(), [120, 120]) for _ in range(2))
        changed.features[:, 20] += 1.0
        with torch.no_grad():
            moved = (model(changed) - model(batch)).abs().amax(dim=(0, 2)) > 0
        places = torch.nonzero(moved).ravel()
        assert 20 - reach == places.min() <= places.max() <= 20 + reach

    def test_training_lowers_the_loss_and_depends_on_the_generator_alone(self) -> None:
        model, audio = self.built(), music()
        before = float(model.evaluation_step(audio).total.detach())
        first, second, third = (
            float(model.training_step(audio, torch.Generator().manual_seed(seed)).total.detach())
            for seed in (1, 1, 2)
        )
        assert first == second != third
        optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
        for step in range(12):
            optimizer.zero_grad()
            model.training_step(audio, torch.Generator().manual_seed(step)).total.backward()
            optimizer.step()
        assert float(model.evaluation_step(audio).total.detach()) < before - 0.02

    def test_similarity_loss_grows_with_damage_that_is_heard(self) -> None:
        audio = music()
        hiss = torch.from_numpy(noise(audio.shape[1], rms=1.0))
        others = (audio, audio + 0.001 * hiss, audio + 0.03 * hiss, torch.zeros_like(audio))
        found = [float(similarity_loss(audio, other).mean()) for other in others]
        assert found[0] == pytest.approx(0.0, abs=1e-4)
        assert found == sorted(found)
        assert found[3] > 0.1
        faint = 1e-6 * hiss[None]
        assert float(similarity_loss(torch.zeros_like(faint), faint)) < 1e-3

    def test_auditory_spectrogram_is_near_to_zimtohrlis_own(self) -> None:
        clip = music(1, RATE)[0]
        own = zimtohrli.Pyohrli().analyze(resample(clip.numpy(), RATE, 48_000))
        ours = auditory_spectrogram(clip[None])[0].T.numpy()
        means = [found[8:-8].mean(axis=0) for found in (ours, own)]
        assert np.abs(means[0] - means[1]).mean() < 1.5  # six units are 20 dB
        assert np.corrcoef(*means)[0, 1] > 0.95


class TestLearnedTransform:
    config = LearnedTransformConfig(angle_width=8, width=4)

    def built(self, shaken: float = 0.0, **changes: int) -> LearnedTransform:
        """A model as it starts, or with all weights moved by noise of a size."""
        torch.manual_seed(0)
        model = LearnedTransform(dataclasses.replace(self.config, **changes)).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(shaken * torch.randn(parameter.shape))
        return model

    def test_it_starts_as_the_mdct_coder(self) -> None:
        audio = music(1)[0].numpy()
        models = self.built(), self.built(group=1, width=0)
        for model, gain in itertools.product(models, (0, 150, 215)):
            mine, plain = model.analyse(audio, gain), analyse(audio, QuantiserSetting(gain))
            np.testing.assert_array_equal(mine.levels, plain.levels)
            np.testing.assert_array_equal(mine.values, plain.values)
            found = model.synthesise(mine, gain, len(audio))
            np.testing.assert_allclose(found, synthesise(plain, gain, len(audio)), atol=1e-5)

    def test_a_fine_step_gives_the_sound_back_whatever_the_angles(self) -> None:
        audio = music(1)[0].numpy()
        model = self.built(shaken=0.5, width=0)
        sent = model.analyse(audio, 0)
        error = model.synthesise(sent, 0, len(audio)) - audio
        assert np.sum(error**2) < 1e-3 * np.sum(audio**2)
        assert np.mean(sent.values != analyse(audio, QuantiserSetting(0)).values) > 0.1

    def test_rotations_keep_energy_and_can_be_undone(self) -> None:
        torch.manual_seed(0)
        for group, frames in itertools.product((2, 4, 8), (1, 7, 16, 21)):
            x = torch.randn(2, frames, 256)
            shape = (2, frames // group, group.bit_length() - 1, group // 2, 256)
            angles = 3.0 * torch.randn(shape)
            turned = rotate(x, angles)
            torch.testing.assert_close(rotate(turned, angles, back=True), x, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(turned.square().sum((1, 2)), x.square().sum((1, 2)))
        # The largest angles merge the frames of a steady group.
        merged = rotate(torch.ones(1, 4, 256), torch.full((1, 1, 2, 2, 256), LARGEST_ANGLE))
        torch.testing.assert_close(merged[0, 0], torch.full((256,), 2.0))
        torch.testing.assert_close(merged[0, 1:], torch.zeros(3, 256), atol=1e-6, rtol=0.0)

    def test_gradients_reach_every_parameter_and_training_helps(self) -> None:
        model = self.built(shaken=0.1).train()
        model.training_step(music(), torch.Generator().manual_seed(0)).total.backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.abs().max() > 0.0, name
        near_silence = torch.zeros(2, 6_000)
        near_silence[1, 5] = 1e-20
        assert torch.isfinite(model.evaluation_step(near_silence).total)
        model = self.built().train()
        before = model.evaluation_step(music()).total.item()
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        for step in range(15):
            optimizer.zero_grad()
            model.training_step(music(), torch.Generator().manual_seed(step)).total.backward()
            optimizer.step()
        assert model.evaluation_step(music()).total.item() < before - 0.03

    def test_probabilities_add_up_to_one_and_rest_on_what_a_decoder_knows(self) -> None:
        torch.manual_seed(0)
        density = ValueDensity()
        ratios = torch.linspace(-3.0, 3.0, 256).repeat(1, 6, 1)
        values = torch.zeros(1, 6, 256)
        scales = density(values, ratios)
        total = sum(
            2.0 ** -density.bits(torch.full_like(values, float(value)), scales)
            for value in range(-400, 401)
        )
        torch.testing.assert_close(total, torch.ones_like(values), atol=1e-3, rtol=0.0)
        values[0, 3, 100] = 9.0
        changed = (density(values, ratios)[0] != scales[0])[0]
        assert not changed[:3].any()
        assert not changed[3, :101].any()
        assert changed[3, 101]
        assert changed[4, 100]

    def test_the_rate_is_the_length_of_a_code(self) -> None:
        """An arithmetic coder that is given the density needs as many bits as the loss counts."""
        model = self.built(shaken=0.05)
        clips = scaled(music(1), torch.tensor([130]))
        with torch.no_grad():
            values = model.latents(clips).round()
            scales = model.density(values, clips.ratios)
            promised = float(model.density.bits(values, scales).sum())
            reach = int(values.abs().max()) + 1
            symbols = torch.arange(-reach, reach + 1.0)[:, None, None, None]
            tables = 2.0 ** -model.density.bits(symbols.expand(-1, *values.shape), scales)
        rows = tables.flatten(1).T.double().numpy()
        coder = constriction.stream.queue.RangeEncoder()
        coder.encode(
            (values.flatten() + reach).to(torch.int32).numpy(),
            constriction.stream.model.Categorical(perfect=False),
            np.ascontiguousarray(rows / rows.sum(axis=1, keepdims=True)),
        )
        assert promised > 1_000
        assert 32 * len(coder.get_compressed()) == pytest.approx(promised, rel=0.03)

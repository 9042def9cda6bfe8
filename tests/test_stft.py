"""The STFT, its inverse, log spectrograms and phase reconstruction."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from musiclib.errors import AudioError
from musiclib.stft import (
    StftConfig,
    db,
    from_log_magnitude,
    griffin_lim,
    istft,
    log_magnitude,
    stft,
)
from tests import signals

CONFIGS = [
    StftConfig(),
    StftConfig(512, 128),
    StftConfig(64, 16, "hamming"),
    StftConfig(64, 32),
    StftConfig(30, 7, "blackman"),
]
configs = st.sampled_from(CONFIGS)


def random_audio(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


class TestSignals:
    @pytest.mark.parametrize("bin_index", [2, 17, 200, 510])
    def test_a_tone_on_a_bin_has_half_the_windows_sum(self, bin_index: int) -> None:
        config = StftConfig()
        audio = signals.tone(bin_index * 48_000 / 1024, 48_000, 48_000, amplitude=0.5)
        magnitude = stft(torch.from_numpy(audio), config).abs()[:, 4:-4]
        assert (magnitude.argmax(dim=0) == bin_index).all()
        # A Hann window sums to n_fft / 2, and a real tone has half its amplitude at each side.
        torch.testing.assert_close(
            magnitude[bin_index], torch.full_like(magnitude[bin_index], 128.0), atol=0.6, rtol=0.0
        )

    def test_frequencies_belong_to_bins(self) -> None:
        frequencies = StftConfig().frequencies(24_000)
        assert frequencies[0] == 0.0
        assert frequencies[-1] == 12_000.0
        assert len(frequencies) == 513

    def test_silence_stays_silent(self) -> None:
        config = StftConfig()
        spectrum = stft(torch.zeros(5000), config)
        assert not spectrum.abs().any()
        assert not istft(spectrum, config, 5000).any()

    def test_a_click_lights_the_frames_around_it_evenly(self) -> None:
        config = StftConfig(512, 128)
        spectrum = stft(torch.from_numpy(signals.click(8000, 4096, 1.0)), config).abs()
        torch.testing.assert_close(spectrum[:, 32], torch.ones(257), atol=1e-5, rtol=0.0)
        assert not spectrum[:, :30].any()
        assert not spectrum[:, 35:].any()

    @settings(max_examples=20, deadline=None)
    @given(configs, st.integers(1, 3000))
    def test_energy_is_kept(self, config: StftConfig, n_samples: int) -> None:
        # Parseval: each sample counts with the sum of the squared windows over it.
        audio = random_audio(n_samples)
        spectrum = stft(audio, config).abs().square()
        weights = torch.full((config.n_bins, 1), 2.0, dtype=torch.float64)
        weights[[0, -1]] = 1.0
        energy = float((weights * spectrum).sum()) / config.n_fft
        centres = config.hop_length * torch.arange(config.frames(n_samples))
        offsets = torch.arange(n_samples)[:, None] - centres[None] + config.n_fft // 2
        inside = (offsets >= 0) & (offsets < config.n_fft)
        window = config.window_values(audio)
        squares = torch.where(inside, window[offsets.clamp(0, config.n_fft - 1)].square(), 0.0)
        assert energy == pytest.approx(float((audio.square() * squares.sum(dim=1)).sum()))


class TestAgainstLibrosa:
    @pytest.mark.parametrize("config", CONFIGS)
    @pytest.mark.parametrize("n_samples", [1, 100, 4999, 5120])
    def test_the_transform_is_librosas_default(self, config: StftConfig, n_samples: int) -> None:
        import librosa

        audio = signals.noise(n_samples)
        with pytest.warns() if n_samples < config.n_fft else contextlib.nullcontext():
            expected = librosa.stft(
                audio, n_fft=config.n_fft, hop_length=config.hop_length, window=config.window
            )
        actual = stft(torch.from_numpy(audio), config).numpy()
        assert actual.shape == expected.shape
        np.testing.assert_allclose(actual, expected, atol=1e-5)


class TestInverse:
    @settings(max_examples=100, deadline=None)
    @given(configs, st.integers(1, 3000))
    def test_reconstruction_is_perfect_at_every_length(
        self, config: StftConfig, n_samples: int
    ) -> None:
        audio = random_audio(2, n_samples)
        torch.testing.assert_close(
            istft(stft(audio, config), config, n_samples), audio, atol=1e-9, rtol=0.0
        )

    def test_float32_reconstructs_to_its_precision(self) -> None:
        audio = torch.from_numpy(signals.music(48_000, 24_000))
        config = StftConfig()
        rebuilt = istft(stft(audio, config), config, len(audio))
        assert rebuilt.dtype == torch.float32
        torch.testing.assert_close(rebuilt, audio, atol=1e-6, rtol=0.0)

    @pytest.mark.parametrize("shape", [(700,), (1, 700), (2, 3, 700)])
    def test_batches_are_transformed_alike(self, shape: tuple[int, ...]) -> None:
        config = StftConfig(64, 16)
        audio = random_audio(*shape)
        spectrum = stft(audio, config)
        assert spectrum.shape == (*shape[:-1], config.n_bins, config.frames(700))
        first = (0,) * (len(shape) - 1)
        torch.testing.assert_close(spectrum[first], stft(audio[first], config))
        torch.testing.assert_close(istft(spectrum, config, 700), audio)

    def test_the_inverse_is_the_least_squares_signal(self) -> None:
        config = StftConfig(64, 16)
        wanted = torch.complex(random_audio(33, 20), random_audio(33, 20, seed=1))
        best = istft(wanted, config, 310)
        weights = torch.full((33, 1), 2.0, dtype=torch.float64)
        weights[[0, -1]] = 1.0

        def error(audio: torch.Tensor) -> float:
            return float((weights * (stft(audio, config) - wanted).abs().square()).sum())

        for seed in range(5):
            assert error(best) < error(best + 1e-3 * random_audio(310, seed=seed))

    def test_both_directions_have_gradients(self) -> None:
        config = StftConfig(8, 2)
        audio = random_audio(2, 13).requires_grad_()
        assert torch.autograd.gradcheck(
            lambda x: istft(stft(x, config) * 2.0, config, 13) + stft(x, config).abs().sum(), audio
        )

    def test_shapes_that_do_not_belong_together_are_refused(self) -> None:
        config = StftConfig(64, 16)
        spectrum = stft(random_audio(160), config)
        with pytest.raises(AudioError, match=r"\(\.\.\., 33, 12\).* not \(33, 11\)"):
            istft(spectrum, config, 176)
        with pytest.raises(AudioError, match="shape"):
            istft(spectrum, StftConfig(32, 16), 160)
        with pytest.raises(AudioError, match="at least 1"):
            istft(spectrum, config, 0)
        with pytest.raises(AudioError, match="griffin_lim"):
            istft(spectrum.abs(), config, 160)


class TestErrors:
    @pytest.mark.parametrize(
        "audio", [torch.zeros(0), torch.zeros(2, 0), torch.tensor(1.0), torch.zeros(9).int()]
    )
    def test_audio_that_has_no_transform(self, audio: torch.Tensor) -> None:
        with pytest.raises(AudioError, match="floating point"):
            stft(audio, StftConfig())

    @pytest.mark.parametrize(
        ("n_fft", "hop", "window", "message"),
        [
            (1023, 256, "hann", "even"),
            (0, 1, "hann", "even"),
            (1024, 0, "hann", "hop_length"),
            (1024, 513, "hann", "hop_length"),
            (1024, 256, "kaiser", "window"),
        ],
    )
    def test_impossible_configurations(
        self, n_fft: int, hop: int, window: str, message: str
    ) -> None:
        with pytest.raises(AudioError, match=message):
            StftConfig(n_fft, hop, window)


class TestLogarithms:
    @settings(max_examples=20, deadline=None)
    @given(st.floats(1e-6, 1.0), st.integers(0, 100))
    def test_magnitudes_come_back(self, offset: float, seed: int) -> None:
        magnitude = random_audio(20, 10, seed=seed).abs() * 10
        back = from_log_magnitude(log_magnitude(magnitude, offset), offset)
        torch.testing.assert_close(back, magnitude, atol=1e-9, rtol=1e-9)

    def test_silence_is_the_offset_and_comes_back(self) -> None:
        silent = torch.zeros(3, 3)
        assert log_magnitude(silent, 0.1).unique().tolist() == pytest.approx([math.log(0.1)])
        assert not from_log_magnitude(torch.full((3, 3), -99.0), 0.1).any()

    def test_the_loudest_bin_is_0_db_and_half_is_minus_6(self) -> None:
        values = db(torch.tensor([[1.0, 0.5, 0.1, 0.0]]) * 7.0, -30.0)
        torch.testing.assert_close(values, torch.tensor([[0.0, -6.0206, -20.0, -30.0]]))

    def test_each_clip_has_its_own_reference(self) -> None:
        spectrum = stft(random_audio(2, 800), StftConfig(64, 16))
        spectrum[1] *= 1000.0
        assert db(spectrum).amax(dim=(-2, -1)).tolist() == pytest.approx([0.0, 0.0])

    def test_a_silent_clip_is_at_the_floor(self) -> None:
        assert db(torch.zeros(4, 4), -60.0).unique().tolist() == pytest.approx([-60.0])

    def test_gradients_are_finite_in_silence(self) -> None:
        audio = torch.zeros(400, requires_grad=True)
        log_magnitude(stft(audio, StftConfig(64, 16))).sum().backward()
        assert audio.grad is not None
        assert torch.isfinite(audio.grad).all()

    @pytest.mark.parametrize("value", [0.0, -1.0, math.nan])
    def test_impossible_offsets_and_floors(self, value: float) -> None:
        with pytest.raises(AudioError, match="offset"):
            log_magnitude(torch.ones(2, 2), value)
        with pytest.raises(AudioError, match="offset"):
            from_log_magnitude(torch.ones(2, 2), value)
        with pytest.raises(AudioError, match="floor_db"):
            db(torch.ones(2, 2), -value)


class TestGriffinLim:
    config = StftConfig(512, 128)

    def test_convergence_improves_with_iterations(self) -> None:
        audio = torch.from_numpy(signals.music(8_000, 8_000))
        wanted = stft(audio, self.config).abs()
        errors = [
            spectral_convergence(
                wanted, stft(griffin_lim(wanted, self.config, 8_000, n), self.config)
            )
            for n in (0, 4, 16, 64)
        ]
        assert errors == sorted(errors, reverse=True)
        assert errors[-1] < 0.15 < 0.5 < errors[0]

    def test_acceleration_helps(self) -> None:
        wanted = stft(torch.from_numpy(signals.music(8_000, 8_000)), self.config).abs()
        plain, fast = (
            spectral_convergence(
                wanted,
                stft(griffin_lim(wanted, self.config, 8_000, 48, momentum=m), self.config),
            )
            for m in (0.0, 0.99)
        )
        assert fast < plain

    def test_a_tone_survives(self) -> None:
        audio = torch.from_numpy(signals.tone(440, 16_000, 8_000))
        rebuilt = griffin_lim(stft(audio, self.config).abs(), self.config, 16_000, 64).numpy()
        assert signals.dominant_frequency(rebuilt, 8_000) == pytest.approx(440, abs=1)
        assert np.abs(rebuilt).max() == pytest.approx(0.5, abs=0.2)

    def test_silence_stays_silent(self) -> None:
        silent = torch.zeros(257, self.config.frames(1000))
        assert not griffin_lim(silent, self.config, 1000, 4).any()

    def test_the_seed_decides(self) -> None:
        wanted = stft(random_audio(2, 1000), self.config).abs()
        first, again = (griffin_lim(wanted, self.config, 1000, 2, seed=3) for _ in range(2))
        assert torch.equal(first, again)
        assert first.shape == (2, 1000)
        assert not torch.allclose(first, griffin_lim(wanted, self.config, 1000, 2, seed=4))

    def test_impossible_arguments_are_refused(self) -> None:
        wanted = stft(random_audio(1000), self.config).abs()
        with pytest.raises(AudioError, match="shape"):
            griffin_lim(wanted, self.config, 2000)
        with pytest.raises(AudioError, match="not negative"):
            griffin_lim(-wanted, self.config, 1000)
        with pytest.raises(AudioError, match="not negative"):
            griffin_lim(stft(random_audio(1000), self.config), self.config, 1000)
        with pytest.raises(AudioError, match="iterations"):
            griffin_lim(wanted, self.config, 1000, -1)
        with pytest.raises(AudioError, match="momentum"):
            griffin_lim(wanted, self.config, 1000, momentum=1.0)


class TestSpectralConvergence:
    def test_known_values(self) -> None:
        spectrum = stft(random_audio(1000), StftConfig(64, 16))
        assert spectral_convergence(spectrum, -spectrum) == 0.0
        assert spectral_convergence(spectrum, 0 * spectrum) == pytest.approx(1.0)
        assert spectral_convergence(spectrum, 1.5 * spectrum) == pytest.approx(0.5)

    def test_errors(self) -> None:
        with pytest.raises(AudioError, match="Shapes differ"):
            spectral_convergence(torch.ones(2, 2), torch.ones(2, 3))
        with pytest.raises(AudioError, match="silent"):
            spectral_convergence(torch.zeros(2, 2), torch.ones(2, 2))

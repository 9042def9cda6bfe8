"""Transforms and hearing: the STFT and its inverses, the MDCT, thresholds of masking."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from musiclib.mdct import (
    SIZE,
    frame_count,
    frames_to_coefficients,
    imdct,
    mdct,
    windowed_pieces,
)
from musiclib.psychoacoustics import (
    absolute_threshold_db,
    critical_bandwidth_hz,
    hz_to_bark,
    masked_threshold_db,
    spreading_db,
)
from musiclib.stft import (
    StftConfig,
    from_log_magnitude,
    griffin_lim,
    istft,
    log_magnitude,
    stft,
)
from tests import signals

SIZES = ((512, 128), (64, 16), (64, 32), (30, 7))
CONFIGS = [StftConfig(), *(StftConfig(*size) for size in SIZES)]
configs = st.sampled_from(CONFIGS)


def random_audio(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


class TestStft:
    def test_a_tone_on_a_bin_has_half_the_windows_sum(self):
        for place in (2, 200, 510):
            audio = signals.tone(place * 48_000 / 1024, 48_000, 48_000, amplitude=0.5)
            magnitude = stft(torch.from_numpy(audio), StftConfig()).abs()[:, 4:-4]
            assert (magnitude.argmax(dim=0) == place).all()
            # A Hann window sums to n_fft / 2, and a real tone has half its amplitude at each side.
            assert (magnitude[place] - 128.0).abs().max() < 0.6

    @pytest.mark.filterwarnings("ignore:n_fft:UserWarning")
    @pytest.mark.parametrize("config", CONFIGS)
    def test_the_transform_is_librosas_default(self, config):
        import librosa

        for n_samples in (1, 100, 4999):
            audio = signals.noise(n_samples)
            expected = librosa.stft(audio, n_fft=config.n_fft, hop_length=config.hop_length)
            actual = stft(torch.from_numpy(audio), config).numpy()
            np.testing.assert_allclose(actual, expected, atol=1e-5)

    @settings(max_examples=60, deadline=None)
    @given(configs, st.integers(1, 3000))
    def test_reconstruction_is_perfect_at_every_length(self, config, n_samples):
        audio = random_audio(2, n_samples)
        spectrum = stft(audio, config)
        assert spectrum.shape == (2, config.n_bins, config.frames(n_samples))
        rebuilt = istft(spectrum, config, n_samples)
        torch.testing.assert_close(rebuilt, audio, atol=1e-9, rtol=0.0)

    def test_the_inverse_is_the_least_squares_signal(self):
        config = StftConfig(64, 16)
        wanted = torch.complex(random_audio(33, 20), random_audio(33, 20, seed=1))
        best = istft(wanted, config, 310)
        weights = torch.full((33, 1), 2.0, dtype=torch.float64)
        weights[[0, -1]] = 1.0

        def error(audio: torch.Tensor) -> float:
            return float((weights * (stft(audio, config) - wanted).abs().square()).sum())

        for seed in range(5):
            assert error(best) < error(best + 1e-3 * random_audio(310, seed=seed))

    def test_gradients_are_right_and_finite_in_silence(self):
        config = StftConfig(8, 2)
        audio = random_audio(2, 13).requires_grad_()
        assert torch.autograd.gradcheck(
            lambda x: istft(stft(x, config) * 2.0, config, 13) + stft(x, config).abs().sum(), audio
        )
        silence = torch.zeros(400, requires_grad=True)
        log_magnitude(stft(silence, StftConfig(64, 16))).sum().backward()
        assert silence.grad is not None
        assert torch.isfinite(silence.grad).all()


class TestLogarithms:
    @settings(max_examples=20, deadline=None)
    @given(st.floats(1e-6, 1.0), st.integers(0, 100))
    def test_magnitudes_come_back(self, offset, seed):
        magnitude = random_audio(20, 10, seed=seed).abs() * 10
        back = from_log_magnitude(log_magnitude(magnitude, offset), offset)
        torch.testing.assert_close(back, magnitude, atol=1e-9, rtol=1e-9)
        assert not from_log_magnitude(torch.full((3, 3), -99.0), offset).any()


class TestGriffinLim:
    config = StftConfig(512, 128)

    def convergence(self, wanted: torch.Tensor, iterations: int, momentum: float = 0.99) -> float:
        """Relative error of the magnitudes of what was found."""
        audio = griffin_lim(wanted, self.config, 8_000, iterations, momentum=momentum)
        return float((stft(audio, self.config).abs() - wanted).norm() / wanted.norm())

    def test_iterations_and_acceleration_help(self):
        wanted = stft(torch.from_numpy(signals.music(8_000, 8_000)), self.config).abs()
        errors = [self.convergence(wanted, n) for n in (0, 4, 16, 64)]
        assert errors == sorted(errors, reverse=True)
        assert errors[-1] < 0.15 < 0.5 < errors[0]
        assert errors[-1] < self.convergence(wanted, 64, momentum=0.0)

    def test_a_tone_survives_and_silence_stays_silent(self):
        audio = torch.from_numpy(signals.tone(440, 16_000, 8_000))
        rebuilt = griffin_lim(stft(audio, self.config).abs(), self.config, 16_000, 64).numpy()
        assert signals.dominant_frequency(rebuilt, 8_000) == pytest.approx(440, abs=1)
        assert np.abs(rebuilt).max() == pytest.approx(0.5, abs=0.2)
        assert not griffin_lim(torch.zeros(257, 8), self.config, 1000, 4).any()


class TestMdct:
    def test_back_and_forth_gives_the_same_and_energy_is_kept(self):
        for n_samples, size in itertools.product((0, 1, 255, 256, 257, 5000), (64, SIZE)):
            pair = np.stack([signals.noise(n_samples, seed=seed) for seed in (1, 2)])
            coefficients = mdct(pair, size)
            assert coefficients.shape == (2, frame_count(n_samples, size), size)
            np.testing.assert_allclose(imdct(coefficients, n_samples), pair, atol=1e-6)
            np.testing.assert_array_equal(coefficients[1], mdct(pair[1], size))
            assert np.sum(coefficients**2) == pytest.approx(np.sum(pair**2), rel=1e-5)

    def test_a_tone_lies_in_its_bin(self):
        for frequency in (440.0, 3000.0, 11_000.0):
            power = (mdct(signals.tone(frequency, 24_000, 24_000))[2:-2] ** 2).mean(axis=0)
            place = frequency / 12_000 * SIZE
            assert abs(np.argmax(power) + 0.5 - place) <= 1.0
            near = slice(max(0, int(place) - 4), int(place) + 5)
            assert power[near].sum() > 0.995 * power.sum()

    def test_a_part_of_the_frames_is_a_part_of_the_sum(self):
        audio = signals.noise(20 * SIZE)
        padded = np.pad(audio, (SIZE, SIZE))
        some = frames_to_coefficients(padded[5 * SIZE : 13 * SIZE])
        np.testing.assert_array_equal(some, mdct(audio)[5:12])
        pieces = windowed_pieces(some)
        middle = pieces[1:, :SIZE] + pieces[:-1, SIZE:]
        np.testing.assert_allclose(middle.reshape(-1), audio[5 * SIZE : 11 * SIZE], atol=1e-6)


class TestHearing:
    def test_the_threshold_in_quiet_has_the_published_values(self):
        # Evaluated by hand from Terhardt's formula.
        assert absolute_threshold_db(1_000) == pytest.approx(3.64 - 6.5 * np.exp(-3.174) + 0.001)
        assert absolute_threshold_db(100) == pytest.approx(22.95, abs=0.05)
        frequencies = np.geomspace(20, 16_000, 2000)
        assert 2_000 < frequencies[np.argmin(absolute_threshold_db(frequencies))] < 5_000

    def test_bark_has_24_bands_up_to_15_5_kilohertz(self):
        assert hz_to_bark(0.0) == 0.0
        # Band edges of Zwicker's table; the authors claim 0.2 Bark for their formula.
        edges = [510, 1080, 2320, 6400, 15_500]
        assert hz_to_bark(edges) == pytest.approx([5, 9, 14, 20, 24], abs=0.2)
        centres = np.array([100.0, 500.0, 1000.0, 4000.0, 8000.0])
        half = critical_bandwidth_hz(centres) / 2
        widths = hz_to_bark(centres + half) - hz_to_bark(centres - half)
        assert widths == pytest.approx(np.ones(5), abs=0.2)

    def test_masking_spreads_further_upwards_than_downwards(self):
        assert spreading_db(0.0) == pytest.approx(0.0, abs=0.05)
        assert spreading_db(10.0) - spreading_db(9.0) == pytest.approx(-10, abs=0.3)
        assert spreading_db(-9.0) - spreading_db(-10.0) == pytest.approx(25, abs=0.3)

    def test_a_masker_lifts_the_threshold_by_its_level(self):
        quieter = masked_threshold_db([1000.0], [(1000.0, 60.0)])
        louder = masked_threshold_db([1000.0], [(1000.0, 70.0)])
        assert louder - quieter == pytest.approx([10.0], abs=0.01)
        assert quieter == pytest.approx([60 - 14.5 - hz_to_bark(1000.0)], abs=0.05)
        frequencies = np.geomspace(50, 15_000, 200)
        quiet = absolute_threshold_db(frequencies)
        assert masked_threshold_db(frequencies, []) == pytest.approx(quiet)
        assert np.all(masked_threshold_db(frequencies, [(1000.0, 80.0)]) >= quiet)

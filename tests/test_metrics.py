"""Measures of signals against their definitions and reference libraries."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from musiclib.audio import resample
from musiclib.errors import AudioError
from musiclib.metrics import (
    JUDGES,
    METRICS,
    bitrate_kbps,
    log_spectral_distance,
    si_sdr,
    spectral_rmse,
    waveform_rmse,
)
from tests import signals

RATE = 24_000
MUSIC = signals.music(RATE, RATE)


def downsampled(audio: npt.NDArray[np.float32], factor: int) -> npt.NDArray[np.float32]:
    there = resample(audio, 8_000, 8_000 // factor)
    return resample(there, 8_000 // factor, 8_000)[: len(audio)]


class TestEveryMeasure:
    @pytest.mark.parametrize("name", [name for name in METRICS if name not in JUDGES])
    def test_more_noise_is_worse(self, name: str) -> None:
        metric = METRICS[name]
        noisy = [MUSIC + signals.noise(RATE, rms=rms) for rms in (1e-4, 1e-3, 1e-2, 1e-1)]
        values = [metric(MUSIC, estimate, RATE) for estimate in noisy]
        assert values == sorted(values, reverse=metric.higher_is_better)
        assert len(set(values)) == 4

    @pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
    def test_clips_must_be_mono_and_finite(self, metric: Callable[..., float]) -> None:
        with pytest.raises(AudioError, match=r"reference must be mono .* to_mono"):
            metric(np.stack([MUSIC, MUSIC]), MUSIC, RATE)
        bad = MUSIC.copy()
        bad[5] = np.nan
        with pytest.raises(AudioError, match="estimate holds 1 samples"):
            metric(MUSIC, bad, RATE)
        with pytest.raises(AudioError, match="empty"):
            metric(MUSIC[:0], MUSIC[:0], RATE)

    @pytest.mark.parametrize("name", [name for name in METRICS if name != "waveform_rmse"])
    def test_a_silent_reference_is_refused(self, name: str) -> None:
        with pytest.raises(AudioError, match="silent"):
            METRICS[name](signals.silence(RATE), MUSIC, RATE)


class TestLogSpectralDistance:
    @settings(max_examples=10, deadline=None)
    @given(st.floats(-20.0, 20.0))
    def test_a_gain_is_a_distance_of_its_decibels(self, gain_db: float) -> None:
        # White noise has no bin near the floor 80 dB down.
        audio = signals.noise(RATE)
        louder = audio * np.float32(10 ** (gain_db / 20))
        assert log_spectral_distance(audio, louder) == pytest.approx(abs(gain_db), abs=0.01)

    def test_equal_clips_and_a_changed_sign_are_at_zero(self) -> None:
        assert log_spectral_distance(MUSIC, MUSIC) == 0.0
        assert log_spectral_distance(MUSIC, -MUSIC) == 0.0

    def test_phase_is_ignored_where_the_waveform_is_not(self) -> None:
        first = signals.tone(1000, RATE, RATE)
        second = signals.tone(1000, RATE, RATE, phase=2.0)
        # All that remains is how the tone starts and stops.
        assert log_spectral_distance(first, second) < 4.0
        assert si_sdr(first, second) < 0.0

    def test_it_equals_its_definition(self) -> None:
        import librosa

        noisy = MUSIC + signals.noise(RATE, rms=0.01)
        first, second = (
            20 * np.log10(np.abs(librosa.stft(x.astype(float), n_fft=1024, hop_length=256)) + 1e-30)
            for x in (MUSIC, noisy)
        )
        floor = first.max() - 80
        difference = np.maximum(first, floor) - np.maximum(second, floor)
        expected = np.mean(np.sqrt(np.mean(difference**2, axis=0)))
        assert log_spectral_distance(MUSIC, noisy) == pytest.approx(expected, rel=1e-6)


class TestSpectralRmse:
    def test_it_equals_its_definition(self) -> None:
        import librosa

        audio = resample(MUSIC, RATE, 8_000)
        noisy = audio + signals.noise(8_000, rms=0.01)
        gain = 0.3 / np.abs(audio).max()
        logs = [
            np.log(np.abs(librosa.stft(gain * x.astype(float), n_fft=512, hop_length=128)) + 0.1)
            for x in (audio, noisy)
        ]
        expected = np.sqrt(np.mean((logs[0] - logs[1]) ** 2))
        assert spectral_rmse(audio, noisy, 8_000) == pytest.approx(expected, rel=1e-6)

    def test_it_grows_with_downsampling_as_the_report_says(self) -> None:
        audio = signals.music(24_000, 8_000) + signals.noise(24_000, rms=0.02)
        values = [spectral_rmse(audio, downsampled(audio, k), 8_000) for k in (2, 4, 8, 16)]
        assert values == sorted(values)
        # The report's own figures, 0.48 to 1.53, times a half and two.
        assert 0.24 < values[0] < values[-1] < 3.1

    def test_other_rates_are_measured_at_8_khz(self) -> None:
        high = signals.music(48_000, 48_000)
        noisy = high + signals.noise(48_000, rms=0.01)
        low, low_noisy = resample(high, 48_000, 8_000), resample(noisy, 48_000, 8_000)
        assert spectral_rmse(high, noisy, 48_000) == pytest.approx(
            spectral_rmse(low, low_noisy, 8_000), rel=1e-4
        )

    def test_the_level_of_both_does_not_matter_but_of_one_does(self) -> None:
        quiet = MUSIC * np.float32(0.01)
        noisy = MUSIC + signals.noise(RATE, rms=0.01)
        assert spectral_rmse(quiet, noisy * np.float32(0.01), RATE) == pytest.approx(
            spectral_rmse(MUSIC, noisy, RATE), rel=1e-3
        )
        assert spectral_rmse(MUSIC, quiet, RATE) > 0.5


class TestSiSdr:
    @settings(max_examples=20, deadline=None)
    @given(st.floats(-20.0, 60.0), st.floats(0.01, 100.0))
    def test_it_is_the_ratio_of_orthogonal_noise_at_any_gain(
        self, ratio_db: float, gain: float
    ) -> None:
        # Two tones of whole periods are orthogonal to each other.
        audio = signals.tone(500, RATE, RATE).astype(np.float64)
        other = signals.tone(700, RATE, RATE).astype(np.float64)
        estimate = gain * (audio + other * 10 ** (-ratio_db / 20))
        assert si_sdr(audio, estimate) == pytest.approx(ratio_db, abs=0.01)

    @pytest.mark.parametrize("rms", [1e-3, 0.1, 3.0])
    def test_it_agrees_with_torchmetrics(self, rms: float) -> None:
        from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

        estimate = (0.3 * MUSIC + signals.noise(RATE, rms=rms) + 0.05).astype(np.float64)
        expected = scale_invariant_signal_distortion_ratio(
            torch.from_numpy(estimate), torch.from_numpy(MUSIC.astype(np.float64)), zero_mean=True
        )
        assert si_sdr(MUSIC, estimate) == pytest.approx(float(expected), abs=1e-9)

    def test_the_ends_of_the_scale_are_finite(self) -> None:
        assert si_sdr(MUSIC, MUSIC) == pytest.approx(156.5, abs=0.1)
        assert si_sdr(MUSIC, signals.silence(RATE)) == pytest.approx(-156.5, abs=0.1)
        assert si_sdr(MUSIC, -0.5 * MUSIC) > 140.0
        sine, cosine = (signals.tone(500, RATE, RATE, phase=p) for p in (0.0, math.pi / 2))
        assert -156.6 < si_sdr(sine, cosine) < -100.0


class TestWaveformRmse:
    @settings(max_examples=20, deadline=None)
    @given(st.floats(0.0, 1.0))
    def test_it_is_the_level_of_the_difference(self, offset: float) -> None:
        audio = MUSIC.astype(np.float64)
        assert waveform_rmse(audio, audio + offset) == pytest.approx(offset, abs=1e-12)


def test_a_compact_disc_has_1411_kbps() -> None:
    assert bitrate_kbps(44_100 * 2 * 2 * 30, 30.0) == pytest.approx(1411.2)

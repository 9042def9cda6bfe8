"""The spectral and waveform measures on signals whose distances are known."""

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
    def test_lengths_must_agree(self, metric: Callable[..., float]) -> None:
        with pytest.raises(AudioError, match="24000 samples and the estimate 23999"):
            metric(MUSIC, MUSIC[:-1], RATE)

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

    def test_inputs_are_not_changed(self) -> None:
        first, second = MUSIC.copy(), signals.noise(RATE)
        for name in ("log_spectral_distance", "spectral_rmse", "si_sdr", "waveform_rmse"):
            METRICS[name](first, second, RATE)
        np.testing.assert_array_equal(first, MUSIC)

    def test_the_registry_describes_itself(self) -> None:
        assert all(metric.name == name for name, metric in METRICS.items())
        assert METRICS["si_sdr"].axis_label == "SI-SDR (dB)"
        assert METRICS["zimtohrli_mos"].axis_label == "Predicted quality, Zimtohrli (1 to 5)"

    def test_an_unrelated_judge_is_among_the_judges(self) -> None:
        assert JUDGES == ("zimtohrli_mos", "visqol_mos", "two_f_mushra")
        assert len({METRICS[name].family for name in JUDGES}) == 2
        # A headline needs a judge that nothing was trained towards, of another family than theirs.
        taken = {METRICS[name].family for name in JUDGES if METRICS[name].trained_on}
        assert {METRICS[name].family for name in JUDGES} - taken


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

    def test_what_lies_under_the_floor_does_not_count(self) -> None:
        audio = signals.tone(1000, RATE, RATE) * np.hanning(RATE).astype(np.float32)
        assert log_spectral_distance(audio, audio + signals.noise(RATE, rms=1e-7)) < 0.01

    def test_silence_is_as_far_as_the_reference_stands_over_the_floor(self) -> None:
        audio = signals.noise(RATE)
        distance = log_spectral_distance(audio, signals.silence(RATE))
        assert 50.0 < distance < 80.0

    def test_the_level_of_both_does_not_matter(self) -> None:
        noisy = MUSIC + signals.noise(RATE, rms=0.01)
        quiet = log_spectral_distance(MUSIC * np.float32(0.01), noisy * np.float32(0.01))
        assert quiet == pytest.approx(log_spectral_distance(MUSIC, noisy), rel=1e-4)

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

    def test_every_frame_counts_once_however_far_it_is_off(self) -> None:
        # A fifth of the frames is 40 dB too quiet: pooled over all bins that would be 18 dB.
        audio = signals.noise(5 * RATE)
        gain = np.ones(5 * RATE, np.float32)
        gain[RATE : 2 * RATE] = 1e-2
        assert log_spectral_distance(audio, gain * audio) == pytest.approx(8.0, abs=0.2)

    def test_clips_shorter_than_a_window_are_measured(self) -> None:
        audio = signals.noise(100)
        assert log_spectral_distance(audio, 2 * audio) == pytest.approx(6.02, abs=0.01)


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

    def test_what_lies_over_4_khz_does_not_count(self) -> None:
        high = signals.tone(8_000, RATE, RATE, 0.1) * np.hanning(RATE).astype(np.float32)
        assert spectral_rmse(MUSIC, MUSIC + high, RATE) < 1e-3

    def test_the_level_of_both_does_not_matter_but_of_one_does(self) -> None:
        quiet = MUSIC * np.float32(0.01)
        noisy = MUSIC + signals.noise(RATE, rms=0.01)
        assert spectral_rmse(quiet, noisy * np.float32(0.01), RATE) == pytest.approx(
            spectral_rmse(MUSIC, noisy, RATE), rel=1e-3
        )
        assert spectral_rmse(MUSIC, quiet, RATE) > 0.5

    def test_a_reference_without_anything_below_4_khz_is_refused(self) -> None:
        high = signals.tone(8_000, RATE, RATE) * np.hanning(RATE).astype(np.float32)
        with pytest.raises(AudioError, match="silent below 4 kHz"):
            spectral_rmse(high, MUSIC, RATE)

    def test_impossible_rates_are_refused(self) -> None:
        with pytest.raises(AudioError, match="sample_rate"):
            spectral_rmse(MUSIC, MUSIC, 0)


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

    def test_a_constant_offset_does_not_count(self) -> None:
        estimate = MUSIC + signals.noise(RATE, rms=0.01)
        assert si_sdr(MUSIC + 0.3, estimate - 0.2) == pytest.approx(
            si_sdr(MUSIC, estimate), abs=1e-3
        )

    def test_the_ends_of_the_scale_are_finite(self) -> None:
        assert si_sdr(MUSIC, MUSIC) == pytest.approx(156.5, abs=0.1)
        assert si_sdr(MUSIC, signals.silence(RATE)) == pytest.approx(-156.5, abs=0.1)
        assert si_sdr(MUSIC, -0.5 * MUSIC) > 140.0
        sine, cosine = (signals.tone(500, RATE, RATE, phase=p) for p in (0.0, math.pi / 2))
        assert -156.6 < si_sdr(sine, cosine) < -100.0

    def test_a_shift_of_one_sample_is_heard(self) -> None:
        assert si_sdr(MUSIC, np.roll(MUSIC, 1)) < 30.0

    def test_a_constant_reference_is_refused(self) -> None:
        with pytest.raises(AudioError, match="constant"):
            si_sdr(np.full(RATE, 0.5), MUSIC)


class TestWaveformRmse:
    @settings(max_examples=20, deadline=None)
    @given(st.floats(0.0, 1.0))
    def test_it_is_the_level_of_the_difference(self, offset: float) -> None:
        audio = MUSIC.astype(np.float64)
        assert waveform_rmse(audio, audio + offset) == pytest.approx(offset, abs=1e-12)

    def test_silence_against_silence_is_zero(self) -> None:
        assert waveform_rmse(signals.silence(9), signals.silence(9)) == 0.0

    def test_a_changed_sign_is_twice_the_level(self) -> None:
        level = float(np.sqrt(np.mean(MUSIC.astype(float) ** 2)))
        assert waveform_rmse(MUSIC, -MUSIC) == pytest.approx(2 * level)

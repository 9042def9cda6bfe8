"""Measures of signals against their definitions and reference libraries; judges on anchors."""

from __future__ import annotations

import math

import librosa
import numba
import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.audio import scale_invariant_signal_distortion_ratio

from musiclib.audio import FloatArray, resample
from musiclib.codecs import FileCodec
from musiclib.codecs.simple import LowPass, WhiteNoise
from musiclib.datasets import open_dataset
from musiclib.errors import AudioError, MusiclibError
from musiclib.evaluation import evaluate
from musiclib.metrics import (
    JUDGES,
    METRICS,
    agreement,
    bitrate_kbps,
    log_spectral_distance,
    si_sdr,
    spectral_rmse,
    two_f_mushra,
    visqol_mos,
    waveform_rmse,
    zimtohrli_mos,
)
from tests import signals
from tests.codec_signals import tone

RATE = 24_000
MUSIC = signals.music(2 * RATE, RATE)
SILENCE = signals.silence(len(MUSIC))


def noisy(rms: float, audio: FloatArray = MUSIC) -> FloatArray:
    return audio + signals.noise(len(audio), rms=rms)


@pytest.mark.parametrize("name", METRICS)
def test_more_noise_is_worse(name: str) -> None:
    metric = METRICS[name]
    values = [metric(MUSIC, noisy(rms), RATE) for rms in (1e-3, 1e-2, 1e-1)]
    assert values == sorted(values, reverse=metric.higher_is_better)
    assert len(set(values)) == 3


@pytest.mark.parametrize("name", METRICS)
def test_clips_must_be_mono_finite_of_one_length_and_not_silent(name: str) -> None:
    bad = MUSIC.copy()
    bad[5] = np.nan
    for reference, estimate, problem in (
        (np.stack([MUSIC, MUSIC]), MUSIC, r"reference must be mono .* to_mono"),
        (MUSIC, bad, "estimate holds 1 samples"),
        (MUSIC[:0], MUSIC[:0], "empty"),
        (MUSIC, MUSIC[1:], "align"),
        (SILENCE, MUSIC, "silent"),
    ):
        if reference is not SILENCE or name != "waveform_rmse":
            with pytest.raises(AudioError, match=problem):
                METRICS[name](reference, estimate, RATE)


def magnitudes(audio: FloatArray, n_fft: int) -> FloatArray:
    return np.abs(librosa.stft(audio.astype(float), n_fft=n_fft, hop_length=n_fft // 4))


class TestLogSpectralDistance:
    @settings(max_examples=10, deadline=None)
    @given(st.floats(-20.0, 20.0), st.sampled_from([1, -1]))
    def test_a_gain_is_a_distance_of_its_decibels(self, gain_db: float, sign: int) -> None:
        # White noise has no bin near the floor 80 dB down.
        audio = signals.noise(RATE)
        louder = sign * audio * np.float32(10 ** (gain_db / 20))
        assert log_spectral_distance(audio, louder) == pytest.approx(abs(gain_db), abs=0.01)

    def test_phase_is_ignored_where_the_waveform_is_not(self) -> None:
        first, second = (signals.tone(1000, RATE, RATE, phase=phase) for phase in (0.0, 2.0))
        # All that remains is how the tone starts and stops.
        assert log_spectral_distance(first, second) < 4.0
        assert si_sdr(first, second) < 0.0

    def test_it_equals_its_definition(self) -> None:
        first, second = (20 * np.log10(magnitudes(x, 1024) + 1e-30) for x in (MUSIC, noisy(0.01)))
        floor = first.max() - 80
        difference = np.maximum(first, floor) - np.maximum(second, floor)
        expected = np.mean(np.sqrt(np.mean(difference**2, axis=0)))
        assert log_spectral_distance(MUSIC, noisy(0.01)) == pytest.approx(expected, rel=1e-6)


class TestSpectralRmse:
    def test_it_equals_its_definition_and_other_rates_are_measured_at_8_khz(self) -> None:
        high = noisy(0.01)
        low, low_noisy = (resample(audio, RATE, 8_000) for audio in (MUSIC, high))
        gain = 0.3 / np.abs(low).max()
        logs = [np.log(magnitudes(gain * audio, 512) + 0.1) for audio in (low, low_noisy)]
        expected = pytest.approx(np.sqrt(np.mean((logs[0] - logs[1]) ** 2)), rel=1e-5)
        assert spectral_rmse(low, low_noisy, 8_000) == expected
        assert spectral_rmse(MUSIC, high, RATE) == expected

    def test_it_grows_with_downsampling_as_the_report_says(self) -> None:
        audio = signals.music(24_000, 8_000) + signals.noise(24_000, rms=0.02)
        low = [resample(audio, 8_000, 8_000 // factor) for factor in (2, 4, 8, 16)]
        copies = [resample(one, len(one), len(audio)) for one in low]
        values = [spectral_rmse(audio, copy, 8_000) for copy in copies]
        assert values == sorted(values)
        # The report's own figures, 0.48 to 1.53, times a half and two.
        assert 0.24 < values[0] < values[-1] < 3.1

    def test_the_level_of_both_does_not_matter_but_of_one_does(self) -> None:
        factor = np.float32(0.01)
        both = spectral_rmse(factor * MUSIC, factor * noisy(0.01), RATE)
        assert both == pytest.approx(spectral_rmse(MUSIC, noisy(0.01), RATE), rel=1e-3)
        assert spectral_rmse(MUSIC, factor * MUSIC, RATE) > 0.5


class TestSiSdr:
    @settings(max_examples=20, deadline=None)
    @given(st.floats(-20.0, 60.0), st.floats(0.01, 100.0))
    def test_it_is_the_ratio_of_orthogonal_noise_at_any_gain(
        self, ratio_db: float, gain: float
    ) -> None:
        # Two tones of whole periods are orthogonal to each other.
        audio, other = (signals.tone(f, RATE, RATE).astype(np.float64) for f in (500, 700))
        estimate = gain * (audio + other * 10 ** (-ratio_db / 20))
        assert si_sdr(audio, estimate) == pytest.approx(ratio_db, abs=0.01)

    def test_it_agrees_with_torchmetrics(self) -> None:
        music = torch.from_numpy(MUSIC.astype(np.float64))
        for rms in (1e-3, 0.1, 3.0):
            estimate = (0.3 * noisy(rms) + 0.05).astype(np.float64)
            expected = scale_invariant_signal_distortion_ratio(
                torch.from_numpy(estimate), music, zero_mean=True
            )
            assert si_sdr(MUSIC, estimate) == pytest.approx(float(expected), abs=1e-9)

    def test_the_ends_of_the_scale_are_finite(self) -> None:
        assert si_sdr(MUSIC, MUSIC) == pytest.approx(156.5, abs=0.1)
        assert si_sdr(MUSIC, SILENCE) == pytest.approx(-156.5, abs=0.1)
        sine, cosine = (signals.tone(500, RATE, RATE, phase=p) for p in (0.0, math.pi / 2))
        assert -156.6 < si_sdr(sine, cosine) < -100.0


@settings(max_examples=20, deadline=None)
@given(st.floats(0.0, 1.0))
def test_waveform_rmse_is_the_level_of_the_difference(offset: float) -> None:
    audio = MUSIC.astype(np.float64)
    assert waveform_rmse(audio, audio + offset) == pytest.approx(offset, abs=1e-12)


def test_a_compact_disc_has_1411_kbps() -> None:
    assert bitrate_kbps(44_100 * 2 * 2 * 30, 30.0) == pytest.approx(1411.2)


class TestJudges:
    def test_the_ends_of_the_scales(self) -> None:
        for judge, copy, silence, within in (
            (zimtohrli_mos, 5.0, 2.5, 1.0),
            (visqol_mos, 4.73, 1.0, 1.0),
            (two_f_mushra, 100.0, 0.0, 10.0),
        ):
            assert judge(MUSIC, MUSIC, RATE) == pytest.approx(copy, abs=0.01)
            assert judge(MUSIC, SILENCE, RATE) == pytest.approx(silence, abs=within)

    def test_the_rate_is_brought_to_the_models(self) -> None:
        import zimtohrli

        high = (resample(audio, RATE, 48_000) for audio in (MUSIC, noisy(0.01)))
        expected = zimtohrli.mos_from_signals(*high)
        assert zimtohrli_mos(MUSIC, noisy(0.01), RATE) == pytest.approx(expected, abs=1e-6)

    def test_2f_is_the_score_of_the_package_it_comes_from(self) -> None:
        # As plain Python: compiling would take a minute, and gives the same digits.
        compiled, numba.config.DISABLE_JIT = numba.config.DISABLE_JIT, True
        try:
            from seabass.core.models.mms import estimated_mean_mushra_score
        finally:
            numba.config.DISABLE_JIT = compiled
        for copy in (noisy(1e-3), noisy(3e-2)):
            high = [resample(x, RATE, 48_000).astype(np.float64)[None] for x in (copy, MUSIC)]
            expected = float(estimated_mean_mushra_score(*high))
            assert 0.0 < expected < 100.0
            assert two_f_mushra(MUSIC, copy, RATE) == pytest.approx(expected, abs=1e-9)

    def test_2f_refuses_quiet_and_short_clips(self) -> None:
        music = MUSIC[: RATE + 100]
        brief = np.where(np.arange(len(music)) < RATE // 4, music, np.float32(0.0))
        for reference, problem in (
            (music * np.float32(1e-4), "loud enough"),
            (music[: RATE // 2], r"2f-model needs .* 1\.0 s"),
            (brief, "half a second"),
        ):
            with pytest.raises(AudioError, match=problem):
                two_f_mushra(reference, reference, RATE)


# Within each pair the second is the better.
ANCHORS: tuple[FileCodec, ...] = (LowPass(cutoff_hz=3_500.0), LowPass(cutoff_hz=7_000.0))
ANCHORS += (WhiteNoise(snr_db=20.0), WhiteNoise(snr_db=40.0))


class TestAnchors:
    @pytest.mark.parametrize("codec", ANCHORS[:2])
    def test_a_low_pass_passes_what_is_below_and_nothing_above(self, codec: LowPass) -> None:
        below, above = tone(0.98 * codec.cutoff_hz), tone(1.15 * codec.cutoff_hz)
        passed, stopped = (codec.decode(codec.encode(x, RATE))[0] for x in (below, above))
        inner = slice(2_000, -2_000)
        np.testing.assert_allclose(passed[inner], below[inner], atol=2e-3)
        assert np.abs(stopped[inner]).max() < 1e-3

    @pytest.mark.parametrize("codec", ANCHORS[2:])
    def test_noise_has_its_level_and_is_white(self, codec: WhiteNoise) -> None:
        added = codec.decode(codec.encode(MUSIC, RATE))[0] - MUSIC
        ratio_db = 20 * np.log10(np.std(MUSIC) / np.std(added))
        assert ratio_db == pytest.approx(codec.snr_db, abs=0.1)
        spectrum = np.abs(np.fft.rfft(added)) ** 2
        halves = [part.mean() for part in np.array_split(spectrum[1:], 2)]
        assert halves[0] == pytest.approx(halves[1], rel=0.05)

    def test_judges_score_them_as_they_did_and_good_codecs_above(self) -> None:
        clips = open_dataset("mini").part("validation").clips(duration_s=2.0, limit=1)
        table = evaluate([*ANCHORS, "mp3:128", "opus:128"], clips, JUDGES)
        found = table.pivot(index=["system", "setting"], columns="metric", values="value")
        systems = [(one.title, one.setting) for one in ANCHORS]
        found = found.loc[[*systems, ("MP3", "128 kbps"), ("Opus", "128 kbps")]]
        expected = {
            "zimtohrli_mos": (2.63, 4.53, 3.55, 4.78, 4.99, 5.00),
            "visqol_mos": (2.99, 3.07, 2.13, 3.55, 4.73, 4.73),
            "two_f_mushra": (49.3, 84.0, 33.5, 75.9, 100.0, 100.0),
        }
        for judge, values in expected.items():
            within = 1.0 if judge == "two_f_mushra" else 0.05
            assert found[judge].tolist() == pytest.approx(values, abs=within)


class TestAgreement:
    @staticmethod
    def table(values: dict[str, np.ndarray]) -> pd.DataFrame:
        """Tidy rows of arrays `(clips, systems)`."""
        wide = {name: pd.DataFrame(array).stack() for name, array in values.items()}
        tidy = pd.DataFrame(wide).rename_axis(["clip", "system"]).reset_index()
        return tidy.assign(setting="").melt(["clip", "system", "setting"], var_name="metric")

    def test_it_agrees_with_scipy_where_scores_are_equal_too(self) -> None:
        rng = np.random.default_rng(0)
        first = rng.integers(0, 4, (8, 6)) / 4
        second = first + rng.integers(0, 3, (8, 6)) / 4
        second[:, 3] = second[:, 4]  # at the end of a scale, say
        both = ("visqol_mos", "two_f_mushra")
        table = self.table(dict(zip(both, (first, second), strict=True)))
        found = agreement(table, both).iloc[0]
        rank = scipy.stats.spearmanr
        assert found["systems"] == pytest.approx(rank(first.mean(0), second.mean(0))[0])
        expected = np.mean([rank(a, b)[0] for a, b in zip(first, second, strict=True)])
        assert found["within_clips"] == pytest.approx(expected)
        # A clip without one of the values is left out of both.
        table.loc[table["clip"].eq(0) & table["metric"].eq("visqol_mos"), "value"] = math.nan
        rest = agreement(table, both)["systems"][0]
        assert rest == pytest.approx(rank(first[1:].mean(0), second[1:].mean(0))[0])

    def test_distances_are_turned_round_and_easy_clips_are_told_from_good_systems(self) -> None:
        clips, systems = 10.0 * np.arange(6)[:, None], np.arange(4)[None]
        # Both find the same clips hard, and order systems the other way round.
        values = {"si_sdr": clips + systems, "log_spectral_distance": -clips + systems}
        found = agreement(self.table(values), list(values)).iloc[0]
        assert found[["systems", "within_clips"]].tolist() == pytest.approx([-1.0, -1.0])
        with pytest.raises(MusiclibError, match="visqol_mos"):
            agreement(self.table(values))

"""Judges, anchors, and how far judges agree."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from musiclib.audio import resample
from musiclib.codecs import get_codec
from musiclib.codecs.simple import LowPass, WhiteNoise
from musiclib.datasets import open_dataset
from musiclib.errors import AudioError
from musiclib.evaluation import evaluate
from musiclib.metrics import JUDGES, agreement, two_f_mushra, visqol_mos, zimtohrli_mos
from tests import signals
from tests.codec_signals import tone

# Within each pair the second is the better.
ANCHORS = (LowPass(cutoff_hz=3_500.0), LowPass(cutoff_hz=7_000.0))
ANCHORS += (WhiteNoise(snr_db=20.0), WhiteNoise(snr_db=40.0))
RATE = 24_000
MUSIC = signals.music(2 * RATE, RATE)


class TestZimtohrli:
    def test_equal_clips_are_excellent(self) -> None:
        assert zimtohrli_mos(MUSIC, MUSIC, RATE) == pytest.approx(5.0)

    def test_more_noise_scores_less(self) -> None:
        scores = [
            zimtohrli_mos(MUSIC, MUSIC + signals.noise(len(MUSIC), rms=rms), RATE)
            for rms in (1e-4, 1e-3, 1e-2, 1e-1)
        ]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] > 4.5
        assert scores[-1] < 3.0

    def test_the_rate_is_brought_to_the_models(self) -> None:
        noisy = MUSIC + signals.noise(len(MUSIC), rms=0.01)
        house = zimtohrli_mos(MUSIC, noisy, RATE)
        high = zimtohrli_mos(resample(MUSIC, RATE, 48_000), resample(noisy, RATE, 48_000), 48_000)
        assert high == pytest.approx(house, abs=1e-3)

    def test_a_silent_estimate_scores_far_below(self) -> None:
        assert zimtohrli_mos(MUSIC, signals.silence(len(MUSIC)), RATE) < 3.5


@pytest.mark.slow
class TestVisqol:
    """Slow at the first call only, when its inner loops are compiled."""

    def test_equal_clips_have_the_highest_score_and_noise_lowers_it(self) -> None:
        scores = [
            visqol_mos(MUSIC, MUSIC + signals.noise(len(MUSIC), rms=rms), RATE)
            for rms in (0.0, 1e-3, 1e-1)
        ]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] == pytest.approx(4.73, abs=0.01)
        assert scores[-1] < 3.0

    def test_a_silent_estimate_has_the_lowest_score(self) -> None:
        assert visqol_mos(MUSIC, signals.silence(len(MUSIC)), RATE) == 1.0


class TestTwoF:
    def test_it_is_the_score_of_the_package_it_comes_from(self) -> None:
        import numba

        # As plain Python: compiling would take a minute, and gives the same digits.
        compiled, numba.config.DISABLE_JIT = numba.config.DISABLE_JIT, True
        try:
            from seabass.core.models.mms import estimated_mean_mushra_score
        finally:
            numba.config.DISABLE_JIT = compiled
        for rms in (1e-3, 3e-2):
            noisy = MUSIC + signals.noise(len(MUSIC), rms=rms)
            high = [resample(x, RATE, 48_000).astype(np.float64)[None] for x in (noisy, MUSIC)]
            expected = float(estimated_mean_mushra_score(*high))
            assert 0.0 < expected < 100.0
            assert two_f_mushra(MUSIC, noisy, RATE) == pytest.approx(expected, abs=1e-9)

    def test_the_scale_ends_where_the_test_ends(self) -> None:
        # The curve goes on to 118.5 for an exact copy, and beyond.
        assert two_f_mushra(MUSIC, MUSIC, RATE) == 100.0
        assert two_f_mushra(MUSIC, signals.noise(len(MUSIC), rms=0.5), RATE) < 10.0

    def test_quiet_and_short_clips_are_refused(self) -> None:
        with pytest.raises(AudioError, match="loud enough"):
            two_f_mushra(MUSIC[:RATE] * np.float32(1e-4), MUSIC[:RATE], RATE)
        with pytest.raises(AudioError, match=r"2f-model needs .* 1\.0 s"):
            two_f_mushra(MUSIC[: RATE // 2], MUSIC[: RATE // 2], RATE)
        brief = MUSIC[: 2 * RATE].copy()
        brief[RATE // 4 :] = 0.0
        with pytest.raises(AudioError, match="half a second"):
            two_f_mushra(brief, brief, RATE)


NOISE = (0.1 * np.random.default_rng(1).standard_normal(RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def scores() -> pd.Series:
    """Judges' scores of anchors and of good codecs on five seconds of music."""
    clips = open_dataset("mini").part("validation").clips(duration_s=5.0, limit=1)
    table = evaluate([*ANCHORS, "mp3:128", "opus:128"], clips, JUDGES)
    return table.set_index(["metric", "system", "setting"])["value"]


class TestAnchors:
    @pytest.mark.parametrize("cutoff", [3_500.0, 7_000.0])
    def test_a_low_pass_passes_what_is_below_and_nothing_above(self, cutoff: float) -> None:
        codec = LowPass(cutoff_hz=cutoff)
        inner = slice(2_000, -2_000)
        below, above = tone(0.98 * cutoff), tone(1.15 * cutoff)
        np.testing.assert_allclose(roundtrip_of(codec, below)[inner], below[inner], atol=2e-3)
        assert np.abs(roundtrip_of(codec, above)[inner]).max() < 1e-3

    @pytest.mark.parametrize("snr_db", [20.0, 40.0])
    def test_noise_has_its_level_and_is_white_and_the_same(self, snr_db: float) -> None:
        codec = WhiteNoise(snr_db=snr_db)
        noise = roundtrip_of(codec, NOISE) - NOISE
        ratio = 20 * np.log10(np.std(NOISE) / np.std(noise))
        assert ratio == pytest.approx(snr_db, abs=0.1)
        spectrum = np.abs(np.fft.rfft(noise)) ** 2
        halves = [part.mean() for part in np.array_split(spectrum[1:], 2)]
        assert halves[0] == pytest.approx(halves[1], rel=0.05)
        assert codec.encode(NOISE, RATE) == codec.encode(NOISE, RATE)


class TestJudges:
    @pytest.mark.parametrize("judge", JUDGES)
    def test_each_orders_the_anchors_as_listeners_would(
        self, judge: str, scores: pd.Series
    ) -> None:
        found = scores[judge]
        for worse, better in (ANCHORS[:2], ANCHORS[2:]):
            assert found[worse.title, worse.setting] < found[better.title, better.setting]
        bad = max(found["Low-pass", "3.5 kHz"], found["White noise", "at 20 dB"])
        for good in ("MP3", "Opus"):
            assert found[good, "128 kbps"] > bad

    def test_scores_are_what_they_were(self, scores: pd.Series) -> None:
        expected = {
            "zimtohrli_mos": (2.95, 4.57, 3.52, 4.67, 4.99, 5.00),
            "visqol_mos": (2.97, 3.13, 2.08, 3.31, 4.72, 4.73),
            "two_f_mushra": (53.0, 86.4, 30.0, 69.1, 100.0, 100.0),
        }
        systems = [(one.title, one.setting) for one in ANCHORS]
        systems += [("MP3", "128 kbps"), ("Opus", "128 kbps")]
        for judge, values in expected.items():
            within = 1.0 if judge == "two_f_mushra" else 0.05
            for system, value in zip(systems, values, strict=True):
                assert scores[(judge, *system)] == pytest.approx(value, abs=within)


class TestAgreement:
    @staticmethod
    def table(values: dict[str, np.ndarray]) -> pd.DataFrame:
        """Tidy rows of arrays `(clips, systems)`."""
        return pd.DataFrame(
            [
                {
                    "clip": f"c{c}",
                    "system": f"s{s}",
                    "setting": "",
                    "metric": metric,
                    "value": value,
                }
                for metric, array in values.items()
                for c, row in enumerate(array)
                for s, value in enumerate(row)
            ]
        )

    def test_it_agrees_with_scipy(self) -> None:
        rng = np.random.default_rng(0)
        first = rng.standard_normal((7, 5))
        second = first + rng.standard_normal((7, 5))
        found = agreement(
            self.table({"visqol_mos": first, "two_f_mushra": second}),
            ("visqol_mos", "two_f_mushra"),
        ).iloc[0]
        rank = scipy.stats.spearmanr
        assert found["everything"] == pytest.approx(rank(first.ravel(), second.ravel())[0])
        assert found["systems"] == pytest.approx(rank(first.mean(0), second.mean(0))[0])
        expected = np.mean([rank(a, b)[0] for a, b in zip(first, second, strict=True)])
        assert found["within_clips"] == pytest.approx(expected)
        assert tuple(found[["n_systems", "n_clips", "left_out"]]) == (5, 7, 0)

    def test_distances_are_turned_round_and_easy_clips_are_told_from_good_systems(self) -> None:
        clips, systems = 10.0 * np.arange(6)[:, None], np.arange(4)[None]
        # Both find the same clips hard, and order systems the other way round.
        values = {"si_sdr": clips + systems, "log_spectral_distance": -clips + systems}
        found = agreement(self.table(values), list(values)).iloc[0]
        assert found["systems"] == pytest.approx(-1.0)
        assert found["within_clips"] == pytest.approx(-1.0)
        assert found["everything"] > 0.9


def roundtrip_of(codec, audio: np.ndarray) -> np.ndarray:
    """As `roundtrip`, for codecs that are not in the registry."""
    decoded, rate = codec.decode(codec.encode(audio, RATE))
    assert rate == RATE
    np.testing.assert_array_equal(
        get_codec("downsample").decode(codec.encode(audio, RATE))[0], decoded
    )
    return decoded

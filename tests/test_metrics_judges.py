"""The judges order what listeners would order, and agree with the packages they come from."""

from __future__ import annotations

import numpy as np
import pytest

from musiclib.audio import resample
from musiclib.errors import AudioError
from musiclib.metrics import two_f_mushra, visqol_mos, zimtohrli_mos
from tests import signals

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

    def test_a_narrower_band_scores_less(self) -> None:
        noise = signals.noise(2 * RATE)
        scores = [
            zimtohrli_mos(noise, resample(resample(noise, RATE, low), low, RATE), RATE)
            for low in (16_000, 8_000, 4_000)
        ]
        assert scores == sorted(scores, reverse=True)

    def test_a_changed_sign_is_not_heard(self) -> None:
        assert zimtohrli_mos(MUSIC, -MUSIC, RATE) > 4.9

    def test_the_rate_is_brought_to_the_models(self) -> None:
        noisy = MUSIC + signals.noise(len(MUSIC), rms=0.01)
        house = zimtohrli_mos(MUSIC, noisy, RATE)
        high = zimtohrli_mos(resample(MUSIC, RATE, 48_000), resample(noisy, RATE, 48_000), 48_000)
        assert high == pytest.approx(house, abs=1e-3)

    def test_a_silent_estimate_scores_far_below(self) -> None:
        assert zimtohrli_mos(MUSIC, signals.silence(len(MUSIC)), RATE) < 3.5

    def test_half_a_second_is_measured_and_very_short_clips_are_refused(self) -> None:
        half = MUSIC[: RATE // 2]
        assert zimtohrli_mos(half, half, RATE) == pytest.approx(5.0)
        with pytest.raises(AudioError, match=r"Zimtohrli needs .* 0\.25 s, .* 0\.100 s"):
            zimtohrli_mos(MUSIC[: RATE // 10], MUSIC[: RATE // 10], RATE)

    def test_impossible_rates_are_refused(self) -> None:
        with pytest.raises(AudioError, match="sample_rate"):
            zimtohrli_mos(MUSIC, MUSIC, -1)


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

    def test_gain_does_not_count(self) -> None:
        assert visqol_mos(MUSIC, np.float32(0.5) * MUSIC, RATE) > 4.5

    def test_a_silent_estimate_has_the_lowest_score(self) -> None:
        assert visqol_mos(MUSIC, signals.silence(len(MUSIC)), RATE) == 1.0

    def test_short_clips_are_refused(self) -> None:
        with pytest.raises(AudioError, match=r"ViSQOL needs .* 1\.0 s"):
            visqol_mos(MUSIC[: RATE // 2], MUSIC[: RATE // 2], RATE)


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

    def test_more_noise_scores_less(self) -> None:
        scores = [
            two_f_mushra(MUSIC, MUSIC + signals.noise(len(MUSIC), rms=rms), RATE)
            for rms in (1e-4, 1e-3, 1e-2, 1e-1)
        ]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] > 60.0 > scores[-1]

    def test_both_clips_are_left_as_they_were(self) -> None:
        # The package scales what it is given in place.
        first, second = MUSIC.copy(), MUSIC + signals.noise(len(MUSIC), rms=0.01)
        before = second.copy()
        two_f_mushra(resample(first, RATE, 48_000), resample(second, RATE, 48_000), 48_000)
        two_f_mushra(first, second, RATE)
        np.testing.assert_array_equal(first, MUSIC)
        np.testing.assert_array_equal(second, before)

    def test_quiet_and_short_clips_are_refused(self) -> None:
        with pytest.raises(AudioError, match="loud enough"):
            two_f_mushra(MUSIC[:RATE] * np.float32(1e-4), MUSIC[:RATE], RATE)
        with pytest.raises(AudioError, match=r"2f-model needs .* 1\.0 s"):
            two_f_mushra(MUSIC[: RATE // 2], MUSIC[: RATE // 2], RATE)
        brief = MUSIC[: 2 * RATE].copy()
        brief[RATE // 4 :] = 0.0
        with pytest.raises(AudioError, match="half a second"):
            two_f_mushra(brief, brief, RATE)

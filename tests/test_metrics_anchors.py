"""Judges are judged: by anchors whose order is known, and by each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from musiclib.codecs import get_codec
from musiclib.codecs.simple import LowPass, WhiteNoise
from musiclib.datasets import open_dataset
from musiclib.errors import CodecError, MusiclibError
from musiclib.evaluate import evaluate
from musiclib.metrics import JUDGES, METRICS
from musiclib.metrics.agreement import agreement
from tests.codec_signals import RATE, click, lag, music, tone

# Within each pair the second is the better.
ANCHORS = (LowPass(cutoff_hz=3_500.0), LowPass(cutoff_hz=7_000.0))
ANCHORS += (WhiteNoise(snr_db=20.0), WhiteNoise(snr_db=40.0))
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

    def test_nothing_moves_and_no_length_changes(self) -> None:
        for codec in ANCHORS:
            assert lag(music(), roundtrip_of(codec, music())) == 0
        bell = click(RATE + 137, 5_003, 12.0)
        decoded = roundtrip_of(LowPass(cutoff_hz=3_500.0), bell)
        assert int(np.argmax(decoded)) == 5_003
        assert len(decoded) == len(bell)

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

    def test_a_low_pass_above_the_band_is_refused(self) -> None:
        with pytest.raises(CodecError, match="cuts nothing off at 24000 Hz"):
            LowPass(cutoff_hz=12_000.0).encode(music(), RATE)
        LowPass(cutoff_hz=12_000.0).encode(music(1.0, 48_000), 48_000)


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

    def test_clips_without_a_value_are_counted(self) -> None:
        values = np.random.default_rng(0).standard_normal((5, 4))
        missing = values.copy()
        missing[2, 1] = np.nan
        found = agreement(
            self.table({"visqol_mos": missing, "two_f_mushra": values}),
            ("visqol_mos", "two_f_mushra"),
        ).iloc[0]
        assert (found["n_clips"], found["left_out"]) == (4, 1)
        assert found["everything"] == pytest.approx(1.0)

    def test_what_is_not_there_is_named(self) -> None:
        table = self.table({"visqol_mos": np.ones((3, 2)), "two_f_mushra": np.ones((3, 2))})
        with pytest.raises(MusiclibError, match="no values of zimtohrli_mos"):
            agreement(table)
        with pytest.raises(MusiclibError, match="2 systems say nothing"):
            agreement(table, ("visqol_mos", "two_f_mushra"))
        assert set(JUDGES) <= set(METRICS)


def roundtrip_of(codec, audio: np.ndarray) -> np.ndarray:
    """As `roundtrip`, for codecs that are not in the registry."""
    decoded, rate = codec.decode(codec.encode(audio, RATE))
    assert rate == RATE
    np.testing.assert_array_equal(
        get_codec("downsample").decode(codec.encode(audio, RATE))[0], decoded
    )
    return decoded

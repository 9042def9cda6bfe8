"""Measuring a codec against others at their bytes, with a stand-in that plainly cuts the band."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from musiclib.codecs import get_codec
from musiclib.datasets import Clip
from musiclib.errors import CodecError, DatasetError, MusiclibError
from musiclib.evaluate import align
from musiclib.metrics import Interval
from musiclib.studies.codec import failures, gains, measuring, speed
from musiclib.studies.codec.plan import NEURAL, PLAIN, Plan, nearest

RATE = 24_000
METRICS = ("log_spectral_distance", "si_sdr")


@dataclass(frozen=True)
class StandIn:
    """Downsampling by the factor that fits a bitrate; refuses what is too low."""

    kbps: float
    name = "downsample"
    suffix = ".wav"

    @property
    def setting(self) -> str:
        return f"{self.kbps:g} kbps"

    @property
    def label(self) -> str:
        return f"Stand-in {self.setting}"

    def encode(self, audio, sample_rate):
        for factor in (2, 4, 6, 8, 12, 16, 24):
            data = get_codec("downsample", factor=factor).encode(audio, sample_rate)
            if 8.0 * len(data) <= 1000.0 * self.kbps * len(audio) / sample_rate + 1e-6:
                return data
        raise CodecError(f"{self.kbps:g} kbps is too little")

    def decode(self, data):
        return get_codec("downsample").decode(data)


def clip(name: str, seed: int, seconds: float = 2.0) -> Clip:
    generator = np.random.default_rng(seed)
    times = np.arange(round(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * hertz * times) for hertz in generator.uniform(100, 9000, 9))
    audio = (0.03 * tones + 0.002 * generator.standard_normal(len(times))).astype(np.float32)
    return Clip(track_id=name, audio=audio, sample_rate=RATE, genre="x", artist="y", title=name)


CLIPS = [clip("a", 1), clip("b", 2), clip("c", 3)]
RIVALS = [get_codec("downsample", factor=8), get_codec("downsample", factor=3)]


@pytest.fixture(scope="module")
def found() -> measuring.Measured:
    return measuring.measure(
        CLIPS, (40.0, 120.0), RIVALS, StandIn, StandIn, (60.0,), metrics=METRICS
    )


def test_every_system_is_measured_on_every_clip(found):
    table = found.table
    assert table.groupby(["codec", "label"]).size().to_dict() == {
        (NEURAL, "Stand-in 40 kbps"): 3,
        (NEURAL, "Stand-in 120 kbps"): 3,
        (PLAIN, "Stand-in 60 kbps"): 3,
        ("downsample", RIVALS[0].label): 3,
        ("downsample", RIVALS[1].label): 3,
    }
    assert found.refused == []


def test_files_at_a_rivals_bytes_are_never_larger(found):
    pairs = found.pairs
    assert len(pairs) == 6
    assert (pairs["n_bytes"] <= pairs["rival_n_bytes"]).all()
    # Downsampling by 8 has a file of its own size; by 3 the stand-in has to take 4.
    same = pairs[pairs["rival"] == RIVALS[0].label]
    assert (same["n_bytes"] == same["rival_n_bytes"]).all()
    assert (same["si_sdr"] == same["rival_si_sdr"]).all()
    less = pairs[pairs["rival"] == RIVALS[1].label]
    assert (less["n_bytes"] < less["rival_n_bytes"]).all()
    assert (less["si_sdr"] < less["rival_si_sdr"]).all()


def test_differences_tell_clear_ones_from_equal_ones(found):
    equal, worse = measuring.differences(found.pairs, METRICS).to_dict("records")
    assert equal["si_sdr"].mean == 0.0
    assert equal["si_sdr_verdict"] == "open"
    assert worse["si_sdr_verdict"] == worse["log_spectral_distance_verdict"] == "worse"
    assert worse["si_sdr"].mean < 0.0 < worse["log_spectral_distance"].mean
    assert worse["kbps"] < worse["rival_kbps"]
    swapped = found.pairs.rename(
        columns=lambda name: (
            name.removeprefix("rival_")
            if name in ("rival_si_sdr",)
            else ("rival_si_sdr" if name == "si_sdr" else name)
        )
    )
    assert measuring.differences(swapped, ("si_sdr",))["si_sdr_verdict"].tolist()[1] == "better"


def test_bitrates_that_are_refused_are_told_and_left_out():
    found = measuring.measure(CLIPS[:1], (1.0, 120.0), RIVALS[:1], StandIn, metrics=METRICS)
    assert found.refused == ["a, Stand-in 1 kbps: 1 kbps is too little"]
    assert found.table["label"].tolist() == ["Stand-in 120 kbps", RIVALS[0].label]


def test_workers_do_not_change_the_result(found):
    again = measuring.measure(
        CLIPS, (40.0, 120.0), RIVALS, StandIn, StandIn, (60.0,), metrics=METRICS, workers=2
    )
    pd.testing.assert_frame_equal(again.table, found.table)
    pd.testing.assert_frame_equal(again.pairs, found.pairs)


def made_table(factor: float, name: str, clips: int = 5) -> pd.DataFrame:
    rates, quality = np.array([3.0, 6.0, 12.0, 24.0]), np.array([2.0, 3.0, 4.0, 4.5])
    return pd.DataFrame(
        [
            {
                "track_id": str(clip),
                "codec": name,
                "label": f"{name} {rate:g}",
                "kbps": factor * rate * (1.0 + 0.1 * clip),
                "zimtohrli_mos": value,
                "log_spectral_distance": 10.0 - value,
            }
            for clip in range(clips)
            for rate, value in zip(rates, quality, strict=True)
        ]
    )


def test_savings_are_those_that_curves_were_made_with():
    table = pd.concat([made_table(1.0, "one"), made_table(0.8, "two")])
    row = gains.savings(table, [("two", "one")]).iloc[0]
    for metric in gains.METRIC_NAMES:
        assert row[metric].mean == pytest.approx(-20.0)
        assert row[metric].n == 5
    back = gains.saving(table, "one", "two", "zimtohrli_mos")
    assert back.mean == pytest.approx(25.0)


def test_savings_are_nan_without_common_quality_and_unknown_codecs_are_errors():
    better = made_table(1.0, "two").assign(zimtohrli_mos=lambda part: part["zimtohrli_mos"] + 9)
    table = pd.concat([made_table(1.0, "one"), better])
    assert np.isnan(gains.saving(table, "two", "one", "zimtohrli_mos").mean)
    assert gains.saving(table, "two", "one", "log_spectral_distance").mean == pytest.approx(0.0)
    with pytest.raises(MusiclibError, match="no codec 'three'"):
        gains.saving(table, "three", "one", "zimtohrli_mos")


def test_a_clip_that_lacks_a_rate_is_left_out_of_savings():
    table = pd.concat([made_table(1.0, "one"), made_table(0.8, "two").iloc[1:]])
    assert gains.saving(table, "two", "one", "zimtohrli_mos").n == 4


def test_listeners_get_the_worst_the_middle_and_the_best_clip():
    pairs = pd.DataFrame(
        {
            "track_id": list("abcdeabcde"),
            "rival_codec": ["opus"] * 5 + ["mp3"] * 5,
            "zimtohrli_mos": [3.0, 1.0, 2.0, 5.0, 4.0] + [0.0] * 5,
            "rival_zimtohrli_mos": 2.5,
        }
    )
    order = failures.ranked(pairs)
    assert order.index.tolist() == list("bcaed")
    assert order["b"] == -1.5
    assert failures.chosen(order, 2) == {
        "b": "worst",
        "c": "2. worst",
        "a": "middle",
        "d": "best",
    }
    assert failures.chosen(order.iloc[:1], 3) == {"b": "worst"}
    assert failures.chosen(order.iloc[:2], 1) == {"b": "worst", "c": "middle"}


def test_sounds_come_from_files_with_their_rates():
    codecs = {"one": StandIn(100.0), "two": RIVALS[0]}
    names = {one.track_id: f"clip {one.track_id}" for one in CLIPS}
    rows = failures.coded_rows(CLIPS[:2], names, names, codecs)
    assert [row.title for row in rows] == ["clip a", "clip b"]
    reference, one, _ = rows[0].sounds
    np.testing.assert_array_equal(reference.audio, CLIPS[0].audio)
    data = codecs["one"].encode(CLIPS[0].audio, RATE)
    decoded = align(*codecs["one"].decode(data), CLIPS[0].audio, RATE)
    np.testing.assert_array_equal(one.audio, decoded)
    assert one.kbps == pytest.approx(8 * len(data) / 2.0 / 1000)
    assert set(one.figures) == set(failures.SHOWN)


def test_the_fastest_run_counts_and_the_first_is_not_timed():
    audio, rate = speed.joined(CLIPS, 5.0)
    assert len(audio) == 5 * RATE
    np.testing.assert_array_equal(audio[2 * RATE : 4 * RATE], CLIPS[1].audio)
    ticks = iter([0.0, 2.0, 3.0, 10.0, 11.0, 13.0])  # encode 2 and 1 s, decode 1 and 2 s
    found = speed.speeds({"one": RIVALS[0]}, audio, rate, 2, clock=lambda: next(ticks))
    assert found.loc["one", ["encode", "decode", "both"]].tolist() == [5.0, 5.0, 2.5]
    assert found.loc["one", "kbps"] == pytest.approx(48.0, rel=0.02)
    with pytest.raises(DatasetError, match="no clips"):
        speed.joined([], 1.0)


def test_plans_hold_rates_from_low_to_high():
    for profile in ("smoke", "mini", "retrain"):
        plan = Plan.of(profile)
        assert list(plan.kbps) == sorted(plan.kbps)
        assert set(plan.plain_kbps) <= set(plan.kbps)
        assert {codec.name for codec in plan.rivals()} == set(plan.settings)
    assert nearest((1.0, 3.0, 12.0), 6.0) == 3.0
    with pytest.raises(DatasetError, match="profile"):
        Plan.of("huge")


def test_an_interval_of_one_clip_is_open():
    pairs = pd.DataFrame(
        {"track_id": ["a"], "rival": ["r"], "rival_codec": ["r"], "kbps": 1.0, "rival_kbps": 1.0}
    ).assign(si_sdr=3.0, rival_si_sdr=1.0)
    row = measuring.differences(pairs, ("si_sdr",)).iloc[0]
    assert isinstance(row["si_sdr"], Interval)
    assert row["si_sdr_verdict"] == "open"

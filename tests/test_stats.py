"""Means, comparisons and bit savings: against SciPy and `bjontegaard`, and by simulation."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import bjontegaard as reference
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from statsmodels.stats.multitest import multipletests

from musiclib import stats
from musiclib.errors import MusiclibError
from musiclib.metrics import JUDGES, METRICS
from musiclib.stats import MIN_ARTISTS, SCALES, Interval, mean_interval


def measured(
    artists: int = 12, systems: dict[str, float] | None = None, scatter: float = 1.0
) -> pd.DataFrame:
    """SI-SDR of one to four clips an artist; systems differ by what the mapping says."""
    generator = np.random.default_rng(0)
    owner = np.repeat(np.arange(artists), 1 + np.arange(artists) % 4)
    own = generator.normal(10.0, 3.0, artists)[owner] + generator.normal(size=len(owner))
    about = pd.DataFrame({"artist": owner, "clip": np.arange(len(owner)), "metric": "si_sdr"})
    parts = [
        about.assign(system=name, value=own + gain + generator.normal(0.0, scatter, len(owner)))
        for name, gain in (systems or {"a": 1.5, "b": 0.0}).items()
    ]
    return pd.concat(parts, ignore_index=True)


def curves(savings: list[float], settings: int = 5) -> pd.DataFrame:
    """Two systems, of which `new` takes `1 + saving` of the bits of `old` for each artist."""
    hard = np.random.default_rng(1).uniform(0.5, 2.0, (len(savings), 2))
    rows = [
        (a, f"{a}-{c}", system, str(number), 3.0 * ratio * hard[a, c] * factor)
        for a, saving in enumerate(savings)
        for c in range(2)
        for number, ratio in enumerate(2.0 ** np.arange(settings))
        for system, factor in (("old", 1.0), ("new", 1.0 + saving))
    ]
    table = pd.DataFrame(rows, columns=["artist", "clip", "system", "setting", "kbps"])
    quality = 4.8 - 3.0 * 2.0 ** (-0.7 * table["setting"].astype(float))
    return table.assign(metric="zimtohrli_mos", value=quality)


def ends(found: Any) -> list[float]:
    return [found.low, found.high]


class TestInterval:
    def test_without_bounds_it_is_that_of_scipy(self) -> None:
        values = np.random.default_rng(0).normal(3.0, 2.0, 17)
        wanted = scipy_stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
        found = mean_interval(values)
        assert ends(found) == pytest.approx(ends(wanted))
        assert found.n == 17

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.floats(0.0, 1.0), min_size=8, max_size=30))
    def test_it_never_leaves_the_bounds_and_holds_the_mean(self, values: list[float]) -> None:
        found = mean_interval(values, bounds=(0.0, 1.0))
        assert 0.0 <= found.low <= found.mean + 1e-12
        assert found.mean - 1e-12 <= found.high <= 1.0

    def test_each_artist_counts_once(self) -> None:
        values, artists = np.arange(12.0), np.repeat(np.arange(9), [4] + [1] * 8)
        wanted = mean_interval([1.5, *range(4, 12)])
        assert mean_interval(values, artists) == wanted
        # The clips of the first artist once more change nothing.
        assert mean_interval([*values, *range(4)], [*artists, *[0] * 4]) == wanted

    def test_the_jackknife_of_a_mean_is_the_t_interval(self) -> None:
        table = measured()
        wanted = mean_interval(table["value"], table["artist"])
        found = stats.interval(lambda part: part.groupby("artist")["value"].mean().mean(), table)
        assert [found.mean, *ends(found)] == pytest.approx([wanted.mean, *ends(wanted)])
        assert found.n == wanted.n == 12

    def test_few_artists_have_none_unless_it_is_asked_for(self) -> None:
        values = np.arange(MIN_ARTISTS - 1.0)
        assert math.isnan(mean_interval(values).low)
        assert mean_interval(values, fewest=2).low < mean_interval(values).mean
        assert math.isnan(mean_interval([3.0], fewest=1).high)

    def test_what_has_no_mean_is_refused(self) -> None:
        for values, units, problem in (
            ([], None, "at least one"),
            ([[1.0, 2.0]], None, "at least one"),
            ([1.0, math.nan], None, "Value 1 is nan"),
            ([1.0, 2.0], ["a"], "2 values and 1 artists"),
            ([1.0, 2.0], ["a", None], "needs an artist"),
        ):
            with pytest.raises(MusiclibError, match=problem):
                mean_interval(values, units)

    def test_it_prints_as_a_reader_expects(self) -> None:
        found = Interval(3.214, 3.1, 3.321, 12)
        assert str(found) == f"{found}" == "3.21 [3.10, 3.32]"
        assert f"{found:.1f}" == "3.2 [3.1, 3.3]"
        assert f"{Interval(3.0, math.nan, math.nan, 1)}" == "3.00 (n = 1)"


Draw = Callable[[np.random.Generator, int], np.ndarray]


def accuracies(generator: np.random.Generator, n: int) -> np.ndarray:
    """Shares of hits in one to eight tracks an artist, alike within artists (0.3)."""
    sizes = generator.choice([1, 1, 1, 1, 2, 2, 3, 4, 6, 8], n)
    return generator.binomial(sizes, generator.beta(0.7 * 7 / 3, 0.3 * 7 / 3, n)) / sizes


POPULATIONS: dict[str, tuple[Draw, float, tuple[float, float] | None]] = {
    "normal": (lambda g, n: g.normal(size=n), 0.0, None),
    "differences": (lambda g, n: g.standard_t(4, n), 0.0, None),
    "MOS": (lambda g, n: 1 + 4 * g.beta(5, 1.5, n), 1 + 4 * 5 / 6.5, (1.0, 5.0)),
    "distances": (lambda g, n: g.gamma(4.0, 1.0, n), 4.0, (0.0, math.inf)),
    "accuracies": (accuracies, 0.7, (0.0, 1.0)),
}


@pytest.mark.parametrize("n", [8, 14, 31])
@pytest.mark.parametrize("population", POPULATIONS)
def test_intervals_hold_the_truth_in_95_of_100_cases(population: str, n: int) -> None:
    draw, truth, bounds = POPULATIONS[population]
    generator, runs = np.random.default_rng(n), 2000
    found = (mean_interval(draw(generator, n), bounds=bounds) for _ in range(runs))
    held = np.mean([one.low <= truth <= one.high for one in found])
    # Three standard errors of a binomial share; scores of single tracks are few different
    # numbers, so that theirs hold a little more than they should.
    error = 3.0 * math.sqrt(0.95 * 0.05 / runs)
    assert 0.95 - error <= held <= (0.985 if population == "accuracies" else 0.95 + error)


class TestMean:
    def test_groups_come_in_their_order_with_their_counts(self) -> None:
        table = measured(systems={"late": 0.0, "early": 1.0})
        found = stats.mean(table, by=("system", "metric"))
        assert list(found["system"]) == ["late", "early"]
        assert found[["n", "clips", "missing", "note"]].to_numpy().tolist() == [[12, 30, 0, ""]] * 2
        part = table[table["system"] == "early"]
        wanted = mean_interval(part["value"], part["artist"])
        assert [found.loc[1, "mean"], *ends(found.loc[1])] == [wanted.mean, *ends(wanted)]

    def test_missing_values_are_counted_and_many_of_them_refuse_the_interval(self) -> None:
        table = measured(systems={"a": 0.0})
        table.loc[3, "value"] = math.nan
        found = stats.mean(table, "system").iloc[0]
        assert (found["clips"], found["missing"], found["note"]) == (29, 1, "")
        rest = table.dropna()
        assert found["mean"] == mean_interval(rest["value"], rest["artist"]).mean
        table.loc[4:5, "value"] = math.nan
        refused = stats.mean(table, "system").iloc[0]
        assert (refused["missing"], math.isnan(refused["low"])) == (3, True)
        assert math.isfinite(refused["mean"])
        assert refused["note"] != ""
        nothing = stats.mean(table.assign(value=math.nan), "system").iloc[0]
        assert math.isnan(nothing["mean"])
        assert (nothing["n"], nothing["missing"]) == (0, 30)

    def test_what_cannot_be_averaged_is_refused(self) -> None:
        table = measured()
        for wrong, problem in (
            (table.iloc[:0], "empty"),
            (table.drop(columns="artist"), "no column 'artist'"),
            (table.assign(artist=None), "needs an artist"),
            (table.assign(value=math.inf), "infinite"),
            (table.assign(metric="zimtohrli_mos", value=5.5), "bounds"),
        ):
            with pytest.raises(MusiclibError, match=problem):
                stats.mean(wrong, "system")


class TestCompare:
    def test_differences_are_paired_by_clip_and_averaged_within_artists(self) -> None:
        table = measured()
        wide = table.pivot(index=["artist", "clip"], columns="system", values="value")
        gaps = (wide["a"] - wide["b"]).groupby("artist").mean()
        found = stats.compare(table, [("a", "b")]).iloc[0]
        assert found["difference"] == pytest.approx(gaps.mean())
        assert ends(found) == pytest.approx(ends(mean_interval(gaps)))
        assert found["p"] == pytest.approx(stats.sign_flip_p(gaps))
        assert (found["n"], found["clips"], found["missing"]) == (12, 30, 0)
        assert found["verdict"] == "better"

    def test_verdicts(self) -> None:
        systems = {"base": 0.0, "same": 0.0, "hair": 0.3, "clear": 2.0}
        table = measured(artists=30, systems=systems, scatter=0.2)
        pairs = [(name, "base") for name in ("same", "hair", "clear")]
        found = stats.compare(table, pairs)
        assert found["verdict"].tolist() == ["not settled", "too small to matter", "better"]
        assert found["level"].tolist() == [True, True, False]
        bold = stats.compare(table, pairs, smallest=0.1)
        assert bold["verdict"].tolist() == ["not settled", "better", "better"]
        turned = stats.compare(table, pairs, higher_is_better=False)
        assert turned.loc[2, "verdict"] == "worse"
        noisy = stats.compare(measured(artists=8, systems=systems, scatter=20.0), pairs)
        assert not noisy["level"].any()
        assert set(noisy["verdict"]) == {"not settled"}

    def test_a_verdict_needs_the_interval_and_the_corrected_p(self) -> None:
        for low, p, expected in (
            (1.5, 0.01, "better"),
            (1.5, 0.06, "not settled"),
            (-0.5, 0.01, "not settled"),
        ):
            assert stats.verdict(Interval(2.0, low, 4.0, 9), p, SCALES["si_sdr"]) == expected

    def test_clips_that_one_system_lacks_are_counted(self) -> None:
        table = measured()
        assert stats.compare(table.drop(5), [("a", "b")]).loc[0, "missing"] == 1
        table.loc[:11, "value"] = math.nan
        found = stats.compare(table, [("a", "b")]).iloc[0]
        assert (found["missing"], found["verdict"]) == (12, "not settled")
        assert math.isnan(found["low"])
        assert found["note"] != ""

    def test_systems_are_told_apart_by_their_setting(self) -> None:
        table = pd.concat([measured().assign(setting=s) for s in ("6 kbps", "12 kbps")])
        table.loc[table["setting"] == "12 kbps", "value"] += 3.0
        found = stats.compare(table, [(("b", "12 kbps"), ("a", "6 kbps"))])
        assert found.loc[0, ["first", "verdict"]].tolist() == ["b 12 kbps", "better"]
        with pytest.raises(MusiclibError, match="several values"):
            stats.compare(table, [("a", "b")])
        assert len(stats.compare(table, [("a", "b")], by=("metric", "setting"))) == 2

    def test_scales_have_the_directions_of_the_metrics(self) -> None:
        assert set(JUDGES) <= set(SCALES)
        for name in METRICS.keys() & SCALES.keys():
            assert SCALES[name].higher_is_better == METRICS[name].higher_is_better


class TestSignFlips:
    def test_all_flips_agree_with_scipy(self) -> None:
        for n in (2, 7, 12):
            values = np.random.default_rng(n).normal(0.4, 1.0, n)
            wanted = scipy_stats.permutation_test(
                (values,), np.mean, permutation_type="samples", n_resamples=np.inf
            )
            assert stats.sign_flip_p(values) == pytest.approx(wanted.pvalue)

    def test_scale_and_differences_of_zero_change_nothing(self) -> None:
        values = np.random.default_rng(0).normal(0.5, 1.0, 12)
        found = stats.sign_flip_p(values)
        assert stats.sign_flip_p(-1e-6 * values) == found
        assert stats.sign_flip_p([*values, *[0.0] * 30]) == found

    def test_drawn_flips_are_near_all_of_them_and_never_give_zero(self) -> None:
        # Of 18 equal differences at most 4 may change sides: a binomial tail.
        values = [1.0] * 14 + [-1.0] * 4
        wanted = 2.0 * scipy_stats.binom.cdf(4, 18, 0.5)
        assert stats.sign_flip_p(values) == pytest.approx(wanted, rel=0.05)
        assert stats.sign_flip_p(np.ones(60)) == 1.0 / (1 + stats.RESAMPLES)


def test_holm_is_that_of_statsmodels() -> None:
    for m in (1, 4, 20):
        p = 0.1 * np.random.default_rng(m).random(m)
        p = np.append(p, p[0])  # two are equal
        assert stats.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
        assert stats.holm([*p, math.nan])[:-1].tolist() == stats.holm(p).tolist()


RATES = np.array([3.0, 6.0, 12.0, 24.0, 48.0])
QUALITY = np.array([2.0, 3.1, 3.9, 4.4, 4.6])


class TestBjontegaard:
    def test_a_fifth_fewer_bits_is_minus_twenty_percent(self) -> None:
        for sign in (1.0, -1.0):
            quality, up = 20.0 + sign * QUALITY, sign > 0
            found = stats.bjontegaard(RATES, quality, 0.8 * RATES, quality, higher_is_better=up)
            assert found.percent == pytest.approx(-20.0)
            assert (found.share, found.points) == (1.0, 5)

    def test_it_agrees_with_the_reference_package(self) -> None:
        for seed in range(5):
            generator = np.random.default_rng(seed)
            first, second = (np.sort(generator.uniform(2.0, 60.0, 5)) for _ in range(2))
            one, two = (np.sort(generator.uniform(2.0, 4.6, 5)) for _ in range(2))
            # The package says so on standard error where less than three quarters are shared.
            wanted = reference.bd_rate(first, one, second, two, method="pchip", min_overlap=0)
            found = stats.bjontegaard(first, one, second, two)
            assert found.percent == pytest.approx(wanted)
            shared = min(one[-1], two[-1]) - max(one[0], two[0])
            either = max(one[-1], two[-1]) - min(one[0], two[0])
            assert found.share == pytest.approx(shared / either)

    def test_order_does_not_matter_and_wasted_points_are_left_out(self) -> None:
        plain = stats.bjontegaard(RATES, QUALITY, 0.8 * RATES, QUALITY)
        mixed = [3, 0, 4, 2, 1]
        assert stats.bjontegaard(RATES[mixed], QUALITY[mixed], 0.8 * RATES, QUALITY) == plain
        wasted = stats.bjontegaard(RATES, QUALITY, [*(0.8 * RATES), 15.0], [*QUALITY, 3.0])
        assert wasted.percent == pytest.approx(plain.percent)

    def test_curves_without_a_quality_in_common_have_no_difference(self) -> None:
        found = stats.bjontegaard(RATES, QUALITY, RATES, QUALITY - 3.0)
        assert (math.isnan(found.percent), found.share) == (True, 0.0)
        assert stats.bjontegaard(RATES, QUALITY, RATES, QUALITY[::-1]).points == 1


class TestBdRate:
    def test_equal_savings_have_no_width(self) -> None:
        found = stats.bd_rate(curves([-0.2] * 10), [("new", "old")]).iloc[0]
        assert [found["difference"], *ends(found)] == pytest.approx([-20.0] * 3)
        assert found["share"] == pytest.approx(1.0)
        assert found[["n", "clips", "note", "verdict"]].tolist() == [10, 20, "", "better"]

    def test_the_interval_holds_the_mean_curves_saving(self) -> None:
        table = curves(np.random.default_rng(0).uniform(-0.4, 0.0, 20).tolist())
        found, back = stats.bd_rate(table, [("new", "old"), ("old", "new")]).to_dict("records")
        assert found["low"] < found["difference"] < found["high"] < 0.0
        means = table.groupby(["system", "setting", "artist"])[["kbps", "value"]].mean()
        means = means.groupby(["system", "setting"]).mean()
        old, new = (means.loc[system].to_numpy().T for system in ("old", "new"))
        wanted = reference.bd_rate(*old, *new, method="pchip")
        assert found["difference"] == pytest.approx(wanted)
        # The other way round the ratio is the inverse one, and so are its ends.
        for one, other in (("difference", "difference"), ("low", "high"), ("high", "low")):
            assert (1 + back[one] / 100) * (1 + found[other] / 100) == pytest.approx(1.0)
        assert back["p"] == pytest.approx(found["p"])
        assert back["verdict"] == "worse"

    def test_few_points_little_in_common_and_holes_are_refused(self) -> None:
        few, apart = curves([-0.2] * 10, settings=3), curves([-0.2] * 10)
        holes = apart.copy()
        apart.loc[apart["system"] == "new", "value"] += 2.0
        holes.loc[(holes["setting"] == "2") & (holes["artist"] == 1), "value"] = math.nan
        found = pd.concat([stats.bd_rate(one, [("new", "old")]) for one in (few, apart, holes)])
        assert found["difference"].isna().all()
        assert set(found["verdict"]) == {"not settled"}
        assert (found["note"] != "").all()
        assert found["note"].is_unique
        assert 0.0 < found["share"].iloc[1] < 0.5
        assert found["missing"].tolist() == [0, 0, 2]


class TestEqualBytes:
    def test_points_of_the_curve_stay_and_logarithms_are_straight(self) -> None:
        table = curves([0.0] * 8).query("system == 'old'")
        table = table.assign(value=2.0 + np.log(table["kbps"]))
        found = stats.at_equal_bytes(table, [7.0, 11.0])
        assert len(found) == 16 * 2
        assert found["value"].to_numpy() == pytest.approx(2.0 + np.log(found["kbps"]))
        one = table[table["clip"] == "3-1"]
        there = stats.at_equal_bytes(one, one["kbps"].tolist())
        assert there["value"].tolist() == pytest.approx(one["value"].tolist())

    def test_fewer_bits_are_better_and_nothing_is_made_up_beyond_the_settings(self) -> None:
        savings = np.random.default_rng(0).uniform(-0.6, -0.3, 12).tolist()
        equal = stats.at_equal_bytes(curves(savings), [0.5, 8.0, 500.0])
        assert equal.loc[equal["kbps"] != 8.0, "value"].isna().all()
        found = stats.compare(equal, [("new", "old")], by=("metric", "kbps"))
        assert found["missing"].tolist() == [24, 0, 24]
        assert found["difference"].gt(0.0).tolist() == [False, True, False]
        assert found["verdict"].tolist() == ["not settled", "better", "not settled"]

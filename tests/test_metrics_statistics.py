"""Bitrates and bootstrap intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musiclib.errors import MusiclibError
from musiclib.metrics import Interval, bitrate_kbps, bootstrap_interval, difference_interval

values = st.lists(st.floats(-100.0, 100.0), min_size=2, max_size=40)


class TestBitrate:
    def test_a_compact_disc_has_1411_kbps(self) -> None:
        assert bitrate_kbps(44_100 * 2 * 2 * 30, 30.0) == pytest.approx(1411.2)

    def test_no_bytes_are_no_bits(self) -> None:
        assert bitrate_kbps(0, 1.0) == 0.0

    @pytest.mark.parametrize(("n_bytes", "seconds"), [(-1, 1.0), (1, 0.0), (1, math.nan)])
    def test_impossible_arguments_are_refused(self, n_bytes: int, seconds: float) -> None:
        with pytest.raises(MusiclibError):
            bitrate_kbps(n_bytes, seconds)


class TestBootstrap:
    @settings(max_examples=20, deadline=None)
    @given(values)
    def test_the_mean_lies_in_the_interval_and_that_within_the_values(
        self, numbers: list[float]
    ) -> None:
        interval = bootstrap_interval(numbers)
        slack = 1e-9
        assert interval.mean == pytest.approx(float(np.mean(numbers)))
        assert interval.n == len(numbers)
        assert min(numbers) - slack <= interval.low <= interval.high <= max(numbers) + slack

    @settings(max_examples=10, deadline=None)
    @given(values, st.floats(0.1, 10.0), st.floats(-50.0, 50.0))
    def test_scaling_and_shifting_move_it_along(
        self, numbers: list[float], scale: float, shift: float
    ) -> None:
        before = bootstrap_interval(numbers)
        after = bootstrap_interval(scale * np.array(numbers) + shift)
        assert after.low == pytest.approx(scale * before.low + shift, abs=1e-6)
        assert after.high == pytest.approx(scale * before.high + shift, abs=1e-6)

    def test_it_covers_the_true_mean_as_often_as_it_says(self) -> None:
        rng = np.random.default_rng(0)
        hits = 0
        for _ in range(200):
            interval = bootstrap_interval(rng.exponential(size=40), seed=1)
            hits += interval.low <= 1.0 <= interval.high
        # Percentile intervals of skewed values cover a little less than 95 % at this size.
        assert 0.87 <= hits / 200 <= 0.98

    def test_it_agrees_with_the_normal_interval_of_many_values(self) -> None:
        numbers = np.random.default_rng(0).normal(5.0, 2.0, 2000)
        interval = bootstrap_interval(numbers)
        half = 1.96 * numbers.std(ddof=1) / math.sqrt(2000)
        assert interval.high - interval.mean == pytest.approx(half, rel=0.05)
        assert interval.mean - interval.low == pytest.approx(half, rel=0.05)

    def test_more_confidence_is_wider(self) -> None:
        numbers = np.random.default_rng(0).normal(size=30)
        widths = [
            interval.high - interval.low
            for interval in (bootstrap_interval(numbers, c) for c in (0.5, 0.8, 0.95, 0.99))
        ]
        assert widths == sorted(widths)

    def test_the_seed_decides(self) -> None:
        numbers = [1.0, 2.0, 4.0, 8.0, 16.0, 17.0, 21.5]
        assert bootstrap_interval(numbers, seed=3) == bootstrap_interval(numbers, seed=3)
        assert bootstrap_interval(numbers, seed=3) != bootstrap_interval(numbers, seed=4)

    def test_equal_values_have_no_width(self) -> None:
        assert bootstrap_interval([2.5] * 9) == Interval(2.5, 2.5, 2.5, 9)

    def test_a_single_value_has_no_interval(self) -> None:
        interval = bootstrap_interval([3.0])
        assert interval.mean == 3.0
        assert math.isnan(interval.low)
        assert math.isnan(interval.high)
        assert str(interval) == "3.00 (n = 1)"

    @pytest.mark.parametrize("bad", [[], [[1.0, 2.0]], [1.0, math.nan], [math.inf]])
    def test_values_without_a_mean_are_refused(self, bad: list[float]) -> None:
        with pytest.raises(MusiclibError):
            bootstrap_interval(bad)

    @pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, math.nan])
    def test_impossible_confidence_is_refused(self, confidence: float) -> None:
        with pytest.raises(MusiclibError, match="confidence"):
            bootstrap_interval([1.0, 2.0], confidence)


class TestDifference:
    def test_pairing_sees_what_separate_intervals_hide(self) -> None:
        rng = np.random.default_rng(0)
        clips = rng.normal(10.0, 5.0, 50)
        first, second = clips + 0.5, clips + rng.normal(0.0, 0.2, 50)
        apart = bootstrap_interval(first), bootstrap_interval(second)
        assert apart[0].low < apart[1].high
        difference = difference_interval(first, second)
        assert 0.3 < difference.low < difference.mean < difference.high < 0.7

    def test_lengths_must_agree(self) -> None:
        with pytest.raises(MusiclibError, match="2 and 3"):
            difference_interval([1.0, 2.0], [1.0, 2.0, 3.0])


class TestFormat:
    def test_it_prints_as_a_reader_expects(self) -> None:
        interval = Interval(3.214, 3.1, 3.321, 12)
        assert str(interval) == "3.21 [3.10, 3.32]"
        assert f"{interval:.1f}" == "3.2 [3.1, 3.3]"
        assert f"{interval}" == str(interval)

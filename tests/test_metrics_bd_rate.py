"""BD-rate on curves whose savings are known."""

import numpy as np
import pytest

from musiclib.errors import MusiclibError
from musiclib.metrics import bd_rate, bd_rate_interval

RATES = np.array([3.0, 6.0, 12.0, 24.0, 48.0])
QUALITY = np.array([2.0, 3.1, 3.9, 4.4, 4.6])


def test_a_fifth_fewer_bits_is_minus_twenty_percent():
    assert bd_rate(RATES, QUALITY, 0.8 * RATES, QUALITY) == pytest.approx(-20.0)
    assert bd_rate(RATES, QUALITY, 1.25 * RATES, QUALITY) == pytest.approx(25.0)
    assert bd_rate(RATES, QUALITY, RATES, QUALITY) == pytest.approx(0.0, abs=1e-12)


def test_a_distance_counts_the_other_way():
    distance = 20.0 - 3.0 * QUALITY
    assert bd_rate(RATES, distance, 0.8 * RATES, distance, False) == pytest.approx(-20.0)


def test_the_same_saving_with_other_settings_of_a_straight_curve():
    # Quality is the logarithm of the bitrate, so interpolation is exact wherever the points are.
    other = np.array([2.0, 5.0, 9.0, 40.0])
    found = bd_rate(RATES, np.log(RATES), 0.9 * other, np.log(other))
    assert found == pytest.approx(-10.0)


def test_only_qualities_in_common_count():
    # Twice the bits below a quality of 3.1, half of them above; the second curve ends there.
    low, high = QUALITY <= 3.1, QUALITY >= 3.1
    assert bd_rate(RATES, QUALITY, 2 * RATES[low], QUALITY[low]) == pytest.approx(100.0, abs=8.0)
    assert bd_rate(RATES, QUALITY, RATES[high] / 2, QUALITY[high]) == pytest.approx(-50.0, abs=2.0)


def test_order_does_not_matter_and_wasted_points_are_left_out():
    plain = bd_rate(RATES, QUALITY, 0.8 * RATES, QUALITY)
    mixed = [3, 0, 4, 2, 1]
    assert bd_rate(RATES[mixed], QUALITY[mixed], 0.8 * RATES, QUALITY) == pytest.approx(plain)
    wasted = bd_rate(RATES, QUALITY, [*(0.8 * RATES), 15.0], [*QUALITY, 3.0])
    assert wasted == pytest.approx(plain)


def test_interval_holds_the_saving_and_shrinks_to_it_where_clips_agree():
    generator = np.random.default_rng(1)
    hard = generator.uniform(0.5, 2.0, (20, 1))  # clips need more or fewer bits in all
    rates, quality = RATES * hard, np.tile(QUALITY, (20, 1))
    same = bd_rate_interval(rates, quality, 0.8 * rates, quality)
    assert [same.mean, same.low, same.high] == pytest.approx([-20.0] * 3)
    savings = generator.uniform(0.6, 1.0, (20, 1))
    varied = bd_rate_interval(rates, quality, savings * rates, quality)
    assert varied.low < varied.mean < varied.high
    assert varied.low < -20.0 < varied.high
    assert varied.n == 20
    assert bd_rate_interval(rates, quality, savings * rates, quality) == varied


def test_one_clip_has_no_interval():
    found = bd_rate_interval([RATES], [QUALITY], [0.8 * RATES], [QUALITY])
    assert found.mean == pytest.approx(-20.0)
    assert np.isnan(found.low)
    assert np.isnan(found.high)


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        ((RATES, QUALITY - 3.0), "no quality in common"),
        ((RATES[:1], QUALITY[:1]), "two points or more"),
        ((RATES, QUALITY[::-1]), "two points or more"),
        ((RATES, QUALITY[:3]), "as many bitrates"),
        ((0.0 * RATES, QUALITY), "above 0"),
        ((RATES, QUALITY * np.nan), "finite"),
    ],
)
def test_curves_that_cannot_be_compared_are_named(other, problem):
    with pytest.raises(MusiclibError, match=problem):
        bd_rate(RATES, QUALITY, *other)


def test_intervals_need_the_same_clips():
    with pytest.raises(MusiclibError, match="same clips"):
        bd_rate_interval([RATES], [QUALITY], [RATES] * 2, [QUALITY] * 2)

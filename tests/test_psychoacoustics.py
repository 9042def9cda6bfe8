import numpy as np
import pytest

from musiclib.psychoacoustics import (
    absolute_threshold_db,
    critical_bandwidth_hz,
    hz_to_bark,
    masked_threshold_db,
    spreading_db,
)


def test_hearing_is_sharpest_between_two_and_five_kilohertz():
    frequencies = np.geomspace(20, 16_000, 2000)
    best = frequencies[np.argmin(absolute_threshold_db(frequencies))]
    assert 2_000 < best < 5_000


def test_the_threshold_in_quiet_has_the_published_values():
    # Evaluated by hand from Terhardt's formula.
    assert absolute_threshold_db(1_000) == pytest.approx(3.64 - 6.5 * np.exp(-3.174) + 0.001)
    assert absolute_threshold_db(100) == pytest.approx(22.95, abs=0.05)


def test_bark_grows_with_frequency_and_has_24_bands_up_to_15_5_kilohertz():
    frequencies = np.linspace(0, 16_000, 500)
    assert np.all(np.diff(hz_to_bark(frequencies)) > 0)
    assert hz_to_bark(0.0) == 0.0
    # Band edges of Zwicker's table; the authors claim 0.2 Bark for their formula.
    edges = [510, 1080, 2320, 6400, 15_500]
    assert hz_to_bark(edges) == pytest.approx([5, 9, 14, 20, 24], abs=0.2)


def test_a_critical_band_is_about_one_bark_wide():
    centres = np.array([100.0, 500.0, 1000.0, 4000.0, 8000.0])
    half = critical_bandwidth_hz(centres) / 2
    widths = hz_to_bark(centres + half) - hz_to_bark(centres - half)
    assert widths == pytest.approx(np.ones(5), abs=0.2)


def test_masking_spreads_further_upwards_than_downwards():
    assert spreading_db(0.0) == pytest.approx(0.0, abs=0.05)
    assert spreading_db(10.0) - spreading_db(9.0) == pytest.approx(-10, abs=0.3)
    assert spreading_db(-9.0) - spreading_db(-10.0) == pytest.approx(25, abs=0.3)


def test_a_louder_masker_lifts_the_threshold_by_as_much():
    quieter = masked_threshold_db([1000.0], [(1000.0, 60.0)], in_quiet=False)
    louder = masked_threshold_db([1000.0], [(1000.0, 70.0)], in_quiet=False)
    assert louder - quieter == pytest.approx([10.0])
    assert quieter == pytest.approx([60 - 14.5 - hz_to_bark(1000.0)], abs=0.05)


def test_no_masker_leaves_the_threshold_in_quiet():
    frequencies = np.array([100.0, 1000.0, 10_000.0])
    masked = masked_threshold_db(frequencies, [])
    assert masked == pytest.approx(absolute_threshold_db(frequencies))


def test_a_masker_never_lowers_the_threshold():
    frequencies = np.geomspace(50, 15_000, 200)
    masked = masked_threshold_db(frequencies, [(1000.0, 80.0), (3000.0, 40.0)])
    assert np.all(masked >= absolute_threshold_db(frequencies))


@pytest.mark.parametrize("frequency", [0.0, -1.0, np.nan])
def test_frequencies_that_are_none_are_refused(frequency):
    with pytest.raises(ValueError, match="above 0 Hz"):
        absolute_threshold_db(frequency)


def test_a_threshold_of_nothing_is_refused():
    with pytest.raises(ValueError, match="masker"):
        masked_threshold_db([1000.0], [], in_quiet=False)

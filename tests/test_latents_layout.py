"""Neighbours on points whose layout is known, and intervals over artists."""

import numpy as np
import pytest

from musiclib.latents import quality
from musiclib.stats import mean_interval


class TestNeighbours:
    def test_nearest_of_the_same_artist(self):
        points = np.array([[0.0], [0.1], [3.0], [3.1], [9.0]])
        hits, chance = quality.same_nearest(quality.distances(points), [1, 1, 2, 2, 3])
        np.testing.assert_array_equal(hits[:4], 1.0)
        np.testing.assert_allclose(chance[:4], 1 / 4)
        assert np.isnan(hits[4])

    def test_only_allowed_points_count(self):
        points = np.array([[0.0], [0.1], [0.2], [5.0]])
        allowed = ~np.eye(4, dtype=bool)
        allowed[0, 1] = False
        hits, chance = quality.same_nearest(quality.distances(points), list("aaba"), allowed)
        assert (hits[0], chance[0]) == (0.0, 0.5)  # the nearest that counts is the third
        np.testing.assert_array_equal(hits[[1, 3]], [1.0, 0.0])
        assert np.isnan(hits[2])

    def test_fewer_neighbours_where_fewer_are_allowed(self):
        apart = quality.distances(np.array([[0.0], [1.0], [3.0]]))
        allowed = np.array([[False, True, True], [False, False, True], [False] * 3])
        found = quality.nearest(apart, allowed, 5)
        assert [list(one) for one in found] == [[1, 2], [2], []]


class TestIntervals:
    def test_artists_count_and_not_clips(self):
        values = np.repeat(np.arange(10) % 2 * 1.0, 10)
        by_clip = quality.ratio_interval(values, np.ones(100), np.arange(100))
        by_artist = quality.ratio_interval(values, np.ones(100), np.repeat(np.arange(10), 10))
        assert by_clip.mean == by_artist.mean == 0.5
        assert by_artist.high - by_artist.low > 2 * (by_clip.high - by_clip.low)
        assert (by_clip.n, by_artist.n) == (100, 10)

    def test_with_one_point_an_artist_it_is_the_interval_of_a_mean(self):
        values = np.random.default_rng(0).uniform(0.2, 1.0, 12)
        found = quality.ratio_interval(values, np.ones(12), np.arange(12), (0.0, 1.0))
        wanted = mean_interval(values, bounds=(0.0, 1.0))
        assert [found.mean, found.low, found.high] == pytest.approx(
            [wanted.mean, wanted.low, wanted.high]
        )

    def test_a_ratio_weighs_groups_by_their_denominator(self):
        owners = np.repeat(np.arange(10), 3)
        bottoms = np.random.default_rng(0).uniform(1.0, 2.0, 30)
        found = quality.ratio_interval(0.3 * bottoms, bottoms, owners)
        assert [found.mean, found.low, found.high] == pytest.approx([0.3, 0.3, 0.3])
        assert found.n == 10
        assert np.isnan(quality.ratio_interval([0.0], [0.0], ["a"]).mean)

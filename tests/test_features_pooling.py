"""Neighbours, probes, intervals."""

from __future__ import annotations

import numpy as np
import pytest

from musiclib.features import pooling


class TestNeighbours:
    def test_nearest_of_the_same_artist(self):
        points = np.array([[0.0], [0.1], [3.0], [3.1], [9.0]])
        hits, chance = pooling.same_nearest(np.abs(points - points.T), [1, 1, 2, 2, 3])
        np.testing.assert_array_equal(hits[:4], 1.0)
        np.testing.assert_allclose(chance[:4], 1 / 4)
        assert np.isnan(hits[4])


class TestIntervals:
    def test_artists_count_and_not_clips(self):
        values = np.repeat(np.arange(10) % 2 * 1.0, 10)
        by_clip = pooling.ratio_interval(values, np.ones(100), np.arange(100))
        by_artist = pooling.ratio_interval(values, np.ones(100), np.repeat(np.arange(10), 10))
        assert by_clip.mean == by_artist.mean == 0.5
        assert by_artist.high - by_artist.low > 2 * (by_clip.high - by_clip.low)
        assert (by_clip.n, by_artist.n) == (100, 10)

    def test_a_ratio_weighs_groups_by_their_denominator(self):
        owners = np.repeat(np.arange(10), 3)
        bottoms = np.random.default_rng(0).uniform(1.0, 2.0, 30)
        found = pooling.ratio_interval(0.3 * bottoms, bottoms, owners)
        assert [found.mean, found.low, found.high] == pytest.approx([0.3, 0.3, 0.3])
        assert found.n == 10
        assert np.isnan(pooling.ratio_interval([0.0], [0.0], ["a"]).mean)


def material(noise: float = 0.1, count: int = 200, seed: int = 0):
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((count, 30))
    truth = values[:, :2] @ np.array([[1.0, 2.0], [3.0, 0.0]]) + 5.0
    truth += noise * generator.standard_normal(truth.shape)
    return values, truth, np.repeat(np.arange(count // 4), 4)


def gain(truth, probe):
    """Share of the squared error of the training mean that a probe removes."""
    rest, total = (np.square(truth - one).sum() for one in (probe.predicted, probe.baseline))
    return 1.0 - rest / total


class TestRidge:
    def test_a_fact_in_the_vector_is_read(self):
        values, truth, groups = material()
        probe = pooling.ridge_probe(values[:100], truth[:100], groups[:100], values[100:])
        assert gain(truth[100:], probe) > 0.98

    def test_each_target_has_its_own_penalty(self):
        values, truth, groups = material()
        truth[:, 1] = np.random.default_rng(5).standard_normal(len(truth))
        probe = pooling.ridge_probe(values[:100], truth[:100], groups[:100], values[100:])
        assert probe.alphas[0] < probe.alphas[1]


class TestTempo:
    def test_octaves_are_forgiven_and_others_not(self):
        truth = np.full(6, 120.0)
        guess = np.array([120.0, 124.0, 60.0, 240.0, 90.0, 126.0])
        np.testing.assert_array_equal(pooling.tempo_hits(truth, guess), [1, 1, 1, 1, 0, 0])


class TestIdentification:
    def pieces(self, spread: float):
        generator = np.random.default_rng(0)
        tracks = np.repeat([f"t{n}" for n in range(12)], 5)
        homes = np.repeat(generator.standard_normal((12, 20)), 5, axis=0)
        values = homes + spread * generator.standard_normal((60, 20))
        return values, tracks, np.tile(np.arange(5) * 3.0, 12)

    def test_tracks_with_a_place_of_their_own_are_found(self):
        values, tracks, starts = self.pieces(0.1)
        hits, chance = pooling.identified(values, tracks, starts, 3.1, tracks)
        assert hits.shape == chance.shape == (60,)
        assert hits.mean() == 1.0
        assert 0.03 < chance.mean() < 0.06

    def test_touching_pieces_do_not_count(self):
        values = np.array([[0.0], [0.1], [9.0], [8.9], [5.0]])
        tracks, starts = ["a", "a", "a", "b", "b"], [0.0, 3.0, 6.0, 0.0, 3.0]
        hits, _ = pooling.identified(values, tracks, starts, 3.1, tracks)
        # Of a, only the outer two pieces are compared, and both have a piece of b nearer.
        np.testing.assert_array_equal(hits[[0, 2]], 0.0)
        assert np.isnan(hits[[1, 3, 4]]).all()

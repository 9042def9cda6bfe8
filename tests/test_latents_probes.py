"""Probes on vectors that hold a fact, and on vectors that do not."""

import numpy as np
import pytest

from musiclib.latents import probes


def material(noise: float = 0.1, count: int = 200, seed: int = 0):
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((count, 30))
    truth = values[:, :2] @ np.array([[1.0, 2.0], [3.0, 0.0]]) + 5.0
    truth += noise * generator.standard_normal(truth.shape)
    return values, truth, np.repeat(np.arange(count // 4), 4)


class TestRidge:
    def test_a_fact_in_the_vector_is_read(self):
        values, truth, groups = material()
        probe = probes.ridge_probe(values[:100], truth[:100], groups[:100], values[100:])
        found = probes.r2_interval(truth[100:], probe, groups[100:])
        assert found.low > 0.98
        assert found.n == 25

    def test_a_fact_that_is_not_there_gains_nothing(self):
        values, truth, groups = material()
        noise = np.random.default_rng(9).standard_normal(values.shape)
        probe = probes.ridge_probe(noise[:100], truth[:100], groups[:100], noise[100:])
        found = probes.r2_interval(truth[100:], probe, groups[100:])
        assert found.mean < 0.05
        assert probe.alphas.min() > 10 * probes.ALPHAS[0] * 100 / 1000

    def test_the_training_mean_has_exactly_nothing(self):
        values, truth, groups = material()
        probe = probes.ridge_probe(values[:100], truth[:100], groups[:100], values[100:])
        mean = probes.Probe(np.broadcast_to(probe.baseline, (100, 2)), probe.baseline, probe.alphas)
        assert probes.r2_interval(truth[100:], mean, groups[100:]).mean == 0.0

    def test_each_target_has_its_own_penalty(self):
        values, truth, groups = material()
        truth[:, 1] = np.random.default_rng(5).standard_normal(len(truth))
        probe = probes.ridge_probe(values[:100], truth[:100], groups[:100], values[100:])
        assert probe.alphas[0] < probe.alphas[1]

    def test_scale_and_offset_of_inputs_do_not_matter(self):
        values, truth, groups = material()
        first = probes.ridge_probe(values[:100], truth[:100], groups[:100], values[100:])
        other = 1000 * values + 7
        second = probes.ridge_probe(other[:100], truth[:100], groups[:100], other[100:])
        np.testing.assert_allclose(first.predicted, second.predicted, atol=1e-6)

    def test_a_single_group_can_be_fitted(self):
        values, truth, _ = material()
        probe = probes.ridge_probe(values[:20], truth[:20], ["one"] * 20, values[20:])
        assert np.isfinite(probe.predicted).all()

    def test_paired_difference_is_surer_than_two_intervals(self):
        values, truth, groups = material(noise=1.0)
        cut = slice(None, 100)
        whole = probes.ridge_probe(values[cut], truth[cut], groups[cut], values[100:])
        blind = values.copy()
        blind[:, 1] = 0.0
        half = probes.ridge_probe(blind[cut], truth[cut], groups[cut], blind[100:])
        gap = probes.r2_difference(truth[100:], whole, half, groups[100:])
        assert gap.low > 0.0
        assert gap.mean == pytest.approx(
            probes.r2_interval(truth[100:], whole, groups[100:]).mean
            - probes.r2_interval(truth[100:], half, groups[100:]).mean
        )


class TestTempo:
    def test_octaves_are_forgiven_and_others_not(self):
        truth = np.full(6, 120.0)
        guess = np.array([120.0, 124.0, 60.0, 240.0, 90.0, 126.0])
        np.testing.assert_array_equal(probes.tempo_hits(truth, guess), [1, 1, 1, 1, 0, 0])


class TestIdentification:
    def pieces(self, spread: float):
        generator = np.random.default_rng(0)
        tracks = np.repeat([f"t{n}" for n in range(12)], 5)
        homes = np.repeat(generator.standard_normal((12, 20)), 5, axis=0)
        values = homes + spread * generator.standard_normal((60, 20))
        return values, tracks, np.tile(np.arange(5) * 3.0, 12)

    def test_tracks_with_a_place_of_their_own_are_found(self):
        values, tracks, starts = self.pieces(0.1)
        found, chance = probes.identification(values, tracks, starts, 3.1, tracks, tracks)
        assert found.mean == 1.0
        assert 0.03 < chance < 0.06

    def test_without_a_place_it_is_chance(self):
        values, tracks, starts = self.pieces(100.0)
        found, chance = probes.identification(values, tracks, starts, 3.1, tracks, tracks)
        assert found.mean == pytest.approx(chance, abs=0.12)

    def test_touching_pieces_do_not_count(self):
        values = np.array([[0.0], [0.1], [9.0], [8.9], [5.0]])
        tracks = ["a", "a", "a", "b", "b"]
        starts = [0.0, 3.0, 6.0, 0.0, 3.0]
        found, _ = probes.identification(values, tracks, starts, 3.1, tracks, tracks)
        # Of a, only the outer two pieces are compared, and both have a piece of b nearer.
        assert (found.mean, found.n) == (0.0, 1)

    def test_soundtracks_are_found_across_tracks(self):
        values, tracks, starts = self.pieces(0.1)
        kinds = np.where(values[:, 0] > 0, "x", "y")
        kinds = np.array([kinds[5 * (number // 5)] for number in range(60)])
        values = np.where(kinds == "x", 50.0, 0.0)[:, None] + values
        found, chance = probes.identification(values, tracks, starts, 3.1, kinds, tracks, True)
        assert found.mean == 1.0
        assert chance < 0.9

    def test_nothing_to_find(self):
        found, chance = probes.identification(
            np.eye(2), ["a", "b"], [0.0, 0.0], 3.1, ["a", "b"], ["a", "b"]
        )
        assert np.isnan(found.mean)
        assert np.isnan(chance)

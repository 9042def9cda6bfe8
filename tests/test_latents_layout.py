"""Projections and neighbourhood measures on points whose layout is known."""

import numpy as np
import pytest

from musiclib.errors import MusiclibError
from musiclib.latents import quality
from musiclib.latents.projection import PROJECTIONS, project, standardised
from musiclib.stats import mean_interval

# Compiling UMAP takes longer than all of these tests; the book is built with it.
QUICK = [name for name in PROJECTIONS if name != "umap"]


def islands(each: int = 20, dimensions: int = 12, apart: float = 12.0, seed: int = 0):
    """Three groups that stand apart in one direction each, half of each for training."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(["a", "b", "c"], each)
    points = generator.standard_normal((3 * each, dimensions))
    for number, name in enumerate("abc"):
        points[labels == name, number] += apart
    training = np.tile(np.arange(each) < each // 2, 3)
    return points, labels, training


def near(places, labels):
    groups = np.arange(len(labels))
    return np.nanmean(quality.purity(quality.distances(places), labels, groups)[0])


class TestProjections:
    @pytest.mark.parametrize("name", QUICK)
    def test_islands_stay_islands(self, name):
        points, labels, training = islands()
        places = project(name, points, training, labels)
        assert places.shape == (60, 2)
        assert near(places[~training], labels[~training]) > 0.9

    @pytest.mark.parametrize("name", QUICK)
    def test_the_same_again(self, name):
        points, labels, training = islands()
        first, second = (project(name, points, training, labels, seed=3) for _ in range(2))
        np.testing.assert_array_equal(first, second)

    @pytest.mark.parametrize("name", ["pca", "kernel-rbf", "kernel-cosine", "kernel-poly", "lda"])
    def test_test_points_do_not_move_the_others(self, name):
        points, labels, training = islands()
        moved = points.copy()
        moved[~training] += 50.0
        first, second = (project(name, one, training, labels) for one in (points, moved))
        np.testing.assert_allclose(first[training], second[training], atol=1e-9)

    def test_lda_ignores_labels_of_test_points(self):
        points, labels, training = islands()
        wrong = np.where(training, labels, "c")
        np.testing.assert_array_equal(
            project("lda", points, training, labels), project("lda", points, training, wrong)
        )

    def test_lda_flatters_itself_on_noise(self):
        generator = np.random.default_rng(0)
        points = generator.standard_normal((120, 80))
        labels, training = np.tile(["a", "b", "c"], 40), np.arange(120) < 60
        places = project("lda", points, training, labels)
        fitted, heard = (
            near(places[training], labels[training]),
            near(places[~training], labels[~training]),
        )
        assert fitted > 0.5
        assert heard < 0.42

    def test_too_few_points_or_classes_give_nothing(self):
        points, labels, training = islands()
        assert project("pca", points[:5], np.arange(5) < 3) is None
        assert project("pca", np.ones((10, 3)), np.ones(10, bool)) is None
        two = labels != "c"
        assert project("lda", points[two], training[two], labels[two]) is None

    def test_unknown_names_and_missing_labels_are_refused(self):
        points, _, training = islands()
        with pytest.raises(MusiclibError, match="choose one of pca"):
            project("mds", points, training)
        with pytest.raises(MusiclibError, match="class"):
            project("lda", points, training)

    def test_scaling_is_that_of_training_points(self):
        points = np.arange(20.0).reshape(10, 2)
        training = np.arange(10) < 5
        scaled = standardised(points, training)
        np.testing.assert_allclose(scaled[training].mean(axis=0), 0.0, atol=1e-12)
        np.testing.assert_allclose(scaled[training].std(axis=0), 1.0)
        assert scaled[~training].min() > 1.0


class TestNeighbours:
    def test_purity_of_islands_and_of_chance(self):
        points, labels, _ = islands()
        groups = np.arange(60)
        shares, chance = quality.purity(quality.distances(points), labels, groups)
        assert shares.mean() == 1.0
        np.testing.assert_allclose(chance, 19 / 59)

    def test_own_group_does_not_count(self):
        points = np.array([[0.0], [0.1], [1.0], [1.1], [5.0], [5.1]])
        labels, groups = list("aabbaa"), [1, 1, 2, 2, 3, 3]
        shares, _ = quality.purity(quality.distances(points), labels, groups, k=1)
        # The nearest points by other artists are those of the other label, but for the last two.
        np.testing.assert_array_equal(shares[[0, 1]], 0.0)
        assert np.isnan(shares[[2, 3]]).all()  # nobody else has their label

    def test_two_kinds_of_groups_can_be_left_out(self):
        points = np.array([[0.0], [0.1], [0.2], [5.0]])
        labels, artists, packages = list("aaba"), [1, 1, 2, 3], [1, 2, 1, 3]
        shares, chance = quality.purity(quality.distances(points), labels, artists, packages, k=1)
        assert (shares[0], chance[0]) == (1.0, 1.0)  # only the last point is left to compare

    def test_nearest_of_the_same_artist(self):
        points = np.array([[0.0], [0.1], [3.0], [3.1], [9.0]])
        hits, chance = quality.same_nearest(quality.distances(points), [1, 1, 2, 2, 3])
        np.testing.assert_array_equal(hits[:4], 1.0)
        np.testing.assert_allclose(chance[:4], 1 / 4)
        assert np.isnan(hits[4])

    def test_correlation_with_neighbours(self):
        generator = np.random.default_rng(0)
        place = generator.uniform(0, 10, (80, 1))
        apart, owners = quality.distances(place), np.arange(80)
        assert quality.neighbour_correlation(apart, place[:, 0], owners) > 0.99
        random = generator.standard_normal(80)
        assert abs(quality.neighbour_correlation(apart, random, owners)) < 0.35
        assert np.isnan(quality.neighbour_correlation(apart, np.ones(80), owners))
        assert np.isnan(quality.neighbour_correlation(apart[:6, :6], random[:6], owners[:6]))

    def test_silhouettes_leave_single_points_out(self):
        points, labels, _ = islands()
        values = quality.silhouettes(quality.distances(points), [*labels[:-1], "alone"])
        assert np.isnan(values[-1])
        assert np.nanmean(values) > 0.3
        assert np.isnan(quality.silhouettes(quality.distances(points), ["x"] * 60)).all()

    def test_trustworthiness_of_the_space_itself_is_one(self):
        points, _, _ = islands()
        apart = quality.distances(points)
        assert quality.kept_neighbours(apart, points) == 1.0
        mixed = np.random.default_rng(1).permutation(points)
        assert quality.kept_neighbours(apart, mixed) < 0.7
        assert np.isnan(quality.kept_neighbours(apart[:2, :2], points[:2]))


class TestShares:
    def test_factors_that_make_the_space(self):
        generator = np.random.default_rng(0)
        line = generator.standard_normal(200)
        space = np.stack([3 * line, generator.standard_normal(200)], axis=1)
        assert quality.explained(space, line) == pytest.approx(0.9, abs=0.04)
        groups = np.where(line > 0, "up", "down")
        assert 0.4 < quality.explained(space, groups) < 0.8

    def test_many_small_groups_explain_nothing_by_chance(self):
        space = np.random.default_rng(0).standard_normal((200, 30))
        groups = np.array([f"g{number % 90}" for number in range(200)])
        assert abs(quality.explained(space, groups)) < 0.05

    def test_what_cannot_be_told_is_nan(self):
        space = np.random.default_rng(0).standard_normal((10, 3))
        assert np.isnan(quality.explained(space, ["one"] * 10))
        assert np.isnan(quality.explained(space, [str(n) for n in range(10)]))
        assert np.isnan(quality.explained(space, np.full(10, np.nan)))


class TestIntervals:
    def test_artists_count_and_not_clips(self):
        values = np.repeat(np.arange(10) % 2 * 1.0, 10)
        by_clip = quality.grouped_interval(values, np.arange(100))
        by_artist = quality.grouped_interval(values, np.repeat(np.arange(10), 10))
        assert by_clip.mean == by_artist.mean == 0.5
        assert by_artist.high - by_artist.low > 2 * (by_clip.high - by_clip.low)
        assert (by_clip.n, by_artist.n) == (100, 10)

    def test_with_one_point_an_artist_it_is_the_interval_of_a_mean(self):
        values = np.random.default_rng(0).uniform(0.2, 1.0, 12)
        found = quality.grouped_interval(values, np.arange(12), (0.0, 1.0))
        wanted = mean_interval(values, bounds=(0.0, 1.0))
        assert [found.mean, found.low, found.high] == pytest.approx(
            [wanted.mean, wanted.low, wanted.high]
        )

    def test_missing_values_and_single_groups(self):
        found = quality.grouped_interval([1.0, np.nan, 3.0], ["a", "b", "a"])
        assert (found.mean, found.n) == (2.0, 1)
        assert np.isnan(found.low)
        assert quality.text(quality.grouped_interval([np.nan], ["a"])) == "not computed"

"""Measures of agreement, against scikit-learn and by hand; and what music becomes pieces."""

import numpy as np
import pytest
import torch
from sklearn import metrics

from musiclib.errors import ModelError
from musiclib.latents import AutoencoderLatents, sequences
from musiclib.models import DeepConfig, WaveformConfig
from musiclib.stats import mean_interval
from musiclib.studies.clustering import material as materials
from musiclib.studies.clustering import scores
from musiclib.training import Checkpoint, TrainConfig, fit, load, new_model
from tests.training_fixture import RATE, music

__all__ = ["music"]


def drawn(seed=0, tracks=60, labels=4, clusters=5):
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, labels, tracks)
    found = np.where(generator.random(tracks) < 0.6, truth, generator.integers(0, clusters, tracks))
    return truth, found, scores.table(truth, found, labels, clusters)


@pytest.mark.parametrize("seed", range(5))
def test_measures_agree_with_scikit_learn(seed):
    truth, found, counts = drawn(seed)
    nmi = metrics.normalized_mutual_info_score(truth, found)
    assert scores.normalised_information(counts) == pytest.approx(nmi)
    assert scores.adjusted_rand(counts) == pytest.approx(metrics.adjusted_rand_score(truth, found))
    by_hand = sum(np.bincount(truth[found == one]).max() for one in set(found)) / len(truth)
    assert scores.purity(counts) == pytest.approx(by_hand)


def test_many_tables_at_once():
    tables = [drawn(seed)[2] for seed in range(3)]
    for measure in (scores.purity, scores.normalised_information, scores.adjusted_rand):
        np.testing.assert_allclose(measure(np.stack(tables)), [measure(one) for one in tables])


def test_the_same_division_scores_one_and_a_single_cluster_none():
    same = np.diag([5.0, 7.0, 3.0])[:, [2, 0, 1]]
    for measure in (scores.purity, scores.normalised_information, scores.adjusted_rand):
        assert measure(same) == pytest.approx(1.0)
    single = np.array([[5.0, 0.0], [5.0, 0.0]])
    assert scores.purity(single) == 0.5
    assert scores.normalised_information(single) == 0.0
    assert scores.adjusted_rand(single) == pytest.approx(0.0)


def test_clusters_get_genres_one_to_one():
    counts = np.array([[9.0, 8.0, 0.0], [0.0, 6.0, 1.0]])
    assert scores.matching(counts).tolist() == [0, 1, -1]
    assert scores.majority(counts).tolist() == [0, 0, 1]
    assert scores.majority(np.array([[1.0, 0.0]])).tolist() == [0, -1]


def test_tracks_go_where_most_of_their_pieces_are():
    pieces = np.array([2, 2, 0, 1, 0, 1, 1])
    tracks = np.array([0, 0, 0, 1, 1, 2, 2])
    assert scores.votes(pieces, tracks, 3).tolist() == [2, 0, 1]


def test_shuffled_labels_are_worth_nothing_beyond_chance():
    truth, found, _ = drawn(tracks=200)
    dealt = scores.shuffled(truth, found, 4, 5)
    assert dealt.shape == (scores.SHUFFLES, 4, 5)
    np.testing.assert_array_equal(dealt.sum(axis=2)[0], np.bincount(truth))
    assert abs(scores.adjusted_rand(dealt).mean()) < 0.01


def test_the_interval_of_accuracy_is_that_of_a_mean():
    truth, found, _ = drawn(tracks=100, clusters=4)

    def accuracy(counts):
        return np.trace(counts, axis1=-2, axis2=-1) / counts.sum(axis=(-2, -1))

    each = np.arange(len(truth))
    one = scores.interval(accuracy, truth, each, [found], 4, 4)
    wanted = mean_interval(truth == found)
    assert [one.mean, one.low, one.high] == pytest.approx([wanted.mean, wanted.low, wanted.high])
    # Tracks of one artist go together.
    twice = [np.repeat(values, 2) for values in (truth, each, found)]
    again = scores.interval(accuracy, twice[0], twice[1], [twice[2]], 4, 4)
    assert [again.low, again.high, again.n] == pytest.approx([one.low, one.high, 100])
    two = scores.interval(scores.purity, truth[:2], each[:2], [found[:2]], 4, 4)
    assert np.isnan(two.low)


def test_a_difference_is_paired():
    truth, found, _ = drawn(tracks=80)
    each = np.arange(len(truth))
    same = scores.difference(scores.adjusted_rand, truth, each, [found], [found], 4, 5)
    assert same.mean == same.low == same.high == 0.0
    information = scores.normalised_information
    better = scores.difference(information, truth, each, [truth], [found], 4, 5)
    assert better.low > 0.0


def checkpoint(music, folder, config) -> Checkpoint:
    training = TrainConfig(steps=2, batch_size=2, segment_s=0.3, validation_segments=2)
    fit(new_model(config), music, training, folder / "tiny", progress=False)
    return load(folder / "tiny")


def test_music_becomes_pieces_whose_frames_are_those_of_the_latents(music, tmp_path):
    config = DeepConfig(sample_rate=RATE, n_fft=256, hop_length=64, latent=4, hidden=(8,))
    trained = checkpoint(music, tmp_path, config)
    found = materials.load(music, trained, seconds=0.5)
    assert found.genres == ["high", "low"]
    assert len(found.tracks) == 10
    assert set(found.vectors) == {"latents", "log-mel", "MFCC"}
    count = len(found.piece_tracks)
    assert {len(values) for values in found.vectors.values()} == {len(found.frames)} == {count}
    learned = found.vectors["latents"][torch.from_numpy(found.learned)]
    torch.testing.assert_close(
        learned.mean(dim=0), torch.zeros(learned.shape[1]), atol=1e-4, rtol=0
    )
    latents = sequences(AutoencoderLatents(trained), music)[found.tracks.index[0]]
    with torch.no_grad():
        mine = found.model.encode_rows(found.frames[0]).numpy()
    for frame in mine:
        assert np.abs(latents.T - frame).max(axis=1).min() < 0.01


def test_one_genre_is_nothing_to_compare(music, tmp_path):
    config = DeepConfig(sample_rate=RATE, n_fft=256, hop_length=64, latent=4, hidden=(8,))
    trained = checkpoint(music, tmp_path, config)
    assert materials.load(music.select(genres=["high"]), trained) is None


def test_a_model_without_frames_is_refused(music, tmp_path):
    config = WaveformConfig(
        sample_rate=RATE, factor=2, filters=4, kernel=16, first_stride=8, width=4, blocks=1
    )
    with pytest.raises(ModelError, match="needs one of frames"):
        materials.load(music, checkpoint(music, tmp_path, config))

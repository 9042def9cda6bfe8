"""Deep clustering: groups that are there are found, and what can't be done is said."""

import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from musiclib.errors import TrainingError
from musiclib.models import DeepConfig
from musiclib.models.clustering import FrameBody
from musiclib.studies.clustering import experiment, fitting, summary
from musiclib.studies.clustering.material import LATENT, LOG_MEL, MFCC, Material
from musiclib.training import new_model

GROUPS, PIECES, SIZE = 3, 4, 12
QUICK = fitting.Settings(epochs=6, batch_size=16)


def gaussians(points=180, seed=0, apart=6.0):
    """Three round groups in twelve dimensions, standardised, and the group of each point."""
    generator = np.random.default_rng(seed)
    centres = apart * np.linalg.qr(generator.standard_normal((SIZE, GROUPS)))[0].T
    labels = np.arange(points) % GROUPS
    values = centres[labels] + generator.standard_normal((points, SIZE))
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    return torch.from_numpy(values.astype(np.float32)), labels


@functools.cache
def trained_body(seed):
    inputs, _ = gaussians()
    learned = np.arange(len(inputs)) % 5 > 0
    return fitting.new_vector_body(inputs[torch.from_numpy(learned)], seed, epochs=150)


@functools.cache
def fitted(seed=0, settings=QUICK, clusters=GROUPS):
    inputs, labels = gaussians()
    learned = np.arange(len(inputs)) % 5 > 0
    body = trained_body(seed)
    return fitting.fit(body, inputs, learned, clusters, seed, settings), labels, learned


def agreement(labels, clusters):
    from sklearn.metrics import adjusted_rand_score

    return adjusted_rand_score(labels, clusters)


def made_material(tracks_each=10, apart=6.0) -> Material:
    """Tracks whose pieces lie in three groups, as vectors and as frames."""
    count = GROUPS * tracks_each
    genres = np.repeat(["a", "b", "c"], tracks_each)
    tracks = pd.DataFrame(
        {
            "genre": genres,
            "artist_group": [f"{g}{n % 5}" for n, g in enumerate(genres)],
            "package": [f"p{n % 4}" for n in range(count)],
            "split": ["test" if n % 3 == 0 else "train" for n in range(count)],
        },
        index=pd.Index([f"t{n}" for n in range(count)], name="track_id"),
    )
    numbers = np.repeat(np.arange(count), PIECES)
    generator = np.random.default_rng(1)
    codes = np.repeat(np.arange(GROUPS), tracks_each)[numbers]
    centres = apart * np.linalg.qr(generator.standard_normal((SIZE, GROUPS)))[0].T
    values = centres[codes] + generator.standard_normal((len(numbers), SIZE))
    vectors = torch.from_numpy(((values - values.mean(0)) / values.std(0)).astype(np.float32))
    config = DeepConfig(sample_rate=8000, latent=4, n_fft=64, hop_length=16, hidden=(16,))
    model = new_model(config)
    shapes = apart / 4 * torch.from_numpy(generator.standard_normal((GROUPS, 33)))
    frames = shapes[torch.from_numpy(codes)][:, None] + torch.from_numpy(
        generator.standard_normal((len(numbers), 6, 33))
    )
    kinds = {LATENT: vectors, LOG_MEL: vectors.flip(1), MFCC: vectors[:, :6]}
    return Material(kinds, frames.float(), numbers, tracks, model)


@pytest.fixture(scope="module")
def material():
    return made_material()


@pytest.fixture(scope="module")
def outcomes(material):
    return experiment.run(material, (0, 1), QUICK, replace(QUICK, epochs=3), free_seeds=1)


def test_separated_groups_are_found_and_unseen_points_join_them():
    one, labels, learned = fitted()
    assert agreement(labels[learned], one.clusters[learned]) > 0.98
    assert agreement(labels[~learned], one.clusters[~learned]) > 0.95


def test_training_makes_clusters_surer_and_keeps_the_reconstruction():
    one, _, _ = fitted(settings=replace(QUICK, tolerance=0.0))
    assert one.history["confidence"].iloc[-1] > one.history["confidence"].iloc[0] + 0.1
    assert one.history["error"].iloc[-1] < 2.0 * one.history["error"].iloc[0]


def test_steps_towards_a_fixed_target_lower_the_divergence():
    from musiclib.models.clustering import DeepClustering, target_distribution

    inputs, _ = gaussians()
    body = fitting.new_vector_body(inputs, 0, epochs=5)
    body.calibrate(inputs)
    start = fitting.k_means(body.embed(inputs)[0].detach().numpy(), GROUPS, 0)
    model = DeepClustering(body, torch.from_numpy(start.cluster_centers_))
    target = target_distribution(model(inputs)).detach()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    values = []
    for _ in range(60):
        losses = model.loss(inputs, target, 1.0)
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        values.append(float(losses.terms["divergence"]))
    assert values[-1] < 0.5 * values[0]


def test_without_the_reconstruction_it_is_lost():
    kept, _, _ = fitted(settings=replace(QUICK, tolerance=0.0))
    free, _, _ = fitted(settings=replace(QUICK, tolerance=0.0, rebuild=False))
    assert free.history["error"].iloc[-1] > 4.0 * kept.history["error"].iloc[-1]


def test_the_same_seed_gives_the_same_clusters_and_leaves_the_body_alone():
    first, _, _ = fitted(seed=3)
    trained_body.cache_clear()
    fitted.cache_clear()
    second, _, _ = fitted(seed=3)
    np.testing.assert_array_equal(first.clusters, second.clusters)
    np.testing.assert_array_equal(first.after, second.after)
    pd.testing.assert_frame_equal(first.history, second.history)
    other, _, _ = fitted(seed=4)
    assert not np.array_equal(first.after, other.after)
    inputs, _ = gaussians()
    body = fitting.new_vector_body(inputs, 0, epochs=1)
    before = {name: value.clone() for name, value in body.state_dict().items()}
    fitting.fit(body, inputs, np.ones(len(inputs), bool), GROUPS, 0, QUICK)
    for name, value in body.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0.0, atol=0.0)


def test_labels_of_points_that_are_not_learned_do_not_leak_into_the_centres():
    inputs, _ = gaussians()
    learned = np.arange(len(inputs)) < 120
    body = fitting.new_vector_body(inputs[:120], 0, epochs=2)
    first = fitting.fit(body, inputs, learned, GROUPS, 0, QUICK)
    changed = inputs.clone()
    changed[120:] = -5.0
    second = fitting.fit(body, changed, learned, GROUPS, 0, QUICK)
    np.testing.assert_array_equal(first.clusters[:120], second.clusters[:120])


def test_training_ends_when_nothing_moves():
    one, _, _ = fitted(settings=replace(QUICK, epochs=50))
    assert one.stopped
    assert len(one.history) < 51
    assert one.history["changed"].iloc[-1] < QUICK.tolerance


@pytest.mark.parametrize("clusters", [1, 181])
def test_too_few_pieces_or_clusters_are_refused(clusters):
    with pytest.raises(TrainingError, match=f"{clusters} clusters cannot be made of"):
        fitted(clusters=clusters)


def test_pieces_that_are_all_alike_are_refused():
    inputs = torch.ones(30, SIZE)
    body = fitting.new_vector_body(inputs, 0, epochs=1)
    with pytest.raises(TrainingError, match="1 different pieces"):
        fitting.fit(body, inputs, np.ones(30, bool), 2, 0)


def test_a_cluster_that_dies_out_is_named():
    shares = torch.tensor([[0.9, 0.05, 0.05], [0.2, 0.7, 0.1]])
    with pytest.raises(TrainingError, match="1 of 3 clusters hold no piece after 4 epochs"):
        fitting._check(shares, np.array([0, 1]), 4)
    with pytest.raises(TrainingError, match="not finite"):
        fitting._check(shares * np.nan, np.array([0, 1]), 4)


def test_frames_are_clustered_through_the_encoder(material, outcomes):
    for name in (experiment.START_FRAMES, experiment.DEEP_FRAMES):
        for clusters in outcomes[name].clusters:
            assert agreement(material.genre_codes, clusters) > 0.9
    before = {k: v.clone() for k, v in material.model.state_dict().items()}
    fitting.fit(
        FrameBody(material.model), material.frames, material.learned, 3, 0, replace(QUICK, epochs=1)
    )
    for name, value in material.model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0.0, atol=0.0)


def test_every_method_is_measured_beside_chance(material, outcomes):
    table = summary.comparison(material, outcomes)
    assert set(table["method"]) == set(outcomes)
    assert len(table) == len(outcomes) * 7
    best = table[(table["method"] == experiment.KMEANS_LATENT) & (table["measure"] == "accuracy")]
    assert best["mean"].item() == 1.0
    assert best["chance"].item() == pytest.approx(1 / 3, abs=0.1)
    rand = table[table["measure"] == "ARI"]
    assert rand["chance"].abs().max() < 0.1
    seeds = table.groupby("method")["seeds"].first()
    assert seeds[experiment.FREE_FRAMES] == 1
    assert seeds[experiment.DEEP_VECTORS] == 2


def test_clusters_of_dealt_genres_are_worth_chance(material, outcomes):
    generator = np.random.default_rng(0)
    tracks = material.tracks.assign(genre=generator.permutation(material.tracks["genre"]))
    table = summary.comparison(replace(material, tracks=tracks), outcomes)
    chosen = table[table["measure"] == "ARI"]
    assert (chosen["mean"] - chosen["chance"]).abs().max() < 0.25


def test_a_seed_that_fails_is_reported_and_left_out(material):
    outcome = experiment._plain(material, LATENT, 1000, (0, 1))
    assert outcome.clusters == ()
    assert len(outcome.failures) == 2
    assert summary.comparison(material, {"k-means": outcome}).empty


def test_the_table_has_matching_clusters_on_its_diagonal(material, outcomes):
    for part, count in (("training", 20), ("test", 10), (None, 30)):
        counts = summary.contingency(material, outcomes[experiment.KMEANS_LATENT], part)
        assert np.trace(counts) == counts.to_numpy().sum() == count


def test_kinship_counts_each_pair_once(material, outcomes):
    table = summary.kinship(material, outcomes[experiment.KMEANS_LATENT])
    assert table["pairs"].sum() == 30 * 29 // 2
    assert table.loc[summary.SAME_GENRE, "together"] == 100.0
    assert table.loc[summary.OTHER, "together"] == 0.0
    without = replace(material, tracks=material.tracks.drop(columns="package"))
    table = summary.kinship(without, outcomes[experiment.KMEANS_LATENT])
    assert summary.SAME_SOURCE not in table.index
    assert table["pairs"].sum() == 30 * 29 // 2


def test_clusters_that_are_genres_follow_genre(material, outcomes):
    table = summary.information(material, outcomes[experiment.KMEANS_LATENT])
    assert table.loc["genre", "NMI"] == pytest.approx(1.0)
    assert table["above"].idxmax() == "genre"


def test_more_clusters_than_groups_raise_purity_by_chance(material):
    found = experiment.sweep(material, (2, 3, 8), (0,), replace(QUICK, epochs=1))
    table = summary.by_number(material, found)
    plain = table[table["method"] == "k-means"].set_index("clusters")
    assert plain.loc[2, "purity"] < 0.8
    assert plain.loc[3, "purity"] == plain.loc[3, "carried"] == 1.0
    assert plain.loc[8, "chance"] > plain.loc[3, "chance"]

"""Classifiers learn what can be learned, nothing from noise, and the same thing twice."""

import numpy as np
import pytest
import torch
from torch import nn

from musiclib.errors import DatasetError, ModelError
from musiclib.genre import Guesses, classical, networks, score
from musiclib.genre.networks import Learning
from musiclib.latents import MEAN_STD, RICH, pooled
from musiclib.models import MODELS
from musiclib.models.genre import (
    Ending,
    LatentClassifier,
    SequenceClassifier,
    SpectrogramCnn,
    StatisticsPool,
    WaveformCnn,
    lags_at,
)
from tests.genre_fixture import GENRES, Tracks
from tests.training_fixture import TinyAutoencoder, tiny

QUICK = Learning(steps=40, batch=8, seconds=2.0)


@pytest.fixture(scope="module")
def source() -> Tracks:
    return Tracks()


def balanced(table, source, part="test") -> float:
    return score(Guesses("x", table, GENRES), source.tracks, part).balanced.mean


@pytest.mark.parametrize("kind", ["logistic", "svm", "forest"])
def test_changes_tell_what_mean_and_deviation_do_not(source, kind) -> None:
    rich = classical.learn_and_guess(pooled(source, 2.0, RICH), source.run(), kind)
    assert balanced(rich, source) == 1.0
    assert balanced(rich, source, "validation") == 1.0


def test_shuffled_labels_teach_nothing(source) -> None:
    pieces = pooled(source, 2.0, RICH)
    found = []
    for seed in range(6):
        generator = np.random.default_rng(seed)
        names = list(source.tracks.index)
        labels = dict(zip(names, generator.permutation(source.tracks["genre"]), strict=True))
        rows = pieces.rows.assign(genre=[labels[name] for name in pieces.rows["track_id"]])
        mixed = type(pieces)(pieces.values, rows, "mixed")
        tracks = source.tracks.assign(genre=[labels[name] for name in names])
        table = classical.learn_and_guess(mixed, source.run(), "logistic")
        found.append(score(Guesses("x", table, GENRES), tracks).balanced.mean)
    assert 0.2 < np.mean(found) < 0.8


@pytest.mark.parametrize("pooling", ["statistics", "attention"])
def test_a_network_learns_from_sequences(source, pooling) -> None:
    make = lambda: SequenceClassifier(3, 2, source.frame_rate, pooling)  # noqa: E731
    table = networks.learn_and_guess(make, source, source.run(), QUICK)
    assert balanced(table, source) >= 0.9


def test_the_same_seed_gives_the_same_guesses(source) -> None:
    make = lambda: SequenceClassifier(3, 2, source.frame_rate)  # noqa: E731
    first, again = (networks.learn_and_guess(make, source, source.run(1), QUICK) for _ in range(2))
    assert first.equals(again)
    other = networks.learn_and_guess(make, source, source.run(2), QUICK)
    assert not first.equals(other)


def test_guesses_are_the_same_whether_a_processor_has_bfloat16(source, monkeypatch) -> None:
    make = lambda: SequenceClassifier(3, 2, source.frame_rate)  # noqa: E731
    tables = []
    for native in (True, False):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda n=native: {"avx512_bf16": n})
        tables.append(networks.learn_and_guess(make, source, source.run(), QUICK))
    assert tables[0].equals(tables[1])


def test_learning_leaves_the_generator_of_the_caller_alone(source) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    make = lambda: SequenceClassifier(3, 2, source.frame_rate)  # noqa: E731
    networks.learn_and_guess(make, source, source.run(), Learning(steps=2, batch=4, seconds=1.0))
    assert torch.equal(torch.rand(3), expected)


def test_probabilities_are_probabilities(source) -> None:
    for kind in ("logistic", "svm", "forest"):
        table = classical.learn_and_guess(pooled(source, 2.0, MEAN_STD), source.run(), kind)
        values = table[list(GENRES)].to_numpy()
        assert np.all(values >= 0.0)
        assert np.allclose(values.sum(axis=1), 1.0)


def test_a_genre_without_training_tracks_is_named(source) -> None:
    run = source.run()
    only = type(run)(
        0, tuple(n for n in run.train if "calm" in n), run.validation, run.test, GENRES
    )
    with pytest.raises(DatasetError, match="rough"):
        classical.learn_and_guess(pooled(source, 2.0), only)
    with pytest.raises(DatasetError, match="rough"):
        networks.learn_and_guess(lambda: nn.Identity(), source, only, QUICK)


def test_tracks_shorter_than_a_piece_are_learned_from_and_guessed() -> None:
    short = Tracks(frames=11)
    make = lambda: SequenceClassifier(3, 2, short.frame_rate)  # noqa: E731
    table = networks.learn_and_guess(make, short, short.run(), QUICK)
    assert table.groupby("track_id").size().eq(1).all()
    assert set(table["track_id"]) == {*short.run().test, *short.run().validation}


def test_statistics_do_not_depend_on_the_order_of_frames_but_changes_do() -> None:
    x = torch.randn(1, 2, 50, generator=torch.Generator().manual_seed(0)).cumsum(-1)
    mixed = x[..., torch.randperm(50, generator=torch.Generator().manual_seed(1))]
    plain, lagged = StatisticsPool(2, "statistics"), StatisticsPool(2, "statistics", (1,))
    assert torch.allclose(plain(x), plain(mixed), atol=1e-4)
    assert not torch.allclose(lagged(x)[:, 4:], lagged(mixed)[:, 4:], atol=0.1)


def test_attention_weighs_frames_and_weights_sum_to_one() -> None:
    pool = StatisticsPool(4, "attention").eval()
    weights = pool.weights(torch.randn(3, 4, 30, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(weights.sum(-1), torch.ones(3, 1))
    assert weights.std() > 0.0


def test_silence_and_single_frames_stay_finite() -> None:
    for pooling in ("statistics", "attention"):
        network = SequenceClassifier(4, 3, 90.0, pooling).eval()
        assert torch.isfinite(network(torch.zeros(2, 4, 50))).all()
        assert torch.isfinite(network(torch.ones(2, 4, 1))).all()
    assert torch.isfinite(WaveformCnn(3).eval()(torch.zeros(2, 1, 4000))).all()
    assert torch.isfinite(SpectrogramCnn(40, 3).eval()(torch.zeros(2, 40, 30))).all()


def test_a_filterbank_hears_no_sign() -> None:
    kernels = torch.randn(8, 4, 6, generator=torch.Generator().manual_seed(1))
    network = SequenceClassifier(4, 3, 180.0, filterbank=kernels, stride=2, shrink=4).eval()
    nn.init.normal_(network.ending.out.weight)
    x = torch.randn(2, 4, 60, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(network(x), network(-x), atol=1e-5)


def test_fine_tuning_reaches_the_encoder_and_not_the_decoder(monkeypatch) -> None:
    monkeypatch.setitem(MODELS, "tiny", TinyAutoencoder)
    model = tiny()
    head = SequenceClassifier(model.latent_channels, 2, 250.0)
    nn.init.normal_(head.ending.out.weight)
    whole = LatentClassifier(model, head, torch.zeros(4), torch.ones(4))
    whole(torch.randn(3, 1, 640)).square().sum().backward()
    assert model.down.weight.grad.abs().sum() > 0.0
    assert model.up.weight.grad is None


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ModelError, match="pooling"):
        StatisticsPool(2, "median")
    with pytest.raises(ModelError, match="lags"):
        StatisticsPool(2, "statistics", (0,))
    with pytest.raises(ModelError, match="positive"):
        SequenceClassifier(0, 2, 10.0)
    assert lags_at(15.6) == (1, 2, 5)
    assert Ending(2, 3, "statistics", (1, 2), 0.0)(torch.randn(4, 2, 9)).shape == (4, 3)

"""Networks learn what can be learned, and the same thing twice."""

import pandas as pd
import pytest
import torch
from torch import nn

from musiclib.genre import networks
from musiclib.genre.networks import FitConfig, Normalised, SequenceClassifier, StatisticsPool
from musiclib.models import MODELS
from tests.genre_fixture import GENRES, Tracks
from tests.training_fixture import TinyAutoencoder, tiny

QUICK = FitConfig(steps=40, batch=8, seconds=2.0)


@pytest.fixture(scope="module")
def source() -> Tracks:
    return Tracks()


def accuracy(network, source) -> float:
    found = networks.predict(network, source, source.part(True), GENRES, 2.0)
    return float((found.idxmax(axis=1) == source.tracks["genre"].reindex(found.index)).mean())


def test_a_network_learns_from_sequences(source) -> None:
    for pooling in ("statistics", "attention"):
        network = networks.fit_latent_classifier(source, source.part(False), 0, pooling, QUICK)
        assert accuracy(network, source) >= 0.9


def test_the_same_seed_gives_the_same_predictions(source) -> None:
    def predicted(seed: int) -> pd.DataFrame:
        network = networks.fit_latent_classifier(source, source.part(False), seed, learning=QUICK)
        return networks.predict(network, source, source.part(True), GENRES, 2.0)

    assert predicted(1).equals(predicted(1))
    assert not predicted(1).equals(predicted(2))


def test_predictions_are_the_same_whether_a_processor_has_bfloat16(source, monkeypatch) -> None:
    found = []
    for native in (True, False):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda n=native: {"avx512_bf16": n})
        network = networks.fit_latent_classifier(source, source.part(False), 0, learning=QUICK)
        found.append(networks.predict(network, source, source.part(True), GENRES, 2.0))
    assert found[0].equals(found[1])


def test_statistics_do_not_depend_on_the_order_of_frames_but_changes_do() -> None:
    x = torch.randn(1, 2, 50, generator=torch.Generator().manual_seed(0)).cumsum(-1)
    mixed = x[..., torch.randperm(50, generator=torch.Generator().manual_seed(1))]
    plain, lagged = StatisticsPool(2, "statistics"), StatisticsPool(2, "statistics", (1,))
    assert torch.allclose(plain(x), plain(mixed), atol=1e-4)
    assert not torch.allclose(lagged(x)[:, 4:], lagged(mixed)[:, 4:], atol=0.1)


def test_fine_tuning_reaches_the_encoder_and_not_the_decoder(monkeypatch) -> None:
    monkeypatch.setitem(MODELS, "tiny", TinyAutoencoder)
    model = tiny()
    head = SequenceClassifier(model.latent_channels, 2)
    nn.init.normal_(head.out.weight)
    whole = Normalised(head, torch.zeros(4), torch.ones(4), model)
    whole(torch.randn(3, 1, 640)).square().sum().backward()
    assert model.down.weight.grad.abs().sum() > 0.0
    assert model.up.weight.grad is None

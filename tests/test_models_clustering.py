"""Deep embedded clustering: what its parts do to shares of clusters."""

import numpy as np
import pytest
import torch

from musiclib.errors import ModelError
from musiclib.models import DeepConfig, build_model
from musiclib.models.clustering import (
    DeepClustering,
    FrameBody,
    VectorBody,
    divergence,
    soft_assignment,
    target_distribution,
)


def shares_of(points=200, clusters=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    embedding = torch.randn(points, 3, generator=generator)
    centres = 2.0 * torch.randn(clusters, 3, generator=generator)
    return soft_assignment(embedding, centres)


def test_a_point_belongs_to_its_nearest_centre():
    centres = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    shares = soft_assignment(centres + 0.1, centres)
    assert shares.argmax(dim=1).tolist() == [0, 1, 2]
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(3))
    middle = soft_assignment(torch.tensor([[2.0, 0.0]]), centres[:2])
    torch.testing.assert_close(middle, torch.tensor([[0.5, 0.5]]))


def test_one_degree_of_freedom_is_the_formula_of_the_paper():
    points, centres = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    weights = torch.tensor([1 / (1 + 5.0), 1 / (1 + 4.0)])
    torch.testing.assert_close(soft_assignment(points, centres)[0], weights / weights.sum())


def test_far_from_the_origin_distances_are_still_exact():
    centres = torch.tensor([[1000.0, 1000.0], [1001.0, 1000.0]])
    shares = soft_assignment(centres, centres)
    torch.testing.assert_close(shares[0], torch.tensor([2 / 3, 1 / 3]))


def test_the_target_is_sharper_and_sums_to_one():
    shares = shares_of()
    target = target_distribution(shares)
    torch.testing.assert_close(target.sum(dim=1), torch.ones(len(shares)))
    assert (target >= 0).all()
    entropies = [-(one * one.log()).sum(dim=1).mean() for one in (shares, target)]
    assert entropies[1] < entropies[0]
    sure = torch.eye(3)[torch.arange(30) % 3]
    torch.testing.assert_close(target_distribution(sure), sure)


def test_the_target_favours_small_clusters():
    undecided = torch.tensor([[0.5, 0.5]])
    large = torch.tensor([[0.9, 0.1]]).repeat(50, 1)
    target = target_distribution(torch.cat([undecided, large]))
    assert target[0, 1] > 0.7


def test_divergence_is_zero_only_at_the_target():
    shares = shares_of()
    assert float(divergence(shares, shares)) == pytest.approx(0.0, abs=1e-7)
    assert float(divergence(target_distribution(shares), shares)) > 0.0
    sure = torch.eye(2)
    assert torch.isfinite(divergence(sure, torch.tensor([[0.0, 1.0], [0.5, 0.5]])))


def frames_body():
    torch.manual_seed(0)
    config = DeepConfig(sample_rate=8000, latent=4, n_fft=64, hop_length=16, hidden=(16,))
    return FrameBody(build_model(config), decoded=2)


def test_silent_pieces_have_an_embedding_and_gradients():
    body = frames_body()
    inputs = torch.zeros(3, 6, 33)
    raw, latent = body.encoded(inputs)
    assert raw.shape == (3, 8)
    assert latent.shape == (3, 6, 4)
    raw.sum().backward()
    for parameter in body.model.encoder.parameters():
        assert torch.isfinite(parameter.grad).all()


def test_frames_are_pooled_by_mean_and_deviation():
    body = frames_body()
    inputs = torch.randn(5, 7, 33, generator=torch.Generator().manual_seed(1))
    raw, latent = body.encoded(inputs)
    torch.testing.assert_close(raw[:, :4], latent.mean(dim=1))
    np.testing.assert_allclose(
        raw[:, 4:].detach().numpy(), np.log(latent.detach().numpy().std(axis=1)), atol=1e-3
    )
    shuffled, _ = body.encoded(inputs[:, [3, 1, 0, 2, 6, 5, 4]])
    torch.testing.assert_close(raw, shuffled)


def test_calibration_centres_and_scales_the_embedding():
    body = frames_body()
    inputs = 3.0 + torch.randn(40, 6, 33, generator=torch.Generator().manual_seed(2))
    body.calibrate(inputs)
    embedding = body.embed(inputs)[0].detach()
    torch.testing.assert_close(embedding.mean(dim=0), torch.zeros(8), atol=1e-4, rtol=0.0)
    torch.testing.assert_close(embedding.std(dim=0, correction=0), torch.ones(8))
    body.calibrate(torch.ones(5, 6, 33))  # pieces that are all alike
    assert torch.isfinite(body.embed(inputs)[0]).all()


def test_only_some_frames_are_decoded():
    body = frames_body()
    inputs = torch.randn(2, 5, 33, generator=torch.Generator().manual_seed(3))
    _, latent = body.encoded(inputs)
    rebuilt = body.model.decode_rows(latent)
    for offset, chosen in ((0, [0, 2, 4]), (1, [1, 3]), (2, [0, 2, 4])):
        error = (rebuilt - inputs)[:, chosen].square().mean()
        torch.testing.assert_close(body.error(inputs, latent, offset), error)


def test_the_loss_counts_the_reconstruction_unless_told_not_to():
    body = VectorBody(6, hidden=8, dimensions=2)
    model = DeepClustering(body, torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    inputs = torch.randn(10, 6)
    target = target_distribution(model(inputs)).detach()
    whole = model.loss(inputs, target, 0.5)
    expected = 0.5 * whole.terms["divergence"] + whole.terms["error"]
    torch.testing.assert_close(whole.total.detach(), expected)
    alone = model.loss(inputs, target, 0.5, rebuild=False)
    torch.testing.assert_close(alone.total.detach(), 0.5 * whole.terms["divergence"])
    assert "error" not in alone.terms


@pytest.mark.parametrize("shape", [(1, 2), (3, 5), (4,)])
def test_centres_that_do_not_fit_are_refused(shape):
    with pytest.raises(ModelError, match="2 dimensions"):
        DeepClustering(VectorBody(6, hidden=8, dimensions=2), torch.zeros(shape))

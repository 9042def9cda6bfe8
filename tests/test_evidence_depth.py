"""Depth: what lasts is told from grain, and nobody is tested who was heard."""

import numpy as np
import pytest
import torch

from musiclib import evidence
from musiclib.datasets.debian import split_pieces
from musiclib.evidence import BUNDLED
from musiclib.models import PcaConfig, build_model


@pytest.fixture(scope="module")
def depth():
    return evidence.declaration("depth")


def test_grain_averages_out_and_what_lasts_stays(depth):
    grain = torch.from_numpy(np.random.default_rng(0).standard_normal((513, 3000)))
    spread = depth.averaged(grain, 8, 16).square().mean().sqrt()
    assert float(spread) == pytest.approx(1 / np.sqrt(8 * 16), rel=0.05)
    steady = torch.linspace(-1.0, 1.0, 20)[:, None].expand(20, 50)
    assert torch.equal(depth.averaged(steady, 1, 16), steady[:, :3])


def test_all_components_leave_nothing(depth):
    sound = torch.from_numpy(np.random.default_rng(0).standard_normal(24_000)).float()
    model = build_model(PcaConfig(latent=513))
    model.prepare([sound[None]])
    assert max(depth.errors(model.eval(), sound.numpy()).values()) < 1e-2
    few = build_model(PcaConfig(latent=4))
    few.prepare([sound[None]])
    found = depth.errors(few.eval(), sound.numpy())
    assert found["rmse_db"] > found["line_db"] > found["patch_db"] > 0.1


@pytest.mark.parametrize("number", range(1, 6))
def test_no_tested_artist_was_heard_and_all_others_were(depth, number):
    pieces = split_pieces(f"fold-{number}")

    class Learned:
        tracks = pieces

    found = depth.tested(BUNDLED, number, Learned())
    heard = set(pieces.loc[pieces["split"] == "train", "artist_group"])
    assert not heard & set(found[True]["artist_group"])
    assert len(found[False]) > 5
    assert heard >= set(found[False]["artist_group"])

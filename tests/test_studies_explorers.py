"""What the chapters' explorers show: more bits are better, narrower places and damage worse."""

import numpy as np
import pytest
from bs4 import BeautifulSoup

from musiclib.datasets import open_dataset
from musiclib.errors import DatasetError
from musiclib.explore.page import page
from musiclib.listen.media import MediaStore
from musiclib.studies import explorers
from musiclib.studies.explorers.measured import measure, thinned
from musiclib.training.trained import trained

RATE = 24_000
NARROW = 8_000


def music(rate: int, seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    """Three decaying notes a second over a little noise."""
    generator = np.random.default_rng(seed)
    times = np.arange(round(seconds * rate)) / rate
    notes = sum(
        np.sin(2 * np.pi * hertz * times) * np.exp(-4 * ((times + shift) % 1.0))
        for hertz, shift in ((220, 0.0), (660, 0.3), (1980, 0.6))
    )
    return (0.15 * notes + 0.01 * generator.standard_normal(len(times))).astype(np.float32)


def number(text: str) -> float:
    return float(text.split()[0].replace(",", "").replace("\N{MINUS SIGN}", "-"))


@pytest.fixture(scope="module")
def checkpoints():
    return {size: trained(f"frequency-{size}", open_dataset("mini")) for size in (32, 128, 512)}


@pytest.fixture(scope="module")
def narrowing(checkpoints):
    return explorers.bottleneck(checkpoints, music(NARROW), "notes")


@pytest.fixture(scope="module")
def repair(checkpoints):
    data = open_dataset("mini")
    own = {kind: trained(f"frequency-128-{kind}", data).build() for kind in ("masking", "gaussian")}
    return explorers.repair(checkpoints[128].build(), own, music(NARROW), "notes")


def fact(explorer, name, pane=0, **setting) -> float:
    return number(explorer.at(setting).panes[pane].facts[name])


def test_more_latents_do_not_hurt_and_rounding_makes_files_smaller(narrowing) -> None:
    sizes = (32, 128, 512)
    errors = [fact(narrowing, "Spectral RMSE", latents=size, rounding="exact") for size in sizes]
    assert errors == sorted(errors, reverse=True)
    for size in sizes:
        real = [
            fact(narrowing, "Real bitrate", latents=size, rounding=how)
            for how in ("fine", "coarse", "crude")
        ]
        assert real == sorted(real, reverse=True)
        nominal = narrowing.at({"latents": size, "rounding": "fine"}).facts["Nominal bitrate"]
        assert number(nominal) > real[0]


def test_without_rounding_there_is_no_file_to_measure(narrowing) -> None:
    pane = narrowing.at({"latents": 32, "rounding": "exact"}).panes[0]
    assert pane.facts["Real bitrate"] == "no file"


@pytest.mark.parametrize("kind", ["masking", "gaussian"])
def test_more_damage_hurts_everybody(repair, kind) -> None:
    # A model that has always seen holes mends what is whole: only damage counts for the last one.
    for pane, amounts in enumerate([(0, 20, 45, 80), (0, 20, 45, 80), (20, 45, 80)]):
        errors = [
            fact(repair, "Spectral RMSE", pane, kind=kind, percent=percent) for percent in amounts
        ]
        assert errors == sorted(errors)
    assert fact(repair, "Spectral RMSE", 0, kind=kind, percent=0) == 0


def test_the_model_that_learned_to_repair_does_so_where_half_is_gone(repair) -> None:
    setting = {"kind": "masking", "percent": 60}
    assert fact(repair, "Spectral RMSE", 2, **setting) < fact(repair, "Spectral RMSE", 1, **setting)


@pytest.mark.parametrize(
    ("sound", "rate"),
    [
        (np.zeros(RATE // 2, np.float32), RATE),
        (music(RATE, 0.5), RATE),
        (music(RATE, 0.05), RATE),
    ],
    ids=["silence", "half a second", "a moment"],
)
def test_odd_clips_make_pages(checkpoints, repair, sound, rate, tmp_path) -> None:
    store = MediaStore(tmp_path, "media")
    narrow = sound[:: rate // NARROW].copy()
    plain = checkpoints[128].build()
    made = [
        explorers.bottleneck(checkpoints, narrow, "A <b>", "smoke"),
        explorers.repair(plain, {"masking": plain, "gaussian": plain}, narrow, "A <b>", "smoke"),
    ]
    for explorer in made:
        html = page(explorer, store).html
        assert "<b>" not in html
        items = BeautifulSoup(html, "html.parser").select("[data-mx-at]")
        assert 4 <= len(items) <= 8
        assert "nan" not in html


def test_a_small_grid_keeps_both_ends() -> None:
    assert thinned((1, 2, 3), "smoke") == (1, 3)
    assert thinned((1, 2, 3), "mini") == (1, 2, 3)
    with pytest.raises(DatasetError, match="profile"):
        thinned((1, 2), "fast")


def test_what_a_metric_refuses_is_said_in_words() -> None:
    silent = np.zeros(NARROW, np.float32)
    assert measure("si_sdr", silent, silent, NARROW) in ("not defined", "not defined dB")

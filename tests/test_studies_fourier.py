"""The chapter on Fourier: what it says about a model follows from its filters."""

import dataclasses
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from musiclib.errors import ModelError
from musiclib.models import DeepConfig, WaveformConfig, build_model
from musiclib.stats import Interval
from musiclib.studies.fourier import banks, capture, figures, findings, layers, tables
from musiclib.studies.fourier.portrait import portrait, scale_table, sinusoid_table
from musiclib.training import Checkpoint, TrainConfig, new_model
from tests.fourier_fixture import COUNT, KERNEL, RATE, chirps

SMALL = WaveformConfig(filters=16, kernel=256, width=16, blocks=1)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def checkpoint_of(model: torch.nn.Module, seed: int = 0) -> Checkpoint:
    record = {
        "model": model.config.to_dict(),
        "training": TrainConfig(steps=7, seed=seed).to_dict(),
        "step": 7,
    }
    tensors = {f"model.{name}": value.clone() for name, value in model.state_dict().items()}
    return Checkpoint(Path("none.safetensors"), tensors, record)


def trained_layer() -> layers.Layer:
    model = new_model(SMALL, 3)
    with torch.no_grad():
        model.analysis.weight[2] += 0.5
    return layers.layer("waveform-8", checkpoint_of(model, 3))


def test_layers_know_what_training_changed():
    found = trained_layer()
    assert found.steps == 7
    assert np.flatnonzero(np.any(found.change != 0.0, axis=1)).tolist() == [2]
    assert not np.any(found.synthesis_change)
    assert 0.0 < layers.newness(found) < 1.0
    with pytest.raises(ModelError, match="frames_deep"):
        layers.layer(
            "deep-16", checkpoint_of(build_model(DeepConfig(latent=4, n_fft=64, hop_length=32)))
        )


def test_other_filters_are_tried_and_taken_back():
    found = trained_layer()
    before = {name: value.clone() for name, value in found.model.state_dict().items()}
    given = layers.replacements(found, portrait(found.after, RATE))
    clips = chirps(2, 0.2)
    measured = capture.with_other_filters(found.model, given, clips)
    for name, value in found.model.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    own = measured["noise"][layers.OWN]
    with torch.no_grad():
        direct = [
            float(
                found.model.evaluation_step(torch.from_numpy(clip)[None]).terms[
                    "noise_to_signal_db"
                ]
            )
            for clip in clips
        ]
    np.testing.assert_allclose(own, direct, atol=1e-5)
    assert not np.allclose(measured["noise"]["none"], own, atol=1e-6)
    shown = tables.replaced(measured, layers.OWN)
    assert shown.loc[layers.OWN, "Noise worse by (dB)"] == "–"
    worse = findings.worse(measured, "noise", "none", layers.OWN)
    assert worse.mean == pytest.approx((measured["noise"]["none"] - own).mean())


def test_a_sequence_of_filters_has_one_level():
    bank = banks.fourier(8, KERNEL)
    sound = layers.sequence(bank, range(8), RATE)
    piece = KERNEL + 240
    assert sound.shape == (8 * piece,)
    levels = [np.sqrt(np.mean(sound[i * piece :][:KERNEL] ** 2)) for i in range(8)]
    np.testing.assert_allclose(levels, 0.1, rtol=1e-4)


def everything_seen() -> dict:
    clips = banks.frames(chirps(), KERNEL, 40)
    products = banks.covariance(clips)
    noise = banks.random(COUNT, KERNEL, 5)
    tonal = banks.fourier(COUNT, KERNEL)
    named = {
        "Fourier": tonal,
        "mel": banks.mel(COUNT, KERNEL, RATE),
        "random": banks.random(COUNT, KERNEL),
        "noise like music": banks.noise_like(products, COUNT),
        "noise like music's highs": banks.noise_like(products, COUNT, 1),
        "KLT": banks.klt(products, COUNT),
        "Fourier, best of all 512": banks.fourier_basis(KERNEL),
    }
    for kind in findings.KINDS.values():
        named |= {
            f"{kind}, before": noise,
            f"{kind}, after": tonal if kind == "no spine" else noise,
            f"{kind}, change": tonal,
        }
    return named


def test_words_follow_the_numbers():
    named = everything_seen()
    seen = {name: portrait(bank, RATE) for name, bank in named.items() if len(bank) == COUNT}
    numbers = sinusoid_table(seen)
    words = findings.closeness(seen, numbers)
    assert words["answer"] == "No"
    assert words["likeness_spine"] == words["likeness_scratch"] == "more"
    assert words["rise_spine"].startswith("+0.0")
    both = {**seen, "with spine, after": seen["Fourier"]}
    assert findings.closeness(both, sinusoid_table(both))["answer"] == "Yes"
    assert tables.sinusoids(numbers).shape == (len(seen), 4)
    places = scale_table(seen)
    placed = findings.placing(places, RATE)
    assert placed["place_spine"] != "lower than on an even scale"
    assert 0.0 < placed["covered_spine"] < 80.0
    assert tables.scales(places).shape == (len(seen), 5)
    clips = banks.frames(chirps(), KERNEL, 40)
    curves = capture.capture_curves(named, banks.covariance(clips), clips)
    energy = findings.capturing(curves, curves, COUNT)
    assert energy["captured_klt"] > energy["captured_scratch"] > 0.0
    shares = capture.capture_table(curves, (4, COUNT))
    assert tables.energy(shares, shares[[COUNT]], 1500.0).shape == (len(named), 3)
    low = findings.low_energy(seen, np.concatenate(clips), 3000.0)
    assert low["low_music"] > 90.0
    assert low["low_before"] == pytest.approx(25.0, abs=4.0)
    some = {name: seen[name] for name in ("Fourier", "random", "with spine, change")}
    figure, grid = figures.waveforms(some, rows=2)
    assert grid.shape == (2, 3)
    figure.canvas.draw()
    figures.spectra(some)[0].canvas.draw()
    figures.sinusoid_shares(seen)[0].canvas.draw()
    drawn = {name: item for name, item in seen.items() if "before" not in name}
    figures.frequencies(drawn)[0].canvas.draw()
    plotted = {name: curve for name, curve in curves.items() if "before" not in name}
    figures.captured_energy(plotted)[0].canvas.draw()


def test_models_are_compared_by_both_layers():
    found = trained_layer()
    other = dataclasses.replace(found, name="other")
    numbers = findings.model_table({"waveform-8": found, "other": other})
    assert numbers.loc[("waveform-8", "last layer"), "new"] == 0.0
    assert tables.models(numbers).shape == (4, 5)
    assert findings.losses(numbers)["most_sinusoidal"].startswith("waveform-8 (")


def test_intervals_have_real_minus_signs():
    assert findings.shown(Interval(-1.25, -2.0, -0.5, 9), 2) == "−1.25 (−2.00 to −0.50)"
    assert findings.shown(Interval(1.0, float("nan"), float("nan"), 1), 1, True) == "+1.0"

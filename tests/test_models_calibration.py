"""Calibration: gains against finite differences, scales and shapes against known distributions."""

import pytest
import torch

from musiclib.errors import ModelError
from musiclib.models import DeepConfig, PcaConfig, WaveformConfig, build_model
from musiclib.models.calibration import (
    SHAPES,
    UNUSED,
    Calibration,
    _distributions,
    calibrate,
    gain_energy,
)
from musiclib.models.waveform import TYPICAL_RMS

SPECTRA = {"sample_rate": 8_000, "n_fft": 128, "hop_length": 32, "latent": 6}
CONFIGS = (
    DeepConfig(hidden=(24,), spine=False, **SPECTRA),
    WaveformConfig(
        sample_rate=8_000, factor=4, filters=8, kernel=48, first_stride=8, width=8, blocks=1
    ),
)


def noise(batch=3, n_samples=1024, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shaped = torch.randn(batch, n_samples, generator=generator).cumsum(dim=1) * 0.02
    return shaped - shaped.mean(dim=1, keepdim=True)


def model_of(config):
    torch.manual_seed(1)
    model = build_model(config).eval()
    with torch.no_grad():
        model.prepare([noise(seed=5)])
    return model


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
def test_gains_are_what_finite_differences_say(config):
    model = model_of(config)
    with torch.no_grad():
        inputs = model.inputs(model.levelled(noise())[0])
        latent = model.encode(inputs)
    length = inputs.shape[-1]
    generator = torch.Generator().manual_seed(2)
    energy, count = 0.0, 0
    for _ in range(8):  # several estimates, so that chance is small
        found, size = gain_energy(model, latent, length, generator)
        energy, count = energy + found, count + size
    gain = (energy / count).sqrt()

    unit = TYPICAL_RMS if model.domain == "waveform" else 1.0
    spread = latent.std()
    for channel in range(latent.shape[1]):
        total = 0.0
        draws = 12
        for _ in range(draws):  # a random change of unit size in all frames of one channel
            change = torch.zeros_like(latent)
            signs = torch.randint(0, 2, latent[:, 0].shape, generator=generator) * 2.0 - 1.0
            change[:, channel] = 1e-3 * spread * signs
            with torch.no_grad():
                up, down = (model.decode(latent + s * change, length) for s in (1.0, -1.0))
            moved = (up.double() - down.double()) / (2e-3 * spread * unit)
            total += float(moved.square().mean()) / draws
        assert float(gain[channel]) == pytest.approx(total**0.5, rel=0.1)


def test_gains_of_a_linear_model_are_known():
    model = model_of(PcaConfig(**SPECTRA))
    found = calibrate(model, [noise()])
    # Each component is a unit vector over the bins, and each frame has one value of it.
    torch.testing.assert_close(found.gain, torch.full((6,), 65**-0.5), rtol=0.15, atol=0.0)


def test_scales_and_shapes_are_found_again():
    generator = torch.Generator().manual_seed(0)
    uniform = torch.rand(4, 2, 20_000, generator=generator, dtype=torch.float64)
    laplace = -torch.sign(uniform[:, 0] - 0.5) * torch.log1p(-2 * (uniform[:, 0] - 0.5).abs())
    logistic = torch.logit(uniform[:, 1])
    spread = torch.stack([laplace * 2.0**-3, logistic * 2.0**1.5, 0.0 * laplace], dim=1).float()
    scale, shape = _distributions([spread])
    assert [SHAPES[int(kind)] for kind in shape[:2]] == ["laplace", "logistic"]
    assert scale[0].tolist() == [-12, 6, UNUSED]
    # White noise is not predictable: every prediction makes it wider.
    assert scale[:, 0].tolist() == sorted(scale[:, 0].tolist())


def test_slow_latents_are_better_predicted():
    generator = torch.Generator().manual_seed(0)
    slow = torch.randn(2, 1, 5000, generator=generator).cumsum(dim=2)
    scale, _ = _distributions([slow])
    assert scale[:, 0].argmin() == 4
    assert scale[0, 0] - scale[4, 0] > 16


def test_calibration_repeats_and_comes_back():
    model = model_of(CONFIGS[0])
    batches = [noise(seed=seed) for seed in range(3)]
    first, second = (calibrate(model, batches, seed=4).to_tensors("x.") for _ in range(2))
    assert sorted(first) == ["x.gain", "x.mean", "x.scale", "x.shape"]
    assert all(torch.equal(first[name], second[name]) for name in first)
    found = Calibration.from_tensors(first, "x.")
    assert torch.equal(found.scale, first["x.scale"])


def test_nonsense_is_refused():
    model = model_of(CONFIGS[0])
    with pytest.raises(ModelError, match="needs segments"):
        calibrate(model, [])
    good = calibrate(model, [noise()]).to_tensors("x.")
    for name, value in (
        ("x.gain", torch.full((6,), float("nan"))),
        ("x.gain", torch.zeros(6)),
        ("x.mean", torch.zeros(5)),
        ("x.scale", good["x.scale"].float()),
        ("x.shape", torch.full((6,), 9, dtype=torch.uint8)),
    ):
        with pytest.raises(ModelError):
            Calibration.from_tensors({**good, name: value}, "x.")
    del good["x.gain"]
    with pytest.raises(ModelError, match=r"there is no x\.gain"):
        Calibration.from_tensors(good, "x.")

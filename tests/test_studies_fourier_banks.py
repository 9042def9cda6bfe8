"""Banks of filters: known ones have to be recognised for what they are."""

import numpy as np
import pytest

from musiclib.errors import AudioError
from musiclib.studies.fourier import banks, capture, findings, measures
from musiclib.studies.fourier.portrait import portrait
from tests.fourier_fixture import COUNT, KERNEL, RATE, chirps


def gabor(hertz: float, width: float, centre: float, phase: float, kernel: int = KERNEL):
    times = np.arange(kernel)
    window = np.exp(-0.5 * ((times - centre) / width) ** 2)
    return window * np.cos(2 * np.pi * hertz * times / RATE + phase)


def test_a_windowed_sinusoid_is_its_own_nearest_atom():
    rows = np.stack([gabor(1000.0, 32.0, 128.0, 0.3), gabor(5000.0, 64.0, 96.0, -2.0)])
    found = measures.nearest_atoms(rows, RATE)
    np.testing.assert_allclose(found.share, 1.0, atol=0.01)
    np.testing.assert_allclose(found.hertz, [1000.0, 5000.0], atol=12.0)
    np.testing.assert_array_equal(found.width, [32.0, 64.0])
    np.testing.assert_allclose(found.waveform, rows, atol=0.12)


def test_an_atom_explains_what_its_projection_does():
    bank = banks.random(6, KERNEL, seed=2)
    found = measures.nearest_atoms(bank, RATE)
    residual = np.sum((bank - found.waveform) ** 2, axis=1)
    np.testing.assert_allclose(1.0 - residual, found.share, atol=1e-9)
    assert found.share.max() < 0.15


def test_silence_is_explained_by_nothing():
    assert measures.nearest_atoms(np.zeros((1, KERNEL)), RATE).share[0] == 0.0


@pytest.mark.parametrize("make", ["fourier", "mel", "gammatone"])
def test_banks_of_sinusoids_are_tonal_and_in_quadrature(make):
    bank = {
        "fourier": lambda: banks.fourier(COUNT, KERNEL),
        "mel": lambda: banks.mel(COUNT, KERNEL, RATE),
        "gammatone": lambda: banks.gammatone(COUNT, KERNEL, RATE),
    }[make]()
    assert bank.shape == (COUNT, KERNEL)
    np.testing.assert_allclose(np.linalg.norm(bank, axis=1), 1.0)
    seen = portrait(bank, RATE)
    assert np.median(seen.atoms.share) > 0.85
    assert seen.pairs > 0.8
    random = portrait(banks.random(COUNT, KERNEL), RATE)
    assert random.atoms.share.max() < 0.15
    assert random.pairs == 0.0
    assert seen.spread.max() < random.spread.min()


def test_the_fourier_basis_is_orthonormal():
    basis = banks.fourier_basis(64)
    np.testing.assert_allclose(basis @ basis.T, np.eye(64), atol=1e-12)
    assert measures.effective_rank(basis) == pytest.approx(64.0)
    assert measures.effective_rank(np.ones((8, 64))) == pytest.approx(1.0)


def test_scales_are_told_apart():
    even, mel = banks.fourier(128, 512), banks.mel(128, 512, RATE)
    fits = {
        name: measures.scale_fit(measures.centre_frequencies(bank, RATE), RATE)
        for name, bank in {"even": even, "mel": mel}.items()
    }
    assert fits["even"].loc["even", "misfit_hz"] < fits["even"].loc["mel", "misfit_hz"] / 5
    assert fits["mel"].loc["mel", "misfit_hz"] < fits["mel"].loc["even", "misfit_hz"] / 5
    assert fits["even"].loc["mel", "bits"].high < 0.0 < fits["mel"].loc["mel", "bits"].low


def test_the_exponent_of_the_bandwidth():
    hertz = np.geomspace(100.0, 10_000.0, 40)
    noise = np.exp(0.05 * np.random.default_rng(0).standard_normal(40))
    same = measures.bandwidth_exponent(hertz, 100.0 * noise)
    wavelets = measures.bandwidth_exponent(hertz, 0.1 * hertz * noise)
    assert same.low < 0.0 < same.high or abs(same.mean) < 0.02
    assert wavelets.mean == pytest.approx(1.0, abs=0.03)
    assert wavelets.low <= wavelets.mean <= wavelets.high


def test_energy_below_a_frequency():
    low, high = gabor(500.0, 64.0, 128.0, 0.0), gabor(4000.0, 64.0, 128.0, 0.0)
    assert measures.energy_below(np.stack([low, high]), 1000.0, RATE) == pytest.approx(
        0.5, abs=0.01
    )


def test_the_condition_of_a_bank():
    basis = banks.fourier_basis(16)
    assert measures.condition_db(basis, 16) == pytest.approx(0.0, abs=1e-9)
    uneven = basis.copy()
    uneven[3] *= 0.1
    assert measures.condition_db(uneven, 16) == pytest.approx(20.0)
    assert measures.condition_db(basis[:15], 16) == np.inf
    twice = np.concatenate([basis, basis[::-1]])
    assert measures.condition_db(twice, 16) == pytest.approx(0.0, abs=1e-9)
    random = banks.random(32, 64)
    # A frame of twice as many random vectors as dimensions: Marchenko and Pastur's ratio is 15 dB.
    assert 8.0 < measures.condition_db(random, 16) < 30.0
    words = findings.conditions(
        dict.fromkeys(("random", "with spine, after", "no spine, after"), random)
        | {"Fourier": random[:8]},
        16,
    )
    assert words["condition_fourier"] == "unlimited"
    assert words["condition_random"].endswith(" dB")
    with pytest.raises(ValueError, match="does not divide"):
        measures.condition_db(random, 48)


def test_what_moved():
    start = banks.random(3, 16)
    bank = start.copy()
    bank[1] *= 2.0
    np.testing.assert_allclose(measures.moved(bank, start), [0.0, 0.5, 0.0])


def test_noise_like_music_has_its_covariance():
    products = banks.covariance(banks.frames(chirps(), 32, 200))
    noise = banks.noise_like(products, 4000)
    drawn = noise.T @ noise / 4000
    assert np.corrcoef(drawn.ravel(), products.ravel())[0, 1] > 0.95


def test_above_keeps_highs_alone():
    times = np.arange(RATE) / RATE
    low, high = (np.sin(2 * np.pi * hertz * times).astype(np.float32) for hertz in (300, 6000))
    (kept,) = banks.above([low + high], 1500.0, RATE)
    np.testing.assert_allclose(kept[2000:-2000], high[2000:-2000], atol=1e-2)


def test_frames_need_sound():
    with pytest.raises(AudioError, match="256 samples"):
        banks.frames([np.ones(100, dtype=np.float32)], KERNEL, 4)
    with pytest.raises(AudioError, match="not silent"):
        banks.frames([np.zeros(1000, dtype=np.float32)], KERNEL, 4)


def test_captured_energy():
    clips = banks.frames(chirps(), 64, 60)
    products = banks.covariance(clips)
    found = capture.capture_curves(
        {
            "all": banks.fourier_basis(64),
            "KLT": banks.klt(products, 16),
            "random": banks.random(16, 64),
        },
        products,
        clips,
    )
    assert found["all"].shape == (4, 64)
    np.testing.assert_allclose(found["all"][:, -1], 1.0)
    assert np.all(np.diff(found["all"], axis=1) >= -1e-12)
    for size in (1, 4, 16):
        best = capture.at_size(found["KLT"], size).mean()
        assert best >= capture.at_size(found["all"], size).mean() - 1e-9
        assert best > capture.at_size(found["random"], size).mean()
    difference = capture.capture_difference(found, "KLT", "random", 16)
    assert difference.mean > 0.0
    table = capture.capture_table(found, (4, 16))
    assert table.loc["random", 16].mean == pytest.approx(100 * found["random"][:, 15].mean())


def test_the_greedy_order_takes_the_strongest_first_and_leaves_copies_out():
    basis = banks.fourier_basis(16)[[3, 5, 7]]
    products = basis.T @ np.diag([1.0, 9.0, 4.0]) @ basis
    bank = np.concatenate([basis, basis[:1]])
    order = capture.greedy_order(bank, products)
    assert order[:2] == [1, 2]
    assert len(order) == 3

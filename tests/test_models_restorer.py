"""The network starts as no network, learns to repair, and looks only so far."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from musiclib.errors import ModelError
from musiclib.mdct import imdct
from musiclib.models import Restorer, RestorerConfig, as_autoencoder, build_model, config_from_dict
from musiclib.models.losses import auditory_spectrogram, similarity_loss
from musiclib.models.restorer import decoded
from musiclib.models.transform import Setting, analyse, synthesise
from tests.signals import chirp, noise, tone

SMALL = RestorerConfig(width=16, blocks=2, expansion=2, kernel=3)
RATE = 24_000


def small(seed: int = 0) -> Restorer:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build_model(SMALL)
    assert isinstance(model, Restorer)
    return model.eval()


def shaken(seed: int = 0) -> Restorer:
    """A network whose last layer is not zero."""
    model = small(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.nn.init.normal_(model.leave.weight, std=0.1)
    return model


def music(n_samples: int = 12_288) -> torch.Tensor:
    sweep = chirp(200, 6000, n_samples, RATE, 0.4) + noise(n_samples, rms=0.05)
    chord = tone(440, n_samples, RATE, 0.2) + tone(660, n_samples, RATE, 0.2)
    return torch.from_numpy(np.stack([sweep, chord]))


def test_untrained_it_is_the_decoder_without_a_network() -> None:
    audio = music()
    gains = [110, 150]
    with torch.no_grad():
        output = small().audio(small()(decoded(audio, gains)))
    for row, clip, gain in zip(output.numpy(), audio.numpy(), gains, strict=True):
        plain = synthesise(analyse(clip, Setting(gain)), gain, len(clip))
        np.testing.assert_allclose(row[: len(clip)], plain, atol=2e-6)


def test_synthesis_is_the_inverse_transform() -> None:
    spectra = np.random.default_rng(0).standard_normal((1, 7, 256)).astype(np.float32)
    found = small().audio(torch.from_numpy(spectra)).numpy()
    np.testing.assert_allclose(found[0], imdct(spectra[0]), atol=2e-5)


def test_it_looks_no_further_than_its_reach() -> None:
    batch = decoded(music(), [120, 120])
    model = shaken()
    changed = decoded(music(), [120, 120])
    changed.features[:, 20] += 1.0
    with torch.no_grad():
        moved = (model(changed) - model(batch)).abs().amax(dim=(0, 2)) > 0
    places = torch.nonzero(moved).ravel()
    assert SMALL.reach == 2
    assert places.min() >= 20 - SMALL.reach
    assert places.max() <= 20 + SMALL.reach
    assert moved[20 - SMALL.reach]


def test_training_lowers_the_loss() -> None:
    model = small()
    audio = music()
    before = float(model.evaluation_step(audio).total.detach())
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for step in range(12):
        generator = torch.Generator().manual_seed(step)
        optimizer.zero_grad()
        model.training_step(audio, generator).total.backward()
        optimizer.step()
    assert float(model.evaluation_step(audio).total.detach()) < before - 0.02


def test_a_step_depends_on_the_generator_alone() -> None:
    model, audio = shaken(), music()
    first, second, third = (
        float(model.training_step(audio, torch.Generator().manual_seed(seed)).total.detach())
        for seed in (1, 1, 2)
    )
    assert first == second != third


def test_silence_gives_finite_gradients() -> None:
    model = shaken()
    model.training_step(torch.zeros(2, 8192), torch.Generator().manual_seed(0)).total.backward()
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters())


def test_similarity_loss_is_zero_for_equals_and_grows_with_damage() -> None:
    audio = music()
    assert float(similarity_loss(audio, audio).max()) == pytest.approx(0.0, abs=1e-4)
    hiss = torch.from_numpy(noise(audio.shape[1], rms=1.0))
    others = (audio + 0.001 * hiss, audio + 0.03 * hiss, torch.zeros_like(audio))
    found = [float(similarity_loss(audio, other).mean()) for other in others]
    assert found == sorted(found)
    assert found[2] > 0.1


def test_auditory_spectrogram_is_near_to_the_models_own() -> None:
    import zimtohrli

    from musiclib.audio import resample

    clip = music(24_000)[0]
    own = zimtohrli.Pyohrli().analyze(resample(clip.numpy(), RATE, 48_000))
    ours = auditory_spectrogram(clip[None])[0].T.numpy()
    assert ours.shape[1] == own.shape[1] == 128
    # Six units are 20 dB.
    difference = ours[8:-8].mean(axis=0) - own[8:-8].mean(axis=0)
    assert np.abs(difference).mean() < 1.5
    assert np.corrcoef(ours[8:-8].mean(axis=0), own[8:-8].mean(axis=0))[0, 1] > 0.95


def test_what_is_below_hearing_does_not_count() -> None:
    faint = torch.from_numpy(noise(12_288, rms=1e-6))[None]
    assert float(similarity_loss(torch.zeros_like(faint), faint)) < 1e-3


def test_configurations_are_checked_and_come_back() -> None:
    assert config_from_dict(SMALL.to_dict()) == SMALL
    with pytest.raises(ModelError, match="kernel must be odd"):
        RestorerConfig(kernel=4)
    with pytest.raises(ModelError, match="gains must rise"):
        RestorerConfig(lowest_gain=200, highest_gain=100)
    with pytest.raises(ModelError, match="no autoencoder"):
        as_autoencoder(small())

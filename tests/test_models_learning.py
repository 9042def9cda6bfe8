"""Each model can learn, and starts where it should."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from musiclib.metrics import si_sdr, spectral_rmse
from musiclib.models import (
    Autoencoder,
    FrequencyConfig,
    PcaAutoencoder,
    WaveformAutoencoder,
    WaveformConfig,
)
from musiclib.stft import istft, stft
from tests import signals
from tests.model_fixture import LEARNED, RATE, SMALL, built, generator, music


def learn(model: Autoencoder, steps: int, rate: float = 3e-3) -> None:
    """Train on one batch."""
    audio = music()
    optimiser = torch.optim.Adam(model.train().parameters(), lr=rate)
    for step in range(steps):
        optimiser.zero_grad()
        model.training_step(audio, generator(step)).total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    model.eval()


def error(model: Autoencoder) -> float:
    """Mean squared error on the training batch, without a prior's share."""
    with torch.no_grad():
        return float(model.evaluation_step(music()).terms["l2"])


@pytest.mark.parametrize("kind", [kind for kind in LEARNED if kind != "frames_shallow"])
def test_training_goes_below_the_linear_start(kind: str) -> None:
    model = built(dataclasses.replace(SMALL[kind], level_range_db=0.0))
    before = error(model)
    learn(model, 60)
    assert error(model) < 0.8 * before


def test_shallow_model_learns_from_random_weights() -> None:
    model = built(dataclasses.replace(SMALL["frames_shallow"], level_range_db=0.0))
    before = error(model)
    learn(model, 200, rate=1e-2)
    assert error(model) < 0.4 * before


def test_a_waveform_model_without_spine_learns_from_random_weights() -> None:
    model = built(dataclasses.replace(SMALL["waveform"], spine=False, level_range_db=0.0))
    assert error(model) > 0.9
    learn(model, 60, rate=1e-2)
    assert error(model) < 0.5


def test_spine_of_a_waveform_model_is_plain_downsampling() -> None:
    model = built(WaveformConfig(width=16, filters=16, blocks=1))
    assert isinstance(model, WaveformAutoencoder)
    assert model.spine_in is not None
    assert model.spine_out is not None
    for frequency, lowest, highest in ((700.0, 45.0, 200.0), (2_500.0, -200.0, -40.0)):
        clip = signals.tone(frequency, 187 * 128, 24_000)
        with torch.no_grad():
            latent = model.spine_in(torch.from_numpy(clip)[None, None])
            decoded = model.spine_out(latent)[0, 0].numpy()
        middle = slice(2_000, -2_000)
        gained = 20 * np.log10(np.linalg.norm(decoded[middle]) / np.linalg.norm(clip[middle]))
        if lowest > 0:
            assert lowest < si_sdr(clip[middle], decoded[middle]) < highest
            assert abs(gained) < 0.05
        else:
            assert lowest < gained < highest


def test_a_downsampling_latent_is_the_low_rate_signal() -> None:
    model = built(WaveformConfig(width=16, filters=16, blocks=1))
    assert isinstance(model, WaveformAutoencoder)
    assert model.spine_in is not None
    clip = torch.from_numpy(signals.tone(300.0, 24_000, 24_000))
    with torch.no_grad():
        low = model.spine_in(clip[None, None])[0].T.reshape(-1).numpy()
    assert signals.dominant_frequency(low, 3_000) == pytest.approx(300.0, abs=2.0)


def test_frequency_model_without_blocks_is_pca_of_frame_groups() -> None:
    config = dataclasses.replace(SMALL["frequency"], blocks=0)
    model = built(config)
    logs = model.inputs(model.levelled(music())[0])[:, 0]
    frames = logs.shape[-1] // 3 * 3
    groups = logs[..., :frames].reshape(3, 65, -1, 3).transpose(1, 2).reshape(-1, 65 * 3).double()
    # Normalised by bin, groups have no mean but a tiny one between a group's frames.
    variances = torch.linalg.eigvalsh(groups.T @ groups / len(groups)).flip(0)
    kept = float(variances[:12].sum() / variances.sum())
    assert error(model) == pytest.approx((1.0 - kept) * float(logs.square().mean()), rel=0.05)


def test_spectral_term_is_the_metric_of_the_book() -> None:
    model = built(FrequencyConfig(latent=64, width=4, blocks=1), prepared=False)
    clip = signals.music(16_384, 8_000)
    audio = torch.from_numpy(clip)[None]
    model.prepare([audio])
    levelled, gain = model.levelled(audio)
    with torch.no_grad():
        inputs = model.inputs(levelled)
        term = float(model.evaluation_step(audio).terms["spectral_rmse"])
        spectrum = stft(levelled, model.spectrogram.stft)
        rebuilt = model.spectrogram.magnitude(model(inputs).output[:, 0])
        # Its magnitudes with the original's phase: nearly consistent, so the metric sees them.
        borrowed = istft(torch.polar(rebuilt, spectrum.angle()), model.spectrogram.stft, 16_384)
    measured = spectral_rmse(clip, (borrowed / gain)[0].numpy(), 8_000)
    assert term == pytest.approx(measured, rel=0.35)


def test_features_invert() -> None:
    model = built("frequency")
    levelled, _ = model.levelled(music())
    magnitude = model.spectrogram.magnitude(model.inputs(levelled)[:, 0])
    expected = stft(levelled, model.spectrogram.stft).abs()
    torch.testing.assert_close(magnitude, expected, rtol=1e-3, atol=1e-4)


def test_normalisation_makes_inputs_standard() -> None:
    model = built("frames_deep")
    inputs = model.inputs(model.levelled(music())[0])
    assert inputs.mean(dim=(0, 2)).abs().max() < 1e-3
    assert float(inputs.square().mean()) == pytest.approx(1.0, rel=1e-3)


def test_first_filters_can_be_read_out() -> None:
    model = built("waveform")
    assert isinstance(model, WaveformAutoencoder)
    filters = model.analysis_filters()
    assert filters.shape == (24, 80)
    audio = torch.randn(1, 1, RATE)
    # The output of frame 10 looks at the 80 samples around samples 80 to 88.
    expected = filters @ audio[0, 0, 80 - 36 : 80 - 36 + 80]
    torch.testing.assert_close(model.analysis(audio)[0, :, 10], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("latent", [1, 4, 16, 40, 65])
def test_pca_error_is_the_share_of_the_discarded_eigenvalues(latent: int) -> None:
    model = built(dataclasses.replace(SMALL["frames_pca"], latent=latent))
    assert isinstance(model, PcaAutoencoder)
    expected = float(model.variances[latent:].sum()) / 65
    assert error(model) == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_pca_error_falls_with_size_and_components_are_orthonormal() -> None:
    models = [
        built(dataclasses.replace(SMALL["frames_pca"], latent=size)) for size in (2, 4, 8, 16)
    ]
    errors = [error(model) for model in models]
    assert errors == sorted(errors, reverse=True)
    vectors = models[-1].vectors
    torch.testing.assert_close(vectors @ vectors.T, torch.eye(16), rtol=1e-4, atol=1e-5)


def test_preparing_in_pieces_changes_nothing() -> None:
    whole, pieces = (built("frames_pca", prepared=False) for _ in range(2))
    whole.prepare([music()])
    pieces.prepare(row[None] for row in music())
    torch.testing.assert_close(whole.variances, pieces.variances, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(whole.spectrogram.mean, pieces.spectrogram.mean)

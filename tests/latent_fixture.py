"""Small autoencoders that were trained for a moment, as checkpoints that a codec can use."""

from __future__ import annotations

from dataclasses import replace

import pytest

from musiclib.models import DeepConfig, FrequencyConfig, PcaConfig, WaveformConfig
from musiclib.training import Checkpoint, fit, load, new_model
from tests.training_fixture import RATE, TRAINING, music

__all__ = ["RATE", "checkpoints", "music"]

SPECTRA = {"sample_rate": RATE, "n_fft": 256, "hop_length": 64, "offset": 0.01}
CONFIGS = {
    "deep": DeepConfig(latent=48, hidden=(32,), **SPECTRA),
    "pca": PcaConfig(latent=48, **SPECTRA),
    "frequency": FrequencyConfig(latent=96, width=8, blocks=1, **SPECTRA),
    "waveform": WaveformConfig(
        sample_rate=RATE, factor=2, filters=16, kernel=96, first_stride=8, width=16, blocks=1
    ),
}


@pytest.fixture(scope="module")
def checkpoints(music, tmp_path_factory) -> dict[str, Checkpoint]:
    """Finished checkpoints of all kinds, in one folder, by name."""
    folder = tmp_path_factory.mktemp("checkpoints")
    training = replace(TRAINING, steps=30, learning_rate=1e-3, segment_s=0.256)
    found = {}
    for name, config in CONFIGS.items():
        steps = 0 if name == "pca" else training.steps
        fit(new_model(config), music, replace(training, steps=steps), folder / name)
        found[name] = load(folder / name)
    return found

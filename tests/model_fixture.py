"""Small models of every kind, and music for them."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from musiclib.models import (
    Autoencoder,
    DeepConfig,
    FilterbankConfig,
    FrequencyConfig,
    LstmConfig,
    ModelConfig,
    PcaConfig,
    ShallowConfig,
    VaeConfig,
    WaveformConfig,
    build_model,
)
from tests import signals

RATE = 4_000
SECONDS = 2
_FRAMES = {"sample_rate": RATE, "n_fft": 128, "hop_length": 32, "latent": 6}

SMALL: dict[str, ModelConfig] = {
    config.kind: config
    for config in (
        FrequencyConfig(
            sample_rate=RATE, n_fft=128, hop_length=32, latent=12, group=3, width=8, blocks=2
        ),
        WaveformConfig(
            sample_rate=RATE,
            factor=4,
            filters=24,
            kernel=80,
            first_stride=8,
            width=24,
            blocks=2,
            log_spectral_weight=0.2,
            spectral_weight=0.5,
        ),
        FilterbankConfig(sample_rate=RATE, filters=24, kernel=80, hop=16),
        PcaConfig(**_FRAMES),
        ShallowConfig(**_FRAMES),
        DeepConfig(**_FRAMES, hidden=(32, 24)),
        LstmConfig(**_FRAMES, hidden=24),
        VaeConfig(**_FRAMES, hidden=(32, 24)),
    )
}
KINDS = tuple(SMALL)
LEARNED = tuple(kind for kind in KINDS if kind != "frames_pca")


@cache
def music(batch: int = 3, seconds: float = SECONDS, seed: int = 0) -> Tensor:
    """Different music in each row, `(batch, N)`; not to be changed."""
    rows = [signals.music(round(RATE * seconds), RATE, seed + row) for row in range(batch)]
    return torch.from_numpy(np.stack(rows))


def built(config: ModelConfig | str, seed: int = 0, prepared: bool = True) -> Autoencoder:
    """A model in evaluation mode, prepared on `music()` unless told otherwise."""
    torch.manual_seed(seed)
    model = build_model(SMALL[config] if isinstance(config, str) else config)
    if prepared:
        model.prepare([music()])
    return model.eval()


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)

"""Autoencoders and the codec's networks: PyTorch modules and nothing else.

`build_model(FrequencyConfig(latent=64))` makes a model with random weights, and `musiclib.training`
trains it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from musiclib.errors import ModelError
from musiclib.models.base import (
    PEAK,
    Autoencoder,
    Corruption,
    Losses,
    Model,
    ModelConfig,
    Reconstruction,
    as_autoencoder,
)
from musiclib.models.bottleneck import Bottleneck
from musiclib.models.filterbank import FilterbankAutoencoder, FilterbankConfig
from musiclib.models.frames import (
    DeepAutoencoder,
    DeepConfig,
    FrameAutoencoder,
    LstmAutoencoder,
    LstmConfig,
    PcaAutoencoder,
    PcaConfig,
    ShallowAutoencoder,
    ShallowConfig,
    VaeConfig,
    VariationalAutoencoder,
)
from musiclib.models.frequency import FrequencyAutoencoder, FrequencyConfig
from musiclib.models.learned_transform import LearnedTransform, LearnedTransformConfig
from musiclib.models.post_filter import PostFilter, PostFilterConfig
from musiclib.models.waveform import WaveformAutoencoder, WaveformConfig

MODELS: dict[str, type[Model]] = {
    model.config_type.kind: model
    for model in (
        FrequencyAutoencoder,
        WaveformAutoencoder,
        FilterbankAutoencoder,
        PcaAutoencoder,
        ShallowAutoencoder,
        DeepAutoencoder,
        LstmAutoencoder,
        VariationalAutoencoder,
        PostFilter,
        LearnedTransform,
    )
}

__all__ = [
    "MODELS",
    "PEAK",
    "Autoencoder",
    "Bottleneck",
    "Corruption",
    "DeepAutoencoder",
    "DeepConfig",
    "FilterbankAutoencoder",
    "FilterbankConfig",
    "FrameAutoencoder",
    "FrequencyAutoencoder",
    "FrequencyConfig",
    "LearnedTransform",
    "LearnedTransformConfig",
    "Losses",
    "LstmAutoencoder",
    "LstmConfig",
    "Model",
    "ModelConfig",
    "PcaAutoencoder",
    "PcaConfig",
    "PostFilter",
    "PostFilterConfig",
    "Reconstruction",
    "ShallowAutoencoder",
    "ShallowConfig",
    "VaeConfig",
    "VariationalAutoencoder",
    "WaveformAutoencoder",
    "WaveformConfig",
    "as_autoencoder",
    "build_model",
    "config_from_dict",
]


def build_model(config: ModelConfig) -> Model:
    """Build the model of a configuration, with weights drawn from PyTorch's global generator."""
    return MODELS[config.kind](config)


def config_from_dict(values: Mapping[str, Any]) -> ModelConfig:
    """Return the configuration that `ModelConfig.to_dict` wrote.

    Raises:
        ModelError: If its kind or a field is unknown.
    """
    given = dict(values)
    kind = given.pop("kind", None)
    if kind not in MODELS:
        raise ModelError(f"There is no model {kind!r}. Use one of: {', '.join(MODELS)}.")
    config_type = MODELS[kind].config_type
    unknown = sorted(set(given) - {item.name for item in dataclasses.fields(config_type)})
    if unknown:
        raise ModelError(f"A {kind} model has no settings {', '.join(unknown)}.")
    for name, part in (("corruption", Corruption), ("bottleneck", Bottleneck)):
        if name in given:
            given[name] = part(**given[name])
    # JSON has lists where the fields are tuples.
    tuples = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
    return config_type(**{**given, **tuples})

"""Which trained models belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from musiclib.models import MODELS, Autoencoder
from musiclib.training.recipes import (
    FRAME_LATENTS,
    FREQUENCY_LATENTS,
    RECIPES,
    WAVEFORM_FACTORS,
    WIDEBAND_LATENTS,
)

AUTOENCODERS = tuple(
    name
    for name, item in RECIPES.items()
    if issubclass(MODELS[item.model.kind], Autoencoder) and item.dataset == "mini"
)
"""The recipes that the chapter is about: autoencoders trained on the bundled music."""

FRAME_KINDS: dict[str, str] = {
    "pca": "PCA",
    "shallow": "shallow",
    "deep": "deep",
    "deep-scratch": "deep, no spine",
    "lstm": "LSTM",
    "vae": "VAE",
}
"""Names in the recipes of Roche's family, and what figures call them."""


@dataclass(frozen=True)
class Family:
    """Models that are compared with each other.

    Attributes:
        key: Short name.
        title: What tables and figures call it.
        members: Names of recipes, and a label of each within the family.
    """

    key: str
    title: str
    members: Mapping[str, str]


FAMILIES: tuple[Family, ...] = (
    Family(
        "frequency",
        "Spectrograms at 8 kHz, by values for 4 frames",
        {f"frequency-{latent}": f"{latent} values" for latent in FREQUENCY_LATENTS},
    ),
    Family(
        "denoising",
        "Denoising, 128 values for 4 frames",
        {"frequency-128-masking": "masking", "frequency-128-gaussian": "Gaussian noise"},
    ),
    Family(
        "wideband",
        "Spectrograms at 24 kHz, by values for 4 frames",
        {f"wideband-{latent}": f"{latent} values" for latent in WIDEBAND_LATENTS},
    ),
    Family(
        "waveform",
        "Waveforms at 24 kHz, by samples for a value",
        {f"waveform-{factor}": f"1 in {factor}" for factor in WAVEFORM_FACTORS},
    ),
    Family(
        "losses",
        "Waveforms, 1 in 8, other losses and no spine",
        {
            "waveform-8-l2": "squared error",
            "waveform-8-spectral": "spectral",
            "waveform-8-log-spectral": "log-spectral",
            "waveform-8-scratch": "no spine",
        },
    ),
    Family(
        "frames",
        "Roche's family: single spectra at 24 kHz",
        {
            f"{kind}-{latent}": f"{label}, {latent}"
            for kind, label in FRAME_KINDS.items()
            for latent in FRAME_LATENTS
            if f"{kind}-{latent}" in RECIPES
        },
    ),
)
"""Every recipe of an autoencoder belongs to exactly one family."""


def family(key: str) -> Family:
    """The family of a key.

    Args:
        key: A ``key`` of :data:`FAMILIES`.

    Raises:
        KeyError: If there is none.
    """
    return {item.key: item for item in FAMILIES}[key]


def family_of(name: str) -> Family:
    """The family that a recipe belongs to.

    Args:
        name: A name in :data:`musiclib.training.recipes.RECIPES`.

    Raises:
        KeyError: If no family has it.
    """
    for item in FAMILIES:
        if name in item.members:
            return item
    raise KeyError(f"{name!r} is in none of the families; recipes are {', '.join(RECIPES)}")

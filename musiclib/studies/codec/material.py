"""Which models, music and settings the chapter works with."""

from __future__ import annotations

from functools import partial

from musiclib.audio import HOUSE_RATE
from musiclib.codecs import Codec
from musiclib.codecs.latent import AutoencoderCodec
from musiclib.codecs.melic import MelicCodec
from musiclib.codecs.melic.entropy import ContextTables
from musiclib.codecs.melic.entropy.baselines import StaticTables
from musiclib.codecs.melic.model import Model, open_model
from musiclib.datasets import Clip, Dataset
from musiclib.errors import DatasetError
from musiclib.models.learned_transform import LearnedTransform
from musiclib.models.restorer import Restorer
from musiclib.studies.codec.measuring import Make
from musiclib.studies.codec.variants import Parts
from musiclib.studies.excerpts import QUIETEST, SHORTEST_S
from musiclib.studies.introduction.material import excerpt
from musiclib.training.checkpoint import Checkpoint
from musiclib.training.recipes import RECIPES, RESTORER
from musiclib.training.trained import find_shipped, shipped_folder, trained

STATIC_TABLES = "codec-tables-static.npz"
"""Counts of the music that the codec's tables were trained on."""
RESTORER_KIND, TRANSFORM_KIND = "restorer", "learned-transform"
STFT_MODEL, STFT_STEPS = "wideband-64", (-22, -14, -6)
"""The autoencoder of spectrograms that is compared, and the steps of its quantiser."""


def networks(kind: str) -> list[str]:
    """Names of all recipes of a kind of network."""
    return [name for name, item in RECIPES.items() if item.model.kind == kind]


def checkpoint_of(name: str, dataset: Dataset, profile: str, seed: int) -> Checkpoint:
    """The checkpoint of a recipe: trained anew in the profile `retrain`, else the shipped one."""
    return trained(name, dataset, "retrain" if profile == "retrain" else "mini", seed)


def checkpoints(kind: str, dataset: Dataset, profile: str, seed: int) -> dict[str, Checkpoint]:
    """Checkpoints of all recipes of a kind; of shipped ones, those that are there."""
    return {
        name: checkpoint_of(name, dataset, profile, seed)
        for name in networks(kind)
        if profile == "retrain" or find_shipped(f"{name}.safetensors")
    }


def codec_model(dataset: Dataset, profile: str, seed: int) -> Model:
    """Tables and network of the codec.

    Tables are the shipped ones; the network is trained anew in the profile `retrain`.
    """
    shipped = open_model()
    if profile != "retrain":
        return shipped
    return Model(shipped.tables, checkpoint_of(RESTORER, dataset, profile, seed))


def makers(model: Model | None = None) -> tuple[Make, Make]:
    """Makers of the codec for a bitrate, with its network and without; by default as shipped."""
    return (
        partial(_codec, model=model, restore=True),
        partial(_codec, model=model, restore=False),
    )


def _codec(kbps: float, model: Model | None, restore: bool) -> Codec:
    return MelicCodec(kbps, model=model, restore=restore)


def held_out(dataset: Dataset, clips: int, seconds: float) -> list[Clip]:
    """Usable excerpts from the middle of validation clips, or of test clips where there are none.

    The codec's settings were chosen on validation music, so its parts are compared there.

    Raises:
        DatasetError: If no excerpt is usable.
    """
    there = (dataset.tracks["split"] == "validation").any()
    part = dataset.part("validation" if there else "test")
    found = [
        clip
        for clip in (excerpt(one, seconds) for one in part.clips(HOUSE_RATE, limit=clips))
        if clip.seconds >= SHORTEST_S and abs(clip.audio).max() >= QUIETEST
    ]
    if not found:
        raise DatasetError(f"no clip of {dataset.name} is at least {SHORTEST_S:g} s long and loud")
    return found


def parts(dataset: Dataset, model: Model, profile: str, seed: int) -> Parts:
    """What variants of the codec are put together from."""
    restorers: dict[str, Restorer] = {}
    for name, checkpoint in checkpoints(RESTORER_KIND, dataset, profile, seed).items():
        network = checkpoint.build_any()
        assert isinstance(network, Restorer)
        restorers[name] = network.float()
    transforms: dict[str, LearnedTransform] = {}
    for name, checkpoint in checkpoints(TRANSFORM_KIND, dataset, profile, seed).items():
        transform = checkpoint.build_any()
        assert isinstance(transform, LearnedTransform)
        transforms[name] = transform.float()
    static = StaticTables.load(shipped_folder() / STATIC_TABLES)
    return Parts(model.tables, ContextTables.untrained(), restorers, transforms, static)


def stft_codecs(dataset: Dataset, profile: str, seed: int) -> list[Codec]:
    """The earlier chapters' autoencoder of spectrograms, at several steps."""
    checkpoint = checkpoint_of(STFT_MODEL, dataset, profile, seed)
    steps = STFT_STEPS[1:] if profile == "smoke" else STFT_STEPS
    return [AutoencoderCodec(checkpoint, step=step) for step in steps]

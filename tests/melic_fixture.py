"""A small model of Melic: tables that know nothing, a network that was not trained."""

from functools import cache
from pathlib import Path

import torch

from musiclib.codecs.melic import MelicCodec, Model
from musiclib.codecs.melic.entropy import ContextTables
from musiclib.models import PostFilter, PostFilterConfig
from musiclib.training.checkpoint import Checkpoint, digest

RATE = 24_000


def network(seed: int = 0) -> Checkpoint:
    """A checkpoint of a network that changes what it sees a little."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = PostFilterConfig(width=16, blocks=2)
        built = PostFilter(config)
        torch.nn.init.normal_(built.leave.weight, std=0.01)
    tensors = {f"model.{name}": tensor for name, tensor in built.state_dict().items()}
    record = {"model": config.to_dict(), "step": 1, "tensors_sha256": digest(tensors)}
    return Checkpoint(Path("network.safetensors"), tensors, record)


@cache
def model(seed: int = 0) -> Model:
    return Model(ContextTables.untrained(), network(seed))


def codec(kbps: float | None = None, **options: object) -> MelicCodec:
    return MelicCodec(kbps, model=model(), **options)

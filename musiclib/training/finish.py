"""The last touch to a trained model: weights of half the size, and what a codec needs."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import torch
from torch import Tensor

from musiclib.models import Autoencoder
from musiclib.models.calibration import calibrate, count_codes
from musiclib.training.checkpoint import CODEC, Checkpoint, load, save
from musiclib.training.config import TrainConfig
from musiclib.training.data import Music
from musiclib.training.state import State, derived_seed

CALIBRATION_SECONDS = 96.0
CODES_SECONDS = 3600.0
# Rounding to float16 leaves an error of 0.0003 of a tensor, unless its values are out of range.
LARGEST_ERROR = 1e-3


def finish_best(best: Path, state: State, music: Music, config: TrainConfig) -> None:
    """Give the best checkpoint the history and time of the whole training, and the last touch.

    Nothing is written where nothing changes.

    Args:
        best: The best checkpoint.
        state: The training's last state.
        music: What the model was trained on.
        config: How.
    """
    kept, whole = load(best), state.to_record()
    record = {**kept.record, **{name: whole[name] for name in ("history", "wall_time_s", "window")}}
    tensors = finished_tensors(kept, music, config)
    if record != kept.record or tensors is not kept.tensors:
        save(best, tensors, record)


def finished_tensors(kept: Checkpoint, music: Music, config: TrainConfig) -> dict[str, Tensor]:
    """Return the tensors to keep of a model whose training is complete.

    Its weights are rounded to float16, and for an autoencoder a calibration of the rounded model
    on segments of training music is added (`musiclib.models.calibration`). A checkpoint that has
    both already keeps what it has.

    Args:
        kept: The best checkpoint.
        music: What the model was trained on.
        config: How.
    """
    if any(name.startswith(CODEC) for name in kept.tensors):
        return kept.tensors
    tensors = {name: halved(value) for name, value in kept.tensors.items()}
    model = Checkpoint(kept.path, tensors, kept.record).build_any()
    if not isinstance(model, Autoencoder):  # it has no latents to calibrate
        changed = any(tensors[name] is not value for name, value in kept.tensors.items())
        return tensors if changed else kept.tensors
    count = math.ceil(CALIBRATION_SECONDS / (config.batch_size * config.segment_s))
    # Other segments than those of the first steps, which `prepare` has seen.
    batches = music.batches(config, config.steps + config.prepare_batches)
    seed = derived_seed(config.seed, 2)
    if model.quantiser is not None:  # of codes nothing but their number of uses is to be known
        count = math.ceil(CODES_SECONDS / (config.batch_size * config.segment_s))
        counts = count_codes(model, itertools.islice(batches, count), seed)
        return {**tensors, CODEC + "counts": counts}
    found = calibrate(model, itertools.islice(batches, min(count, config.prepare_batches)), seed)
    return {**tensors, **found.to_tensors(CODEC)}


def halved(value: Tensor) -> Tensor:
    """Return a matrix or larger as float16, where that keeps it within a thousandth.

    Biases and statistics are small, and stay.
    """
    if value.dtype != torch.float32 or value.ndim < 2:
        return value
    half = value.to(torch.float16)
    error = torch.linalg.vector_norm(value - half.float())
    fits = bool(error <= LARGEST_ERROR * torch.linalg.vector_norm(value))
    return half if fits else value

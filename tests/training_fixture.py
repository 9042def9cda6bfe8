"""A model that trains in a second, music that it can learn, and a place for both.

`python -m tests.training_fixture MUSIC OUT DEATH...` trains once for each DEATH, in a process that
ends itself with SIGKILL, without a chance to clean up, when it comes: `step:N` in the middle of
step N, `write:N` in the middle of writing a file, after N whole ones.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from musiclib.audio import save
from musiclib.datasets import Dataset, open_dataset
from musiclib.files import atomic_write
from musiclib.models import MODELS, Autoencoder, Losses, ModelConfig, Reconstruction
from musiclib.training import TrainConfig, checkpoint, fit, new_model

RATE = 8_000
TRAINING = TrainConfig(
    steps=60,
    batch_size=8,
    segment_s=0.128,
    learning_rate=1e-2,
    warmup_steps=5,
    validate_every=15,
    validation_segments=32,
    checkpoint_every=10,
    log_every=4,
    prepare_batches=2,
)


@dataclass(frozen=True)
class TinyConfig(ModelConfig):
    kind: ClassVar[str] = "tiny"

    block: int = 32
    channels: int = 4
    dropout: float = 0.1
    breaks_at: int = -1  # the training step whose loss is not a number
    turns_at: int = 10**9  # after so many steps it climbs instead of falling
    latent_noise: float = 0.01


class TinyAutoencoder(Autoencoder):
    """Blocks of samples through a linear bottleneck; prepared by the samples' deviation."""

    config: TinyConfig
    config_type: ClassVar[type[ModelConfig]] = TinyConfig
    domain: ClassVar[str] = "waveform"
    scale: Tensor

    def __init__(self, config: TinyConfig) -> None:
        super().__init__(config, config.channels, config.block)
        self.down = nn.Linear(config.block, config.channels)
        self.drop = nn.Dropout(config.dropout)
        self.up = nn.Linear(config.channels, config.block)
        self.register_buffer("scale", torch.ones(()))
        self.steps_seen = 0

    def prepare(self, batches) -> None:
        self.scale.copy_(torch.cat([self.peak_normalize(audio)[0] for audio in batches]).std())

    def inputs(self, audio: Tensor) -> Tensor:
        return audio / self.scale

    def encode(self, inputs: Tensor) -> Tensor:
        blocks = inputs.unflatten(-1, (-1, self.config.block))
        return self.drop(self.down(blocks)).transpose(1, 2)

    def decode(self, latent: Tensor, length: int) -> Tensor:
        return self.up(latent.transpose(1, 2)).flatten(1)[:, :length]

    def loss(self, target: Tensor, reconstruction: Reconstruction) -> Losses:
        total = (target - reconstruction.output).square().mean()
        return Losses(total, {"square": total.detach()})

    def training_step(self, audio: Tensor, generator: torch.Generator) -> Losses:
        losses = super().training_step(audio, generator)
        self.steps_seen += 1
        if self.steps_seen == self.config.breaks_at:
            return Losses(losses.total * float("nan"), losses.terms)
        if self.steps_seen > self.config.turns_at:
            return Losses(-losses.total, losses.terms)
        return losses


def write_music(root: Path) -> None:
    """Ten artists with a tone each and a little noise, two seconds long."""
    time = np.arange(2 * RATE) / RATE
    for number in range(10):
        generator = np.random.default_rng(number)
        tone = 0.4 * np.sin(2 * np.pi * (200 + 30 * number) * time + generator.random())
        audio = tone + 0.01 * generator.standard_normal(len(time))
        place = root / ("low" if number < 5 else "high") / f"{number}.wav"
        place.parent.mkdir(parents=True, exist_ok=True)
        save(place, audio.astype(np.float32), RATE)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory):
    """The music as a data set, decoded once; the tiny model is known while it is in use."""
    root = tmp_path_factory.mktemp("music")
    write_music(root)
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUSICLIB_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setitem(MODELS, "tiny", TinyAutoencoder)
        torch.set_num_threads(1)
        yield open_dataset("folder", root)
    torch.set_num_threads(threads)


def tiny(seed: int = 0, **settings) -> TinyAutoencoder:
    model = new_model(TinyConfig(sample_rate=RATE, **settings), seed)
    assert isinstance(model, TinyAutoencoder)
    return model


def files(folder: Path) -> set[str]:
    """Names of the files that matter; an empty lock may stay."""
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _train_until(death: str, dataset: Dataset, out: str) -> None:
    kind, _, number = death.partition(":")
    left = int(number)
    if kind == "step":

        class Mortal(TinyAutoencoder):
            def training_step(self, audio, generator):
                if self.steps_seen == left:
                    _die()
                return super().training_step(audio, generator)

        MODELS["tiny"] = Mortal
    else:
        written, whole = 0, checkpoint._write

        def replace(target: Path, data: bytes) -> None:
            nonlocal written
            if written == left:
                with atomic_write(target) as file:
                    file.write(data[: len(data) // 2])
                    file.flush()
                    _die()
            written += 1
            whole(target, data)

        checkpoint._write = replace
    fit(tiny(), dataset, TRAINING, out)


def _main(root: str, out: str, *deaths: str) -> None:
    MODELS["tiny"] = TinyAutoencoder
    torch.set_num_threads(1)
    dataset = open_dataset("folder", root)
    for death in deaths:
        child = os.fork()  # importing again would take seconds
        if child == 0:
            _train_until(death, dataset, out)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), death
        assert os.WTERMSIG(status) == signal.SIGKILL, death


if __name__ == "__main__":
    _main(*sys.argv[1:])

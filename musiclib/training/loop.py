"""One loop for every model."""

from __future__ import annotations

import contextlib
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.optim import AdamW
from tqdm import tqdm

from musiclib.datasets import Dataset
from musiclib.errors import CheckpointError, TrainingError
from musiclib.models import Model, ModelConfig, build_model
from musiclib.training import checkpoint as checkpoints
from musiclib.training.config import TrainConfig
from musiclib.training.data import Music, ahead
from musiclib.training.fabric import (
    Step,
    environment,
    make_fabric,
    repeatable,
    with_precision,
)
from musiclib.training.finish import finish_best
from musiclib.training.history import History
from musiclib.training.state import State, check_same, derived_seed, restore, tensors_of


def new_model(config: ModelConfig, seed: int = 0) -> Model:
    """Return a model whose first weights depend on `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derived_seed(seed, 0))
        return build_model(config)


def fit(
    model: Model,
    dataset: Dataset,
    train_config: TrainConfig,
    out: str | Path,
    resume: bool = True,
    progress: bool | None = None,
    accelerator: str = "auto",
) -> History:
    """Train a model, and write its best and its last checkpoint.

    Step k depends on the weights before it, the seed and k alone. A training that was killed at
    any moment goes on from its last checkpoint, and on the same machine with the same number of
    threads it ends with the same weights, bit for bit, as one that was left alone. Under
    `torchrun`, each process takes its share of every batch.

    Args:
        model: The model, changed in place; it ends with its last weights, not with its best.
        dataset: Music with a training and a validation part.
        train_config: How to train.
        out: `FOLDER/NAME`. `NAME` gets the weights with the lowest validation loss, `NAME.last`
            what is needed to go on.
        resume: Go on from `NAME.last`; a training that is complete returns its history at once.
            False: start again and replace both.
        progress: Show a progress bar; by default in a terminal only.
        accelerator: `"auto"`, `"cpu"`, `"cuda"` or `"mps"`.

    Returns:
        The history of the whole training, resumed parts included.

    Raises:
        DatasetError: A part is missing, or its tracks are too short.
        CheckpointError: `NAME.last` is damaged or of another configuration; or there is a
            `NAME` without it, which would be overwritten.
        TrainingError: The loss is not finite any more. The last checkpoint stays as it was.
    """
    if not model.trainable and train_config.steps > 0:
        raise TrainingError(
            f"a {model.config.kind} model learns nothing by steps; set steps to 0 to fit it"
        )
    train_config = with_precision(train_config, accelerator)
    fabric = make_fabric(train_config, accelerator)
    best = checkpoints.weights_path(out)
    with contextlib.ExitStack() as stack:
        if fabric.is_global_zero:
            best.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(checkpoints.sole_writer(best))
            checkpoints.remove_leftovers(best)
        # Loading and training draw from PyTorch's generator; the caller's stays as it was.
        stack.enter_context(repeatable(fabric))
        music = Music.open(dataset, model.config.sample_rate)
        run = _Run(model, music, train_config, best, fabric)
        run.begin(resume)
        run.train(progress)
        return run.finish()


class _Run:
    """A training on its way."""

    def __init__(
        self, model: Model, music: Music, config: TrainConfig, best: Path, fabric: Fabric
    ) -> None:
        self.music, self.config, self.fabric = music, config, fabric
        self.best, self.last = best, checkpoints.last_path(best)
        self.step = Step(model)
        self.optimizer: AdamW | None = None
        self.module: Any = self.step
        self.stepper: Any = None
        if config.steps > 0:
            paces: dict[float, list[Tensor]] = {}
            for name, value in model.named_parameters():
                if value.requires_grad:
                    paces.setdefault(model.pace(name), []).append(value)
            self.optimizer = AdamW(
                [{"params": values, "pace": pace} for pace, values in paces.items()],
                lr=config.learning_rate,
                betas=(config.beta1, config.beta2),
                weight_decay=config.weight_decay,
            )
        record = {
            "model": model.config.to_dict(),
            "training": config.to_dict(),
            "data": music.fingerprint(),
            **environment(fabric),
        }
        self.record = json.loads(json.dumps(record))  # as it comes back: lists for tuples
        self.state = State()
        self.since = time.perf_counter()

    def begin(self, resume: bool) -> None:
        """Start, or go on from the last checkpoint."""
        found = self.last.is_file()
        if resume and not found and self.best.is_file():
            raise CheckpointError(
                f"{self.best} is there, but {self.last.name}, which it could go on from, is not. "
                "Name another output, or start again (--restart) and replace it"
            )
        old = checkpoints.load(self.last) if resume and found else None
        if old is not None:
            check_same(old, self.record)
            self.state = State.from_record(old)
        self.fabric.barrier()  # no process writes before all have read
        if old is None:
            if self.fabric.is_global_zero:
                checkpoints.remove(self.last)
                checkpoints.remove(self.best)
            self._prepare()
        if self.optimizer is None:
            self.fabric.to_device(self.step)
        else:
            self.module, self.stepper = self.fabric.setup(self.step, self.optimizer)
        if old is not None:  # on the device by now, where the optimizer's state has to be as well
            restore(old, self.step, self.optimizer)
        else:
            self._keep_last()

    def _prepare(self) -> None:
        torch.manual_seed(derived_seed(self.config.seed, 0))
        batches = self.music.batches(self.config)
        count = self.config.prepare_batches
        self.step.model.prepare(next(batches) for _ in range(count))

    def train(self, progress: bool | None) -> None:
        """Make the steps that are left."""
        config, state = self.config, self.state
        if config.steps == 0 and not state.history.validation:
            self._validate()
            self._keep_last()
        if state.step >= config.steps:
            return
        hidden = not self.fabric.is_global_zero or (None if progress is None else not progress)
        with (
            ahead(self.music.batches(config, state.step)) as batches,
            tqdm(
                total=config.steps,
                initial=state.step,
                disable=hidden,
                unit="step",
                desc=self.best.stem,
            ) as bar,
        ):
            self.module.train()
            while state.step < config.steps:
                loss = self._one_step(next(batches))
                if _due(state.step, config.log_every, config.steps):
                    self._log()
                if _due(state.step, config.validate_every, config.steps):
                    self._validate()
                if _due(state.step, config.checkpoint_every, config.steps):
                    self._keep_last()
                best = math.nan if state.best_loss is None else state.best_loss
                bar.set_postfix(loss=f"{loss:.4g}", best=f"{best:.4g}", refresh=False)
                bar.update()

    def _one_step(self, audio: Tensor) -> float:
        config, fabric, state = self.config, self.fabric, self.state
        seed = derived_seed(config.seed, 1 + state.step, fabric.global_rank)
        torch.manual_seed(seed)  # for layers such as dropout
        generator = torch.Generator().manual_seed(seed)
        for group in self.stepper.param_groups:
            group["lr"] = group["pace"] * config.learning_rate_at(state.step)
        self.stepper.zero_grad()
        mine = audio[fabric.global_rank :: fabric.world_size]
        # Fabric rounds what is a float to the arithmetic's precision; bits pass as they are.
        total, _ = self.module(fabric.to_device(mine).view(torch.int32), generator)
        fabric.backward(total)
        norm = fabric.clip_gradients(
            self.module,
            self.stepper,
            max_norm=config.gradient_clip or math.inf,
            error_if_nonfinite=False,
        )
        loss, size = float(total.detach()), math.nan if norm is None else float(norm)
        # All processes share the gradient, so they stop together.
        if not (math.isfinite(size) and (math.isfinite(loss) or fabric.world_size > 1)):
            raise self._diverged("loss" if not math.isfinite(loss) else "gradient")
        self.stepper.step()
        state.step += 1
        state.window.add(loss, size)
        return loss

    def _log(self) -> None:
        window, state = self.state.window, self.state
        window.share(self.fabric)
        state.history.train.append(
            {
                "step": state.step,
                "loss": window.loss / window.count,
                "learning_rate": self.config.learning_rate_at(state.step - 1),
                "gradient_norm": window.gradient_norm / window.count,
                "seconds": round(self._seconds(), 3),
            }
        )
        state.window = type(window)()

    def _validate(self) -> None:
        """Measure the loss on the validation part, and keep the weights if it is the lowest.

        All in float32, whatever the training's precision, since that is how models are used.
        """
        sums: dict[str, float] = {}
        count = 0
        self.step.eval()
        with torch.no_grad():
            for audio in self.music.validation_batches(self.config):
                total, terms = self.step(self.fabric.to_device(audio))
                for name, value in {"loss": total, **terms}.items():
                    sums[name] = sums.get(name, 0.0) + float(value) * len(audio)
                count += len(audio)
        self.step.train()
        means = {name: value / count for name, value in sums.items()}
        if not all(map(math.isfinite, means.values())):
            raise self._diverged("validation loss")
        row = {"step": self.state.step, **means, "seconds": round(self._seconds(), 3)}
        self.state.history.validation.append(row)
        if self.state.best_loss is None or means["loss"] < self.state.best_loss:
            self.state.best_loss = means["loss"]
            self._save(self.best, tensors_of(self.step, None))

    def _keep_last(self) -> None:
        self.state.window.share(self.fabric)
        self._save(self.last, tensors_of(self.step, self.optimizer))

    def _save(self, path: Path, tensors: dict[str, Tensor]) -> None:
        self._seconds()
        if self.fabric.is_global_zero:
            checkpoints.save(path, tensors, {**self.record, **self.state.to_record()})

    def _seconds(self) -> float:
        now = time.perf_counter()
        self.state.seconds += now - self.since
        self.since = now
        return self.state.seconds

    def _diverged(self, what: str) -> TrainingError:
        kept = f"{self.last} is the last good one"
        return TrainingError(
            f"the {what} of {self.best.stem} is not finite after {self.state.step} steps; {kept}. "
            "Train under another name with a lower learning rate or a smaller gradient_clip"
        )

    def finish(self) -> History:
        """Give the best checkpoint the whole training's history, and what a codec needs."""
        if self.fabric.is_global_zero:
            finish_best(self.best, self.state, self.music, self.config)
        self.fabric.barrier()
        self.step.eval()
        return self.state.history


def _due(step: int, every: int, steps: int) -> bool:
    return step % every == 0 or step == steps

"""One loop for every model, on any device, that can be killed at any moment and goes on.

A checkpoint to resume from holds no state of a random generator, because there is none to keep:
step k draws its segments and all its noise from generators that are seeded with (seed, k). Device,
precision and processes are the business of Lightning Fabric.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import math
import os
import platform
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import AdamW
from tqdm import tqdm

from musiclib import __version__
from musiclib.datasets import Dataset
from musiclib.errors import CheckpointError, TrainingError
from musiclib.models import Autoencoder, Model, ModelConfig, build_model
from musiclib.models.calibration import calibrate, count_codes
from musiclib.training import checkpoint as checkpoints
from musiclib.training.checkpoint import CODEC, MODEL, OPTIMIZER, Checkpoint, History
from musiclib.training.config import TrainConfig
from musiclib.training.data import SegmentLoader, prefetch

ACCELERATORS = ("auto", "cpu", "cuda", "mps")
CALIBRATION_SECONDS = 96.0
CODES_SECONDS = 3600.0
# Rounding to float16 leaves an error of 0.0003 of a tensor, unless its values are out of range.
LARGEST_ERROR = 1e-3
_CPU_BFLOAT16 = ("avx512_bf16", "amx_bf16", "arm_bf16")
_LIBRARIES = ("torch", "lightning-fabric", "safetensors", "numpy")
_EMPTY_WINDOW = {"loss": 0.0, "gradient_norm": 0.0, "count": 0}


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

    A training that was killed at any moment goes on from its last checkpoint, and on the same
    machine with the same number of threads it ends with the same weights, bit for bit, as one that
    was left alone. Under `torchrun`, each process takes its share of every batch.

    Args:
        model: The model, changed in place; it ends with its last weights, not with its best.
        dataset: Music with a training and a validation part.
        train_config: How to train.
        out: `FOLDER/NAME`. `NAME` gets the weights with the lowest validation loss, `NAME.last`
            what is needed to go on.
        resume: Go on from `NAME.last`; a training that is complete returns its history at once.
            False: start again and replace both.
        progress: Show a progress bar; by default in a terminal only.
        accelerator: One of `ACCELERATORS`.

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
        # Loading and training draw from PyTorch's generator; the caller's stays as it was.
        stack.enter_context(deterministic(fabric))
        music = SegmentLoader.open(dataset, model.config.sample_rate)
        run = _Training(model, music, train_config, best, fabric)
        run.begin(resume)
        run.train(progress)
        return run.finish()


class Step(nn.Module):
    """A model behind one `forward`, which is what Fabric wraps: audio in, loss out."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, audio: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of `(B, N)` and its parts; without a generator, that of evaluation.

        Whole numbers are taken as the bits of float32 samples.
        """
        if not audio.is_floating_point():
            audio = audio.view(torch.float32)
        if generator is None:
            losses = self.model.evaluation_step(audio)
        else:
            losses = self.model.training_step(audio, generator)
        return losses.total, losses.terms


class _Training:
    """A training on its way.

    Attributes:
        step: Steps made.
        seconds: Time spent, over all runs up to the checkpoint that each resumed from.
        best_loss: Lowest validation loss so far; None before a validation.
        window: Sums that the next row of the history averages over, as records keep them.
        history: The rows so far.
    """

    def __init__(
        self, model: Model, music: SegmentLoader, config: TrainConfig, best: Path, fabric: Fabric
    ) -> None:
        self.music, self.config, self.fabric = music, config, fabric
        self.best, self.last = best, checkpoints.last_path(best)
        self.network = Step(model)
        self.optimizer: AdamW | None = None
        self.module: Any = self.network
        self.stepper: Any = None
        if config.steps > 0:
            paces: dict[float, list[Tensor]] = {}
            for name, value in model.named_parameters():
                if value.requires_grad:
                    paces.setdefault(model.learning_rate_factor(name), []).append(value)
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
        self.step, self.seconds = 0, 0.0
        self.best_loss: float | None = None
        self.window: dict[str, Any] = dict(_EMPTY_WINDOW)
        self.history = History()
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
            self._read_progress(old)
        self.fabric.barrier()  # no process writes before all have read
        if old is None:
            if self.fabric.is_global_zero:
                checkpoints.remove(self.last)
                checkpoints.remove(self.best)
            torch.manual_seed(derived_seed(self.config.seed, 0))
            batches = self.music.batches(self.config)
            self.network.model.prepare(itertools.islice(batches, self.config.prepare_batches))
        if self.optimizer is None:
            self.fabric.to_device(self.network)
        else:
            self.module, self.stepper = self.fabric.setup(self.network, self.optimizer)
        if old is not None:  # on the device by now, where the optimizer's state has to be as well
            old.load_into(self.network.model)
            if self.optimizer is not None:
                restore_optimizer(old, self.optimizer)
        else:
            self._keep_last()

    def train(self, progress: bool | None) -> None:
        """Make the steps that are left."""
        config = self.config
        if config.steps == 0 and not self.history.validation:
            self._validate()
            self._keep_last()
        if self.step >= config.steps:
            return
        hidden = not self.fabric.is_global_zero or (None if progress is None else not progress)
        bar = tqdm(
            total=config.steps,
            initial=self.step,
            disable=hidden,
            unit="step",
            desc=self.best.stem,
        )
        with prefetch(self.music.batches(config, self.step)) as batches, bar:
            self.module.train()
            while self.step < config.steps:
                loss = self._one_step(next(batches))
                if self._due(config.log_every):
                    self._log()
                if self._due(config.validate_every):
                    self._validate()
                if self._due(config.checkpoint_every):
                    self._keep_last()
                best = math.nan if self.best_loss is None else self.best_loss
                bar.set_postfix(loss=f"{loss:.4g}", best=f"{best:.4g}", refresh=False)
                bar.update()

    def finish(self) -> History:
        """Give the best checkpoint the whole training's history, and what a codec needs."""
        if self.fabric.is_global_zero:
            kept = checkpoints.load(self.best)
            whole = {n: self._progress()[n] for n in ("history", "wall_time_s", "window")}
            record = {**kept.record, **whole}
            tensors = finished_tensors(kept, self.music, self.config)
            if record != kept.record or tensors is not kept.tensors:
                checkpoints.save(self.best, tensors, record)
        self.fabric.barrier()
        self.network.eval()
        return self.history

    def _due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.config.steps

    def _one_step(self, audio: Tensor) -> float:
        config, fabric = self.config, self.fabric
        seed = derived_seed(config.seed, 1 + self.step, fabric.global_rank)
        torch.manual_seed(seed)  # for layers such as dropout
        generator = torch.Generator().manual_seed(seed)
        for group in self.stepper.param_groups:
            group["lr"] = group["pace"] * config.learning_rate_at(self.step)
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
        self.step += 1
        for name, value in (("loss", loss), ("gradient_norm", size), ("count", 1)):
            self.window[name] += value
        return loss

    def _share_window(self) -> None:
        """Bring the sums of all processes to their mean."""
        if self.fabric.world_size > 1:
            names = ("loss", "gradient_norm")
            sums = torch.tensor([self.window[name] for name in names], dtype=torch.float64)
            shared = self.fabric.all_reduce(self.fabric.to_device(sums), reduce_op="mean")
            self.window.update(zip(names, map(float, shared), strict=True))

    def _log(self) -> None:
        self._share_window()
        window = self.window
        self.history.train.append(
            {
                "step": self.step,
                "loss": window["loss"] / window["count"],
                "learning_rate": self.config.learning_rate_at(self.step - 1),
                "gradient_norm": window["gradient_norm"] / window["count"],
                "seconds": round(self._seconds(), 3),
            }
        )
        self.window = dict(_EMPTY_WINDOW)

    def _validate(self) -> None:
        """Measure the loss on the validation part, and keep the weights if it is the lowest.

        All in float32, whatever the training's precision, since that is how models are used.
        """
        sums: dict[str, float] = {}
        count = 0
        self.network.eval()
        with torch.no_grad():
            for audio in self.music.validation_batches(self.config):
                total, terms = self.network(self.fabric.to_device(audio))
                for name, value in {"loss": total, **terms}.items():
                    sums[name] = sums.get(name, 0.0) + float(value) * len(audio)
                count += len(audio)
        self.network.train()
        means = {name: value / count for name, value in sums.items()}
        if not all(map(math.isfinite, means.values())):
            raise self._diverged("validation loss")
        row = {"step": self.step, **means, "seconds": round(self._seconds(), 3)}
        self.history.validation.append(row)
        if self.best_loss is None or means["loss"] < self.best_loss:
            self.best_loss = means["loss"]
            self._save(self.best, self._weights())

    def _keep_last(self) -> None:
        self._share_window()
        tensors = self._weights()
        if self.optimizer is not None:
            for index, moments in self.optimizer.state_dict()["state"].items():
                for name, value in moments.items():
                    tensors[f"{OPTIMIZER}{index}.{name}"] = torch.as_tensor(value)
        self._save(self.last, tensors)

    def _weights(self) -> dict[str, Tensor]:
        return {MODEL + name: value for name, value in self.network.model.state_dict().items()}

    def _save(self, path: Path, tensors: dict[str, Tensor]) -> None:
        self._seconds()
        if self.fabric.is_global_zero:
            checkpoints.save(path, tensors, {**self.record, **self._progress()})

    def _progress(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "wall_time_s": round(self.seconds, 3),
            "best_loss": self.best_loss,
            "window": self.window,
            "history": self.history.to_dict(),
        }

    def _read_progress(self, old: Checkpoint) -> None:
        try:
            self.seconds, self.best_loss = float(old.record["wall_time_s"]), old.record["best_loss"]
            self.window = {name: old.record["window"][name] for name in _EMPTY_WINDOW}
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{old.path} holds no training to resume; start again") from error
        self.step, self.history = old.step, old.history

    def _seconds(self) -> float:
        now = time.perf_counter()
        self.seconds += now - self.since
        self.since = now
        return self.seconds

    def _diverged(self, what: str) -> TrainingError:
        return TrainingError(
            f"the {what} of {self.best.stem} is not finite after {self.step} steps; {self.last} is "
            "the last good one. Train under another name with a lower learning rate or a smaller "
            "gradient_clip"
        )


def with_precision(config: TrainConfig, accelerator: str = "auto") -> TrainConfig:
    """Return the configuration with `"auto"` replaced by what this device computes fastest with.

    Without arithmetic of its own, bfloat16 is emulated and slower than float32.
    """
    if config.precision != "auto":
        return config
    if accelerator in ("auto", "cuda") and torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        known = torch.cpu.get_capabilities()
        native = accelerator != "mps" and any(known.get(name) for name in _CPU_BFLOAT16)
    return replace(config, precision="bf16-mixed" if native else "32-true")


def make_fabric(config: TrainConfig, accelerator: str = "auto") -> Fabric:
    """Return a launched Fabric: one process, or those that `torchrun` started.

    Raises:
        TrainingError: The device is not there, or the batch cannot be shared by the processes.
    """
    if accelerator not in ACCELERATORS:
        raise TrainingError(f"unknown device {accelerator!r}; use {', '.join(ACCELERATORS)}")
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if config.batch_size % processes:
        raise TrainingError(
            f"a batch of {config.batch_size} cannot be shared by {processes} processes; "
            "choose a multiple"
        )
    # Fabric reports the devices that it finds, and advises on them; neither helps a reader.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    precision: Any = config.precision
    try:
        fabric = Fabric(
            accelerator=accelerator,
            devices=local,
            num_nodes=processes // local,
            strategy="auto" if processes == 1 else "ddp",
            precision=precision,
        )
    except (RuntimeError, ValueError) as error:  # MisconfigurationException is a ValueError here
        raise TrainingError(f"no device {accelerator!r} here: {error}") from error
    fabric.launch()
    return fabric


def environment(fabric: Fabric) -> dict[str, Any]:
    """Return versions and the machine's nature, as JSON values. No names, no paths."""
    kind = fabric.device.type
    name = torch.cuda.get_device_name(fabric.device) if kind == "cuda" else kind
    return {
        "versions": {
            "musiclib": __version__,
            "python": platform.python_version(),
            **{library: version(library) for library in _LIBRARIES},
        },
        "machine": {
            "system": platform.system(),
            "processor": platform.machine(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "threads": torch.get_num_threads(),
            "device": name,
            "processes": fabric.world_size,
        },
    }


@contextmanager
def deterministic(fabric: Fabric) -> Iterator[None]:
    """Make computations repeatable, and leave PyTorch's generators and flags as they were.

    cuDNN would choose algorithms by their speed, which differs from run to run.
    """
    device, flags = fabric.device, torch.backends.cudnn
    before = flags.deterministic, flags.benchmark
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        flags.deterministic, flags.benchmark = True, False
        try:
            yield
        finally:
            flags.deterministic, flags.benchmark = before


def derived_seed(seed: int, step: int, process: int = 0) -> int:
    """Return a seed that depends on all three numbers and is unlike that of its neighbours."""
    words = np.random.SeedSequence([seed, step, process]).generate_state(1, np.uint64)
    return int(words[0]) >> 1


def restore_optimizer(checkpoint: Checkpoint, optimizer: AdamW) -> None:
    """Copy the optimizer's moments back; its settings come from the configuration.

    Raises:
        CheckpointError: They do not fit the model.
    """
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in checkpoint.tensors.items():
        if name.startswith(OPTIMIZER):
            index, _, key = name.removeprefix(OPTIMIZER).partition(".")
            moments.setdefault(int(index), {})[key] = value
    shapes = [value.shape for group in optimizer.param_groups for value in group["params"]]
    found = [moments[index]["exp_avg"].shape for index in sorted(moments)]
    if checkpoint.step > 0 and found != shapes:
        raise CheckpointError(
            f"{checkpoint.path}: the optimizer's state does not fit the model; start again"
        )
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})


def check_same(old: Checkpoint, new: Mapping[str, Any]) -> None:
    """Check that a training that goes on is the one that was begun.

    Warns where the machine or a library is another one, since last digits may differ then.

    Raises:
        CheckpointError: Model, training or data differ.
    """
    for part in ("model", "training", "data", "versions", "machine"):
        before, now = old.record.get(part, {}), new[part]
        for key in sorted({*before, *now}):
            if before.get(key) == now.get(key) or key == "musiclib":
                continue
            if part in ("model", "training", "data"):
                raise CheckpointError(
                    f"{old.path} is of another configuration: {part} {key} is {before.get(key)!r}, "
                    f"not {now.get(key)!r}. Name another output, or start again (--restart) and "
                    "replace it"
                )
            warnings.warn(
                f"resumed with {key} {now.get(key)} instead of {before.get(key)}: the weights may "
                "differ in their last digits from those of an undisturbed training",
                stacklevel=3,
            )


def finished_tensors(
    kept: Checkpoint, music: SegmentLoader, config: TrainConfig
) -> dict[str, Tensor]:
    """Return the tensors to keep of a model whose training is complete.

    Its weights are rounded to float16, and for an autoencoder a calibration of the rounded model
    on segments of training music is added (`musiclib.models.calibration`). A checkpoint that has
    both already keeps what it has.
    """
    if any(name.startswith(CODEC) for name in kept.tensors):
        return kept.tensors
    tensors = {name: to_float16(value) for name, value in kept.tensors.items()}
    model = Checkpoint(kept.path, tensors, kept.record).build_any()
    if not isinstance(model, Autoencoder):  # it has no latents to calibrate
        changed = any(tensors[name] is not value for name, value in kept.tensors.items())
        return tensors if changed else kept.tensors
    # Other segments than those of the first steps, which `prepare` has seen.
    batches = music.batches(config, config.steps + config.prepare_batches)
    batch_seconds = config.batch_size * config.segment_s
    seed = derived_seed(config.seed, 2)
    if model.quantiser is not None:  # of codes nothing but their number of uses is to be known
        count = math.ceil(CODES_SECONDS / batch_seconds)
        counts = count_codes(model, itertools.islice(batches, count), seed)
        return {**tensors, CODEC + "counts": counts}
    count = min(math.ceil(CALIBRATION_SECONDS / batch_seconds), config.prepare_batches)
    found = calibrate(model, itertools.islice(batches, count), seed)
    return {**tensors, **found.to_tensors(CODEC)}


def to_float16(value: Tensor) -> Tensor:
    """Return a matrix or larger as float16, where that keeps it within a thousandth.

    Biases and statistics are small, and stay.
    """
    if value.dtype != torch.float32 or value.ndim < 2:
        return value
    half = value.to(torch.float16)
    error = torch.linalg.vector_norm(value - half.float())
    fits = bool(error <= LARGEST_ERROR * torch.linalg.vector_norm(value))
    return half if fits else value

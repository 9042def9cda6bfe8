"""Where a training runs: device, precision and processes, through Lightning Fabric."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from musiclib import __version__
from musiclib.errors import TrainingError
from musiclib.models import Model
from musiclib.training.config import TrainConfig

ACCELERATORS = ("auto", "cpu", "cuda", "mps")
_CPU_BFLOAT16 = ("avx512_bf16", "amx_bf16", "arm_bf16")
_LIBRARIES = ("torch", "lightning-fabric", "safetensors", "numpy")


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


def with_precision(config: TrainConfig, accelerator: str = "auto") -> TrainConfig:
    """Return the configuration with `"auto"` replaced by what this device computes fastest with.

    Without arithmetic of its own, bfloat16 is emulated and slower than float32.
    """
    if config.precision != "auto":
        return config
    if accelerator in ("auto", "cuda") and torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif accelerator == "mps":
        native = False
    else:
        known = torch.cpu.get_capabilities()
        native = any(known.get(name) for name in _CPU_BFLOAT16)
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
def repeatable(fabric: Fabric) -> Iterator[None]:
    """Make computations repeatable, and leave PyTorch's generators and flags as they were.

    cuDNN would choose algorithms by their speed, which differs from run to run.
    """
    device = fabric.device
    flags = torch.backends.cudnn
    before = flags.deterministic, flags.benchmark
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        flags.deterministic, flags.benchmark = True, False
        try:
            yield
        finally:
            flags.deterministic, flags.benchmark = before

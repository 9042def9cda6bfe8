"""What a model is made of: shapes and weights, read from the model while it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from musiclib.models import Autoencoder

PATHS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "frequency": {
        "encoder": ("encoder_net.stem", "encoder_net.blocks", "encoder_net.head"),
        "spine_in": ("reduce",),
        "spine_out": ("expand",),
        "decoder": ("decoder_net.stem", "decoder_net.blocks", "decoder_net.head"),
    },
    "waveform": {
        "encoder": ("analysis", "down", "encoder", "reduce"),
        "spine_in": ("spine_in",),
        "spine_out": ("spine_out",),
        "decoder": ("expand", "decoder", "up", "synthesis"),
    },
}
"""Modules of each kind of model in the order in which data go through them, by part."""


@dataclass(frozen=True)
class Stage:
    """A module of a model and what came out of it.

    Attributes:
        name: Its path in the model.
        part: Part of the model: a key of an entry of :data:`PATHS`.
        shape: Shape of its output for one clip, without the batch.
        values_per_second: Values of its output for a second of sound.
        parameters: Learned values in it.
        operation: Kernel and stride in words, or the number of blocks.
    """

    name: str
    part: str
    shape: tuple[int, ...]
    values_per_second: float
    parameters: int
    operation: str


@dataclass(frozen=True)
class Trace:
    """A run of a model.

    Attributes:
        kind: Kind of the model.
        seconds: Length of the clip.
        input_shape: Shape of the input, without the batch.
        latent_shape: Shape of the latents.
        input_per_second: Input values for a second of sound.
        latent_per_second: Latent values for a second of sound.
        parameters: Learned values of the whole model.
        stages: Modules in the order of :data:`PATHS`.
    """

    kind: str
    seconds: float
    input_shape: tuple[int, ...]
    latent_shape: tuple[int, ...]
    input_per_second: float
    latent_per_second: float
    parameters: int
    stages: tuple[Stage, ...]

    def part(self, name: str) -> list[Stage]:
        """The stages of a part."""
        return [stage for stage in self.stages if stage.part == name]


@torch.no_grad()
def trace(model: Autoencoder, seconds: float = 2.048) -> Trace:
    """Run a model on noise and note the shape of what leaves each module.

    Args:
        model: A convolutional autoencoder, of spectrograms or of samples.
        seconds: Length of the noise; long enough that the last frame does not count.

    Returns:
        Shapes and counts. Learned values that belong to no listed module are counted with the
        first module of their parent.

    Raises:
        KeyError: If the kind of the model is not in :data:`PATHS`.
    """
    paths = PATHS[model.config.kind]
    n_samples = round(seconds * model.config.sample_rate)
    exact = n_samples / model.config.sample_rate
    generator = torch.Generator().manual_seed(0)
    inputs = model.inputs(0.1 * torch.randn(1, n_samples, generator=generator))
    shapes: dict[str, tuple[int, ...]] = {}
    hooks = []
    modules = dict(model.named_modules())
    listed = [(part, name) for part, names in paths.items() for name in names if modules.get(name)]
    for _, name in listed:

        def note(_module: nn.Module, _inputs: object, output: Tensor, name: str = name) -> None:
            shapes[name] = tuple(output.shape[1:])

        hooks.append(modules[name].register_forward_hook(note))
    try:
        latent = model(inputs).latent
    finally:
        for hook in hooks:
            hook.remove()

    stages = tuple(
        Stage(
            name,
            part,
            shapes[name],
            float(np.prod(shapes[name])) / exact,
            _count(modules[name]) + _unlisted(modules, name, [n for _, n in listed]),
            _operation(modules[name]),
        )
        for part, name in listed
    )
    return Trace(
        model.config.kind,
        exact,
        tuple(inputs.shape[1:]),
        tuple(latent.shape[1:]),
        inputs[0].numel() / exact,
        latent[0].numel() / exact,
        _count(model),
        stages,
    )


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _unlisted(modules: Mapping[str, nn.Module], name: str, listed: Sequence[str]) -> int:
    """Learned values of the parent that are in no listed module, for its first one."""
    parent = name.rpartition(".")[0]
    siblings = [other for other in listed if other.rpartition(".")[0] == parent]
    if not parent or siblings[0] != name:
        return 0
    return _count(modules[parent]) - sum(_count(modules[other]) for other in siblings)


def _operation(module: nn.Module) -> str:
    if isinstance(module, nn.Sequential):
        return f"{len(module)} residual blocks"
    kernel: tuple[int, ...] = getattr(module, "kernel_size", ())
    stride: tuple[int, ...] = getattr(module, "stride", ())
    words = "×".join(map(str, kernel)) + (" long" if len(kernel) == 1 else "")
    return f"{words}, stride {stride[0]}" if any(step > 1 for step in stride) else words

"""What a codec needs to know of a model's latents, measured on training music.

A channel whose unit change moves the output by g is quantised in units of `(z - mean) * g`: there a
step Delta makes the same error in the output for each channel. At high resolution equal errors are
what minimises the rate for a given distortion, and a channel whose spread is far below the step
falls into the zero bin by itself, which is reverse water-filling (Cover and Thomas, "Elements of
information theory", section 10.3.3).

Neighbouring latent frames are alike. `scale` says how wide the differences `u[t] - w u[t-1]` are
for a few weights w, so that a codec can choose.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from musiclib.errors import ModelError
from musiclib.models.base import Autoencoder
from musiclib.models.waveform import TYPICAL_RMS

SHAPES = ("laplace", "logistic")
# Weights of the frame before, in quarters.
PREDICTORS = (0, 1, 2, 3, 4)
STEPS_PER_OCTAVE = 4
UNUSED = -(2**15)
PROBES = 4
# Segments that gains are measured on; their estimate is an average over all frames.
GAIN_SECONDS = 16.0
# Spread in units of the output below which a channel holds nothing but rounding.
NOTHING = 1e-5
_NEIGHBOURS = range(-6, 3)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Statistics of latents `z`, in gain-normalised units `u = (z - mean) * gain`.

    Attributes:
        mean: Mean of each channel, `(C,)`, float32.
        gain: Root mean square change of the output for a unit change of each channel, `(C,)`,
            float32. Outputs count in normalised log magnitudes, or in samples over `TYPICAL_RMS`.
            A model that was trained for rate has learned the units of its latents, and keeps
            them: its gains are 1 and its means 0.
        scale: For each weight of `PREDICTORS` (a row) and channel, the scale of the distribution of
            `u[t] - w u[t-1]` is `2 ** (scale / 4)`; `(5, C)`, int16. `UNUSED` for a channel that
            never changes, or that the decoder does not listen to.
        shape: Index into `SHAPES` of each channel's distribution, `(C,)`, uint8.
    """

    mean: Tensor
    gain: Tensor
    scale: Tensor
    shape: Tensor

    def to_tensors(self, prefix: str) -> dict[str, Tensor]:
        """Return the statistics by name."""
        return {prefix + item.name: getattr(self, item.name) for item in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], prefix: str) -> Calibration:
        """Read what `to_tensors` wrote.

        Raises:
            ModelError: Something is missing.
        """
        try:
            return cls(*(tensors[prefix + item.name] for item in fields(cls)))
        except KeyError as error:
            raise ModelError(f"there is no {error.args[0]}") from error


def calibrate(model: Autoencoder, batches: Iterable[Tensor], seed: int = 0) -> Calibration:
    """Measure a model's latents on segments `(B, N)` of training music, at random levels.

    Raises:
        ModelError: There were no batches, or a latent is not finite.
    """
    generator = torch.Generator().manual_seed(seed)
    energy, outputs, seconds = torch.zeros(model.latent_channels), 0, 0.0
    latents = []
    for latent, length, n_samples in _encoded(model, batches, generator):
        latents.append(latent.cpu())
        if model.prior is None and seconds < GAIN_SECONDS:
            count = math.ceil((GAIN_SECONDS - seconds) * model.config.sample_rate / n_samples)
            found, size = gain_energy(model, latent[:count], length, generator)
            energy, outputs = energy + found, outputs + size
            seconds += len(latent[:count]) * n_samples / model.config.sample_rate
    if not latents or not all(bool(torch.isfinite(latent).all()) for latent in latents):
        raise ModelError("a calibration needs segments of music, and latents that are finite")
    if model.prior is None:
        gain = (energy / outputs).sqrt()
        mean = torch.cat([part.transpose(0, 1).flatten(1) for part in latents], dim=1).mean(dim=1)
    else:  # trained to be rounded to whole numbers, as they are
        gain, mean = torch.ones(model.latent_channels), torch.zeros(model.latent_channels)
    spread = [(latent - mean[:, None]) * gain[:, None] for latent in latents]
    return Calibration(mean, gain, *_distributions(spread))


def count_codes(model: Autoencoder, batches: Iterable[Tensor], seed: int = 0) -> Tensor:
    """Count how often each code is used on segments `(B, N)` of music: `(stages, codes)`, int32."""
    assert model.quantiser is not None
    stages = len(model.quantiser.stages)
    counts = torch.zeros(stages, model.config.bottleneck.codes, dtype=torch.int32)
    generator = torch.Generator().manual_seed(seed)
    for latent, _, _ in _encoded(model, batches, generator):
        index = model.quantiser.encode(latent).cpu()
        for stage, mine in enumerate(index.transpose(0, 1)):
            counts[stage] += torch.bincount(mine.flatten(), minlength=counts.shape[1]).int()
    return counts


@torch.no_grad()
def _encoded(
    model: Autoencoder, batches: Iterable[Tensor], generator: torch.Generator
) -> Iterator[tuple[Tensor, int, int]]:
    """Yield latents of batches at random levels, the length of their inputs and of their audio."""
    model.eval()
    for audio in batches:
        inputs = model.inputs(model.random_level(audio, generator))
        yield model.encode(inputs), inputs.shape[-1], audio.shape[1]


def gain_energy(
    model: Autoencoder, latent: Tensor, length: int, generator: torch.Generator
) -> tuple[Tensor, int]:
    """Estimate by how much all changes of each channel of latents `(B, C, L)` move the output.

    For random signs v over the outputs, the expectation of `(J^T v)^2` is the squared norm of each
    column of the Jacobian J (Hutchinson, 1990), so one backward pass looks at all latents at once.

    Returns:
        The sum over frames of the columns' squared norms, `(C,)` on the CPU, and the number of
        output values.
    """
    unit = TYPICAL_RMS if model.domain == "waveform" else 1.0
    start = latent.detach().requires_grad_()
    with torch.enable_grad():
        output = model.decode(start, length) / unit
        total = torch.zeros(latent.shape[1])
        for probe in range(PROBES):
            signs = torch.randint(0, 2, output.shape, generator=generator).to(output) * 2.0 - 1.0
            (slope,) = torch.autograd.grad(output, start, signs, retain_graph=probe < PROBES - 1)
            total += slope.square().sum(dim=(0, 2)).cpu() / PROBES
    return total, output.numel()


def _distributions(spread: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return scales `(5, C)` and shapes `(C,)` that cost the fewest bits for `(B, C, L)`."""
    scales, costs = [], []
    for weight in PREDICTORS:
        parts = [part[..., 1:] - weight / 4.0 * part[..., :-1] for part in spread]
        # A latent frame alone has no neighbour: then the values themselves are all there is.
        parts = [p if p.shape[-1] else whole for p, whole in zip(parts, spread, strict=True)]
        size = torch.cat([part.transpose(0, 1).flatten(1) for part in parts], dim=1).abs()
        found = [_fitted(size, shape) for shape in SHAPES]
        scales.append(torch.stack([scale for scale, _ in found]))
        costs.append(torch.stack([cost for _, cost in found]))
    each = torch.stack(costs)  # (predictors, shapes, C)
    shape = each.amin(dim=0).argmin(dim=0)
    chosen = torch.stack(scales).gather(1, shape.expand(len(PREDICTORS), 1, -1))[:, 0]
    deviation = torch.cat([part.transpose(0, 1).flatten(1) for part in spread], dim=1)
    unused = deviation.square().mean(dim=1).sqrt() < NOTHING
    chosen[:, unused] = UNUSED
    return chosen.to(torch.int16), shape.to(torch.uint8)


def _fitted(size: Tensor, shape: str) -> tuple[Tensor, Tensor]:
    """Return the best scale index and its mean code length in nats, `(C,)`, for sizes `(C, M)`."""
    laplace = size.mean(dim=1).clamp(min=1e-9)
    near = (STEPS_PER_OCTAVE * laplace.log2()).round()
    tried, costs = [], []
    for offset in _NEIGHBOURS:
        scale = 2.0 ** ((near + offset) / STEPS_PER_OCTAVE)
        ratio = size / scale[:, None]
        if shape == "laplace":
            cost = (2.0 * scale).log() + ratio.mean(dim=1)
        else:
            cost = scale.log() + (ratio + 2.0 * torch.log1p(torch.exp(-ratio))).mean(dim=1)
        tried.append(near + offset)
        costs.append(cost)
    best, index = torch.stack(costs).min(dim=0)
    return torch.stack(tried).gather(0, index[None])[0], best

"""The first layers of trained models, beside what they were before training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from musiclib.audio import FloatArray
from musiclib.datasets import Dataset
from musiclib.errors import ModelError
from musiclib.models.waveform import WaveformAutoencoder
from musiclib.studies.excerpts import StudySize
from musiclib.studies.fourier.banks import Bank, normalised, random
from musiclib.studies.fourier.portrait import Portrait
from musiclib.training import Checkpoint, new_model
from musiclib.training.trained import trained

OWN = "its own"
MODELS = (
    "waveform-8",
    "waveform-8-scratch",
    "waveform-8-l2",
    "waveform-8-spectral",
    "waveform-8-log-spectral",
)


@dataclass(frozen=True, eq=False)
class Layer:
    """Filters of a trained model.

    Attributes:
        name: Name of its recipe.
        model: The trained model, in evaluation mode.
        steps: Steps of the training.
        sample_rate: In Hz.
        after: First layer after training, ``(filters, kernel)``, at its own level.
        before: The same layer of the untrained model of the same seed.
        synthesis: Last layer after training.
        synthesis_before: The same before.
    """

    name: str
    model: WaveformAutoencoder
    steps: int
    sample_rate: int
    after: Bank
    before: Bank
    synthesis: Bank
    synthesis_before: Bank

    @property
    def change(self) -> Bank:
        """What training added to the first layer."""
        return self.after - self.before

    @property
    def synthesis_change(self) -> Bank:
        """What training added to the last layer."""
        return self.synthesis - self.synthesis_before


def layer(name: str, checkpoint: Checkpoint) -> Layer:
    """Filters of a checkpoint.

    Args:
        name: Name of its recipe.
        checkpoint: Of a waveform model.

    Raises:
        ModelError: If the model has no filters over samples.
    """
    config = checkpoint.train_config
    model, start = checkpoint.build(), new_model(checkpoint.model_config, config.seed)
    if not (isinstance(model, WaveformAutoencoder) and isinstance(start, WaveformAutoencoder)):
        raise ModelError(
            f"{name} is a {model.config.kind} model: only waveform models have filters"
        )
    return Layer(
        name,
        model,
        config.steps,
        model.config.sample_rate,
        _array(model),
        _array(start),
        _synthesis(model),
        _synthesis(start),
    )


def layers(
    dataset: Dataset, profile: str, seed: int = 0, names: Iterable[str] = MODELS
) -> dict[str, Layer]:
    """Filters of several trained models by name.

    Args:
        dataset: As :func:`musiclib.training.trained.trained` takes it.
        profile: Likewise.
        seed: Likewise.
        names: Names of recipes.
    """
    return {name: layer(name, trained(name, dataset, profile, seed)) for name in names}


def newness(item: Layer) -> float:
    """Energy of the first layer's change over that of change and start together, all filters.

    0 for a layer that stayed as it was, near 1 for one that nothing is left of.
    """
    change, before = np.sum(item.change**2), np.sum(item.before**2)
    return float(change / max(change + before, 1e-30))


def replacements(item: Layer, seen: Portrait, seed: int = 0) -> dict[str, Bank]:
    """First layers to put in place of a model's own.

    Args:
        item: The model's filters.
        seen: Measurements of ``item.after``.
        seed: Seed of the random filters.

    Returns:
        Filters by name; those that replace single filters have the same energy as these.
    """
    level = np.linalg.norm(item.after, axis=1, keepdims=True)
    count, kernel = item.after.shape
    return {
        OWN: item.after,
        "nearest sinusoids": seen.atoms.waveform * level,
        "the change alone": item.change,
        "as before training": item.before,
        "random": random(count, kernel, seed) * level,
        "none": np.zeros_like(item.after),
    }


def validation_clips(dataset: Dataset, size: StudySize) -> list[FloatArray]:
    """Beginnings of validation clips at the house rate, spread over genres; silent ones left out.

    Args:
        dataset: All its splits.
        size: How many, and how long.
    """
    clips = dataset.part("validation").clips(duration_s=size.seconds, limit=size.clips)
    return [clip.audio for clip in clips if np.any(clip.audio)]


def sequence(bank: Bank, order: Iterable[int], sample_rate: int, level: float = 0.1) -> FloatArray:
    """Impulse responses of filters one after the other, as a sound.

    Args:
        bank: The filters.
        order: In which order.
        sample_rate: In Hz.
        level: Root mean square of each response.

    Returns:
        Samples ``(N,)``, float32; each response is followed by 10 ms of silence, and peaks above
        0.9 are turned down.
    """
    unit = normalised(bank) * level * np.sqrt(bank.shape[1])
    pause = np.zeros(round(0.01 * sample_rate))
    sound = np.concatenate([np.concatenate([unit[index], pause]) for index in order])
    peak = float(np.abs(sound).max())
    return np.asarray(sound * min(1.0, 0.9 / max(peak, 1e-9)), dtype=np.float32)


def _array(model: WaveformAutoencoder) -> Bank:
    return model.analysis_filters().double().numpy()


def _synthesis(model: WaveformAutoencoder) -> Bank:
    return model.synthesis.weight.detach()[:, 0].double().numpy()

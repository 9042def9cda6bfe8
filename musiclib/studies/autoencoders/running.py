"""Running a trained model on a clip: what it is shown, what it gives back, and as a sound.

A spectrogram model works on normalised log magnitudes. Here they are always given in nepers, so
that values of models with different normalisations can be compared. Clips are mono, ``(N,)``.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from musiclib.audio import FloatArray
from musiclib.errors import ModelError
from musiclib.models import Autoencoder
from musiclib.models.features import LogSpectrogram
from musiclib.stft import griffin_lim

DB_PER_NEPER = 20.0 / np.log(10.0)

DoubleArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """A clip as a spectrogram model sees it.

    Attributes:
        logs: Log magnitudes in nepers of the levelled clip, ``(F, T)``.
        gain: Factor that levelled it.
        n_samples: Length of the clip.
    """

    logs: Tensor
    gain: float
    n_samples: int


def features(model: Autoencoder) -> LogSpectrogram:
    """The model's spectrogram.

    Raises:
        ModelError: If the model works on samples.
    """
    found = getattr(model, "spectrogram", None)
    if not isinstance(found, LogSpectrogram):
        raise ModelError(f"a {model.config.kind} model has no spectrogram: choose one that has")
    return found


@torch.no_grad()
def view(model: Autoencoder, audio: FloatArray) -> View:
    """What a spectrogram model sees of a clip.

    Args:
        model: A model of spectrograms.
        audio: Samples at the model's rate, ``(N,)``.

    Returns:
        Log magnitudes at the model's level.
    """
    levelled, gain = model.levelled(torch.from_numpy(audio)[None])
    return View(features(model).logs(levelled)[0], float(gain), len(audio))


def normalised(model: Autoencoder, logs: Tensor) -> Tensor:
    """Log magnitudes ``(F, T)`` in nepers as the model's input, of one clip."""
    values: Tensor = features(model).normalise(logs)
    return values[None, None] if model.config.kind == "frequency" else values[None]


def nepers(model: Autoencoder, values: Tensor) -> Tensor:
    """The model's output for one clip as log magnitudes ``(F, T)`` in nepers."""
    return features(model).denormalise(values.reshape(values.shape[-2:]))


@torch.no_grad()
def rebuilt(model: Autoencoder, logs: Tensor) -> Tensor:
    """Encode and decode log magnitudes.

    Args:
        model: A model of spectrograms, in evaluation mode.
        logs: Log magnitudes in nepers, ``(F, T)``.

    Returns:
        The model's version of them, ``(F, T)``.
    """
    return nepers(model, model(normalised(model, logs)).output)


def error_nepers(clean: Tensor, estimate: Tensor) -> float:
    """Root mean square difference of log magnitudes in nepers.

    For models with the STFT and offset of :func:`musiclib.metrics.spectral_rmse` it is that
    distance before a phase is found.
    """
    return float((clean - estimate).double().square().mean().sqrt())


def levels(model: Autoencoder, logs: Tensor, loudest: float | None = None) -> DoubleArray:
    """Log magnitudes as levels for a picture.

    Args:
        model: The model whose offset bounds them from below.
        logs: Log magnitudes in nepers, ``(F, T)``.
        loudest: What is 0 dB, in nepers; by default the loudest bin.

    Returns:
        Levels in dB, ``(F, T)``, not below the offset's.
    """
    top = float(logs.max()) if loudest is None else loudest
    floor = float(np.log(features(model).offset))
    array: DoubleArray = logs.double().numpy()
    picture: DoubleArray = DB_PER_NEPER * (np.clip(array, floor, top) - top)
    return picture


def range_db(model: Autoencoder, logs: Tensor) -> float:
    """From the loudest bin down to the offset, in dB: the span that a picture can show."""
    return float(DB_PER_NEPER * (float(logs.max()) - np.log(features(model).offset)))


@torch.no_grad()
def sound(
    model: Autoencoder, logs: Tensor, like: View, seed: int = 0, iterations: int = 32
) -> FloatArray:
    """A sound with given log magnitudes; the phase is sought, none is borrowed.

    Args:
        model: The model that the magnitudes belong to.
        logs: Log magnitudes in nepers, ``(F, T)``.
        like: The clip's view, for its length and level.
        seed: Of the first phases.
        iterations: Of fast Griffin-Lim.

    Returns:
        Samples at the clip's own level, ``(N,)``.
    """
    spectrogram = features(model)
    magnitude = (torch.exp(logs) - spectrogram.offset).clamp(min=0.0)
    found = griffin_lim(magnitude, spectrogram.stft, like.n_samples, iterations, seed)
    samples: FloatArray = (found / like.gain).numpy().astype(np.float32)
    return samples


@torch.no_grad()
def rebuilt_waveform(model: Autoencoder, audio: FloatArray) -> FloatArray:
    """Encode and decode the samples of a clip.

    Args:
        model: A model of samples, in evaluation mode.
        audio: Samples at the model's rate, ``(N,)``.

    Returns:
        The model's version at the clip's own level, ``(N,)``.

    Raises:
        ModelError: If the model works on spectrograms.
    """
    if model.domain != "waveform":
        raise ModelError(f"a {model.config.kind} model gives no samples: use `sound`")
    levelled, gain = model.levelled(torch.from_numpy(audio)[None])
    output = model(model.inputs(levelled)).output[:, 0] / gain
    samples: FloatArray = output[0].numpy().astype(np.float32)
    return samples

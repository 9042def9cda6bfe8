"""A spectrogram as a model of hearing sees it, differentiable, measured from Zimtohrli.

Zimtohrli (Alakuijala et al., 2025, arXiv:2509.26133) turns sound into 128 channels of a logarithm
of energy over a threshold, and compares two such pictures by structural similarity. Here each
channel is a weighted sum of STFT powers. Weights and thresholds are measured: sines of all bins
go through the model's own analysis. What is trained with this is trained towards a relative of that
measure, which has to be said where the measure is quoted.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from musiclib.stft import StftConfig, stft

DoubleArray = npt.NDArray[np.float64]

SAMPLE_RATE = 24_000
N_FFT, HOP = 512, 256  # 94 frames a second; Zimtohrli has 86
_MODEL_RATE = 48_000
_SINE, _SECONDS = 0.1, 0.35
# The model's channels are 3.01 times the common logarithm of energy.
_SCALE = 3.0103
# Windows and constants that, on decoded music, agree best with Zimtohrli's distance.
_PLACE = (8, 7)  # channels and frames
_LEVEL, _STRUCTURE = 1.0, 3.0


@lru_cache(maxsize=1)
def channels() -> tuple[Tensor, Tensor]:
    """Weights of STFT powers `(128, 257)` and thresholds `(128, 1)`.

    Powers are those of `stft` with a Hann window of 512 samples at 24 kHz.
    """
    import zimtohrli

    model = zimtohrli.Pyohrli()
    time = np.arange(round(_SECONDS * _MODEL_RATE)) / _MODEL_RATE

    def energies(audio: DoubleArray) -> DoubleArray:
        steps = model.analyze(audio.astype(np.float32))
        return np.power(10.0, np.asarray(steps[len(steps) // 2], np.float64) / _SCALE)

    threshold = energies(np.zeros(len(time)))
    # A sine in the middle of a bin has two thirds of its power there.
    power = 1.5 * (_SINE * N_FFT / 4.0) ** 2
    found = [np.zeros_like(threshold)]
    for k in range(1, N_FFT // 2 + 1):
        sine = _SINE * np.sin(2.0 * np.pi * (k * SAMPLE_RATE / N_FFT) * time)
        found.append(np.maximum(energies(sine) - threshold, 0.0) / power)
    # Relative to the threshold, numbers keep well within float32.
    weights = np.stack(found, axis=1) / threshold[:, None]
    return (
        torch.from_numpy(weights.astype(np.float32)),
        torch.from_numpy(np.log10(threshold)[:, None].astype(np.float32)),
    )


def auditory_spectrogram(audio: Tensor) -> Tensor:
    """Channels of clips `(B, N)` at 24 kHz and at the level that they are played, `(B, 128, T)`."""
    weights, threshold = (part.to(audio.device) for part in channels())
    spectrum = stft(audio, StftConfig(N_FFT, HOP))
    power = spectrum.real.square() + spectrum.imag.square()
    return _SCALE * (torch.log10(1.0 + weights @ power) + threshold)


def similarity_loss(target: Tensor, output: Tensor) -> Tensor:
    """One minus the structural similarity of two auditory spectrograms, for each clip: `(B,)`.

    Neurogram similarity of Hines and Harte, "Speech intelligibility prediction using a neurogram
    similarity index measure" (Speech Communication 2012, equation 5), as Zimtohrli uses it: in
    places of 8 channels and 7 frames, agreement in level times agreement in structure.
    """
    first, second = auditory_spectrogram(target), auditory_spectrogram(output)

    def local(x: Tensor) -> Tensor:
        return F.avg_pool2d(x[:, None], _PLACE, stride=1)

    mean_1, mean_2 = local(first), local(second)
    # Values are around 20, and their variances small: differences of large squares are avoided.
    centre = first.mean(dim=(1, 2), keepdim=True)
    near_1, near_2 = first - centre, second - centre
    middle_1, middle_2 = local(near_1), local(near_2)
    variance_1 = (local(near_1 * near_1) - middle_1 * middle_1).clamp(min=0.0)
    variance_2 = (local(near_2 * near_2) - middle_2 * middle_2).clamp(min=0.0)
    covariance = local(near_1 * near_2) - middle_1 * middle_2
    level = (2.0 * mean_1 * mean_2 + _LEVEL) / (mean_1.square() + mean_2.square() + _LEVEL)
    spread = ((variance_1 + 1e-4) * (variance_2 + 1e-4)).sqrt()
    return 1.0 - (level * (covariance + _STRUCTURE) / (spread + _STRUCTURE)).mean(dim=(1, 2, 3))

"""The original report's experiment on this book's models: fewer values, counted at 16 bit each.

Everything here is at 8 kHz. The distance is the spectral RMSE of :mod:`musiclib.metrics`, which
has the report's STFT.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from musiclib.audio import FloatArray
from musiclib.metrics import spectral_rmse
from musiclib.models import FrequencyAutoencoder
from musiclib.stats import Interval, jackknife
from musiclib.stft import griffin_lim, log_magnitude
from musiclib.studies.autoencoders.waveforms import downsample
from musiclib.studies.clip_intervals import clip_interval

ORIGINAL_REPORT = pd.DataFrame(
    {
        "nominal_kbps": [126.0, 63.0, 31.5, 15.7, 7.9],
        "factor": [1, 2, 4, 8, 16],
        "autoencoder": [0.867, 0.803, 0.929, 1.24, 1.61],
        "downsampling": [0.0, 0.48, 0.81, 1.19, 1.53],
    }
)
"""Log-spectral RMSE of the report that this book grew out of (pgrady3/music-compression-web).

The autoencoder's figures are printed there; those of downsampling are read off its graph.
"""

REPORT_RATE = 8_000
LARGEST_LATENT = 512
ITERATIONS = 32
"""Of Griffin-Lim."""
WANTED = {2: 0.75, 4: 0.6, 8: 0.6, 16: 0.6}
"""What this book set out to reach: largest ratio to downsampling, by the factor of the latter."""

Array = npt.NDArray[np.float64]


def factor_of(latent: int) -> int:
    """Return by how much downsampling has to be for the nominal rate of a latent size."""
    return LARGEST_LATENT // latent


def rebuilt_magnitudes(model: FrequencyAutoencoder, audio: FloatArray) -> tuple[Tensor, float]:
    """A clip's magnitudes after the bottleneck, which keeps floats and no phase.

    Args:
        model: In evaluation mode.
        audio: Samples at the model's rate, shape ``(N,)``.

    Returns:
        Magnitudes ``(F, T)`` of the clip at a peak of 0.3, and the gain that brought it there.
    """
    with torch.no_grad():
        levelled, gain = model.levelled(torch.from_numpy(audio).unsqueeze(0))
        output = model(model.inputs(levelled)).output
        return model.spectrogram.magnitude(output)[0, 0], float(gain)


def spectrogram_rmse(model: FrequencyAutoencoder, audio: FloatArray) -> float:
    """Spectral RMSE of a model's output as the report measured it, on the spectrogram.

    Args:
        model: In evaluation mode.
        audio: Samples at 8 kHz, shape ``(N,)``, not silent.

    Returns:
        Distance in nepers.
    """
    return _rebuilt_rmse(model, _logs(model, audio))


def _logs(model: FrequencyAutoencoder, audio: FloatArray) -> Tensor:
    """Log magnitudes ``(1, F, T)`` of a clip at a peak of 0.3."""
    with torch.no_grad():
        levelled, _ = model.levelled(torch.from_numpy(audio).unsqueeze(0))
        return model.spectrogram.logs(levelled)


def _rebuilt_rmse(model: FrequencyAutoencoder, logs: Tensor) -> float:
    with torch.no_grad():
        output = model(model.spectrogram.normalise(logs).unsqueeze(1)).output[:, 0]
        found = log_magnitude(model.spectrogram.magnitude(output), model.config.offset)
    return float((found - logs).square().mean().sqrt())


def decode_without_phase(
    model: FrequencyAutoencoder, audio: FloatArray, iterations: int = ITERATIONS, seed: int = 0
) -> FloatArray:
    """Sound from a model's output; Griffin-Lim finds a phase for its magnitudes.

    Args:
        model: In evaluation mode.
        audio: Samples at the model's rate, shape ``(N,)``.
        iterations: Of Griffin-Lim.
        seed: Of its first phases.

    Returns:
        Samples ``(N,)`` at the clip's level.
    """
    magnitudes, gain = rebuilt_magnitudes(model, audio)
    found = griffin_lim(magnitudes, model.config.stft, len(audio), iterations, seed)
    return (found / gain).numpy().astype(np.float32)


def measure(
    clips: Mapping[str, FloatArray],
    models: Mapping[int, FrequencyAutoencoder],
    linear: Mapping[int, FrequencyAutoencoder],
    sound_s: float = 4.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Spectral RMSE of everything that the chapter compares at the report's nominal rates.

    Args:
        clips: Clips at 8 kHz by name, shape ``(N,)``.
        models: Trained models by latent size, with one STFT and offset.
        linear: Linear models by latent size, with the same.
        sound_s: The middle of each clip, so many seconds of it, is decoded to sound as well.
        seed: Of Griffin-Lim.

    Returns:
        One row for each clip and latent size: ``clip``, ``latent``, ``factor``, ``nominal_kbps``,
        ``autoencoder`` and ``pca`` (spectrograms), ``downsampling``, and on the decoded part
        ``sound`` (autoencoder) and ``sound_downsampling``, NaN for a factor of 1.
    """
    rows = []
    for name, audio in clips.items():
        part = middle(audio, round(sound_s * REPORT_RATE))
        logs = _logs(next(iter(models.values())), audio)
        for latent, model in models.items():
            factor = factor_of(latent)
            sound = sound_downsampling = math.nan
            if factor > 1:  # there is nothing to compare with otherwise
                decoded = decode_without_phase(model, part, seed=seed)
                sound = spectral_rmse(part, decoded, REPORT_RATE)
                sound_downsampling = _downsampled_rmse(part, factor)
            rows.append(
                {
                    "clip": name,
                    "latent": latent,
                    "factor": factor,
                    "nominal_kbps": model.nominal_kbps,
                    "autoencoder": _rebuilt_rmse(model, logs),
                    "pca": _rebuilt_rmse(linear[latent], logs),
                    "downsampling": _downsampled_rmse(audio, factor),
                    "sound": sound,
                    "sound_downsampling": sound_downsampling,
                }
            )
    return pd.DataFrame(rows)


def middle(audio: FloatArray, n_samples: int) -> FloatArray:
    """The middle ``n_samples`` of a clip, or all of it where it is shorter."""
    start = max(0, (len(audio) - n_samples) // 2)
    return audio[start : start + n_samples]


def ratio_interval(first: Sequence[float] | Array, second: Sequence[float] | Array) -> Interval:
    """Ratio of two means over the same clips, with a 95 % interval by the jackknife over clips.

    Args:
        first: One value a clip, shape ``(n,)``.
        second: The same clips' values, shape ``(n,)``, above 0 on average.

    Returns:
        The ratio of the means; a single clip has no interval.
    """
    top, bottom = np.asarray(first, np.float64), np.asarray(second, np.float64)
    left_out = [math.nan] if len(top) == 1 else (top.sum() - top) / (bottom.sum() - bottom)
    return jackknife(top.mean() / bottom.mean(), left_out, fewest=2)


def ratios(measured: pd.DataFrame) -> pd.DataFrame:
    """Means and ratios to downsampling, beside the report's.

    Args:
        measured: From :func:`measure`.

    Returns:
        One row for each factor above 1: ``nominal_kbps``; intervals of the means ``downsampling``,
        ``autoencoder``, ``pca``, ``sound``; ratios with intervals ``ratio``, ``pca_ratio``,
        ``sound_ratio`` and ``gain`` (autoencoder over PCA); the report's ``quoted_ratio``; what
        was ``wanted``, and ``holds`` and ``sound_holds`` (the point estimates).
    """
    report = ORIGINAL_REPORT.set_index("factor")
    rows = []
    for factor, part in measured[measured["factor"] > 1].groupby("factor"):
        base = part["downsampling"].to_numpy()
        ratio = ratio_interval(part["autoencoder"].to_numpy(), base)
        sound = ratio_interval(part["sound"].to_numpy(), part["sound_downsampling"].to_numpy())
        rows.append(
            {
                "factor": factor,
                "nominal_kbps": float(part["nominal_kbps"].iloc[0]),
                **{
                    name: clip_interval(part[name].to_numpy())
                    for name in ("downsampling", "autoencoder", "pca", "sound")
                },
                "ratio": ratio,
                "pca_ratio": ratio_interval(part["pca"].to_numpy(), base),
                "gain": ratio_interval(part["autoencoder"].to_numpy(), part["pca"].to_numpy()),
                "sound_ratio": sound,
                "quoted_autoencoder": float(report.loc[factor, "autoencoder"]),
                "quoted_downsampling": float(report.loc[factor, "downsampling"]),
                "quoted_ratio": float(
                    report.loc[factor, "autoencoder"] / report.loc[factor, "downsampling"]
                ),
                "wanted": WANTED[int(factor)],
                "holds": ratio.mean <= WANTED[int(factor)],
                "sound_holds": sound.mean < 1.0,
            }
        )
    return pd.DataFrame(rows).set_index("factor")


def _downsampled_rmse(audio: FloatArray, factor: int) -> float:
    return spectral_rmse(audio, downsample(audio, REPORT_RATE, factor), REPORT_RATE)

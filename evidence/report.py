"""The original report's comparison: fewer values, counted at 16 bits each, at 8 kHz.

Nothing is rounded and nothing is written. A spectrogram autoencoder and principal components keep
as many values as downsampling by 2, 4, 8 or 16 keeps samples; the distance is the spectral RMSE, on
the spectrogram as the report had it, and of the sound where a phase was found for it.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import islice

import torch

from musiclib.audio import FloatArray
from musiclib.codecs import get_codec
from musiclib.datasets import open_dataset
from musiclib.evaluation import TOLERANCE, align
from musiclib.evidence import Experiment, Item, Parameters
from musiclib.metrics import spectral_rmse
from musiclib.models import FrequencyAutoencoder, build_model
from musiclib.stft import griffin_lim
from musiclib.training.config import recipe
from musiclib.training.data import SegmentLoader
from musiclib.training.trained import trained

RATE = 8_000
FACTORS = {2: 256, 4: 128, 8: 64, 16: 32}
"""Values that the autoencoder keeps of four frames, by the factor of downsampling."""
SOUND_S = 8.0
"""How much of a clip, from its start, is made audible."""


def items(parameters: Parameters) -> list[Item]:
    """List each clip with each factor."""
    factors = (4,) if parameters.profile == "smoke" else FACTORS
    return [{"clip": name, "factor": f} for name in parameters.clips.tracks.index for f in factors]


def measure(parameters: Parameters, item: Item) -> Iterator[dict[str, object]]:
    """Measure one clip at one nominal rate."""
    clip = parameters.music.clip(str(item["clip"]), RATE, duration_s=parameters.seconds)
    factor = int(item["factor"])
    part = clip.audio[: round(SOUND_S * RATE)]
    codec = get_codec("downsample", factor=factor)
    down = align(*codec.decode(codec.encode(clip.audio, RATE)), clip.audio, RATE)
    model = autoencoder(parameters, FACTORS[factor])
    heard = spectral_rmse(part, sound(model, part), RATE)
    values = {
        "downsampling": spectral_rmse(clip.audio, down, RATE),
        "autoencoder": on_the_spectrogram(model, clip.audio),
        "principal components": on_the_spectrogram(linear(FACTORS[factor]), clip.audio),
        "autoencoder, as sound": heard,
        "downsampling, as sound": spectral_rmse(part, down[: len(part)], RATE),
    }
    for system, value in values.items():
        about = {"clip": clip.track_id, "artist": clip.unit, "factor": factor, "system": system}
        yield {**about, "metric": "spectral_rmse", "value": value}


@lru_cache
def autoencoder(parameters: Parameters, latent: int) -> FrequencyAutoencoder:
    """Return the trained spectrogram autoencoder with so many values for four frames."""
    music, profile, seed = parameters.music, parameters.profile, parameters.seed
    model = trained(f"frequency-{latent}", music, profile, seed).build()
    assert isinstance(model, FrequencyAutoencoder)
    return model


@lru_cache
def linear(latent: int) -> FrequencyAutoencoder:
    """Return the best linear map to so many values: where the training of the other one began."""
    widest = max(FACTORS.values())
    made = recipe(f"frequency-{latent}")
    model = build_model(replace(made.model, blocks=0))
    assert isinstance(model, FrequencyAutoencoder)
    if latent == widest:
        batches = SegmentLoader.open(open_dataset(), RATE).batches(made.training)
        with torch.no_grad():
            model.prepare(islice(batches, made.training.prepare_batches))
    else:  # the first of the same components
        solved = linear(widest).state_dict()
        for name in ("reduce.weight", "reduce.bias", "expand.weight"):
            solved[name] = solved[name][:latent]
        model.load_state_dict(solved)
    return model.eval()


def rebuilt(model: FrequencyAutoencoder, audio: FloatArray) -> tuple[torch.Tensor, torch.Tensor]:
    """Return log magnitudes of a clip, `(F, T)`, before and after the bottleneck."""
    with torch.no_grad():
        levelled, _ = model.peak_normalize(torch.from_numpy(audio)[None])
        inputs = model.inputs(levelled)
        return inputs[0, 0], model(inputs).output[0, 0]


def on_the_spectrogram(model: FrequencyAutoencoder, audio: FloatArray) -> float:
    """Return the spectral RMSE in nepers of what comes out, before a phase is found."""
    before, after = rebuilt(model, audio)
    return float((after - before).square().mean().sqrt() * model.spectrogram.scale)


def sound(model: FrequencyAutoencoder, audio: FloatArray, seed: int = 0) -> FloatArray:
    """Return sound with the magnitudes that come out, and a phase by Griffin-Lim's algorithm."""
    with torch.no_grad():
        levelled, gain = model.peak_normalize(torch.from_numpy(audio)[None])
        magnitudes = model.spectrogram.magnitude(model(model.inputs(levelled)).output)[0, 0]
        found = griffin_lim(magnitudes, model.config.stft, len(audio), 32, seed) / gain[0]
    return found.numpy().astype("float32")


EXPERIMENT = Experiment(items, measure, TOLERANCE, digits=6)

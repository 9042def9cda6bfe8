"""Depth: what hidden layers, memory, noise and a start at principal components are worth.

An item is a model of single spectra, the music that it learned from, and the number of a training.
The shipped model has the number 0, and is tested on the test part. The trainings from 1 on have
their number for a seed, and for the fold of the bundled music none of whose artists they have
heard: they learned from about 25 hours of the corpus without it, or from so many of its pieces,
chosen at random, as last an hour. So five trainings of a model differ in seed and music, and each
artist is tested by one of them. Some sizes are trained once. Validation music is the same for all.
On other music shipped models are tested, or all are trained on its own training part.

The error on validation music is kept as it fell (`validation_db`). A track has the error of its log
spectra in dB (`rmse_db`), and two parts of it that last, where the grain of spectra averages out:
the root mean square of means over sixteen frames of one bin (`line_db`) and of eight (`patch_db`).
For some models one track of each artist is written as files, and has the error of what these decode
to (`file_db`). Tracks of another fold stand for artists that a training has heard.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd
import torch

from musiclib.audio import FloatArray
from musiclib.codecs.latent import AutoencoderCodec
from musiclib.datasets import Clip, Dataset, open_dataset
from musiclib.evidence import BUNDLED, TRAINING_S, Experiment, Item, Parameters, Tolerance
from musiclib.genre.systems import tracks_with_folds
from musiclib.models.frames import FrameAutoencoder
from musiclib.models.losses import DB_PER_NEPER
from musiclib.stft import log_magnitude
from musiclib.training import Checkpoint, trained
from musiclib.training.config import CORPUS

SHIPPED: Final = ("pca-16", "shallow-16", "deep-16", "deep-scratch-16", "lstm-16", "vae-16")
ALL: Final = "all"
HOUR: Final = "1 hour"
FIVE_TIMES: Final = ("pca", "shallow", "deep", "deep-scratch", "lstm", "vae")
OFTEN: Final = (16, 64)
ONCE: Final = (4, 8, 32)
OF_ALL_SIZES: Final = ("pca", "shallow", "deep", "lstm", "vae")
WITH_LESS: Final = ("pca", "deep", "deep-scratch")
STEPS: Final = (-20, -16, -12, -8, -4)
"""Steps of the codec's quantiser, in quarters of an octave."""
CODED: Final = ("pca", "deep", "deep-scratch", "lstm", "vae")
CODED_S: Final = 10.0
LASTING: Final = {"line_db": (1, 16), "patch_db": (8, 16)}
"""Bins and frames over which an error is averaged: 23 or 188 Hz, 171 ms."""


def items(parameters: Parameters) -> list[Item]:
    """List models and trainings; where music is too little to train on, shipped models."""

    def listed(names: Iterable[str], music: str, trainings: Iterable[int]) -> list[Item]:
        return [{"model": n, "music": music, "training": k} for n in names for k in trainings]

    enough = {"train", "validation", "test"} <= set(parameters.music.tracks["split"])
    if parameters.profile == "smoke":
        return listed(("pca-16", "deep-16"), ALL, [int(enough)])
    shipped = listed(SHIPPED, ALL, [0])
    if parameters != BUNDLED and (parameters.profile == "mini" or not enough):
        return shipped
    often = [f"{name}-{size}" for size in OFTEN for name in FIVE_TIMES]
    if parameters != BUNDLED:
        return listed(often, ALL, range(1, 6))
    once = [f"{name}-{size}" for size in ONCE for name in OF_ALL_SIZES]
    less = [f"{name}-{size}" for size in OFTEN for name in WITH_LESS]
    return [
        *shipped,
        *listed(often, ALL, range(1, 6)),
        *listed(once, ALL, [1]),
        *listed(less, HOUR, range(1, 6)),
    ]


@lru_cache(maxsize=2)
def lessons(parameters: Parameters, music: str, number: int) -> Dataset:
    """Return what the models of a training learn from."""
    if parameters != BUNDLED or not number:
        return parameters.music
    corpus = open_dataset(CORPUS, split=f"fold-{number}")
    return corpus if music == ALL else part_of(corpus, 1.0, number)


def part_of(corpus: Dataset, hours: float, seed: int) -> Dataset:
    """Return as many pieces to learn from as last some hours, and all validation music.

    What is chosen for few hours is part of what is chosen for more.
    """
    pieces = corpus.tracks[corpus.tracks["split"] == "train"]
    order = np.random.default_rng(seed).permutation(len(pieces))
    seconds = pieces["duration_s"].iloc[order].cumsum()
    taken = pieces.index[order][seconds <= 3600.0 * hours]
    rest = corpus.tracks.index[corpus.tracks["split"] != "train"]
    return corpus.select(track_ids=[*taken, *rest])


def clips(parameters: Parameters) -> Dataset:
    """Return one clip of each test artist, or all of music that has no test part."""
    if (parameters.music.tracks["split"] == "test").any():
        return parameters.slow_clips
    return parameters.music  # shipped models have heard none of it


def tested(parameters: Parameters, number: int, learned: Dataset) -> dict[bool, pd.DataFrame]:
    """Return tracks by artists that a training has not heard, and as many by others."""
    if parameters == BUNDLED and number:
        tracks = tracks_with_folds(parameters)
        new = tracks[tracks["fold"] == number]
        rest = tracks[tracks["fold"] == number % int(tracks["fold"].max()) + 1]
    else:
        new = clips(parameters).tracks
        rest = parameters.music.tracks
    training = learned.tracks["artist_group"][learned.tracks["split"] == "train"]
    return {True: new, False: rest[rest["artist_group"].isin(training)].head(len(new))}


def measure(parameters: Parameters, item: Item) -> Iterator[dict[str, object]]:
    """Train a model, or find it trained, and measure it on artists that it has not heard."""
    name, music, number = str(item["model"]), str(item["music"]), int(item["training"])
    profile = "mini" if not number else "smoke" if parameters.profile == "smoke" else "retrain"
    learned = lessons(parameters, music, number)
    checkpoint = trained(name, learned, profile, number)
    model = checkpoint.build()
    assert isinstance(model, FrameAutoencoder)
    kind, _, size = name.rpartition("-")
    coded = music == ALL and kind in CODED and int(size) in OFTEN

    about = {**item, TRAINING_S: float(checkpoint.record["wall_time_s"])}
    validation = checkpoint.record["history"]["validation"]
    for step, value in zip(validation["step"], validation["rmse_db"], strict=True):
        row = {**about, "track_id": "", "artist": "", "new": True, "metric": "validation_db"}
        yield {**row, "step": step, "kbps": np.nan, "value": value}
    for new, tracks in tested(parameters, number, learned).items():
        first = ~tracks["artist_group"].duplicated()
        for track_id in map(str, tracks.index):
            rate, longest = model.config.sample_rate, parameters.seconds
            clip = parameters.music.clip(track_id, rate, duration_s=longest)
            row = {**about, "track_id": track_id, "artist": clip.unit, "new": new}
            for metric, value in errors(model, clip.audio).items():
                yield {**row, "metric": metric, "step": 0, "kbps": np.nan, "value": value}
            if new and coded and first[track_id]:
                yield from ({**row, **told} for told in files(checkpoint, model, clip))


def errors(model: FrameAutoencoder, audio: FloatArray) -> dict[str, float]:
    """Return the error of log spectra in dB, and the parts of it that last."""
    with torch.inference_mode():
        levelled, _ = model.peak_normalize(torch.from_numpy(audio)[None])
        inputs = model.inputs(levelled)
        error = (model(inputs).output - inputs)[0] * model.spectrogram.scale * DB_PER_NEPER
    kinds = {"rmse_db": error}
    kinds |= {name: averaged(error, *size) for name, size in LASTING.items()}
    return {name: float(values.square().mean().sqrt()) for name, values in kinds.items()}


def averaged(error: torch.Tensor, bins: int, frames: int) -> torch.Tensor:
    """Return means over patches of a spectrogram `(F, T)`, without what its ends leave over."""
    rows, columns = error.shape[0] // bins, error.shape[1] // frames
    whole = error[: rows * bins, : columns * frames]
    return whole.reshape(rows, bins, columns, frames).mean(dim=(1, 3))


def files(
    checkpoint: Checkpoint, model: FrameAutoencoder, clip: Clip
) -> Iterator[dict[str, object]]:
    """Write ten seconds as files of several sizes, and return the error of what they decode to."""
    part = clip.audio[: round(CODED_S * clip.sample_rate)]
    with torch.inference_mode():
        levelled, gain = model.peak_normalize(torch.from_numpy(part)[None])
        target = model.spectrogram.logs(levelled)[0]
        for step in STEPS:
            codec = AutoencoderCodec(checkpoint, step=step)
            data = codec.encode(part, clip.sample_rate)
            decoded = torch.from_numpy(codec.decode_magnitudes(data)) * gain[0]
            error = log_magnitude(decoded, model.spectrogram.offset) - target
            yield {
                "metric": "file_db",
                "step": step,
                "kbps": 8.0 * len(data) / (len(part) / clip.sample_rate) / 1000.0,
                "value": float(error.square().mean().sqrt()) * DB_PER_NEPER,
            }


def quick(item: Item) -> bool:
    """Whether it needs no corpus."""
    return item["training"] == 0


# A processor without arithmetic in bfloat16 trains in float32, and ends elsewhere.
TOLERANCE = {
    TRAINING_S: Tolerance(absolute=1e9),
    "kbps": Tolerance(relative=0.03),
    "*": Tolerance(absolute=0.02, relative=0.01),
}

EXPERIMENT = Experiment(items, measure, TOLERANCE, quick, trains=True, seeded=False, digits=5)

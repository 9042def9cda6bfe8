"""Log spectra of test clips, and the error of each model on them, kept by bin and by frame.

Errors are squared differences of log magnitudes ``20 log10(|X| + offset)``, in dB². Each clip is
brought to the models' peak first, so the offset means the same level for all.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from musiclib.audio import FloatArray
from musiclib.datasets import Clip, Dataset
from musiclib.models.frames import FrameAutoencoder
from musiclib.models.losses import DB_PER_NEPER
from musiclib.stft import stft
from musiclib.studies.excerpts import QUIETEST, SHORTEST_S, StudySize
from musiclib.studies.introduction.material import excerpt
from musiclib.studies.roche.models import Key

BATCH = 8

DoubleArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spectra:
    """Log spectra of clips, as all the models see them before their normalisation.

    Attributes:
        names: Track identifiers.
        genres: Genre of each clip.
        artists: Artist of each clip.
        logs: Log magnitudes in nepers of each clip, ``(F, T)``; T differs from clip to clip.
        sample_rate: In Hz.
    """

    names: tuple[str, ...]
    genres: tuple[str, ...]
    artists: tuple[str, ...]
    logs: tuple[Tensor, ...]
    sample_rate: int

    def batches(self) -> Iterator[tuple[list[int], Tensor]]:
        """Yield positions of clips of one length with their logs ``(B, F, T)``."""
        by_length: dict[int, list[int]] = defaultdict(list)
        for place, logs in enumerate(self.logs):
            by_length[logs.shape[1]].append(place)
        for places in by_length.values():
            for start in range(0, len(places), BATCH):
                part = places[start : start + BATCH]
                yield part, torch.stack([self.logs[place] for place in part])

    def frames(self) -> Tensor:
        """Return the frames of all clips one after the other, ``(M, F)``."""
        return torch.cat([logs.T for logs in self.logs])


def spectra(clips: Mapping[str, Clip], model: FrameAutoencoder) -> Spectra:
    """Log spectra of clips.

    Args:
        clips: Clips by track identifier, at the model's rate.
        model: Any model of the chapter: they share STFT, offset and level.

    Returns:
        The spectra.
    """
    with torch.inference_mode():
        logs = [
            model.spectrogram.logs(model.levelled(torch.tensor(clip.audio)[None])[0])[0]
            for clip in clips.values()
        ]
    return Spectra(
        tuple(clips),
        tuple(clip.genre for clip in clips.values()),
        tuple(clip.unit for clip in clips.values()),
        tuple(logs),
        model.config.sample_rate,
    )


def part_clips(
    dataset: Dataset,
    part: Literal["train", "validation", "test"],
    size: StudySize,
    sample_rate: int,
) -> dict[str, Clip]:
    """Excerpts of any part of a data set, as `musiclib.studies.excerpts` cuts test clips.

    Args:
        dataset: All its splits.
        part: Name of the part.
        size: How many, and how long.
        sample_rate: In Hz.

    Returns:
        Clips by track identifier; none where the part has no usable one.
    """
    whole = dataset.part(part)
    if not len(whole.tracks):
        return {}
    found = (excerpt(clip, size.seconds) for clip in whole.clips(sample_rate, limit=size.clips))
    return {
        clip.track_id: clip
        for clip in found
        if clip.seconds >= SHORTEST_S and np.max(np.abs(clip.audio)) >= QUIETEST
    }


@dataclass(frozen=True, eq=False)
class Errors:
    """Squared errors of one model in dB².

    Attributes:
        by_bin: Mean over the frames of each clip, ``(clips, F)``.
        by_frame: Mean over the bins, for each clip ``(T,)``.
    """

    by_bin: DoubleArray
    by_frame: tuple[DoubleArray, ...]

    @property
    def rmse_db(self) -> DoubleArray:
        """Root mean square error of each clip in dB, ``(clips,)``."""
        return np.asarray(np.sqrt(self.by_bin.mean(axis=1)))


def errors(model: FrameAutoencoder, material: Spectra) -> Errors:
    """Errors of a model: encode, decode, compare.

    Args:
        model: In evaluation mode.
        material: Spectra of clips.

    Returns:
        Its errors on each clip.
    """
    by_bin: dict[int, DoubleArray] = {}
    by_frame: dict[int, DoubleArray] = {}
    to_db = float(model.spectrogram.scale) * DB_PER_NEPER
    with torch.inference_mode():
        for places, logs in material.batches():
            inputs = model.spectrogram.normalise(logs)
            output = model.decode(model.encode(inputs), inputs.shape[-1])
            squares = (output - inputs).mul_(to_db).square_()
            bins, frames = squares.mean(dim=2).double(), squares.mean(dim=1).double()
            for row, place in enumerate(places):
                by_bin[place], by_frame[place] = bins[row].numpy(), frames[row].numpy()
    order = range(len(material.names))
    return Errors(np.stack([by_bin[n] for n in order]), tuple(by_frame[n] for n in order))


def all_errors(models: Mapping[Key, FrameAutoencoder], material: Spectra) -> dict[Key, Errors]:
    """Errors of several models.

    Args:
        models: By family and size.
        material: Spectra of clips.

    Returns:
        Errors by family and size.
    """
    return {key: errors(model, material) for key, model in models.items()}


def clip_table(found: Mapping[Key, Errors], material: Spectra) -> pd.DataFrame:
    """Error of each model on each clip.

    Args:
        found: Result of :func:`all_errors`.
        material: The spectra that it was computed from.

    Returns:
        One row for each model and clip: ``family``, ``size``, ``track_id``, ``genre``,
        ``artist``, ``rmse_db``.
    """
    parts = [
        pd.DataFrame(
            {
                "family": family,
                "size": size,
                "track_id": material.names,
                "genre": material.genres,
                "artist": material.artists,
                "rmse_db": item.rmse_db,
            }
        )
        for (family, size), item in found.items()
    ]
    return pd.concat(parts, ignore_index=True)


def reconstructed(model: FrameAutoencoder, clip: Clip) -> FloatArray:
    """Magnitudes of a clip after a model, not quantised.

    Args:
        model: In evaluation mode.
        clip: At the model's rate.

    Returns:
        Magnitudes at the clip's level, ``(F, T)``.
    """
    with torch.inference_mode():
        levelled, level = model.levelled(torch.tensor(clip.audio)[None])
        inputs = model.inputs(levelled)
        output = model.decode(model.encode(inputs), inputs.shape[-1])
        return np.asarray((model.spectrogram.magnitude(output)[0] / level[0]).numpy())


def original(model: FrameAutoencoder, clip: Clip) -> FloatArray:
    """Magnitudes of a clip by a model's STFT, ``(F, T)``."""
    with torch.inference_mode():
        return np.asarray(stft(torch.tensor(clip.audio), model.config.stft).abs().numpy())

"""How small a latent may be, in values a second and in bits of a file, and still tell genre."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import pandas as pd

from musiclib.audio import FloatArray
from musiclib.datasets import Dataset
from musiclib.genre import Run, Statistics, System, guess_all, score
from musiclib.latents import (
    AutoencoderLatents,
    CodedFrames,
    LogMel,
    Mfcc,
    QuantisedLatents,
    Representation,
)
from musiclib.metrics import bitrate_kbps
from musiclib.studies.genre.systems import COARSE_GAIN, CODED, FINE_GAIN, LATENT
from musiclib.training import Checkpoint, trained

FAMILIES: Final = {"pca": (4, 16, 64), "deep": (4, 16, 64), "frequency": (32, 128)}
QUICK_FAMILIES: Final = {"pca": (16,), "deep": (4, 16)}
STEPS: Final = (-22, -14, -6)
GAINS: Final = (FINE_GAIN, COARSE_GAIN, 205)


def size_systems(dataset: Dataset, profile: str = "mini", seed: int = 0) -> pd.DataFrame:
    """Return logistic regressions on latents of several sizes, and on what is no latent.

    Args:
        dataset: Models are trained on it if the profile says so.
        profile: As for :func:`musiclib.training.trained`.
        seed: Seed of a training.

    Returns:
        `family`, `size` (values in a frame), `rate` (values in a second) and `system`.
    """
    rows: list[tuple[str, Representation]] = []
    for family, sizes in (QUICK_FAMILIES if profile == "smoke" else FAMILIES).items():
        for size in sizes:
            checkpoint = trained(f"{family}-{size}", dataset, profile, seed)
            rows.append((family, AutoencoderLatents(checkpoint)))
    rows += [("MFCC", Mfcc()), ("log-mel", LogMel())]
    return pd.DataFrame(
        [
            {
                "family": family,
                "size": found.channels,
                "rate": found.channels * found.frame_rate,
                "system": Statistics(found.name, LATENT, (found,)),
            }
            for family, found in rows
        ]
    )


def scored(table: pd.DataFrame, dataset: Dataset, runs: Sequence[Run]) -> pd.DataFrame:
    """Add scores of the column `system`: `validation`, `balanced`, `low`, `high`.

    Args:
        table: With a column `system`.
        dataset: The tracks.
        runs: Who learns from what.
    """
    rows = []
    for system in table["system"]:
        rows.append(_scores(system, dataset, runs))
    return pd.concat([table.drop(columns="system"), pd.DataFrame(rows, table.index)], axis=1)


def _scores(system: System, dataset: Dataset, runs: Sequence[Run]) -> dict[str, float]:
    guesses = guess_all(system, dataset, runs)
    test = score(guesses, dataset.tracks).balanced
    held = score(guesses, dataset.tracks, "validation").balanced
    return {"validation": held.mean, "balanced": test.mean, "low": test.low, "high": test.high}


def bitrate_systems(
    checkpoint: Checkpoint, dataset: Dataset, runs: Sequence[Run], steps: Sequence[int] = STEPS
) -> pd.DataFrame:
    """Return logistic regressions on what files hold, with the bitrate of the test files.

    Args:
        checkpoint: The model.
        dataset: The tracks.
        runs: Who learns from what; their test tracks are counted.
        steps: Steps of the quantiser.

    Returns:
        `step`, `kbps` (all bytes of the test files over their seconds) and `system`.
    """
    rows = []
    for step in steps:
        found = QuantisedLatents(checkpoint, step)
        system = Statistics(f"{found.label}, logistic", LATENT, (found,))
        kbps = file_kbps(_writer(found), found.sample_rate, dataset, runs[0].test)
        rows.append({"step": step, "kbps": kbps, "system": system})
    return pd.DataFrame(rows)


def _writer(found: QuantisedLatents) -> Callable[[FloatArray], bytes]:
    return lambda audio: found.codec.encode(audio, found.sample_rate)


def coded_systems(
    dataset: Dataset, runs: Sequence[Run], gains: Sequence[int] = GAINS
) -> pd.DataFrame:
    """Return logistic regressions on what files of the neural codec hold, with their bitrate.

    Args:
        dataset: The tracks.
        runs: Who learns from what; their test tracks are counted.
        gains: Gains of the quantiser.

    Returns:
        `gain`, `kbps` (all bytes of the test files over their seconds) and `system`.
    """
    rows = []
    for gain in gains:
        found = CodedFrames(gain)
        kbps = file_kbps(found.file, found.sample_rate, dataset, runs[0].test)
        system = Statistics(f"{found.label}, logistic", CODED, (found,))
        rows.append({"gain": gain, "kbps": kbps, "system": system})
    return pd.DataFrame(rows)


def file_kbps(
    write: Callable[[FloatArray], bytes], sample_rate: int, dataset: Dataset, names: Sequence[str]
) -> float:
    """Return the bitrate of the files of some tracks together, in kbps.

    Args:
        write: Turns audio `(N,)` into a file.
        sample_rate: Of that audio, in Hz.
        dataset: The tracks.
        names: Those that are counted.
    """
    audio = dataset.cache(sample_rate)
    sounds = [audio.audio(name) for name in names if name in audio and audio.length(name) > 0]
    n_bytes = sum(len(write(sound)) for sound in sounds)
    return bitrate_kbps(n_bytes, float(np.sum([len(x) for x in sounds])) / sample_rate)

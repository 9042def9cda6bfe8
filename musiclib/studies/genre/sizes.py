"""How small a latent may be, in values a second and in bits of a file, and still tell genre."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from musiclib.datasets import Dataset
from musiclib.genre import Statistics, TrackGuesses, score
from musiclib.latents import (
    AutoencoderLatents,
    CodedFrames,
    LogMel,
    Mfcc,
    QuantisedLatents,
    Representation,
)
from musiclib.studies.genre.systems import COARSE_GAIN, CODED, FINE_GAIN, LATENT, Entry
from musiclib.training import Checkpoint, trained

FAMILIES: Final = {"pca": (4, 16, 64), "deep": (4, 16, 64), "frequency": (32, 128)}
QUICK_FAMILIES: Final = {"pca": (16,), "deep": (4, 16)}
STEPS: Final = (-22, -14, -6)
GAINS: Final = (FINE_GAIN, COARSE_GAIN, 205)


def size_entries(dataset: Dataset, profile: str = "mini", seed: int = 0) -> pd.DataFrame:
    """List logistic regressions on latents of several sizes, and on what is no latent.

    Args:
        dataset: Models are trained on it if the profile says so.
        profile: As for :func:`musiclib.training.trained`.
        seed: Seed of a training.

    Returns:
        `family`, `size` (values in a frame), `rate` (values in a second) and `entry`.
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
                "entry": Entry.of(Statistics(found.name, LATENT, (found,))),
            }
            for family, found in rows
        ]
    )


def step_entries(checkpoint: Checkpoint, profile: str = "mini") -> list[Entry]:
    """List logistic regressions on what `.mla` files of coarser and coarser steps hold."""
    steps = STEPS[1:3] if profile == "smoke" else STEPS
    return [
        Entry.of(Statistics(str(step), LATENT, (QuantisedLatents(checkpoint, step),)))
        for step in steps
    ]


def gain_entries(profile: str = "mini") -> list[Entry]:
    """List logistic regressions on what files of the codec with coarser and coarser gains hold."""
    gains = GAINS[:2] if profile == "smoke" else GAINS
    return [Entry.of(Statistics(str(gain), CODED, (CodedFrames(gain),))) for gain in gains]


def file_sizes(entry: Entry, dataset: Dataset, track_ids: Sequence[str]) -> pd.DataFrame:
    """Write the files that a system of `step_entries` or `gain_entries` reads.

    Args:
        entry: The system.
        dataset: The tracks.
        track_ids: Those whose files are written.

    Returns:
        `track_id`, `file_bytes` (of the whole file) and `seconds`; tracks without audio are left
        out.
    """
    system = entry.make()
    assert isinstance(system, Statistics)
    (found,) = system.representations
    audio = dataset.cache(found.sample_rate)
    rows = []
    for name in track_ids:
        if name in audio and audio.length(name) > 0:
            sound = audio.audio(name)
            data = (
                found.file(sound)
                if isinstance(found, CodedFrames)
                else found.codec.encode(sound, found.sample_rate)  # type: ignore[attr-defined]
            )
            seconds = len(sound) / found.sample_rate
            rows.append({"track_id": name, "file_bytes": len(data), "seconds": seconds})
    return pd.DataFrame(rows)


def scores(guesses: TrackGuesses, dataset: Dataset) -> dict[str, float]:
    """Return what figures show of a system: `validation`, `balanced`, `low`, `high`."""
    test = score(guesses, dataset.tracks).balanced
    held = score(guesses, dataset.tracks, "validation").balanced
    return {"validation": held.mean, "balanced": test.mean, "low": test.low, "high": test.high}

"""Music whose genre can be heard by a computer, and sources for classifiers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from musiclib.audio import save
from musiclib.features import InMemory

RATE = 8_000
GENRES = ("calm", "rough")


class Tracks(InMemory):
    """Sequences in memory: genre `rough` changes from frame to frame, `calm` drifts."""

    def __init__(self, per_genre: int = 12, frames: int = 200, seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        rows, values = {}, {}
        for genre in GENRES:
            for number in range(per_genre):
                name = f"{genre}-{number}"
                noise = generator.standard_normal((3, frames))
                if genre == "calm":
                    noise = np.cumsum(noise, axis=1) / 8
                    noise = (noise - noise.mean(axis=1, keepdims=True)) / noise.std()
                values[name] = noise.astype(np.float32)
                split = "test" if number % 3 == 0 else "train"
                rows[name] = {"genre": genre, "split": split, "artist_group": name}
        tracks = pd.DataFrame.from_dict(rows, orient="index").rename_axis("track_id")
        super().__init__(tracks, values, 20.0, "made")

    def part(self, test: bool) -> list[str]:
        """Return the tracks to be tested, or those to learn from."""
        return list(self.tracks.index[(self.tracks["split"] == "test") == test])


def write_genres(root: Path, per_genre: int = 8, seconds: float = 2.0) -> Path:
    """Write a folder of music: noise bursts in one genre, steady tones in the other."""
    time = np.arange(round(seconds * RATE)) / RATE
    for number in range(per_genre):
        generator = np.random.default_rng(number)
        tone = 0.3 * np.sin(2 * np.pi * (200 + 40 * number) * time)
        bursts = generator.standard_normal(len(time)) * (time % 0.25 < 0.05)
        for genre, audio in (("tones", tone + 0.003 * bursts), ("bursts", 0.2 * bursts)):
            place = root / genre / f"{genre}-{number}.wav"
            place.parent.mkdir(parents=True, exist_ok=True)
            save(place, np.clip(audio, -1.0, 1.0).astype(np.float32), RATE)
    return root

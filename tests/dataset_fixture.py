"""Sounds, tracks tables and folders whose answers are known, for the data set chapter."""

from pathlib import Path

import numpy as np
import pandas as pd

from musiclib.audio import FloatArray, save
from musiclib.datasets import Dataset, open_dataset

RATE = 24_000
REPOSITORY = Path(__file__).resolve().parents[1]


def noise(seconds: float = 4.0, level: float = 0.1, seed: int = 0) -> FloatArray:
    generator = np.random.default_rng(seed)
    return (level * generator.standard_normal(round(seconds * RATE))).astype(np.float32)


def sine(hertz: float, seconds: float = 4.0, level: float = 0.5) -> FloatArray:
    times = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def clicks(bpm: float, seconds: float = 12.0) -> FloatArray:
    audio = np.zeros(round(seconds * RATE), dtype=np.float32)
    for start in np.arange(0.1, seconds - 0.1, 60 / bpm):
        place = round(start * RATE)
        audio[place : place + 600] = noise(600 / RATE, seed=place) * np.exp(-np.arange(600) / 150)
    return audio


def made_tracks(
    genres: tuple[str, ...] = ("a", "b"), artists_each: int = 6, clips_each: int = 2
) -> pd.DataFrame:
    rows = [
        {"genre": genre, "artist_group": f"{genre}{artist}", "split": split}
        for genre in genres
        for artist in range(artists_each)
        for split in ["test" if artist < artists_each // 3 else "train"]
        for _ in range(clips_each)
    ]
    tracks = pd.DataFrame(rows, index=[f"t{number}" for number in range(len(rows))])
    return tracks.rename_axis("track_id")


def folder(root: Path, genres: tuple[str, ...] = ("high", "low"), each: int = 8) -> Dataset:
    for number, genre in enumerate(genres):
        for piece in range(each):
            place = root / genre / f"{piece}.flac"
            place.parent.mkdir(parents=True, exist_ok=True)
            audio = sine(3000 / (1 + 9 * number) + 20 * piece, 2.5) + noise(2.5, 0.01, piece)
            save(place, audio, RATE)
    return open_dataset("folder", root)

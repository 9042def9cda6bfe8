"""What the chapter found, in sentences that hold for whatever data set it ran on."""

import numpy as np
import pandas as pd

from musiclib.datasets import Dataset, shared_artists
from musiclib.studies.dataset.descriptors import Described
from musiclib.studies.dataset.recognition import Recognition
from musiclib.studies.dataset.scores import (
    ALL,
    ALL_SILENT,
    ALL_SIMPLE,
    BOTH,
    ENCODING_SET,
    FILE_SET,
    LEVEL_SET,
    SILENT,
    SIMPLE,
    Results,
)

FEW_CLIPS = 30
LOSSLESS = ("pcm", "flac", "alac", "wavpack", "ape", "tta", "unknown")
FEW = "There are {} test clips, so the scores that follow are an example and no evidence."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def size(dataset: Dataset) -> str:
    """How much music there is, of how many genres, artists and minutes."""
    tracks = dataset.tracks
    minutes = tracks["duration_s"].sum() / 60
    test = int((tracks["split"] == "test").sum())
    groups = tracks["artist_group"].nunique()
    return (
        f"{_count(len(tracks), 'clip')} by {_count(groups, 'artist group')} "
        f"in {_count(len(dataset.genres), 'genre')}, {_count(round(minutes), 'minute')} in all. "
        f"The test part has {_count(test, 'clip')}."
    )


def measured(described: Described, tracks_in_all: int) -> str:
    """How many clips were measured, and why not all."""
    used, left = len(described.table), len(described.left_out)
    text = ""
    if used + left < tracks_in_all:
        text = (
            f"From here on, a sample of {used + left:,} of the {tracks_in_all:,} clips is used, "
            "drawn by lot in equal shares of each genre and part. "
        )
    if left:
        text += f"Left out, because silent or not decodable: {_count(left, 'clip')}. "
    longest = described.table["seconds"].max()
    return (
        f"{text}Measured: {_count(used, 'clip')} at 24 kHz, mono, up to {longest:.0f} s from the "
        "middle of each."
    )


def disjoint(dataset: Dataset) -> str:
    """How many artist groups are in more than one part of the split."""
    shared = len(shared_artists(dataset.tracks))
    unknown = dataset.tracks["artist"].str.lower() == "unknown"
    text = f"Artist groups in more than one part of the split: {shared}."
    if unknown.any():
        text += f" Clips whose artist is not known: {int(unknown.sum()):,}."
    return text


def labels(dataset: Dataset) -> str:
    """How many labels are guesses, and how many are sure."""
    tracks = dataset.tracks
    if not {"evidence", "confidence"} <= set(tracks.columns):
        return "This data set does not say what its labels rest on."
    guess, low = (tracks["evidence"] == "guess"), (tracks["confidence"] == "low")
    return (
        f"{int(guess.sum())} of {len(tracks)} labels ({100 * guess.mean():.0f} %) are guesses, and "
        f"{int(low.sum())} ({100 * low.mean():.0f} %) have low confidence."
    )


def sources(encoding: pd.DataFrame) -> str:
    """How lossy the sources were, and how many have nothing near 12 kHz."""
    lossy = ~encoding["codec"].str.startswith(LOSSLESS)
    text = f"{int(lossy.sum())} of {len(encoding)} sources were lossy files"
    if lossy.any():
        low, mid, high = np.nanpercentile(encoding.loc[lossy, "bitrate_kbps"], [0, 50, 100])
        text += f", at {mid:.0f} kbps in the median (from {low:.0f} to {high:.0f})"
    if "bandwidth_hz" in encoding:
        narrow = int((encoding["bandwidth_hz"] < 11_500).sum())
        text += f". {narrow} of them had no content above 11.5 kHz"
    return text + "."


def scores(results: Results, genres: list[str]) -> list[str]:
    """What gives away how much of the genre."""
    if not results:
        return [too_few(genres)]
    silent, simple, both = results.get(SILENT, {}), results[SIMPLE], results.get(BOTH, {})
    best = simple[ALL_SIMPLE]
    told = [
        (silent.get(ENCODING_SET), "The encoding of the source alone"),
        (silent.get(LEVEL_SET), "The loudness of the source alone"),
        (silent.get(FILE_SET), "Encoding and loudness, all that a file gives away"),
        (silent.get(ALL_SILENT), "All that is known without listening"),
        (best, "All simple descriptors of the clips"),
        (both.get(ALL), "The descriptors and all that is known without listening"),
    ]
    return [
        "Scores are balanced accuracies with 95 % intervals over artists. "
        f"Over {len(genres)} genres, chance is {best.chance:.2f}; a score is called above chance "
        "if its interval lies above that.",
        *([FEW.format(len(best.hits))] if len(best.hits) < FEW_CLIPS else []),
        *(f"{words}: {result.accuracy:.2f}, {_clear(result)}." for result, words in told if result),
    ]


def confusion(result: Recognition) -> str:
    """The genre that is taken for another one most often."""
    shares = result.confusion.div(result.confusion.sum(axis=1), axis=0)
    others = shares.where(~np.eye(len(shares), dtype=bool)).stack()
    true, guessed = others.idxmax()
    return (
        f"Most often, {_words(true)} is taken for {_words(guessed)}, in {100 * others.max():.0f} % "
        f"of its clips."
    )


def _words(genre: str) -> str:
    return genre.replace("_", " ")


def _clear(result: Recognition) -> str:
    """Whether a score is settled to be above chance."""
    return f"{'above' if result.accuracy.low > result.chance else 'not settled against'} chance"


def too_few(genres: list[str]) -> str:
    """Why nothing was classified."""
    return (
        "Genres were not classified: that needs two genres of similar size, each with clips for "
        f"training and for the test. Genres that qualify here: {len(genres)}."
    )


def trials(table: pd.DataFrame) -> str:
    """Random splits beside artist-disjoint ones."""
    kinds = table.groupby("kind")
    means = kinds[["accuracy", "shared", "known", "unheard"]].mean()
    if "random" not in means.index or "by artist" not in means.index:
        return "There are too few clips to compare random and artist-disjoint splits."
    mixed, clean = means.loc["random"], means.loc["by artist"]
    if mixed["shared"] == 0:
        return "Each clip has an artist of its own, so a random split is artist-disjoint too."
    text = (
        f"A random split puts {100 * mixed['shared']:.0f} % of its test clips beside training "
        f"clips of the same artist. Its mean score is {mixed['accuracy']:.2f} against "
        f"{clean['accuracy']:.2f} with artist-disjoint splits"
    )
    spread = kinds["accuracy"].std()
    if spread.notna().all():
        text += f", with a standard deviation of {spread.max():.2f} from draw to draw"
    if np.isfinite(mixed["unheard"]):
        text += (
            f". Within it, artists that were trained on are guessed right in "
            f"{100 * mixed['known']:.0f} % of their clips, and others in "
            f"{100 * mixed['unheard']:.0f} %"
        )
    return text + "."


def agreement(table: pd.DataFrame) -> str:
    """Agreement with labels of high and of low confidence; empty where that is not known."""
    if not {("confidence", "high"), ("confidence", "low")} <= set(table.index):
        return ""
    high, low = (table.loc[("confidence", value), "agreement (%)"] for value in ("high", "low"))
    return (
        f"Forests that never heard the artist agree with {high} % of the labels of high "
        f"confidence, and with {low} % of those of low confidence."
    )

"""Splits that leak, fewer tracks, tables and sentences of the chapter on genre."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from musiclib.genre import Guesses, Run
from musiclib.latents import CodedFrames, Pooled
from musiclib.studies.genre import coded, figures, findings, splits, tables
from musiclib.studies.genre import systems as names
from musiclib.studies.genre.experiment import Results
from tests.genre_fixture import GENRES, Tracks

ALL = (
    names.METADATA,
    names.DESCRIPTORS,
    names.MFCC_SVM,
    names.MFCC_LOGISTIC,
    names.MFCC_RICH,
    names.MEL_LOGISTIC,
    names.MEL_CNN,
    names.RAW_CNN,
    names.PCA,
    names.DEEP,
    "waveform-8, network",
    names.CODED_FINE,
    names.CODED_COARSE,
)
RATES = pd.DataFrame(
    {
        "gain": [names.FINE_GAIN, names.COARSE_GAIN, 205],
        "kbps": [6.0, 1.5, 0.8],
        "validation": 0.6,
        "balanced": [0.6, 0.4, 0.3],
        "low": 0.2,
        "high": 0.8,
    }
)


class Named:
    """A system that has nothing but a name and a group."""

    def __init__(self, name: str, group: str) -> None:
        self.name, self.group = name, group


def group(name: str) -> str:
    if name in (names.METADATA, names.DESCRIPTORS):
        return names.LOOKED_AT
    if name in (names.CODED_FINE, names.CODED_COARSE):
        return names.CODED
    return names.LATENT if name in (names.DEEP, "waveform-8, network") else names.RAW


def guessing(name: str, runs: list[Run], tracks: pd.DataFrame, right: float) -> Guesses:
    """Guesses that are right for a share of the tracks, the same in both parts."""
    rows = []
    for run in runs:
        for part, members in (("validation", run.validation), ("test", run.test)):
            for place, track in enumerate(members):
                hit = (place * 0.618 + 0.1) % 1.0 < right
                truth = GENRES.index(tracks.loc[track, "genre"])
                for piece in range(3):
                    sure = 0.9 if piece else 0.4
                    chance = sure if hit == (truth == 0) else 1.0 - sure
                    rows.append((run.number, part, track, chance, 1.0 - chance))
    return Guesses(name, pd.DataFrame(rows, columns=["run", "part", "track_id", *GENRES]), GENRES)


class Music:
    """The tracks of a data set, and nothing else."""

    def __init__(self, tracks: pd.DataFrame) -> None:
        self.tracks = tracks

    def __len__(self) -> int:
        return len(self.tracks)


@pytest.fixture(scope="module")
def results() -> Results:
    source = Tracks(60)
    runs = [source.run(number) for number in range(3)]
    shares = (0.5, 0.6, 0.7, 0.7, 0.7, 0.7, 0.7, 0.3, 0.7, 1.0, 0.2, 0.6, 0.4)
    right = dict(zip(ALL, shares, strict=True))
    guesses = {name: guessing(name, runs, source.tracks, right[name]) for name in ALL}
    systems = [Named(name, group(name)) for name in ALL]
    return Results(Music(source.tracks), runs, systems, guesses)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_the_best_is_named_and_compared(results) -> None:
    found = findings.numbers(results)
    assert found["best_name"] == names.DEEP
    assert found["best"] == 1.0
    assert found["best_minus_cnn"] > 0.0
    assert found["best_minus_cnn_low"] <= found["best_minus_cnn"] <= found["best_minus_cnn_high"]
    assert found["waveform_name"] == "waveform-8, network"
    assert found["chance"] == 0.5
    assert math.isnan(found["leak_gain"])


def test_the_codecs_files_are_judged_by_validation_and_never_starred(results) -> None:
    found = coded.numbers(results, RATES)
    assert coded.best(results) == found["codec_name"] == names.CODED_FINE
    assert found["codec"] == results.test(names.CODED_FINE).balanced.mean
    assert (found["codec_fine_kbps"], found["codec_coarse_kbps"]) == (6.0, 1.5)
    assert (found["codec_least"], found["codec_least_kbps"]) == (0.3, 0.8)
    assert found["codec_minus_best"] == pytest.approx(found["codec"] - 1.0)
    assert found["codec_minus_raw"] > 0.0
    assert results.best_latent == names.DEEP
    rivals = [one.second for one in coded.comparisons(results)]
    assert len(rivals) == len(set(rivals)) == len(coded.RIVALS) + 1
    assert rivals[-1] == names.CODED_FINE


def test_errors_come_surest_first_and_are_wrong(results) -> None:
    errors = tables.confident_errors(results, "waveform-8, network", most=4)
    assert len(errors) == 4
    assert (errors["genre"] != errors["guess"]).all()
    assert errors["confidence"].is_monotonic_decreasing
    assert tables.confident_errors(results, names.DEEP).empty


def test_what_is_read_of_a_file_is_drawn_as_it_is() -> None:
    time = np.arange(24_000) / 24_000
    frames = CodedFrames(130).frames((0.3 * np.sin(6000 * time)).astype(np.float32))
    _, panels = figures.coded_frames(frames)
    levels, sizes = (np.asarray(axes.images[0].get_array()) for axes in panels)
    np.testing.assert_allclose(levels, 3.0 * frames.levels.T - 100.0)
    assert (sizes.sum(axis=1).argmax(), sizes.min()) == (frames.levels.mean(axis=0).argmax(), 0.0)


def test_fewer_tracks_come_artist_by_artist_from_the_training_tracks() -> None:
    source = Tracks(24)
    run = source.run()
    tracks = source.tracks.assign(
        artist_group=[f"{n[:4]}{k // 4}" for k, n in enumerate(source.tracks.index)]
    )
    few = splits.fewer(run, tracks, 4)
    assert set(few.train) <= set(run.train)
    assert tracks.loc[list(few.train), "genre"].value_counts().to_dict() == dict.fromkeys(GENRES, 4)
    used = tracks.loc[list(few.train), "artist_group"].value_counts()
    whole = tracks.loc[list(run.train), "artist_group"].value_counts()
    # All artists but the last of a genre are there with everything they have.
    assert (used < whole[used.index]).sum() <= len(GENRES)
    assert few == splits.fewer(run, tracks, 4)


def test_pieces_become_tracks_that_remember_their_own() -> None:
    rows = pd.DataFrame({"track_id": ["a", "a", "b"], "genre": ["x", "x", "y"]})
    found = splits.numbered(Pooled(np.zeros((3, 2), np.float32), rows, "p"))
    assert list(found.rows["track_id"]) == ["a#0", "a#1", "b#0"]
    own = found.rows.set_index("track_id")
    run = splits.pieces_of(Run(0, ("a",), ("b",), (), ("x", "y")), own)
    assert run.train == ("a#0", "a#1")
    assert run.validation == ("b#0",)

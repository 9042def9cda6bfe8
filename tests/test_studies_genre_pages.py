"""Splits that leak, fewer tracks, tables and sentences of the chapter on genre."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from musiclib.datasets import open_dataset
from musiclib.genre import Comparison, Guesses, Run, Statistics
from musiclib.latents import LogMel, Pooled
from musiclib.metrics import Interval
from musiclib.studies.genre import details, figures, findings, splits, tables
from musiclib.studies.genre import systems as names
from musiclib.studies.genre.experiment import Results, deal
from tests.genre_fixture import GENRES, Tracks, write_genres

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
)


class Named:
    """A system that has nothing but a name and a group."""

    def __init__(self, name: str, group: str) -> None:
        self.name, self.group = name, group


def group(name: str) -> str:
    if name in (names.METADATA, names.DESCRIPTORS):
        return names.LOOKED_AT
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
    source = Tracks(30)
    runs = [source.run(number) for number in range(3)]
    right = dict(zip(ALL, (0.5, 0.6, 0.7, 0.7, 0.7, 0.7, 0.7, 0.3, 0.7, 1.0, 0.2), strict=True))
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
    assert "holds." in findings.bars(results)
    assert "better" in findings.answer(results)


def test_numbers_have_the_same_names_when_nothing_was_measured(results) -> None:
    empty, full = findings.nothing(), findings.numbers(results)
    assert empty.keys() == full.keys()
    assert all(isinstance(full[key], str) == isinstance(empty[key], str) for key in full)


def test_tables_have_a_row_for_each_system_and_a_star_for_one(results) -> None:
    table = tables.main_table(results)
    assert len(table) == len(ALL)
    assert [name for name in table.index if tables.BEST in name] == [f"{names.DEEP} {tables.BEST}"]
    both = {name: results.test(name) for name in (names.DEEP, names.MEL_CNN)}
    assert (tables.genre_table(both)[f"{names.DEEP}: recall"] == 1.0).all()


def test_errors_come_surest_first_and_are_wrong(results) -> None:
    errors = tables.confident_errors(results, "waveform-8, network", most=4)
    assert len(errors) == 4
    assert (errors["genre"] != errors["guess"]).all()
    assert errors["confidence"].is_monotonic_decreasing
    assert tables.confident_errors(results, names.DEEP).empty


def test_figures_show_every_system(results) -> None:
    _, axes = figures.score_dots(results)
    assert len(axes.get_yticks()) == len(ALL)
    _, axes = figures.differences(results.comparisons)
    assert len(axes.get_yticks()) == len(results.comparisons)
    _, panels = figures.confusions({names.DEEP: results.test(names.DEEP)})
    assert [text.get_text() for text in panels[0].texts] == ["100", "0", "0", "100"]


def test_sentences_say_what_was_found(results) -> None:
    assert "90" not in findings.protocol(results).split("tracks")[1]
    assert names.DEEP in findings.winner(results)
    assert f"better than: *{names.MFCC_SVM}*" in findings.versus(results)
    assert any("waveform" in line for line in findings.losing(results))
    assert "vote" in details.voting(results)
    rise = Comparison("a, fine-tuned", "a, network", Interval(0.1, 0.05, 0.15, 9), 0.01)
    assert "+0.10" in details.tuned([rise])
    assert "clearly better for 1" in details.tuned([rise])
    assert details.tuned([]) == ""


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


def test_a_leak_is_measured_on_parts_of_the_same_size(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MUSICLIB_CACHE", str(tmp_path / "cache"))
    dataset = open_dataset("folder", write_genres(tmp_path / "own", 8, 2.0))
    system = Statistics("x", "y", (LogMel(),), seconds=0.5)
    leak = splits.measure_leak(system, dataset, deal(dataset))
    for interval in (leak.tracks, leak.mixed_tracks, leak.pieces, leak.mixed_pieces):
        assert 0.5 <= interval.mean <= 1.0
    assert splits.measure_weights(system, dataset, 2) is None

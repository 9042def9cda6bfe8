"""The book's experiment on genre: systems, scores, comparisons, on music that can be told apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from musiclib.datasets import open_dataset
from musiclib.errors import DatasetError
from musiclib.genre import Statistics, System, TrackTable
from musiclib.latents import CodedFrames, LogMel, Mfcc
from musiclib.studies.genre import experiment, systems
from musiclib.studies.genre.experiment import Results
from musiclib.studies.genre.study import Study
from tests.genre_fixture import write_genres


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return open_dataset("folder", write_genres(tmp_path_factory.mktemp("music") / "own"))


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUSICLIB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def few_systems(dataset, *_) -> list[System]:
    noise = np.random.default_rng(0).standard_normal((len(dataset), 3))
    return [
        TrackTable("dice", systems.LOOKED_AT, pd.DataFrame(noise, dataset.tracks.index)),
        Statistics(systems.MFCC_RICH, systems.RAW, (Mfcc(),)),
        Statistics("the latent one", systems.LATENT, (LogMel(),)),
    ]


@pytest.fixture(scope="module")
def results(dataset) -> Results:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "book_systems", few_systems)
        return experiment.run_experiment(dataset, "smoke")


def test_what_can_be_heard_is_recognised_and_dice_know_nothing(results) -> None:
    assert results.test(systems.MFCC_RICH).balanced.mean > 0.8
    assert results.test("dice").balanced.mean < 0.8
    assert results.group(systems.RAW) == [systems.MFCC_RICH]
    assert results.best_latent == "the latent one"


def test_the_table_holds_every_score(results) -> None:
    table = results.table()
    assert list(table.index) == ["dice", systems.MFCC_RICH, "the latent one"]
    # Ten test tracks by fewer than eight artists have no interval.
    assert table[["low", "high"]].isna().all(axis=None)
    scores = table.drop(columns=["group", "low", "high"]).to_numpy(float)
    assert ((scores >= 0.0) & (scores <= 1.0)).all()
    assert (table["low"] <= table["balanced"]).all()


def test_equal_systems_do_not_differ(results) -> None:
    assert [one.second for one in results.comparisons] == [systems.MFCC_RICH]
    comparison = results.compare("dice", "dice")
    assert comparison.difference.mean == 0.0
    assert comparison.p == 1.0
    assert comparison.verdict == "not settled"


def test_files_of_the_codec_are_counted_and_tell_genres_apart(dataset, results) -> None:
    study = Study(dataset, results, "smoke", 0)
    table = study.coded
    assert list(table["gain"]) == [systems.FINE_GAIN, systems.COARSE_GAIN]
    assert (table["balanced"] > 0.8).all()
    fine, coarse = table["kbps"]
    assert fine > coarse > 0.0
    # Counted again by hand: all bytes of the test files over their seconds.
    tested = results.runs[0].test
    sounds = [dataset.cache(24_000).audio(name) for name in tested]
    written = sum(len(CodedFrames(systems.FINE_GAIN).file(sound)) for sound in sounds)
    seconds = sum(len(sound) for sound in sounds) / 24_000
    assert fine == pytest.approx(8 * written / seconds / 1000)
    title, frames = study.coded_example(1.0)
    assert title == dataset.row(tested[0])["title"]
    assert len(frames.levels) == len(frames.values) == 95


@pytest.mark.slow
def test_side_by_side_gives_the_same_guesses(dataset, results) -> None:
    again = experiment.guess_in_parallel(few_systems(dataset), dataset, results.runs, jobs=2)
    assert list(again) == list(results.guesses)
    for name, guesses in again.items():
        pd.testing.assert_frame_equal(guesses.table, results.guesses[name].table)


def test_one_genre_is_refused_with_a_remedy(dataset) -> None:
    with pytest.raises(DatasetError, match="two genres"):
        experiment.deal(dataset.select(genres=["tones"]))


def test_too_few_artists_mean_fewer_runs(dataset) -> None:
    rest = dataset.tracks[dataset.tracks["split"] != "test"]
    few = rest.groupby("genre").head(2).index
    test = dataset.tracks.index[dataset.tracks["split"] == "test"]
    assert len(experiment.deal(dataset)) == 5
    assert len(experiment.deal(dataset.select(track_ids=[*few, *test]))) < 5


@pytest.mark.slow
def test_every_system_of_the_book_works_on_a_readers_music(dataset) -> None:
    found = experiment.run_experiment(dataset, "smoke")
    groups = {system.group for system in found.systems}
    assert groups >= {systems.RAW, systems.LATENT, systems.TUNED}
    assert found.test(systems.MFCC_RICH).balanced.mean > 0.9


def test_missing_numbers_are_filled_from_tracks_that_may_be_learned_from() -> None:
    tracks = pd.DataFrame({"split": ["train", "train", "test", "test"]}, index=list("abcd"))
    table = pd.DataFrame({"x": [1.0, 3.0, 100.0, np.nan], "nothing": np.nan}, index=tracks.index)
    assert systems.filled(table, tracks).to_dict("list") == {"x": [1.0, 3.0, 100.0, 2.0]}


def test_names_of_the_books_systems_differ() -> None:
    shown = [
        value
        for name, value in vars(systems).items()
        if name.isupper() and isinstance(value, str) and "," in value
    ]
    assert len(shown) == len(set(shown)) > 8

"""The book's experiment on genre: systems, scores, comparisons, on music that can be told apart."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from musiclib.datasets import open_dataset
from musiclib.errors import DatasetError
from musiclib.evidence import Parameters
from musiclib.genre import Statistics, TrackTable, guess_all
from musiclib.latents import CodedFrames, LogMel, Mfcc
from musiclib.studies.genre import experiment, predictions, sizes, systems
from musiclib.studies.genre.experiment import Results
from musiclib.studies.genre.study import study
from musiclib.studies.genre.systems import Entry
from tests.genre_fixture import write_genres


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return open_dataset("folder", write_genres(tmp_path_factory.mktemp("music") / "own"))


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUSICLIB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def few_systems(dataset, *_) -> list[Entry]:
    noise = np.random.default_rng(0).standard_normal((len(dataset), 3))
    few = [
        TrackTable("dice", systems.LOOKED_AT, pd.DataFrame(noise, dataset.tracks.index)),
        Statistics(systems.MFCC_RICH, systems.RAW, (Mfcc(),)),
        Statistics("the latent one", systems.LATENT, (LogMel(),)),
    ]
    return [Entry.of(system) for system in few]


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


def test_equal_systems_do_not_differ(results) -> None:
    assert [one.second for one in results.comparisons] == [systems.MFCC_RICH]
    comparison = results.compare("dice", "dice")
    assert comparison.difference.mean == 0.0
    assert comparison.p == 1.0
    assert comparison.verdict == "not settled"


@pytest.fixture(scope="module")
def shown(dataset):
    """What the chapter shows of a few systems."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictions, "book_systems", few_systems)
        patch.setattr(predictions, "LEAKS", (systems.MFCC_RICH,))
        patch.setattr(predictions, "CURVES", (systems.MFCC_RICH,))
        patch.setattr(predictions, "trained", lambda *_: None)
        patch.setattr(sizes, "step_entries", lambda *_: [])
        mfcc = Entry.of(Statistics("mfcc", systems.LATENT, (Mfcc(),)))
        table = pd.DataFrame({"family": ["MFCC"], "size": [20], "rate": [1.0], "entry": [mfcc]})
        patch.setattr(sizes, "size_entries", lambda *_: table)
        predictions._studies.cache_clear()
        found, reason = study(Parameters("folder", str(dataset.root), "smoke"))
        assert reason == ""
        assert found is not None
        yield found
        predictions._studies.cache_clear()


def test_predictions_one_by_one_are_those_of_the_experiment(shown, results) -> None:
    for name in results.guesses:
        for kind in experiment.KINDS:
            one, other = shown.results.scores[name][kind], results.scores[name][kind]
            assert one.balanced.mean == pytest.approx(other.balanced.mean)
            assert np.allclose(one.confusion, other.confusion)
    system = Statistics(systems.MFCC_RICH, systems.RAW, (Mfcc(),))
    alone = guess_all(system, results.dataset, results.runs).of_tracks.table
    kept = shown.predictions.guesses(predictions.MAIN, systems.MFCC_RICH).table
    columns = list(results.runs[0].genres)
    assert list(kept["track_id"]) == list(alone["track_id"])
    assert np.allclose(kept[columns], alone[columns], rtol=1e-3, atol=1e-6)


def test_a_leak_flatters_no_less_than_none_and_more_tracks_do_no_harm(shown) -> None:
    (leak,) = shown.leaks
    assert leak.system == systems.MFCC_RICH
    assert leak.mixed_pieces.mean >= leak.pieces.mean - 0.1
    assert leak.tracks.mean == shown.results.test(systems.MFCC_RICH).balanced.mean
    curve = shown.curve
    assert set(curve["tracks"][~curve["all"]]) < set(predictions.splits.PER_GENRE)
    levels = curve.groupby("tracks")["balanced"].mean()
    assert levels.iloc[-1] >= levels.iloc[0]
    assert sorted(curve["run"][curve["all"]]) == [run.number for run in shown.results.runs]


def test_files_of_the_codec_are_counted_and_tell_genres_apart(dataset, shown) -> None:
    table = shown.coded
    assert list(table["gain"]) == [systems.FINE_GAIN, systems.COARSE_GAIN]
    assert (table["balanced"] > 0.8).all()
    fine, coarse = table["kbps"]
    assert fine > coarse > 0.0
    # Counted again by hand: all bytes of the test files over their seconds.
    tested = shown.results.runs[0].test
    sounds = [dataset.cache(24_000).audio(name) for name in tested]
    written = sum(len(CodedFrames(systems.FINE_GAIN).file(sound)) for sound in sounds)
    seconds = sum(len(sound) for sound in sounds) / 24_000
    assert fine == pytest.approx(8 * written / seconds / 1000)
    title, frames = shown.coded_example(1.0)
    assert title == dataset.row(tested[0])["title"]
    assert len(frames.levels) == len(frames.values) == 95


def test_one_genre_is_refused_with_a_remedy(dataset) -> None:
    with pytest.raises(DatasetError, match="two genres"):
        experiment.deal(dataset.select(genres=["tones"]))


def test_too_few_artists_mean_fewer_runs(dataset) -> None:
    rest = dataset.tracks[dataset.tracks["split"] != "test"]
    few = rest.groupby("genre").head(2).index
    test = dataset.tracks.index[dataset.tracks["split"] == "test"]
    assert len(experiment.deal(dataset)) == 5
    assert len(experiment.deal(dataset.select(track_ids=[*few, *test]))) < 5


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

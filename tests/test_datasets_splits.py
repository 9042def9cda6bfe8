"""Splits that keep every artist on one side, and segments."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from musiclib.datasets import (
    folds,
    open_dataset,
    random_segments,
    scored_genres,
    segments,
    shared_artists,
    split_tracks,
)
from musiclib.errors import DatasetError

pytestmark = pytest.mark.filterwarnings("ignore:genre:UserWarning")


def table(genres: list[str], groups: list[str]) -> pd.DataFrame:
    index = [f"t{number:05d}" for number in range(len(genres))]
    return pd.DataFrame({"genre": genres, "artist_group": groups}, index=index)


def corpus(tracks: int = 600, genres: int = 6, artists: int = 150, seed: int = 0) -> pd.DataFrame:
    """Return tracks of artists who mostly keep to one genre, some far more productive."""
    draw = np.random.default_rng(seed)
    weights = np.minimum(draw.pareto(2.0, artists) + 0.3, 3.0)
    artist = draw.choice(artists, tracks, p=weights / weights.sum())
    genre = np.where(draw.random(tracks) < 0.9, artist % genres, draw.integers(0, genres, tracks))
    return table([f"g{g}" for g in genre], [f"a{a}" for a in artist])


tables = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), min_size=2, max_size=120).map(
    lambda rows: table([f"g{g}" for g, _ in rows], [f"a{a}" for _, a in rows])
)


@pytest.mark.filterwarnings("ignore:all .* tracks are by one artist:UserWarning")
@settings(max_examples=40, deadline=None)
@given(tables, st.integers(0, 2**31), st.floats(0.1, 0.9), st.floats(0, 0.5))
def test_parts_share_no_artist_and_cover_all_tracks(tracks, seed, fraction, validation):
    split = split_tracks(tracks, fraction, seed, validation)
    assert shared_artists(tracks.assign(split=split)) == []
    assert list(split.index) == list(tracks.index)
    assert set(split) <= {"train", "validation", "test"}
    assert "train" in set(split)
    if tracks["artist_group"].nunique() > 1:
        assert "test" in set(split)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 1000))
def test_shares_are_near_70_to_30_in_all_and_in_each_genre(corpus_seed, seed):
    tracks = corpus(seed=corpus_seed)
    test = split_tracks(tracks, seed=seed) == "test"
    assert abs(test.mean() - 0.3) < 0.02
    assert (abs(test.groupby(tracks["genre"]).mean() - 0.3) < 0.06).all()


def test_equal_seeds_agree_whatever_the_order_and_other_seeds_differ():
    tracks = corpus()
    shuffled = tracks.sample(frac=1, random_state=1)
    first = split_tracks(tracks, seed=5)
    pd.testing.assert_series_equal(first, split_tracks(tracks, seed=5))
    pd.testing.assert_series_equal(first, split_tracks(shuffled, seed=5).loc[tracks.index])
    others = [tuple(split_tracks(tracks, seed=seed)) for seed in range(6)]
    assert len(set(others)) == 6


@settings(max_examples=25, deadline=None)
@given(tables, st.integers(2, 6), st.integers(0, 1000))
def test_every_artist_is_in_one_fold(tracks, count, seed):
    if tracks["artist_group"].nunique() < 2 or tracks["genre"].value_counts().max() < 2:
        with pytest.raises(DatasetError, match="add music by others"):
            folds(tracks, count, seed)
        return
    number = folds(tracks, count, seed)
    assert list(number.index) == list(tracks.index)
    assert (number.groupby(tracks["artist_group"]).nunique() == 1).all()
    assert 2 <= number.nunique() <= count
    assert number.between(1, count).all()
    mixed = tracks.sample(frac=1.0, random_state=1)
    assert folds(mixed, count, seed).sort_index().equals(number.sort_index())


def test_scored_genres_are_large_and_by_several_artists():
    sizes = {"a": 40, "b": 20, "c": 19, "d": 40, "unknown": 60}
    genres = [genre for genre, size in sizes.items() for _ in range(size)]
    groups = ["one" if genre == "d" else str(place) for place, genre in enumerate(genres)]
    assert scored_genres(table(genres, groups)) == ["a", "b"]
    assert scored_genres(table(["a"] * 5, list("12345"))) == []


RATE = 1_000
# Seconds by file; the sample value tells the track, a ramp the place.
SECONDS = {"a/0.wav": 10.0, "a/1.wav": 4.0, "b/2.wav": 2.5, "b/3.wav": 0.5}


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.setenv("MUSICLIB_CACHE", str(tmp_path / "cache"))
    for path, seconds in SECONDS.items():
        file = tmp_path / "music" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        ramp = np.arange(round(seconds * RATE), dtype=np.int16)
        soundfile.write(file, ramp, RATE, subtype="PCM_16")
    dataset = open_dataset("folder", tmp_path / "music")
    return dataset, dataset.cache(RATE)


@pytest.mark.filterwarnings("ignore:1 of 4 tracks:UserWarning")
def test_tiling_covers_each_track_once_in_order(made):
    dataset, cache = made
    table = segments(dataset, cache, seconds=2.0)
    assert table.groupby("track_id").size().to_dict() == {"a/0.wav": 5, "a/1.wav": 2, "b/2.wav": 1}
    assert (table["length"] == 2_000).all()
    assert list(table["genre"]) == [track_id[0] for track_id in table["track_id"]]
    assert list(table["split"]) == list(dataset.tracks.loc[table["track_id"], "split"])
    pieces = [cache.segment(r.track_id, r.start, r.length) for r in table[:5].itertuples()]
    np.testing.assert_array_equal(np.concatenate(pieces), cache.audio("a/0.wav"))


def test_random_segments_are_what_their_labels_say(made):
    dataset, cache = made
    for batch in itertools.islice(random_segments(dataset, cache, 1.0, batch_size=8), 20):
        assert batch.audio.shape == (8, 1_000)
        assert batch.audio.dtype == np.float32
        np.testing.assert_array_equal(batch.audio[:, 0] * 32_768, batch.starts)
        for track_id, audio in zip(batch.track_ids, batch.audio, strict=True):
            assert audio[-1] * 32_768 < SECONDS[track_id] * RATE


def test_random_segments_resume_and_depend_on_the_seed(made):
    dataset, cache = made
    batches = list(itertools.islice(random_segments(dataset, cache, 1.0, seed=3), 6))
    resumed = next(random_segments(dataset, cache, 1.0, seed=3, first_batch=5))
    np.testing.assert_array_equal(resumed.audio, batches[5].audio)
    assert (batches[0].starts != batches[1].starts).any()
    other = next(random_segments(dataset, cache, 1.0, seed=4))
    assert (other.starts != batches[0].starts).any()


def test_random_segments_are_even_over_time_or_genres(made):
    for balance, share in (("time", 1_502 / 13_503), ("genre", 0.5)):
        batch = next(random_segments(*made, 1.0, batch_size=4_000, balance=balance))
        short = np.mean([track_id == "b/2.wav" for track_id in batch.track_ids])
        assert short == pytest.approx(share, abs=0.03)
        places = batch.starts[[track_id == "a/0.wav" for track_id in batch.track_ids]]
        assert places.min() < 200
        assert places.max() > 8_800
        assert places.mean() == pytest.approx(4_500, rel=0.06)

"""Splits: artist-disjoint always, near the wanted shares, seeded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musiclib.datasets import (
    folds,
    scored_genres,
    shared_artists,
    split_tracks,
    with_validation,
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
@settings(max_examples=60, deadline=None)
@given(tables, st.integers(0, 2**31), st.floats(0.1, 0.9), st.floats(0, 0.5))
def test_parts_share_no_artist_and_cover_all_tracks(tracks, seed, fraction, validation):
    split = split_tracks(tracks, fraction, seed, validation)
    assert shared_artists(tracks.assign(split=split)) == []
    assert list(split.index) == list(tracks.index)
    assert set(split) <= {"train", "validation", "test"}
    assert "train" in set(split)
    if tracks["artist_group"].nunique() > 1:
        assert "test" in set(split)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 1000))
def test_shares_are_near_70_to_30_in_all_and_in_each_genre(corpus_seed, seed):
    tracks = corpus(seed=corpus_seed)
    test = split_tracks(tracks, seed=seed) == "test"
    assert abs(test.mean() - 0.3) < 0.02
    assert (abs(test.groupby(tracks["genre"]).mean() - 0.3) < 0.06).all()


def test_single_track_artists_are_split_exactly():
    tracks = table(["a"] * 100 + ["b"] * 100, [str(n) for n in range(200)])
    test = split_tracks(tracks) == "test"
    assert test.groupby(tracks["genre"]).sum().to_dict() == {"a": 30, "b": 30}


@pytest.mark.parametrize("fraction", [0.5, 0.7, 0.8, 0.9])
def test_other_fractions(fraction):
    train = split_tracks(corpus(), fraction) == "train"
    assert abs(train.mean() - fraction) < 0.03


def test_validation_is_cut_from_the_training_part_only():
    tracks = corpus()
    plain = split_tracks(tracks, seed=3)
    split = split_tracks(tracks, seed=3, validation_fraction=0.15)
    assert ((plain == "test") == (split == "test")).all()
    share = (split == "validation").sum() / (plain == "train").sum()
    assert abs(share - 0.15) < 0.03


def test_equal_seeds_agree_whatever_the_order_and_other_seeds_differ():
    tracks = corpus()
    shuffled = tracks.sample(frac=1, random_state=1)
    first = split_tracks(tracks, seed=5)
    pd.testing.assert_series_equal(first, split_tracks(tracks, seed=5))
    pd.testing.assert_series_equal(first, split_tracks(shuffled, seed=5).loc[tracks.index])
    others = [tuple(split_tracks(tracks, seed=seed)) for seed in range(6)]
    assert len(set(others)) == 6


def test_with_validation_leaves_test_alone():
    tracks = corpus().assign(split=split_tracks(corpus()))
    cut = with_validation(tracks, 0.15, seed=2)
    assert ((cut["split"] == "test") == (tracks["split"] == "test")).all()
    assert shared_artists(cut) == []
    share = (cut["split"] == "validation").sum() / (tracks["split"] == "train").sum()
    assert abs(share - 0.15) < 0.03
    assert not (tracks["split"] == "validation").any()


@pytest.mark.parametrize("count", [2, 3, 5])
def test_tiny_folders_get_a_test_part(count):
    tracks = table(["g"] * count, [str(n) for n in range(count)])
    split = split_tracks(tracks)
    assert set(split) == {"train", "test"}
    assert (split == "test").sum() <= max(1, count // 2)


def test_one_track_of_each_genre():
    tracks = table(list("abcdefghij"), [str(n) for n in range(10)])
    assert (split_tracks(tracks) == "test").sum() == 3


def test_one_artist_is_all_training_with_a_warning():
    tracks = table(["a", "b", "a"], ["x"] * 3)
    with pytest.warns(UserWarning, match="all 3 tracks are by one artist"):
        assert set(split_tracks(tracks)) == {"train"}


@pytest.mark.filterwarnings("default:genre:UserWarning")
def test_genre_with_one_artist_is_warned_of():
    tracks = table(["a"] * 6 + ["b"] * 2, [*"123456", "7", "7"])
    with pytest.warns(UserWarning, match="single artist.*: b$"):
        split_tracks(tracks)


def test_bad_arguments_are_refused():
    tracks = corpus(30)
    for call in (
        lambda: split_tracks(tracks, 0.0),
        lambda: split_tracks(tracks, 1.0),
        lambda: split_tracks(tracks, validation_fraction=1.0),
        lambda: split_tracks(tracks.iloc[:0]),
        lambda: split_tracks(tracks.drop(columns="genre")),
        lambda: with_validation(tracks.assign(split="test")),
        lambda: with_validation(tracks.assign(split="train"), 0.0),
    ):
        with pytest.raises(DatasetError):
            call()


@settings(max_examples=40, deadline=None)
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


def test_folds_are_of_a_size_and_hold_all_genres():
    tracks = corpus()
    shares = pd.crosstab(folds(tracks), tracks["genre"], normalize="columns")
    assert shares.to_numpy() == pytest.approx(0.2, abs=0.06)


def test_scored_genres_are_large_and_by_several_artists():
    sizes = {"a": 40, "b": 20, "c": 19, "d": 40, "unknown": 60}
    genres = [genre for genre, size in sizes.items() for _ in range(size)]
    groups = ["one" if genre == "d" else str(place) for place, genre in enumerate(genres)]
    assert scored_genres(table(genres, groups)) == ["a", "b"]
    assert scored_genres(table(["a"] * 5, list("12345"))) == []

"""Who learns from which tracks."""

import pandas as pd
import pytest

from musiclib.datasets import open_dataset
from musiclib.errors import DatasetError
from musiclib.genre import leaking, runs, scored_genres


@pytest.fixture(scope="module")
def tracks() -> pd.DataFrame:
    return open_dataset("mini").tracks


def test_no_artist_is_in_two_parts_of_a_run(tracks) -> None:
    for run in runs(tracks):
        parts = [set(tracks.loc[list(part), "artist_group"]) for part in _parts(run)]
        assert not parts[0] & parts[1]
        assert not parts[0] & parts[2]
        assert not parts[1] & parts[2]


def test_each_track_outside_the_test_part_is_held_out_once(tracks) -> None:
    dealt = runs(tracks)
    held = [name for run in dealt for name in run.validation]
    used = tracks[tracks["genre"].isin(scored_genres(tracks))]
    assert sorted(held) == sorted(used.index[used["split"] != "test"])
    assert all(set(run.train) | set(run.validation) == set(held) for run in dealt)


def test_the_test_part_is_the_same_in_every_run_and_never_learned_from(tracks) -> None:
    dealt = runs(tracks)
    assert len({run.test for run in dealt}) == 1
    assert set(tracks.loc[list(dealt[0].test), "split"]) == {"test"}
    assert not any(set(run.test) & set(run.train) for run in dealt)


def test_the_five_balanced_genres_are_scored(tracks) -> None:
    assert scored_genres(tracks) == [
        "ambient",
        "electronic",
        "folk_world",
        "orchestral",
        "rock_metal",
    ]


def test_equal_seeds_deal_alike_and_others_do_not(tracks) -> None:
    assert runs(tracks, seed=3) == runs(tracks, seed=3)
    assert [run.train for run in runs(tracks, seed=3)] != [run.train for run in runs(tracks)]


def test_a_leaking_run_keeps_sizes_and_shares_artists(tracks) -> None:
    run = runs(tracks)[0]
    leaky = leaking(run, tracks)
    for honest, other in zip(_parts(run), _parts(leaky), strict=True):
        assert len(honest) == len(other)
        kinds = [tracks.loc[list(part), "genre"].value_counts() for part in (honest, other)]
        assert kinds[0].to_dict() == kinds[1].to_dict()
    assert sorted(sum(_parts(leaky), ())) == sorted(sum(_parts(run), ()))
    train, test = (set(tracks.loc[list(p), "artist_group"]) for p in (leaky.train, leaky.test))
    assert train & test


@pytest.mark.parametrize(
    ("genres", "artists", "message"),
    [
        (["a"] * 12, list(range(12)), "two genres"),
        (["a", "b"] * 6, ["x", "y"] * 6, "at least 5 artists"),
    ],
)
def test_too_little_music_is_refused_with_a_remedy(genres, artists, message) -> None:
    table = pd.DataFrame(
        {"genre": genres, "artist_group": [str(artist) for artist in artists]},
        index=[f"t{number}" for number in range(12)],
    )
    table["split"] = ["test"] * 2 + ["train"] * 10
    with pytest.raises(DatasetError, match=message):
        runs(table)


def test_one_run_is_refused(tracks) -> None:
    with pytest.raises(DatasetError, match="at least 2 runs"):
        runs(tracks, count=1)


def _parts(run):
    return run.train, run.validation, run.test

"""The chapter on classification: what luck does to scores, where it can be computed."""

import numpy as np
import pandas as pd
import pytest

from musiclib.genre import Guesses, compare, score
from musiclib.studies.classification import luck
from tests.dataset_fixture import made_tracks

GENRES = ("a", "b")


@pytest.fixture
def tracks() -> pd.DataFrame:
    return made_tracks(artists_each=12, clips_each=4)


def scored(tracks: pd.DataFrame, right: float, seed: int, by: str = "track_id"):
    """Score of a system that guesses tracks, or all tracks of an artist, right by chance."""
    generator = np.random.default_rng(seed)
    test = tracks[tracks["split"] == "test"]
    owner = test.index.to_series() if by == "track_id" else test[by]
    luck_of = {name: generator.random() < right for name in owner.unique()}
    rows = [
        {
            "run": 0,
            "part": "test",
            "track_id": name,
            **{g: 0.9 if (g == genre) == luck_of[owner[name]] else 0.1 for g in GENRES},
        }
        for name, genre in test["genre"].items()
    ]
    return score(Guesses(f"system {seed}", pd.DataFrame(rows), GENRES), tracks)


def test_the_examples_disagree() -> None:
    table = luck.measure_table()
    assert table["accuracy"].idxmax() != table["balanced accuracy"].idxmax()
    assert table["macro F1"].idxmax() != table["balanced accuracy"].idxmax()
    assert table.iloc[0]["balanced accuracy"] == pytest.approx(1 / 3)
    assert table.iloc[0]["accuracy"] > table.iloc[2]["accuracy"]
    totals = {tuple(map(sum, rows)) for rows in luck.EXAMPLES.values()}
    assert totals == {(80, 15, 5)}


def test_artists_as_units_widen_where_they_share_their_fate(tracks) -> None:
    shared = scored(tracks, 0.6, 3, "artist_group")
    assert 0.0 < shared.balanced.mean < 1.0
    found = luck.intervals(shared, tracks)
    width = {name: one.high - one.low for name, one in found.items()}
    assert width["artists"] > 1.4 * width["tracks"]
    assert found["artists"].low == pytest.approx(shared.balanced.low)
    assert found["tracks"].mean == pytest.approx(shared.balanced.mean)


def test_intervals_over_tracks_promise_too_much_in_such_a_world() -> None:
    groups = pd.Series(np.repeat(np.arange(30), 4))
    fate = luck.shared_fate(groups, 0.7)
    assert fate.artist_width == pytest.approx(2 * fate.track_width, rel=0.15)
    assert fate.track_cover < 0.8 < 0.92 < fate.artist_cover


def test_intervals_agree_where_each_track_has_its_own_artist() -> None:
    fate = luck.shared_fate(pd.Series(np.arange(60)), 0.7)
    assert fate.artist_width == pytest.approx(fate.track_width, rel=0.05)
    assert abs(fate.artist_cover - fate.track_cover) < 0.05


def test_coins_give_the_p_of_the_comparison(tracks) -> None:
    first, second = scored(tracks, 0.9, 1), scored(tracks, 0.5, 2)
    found = luck.tosses(first, second, tracks)
    comparison = compare(first, second, tracks)
    mean = comparison.difference.mean
    assert found.mean() == pytest.approx(0.0, abs=0.02)
    share = np.mean(np.abs(found) >= abs(mean) - 1e-12)
    assert share == pytest.approx(comparison.p, abs=0.02)
    assert np.abs(luck.tosses(first, first, tracks)).max() == 0.0


def test_the_best_of_many_rises_from_the_truth() -> None:
    counts = [1, 2, 5, 20, 100]
    best = luck.best_of(counts, 55, 0.75)
    assert best[0] == pytest.approx(0.75)
    assert (np.diff(best) > 0).all()
    assert best[-1] < 1.0
    assert luck.best_of([20], 5_000, 0.75)[0] < best[3] - 0.05


def test_simulation_and_formula_agree_on_independent_systems() -> None:
    counts = [1, 10, 40]
    simulated = luck.best_of_alike(counts, 55, 0.75, 0.0)
    np.testing.assert_allclose(simulated, luck.best_of(counts, 55, 0.75), atol=0.01)
    alike = luck.best_of_alike(counts, 55, 0.75, 0.9)
    assert alike[-1] < simulated[-1]
    same = luck.best_of_alike(counts, 55, 0.75, 1.0)
    assert same[0] == same[-1]

"""Cross-validation of genre: a tested artist is never learned from, and tuning stays inside."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from musiclib.datasets import folds
from musiclib.errors import DatasetError
from musiclib.genre import crossval
from musiclib.latents import Pooled

PIECES = 3


def corpus(artists: int = 30, tracks: int = 3, seed: int = 0) -> pd.DataFrame:
    """Return tracks of artists with a genre each, dealt into folds."""
    rows = [(f"g{a % 3}", f"a{a}") for a in range(artists) for _ in range(tracks)]
    index = pd.Index([f"t{n:03d}" for n in range(len(rows))], name="track_id")
    table = pd.DataFrame(rows, columns=["genre", "artist_group"], index=index)
    return table.assign(fold=folds(table, 5, seed))


def vectors(tracks: pd.DataFrame, of_genre: float, of_artist: float, seed: int = 0) -> Pooled:
    """Return pieces whose columns hold so much of their genre, and so much of their artist."""
    draw = np.random.default_rng(seed)
    genre = {g: draw.standard_normal(8) for g in sorted(set(tracks["genre"]))}
    artist = {a: draw.standard_normal(8) for a in sorted(set(tracks["artist_group"]))}
    rows = tracks.loc[np.repeat(tracks.index, PIECES)].reset_index()
    values = [
        of_genre * genre[row.genre] + of_artist * artist[row.artist_group] + draw.standard_normal(8)
        for row in rows.itertuples()
    ]
    rows = rows.assign(split="train", start_s=0.0)
    return Pooled(np.array(values, np.float32), rows, "made")


def test_every_track_is_tested_once_and_genres_are_found():
    tracks = corpus()
    pieces = vectors(tracks, of_genre=3.0, of_artist=0.0)
    found = crossval.cross_validate(lambda _: pieces, tracks)
    assert sorted(found.index) == sorted(tracks.index)
    genres = ["g0", "g1", "g2"]
    assert np.exp(found[genres]).sum(axis=1).le(1.0 + 1e-6).all()  # geometric means
    assert crossval.balanced_accuracy(found[genres].idxmax(axis=1), tracks["genre"]) > 0.9


def test_what_is_known_of_artists_alone_is_worth_nothing():
    tracks = corpus(artists=60, tracks=4)
    pieces = vectors(tracks, of_genre=0.0, of_artist=3.0)
    found = crossval.cross_validate(lambda _: pieces, tracks)
    accuracy = crossval.balanced_accuracy(found[["g0", "g1", "g2"]].idxmax(axis=1), tracks["genre"])
    assert accuracy < 0.5  # chance is 1/3, and a split by tracks would give nearly 1


def test_tested_tracks_change_nothing_but_themselves():
    tracks = corpus()
    pieces = vectors(tracks, of_genre=1.0, of_artist=0.5)
    held_out = pieces.rows["track_id"].map(tracks["fold"] == 2).to_numpy()
    moved = Pooled(np.where(held_out[:, None], 1e3, pieces.values), pieces.rows, "moved")
    kept, other = (crossval.predict_fold(one, tracks, 2) for one in (pieces, moved))
    assert kept["strength"].equals(other["strength"])
    assert not np.allclose(kept["g0"], other["g0"])
    # Labels of the tested tracks are not looked at either.
    relabelled = tracks.assign(genre=tracks["genre"].where(tracks["fold"] != 2, "g0"))
    rows = pieces.rows.assign(genre=pieces.rows["track_id"].map(relabelled["genre"]))
    again = crossval.predict_fold(Pooled(pieces.values, rows, "relabelled"), relabelled, 2)
    pd.testing.assert_frame_equal(again, kept)


def test_one_strength_is_what_scikit_learn_does():
    tracks = corpus()
    pieces = vectors(tracks, of_genre=1.0, of_artist=0.5)
    found = crossval.cross_validate(lambda _: pieces, tracks, strengths=(0.1,))
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, max_iter=300, tol=1e-3, class_weight="balanced")
    )
    logs = cross_val_predict(
        model,
        pieces.values,
        pieces.rows["genre"],
        groups=pieces.rows["track_id"].map(tracks["fold"]),
        cv=LeaveOneGroupOut(),
        method="predict_log_proba",
    )
    expected = (
        pd.DataFrame(logs, columns=["g0", "g1", "g2"]).groupby(pieces.rows["track_id"]).mean()
    )
    np.testing.assert_allclose(found[["g0", "g1", "g2"]].sort_index(), expected.sort_index())


def test_an_encoder_may_differ_by_fold():
    tracks = corpus()
    pieces = vectors(tracks, of_genre=2.0, of_artist=0.0)
    asked: list[int] = []

    def features(fold: int) -> Pooled:
        asked.append(fold)
        return pieces

    crossval.cross_validate(features, tracks, strengths=(0.1,))
    assert asked == [1, 2, 3, 4, 5]


def test_a_genre_by_artists_of_one_fold_is_refused():
    tracks = corpus()
    tracks["genre"] = tracks["genre"].mask(tracks["fold"] == 3, "rare")
    pieces = vectors(tracks, of_genre=1.0, of_artist=0.0)
    with pytest.raises(DatasetError, match="no track of rare is left"):
        crossval.predict_fold(pieces, tracks, 3)


def test_values_that_are_not_finite_are_refused():
    tracks = corpus()
    pieces = vectors(tracks, of_genre=1.0, of_artist=0.0)
    pieces.values[0, 0] = np.nan
    with pytest.raises(DatasetError, match="not finite"):
        crossval.predict_fold(pieces, tracks, 1)


def coins(tracks: pd.DataFrame, shares: dict[str, float], seed: int) -> pd.DataFrame:
    """Return systems that get each artist's tracks right together, with a probability each."""
    draw = np.random.default_rng(seed)
    artists = tracks["artist_group"].unique()
    hits = {name: pd.Series(draw.random(len(artists)) < p, artists) for name, p in shares.items()}
    return pd.DataFrame(
        {name: tracks["artist_group"].map(hit) for name, hit in hits.items()}
    ).astype(float)


def test_comparisons_of_equal_systems_are_rarely_settled():
    tracks = corpus(artists=40)
    settled = [
        crossval.compare(coins(tracks, {"a": 0.7, "b": 0.7}, seed), [("a", "b")], tracks)[
            "verdict"
        ][0]
        in ("better", "worse")
        for seed in range(60)
    ]
    assert np.mean(settled) < 0.12


def test_what_is_called_visible_is_seen_four_times_in_five():
    tracks = corpus(artists=60)
    gap = 0.25
    found = [
        crossval.compare(
            coins(tracks, {"a": 0.5 + gap, "b": 0.5}, seed), [("a", "b")], tracks
        ).iloc[0]
        for seed in range(40)
    ]
    visible = np.mean([row["visible"] for row in found])
    power = np.mean([row["verdict"] == "better" for row in found])
    # Of a difference a little larger, or smaller, than the visible one, the power says which.
    assert (power > 0.8) == (gap > visible) or abs(power - 0.8) < 0.15
    assert all(row["n"] == 60 for row in found)


def test_comparisons_of_a_table_are_corrected_together():
    tracks = corpus(artists=40)
    hits = coins(tracks, {"a": 0.9, "b": 0.6, "c": 0.5}, 1)
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    found = crossval.compare(hits, pairs, tracks)
    assert (found["p_holm"] >= found["p"]).all()
    alone = crossval.compare(hits, pairs[:1], tracks).iloc[0]
    assert alone["p"] == alone["p_holm"] == found["p"][0]
    turned = crossval.compare(hits, [("b", "a")], tracks).iloc[0]
    assert turned["difference"] == pytest.approx(-found["difference"][0])


def test_a_small_folder_is_dealt_so_that_each_genre_can_be_learned():
    index = pd.Index([f"t{n}" for n in range(6)], name="track_id")
    small = pd.DataFrame({"genre": list("aabbcc"), "artist_group": list("123456")}, index)
    for seed in range(20):
        dealt = crossval.deal(small, seed)
        assert (dealt.groupby("genre")["fold"].nunique() == 2).all()
    large = corpus().drop(columns="fold")
    assert crossval.deal(large, 3)["fold"].equals(folds(large, seed=3))
    with pytest.raises(DatasetError, match="no two genres"):
        crossval.deal(small.assign(genre="a"))


def test_hits_and_scores_are_those_of_plain_counting():
    tracks = corpus(artists=30, tracks=2)
    generator = np.random.default_rng(0)
    guess = generator.choice(["g0", "g1", "g2"], len(tracks))
    logs = pd.DataFrame(np.log(0.1), tracks.index, ["g0", "g1", "g2"])
    for name, genre in zip(tracks.index, guess, strict=True):
        logs.loc[name, genre] = np.log(0.8)
    perfect = pd.DataFrame(
        {genre: np.where(tracks["genre"] == genre, 0.0, -5.0) for genre in ("g0", "g1", "g2")},
        tracks.index,
    )
    tables = [one.assign(system=name).reset_index() for name, one in (("x", logs), ("y", perfect))]
    found = crossval.hits(pd.concat(tables), tracks)
    assert list(found.columns) == ["x", "y"]
    assert found["x"].reindex(tracks.index).eq(guess == tracks["genre"]).all()
    scored = crossval.scores(found, tracks).set_index("system")
    by_genre = pd.Series(guess == tracks["genre"], tracks.index).groupby(tracks["genre"]).mean()
    assert scored.loc["x", "mean"] == pytest.approx(by_genre.mean())
    assert scored.loc["x", "low"] < scored.loc["x", "mean"] < scored.loc["x", "high"]
    assert scored.loc["y", "mean"] == 1.0
    assert set(scored["n"]) == {30}


def test_balanced_accuracy_weighs_genres_equally():
    genres = pd.Series(["a"] * 9 + ["b"])
    found = crossval.balanced_interval([1.0] * 9 + [0.0], genres, pd.Series(range(10)))
    assert found.mean == 0.5
    assert found.n == 10
    alone = crossval.balanced_interval([1.0] * 10, genres, pd.Series(["one"] * 10))
    assert np.isnan(alone.low)  # a single artist has no interval

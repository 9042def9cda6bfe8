"""Genre: cross-validation, systems, descriptors."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from musiclib.audio import FloatArray, save
from musiclib.datasets import folds, open_dataset
from musiclib.datasets.debian import bundled_folds, split_pieces
from musiclib.evidence import BUNDLED, Parameters
from musiclib.features import Pooled
from musiclib.genre import crossval, systems
from musiclib.genre.systems import System
from musiclib.training import find_shipped, load
from tests import signals
from tests.genre_fixture import write_genres

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
    rows, genres = pieces.rows, ["g0", "g1", "g2"]
    logs = cross_val_predict(
        model,
        pieces.values,
        rows["genre"],
        groups=rows["track_id"].map(tracks["fold"]),
        cv=LeaveOneGroupOut(),
        method="predict_log_proba",
    )
    expected = pd.DataFrame(logs, columns=genres).groupby(rows["track_id"]).mean()
    np.testing.assert_allclose(found[genres].sort_index(), expected.sort_index())


def coins(tracks: pd.DataFrame, shares: dict[str, float], seed: int) -> pd.DataFrame:
    """Return systems that get each artist's tracks right together, with a probability each."""
    draw = np.random.default_rng(seed)
    artists = tracks["artist_group"].unique()
    hits = {name: pd.Series(draw.random(len(artists)) < p, artists) for name, p in shares.items()}
    return pd.DataFrame(
        {name: tracks["artist_group"].map(hit) for name, hit in hits.items()}
    ).astype(float)


def test_comparisons_of_equal_systems_are_rarely_settled():
    tracks, equal = corpus(artists=40), {"a": 0.7, "b": 0.7}
    draws = (coins(tracks, equal, seed) for seed in range(40))
    verdicts = [crossval.compare(one, [("a", "b")], tracks)["verdict"][0] for one in draws]
    assert np.mean([verdict in ("better", "worse") for verdict in verdicts]) < 0.13


def test_hits_and_scores_are_those_of_plain_counting():
    tracks = corpus(artists=30, tracks=2)
    guess = np.random.default_rng(0).choice(["g0", "g1", "g2"], len(tracks))
    tables = []
    for name, chosen in (("x", guess), ("y", tracks["genre"])):
        logs = {genre: np.where(chosen == genre, -0.2, -2.0) for genre in ("g0", "g1", "g2")}
        tables.append(pd.DataFrame(logs, tracks.index).assign(system=name).reset_index())
    found = crossval.hits(pd.concat(tables), tracks)
    assert list(found.columns) == ["x", "y"]
    assert found["x"].reindex(tracks.index).eq(guess == tracks["genre"]).all()
    scored = crossval.scores(found, tracks).set_index("system")
    by_genre = pd.Series(guess == tracks["genre"], tracks.index).groupby(tracks["genre"]).mean()
    assert scored.loc["x", "mean"] == pytest.approx(by_genre.mean())
    assert scored.loc["x", "low"] < scored.loc["x", "mean"] < scored.loc["x", "high"]
    assert scored.loc["y", "mean"] == 1.0
    assert set(scored["n"]) == {30}


ENCODERS = ("pca-16", "pca-64", "deep-16", "deep-64", "rate-18", "rvq", "waveform-rate")
BY_FOLD = ("pca-64", "deep-64")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Parameters:
    root = write_genres(tmp_path_factory.mktemp("music"), per_genre=6)
    for number, path in enumerate(sorted(root.rglob("*.wav"))):
        path.rename(path.with_name(f"artist{number} - song.wav"))
    return Parameters("folder", str(root), "smoke")


@pytest.mark.parametrize("split", ["apart", *(f"fold-{fold}" for fold in range(1, 6))])
def test_shipped_encoders_have_heard_no_artist_that_they_are_tested_on(split):
    tracks = BUNDLED.music.tracks
    if split != "apart":
        tracks = bundled_folds()
        tracks = tracks[tracks["fold"] == int(split[-1])]
    pieces = split_pieces(split)
    assert not set(pieces["artist_group"]) & set(tracks["artist_group"])
    for name in ENCODERS if split == "apart" else BY_FOLD:
        record = load(find_shipped(f"{name}-{split}.safetensors")).record["data"]
        assert record["dataset"] == f"debian-{split}"
        assert record["train_tracks"] == (pieces["split"] == "train").sum()


def test_music_of_ones_own_is_kept_apart_in_the_same_way(folder):
    tracks = systems.tracks_with_folds(folder)
    for fold in sorted(tracks["fold"].unique()):
        music = systems.without(folder, int(fold)).tracks
        parts = music.groupby("split")["artist_group"].agg(set)
        assert parts["test"] == set(tracks.loc[tracks["fold"] == fold, "artist_group"])
        assert not parts["test"] & (parts["train"] | parts["validation"])
        assert not parts["train"] & parts["validation"]
        assert len(music) == len(folder.music.tracks)


def test_a_missing_number_becomes_the_median(folder):
    def table(music) -> pd.DataFrame:
        values = np.arange(len(music.tracks), dtype=float)
        values[0] = np.nan
        return pd.DataFrame({"number": values, "nothing": np.nan}, music.tracks.index)

    system = systems.of_tracks(table, "made")
    assert isinstance(system, System)
    pieces = system.pieces(folder, 1)
    assert pieces.values.shape == (12, 1)  # a column without any number is left out
    assert pieces.values[0, 0] == np.median(np.arange(1, 12))


RATE = 24_000


def sine(hertz: float, seconds: float) -> FloatArray:
    return signals.tone(hertz, round(seconds * RATE), RATE)


def clicks(bpm: float, seconds: float) -> FloatArray:
    audio = signals.silence(round(seconds * RATE))
    for start in np.arange(0.1, seconds - 0.1, 60 / bpm):
        place = round(start * RATE)
        audio[place : place + 600] = signals.noise(600, place) * np.exp(-np.arange(600) / 150)
    return audio


def test_a_tone_is_described_as_one() -> None:
    tone = systems.describe(sine(1000.0, 2.0), RATE)
    assert tone["rms_db"] == pytest.approx(20 * math.log10(0.5) - 3.01, abs=0.05)
    assert tone["crest_db"] == pytest.approx(3.01, abs=0.05)
    assert tone["range_db"] == pytest.approx(0.0, abs=0.05)
    assert tone["crossings_hz"] == pytest.approx(2000.0, abs=3.0)
    assert tone["centroid_hz"] == pytest.approx(1000.0, abs=30.0)
    assert tone["rolloff_hz"] == pytest.approx(1000.0, abs=30.0)
    assert tone["bandwidth_hz"] < 1500.0


def test_clicks_have_a_pulse_and_a_tempo() -> None:
    sounds = clicks(120.0, 8.0), signals.noise(8 * RATE), sine(1000.0, 8.0)
    beat, held, tone = (systems.describe(sound, RATE) for sound in sounds)
    assert beat["tempo_bpm"] == pytest.approx(120.0, rel=0.05)
    assert beat["pulse"] > 0.5 > held["pulse"] + 0.3
    assert beat["percussive"] > 0.3 + tone["percussive"]
    assert beat["range_db"] >= 0.0


def test_all_of_a_folder(tmp_path: Path) -> None:
    for name, audio in (("high/3.flac", sine(3000.0, 4.0)), ("low/0.flac", sine(300.0, 4.0))):
        (tmp_path / name).parent.mkdir()
        save(tmp_path / name, audio, RATE)
    save(tmp_path / "low" / "silent.wav", signals.silence(RATE), RATE)
    save(tmp_path / "low" / "short.wav", signals.noise(RATE // 5), RATE)
    (tmp_path / "low" / "damaged.flac").write_bytes(
        (tmp_path / "low" / "0.flac").read_bytes()[:900] + bytes(500)
    )
    found = systems.descriptor_table(open_dataset("folder", tmp_path))
    assert list(found.index) == ["high/3.flac", "low/0.flac", "low/short.wav"]
    assert list(found) == list(systems.DESCRIPTORS)
    assert found.loc["high/3.flac", "centroid_hz"] > 2000.0

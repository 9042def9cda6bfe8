"""Systems: no encoder has heard the artists of the fold that is tested."""

import numpy as np
import pandas as pd
import pytest

from musiclib.datasets.debian import bundled_folds, split_pieces
from musiclib.errors import DatasetError
from musiclib.evidence import BUNDLED, Parameters
from musiclib.genre import systems
from musiclib.genre.systems import SYSTEMS, System
from musiclib.training import find_shipped, load
from tests.genre_fixture import write_genres

ENCODERS = ("pca-16", "pca-64", "deep-16", "deep-64", "rate-18", "rvq", "waveform-rate")
BY_FOLD = ("pca-64", "deep-64")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Parameters:
    root = write_genres(tmp_path_factory.mktemp("music"), per_genre=6)
    for number, path in enumerate(sorted(root.rglob("*.wav"))):
        path.rename(path.with_name(f"artist{number} - song.wav"))
    return Parameters("folder", str(root), "smoke")


@pytest.mark.parametrize("name", [f"{name}-apart" for name in ENCODERS])
def test_shipped_encoders_have_heard_no_artist_of_the_bundled_music(name):
    record = load(find_shipped(f"{name}.safetensors")).record["data"]
    assert record["dataset"] == "debian-apart"
    learned = set(split_pieces("apart")["artist_group"])
    assert not learned & set(BUNDLED.music.tracks["artist_group"])
    assert record["train_tracks"] == (split_pieces("apart")["split"] == "train").sum()


@pytest.mark.parametrize("fold", range(1, 6))
@pytest.mark.parametrize("name", BY_FOLD)
def test_encoders_by_fold_have_not_heard_its_artists(name, fold):
    record = load(find_shipped(f"{name}-fold-{fold}.safetensors")).record["data"]
    assert record["dataset"] == f"debian-fold-{fold}"
    pieces, tracks = split_pieces(f"fold-{fold}"), bundled_folds()
    held_out = set(tracks.loc[tracks["fold"] == fold, "artist_group"])
    assert not held_out & set(pieces["artist_group"])
    assert record["train_tracks"] == (pieces["split"] == "train").sum()


def test_music_of_ones_own_is_kept_apart_in_the_same_way(folder):
    tracks = systems.dealt(folder)
    for fold in sorted(tracks["fold"].unique()):
        music = systems.without(folder, int(fold)).tracks
        parts = music.groupby("split")["artist_group"].agg(set)
        assert parts["test"] == set(tracks.loc[tracks["fold"] == fold, "artist_group"])
        assert not parts["test"] & (parts["train"] | parts["validation"])
        assert not parts["train"] & parts["validation"]
        assert len(music) == len(folder.music.tracks)


def test_dealings_differ_and_all_keep_artists_together():
    dealings = [systems.dealt(BUNDLED, number) for number in range(3)]
    for tracks in dealings:
        assert tracks.groupby("artist_group")["fold"].nunique().max() == 1
        assert sorted(tracks.index) == sorted(dealings[0].index)
    assert not dealings[0]["fold"].equals(dealings[1]["fold"].reindex(dealings[0].index))


def test_what_depends_on_a_fold_is_dealt_once():
    plain, by_fold = SYSTEMS["MFCC"], SYSTEMS["Deep autoencoder, 64, by fold"]
    shipped, trained = BUNDLED, Parameters(profile="retrain")
    assert not plain.changes(shipped)
    assert not plain.changes(trained)
    assert by_fold.changes(shipped)
    # Trained on the music of the chapter itself, an encoder must not hear the tested fold.
    assert not SYSTEMS["Spectrogram autoencoder"].changes(shipped)
    assert SYSTEMS["Spectrogram autoencoder"].changes(trained)


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


@pytest.mark.filterwarnings("ignore:all")
def test_music_of_one_genre_is_refused_with_the_remedy(tmp_path):
    root = write_genres(tmp_path / "music", per_genre=2)
    for path in (root / "bursts").iterdir():
        path.unlink()
    with pytest.raises(DatasetError, match="add music"):
        systems.dealt(Parameters("folder", str(root)))

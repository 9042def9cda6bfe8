"""The list of pieces of `debian` is whole, and keeps off the bundled test part."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from musiclib.datasets import debian, open_dataset, shared_artists
from musiclib.errors import DatasetError


@pytest.fixture(scope="module")
def pieces() -> pd.DataFrame:
    return debian.read_pieces()


def plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())


def test_the_list_is_whole(pieces):
    packages = debian.read_packages()
    assert len(pieces) == 572
    assert pieces["duration_s"].sum() / 3600 == pytest.approx(31.4, abs=0.1)
    assert set(pieces["package"]) == set(packages.index)
    for table, column in ((pieces, "sha256"), (packages, "sha256"), (pieces, "path")):
        assert table[column].is_unique
    for table in (pieces, packages):
        assert table["sha256"].str.fullmatch("[0-9a-f]{64}").all()
    assert not pieces.duplicated(["package", "source_path", "inner_path"]).any()
    required = ["title", "artist", "artist_group", "genre", "licence", "source_path"]
    assert (pieces[required] != "").all(axis=None)
    free = r"(CC0|CC-BY|CC-BY-SA|L?GPL|MIT|Zlib|Public-Domain|Free-Art-License|EFF-OAL)[-\d.\w]*"
    assert pieces["licence"].str.fullmatch(f"{free}( OR {free})*").all()


def test_nothing_of_the_bundled_test_part_is_in_the_list(pieces):
    bundled = open_dataset("mini").tracks
    test = bundled[bundled["split"] == "test"]
    assert not set(pieces["artist_group"]) & set(test["artist_group"])
    known = test[test["artist"] != "Unknown"]
    assert not set(pieces["artist"].map(plain)) & set(known["artist"].map(plain))
    assert not set(pieces.index) & set(test.index)
    places = ["package", "source_path", "inner_path"]
    assert not set(pieces[places].apply(tuple, axis=1)) & set(test[places].apply(tuple, axis=1))
    # Other pieces happen to have these names; none sounds like its namesake.
    same = set(pieces["title"].map(plain)) & set(test["title"].map(plain))
    assert same <= {"intro", "snow", "foresttheme"}


def test_validation_is_by_the_artists_of_the_bundled_validation_part(pieces):
    bundled = open_dataset("mini", seed=2).tracks
    split = debian.with_parts(pieces)["split"]
    train, validation = (
        set(pieces.loc[split == name, "artist_group"]) for name in ("train", "validation")
    )
    assert set(bundled.loc[bundled["split"] == "validation", "artist_group"]) == validation
    assert not validation & train
    assert 0.05 < (split == "validation").mean() < 0.25


def test_an_encoder_for_a_fold_hears_none_of_its_artists(pieces):
    dealt = debian.bundled_folds()
    assert len(dealt) == 180
    assert dealt["artist_group"].nunique() == 93
    for number, tested in dealt.groupby("fold"):
        found = debian.split_pieces(f"fold-{number}")
        assert not set(found["artist_group"]) & set(tested["artist_group"])
        # Whoever else made music is heard.
        left_out = pieces.index.difference(found.index)
        assert set(pieces.loc[left_out, "artist_group"]) <= set(tested["artist_group"])
        hours = found.groupby("split")["duration_s"].sum() / 3600
        assert hours["train"] > 22
        assert hours["validation"] > 1.5
        assert shared_artists(found) == []


def test_an_encoder_apart_hears_none_of_the_bundled_artists():
    found = debian.split_pieces("apart")
    assert not set(found["artist_group"]) & set(open_dataset("mini").tracks["artist_group"])
    assert found["duration_s"].sum() / 3600 == pytest.approx(8.2, abs=0.1)
    assert 0.05 < (found["split"] == "validation").mean() < 0.25
    assert shared_artists(found) == []
    with pytest.raises(DatasetError, match="fold-5"):
        debian.split_pieces("fold-6")


def test_all_bundled_training_clips_are_cut_from_pieces_of_the_list(pieces):
    bundled = open_dataset("mini").tracks
    bundled = bundled[bundled["split"] != "test"]
    assert set(bundled.index) == set(pieces.index[pieces["mini"] == "train"])
    same = ["artist_group", "genre", "title", "licence", "package", "source_path"]
    assert pieces.loc[bundled.index, same].equals(bundled[same].astype(pieces[same].dtypes))


def test_packages_are_pinned_as_the_bundled_ones(pieces):
    bundled = pd.read_csv(open_dataset("mini").root / "packages.csv", dtype=str)
    bundled = bundled.set_index("package")
    packages = debian.read_packages()
    both = packages.index.intersection(bundled.index)
    assert len(both) > 30
    same = ["version", "architecture", "sha256"]
    assert packages.loc[both, same].eq(bundled.loc[both, same]).all(axis=None)

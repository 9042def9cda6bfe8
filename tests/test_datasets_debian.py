"""Music from Debian's packages: the list, splits, packages, downloads."""

from __future__ import annotations

import csv
import re
import shutil

import numpy as np
import pytest

from musiclib.cli.main import main
from musiclib.datasets import (
    debian,
    download_debian,
    open_dataset,
    random_segments,
    shared_artists,
)
from musiclib.datasets.debian import DebPackage, extract_inner, fetch
from tests.debian_fixture import RATE, open_shop
from tests.fma_server import FmaServer, zip_bytes


@pytest.fixture(scope="module")
def pieces():
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


needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not here")


@pytest.fixture
def shop(tmp_path, monkeypatch):
    return open_shop(tmp_path, monkeypatch)


@needs_dpkg
def test_pieces_arrive_with_credits_and_sound_as_they_were_packed(shop, tmp_path, monkeypatch):
    monkeypatch.setenv("MUSICLIB_CACHE", str(tmp_path / "cache"))
    found = download_debian(tmp_path)
    assert (found.pieces, found.wanted, dict(found.missing)) == (8, 8, {})
    # Credits lie beside the music, and packages are gone.
    kept = {file.name for file in found.folder.iterdir() if file.name[0] != "."}
    assert kept == {"LICENSES", "music", "tracks.csv"}
    assert not (found.folder / ".unpacked").exists()
    with (found.folder / "tracks.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["path"] for row in rows} == {f"music/t{number}.flac" for number in range(8)}
    assert rows[3]["artist"] == "Artist 3, and friends"
    assert rows[7]["package"] == "beta"
    assert all(row["licence"] == "CC0-1.0" and row["version"] == "1:2.0-1" for row in rows)
    assert (found.folder / "LICENSES/alpha.copyright").read_text() == "alpha: CC0-1.0\n"
    dataset = open_dataset("debian", tmp_path)
    assert len(dataset) == 8
    assert dataset.skipped.empty
    cache = dataset.cache(RATE)
    for number in (0, 7):  # a file of a package, and one of an archive in a package
        spectrum = np.abs(np.fft.rfft(cache.audio(f"t{number}")))
        assert np.argmax(spectrum) * 5 == 100 * (number + 1)
    batch = next(random_segments(dataset.part("train"), cache, seconds=0.1, batch_size=3))
    assert batch.audio.shape == (3, RATE // 10)
    assert np.abs(batch.audio).max() == pytest.approx(0.3, abs=0.01)


@needs_dpkg
def test_a_second_download_fetches_only_what_is_missing_or_damaged(shop, tmp_path):
    folder = download_debian(tmp_path).folder
    assert shop.requests() == ["alpha", "beta"]
    assert download_debian(tmp_path).pieces == 8
    assert shop.requests() == []
    damaged = folder / "music/t6.flac"
    good = damaged.read_bytes()
    damaged.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert download_debian(tmp_path).pieces == 8
    assert shop.requests() == ["beta"]
    assert damaged.read_bytes() == good
    (folder / "LICENSES/alpha.copyright").unlink()
    download_debian(tmp_path)
    assert shop.requests() == ["alpha"]


@needs_dpkg
def test_one_lost_version_is_named_and_the_rest_comes(shop, tmp_path, capsys):
    shop.deb("alpha").unlink()
    command = ["data", "download", "debian", "--root", str(tmp_path)]
    assert main(command) == 1
    out = capsys.readouterr().out
    assert "4 of 8 pieces" in out
    assert re.search(r"alpha 1:2.0-1: .*was not found.*apt-get update.*snapshot", out)
    assert "beta 1:2.0-1" not in out
    dataset = open_dataset("debian", tmp_path)
    assert list(dataset.skipped.index) == ["t0", "t1", "t2", "t3"]
    assert "musiclib data download debian" in dataset.skipped["reason"].iloc[0]
    with (tmp_path / "debian/tracks.csv").open(newline="") as stream:
        assert {row["package"] for row in csv.DictReader(stream)} == {"beta"}


@needs_dpkg
def test_packages_come_from_a_mirror_where_apt_has_none(shop, tmp_path):
    names = ("alpha", "beta")
    files = {f"{name}_2.0-1_all.deb": shop.deb(name).read_bytes() for name in names}
    for name in names:
        shop.deb(name).unlink()
    command = ["data", "download", "debian", "--root", str(tmp_path), "--base-url"]
    with FmaServer(files=files) as server:
        server.cut_after = [1_000]
        assert main([*command, server.url + "/debian/"]) == 0
        assert {name for name, _ in server.requests} == set(files)
        assert len(server.requests) == 3  # a broken transfer goes on
        assert len(open_dataset("debian", tmp_path)) == 8
        assert not (tmp_path / "debian/packages").exists()
        shutil.rmtree(tmp_path / "debian")
        server.files.pop("alpha_2.0-1_all.deb")
        found = download_debian(tmp_path, base_url=server.url)
    assert re.search("answered 404.*name a mirror", found.missing["alpha 1:2.0-1"])
    assert found.pieces == 4
    assert shop.requests() == []


@needs_dpkg
def test_a_piece_with_other_bytes_is_refused(shop, tmp_path):
    table = debian.TABLES / "debian_tracks.csv"
    table.write_text(table.read_text().replace(shop.pieces.loc["t7", "sha256"], "0" * 64))
    found = download_debian(tmp_path)
    assert "not the piece t7" in found.missing["beta 1:2.0-1"]
    assert not (tmp_path / "debian/music/t7.flac").exists()


def test_names_in_archives_do_not_decide_where_files_go(tmp_path):
    out, song = tmp_path / "out" / "deep", b"music " * 1000
    out.mkdir(parents=True)
    for member in ("../../escape.ogg", "/etc/escape.ogg"):
        (tmp_path / "data.zip").write_bytes(zip_bytes({member: song}))
        extracted = extract_inner(tmp_path / "data.zip", member, out)
        assert extracted.parent == out
        assert extracted.read_bytes() == song


def test_a_download_lands_in_the_folder(tmp_path, monkeypatch):
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    script = bin_folder / "apt-get"
    script.write_text('#!/bin/sh\nprintf "$2" > "tune_2.0-1_amd64.deb"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(bin_folder), prepend=":")
    got = fetch(DebPackage("tune", "2.0-1", "amd64"), tmp_path / "debs")
    assert got.read_bytes() == b"tune:amd64=2.0-1"

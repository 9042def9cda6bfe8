"""Music from Debian's packages: fetched, verified, opened, decoded."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

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
from musiclib.errors import ArchiveError, DatasetError, DownloadError
from tests.debian_fixture import RATE, Shop, open_shop
from tests.fma_server import FmaServer

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not here")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    return open_shop(tmp_path, monkeypatch)


@needs_dpkg
def test_pieces_arrive_and_sound_as_they_were_packed(shop, tmp_path, monkeypatch):
    monkeypatch.setenv("MUSICLIB_CACHE", str(tmp_path / "cache"))
    found = download_debian(tmp_path)
    assert (found.pieces, found.wanted, dict(found.missing)) == (8, 8, {})
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
def test_credits_lie_beside_the_music_and_packages_are_gone(shop, tmp_path):
    folder = download_debian(tmp_path).folder
    assert sorted(file.name for file in folder.iterdir() if file.name[0] != ".") == [
        "LICENSES",
        "music",
        "tracks.csv",
    ]
    assert not (folder / ".unpacked").exists()
    with (folder / "tracks.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["path"] for row in rows} == {f"music/t{number}.flac" for number in range(8)}
    assert rows[3]["artist"] == "Artist 3, and friends"
    assert rows[7]["package"] == "beta"
    assert all(row["licence"] == "CC0-1.0" and row["version"] == "1:2.0-1" for row in rows)
    assert (folder / "LICENSES/alpha.copyright").read_text() == "alpha: CC0-1.0\n"


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
def test_an_interrupted_download_goes_on(shop, tmp_path, monkeypatch):
    from musiclib.datasets import gathering

    def interrupted(*_: object) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(gathering, "extract_inner", interrupted)
        with pytest.raises(KeyboardInterrupt):
            download_debian(tmp_path)
    assert shop.requests() == ["alpha", "beta"]
    assert download_debian(tmp_path).pieces == 8
    assert shop.requests() == []  # the package that was being unpacked was still there
    assert not (tmp_path / "debian/packages").exists()


@needs_dpkg
def test_packages_are_taken_from_a_folder_and_kept_there(shop, tmp_path):
    kept = tmp_path / "debs"
    kept.mkdir()
    shutil.copy(shop.deb("beta"), kept)
    assert (
        main(["data", "download", "debian", "--root", str(tmp_path), "--packages", str(kept)]) == 0
    )
    assert shop.requests() == ["alpha"]
    assert {file.name for file in kept.iterdir()} == {
        shop.deb("alpha").name,
        shop.deb("beta").name,
    }


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
def test_a_package_with_other_bytes_is_refused(shop, tmp_path):
    shop.deb("alpha").write_bytes(shop.deb("beta").read_bytes())
    found = download_debian(tmp_path)
    assert list(found.missing) == ["alpha 1:2.0-1"]
    assert "SHA-256" in found.missing["alpha 1:2.0-1"]
    assert found.pieces == 4


@needs_dpkg
def test_a_piece_with_other_bytes_is_refused(shop, tmp_path):
    table = debian.TABLES / "debian_tracks.csv"
    table.write_text(table.read_text().replace(shop.pieces.loc["t7", "sha256"], "0" * 64))
    found = download_debian(tmp_path)
    assert "not the piece t7" in found.missing["beta 1:2.0-1"]
    assert not (tmp_path / "debian/music/t7.flac").exists()


def test_without_the_tools_nothing_is_tried(shop, tmp_path, monkeypatch):
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    with pytest.raises(ArchiveError, match="install the package dpkg"):
        download_debian(tmp_path)
    (empty / "dpkg-deb").touch(mode=0o755)
    with pytest.raises(DownloadError, match=r"2 packages are not in .*the first is alpha_1%3a2"):
        download_debian(tmp_path)


@needs_dpkg
def test_the_commands_list_check_and_decode(shop, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MUSICLIB_CACHE", str(tmp_path / "cache"))
    root = ["--root", str(tmp_path)]
    assert main(["data", "download", "debian", *root]) == 0
    assert main(["data", "list", "debian", *root]) == 0
    out = capsys.readouterr().out
    assert "8 artist groups, 0 of them in more than one split" in out
    assert main(["data", "check", "debian", *root]) == 0
    assert "8 tracks, 8 with a checksum, 0 problems" in capsys.readouterr().out
    assert main(["data", "cache", "debian", *root]) == 0
    assert "8 tracks, 0.00 h at 24000 Hz" in capsys.readouterr().out
    (tmp_path / "debian/music/t2.flac").write_bytes(b"no music")
    assert main(["data", "check", "debian", *root]) == 1
    assert "music/t2.flac: wrong SHA256" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ("debian", "--delete-archives"),
        ("fma_small", "--packages", "debs"),
    ],
)
def test_an_option_of_another_data_set_is_refused(shop, tmp_path, capsys, arguments):
    assert main(["data", "download", *arguments, "--root", str(tmp_path)]) == 2
    assert "leave it out" in capsys.readouterr().err


def test_what_cannot_be_opened_says_how_to_get_it(shop, tmp_path, monkeypatch):
    monkeypatch.delenv("MUSICLIB_DATA", raising=False)
    with pytest.raises(DatasetError, match="musiclib data download debian --root FOLDER"):
        open_dataset("debian")
    with pytest.raises(DatasetError, match="no folder debian/"):
        open_dataset("debian", tmp_path)
    (tmp_path / "debian/music").mkdir(parents=True)
    with pytest.raises(DatasetError, match=f"none of the 8 pieces .* --root {tmp_path}`"):
        open_dataset("debian", tmp_path)
    with pytest.raises(DatasetError, match="use 'official'"):
        open_dataset("debian", tmp_path, split="70-30")


def test_there_is_no_test_part(shop, tmp_path, monkeypatch):
    (tmp_path / "debian/music").mkdir(parents=True)
    for path in shop.pieces["path"]:
        (tmp_path / "debian" / path).touch()
    monkeypatch.setenv("MUSICLIB_DATA", str(tmp_path))
    dataset = open_dataset("debian")
    assert set(dataset.tracks["split"]) == {"train", "validation"}
    assert shared_artists(dataset.tracks) == []
    with pytest.raises(DatasetError, match=r"open_dataset\('mini'\)\.part\('test'\)"):
        dataset.part("test")
    with pytest.raises(DatasetError, match="no test part"):
        dataset.select(genres=["ambient"]).part("test")
    assert len(dataset.part("train")) + len(dataset.part("validation")) == 8

"""Taking files out of Debian packages."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from musiclib.datasets.debian import DebPackage, extract, extract_inner, fetch
from musiclib.errors import ArchiveError, DownloadError
from musiclib.files import sha256_of

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not here")
SONG = b"music " * 1000


@pytest.fixture
def deb(tmp_path: Path) -> Path:
    """A package with a song, a link to it and a zip archive."""
    root = tmp_path / "tree"
    folder = root / "usr/share/games/tune"
    folder.mkdir(parents=True)
    (folder / "song one.ogg").write_bytes(SONG)
    (folder / "link.ogg").symlink_to("song one.ogg")
    (folder / "no-suffix").write_bytes(b"other")
    with zipfile.ZipFile(folder / "data.pk3", "w") as archive:
        archive.writestr("music/inner.ogg", SONG)
    (root / "DEBIAN").mkdir()
    (root / "DEBIAN/control").write_text(
        "Package: tune\nVersion: 1:2.0-1\nArchitecture: all\nMaintainer: M <m@example.org>\n"
        "Description: test\n"
    )
    target = tmp_path / "tune_1%3a2.0-1_all.deb"
    command = ["dpkg-deb", "--root-owner-group", "--build", str(root), str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return target


@needs_dpkg
def test_files_come_out_as_they_went_in(deb: Path, tmp_path: Path) -> None:
    wanted = ["/usr/share/games/tune/song one.ogg", "/usr/share/games/tune/no-suffix"]
    files = extract(deb, wanted, tmp_path / "out")
    assert files[wanted[0]].read_bytes() == SONG
    assert files[wanted[1]].read_bytes() == b"other"
    assert len(list((tmp_path / "out").iterdir())) == 2


@needs_dpkg
def test_extracted_files_are_kept(deb: Path, tmp_path: Path) -> None:
    wanted = ["/usr/share/games/tune/song one.ogg"]
    extract(deb, wanted, tmp_path / "out")
    deb.unlink()
    assert extract(deb, wanted, tmp_path / "out")[wanted[0]].read_bytes() == SONG


@needs_dpkg
def test_a_file_inside_an_archive_inside_a_package(deb: Path, tmp_path: Path) -> None:
    member = "/usr/share/games/tune/data.pk3"
    archive = extract(deb, [member], tmp_path / "out")[member]
    assert extract_inner(archive, "music/inner.ogg", tmp_path / "out").read_bytes() == SONG
    with pytest.raises(ArchiveError, match="absent"):
        extract_inner(archive, "absent.ogg", tmp_path / "out")


@needs_dpkg
@pytest.mark.parametrize("member", ["/absent.ogg", "/usr/share/games/tune/link.ogg"])
def test_a_missing_file_or_a_link_is_refused(deb: Path, tmp_path: Path, member: str) -> None:
    with pytest.raises(ArchiveError, match="no regular file"):
        extract(deb, [member], tmp_path / "out")


@needs_dpkg
@pytest.mark.parametrize("keep", [0, 7, 150])
def test_a_damaged_package_is_refused(deb: Path, tmp_path: Path, keep: int) -> None:
    deb.write_bytes(deb.read_bytes()[:keep])
    with pytest.raises(ArchiveError):
        extract(deb, ["/usr/share/games/tune/song one.ogg"], tmp_path / "out")


def test_a_damaged_inner_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_bytes(b"no zip")
    with pytest.raises(ArchiveError, match="not a readable zip"):
        extract_inner(tmp_path / "data.zip", "a.ogg", tmp_path)


@pytest.mark.parametrize("member", ["../../escape.ogg", "/etc/escape.ogg"])
def test_names_in_archives_do_not_decide_where_files_go(tmp_path: Path, member: str) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr(member, SONG)
    out = tmp_path / "out" / "deep"
    out.mkdir(parents=True)
    extracted = extract_inner(tmp_path / "data.zip", member, out)
    assert extracted.parent == out
    assert extracted.read_bytes() == SONG


def test_a_package_at_hand_is_not_downloaded(tmp_path: Path) -> None:
    package = DebPackage("tune", "1:2.0-1")
    (tmp_path / package.file_name).write_bytes(b"package")
    assert package.file_name == "tune_1%3a2.0-1_all.deb"
    good = DebPackage("tune", "1:2.0-1", "all", sha256_of(tmp_path / package.file_name))
    assert fetch(good, tmp_path) == tmp_path / package.file_name
    with pytest.raises(DownloadError, match="SHA-256"):
        fetch(DebPackage("tune", "1:2.0-1", "all", "0" * 64), tmp_path)


def test_without_apt_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DownloadError, match="by hand"):
        fetch(DebPackage("tune", "2.0-1"), tmp_path)
    with pytest.raises(ArchiveError, match="dpkg"):
        extract(tmp_path / "tune.deb", ["/a"], tmp_path)


def test_a_failed_download_tells_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    script = bin_folder / "apt-get"
    script.write_text("#!/bin/sh\necho 'E: Version 2.0-1 was not found' >&2\nexit 100\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(bin_folder), prepend=":")
    with pytest.raises(DownloadError, match="was not found"):
        fetch(DebPackage("tune", "2.0-1"), tmp_path / "debs")
    assert not list((tmp_path / "debs").iterdir())


def test_a_download_lands_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    script = bin_folder / "apt-get"
    script.write_text('#!/bin/sh\nprintf "$2" > "tune_2.0-1_amd64.deb"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(bin_folder), prepend=":")
    got = fetch(DebPackage("tune", "2.0-1", "amd64"), tmp_path / "debs")
    assert got.read_bytes() == b"tune:amd64=2.0-1"

"""Archives: what is honest comes out whole, what is hostile does not come out."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from musiclib.datasets import archives
from musiclib.datasets.archives import Limits, extract_zip
from musiclib.errors import ArchiveError, DownloadError
from tests.fma_server import zip_bytes

CONTENT = np.random.default_rng(0).bytes(300_000)
LIMITS = Limits(total_bytes=10_000_000)


def archive(tmp_path: Path, members: dict[str, bytes]) -> Path:
    path = tmp_path / "b.zip"
    path.write_bytes(zip_bytes(members))
    return path


def test_members_come_out_bit_for_bit(tmp_path):
    members = {"x/000/a.mp3": CONTENT, "x/b.txt": b"", "x/ü ß.txt": b"name"}
    found = extract_zip(archive(tmp_path, members), tmp_path / "out", LIMITS)
    assert [path.read_bytes() for path in found] == list(members.values())
    assert sum(path.is_file() for path in (tmp_path / "out").rglob("*")) == 3


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_every_method_comes_out(tmp_path, method):
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w", method) as made:
        made.writestr("a", CONTENT)
    assert extract_zip(path, tmp_path / "out", LIMITS)[0].read_bytes() == CONTENT


def test_second_run_writes_only_what_is_missing_or_short(tmp_path):
    path = archive(tmp_path, {"a": b"one", "b": b"two", "c": b"three"})
    first, second, third = extract_zip(path, tmp_path / "out", LIMITS)
    before = first.stat().st_mtime_ns
    second.unlink()
    third.write_bytes(b"th")
    extract_zip(path, tmp_path / "out", LIMITS)
    assert first.stat().st_mtime_ns == before
    assert (second.read_bytes(), third.read_bytes()) == (b"two", b"three")


def test_only_wanted_members_come_out(tmp_path):
    path = archive(tmp_path, {"a.csv": b"1", "b.pickle": b"2"})
    found = extract_zip(path, tmp_path / "out", LIMITS, wanted=lambda name: name.endswith(".csv"))
    assert [file.name for file in found] == ["a.csv"]
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "/evil",
        "C:/evil",
        "..\\evil",
        "a\\b",
        "a//b",
        "./a",
        "a\nb",
        "x" * 300,
    ],
)
def test_hostile_names_are_refused_before_anything_is_written(tmp_path, name):
    path = archive(tmp_path, {"good": b"1", name: b"2"})
    with pytest.raises(ArchiveError, match="refused"):
        extract_zip(path, tmp_path / "deep" / "out", LIMITS)
    assert [file.name for file in tmp_path.iterdir()] == ["b.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a", "a"), ("a", "A"), ("é", "e\u0301"), ("a", "a/b")])
def test_two_members_for_one_place_are_refused(tmp_path, names):
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as made:
        for name in names:
            made.writestr(name, b"1")
    with pytest.raises(ArchiveError, match=r"two members|both a file"):
        extract_zip(path, tmp_path / "out", LIMITS)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path, kind):
    info = zipfile.ZipInfo("link")
    info.external_attr = (kind | 0o777) << 16
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(info, "/etc/passwd")
    with pytest.raises(ArchiveError, match="link or a special file"):
        extract_zip(path, tmp_path / "out", LIMITS)


def test_link_in_the_folder_does_not_lead_out(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").symlink_to(outside)
    with pytest.raises(ArchiveError, match="leads out"):
        extract_zip(archive(tmp_path, {"a/b": b"1"}), tmp_path / "out", LIMITS)
    assert not list(outside.iterdir())


def test_encrypted_members_are_refused(tmp_path):
    path = archive(tmp_path, {"a": b"1"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="encrypted"):
        extract_zip(path, tmp_path / "out", LIMITS)


def test_bombs_are_refused_by_ratio_total_and_number(tmp_path):
    bomb = archive(tmp_path, {"zeros": b"\0" * 9_000_000})
    with pytest.raises(ArchiveError, match="unpacks from"):
        extract_zip(bomb, tmp_path / "out", LIMITS)
    many = archive(tmp_path, {str(n): CONTENT for n in range(4)})
    with pytest.raises(ArchiveError, match="more than 1000000 bytes"):
        extract_zip(many, tmp_path / "out", Limits(total_bytes=1_000_000))
    with pytest.raises(ArchiveError, match="4 members"):
        extract_zip(many, tmp_path / "out", Limits(total_bytes=10**9, members=3))
    assert not (tmp_path / "out").exists()


def test_bomb_that_lies_about_its_size_writes_no_more_than_it_declared(tmp_path):
    path = archive(tmp_path, {"zeros": b"\0" * 9_000_000})
    content = bytearray(path.read_bytes())
    declared = (1_000).to_bytes(4, "little")
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = content.index(signature) + offset
        content[place : place + 4] = declared
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="damaged"):
        extract_zip(path, tmp_path / "out", LIMITS)
    assert not [file for file in (tmp_path / "out").rglob("*") if file.is_file()]


def test_overlapping_members_are_refused(tmp_path):
    path = archive(tmp_path, {"a": CONTENT, "b": CONTENT})
    content = bytearray(path.read_bytes())
    first = content.index(b"PK\x01\x02")
    second = content.index(b"PK\x01\x02", first + 4)
    for place in (first, second):
        content[place + 20 : place + 24] = (299_000).to_bytes(4, "little")
    end = content.index(b"PK\x05\x06")
    middle = content.index(b"PK\x03\x04", 4)
    del content[middle:first]  # the second member's data
    shift = first - middle
    content[second - shift + 42 : second - shift + 46] = (0).to_bytes(4, "little")
    place = end - shift + 16
    content[place : place + 4] = middle.to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="overlap"):
        extract_zip(path, tmp_path / "out", LIMITS)


def test_damaged_member_is_named_and_leaves_no_file(tmp_path):
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("good", b"1" * 100)
        made.writestr("bad", CONTENT)
    content = bytearray(path.read_bytes())
    content[content.index(CONTENT[:64]) + 1_000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="'bad' is damaged"):
        extract_zip(path, tmp_path / "out", LIMITS)
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["good"]


@pytest.mark.parametrize("content", [b"", b"not a zip at all", zip_bytes({"a": CONTENT})[:-30]])
def test_what_is_no_zip_is_named(tmp_path, content):
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(ArchiveError, match=r"b\.zip.*download it again"):
        extract_zip(tmp_path / "b.zip", tmp_path / "out", LIMITS)


def test_missing_archive_is_named(tmp_path):
    with pytest.raises(ArchiveError, match="no such file"):
        extract_zip(tmp_path / "b.zip", tmp_path / "out", LIMITS)


def test_full_disk_is_found_before_unpacking(tmp_path, monkeypatch):
    def full(folder: Path, needed: int, what: str) -> None:
        raise DownloadError(f"{what} needs {needed}")

    monkeypatch.setattr(archives, "check_space", full)
    with pytest.raises(DownloadError, match=r"b\.zip needs 300000"):
        extract_zip(archive(tmp_path, {"a": CONTENT}), tmp_path / "out", LIMITS)

"""Downloads from a local server, well-behaved and not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from musiclib.datasets import download
from musiclib.errors import ArchiveError, DownloadError
from tests.fma_server import FmaServer, zip_bytes

CONTENT = np.random.default_rng(0).bytes(300_000)


@pytest.fixture
def server():
    with FmaServer(files={"a.zip": CONTENT}) as running:
        yield running


def fetch(server: FmaServer, folder: Path, checksum: str | None = None, retries: int = 4) -> Path:
    return download.download(
        f"{server.url}/a.zip",
        folder / "a.zip",
        checksum or server.sha1("a.zip"),
        retries=retries,
        backoff_s=0.01,
        timeout_s=5,
    )


def test_a_whole_download_is_not_fetched_again(server, tmp_path):
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    for _ in range(2):
        assert fetch(server, tmp_path, checksum=sha256).read_bytes() == CONTENT
    assert len(server.requests) == 1
    assert not list(tmp_path.glob("*.part"))


def test_truncated_download_goes_on_where_it_broke(server, tmp_path):
    server.failures = [503]
    server.cut_after = [100_000, 50_000]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert [asked for _, asked in server.requests] == ["", "", "bytes=98304-", "bytes=131072-"]


def test_server_without_ranges_starts_again(server, tmp_path):
    server.ranges = False
    server.cut_after = [100_000]
    assert fetch(server, tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == 2


@pytest.mark.parametrize("part", [CONTENT, b"x" * 1_000, b"x" * 400_000])
def test_a_whole_part_is_taken_and_one_of_another_file_thrown_away(server, tmp_path, part):
    (tmp_path / "a.zip.part").write_bytes(part)
    assert fetch(server, tmp_path).read_bytes() == CONTENT


def test_wrong_checksum_names_file_and_sums_and_leaves_nothing(server, tmp_path):
    wrong = "0" * 40
    with pytest.raises(DownloadError) as caught:
        fetch(server, tmp_path, checksum=wrong)
    for part in ("a.zip", wrong, server.sha1("a.zip"), "removed"):
        assert part in str(caught.value)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_full_disk_is_found_before_writing(server, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1_000})
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _folder: usage)
    with pytest.raises(DownloadError, match="free some space"):
        fetch(server, tmp_path)
    assert not (tmp_path / "a.zip.part").exists()


def test_an_archive_is_unpacked_as_far_as_it_is_not_yet(tmp_path):
    archive = tmp_path / "a.zip"
    archive.write_bytes(zip_bytes({"m/1.mp3": b"one", "m/2.mp3": b"two", "m/notes": b"no"}))
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "1.mp3").write_bytes(b"own")
    download.unpack(archive, tmp_path, (".mp3",))
    found = {path.name: path.read_bytes() for path in (tmp_path / "m").iterdir()}
    assert found == {"1.mp3": b"own", "2.mp3": b"two"}
    archive.write_bytes(archive.read_bytes()[:100])
    with pytest.raises(ArchiveError, match="download it again"):
        download.unpack(archive, tmp_path, ("",))

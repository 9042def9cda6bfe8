"""FMA end to end: served, downloaded, unpacked, opened, decoded."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from musiclib.cli.main import main
from musiclib.datasets import fma, open_dataset, shared_artists
from musiclib.datasets.fma import download_fma
from musiclib.errors import DatasetError, DownloadError
from tests.fma_server import (
    FmaServer,
    Track,
    audio_zip,
    metadata_zip,
    mp3_bytes,
    write_fma,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:genre:UserWarning"),
    pytest.mark.filterwarnings("ignore:all .* tracks are by one artist:UserWarning"),
]

GENRES = ("Rock", "Folk")
SPLITS = ("training",) * 6 + ("validation", "test")


def corpus(count: int = 32, first: int = 2) -> list[Track]:
    """Return tracks with two an artist; the official split goes by artist."""
    return [
        Track(first + n, 100 + n // 2, GENRES[n // 2 % 2], SPLITS[n // 2 % 8], title=f"T{n}")
        for n in range(count)
    ]


def publish(server: FmaServer, monkeypatch: pytest.MonkeyPatch, **files: bytes) -> None:
    """Serve archives and make their SHA1 sums the expected ones."""
    for name, content in files.items():
        server.files[f"{name}.zip"] = content
        entry = fma.ARCHIVES[name]._replace(sha1=hashlib.sha1(content).hexdigest())
        monkeypatch.setitem(fma.ARCHIVES, name, entry)


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("MUSICLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MUSICLIB_DATA", raising=False)
    with FmaServer() as running:
        monkeypatch.setenv("MUSICLIB_FMA_URL", running.url)
        yield running


def test_from_server_to_decoded_tones_with_bad_files_left_out(server, tmp_path, monkeypatch):
    tracks = [*corpus(12), Track(98565, 300), Track(133297, 301), Track(141000, 302)]
    files = {t.number: mp3_bytes(200.0 + 10 * t.number) for t in tracks[:12]}
    files |= {98565: mp3_bytes(seconds=0.1), 133297: b""}
    files[5] = np.random.default_rng(0).bytes(20_000)  # not MP3 at all
    files[6] = mp3_bytes(260.0)[:40]  # cut off in its header
    publish(server, monkeypatch, fma_metadata=metadata_zip(tracks), fma_small=audio_zip(files))
    server.cut_after = [1_000, 100_000]  # both downloads break once
    root = tmp_path / "data"
    assert download_fma("fma_small", root) == root / "fma_small"
    assert not (root / "fma_metadata" / "not_found.pickle").exists()

    with pytest.warns(UserWarning, match="1 of 15 files are missing"):
        dataset = open_dataset("fma_small", root)
    assert list(dataset.skipped.index) == ["133297", "141000", "98565"]
    assert "holds no audio" in dataset.skipped.loc["133297", "reason"]
    assert "missing" in dataset.skipped.loc["141000", "reason"]

    with pytest.warns(UserWarning, match="2 of 12 tracks"):
        cache = dataset.cache(24_000)
    assert sorted(cache.failures.index) == ["5", "6"]
    for track_id in cache.track_ids:
        audio = cache.audio(track_id)
        spectrum = np.abs(np.fft.rfft(audio[2_000:22_000]))
        frequency = np.argmax(spectrum) * 24_000 / 20_000
        assert frequency == pytest.approx(200 + 10 * int(track_id), abs=1.5)
        assert 0.3 < np.abs(audio[2_000:22_000]).max() < 0.5


def test_second_download_asks_for_nothing(server, tmp_path, monkeypatch):
    files = {t.number: b"mp3" for t in corpus(4)}
    publish(server, monkeypatch, fma_metadata=metadata_zip(corpus(4)), fma_small=audio_zip(files))
    download_fma("fma_small", tmp_path)
    asked = len(server.requests)
    download_fma("fma_small", tmp_path)
    assert len(server.requests) == asked == 2
    download_fma("fma_small", tmp_path, keep_archives=False)
    assert not list(tmp_path.glob("*.zip*[!k]"))


def test_wrong_checksum_unpacks_nothing(server, tmp_path):
    server.files["fma_metadata.zip"] = metadata_zip(corpus(4))
    with pytest.raises(DownloadError, match="f0df49ffe5f2a6008d7dc83c6915b31835dfe733"):
        download_fma("fma_small", tmp_path)
    assert not (tmp_path / "fma_metadata").exists()
    assert not (tmp_path / "fma_metadata.zip").exists()


def test_default_split_is_70_30_and_official_can_be_chosen(tmp_path):
    tracks = corpus(80)
    write_fma(tmp_path, tracks)
    default = open_dataset("fma_small", tmp_path)
    official = open_dataset("fma_small", tmp_path, split="official")
    assert (default.tracks["split"] == "test").mean() == pytest.approx(0.3, abs=0.04)
    assert official.tracks["split"].value_counts().to_dict() == {
        "train": 60,
        "validation": 10,
        "test": 10,
    }
    assert shared_artists(default.tracks) == shared_artists(official.tracks) == []
    other = open_dataset("fma_small", tmp_path, seed=1)
    assert (other.tracks["split"] != default.tracks["split"]).any()


def test_subsets_contain_each_other_and_genres_may_be_missing(tmp_path):
    tracks = [
        *corpus(6),
        Track(50, 1, subset="medium"),
        Track(51, 2, subset="large", genre="", duration=12),
        Track(98565, 3),
    ]
    for name, count in (("fma_small", 6), ("fma_medium", 7), ("fma_large", 8), ("fma_full", 9)):
        write_fma(tmp_path / name, tracks, name)
        dataset = open_dataset(name, tmp_path / name)
        assert len(dataset) == count
    # The known bad clips are bad cuts; the whole track is fine and its length not nominal.
    assert dataset.tracks.loc["98565", "duration_s"] == 200
    assert dataset.tracks.loc["51", "genre"] == "unknown"
    large = open_dataset("fma_large", tmp_path / "fma_large")
    assert large.tracks.loc["51", "duration_s"] == 12
    assert large.tracks.loc["50", "duration_s"] == 30


def test_what_is_not_there_is_said_with_the_remedy(tmp_path, monkeypatch):
    monkeypatch.delenv("MUSICLIB_DATA", raising=False)
    with pytest.raises(DatasetError, match="musiclib data download fma_small"):
        open_dataset("fma_small")
    with pytest.raises(DatasetError, match="no folder fma_small/"):
        open_dataset("fma_small", tmp_path)
    write_fma(tmp_path, corpus(4))
    monkeypatch.setenv("MUSICLIB_DATA", str(tmp_path))
    assert len(open_dataset("fma_small")) == 4
    assert len(open_dataset("fma_small", tmp_path / "fma_small")) == 4
    for file in tmp_path.rglob("*.mp3"):
        file.unlink()
    with pytest.raises(DatasetError, match="none of the 4 tracks"):
        open_dataset("fma_small")


def test_command_downloads_lists_checks_and_decodes(server, tmp_path, monkeypatch, capsys):
    tracks = corpus(16)
    files = {t.number: mp3_bytes(seconds=0.5) for t in tracks}
    publish(server, monkeypatch, fma_metadata=metadata_zip(tracks), fma_small=audio_zip(files))
    root = str(tmp_path / "data")
    assert main(["data", "download", "fma_small", "--root", root]) == 0
    assert main(["data", "list", "fma_small", "--root", root, "--split", "official"]) == 0
    assert "Folk" in capsys.readouterr().out
    assert main(["data", "check", "fma_small", "--root", root]) == 0
    assert "16 tracks, 16 with a checksum, 0 problems" in capsys.readouterr().out
    (tmp_path / "data" / "fma_small" / "000" / "000004.mp3").write_bytes(b"changed")
    assert main(["data", "check", "fma_small", "--root", root]) == 1
    assert "000004.mp3: wrong SHA1" in capsys.readouterr().out
    assert main(["data", "cache", "fma_small", "--root", root, "--sample-rate", "8000"]) == 0
    out = capsys.readouterr().out
    assert "15 tracks" in out
    assert "cannot be decoded (1)" in out

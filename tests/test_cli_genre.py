"""`musiclib genre` on a folder, and on an archive in the layout of FMA."""

import json
from pathlib import Path

import pytest

from musiclib.cli.main import main
from tests.fma_server import Track, mp3_bytes, write_fma
from tests.genre_fixture import write_genres

GENRES = ("Electronic", "Folk", "Rock")


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUSICLIB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """Three genres that differ in pitch, four artists each with two tracks."""
    tracks = [
        Track(number, 100 + number // 2, GENRES[number // 8], title=f"T{number}")
        for number in range(24)
    ]
    files = {t.number: mp3_bytes(200.0 * 3.0 ** (t.number // 8), 1.5) for t in tracks}
    return write_fma(tmp_path_factory.mktemp("fma"), tracks, files=files)


def run(capsys, *arguments):
    code = main(["genre", *(str(argument) for argument in arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.slow
def test_the_experiment_runs_on_fma_small_by_parameters_alone(capsys, archive, tmp_path) -> None:
    source = ("--dataset", "fma_small", "--data-root", archive, "--profile", "smoke")
    target = tmp_path / "table.json"
    code, out, err = run(capsys, *source, "--format", "json", "--out", target)
    assert (code, out) == (0, ""), err
    rows = {row["system"]: row for row in json.loads(target.read_text())}
    assert f"{len(rows)} rows" in err
    # The genres of this archive differ in pitch, which every spectrum shows.
    assert rows["Log-mel"]["mean"] > 0.8
    assert rows["Principal components, 16"]["mean"] > 0.5
    assert {"Log-mel network", "Random deep encoder, 64"} <= set(rows)
    assert all(row["n"] == 12 and 0.0 <= row["low"] <= row["high"] <= 1.0 for row in rows.values())
    before = target.read_bytes()
    code, _, err = run(capsys, *source, "--out", target)
    assert code == 2
    assert "--force" in err
    assert target.read_bytes() == before


def test_one_genre_is_refused_with_a_remedy(capsys, tmp_path) -> None:
    root = write_genres(tmp_path / "music", per_genre=4)
    for path in (root / "bursts").iterdir():
        path.unlink()
    code, out, err = run(capsys, "--dataset", "folder", "--data-root", root, "--profile", "smoke")
    assert (code, out) == (2, "")
    assert "two genres" in err
    assert len(err.splitlines()) == 1

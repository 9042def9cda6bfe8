"""`musiclib genre` on a folder, and on an archive in the layout of FMA."""

import csv
import io
import json
from pathlib import Path

import pytest

from musiclib.cli.main import main
from tests.fma_server import Track, mp3_bytes, write_fma
from tests.genre_fixture import write_genres

EIGHT = (
    "Electronic",
    "Experimental",
    "Folk",
    "Hip-Hop",
    "Instrumental",
    "International",
    "Pop",
    "Rock",
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUSICLIB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """Eight genres that differ in pitch, four artists each with two tracks."""
    tracks = [
        Track(number, 100 + number // 2, EIGHT[number // 8], title=f"T{number}")
        for number in range(64)
    ]
    files = {t.number: mp3_bytes(200.0 * 1.5 ** (t.number // 8), 1.5) for t in tracks}
    return write_fma(tmp_path_factory.mktemp("fma"), tracks, files=files)


def run(capsys, *arguments):
    code = main(["genre", *(str(argument) for argument in arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.slow
def test_the_experiment_runs_on_fma_small_by_parameters_alone(capsys, archive) -> None:
    code, out, _ = run(
        capsys, "--dataset", "fma_small", "--data-root", archive, "--profile", "smoke",
        "--format", "csv",
    )  # fmt: skip
    assert code == 0
    rows = {row["system"]: row for row in csv.DictReader(io.StringIO(out))}
    # The genres of this archive differ in pitch, which every spectrum shows.
    assert float(rows["log-mel, logistic"]["balanced"]) > 0.8
    assert float(rows["deep-16, logistic"]["balanced"]) > 0.5
    assert {row["group"] for row in rows.values()} >= {"baseline", "frozen", "fine-tuned"}
    for row in rows.values():
        assert float(row["low"]) <= float(row["balanced"]) <= float(row["high"])


@pytest.mark.slow
def test_text_and_json_tell_the_same(capsys, archive, tmp_path) -> None:
    common = ["--dataset", "fma_small", "--data-root", archive, "--profile", "smoke"]
    _, text, _ = run(capsys, *common)
    assert "8 genres" in text
    assert "chance 0.12" in text
    assert "Best of the latents on validation tracks" in text
    target = tmp_path / "table.json"
    code, out, err = run(capsys, *common, "--format", "json", "--out", target)
    assert (code, out) == (0, "")
    rows = json.loads(target.read_text())
    assert f"{len(rows)} rows" in err
    for row in rows:
        assert row["system"] in text
        assert f"{row['balanced']:.3f}" in text
    code, _, err = run(capsys, *common, "--out", target)
    assert code == 2
    assert "--force" in err


def test_one_genre_is_refused_with_a_remedy(capsys, tmp_path) -> None:
    root = write_genres(tmp_path / "music", per_genre=4)
    for path in (root / "bursts").iterdir():
        path.unlink()
    code, out, err = run(capsys, "--dataset", "folder", "--data-root", root, "--profile", "smoke")
    assert (code, out) == (2, "")
    assert "two genres" in err
    assert len(err.splitlines()) == 1

"""`musiclib evaluate` over files and a folder; `musiclib genre` on an archive like FMA's."""

import csv
import io
import json

import pytest

from musiclib.audio import load, save
from musiclib.cli.main import main
from musiclib.codecs import get_codec, parse_codecs
from musiclib.errors import CodecError
from tests.codec_signals import RATE, music
from tests.fma_server import Track, mp3_bytes, write_fma
from tests.genre_fixture import write_genres

GENRES = ("Electronic", "Folk", "Rock")
FAST = ["--metrics", "log_spectral_distance", "si_sdr"]


@pytest.fixture
def songs(tmp_path):
    paths = []
    for genre in ("calm", "loud"):
        (tmp_path / "music" / genre).mkdir(parents=True)
        for number in range(3):
            path = tmp_path / "music" / genre / f"artist{number} - {genre}.wav"
            save(path, music(2.0, seed=number), RATE)
            paths.append(path)
    return paths


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_files_as_csv_json_and_text(capsys, songs):
    common = [*songs[:2], "--codecs", "opus:12,24", "downsample:/4", *FAST]
    code, out, err = run(capsys, "evaluate", *common, "--format", "csv")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    settings = [("Opus", "12 kbps"), ("Opus", "24 kbps"), ("Downsampling", "by 4")]
    assert [(row["system"], row["setting"]) for row in rows[::2]] == settings
    assert {row["clips"] for row in rows} == {"2"}
    code, out, _ = run(capsys, "evaluate", *common, "--format", "json")
    for item, row in zip(json.loads(out), rows, strict=True):
        assert item["mean"] == pytest.approx(float(row["mean"]), abs=1e-9)
        assert item["kbps"] == pytest.approx(float(row["kbps"]), abs=1e-9)
    code, out, _ = run(capsys, "evaluate", *common)
    assert len(out.splitlines()) == 4
    assert "SI-SDR (dB)" in out.splitlines()[0]
    assert f"{float(rows[1]['mean']):.2f}" in out.splitlines()[1]


def test_means_are_over_artists_and_bitrates_over_files(capsys, tmp_path):
    for number, artist in enumerate(["one", "one", "other"]):
        data = get_codec("opus", 64).encode(music(2.0, seed=number), RATE, {"artist": artist})
        (tmp_path / f"{number}.opus").write_bytes(data)
    common = [*sorted(tmp_path.iterdir()), "--codecs", "opus:12", "--metrics", "waveform_rmse"]
    _, out, _ = run(capsys, "evaluate", *common, "--per-clip", "--format", "json")
    first, second, third = json.loads(out)
    assert [row["artist"] for row in (first, second, third)] == ["one", "one", "other"]
    _, out, _ = run(capsys, "evaluate", *common, "--format", "json")
    (row,) = json.loads(out)
    wanted = ((first["value"] + second["value"]) / 2 + third["value"]) / 2
    assert row["mean"] == pytest.approx(wanted, abs=1e-9)
    assert row["kbps"] == pytest.approx((first["kbps"] + second["kbps"] + third["kbps"]) / 3)
    assert (row["n"], row["clips"]) == (2, 3)


def test_per_clip_rows_hold_true_sizes(capsys, tmp_path, songs):
    out = tmp_path / "table.csv"
    code, stdout, _ = run(
        capsys, "evaluate", *songs[:2], "--codecs", "mp3:32", "--metrics", "si_sdr", "--per-clip",
        "--seconds", 1, "--start", 0.5, "--format", "csv", "--out", out,
    )  # fmt: skip
    assert (code, stdout) == (0, "")
    rows = list(csv.DictReader(out.open()))
    assert [row["clip"] for row in rows] == [str(path) for path in songs[:2]]
    part, _ = load(songs[0], start_s=0.5, duration_s=1.0)
    assert int(rows[0]["file_bytes"]) == len(get_codec("mp3", 32).encode(part, RATE))
    assert float(rows[0]["seconds"]) == 1.0


def test_a_folder_as_a_data_set(capsys, tmp_path, songs):
    code, out, err = run(
        capsys, "evaluate", "--dataset", "folder", "--data-root", tmp_path / "music",
        "--split", "all", "--limit", 4, "--codecs", "opus:12", "--per-clip", "--format", "json",
        *FAST,
    )  # fmt: skip
    assert (code, err) == (0, "")
    rows = json.loads(out)
    assert len({row["clip"] for row in rows}) == 4
    assert len(rows) == 4 * len(FAST[1:])
    assert {row["genre"] for row in rows} == {"calm", "loud"}


def test_a_bad_file_is_named_and_the_others_are_measured(capsys, tmp_path, songs):
    bad = tmp_path / "bad.mp3"
    bad.write_text("no audio")
    code, out, err = run(capsys, "evaluate", bad, songs[0], "--codecs", "opus:12", *FAST)
    assert code == 1
    assert len(out.splitlines()) == 2
    assert err.startswith("musiclib: warning: left out")
    assert err.count("bad.mp3") >= 1
    assert err.count("\n") == 1
    code, out, err = run(capsys, "evaluate", bad, "--codecs", "opus:12", *FAST)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("musiclib: error: ")
    assert "bad.mp3" in err


def test_codecs_are_read_from_words():
    labels = [codec.label for codec in parse_codecs(["opus:6,9.5", "vorbis:q0.5", "downsample:/8"])]
    assert labels == ["Opus 6 kbps", "Opus 9.5 kbps", "Vorbis quality 0.5", "Downsampling by 8"]
    (opus,) = parse_codecs("opus:24,frame_ms=60")
    assert opus == get_codec("opus", 24.0, frame_ms=60)
    (codec,) = parse_codecs("melic:g120,restore=false")
    assert codec == get_codec("melic", gain=120, restore=False)
    words = ("opus", "opus:", "opus:a", "opus:/2", "flac:9", "mp3:20", "song.wav")
    for word in (*words, "opus:6,speed=9", "opus:6,frame_ms=", "autoencoder:3", "opus/fast:12"):
        with pytest.raises(CodecError):
            parse_codecs([word])


def test_wrong_requests_are_one_line(capsys, tmp_path, songs):
    table = tmp_path / "table.txt"
    table.write_text("mine")
    for arguments, told in [
        ([], "--dataset"),
        ([songs[0], "--dataset", "mini"], "one of the two"),
        ([songs[0], "--split", "test"], "--split"),
        ([songs[0], "--codecs", "opus:1"], "5, 6"),
        (["--codecs", "opus:12", songs[0]], "Name files first"),
        ([songs[0], "--metrics", "beauty"], "si_sdr"),
        ([songs[0], "--out", table], "--force"),
        ([songs[0], "--limit", "0"], "positive"),
        (["--dataset", "nothing"], "nothing"),
    ]:
        code, out, err = run(capsys, "evaluate", *arguments)
        assert (code, out) == (2, ""), arguments
        assert err.startswith("musiclib: error: "), err
        assert err.count("\n") == 1, err
        assert told in err
    assert table.read_text() == "mine"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Three genres that differ in pitch, four artists each with two tracks."""
    tracks = [
        Track(number, 100 + number // 2, GENRES[number // 8], title=f"T{number}")
        for number in range(24)
    ]
    files = {t.number: mp3_bytes(200.0 * 3.0 ** (t.number // 8), 1.5) for t in tracks}
    return write_fma(tmp_path_factory.mktemp("fma"), tracks, files=files)


@pytest.mark.slow
def test_genre_runs_on_fma_small_by_parameters_alone(capsys, archive, tmp_path, monkeypatch):
    monkeypatch.setenv("MUSICLIB_CACHE", str(tmp_path / "cache"))
    source = ("--dataset", "fma_small", "--data-root", archive, "--profile", "smoke")
    target = tmp_path / "table.json"
    code, out, err = run(capsys, "genre", *source, "--format", "json", "--out", target)
    assert (code, out) == (0, ""), err
    rows = {row["system"]: row for row in json.loads(target.read_text())}
    assert f"{len(rows)} rows" in err
    # The genres of this archive differ in pitch, which every spectrum shows.
    assert rows["Log-mel"]["mean"] > 0.8
    assert rows["Principal components, 16"]["mean"] > 0.5
    assert {"Log-mel network", "Random deep encoder, 64"} <= set(rows)
    assert all(row["n"] == 12 and 0.0 <= row["low"] <= row["high"] <= 1.0 for row in rows.values())
    before = target.read_bytes()
    code, _, err = run(capsys, "genre", *source, "--out", target)
    assert code == 2
    assert "--force" in err
    assert target.read_bytes() == before


def test_one_genre_is_refused_with_a_remedy(capsys, tmp_path) -> None:
    root = write_genres(tmp_path / "music", per_genre=4)
    for path in (root / "bursts").iterdir():
        path.unlink()
    source = ("--dataset", "folder", "--data-root", root)
    code, out, err = run(capsys, "genre", *source, "--profile", "smoke")
    assert (code, out) == (2, "")
    assert "two genres" in err
    assert len(err.splitlines()) == 1

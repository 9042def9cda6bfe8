"""`musiclib evaluate` over files and over a folder."""

import csv
import io
import json

import pytest

from musiclib.audio import save
from musiclib.cli.main import main
from musiclib.codecs import get_codec, parse_codecs
from musiclib.errors import CodecError
from tests.codec_signals import RATE, music

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
    code = main(["evaluate", *(str(argument) for argument in arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_files_as_csv_json_and_text(capsys, songs):
    common = [*songs[:2], "--codecs", "opus:12,24", "downsample:/4", *FAST]
    code, out, err = run(capsys, *common, "--format", "csv")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    settings = [("Opus", "12 kbps"), ("Opus", "24 kbps"), ("Downsampling", "by 4")]
    assert [(row["system"], row["setting"]) for row in rows[::2]] == settings
    assert {row["clips"] for row in rows} == {"2"}
    code, out, _ = run(capsys, *common, "--format", "json")
    for item, row in zip(json.loads(out), rows, strict=True):
        assert item["mean"] == pytest.approx(float(row["mean"]), abs=1e-9)
        assert item["kbps"] == pytest.approx(float(row["kbps"]), abs=1e-9)
    code, out, _ = run(capsys, *common)
    assert len(out.splitlines()) == 4
    assert "SI-SDR (dB)" in out.splitlines()[0]
    assert f"{float(rows[1]['mean']):.2f}" in out.splitlines()[1]


def test_means_are_over_artists_and_bitrates_over_files(capsys, tmp_path):
    for number, artist in enumerate(["one", "one", "other"]):
        data = get_codec("opus", 64).encode(music(2.0, seed=number), RATE, {"artist": artist})
        (tmp_path / f"{number}.opus").write_bytes(data)
    common = [*sorted(tmp_path.iterdir()), "--codecs", "opus:12", "--metrics", "waveform_rmse"]
    _, out, _ = run(capsys, *common, "--per-clip", "--format", "json")
    first, second, third = json.loads(out)
    assert [row["artist"] for row in (first, second, third)] == ["one", "one", "other"]
    _, out, _ = run(capsys, *common, "--format", "json")
    (row,) = json.loads(out)
    wanted = ((first["value"] + second["value"]) / 2 + third["value"]) / 2
    assert row["mean"] == pytest.approx(wanted, abs=1e-9)
    assert row["kbps"] == pytest.approx((first["kbps"] + second["kbps"] + third["kbps"]) / 3)
    assert (row["n"], row["clips"]) == (2, 3)


def test_per_clip_rows_hold_true_sizes(capsys, tmp_path, songs):
    out = tmp_path / "table.csv"
    code, stdout, _ = run(
        capsys, *songs[:2], "--codecs", "mp3:32", "--metrics", "si_sdr", "--per-clip",
        "--seconds", 1, "--start", 0.5, "--format", "csv", "--out", out,
    )  # fmt: skip
    assert (code, stdout) == (0, "")
    rows = list(csv.DictReader(out.open()))
    assert [row["clip"] for row in rows] == [str(path) for path in songs[:2]]
    from musiclib.audio import load

    part, _ = load(songs[0], start_s=0.5, duration_s=1.0)
    assert int(rows[0]["file_bytes"]) == len(get_codec("mp3", 32).encode(part, RATE))
    assert float(rows[0]["seconds"]) == 1.0


def test_a_folder_as_a_data_set(capsys, tmp_path, songs):
    code, out, err = run(
        capsys, "--dataset", "folder", "--data-root", tmp_path / "music", "--split", "all",
        "--limit", 4, "--codecs", "opus:12", "--per-clip", "--format", "json", *FAST,
    )  # fmt: skip
    assert (code, err) == (0, "")
    rows = json.loads(out)
    assert len({row["clip"] for row in rows}) == 4
    assert len(rows) == 4 * len(FAST[1:])
    assert {row["genre"] for row in rows} == {"calm", "loud"}


def test_a_bad_file_is_named_and_the_others_are_measured(capsys, tmp_path, songs):
    bad = tmp_path / "bad.mp3"
    bad.write_text("no audio")
    code, out, err = run(capsys, bad, songs[0], "--codecs", "opus:12", *FAST)
    assert code == 1
    assert len(out.splitlines()) == 2
    assert err.startswith("musiclib: warning: left out")
    assert err.count("bad.mp3") >= 1
    assert err.count("\n") == 1
    code, out, err = run(capsys, bad, "--codecs", "opus:12", *FAST)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("musiclib: error: ")
    assert "bad.mp3" in err


def test_jobs_change_nothing(capsys, songs):
    common = [*songs[:3], "--codecs", "opus:12", "--metrics", "waveform_rmse", "--per-clip"]
    assert run(capsys, *common) == run(capsys, *common, "--jobs", 2)


def test_codecs_are_read_from_words():
    labels = [codec.label for codec in parse_codecs(["opus:6,9.5", "vorbis:q0.5", "downsample:/8"])]
    assert labels == ["Opus 6 kbps", "Opus 9.5 kbps", "Vorbis quality 0.5", "Downsampling by 8"]
    (opus,) = parse_codecs("opus:24,frame_ms=60,vbr=on")
    assert opus == get_codec("opus", 24.0, frame_ms=60, vbr="on")
    (codec,) = parse_codecs("melic:g120,restore=false")
    assert codec == get_codec("melic", gain=120, restore=False)
    words = ("opus", "opus:", "opus:a", "opus:/2", "flac:9", "mp3:20", "song.wav", "opus:vbr=on")
    for word in (*words, "opus:6,speed=9", "opus:6,vbr="):
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
        code, out, err = run(capsys, *arguments)
        assert (code, out) == (2, ""), arguments
        assert err.startswith("musiclib: error: "), err
        assert err.count("\n") == 1, err
        assert told in err
    assert table.read_text() == "mine"

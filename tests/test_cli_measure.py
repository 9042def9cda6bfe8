"""`musiclib evaluate` over files and a folder; `musiclib genre` on an archive like FMA's."""

import csv
import io
import json
from pathlib import Path

import pytest

from musiclib.audio import load, save
from musiclib.codecs import get_codec, parse_codecs
from musiclib.errors import CodecError
from tests.codec_signals import RATE, music
from tests.fma_server import Track, mp3_bytes, write_fma
from tests.genre_fixture import write_genres

GENRES = ("Electronic", "Folk", "Rock")
FAST = "--metrics log_spectral_distance si_sdr"


@pytest.fixture(autouse=True)
def songs(tmp_path, monkeypatch):
    """A folder to work in, with three songs by three artists in each of two genres."""
    monkeypatch.chdir(tmp_path)
    for genre in ("calm", "loud"):
        (tmp_path / "music" / genre).mkdir(parents=True)
        for number in range(3):
            save(f"music/{genre}/artist{number} - {genre}.wav", music(2.0, seed=number), RATE)
    save("one.wav", music(2.0, seed=0), RATE)
    save("two.wav", music(2.0, seed=1), RATE)


def test_files_as_csv_json_and_text(run):
    words = f"evaluate one.wav two.wav --codecs opus:12,24 downsample:/4 {FAST}"
    code, out, err = run(f"{words} --format csv")
    assert (code, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    settings = [("Opus", "12 kbps"), ("Opus", "24 kbps"), ("Downsampling", "by 4")]
    assert [(row["system"], row["setting"]) for row in rows[::2]] == settings
    assert {row["clips"] for row in rows} == {"2"}
    for item, row in zip(json.loads(run(f"{words} --format json")[1]), rows, strict=True):
        assert item["mean"] == pytest.approx(float(row["mean"]), abs=1e-9)
        assert item["kbps"] == pytest.approx(float(row["kbps"]), abs=1e-9)
    lines = run(words)[1].splitlines()
    assert len(lines) == 4
    assert "SI-SDR (dB)" in lines[0]
    assert f"{float(rows[1]['mean']):.2f}" in lines[1]


def test_means_are_over_artists_and_bitrates_over_files(run):
    for number, artist in enumerate(["one", "one", "other"]):
        data = get_codec("opus", 64).encode(music(2.0, seed=number), RATE, {"artist": artist})
        Path(f"{number}.opus").write_bytes(data)
    words = "evaluate 0.opus 1.opus 2.opus --codecs opus:12 --metrics waveform_rmse --format json"
    first, second, third = json.loads(run(f"{words} --per-clip")[1])
    assert [row["artist"] for row in (first, second, third)] == ["one", "one", "other"]
    (row,) = json.loads(run(words)[1])
    wanted = ((first["value"] + second["value"]) / 2 + third["value"]) / 2
    assert row["mean"] == pytest.approx(wanted, abs=1e-9)
    assert row["kbps"] == pytest.approx((first["kbps"] + second["kbps"] + third["kbps"]) / 3)
    assert (row["n"], row["clips"]) == (2, 3)


def test_per_clip_rows_hold_true_sizes(run):
    code, stdout, _ = run(
        "evaluate one.wav two.wav --codecs mp3:32 --metrics si_sdr --per-clip --seconds 1 "
        "--start 0.5 --format csv --out table.csv"
    )
    assert (code, stdout) == (0, "")
    rows = list(csv.DictReader(Path("table.csv").read_text().splitlines()))
    assert [row["clip"] for row in rows] == ["one.wav", "two.wav"]
    part, _ = load("one.wav", start_s=0.5, duration_s=1.0)
    assert int(rows[0]["file_bytes"]) == len(get_codec("mp3", 32).encode(part, RATE))
    assert float(rows[0]["seconds"]) == 1.0


def test_a_folder_as_a_data_set(run):
    code, out, err = run(
        "evaluate --dataset folder --data-root music --split all --limit 4 --codecs opus:12 "
        f"--per-clip --format json {FAST}"
    )
    assert (code, err) == (0, "")
    rows = json.loads(out)
    assert len({row["clip"] for row in rows}) == 4
    assert len(rows) == 4 * 2
    assert {row["genre"] for row in rows} == {"calm", "loud"}


def test_a_bad_file_is_named_and_the_others_are_measured(run):
    Path("bad.mp3").write_text("no audio")
    code, out, err = run(f"evaluate bad.mp3 one.wav --codecs opus:12 {FAST}")
    assert (code, len(out.splitlines()), err.count("\n")) == (1, 2, 1)
    assert err.startswith("musiclib: warning: left out bad.mp3")
    code, out, err = run(f"evaluate bad.mp3 --codecs opus:12 {FAST}")
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


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("evaluate", "--dataset"),
        ("evaluate one.wav --dataset mini", "one of the two"),
        ("evaluate one.wav --split test", "--split"),
        ("evaluate one.wav --codecs opus:1", "5, 6"),
        ("evaluate --codecs opus:12 one.wav", "--dataset"),
        ("evaluate one.wav --codecs opus:12 two.wav", "Name files first"),
        ("evaluate one.wav --metrics beauty", "si_sdr"),
        ("evaluate one.wav --out two.wav", "--force"),
        ("evaluate one.wav --limit 0", "positive"),
        ("evaluate --dataset nothing", "nothing"),
        ("genre --out two.wav", "--force"),
    ],
)
def test_wrong_requests_are_one_line(refused, words, told):
    refused(words, told)


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
def test_genre_runs_on_fma_small_by_parameters_alone(run, archive, tmp_path, monkeypatch):
    monkeypatch.setenv("MUSICLIB_CACHE", str(tmp_path / "cache"))
    code, out, err = run(
        f"genre --dataset fma_small --data-root {archive} --profile smoke --format json "
        "--out table.json"
    )
    assert (code, out) == (0, ""), err
    rows = {row["system"]: row for row in json.loads(Path("table.json").read_text())}
    assert f"{len(rows)} rows" in err
    # The genres of this archive differ in pitch, which every spectrum shows.
    assert rows["Log-mel"]["mean"] > 0.8
    assert rows["Principal components, 16"]["mean"] > 0.5
    assert {"Log-mel network", "Random deep encoder, 64"} <= set(rows)
    assert all(row["n"] == 12 and 0.0 <= row["low"] <= row["high"] <= 1.0 for row in rows.values())


def test_one_genre_is_refused_with_a_remedy(refused, tmp_path):
    root = write_genres(tmp_path / "genres", per_genre=4)
    for path in (root / "bursts").iterdir():
        path.unlink()
    refused(f"genre --dataset folder --data-root {root} --profile smoke", "two genres")

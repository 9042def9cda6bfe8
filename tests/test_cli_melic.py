"""The command line with Melic, and with folders."""

import json

import numpy as np
import pytest

from musiclib.audio import AudioWriter, load, probe, save
from musiclib.cli.main import main
from musiclib.codecs import get_codec, parse_codecs
from musiclib.codecs.melic import coding
from tests.codec_signals import RATE, lag, music, stereo
from tests.melic_fixture import model

TAGS = {"title": "Näme", "artist": "Someone", "comment": "a comment"}


@pytest.fixture(autouse=True)
def shipped(monkeypatch):
    monkeypatch.setattr(coding, "open_model", lambda _folder: model())


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "song.flac"
    with AudioWriter(path, RATE, 1, tags=TAGS) as writer:
        writer.write(music(2.0)[None])
    return path


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_encode_decode_info(capsys, tmp_path, song):
    coded = tmp_path / "song.mlc"
    code, out, err = run(capsys, "encode", song, coded, "--kbps", 6)
    assert (code, err) == (0, "")
    size = coded.stat().st_size
    assert f"Melic 6 kbps, {size} bytes for 2.000 s" in out
    assert 8 * size / 2000 <= 6

    code, out, _ = run(capsys, "info", coded, "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["tags"] == TAGS
    assert (facts["codec"], facts["channels"], facts["seconds"]) == ("melic", 1, 2.0)
    assert (facts["bytes"], facts["blocks"], facts["restored"]) == (size, 1, True)
    assert facts["kbps"] == pytest.approx(8 * size / 2000, abs=1e-3)
    assert facts["model"] == model().identity(True).hex()
    code, out, _ = run(capsys, "info", coded)
    assert code == 0
    assert "tag title       Näme" in out

    for name in ("out.wav", "out.flac", "out.ogg"):
        code, out, err = run(capsys, "decode", coded, tmp_path / name)
        assert (code, err) == (0, "")
        audio, rate = load(tmp_path / name)
        assert (len(audio), rate) == (2 * RATE, RATE)
        assert lag(music(2.0), audio) == 0
        assert probe(tmp_path / name).tags["artist"] == "Someone"
    code, _, _ = run(
        capsys, "decode", coded, tmp_path / "plain.wav", "--no-restore", "--sample-rate", 44_100
    )
    assert code == 0
    assert len(load(tmp_path / "plain.wav")[0]) == 2 * 44_100
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_settings(capsys, tmp_path, song):
    save(tmp_path / "pair.wav", stereo(music(1.0)), RATE)
    out = tmp_path / "a.mlc"
    run(capsys, "encode", tmp_path / "pair.wav", out, "--gain", 140, "--no-restore", "--quiet")
    _, text, _ = run(capsys, "info", out, "--json")
    facts = json.loads(text)
    assert (facts["gain"], facts["restored"], facts["channels"]) == ("140", False, 2)
    code, text, _ = run(
        capsys, "encode", tmp_path / "pair.wav", out, "--kbps", 12, "--mono", "--force"
    )
    assert code == 0
    assert "1 channel)" in text


def test_errors_are_one_line_and_leave_nothing(capsys, tmp_path, song):
    coded = tmp_path / "a.mlc"
    run(capsys, "encode", song, coded, "--gain", 160)
    (tmp_path / "cut.mlc").write_bytes(coded.read_bytes()[:-9])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    out = tmp_path / "out.mlc"
    for arguments, told in [
        (["encode", song, out], "--kbps"),
        (["encode", song, out, "--kbps", 0.01], "is the least"),
        (["encode", song, out, "--gain", 300], "from 0 to 255"),
        (["encode", song, out, "--step", 3], "no option 'step'"),
        (["encode", song, coded, "--kbps", 6], "--force"),
        (["encode", tmp_path, tmp_path / "folder", "--kbps", 6], "--codec melic"),
        (["encode", tmp_path, song, "--codec", "melic", "--kbps", 6], "is a file"),
        (["decode", tmp_path / "cut.mlc", tmp_path / "x.wav"], "cut.mlc: "),
        (["info", tmp_path / "cut.mlc"], "cut.mlc: "),
        (["decode", coded, tmp_path / "x.ogg", "--bits", 24], "--bits"),
        (["decode", tmp_path, tmp_path / "folder", "--format", "flac", "--bits", "float"], "FLAC"),
    ]:
        code, text, err = run(capsys, *arguments)
        assert (code, text) == (2, "")
        assert err.startswith("musiclib: error: ")
        assert told in err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_folders(capsys, tmp_path):
    albums, coded, decoded = (tmp_path / name for name in ("albums", "coded", "decoded"))
    (albums / "one").mkdir(parents=True)
    save(albums / "one" / "a.wav", music(1.0), RATE)
    save(albums / "one" / "a.flac", music(1.0, seed=1), RATE)
    save(albums / "b.wav", stereo(music(1.0)), RATE)
    (albums / "broken.mp3").write_text("no audio")
    (albums / "notes.txt").write_text("no audio either")
    (albums / ".hidden.wav").write_text("")
    arguments = ["encode", albums, coded, "--codec", "melic", "--gain", 150]
    code, out, err = run(capsys, *arguments)
    assert code == 1
    assert "3 written, 0 there already, 1 failed" in out
    assert err.count("\n") == 1
    assert "broken.mp3" in err
    names = sorted(str(path.relative_to(coded)) for path in coded.rglob("*") if path.is_file())
    assert names == ["b.mlc", "one/a.flac.mlc", "one/a.wav.mlc"]

    # What is there already stays, until it is asked for again.
    stamp = (coded / "b.mlc").stat().st_mtime_ns
    (coded / "one" / "a.wav.mlc").unlink()
    (albums / "broken.mp3").unlink()
    code, out, err = run(capsys, *arguments, "--quiet")
    assert (code, err) == (0, "")
    assert out.endswith("1 written, 2 there already, 0 failed\n")
    assert out.count("\n") == 1
    assert (coded / "b.mlc").stat().st_mtime_ns == stamp
    _, out, _ = run(capsys, *arguments, "--force", "--quiet")
    assert "3 written, 0 there already" in out

    code, _, err = run(capsys, "decode", coded, decoded, "--format", "flac")
    assert (code, err) == (0, "")
    assert len(load(decoded / "one" / "a.wav.flac")[0]) == RATE
    assert probe(decoded / "b.flac").channels == 2
    code, _, err = run(capsys, "encode", coded, decoded, "--codec", "opus", "--kbps", 24)
    assert code == 2
    assert "holds no files" in err


def test_folders_of_other_codecs(capsys, tmp_path):
    (tmp_path / "in").mkdir()
    save(tmp_path / "in" / "a.wav", music(1.0), RATE)
    code, _, err = run(
        capsys, "encode", tmp_path / "in", tmp_path / "in" / "out", "--codec", "opus", "--kbps", 24
    )
    assert (code, err) == (0, "")
    expected = get_codec("opus", 24).encode(load(tmp_path / "in" / "a.wav")[0], RATE)
    assert (tmp_path / "in" / "out" / "a.opus").read_bytes() == expected
    # What was written into the folder is not read the next time.
    _, out, _ = run(
        capsys, "encode", tmp_path / "in", tmp_path / "in" / "out", "--codec", "opus", "--kbps", 24
    )
    assert "0 written, 1 there already, 0 failed" in out


def test_tags_of_other_codecs_are_decoded(capsys, tmp_path, song):
    run(capsys, "encode", song, tmp_path / "a.opus", "--kbps", 24)
    run(capsys, "decode", tmp_path / "a.opus", tmp_path / "b.flac")
    assert probe(tmp_path / "b.flac").tags["title"] == "Näme"


def test_progress_is_for_terminals(capsys, tmp_path, song, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    _, _, err = run(capsys, "encode", song, tmp_path / "a.mlc", "--gain", 150)
    assert "song.flac" in err
    _, _, err = run(capsys, "decode", tmp_path / "a.mlc", tmp_path / "a.wav", "--quiet")
    assert err == ""


def test_evaluate_takes_the_codec(capsys, tmp_path, song):
    asked = parse_codecs(["melic:3,g120"])
    assert [each.setting for each in asked] == ["3 kbps", "gain 120"]
    code, out, _ = run(
        capsys, "evaluate", song, "--codecs", "melic:6,g100", "opus:12",
        "--metrics", "si_sdr", "--format", "json",
    )  # fmt: skip
    rows = json.loads(out)
    assert code == 0
    assert {(row["system"], row["setting"]) for row in rows} == {
        ("Melic", "6 kbps"),
        ("Melic", "gain 100"),
        ("Opus", "12 kbps"),
    }
    assert min(row["kbps"] for row in rows) <= 6
    assert np.isfinite([row["mean"] for row in rows]).all()

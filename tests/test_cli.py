"""Files and folders through the codecs: one-line errors, nothing written by halves."""

import json
import subprocess
import sys

import numpy as np
import pytest

from musiclib.audio import AudioWriter, load, probe, save
from musiclib.cli.main import main
from musiclib.codecs import get_codec
from musiclib.codecs.melic import decoder
from tests.codec_signals import RATE, lag, stereo
from tests.codec_signals import music as chords
from tests.latent_fixture import RATE as LATENT_RATE
from tests.latent_fixture import checkpoints, music
from tests.melic_fixture import model

__all__ = ["checkpoints", "music"]

TAGS = {"title": "Näme", "artist": "Someone", "comment": "a comment"}


@pytest.fixture(autouse=True)
def small_melic(monkeypatch):
    monkeypatch.setattr(decoder, "open_model", lambda _folder: model())


@pytest.fixture
def shipped(checkpoints, monkeypatch):
    folder = checkpoints["deep"].path.parent
    monkeypatch.setenv("MUSICLIB_CHECKPOINTS", str(folder))
    return folder


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "song.wav"
    save(path, chords(2.0), RATE)
    return path


@pytest.fixture
def tagged(tmp_path):
    path = tmp_path / "song.flac"
    with AudioWriter(path, RATE, 1, tags=TAGS) as writer:
        writer.write(chords(2.0)[None])
    return path


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def refused(capsys, folder, requests):
    """Every request is refused in one line that says what is wrong, and leaves all files alone."""
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    for arguments, told in requests:
        code, stdout, stderr = run(capsys, *arguments)
        assert (code, stdout) == (2, ""), arguments
        assert stderr.startswith("musiclib: error: "), arguments
        assert stderr.count("\n") == 1, stderr
        assert told in stderr
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("out.opus", ["--codec", "opus", "--kbps", "24"]),
        ("out.mp3", ["--kbps", "32"]),
        ("out.m4a", ["--kbps", "32"]),
        ("out.ogg", ["--quality", "0.5"]),
        ("out.wav", ["--factor", "2"]),
    ],
)
def test_encode_decode_info(capsys, tmp_path, song, name, options):
    coded, decoded = tmp_path / name, tmp_path / "decoded.wav"
    code, out, err = run(capsys, "encode", song, coded, *options)
    assert (code, err) == (0, "")
    size = coded.stat().st_size
    assert f"{size} bytes" in out
    assert f"{8 * size / 2 / 1000:.3f} kbps" in out

    code, out, err = run(capsys, "info", coded, "--json")
    facts = json.loads(out)
    assert (code, facts["bytes"], facts["channels"]) == (0, size, 1)
    assert facts["seconds"] == pytest.approx(2.0, abs=1e-4)
    assert facts["kbps"] == pytest.approx(8 * size / 2 / 1000, abs=2e-3)
    assert 0 < facts["overhead_bytes"] < size
    code, out, _ = run(capsys, "info", coded)
    assert code == 0
    assert f"{facts['kbps']:.3f}" in out

    code, out, err = run(capsys, "decode", coded, decoded, "--sample-rate", RATE)
    assert (code, err) == (0, "")
    audio, rate = load(decoded)
    assert (len(audio), rate) == (2 * RATE, RATE)
    assert lag(chords(2.0), audio) == 0
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_stereo_mono_and_rate(capsys, tmp_path):
    source = tmp_path / "stereo.wav"
    save(source, stereo(chords(1.0, 44_100)), 44_100)
    run(capsys, "encode", source, tmp_path / "both.mp3", "--kbps", "128")
    assert probe(tmp_path / "both.mp3").channels == 2
    code, out, _ = run(
        capsys, "encode", source, tmp_path / "one.mp3", "--kbps", 64, "--mono",
        "--sample-rate", 24000,
    )  # fmt: skip
    assert code == 0
    assert "24000 Hz, 1 channel)" in out
    assert probe(tmp_path / "one.mp3").channels == 1
    assert probe(tmp_path / "one.mp3").sample_rate == 24_000


def test_decode_says_when_it_clips(capsys, tmp_path):
    square = np.sign(np.sin(np.arange(RATE) / 20)).astype(np.float32)
    (tmp_path / "loud.mp3").write_bytes(get_codec("mp3", 32).encode(square, RATE))
    code, out, _ = run(capsys, "decode", tmp_path / "loud.mp3", tmp_path / "a.wav")
    assert code == 0
    assert "clipped" in out
    code, out, _ = run(
        capsys, "decode", tmp_path / "loud.mp3", tmp_path / "b.wav", "--bits", "float"
    )
    assert "clipped" not in out
    assert np.abs(load(tmp_path / "b.wav")[0]).max() > 1.0
    code, _, _ = run(capsys, "decode", tmp_path / "loud.mp3", tmp_path / "c.flac", "--bits", "24")
    assert code == 0
    assert probe(tmp_path / "c.flac").codec == "flac"


def test_info_reads_formats_that_are_no_codec_here(capsys, tmp_path):
    save(tmp_path / "a.flac", chords(1.0), RATE)
    code, out, _ = run(capsys, "info", tmp_path / "a.flac", "--json")
    assert code == 0
    assert json.loads(out)["codec"] == "flac"
    assert json.loads(out)["seconds"] == 1.0


def test_errors_are_one_line_and_leave_nothing(capsys, tmp_path, song):
    mp3 = tmp_path / "a.mp3"
    mp3.write_bytes(get_codec("mp3", 32).encode(chords(1.0), RATE))
    cut = tmp_path / "cut.mp3"
    cut.write_bytes(mp3.read_bytes()[:2000])
    text = tmp_path / "text.mp3"
    text.write_text("no audio")
    empty = tmp_path / "empty.opus"
    empty.write_bytes(b"")
    out = tmp_path / "out.mp3"
    requests = [
        (["encode", song, out], "--kbps"),
        (["encode", song, out, "--kbps", 20], "16, 24"),
        (["encode", song, out, "--kbps", "many"], "positive number"),
        (["encode", song, out, "--quality", 0.5], "no option 'quality'"),
        (["encode", song, out, "--codec", "opus", "--kbps", 12], ".opus"),
        (["encode", song, tmp_path / "out.xyz", "--kbps", 12], ".opus"),
        (["encode", song, mp3, "--kbps", 32], "--force"),
        (["encode", song, song, "--factor", 2, "--force"], "input itself"),
        (["encode", song, tmp_path / "no" / "out.mp3", "--kbps", 32], "not a folder"),
        (["encode", tmp_path / "no.wav", out, "--kbps", 32], "no.wav"),
        (["encode", text, out, "--kbps", 32], "text.mp3"),
        (["decode", cut, tmp_path / "out.wav"], "cut.mp3"),
        (["decode", text, tmp_path / "out.wav"], "text.mp3"),
        (["decode", empty, tmp_path / "out.wav"], "empty"),
        (["decode", mp3, tmp_path / "out.mp4"], ".flac"),
        (["decode", mp3, tmp_path / "out.flac", "--bits", "float"], "--bits 24"),
        (["decode", mp3, song], "--force"),
        (["info", tmp_path / "no.mp3"], "no.mp3"),
        (["info", text], "text.mp3"),
        (["info", tmp_path], str(tmp_path)),
        (["encode"], "IN, OUT"),
        (["sing"], "sing"),
        ([], "COMMAND"),
    ]
    refused(capsys, tmp_path, requests)


def test_help_and_version(capsys):
    for arguments in (["--help"], ["encode", "--help"], ["evaluate", "--help"], ["--version"]):
        code, out, err = run(capsys, *arguments)
        assert (code, err) == (0, "")
        assert "musiclib" in out


def test_help_loads_no_heavy_library():
    script = (
        "import sys; from musiclib.cli.main import main; main(['--help']); "
        "heavy = {'torch', 'librosa', 'pandas', 'numpy', 'av'} & set(sys.modules); "
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_interrupt_is_no_traceback(capsys, monkeypatch, tmp_path, song):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("musiclib.codecs.base.FileCodec.encode", interrupt)
    code, _, err = run(capsys, "encode", song, tmp_path / "a.mp3", "--kbps", 32)
    assert (code, err) == (130, "musiclib: error: interrupted\n")
    assert not (tmp_path / "a.mp3").exists()


def test_melic_keeps_tags_time_and_size(capsys, tmp_path, tagged):
    coded = tmp_path / "song.mlc"
    code, out, err = run(capsys, "encode", tagged, coded, "--kbps", 6)
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
        assert lag(chords(2.0), audio) == 0
        assert probe(tmp_path / name).tags["artist"] == "Someone"
    code, _, _ = run(
        capsys, "decode", coded, tmp_path / "plain.wav", "--no-restore", "--sample-rate", 44_100
    )
    assert code == 0
    assert len(load(tmp_path / "plain.wav")[0]) == 2 * 44_100
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_settings_of_melic(capsys, tmp_path):
    save(tmp_path / "pair.wav", stereo(chords(1.0)), RATE)
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


def test_errors_of_melic_and_of_folders(capsys, tmp_path, song):
    coded = tmp_path / "a.mlc"
    run(capsys, "encode", song, coded, "--gain", 160)
    (tmp_path / "cut.mlc").write_bytes(coded.read_bytes()[:-9])
    out = tmp_path / "out.mlc"
    requests = [
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
    ]
    refused(capsys, tmp_path, requests)


def test_folders(capsys, tmp_path):
    albums, coded, decoded = (tmp_path / name for name in ("albums", "coded", "decoded"))
    (albums / "one").mkdir(parents=True)
    save(albums / "one" / "a.wav", chords(1.0), RATE)
    save(albums / "one" / "a.flac", chords(1.0, seed=1), RATE)
    save(albums / "b.wav", stereo(chords(1.0)), RATE)
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
    save(tmp_path / "in" / "a.wav", chords(1.0), RATE)
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


def test_progress_is_for_terminals(capsys, tmp_path, song, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    _, _, err = run(capsys, "encode", song, tmp_path / "a.mlc", "--gain", 150)
    assert "song.wav" in err
    _, _, err = run(capsys, "decode", tmp_path / "a.mlc", tmp_path / "a.wav", "--quiet")
    assert err == ""


def test_autoencoders_encode_and_decode(capsys, tmp_path, shipped):
    source, coded, decoded = (tmp_path / name for name in ("in.wav", "song.mla", "out.wav"))
    save(source, chords(2.0), 24_000)
    options = ["--codec", "autoencoder", "--model", "waveform", "--kbps", "6"]
    code, out, err = run(capsys, "encode", source, coded, *options)
    assert (code, err) == (0, "")
    size = coded.stat().st_size
    assert f"waveform 6 kbps, {size} bytes" in out
    assert 8 * size / 2 / 1000 <= 6

    code, out, _ = run(capsys, "info", coded, "--json")
    facts = json.loads(out)
    assert (facts["codec"], facts["model"], facts["channels"]) == ("autoencoder", "waveform", 1)
    assert (facts["seconds"], facts["bytes"], facts["sample_rate"]) == (2.0, size, LATENT_RATE)
    assert facts["overhead_bytes"] <= 32

    code, out, err = run(capsys, "decode", coded, decoded)
    assert (code, err) == (0, "")
    audio, rate = load(decoded)
    assert (len(audio), rate) == (2 * LATENT_RATE, LATENT_RATE)
    assert np.abs(audio).max() > 0.1

    for command in (["decode", coded, tmp_path / "x.wav"], ["info", coded]):
        code, out, err = run(capsys, *command, "--checkpoints", tmp_path)
        assert (code, out) == (2, "")
        assert err.startswith("musiclib: error:")
        assert "song.mla" in err
        assert "Name the folder of its checkpoint" in err


def test_requests_for_autoencoders_that_lack_something(capsys, tmp_path, shipped):
    source = tmp_path / "in.wav"
    save(source, chords(1.0), 24_000)
    requests = (
        (["out.mla", "--kbps", "3"], "--model wideband-64, for example"),
        (["out.mla", "--model", "deep"], "how many bits"),
        (["out.mp3", "--model", "deep", "--kbps", "32"], "files end in .mla"),
        (["out.mla", "--model", "cake", "--kbps", "3"], "has no model 'cake'. It has: deep,"),
        (["out.mla", "--model", "deep", "--step", "99"], "from -64 to 63"),
    )
    refused(
        capsys,
        tmp_path,
        [(["encode", source, tmp_path / out, *more], told) for (out, *more), told in requests],
    )

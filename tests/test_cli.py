"""The command: files through the codecs, one-line errors, nothing written by halves."""

import json
import subprocess
import sys

import numpy as np
import pytest

from musiclib.audio import load, probe, save
from musiclib.cli.main import main
from musiclib.codecs import get_codec
from tests.codec_signals import RATE, lag, music, stereo


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "song.wav"
    save(path, music(2.0), RATE)
    return path


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("out.opus", ["--codec", "opus", "--kbps", "24"]),
        ("out.mp3", ["--kbps", "32"]),
        ("out.m4a", ["--kbps", "32"]),
        ("out.ogg", ["--kbps", "48"]),
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
    assert lag(music(2.0), audio) == 0
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_encode_writes_what_the_codec_gives(capsys, tmp_path, song):
    run(capsys, "encode", song, tmp_path / "a.opus", "--kbps", "16")
    audio, rate = load(song)
    assert (tmp_path / "a.opus").read_bytes() == get_codec("opus", 16).encode(audio, rate)


def test_stereo_mono_and_rate(capsys, tmp_path):
    source = tmp_path / "stereo.wav"
    save(source, stereo(music(1.0, 44_100)), 44_100)
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


def test_tags_travel(capsys, tmp_path):
    source = tmp_path / "tagged.mp3"
    tags = {"title": "Näme", "artist": "Someone", "comment": "left behind"}
    codec = get_codec("mp3", 64)
    source.write_bytes(codec.encode(music(1.0), RATE, tags))
    run(capsys, "encode", source, tmp_path / "a.opus", "--kbps", "24")
    _, out, _ = run(capsys, "info", tmp_path / "a.opus", "--json")
    assert json.loads(out)["tags"] == {"title": "Näme", "artist": "Someone"}


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
    save(tmp_path / "a.flac", music(1.0), RATE)
    code, out, _ = run(capsys, "info", tmp_path / "a.flac", "--json")
    assert code == 0
    assert json.loads(out)["codec"] == "flac"
    assert json.loads(out)["seconds"] == 1.0


def test_errors_are_one_line_and_leave_nothing(capsys, tmp_path, song):
    mp3 = tmp_path / "a.mp3"
    mp3.write_bytes(get_codec("mp3", 32).encode(music(1.0), RATE))
    cut = tmp_path / "cut.mp3"
    cut.write_bytes(mp3.read_bytes()[:2000])
    text = tmp_path / "text.mp3"
    text.write_text("no audio")
    empty = tmp_path / "empty.opus"
    empty.write_bytes(b"")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    out = tmp_path / "out.mp3"
    for arguments, told in [
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
    ]:
        code, stdout, stderr = run(capsys, *arguments)
        assert (code, stdout) == (2, ""), arguments
        assert stderr.startswith("musiclib: error: "), arguments
        assert stderr.count("\n") == 1, stderr
        assert told in stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_force_replaces(capsys, tmp_path, song):
    target = tmp_path / "a.mp3"
    target.write_bytes(b"old")
    assert run(capsys, "encode", song, target, "--kbps", 32, "--force")[0] == 0
    assert probe(target).codec.startswith("mp3")


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

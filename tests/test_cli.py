"""Files and folders through the codecs: one-line errors, nothing written by halves."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from musiclib.audio import AudioWriter, load, probe, save
from musiclib.cli.main import build_parser
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
def folder(tmp_path, monkeypatch):
    """A folder to work in with two seconds of music; models of Melic are small."""
    monkeypatch.setattr(decoder, "open_model", lambda _folder: model())
    monkeypatch.chdir(tmp_path)
    with AudioWriter(tmp_path / "song.flac", RATE, 1, tags=TAGS) as writer:
        writer.write(chords(2.0)[None])
    save("pair.wav", stereo(chords(1.0)), RATE)
    return tmp_path


@pytest.fixture
def shipped(checkpoints, monkeypatch):
    monkeypatch.setenv("MUSICLIB_CHECKPOINTS", str(checkpoints["deep"].path.parent))


@pytest.fixture
def succeeds(run):
    def succeeds(words):
        code, out, err = run(words)
        assert (code, err) == (0, "")
        return out

    return succeeds


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("out.opus", "--codec opus --kbps 24"),
        ("out.mp3", "--kbps 32"),
        ("out.m4a", "--kbps 32"),
        ("out.ogg", "--quality 0.5"),
        ("out.wav", "--factor 2"),
        ("out.mlc", "--kbps 6"),
    ],
)
def test_encode_decode_info(succeeds, folder, name, options):
    out = succeeds(f"encode song.flac {name} {options}")
    size = (folder / name).stat().st_size
    assert f"{size} bytes" in out
    assert f"{8 * size / 2 / 1000:.3f} kbps" in out

    facts = json.loads(succeeds(f"info {name} --json"))
    assert (facts["bytes"], facts["channels"]) == (size, 1)
    assert facts["seconds"] == pytest.approx(2.0, abs=1e-4)
    assert facts["kbps"] == pytest.approx(8 * size / 2 / 1000, abs=2e-3)
    assert 0 < facts["overhead_bytes"] < size
    assert f"{facts['kbps']:.3f}" in succeeds(f"info {name}")

    for decoded in ("decoded.wav", "decoded.flac", "decoded.ogg"):
        succeeds(f"decode {name} {decoded} --sample-rate {RATE}")
        audio, rate = load(decoded)
        assert (len(audio), rate) == (2 * RATE, RATE)
        assert lag(chords(2.0), audio) == 0
    assert not list(folder.glob(".*"))


def test_tags_and_settings_of_melic(succeeds):
    succeeds("encode song.flac song.mlc --kbps 6")
    facts = json.loads(succeeds("info song.mlc --json"))
    assert (facts["tags"], facts["restored"]) == (TAGS, True)
    assert facts["model"] == model().identity(True).hex()
    assert "tag title       Näme" in succeeds("info song.mlc")
    succeeds("decode song.mlc out.flac")
    assert probe("out.flac").tags["artist"] == "Someone"
    succeeds("decode song.mlc plain.wav --no-restore --sample-rate 44100")
    assert len(load("plain.wav")[0]) == 2 * 44_100

    succeeds("encode pair.wav pair.mlc --gain 140 --no-restore --quiet")
    facts = json.loads(succeeds("info pair.mlc --json"))
    assert (facts["gain"], facts["restored"], facts["channels"]) == ("140", False, 2)
    assert "1 channel)" in succeeds("encode pair.wav pair.mlc --kbps 12 --mono --force")


def test_stereo_mono_and_rate(succeeds):
    succeeds("encode pair.wav both.mp3 --kbps 128")
    assert probe("both.mp3").channels == 2
    out = succeeds("encode pair.wav one.mp3 --kbps 64 --mono --sample-rate 32000")
    assert "32000 Hz, 1 channel)" in out
    assert (probe("one.mp3").channels, probe("one.mp3").sample_rate) == (1, 32_000)


def test_decode_says_when_it_clips(succeeds, folder):
    square = np.sign(np.sin(np.arange(RATE) / 20)).astype(np.float32)
    (folder / "loud.mp3").write_bytes(get_codec("mp3", 32).encode(square, RATE))
    assert "clipped" in succeeds("decode loud.mp3 a.wav")
    assert "clipped" not in succeeds("decode loud.mp3 b.wav --bits float")
    assert np.abs(load("b.wav")[0]).max() > 1.0
    succeeds("decode loud.mp3 c.flac --bits 24")
    assert probe("c.flac").codec == "flac"


def test_info_reads_formats_that_are_no_codec_here(succeeds):
    facts = json.loads(succeeds("info song.flac --json"))
    assert (facts["codec"], facts["seconds"]) == ("flac", 2.0)


def test_wrong_requests_are_one_line_and_leave_nothing(refused, run, folder):
    mp3 = get_codec("mp3", 32).encode(chords(1.0), RATE)
    run("encode song.flac a.mlc --gain 160")
    for name, data in {
        "a.mp3": mp3,
        "cut.mp3": mp3[:2000],
        "cut.mlc": (folder / "a.mlc").read_bytes()[:-9],
        "text.mp3": b"no audio",
        "empty.opus": b"",
    }.items():
        (folder / name).write_bytes(data)
    for words, told in {
        "encode song.flac out.mp3": "--kbps",
        "encode song.flac out.mp3 --kbps 20": "16, 24",
        "encode song.flac out.mp3 --kbps many": "positive number",
        "encode song.flac out.mp3 --quality 0.5": "belongs to vorbis",
        "encode song.flac out.mp3 --codec opus --kbps 12": ".opus",
        "encode song.flac out.xyz --kbps 12": ".opus",
        "encode song.flac a.mp3 --kbps 32": "--force",
        "encode pair.wav pair.wav --factor 2 --force": "input itself",
        "encode song.flac no/out.mp3 --kbps 32": "not a folder",
        "encode no.wav out.mp3 --kbps 32": "no.wav",
        "encode text.mp3 out.opus --kbps 32": "text.mp3",
        "encode song.flac out.mlc --kbps 0.01": "is the least",
        "encode song.flac out.mlc --gain 300": "from 0 to 255",
        "encode . folder --kbps 6": "--codec melic",
        "encode . song.flac --codec melic --kbps 6": "is a file",
        "decode cut.mp3 out.wav": "cut.mp3",
        "decode cut.mlc out.wav": "cut.mlc: ",
        "decode text.mp3 out.wav": "text.mp3",
        "decode empty.opus out.wav": "empty",
        "decode a.mp3 out.mp4": ".flac",
        "decode a.mp3 out.flac --bits float": "--bits 24",
        "decode a.mp3 pair.wav": "--force",
        "decode a.mlc x.ogg --bits 24": "--bits",
        "decode . folder --format flac --bits float": "FLAC",
        "info no.mp3": "no.mp3",
        "info text.mp3": "text.mp3",
        "info cut.mlc": "cut.mlc: ",
        "info .": ".",
        "encode": "IN, OUT",
        "sing": "sing",
        "": "COMMAND",
    }.items():
        refused(words, told)


@pytest.mark.parametrize("words", ["--help", "encode --help", "evaluate --help", "--version"])
def test_help_and_version(succeeds, words):
    assert "musiclib" in succeeds(words)


def test_commands_of_the_readme_are_understood():
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^(?:\w+=\w+ )?musiclib (.*?)(?: *#.*)?$", text, re.M)
    assert len(commands) >= 20
    for words in commands:
        assert build_parser().parse_args(shlex.split(words)).run


def test_an_interrupt_is_no_traceback(run, monkeypatch, folder):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("musiclib.codecs.base.FileCodec.encode", interrupt)
    code, _, err = run("encode song.flac a.mp3 --kbps 32")
    assert (code, err) == (130, "musiclib: error: interrupted\n")
    assert not (folder / "a.mp3").exists()


def test_folders(run, succeeds, folder):
    albums, coded = folder / "albums", folder / "coded"
    (albums / "one").mkdir(parents=True)
    save(albums / "one" / "a.wav", chords(1.0), RATE)
    save(albums / "one" / "a.flac", chords(1.0, seed=1), RATE)
    save(albums / "b.wav", stereo(chords(1.0)), RATE)
    (albums / "broken.mp3").write_text("no audio")
    (albums / "notes.txt").write_text("no audio either")
    (albums / ".hidden.wav").write_text("")
    words = "encode albums coded --codec melic --gain 150"
    code, out, err = run(words)
    assert (code, err.count("\n")) == (1, 1)
    assert "3 written, 0 there already, 1 failed" in out
    assert "broken.mp3" in err
    names = sorted(str(path.relative_to(coded)) for path in coded.rglob("*") if path.is_file())
    assert names == ["b.mlc", "one/a.flac.mlc", "one/a.wav.mlc"]

    # What is there already stays, until it is asked for again.
    stamp = (coded / "b.mlc").stat().st_mtime_ns
    (coded / "one" / "a.wav.mlc").unlink()
    (albums / "broken.mp3").unlink()
    assert succeeds(f"{words} --quiet") == "coded: 1 written, 2 there already, 0 failed\n"
    assert (coded / "b.mlc").stat().st_mtime_ns == stamp
    assert "3 written, 0 there already" in succeeds(f"{words} --force --quiet")

    succeeds("decode coded decoded --format flac")
    assert len(load("decoded/one/a.wav.flac")[0]) == RATE
    assert probe("decoded/b.flac").channels == 2
    code, _, err = run("encode coded decoded --codec opus --kbps 24")
    assert code == 2
    assert "holds no files" in err


def test_a_folder_within_the_folder_that_is_read(succeeds, folder):
    words = "encode . out --codec opus --kbps 24"
    succeeds(words)
    expected = get_codec("opus", 24).encode(load("pair.wav", mono=False)[0], RATE)
    assert (folder / "out" / "pair.opus").read_bytes() == expected
    assert "0 written, 2 there already, 0 failed" in succeeds(words)


def test_progress_is_for_terminals(run, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert "song.flac" in run("encode song.flac a.mlc --gain 150")[2]
    assert run("decode a.mlc a.wav --quiet")[2] == ""


def test_autoencoders(succeeds, refused, folder, shipped):
    out = succeeds("encode song.flac song.mla --codec autoencoder --model waveform --kbps 6")
    size = (folder / "song.mla").stat().st_size
    assert f"waveform 6 kbps, {size} bytes" in out
    assert 8 * size / 2 / 1000 <= 6

    facts = json.loads(succeeds("info song.mla --json"))
    assert (facts["codec"], facts["model"], facts["channels"]) == ("autoencoder", "waveform", 1)
    assert (facts["seconds"], facts["bytes"], facts["sample_rate"]) == (2.0, size, LATENT_RATE)
    assert facts["overhead_bytes"] <= 32

    succeeds("decode song.mla decoded.wav")
    audio, rate = load("decoded.wav")
    assert (len(audio), rate) == (2 * LATENT_RATE, LATENT_RATE)
    assert np.abs(audio).max() > 0.1

    for words, told in {
        "decode song.mla x.wav --checkpoints .": "song.mla: ",
        "info song.mla --checkpoints .": "song.mla: ",
        "encode song.flac out.mla --kbps 3": "--model wideband-64, for example",
        "encode song.flac out.mla --model deep": "how many bits",
        "encode song.flac out.mp3 --model deep --kbps 32": "files end in .mla",
        "encode song.flac out.mla --model cake --kbps 3": "deep,",
        "encode song.flac out.mla --model deep --step 99": "from -64 to 63",
    }.items():
        refused(words, told)


def test_output_that_nobody_reads_any_more_is_no_error():
    command = [sys.executable, "-m", "musiclib.cli.main", "data", "list"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == (b"", 0)
    process.stderr.close()

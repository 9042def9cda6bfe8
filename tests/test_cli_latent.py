"""The command line with autoencoders."""

import json
from itertools import pairwise

import numpy as np
import pytest

from musiclib.audio import load, save
from musiclib.cli.main import main
from musiclib.codecs import parse_codecs
from musiclib.errors import CodecError
from tests.codec_signals import music as chords
from tests.latent_fixture import RATE, checkpoints, music

__all__ = ["checkpoints", "music"]


@pytest.fixture
def shipped(checkpoints, monkeypatch):
    folder = checkpoints["deep"].path.parent
    monkeypatch.setenv("MUSICLIB_CHECKPOINTS", str(folder))
    return folder


def run(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_encode_decode_info(capsys, tmp_path, shipped):
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
    assert (facts["seconds"], facts["bytes"], facts["sample_rate"]) == (2.0, size, RATE)
    assert facts["overhead_bytes"] <= 32

    code, out, err = run(capsys, "decode", coded, decoded)
    assert (code, err) == (0, "")
    audio, rate = load(decoded)
    assert (len(audio), rate) == (2 * RATE, RATE)
    assert np.abs(audio).max() > 0.1

    for command in (["decode", coded, tmp_path / "x.wav"], ["info", coded]):
        code, out, err = run(capsys, *command, "--checkpoints", tmp_path)
        assert (code, out) == (2, "")
        assert err.startswith("musiclib: error:")
        assert "song.mla" in err
        assert "Name the folder of its checkpoint" in err


def test_requests_that_lack_something(capsys, tmp_path, shipped):
    source = tmp_path / "in.wav"
    save(source, chords(1.0), 24_000)
    for options, message in (
        (["out.mla", "--kbps", "3"], "--model wideband-64, for example"),
        (["out.mla", "--model", "deep"], "how many bits"),
        (["out.mp3", "--model", "deep", "--kbps", "32"], "files end in .mla"),
        (["out.mla", "--model", "cake", "--kbps", "3"], "has no model 'cake'. It has: deep,"),
        (["out.mla", "--model", "deep", "--step", "99"], "from -64 to 63"),
    ):
        code, out, err = run(capsys, "encode", source, tmp_path / options[0], *options[1:])
        assert (code, out) == (2, "")
        assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


def test_evaluate_takes_models(capsys, tmp_path, shipped):
    source = tmp_path / "in.wav"
    save(source, chords(1.0), 24_000)
    code, out, _ = run(
        capsys, "evaluate", source, "--codecs", "autoencoder/waveform:s-12,s-4,8",
        "--metrics", "si_sdr", "--format", "json",
    )  # fmt: skip
    rows = json.loads(out)
    assert code == 0
    assert [row["setting"] for row in rows] == ["step -12", "step -4", "8 kbps"]
    assert {row["system"] for row in rows} == {"waveform"}
    assert all(finer["kbps"] > coarser["kbps"] for finer, coarser in pairwise(rows[:2]))
    assert rows[2]["kbps"] <= 8


def test_codecs_that_cannot_be_read(shipped):
    assert parse_codecs([f"autoencoder/{shipped}/deep:3"])[0].label == "deep 3 kbps"
    for spec, message in (
        ("autoencoder:3", "names no model"),
        ("opus/fast:12", "only an autoencoder has a model"),
        ("autoencoder/deep:s1.5", "or a step"),
    ):
        with pytest.raises(CodecError, match=message):
            parse_codecs([spec])

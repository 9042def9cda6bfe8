"""What `import musiclib as ml` offers."""

import doctest
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import musiclib as ml
from musiclib import verbs
from musiclib.errors import BitstreamError, CodecError
from tests import signals

RATE = 24_000


@pytest.fixture
def song(tmp_path: Path) -> Path:
    path = tmp_path / "song.wav"
    ml.save(path, signals.music(2 * RATE, RATE), RATE)
    return path


def test_examples_of_the_documentation_hold():
    assert doctest.testmod(verbs).failed == 0
    assert doctest.testmod(verbs).attempted > 0


def test_every_name_is_there_and_documented():
    for name in ml.__all__:
        assert getattr(ml, name), name
        assert name.startswith("__") or getattr(ml, name).__doc__, name
    assert set(ml.__all__) <= set(dir(ml))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ml.nothing


def test_importing_it_imports_nothing_heavy():
    heavy = ("numpy", "torch", "numba", "pandas", "scipy", "matplotlib", "av")
    code = f"import sys, musiclib; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", ["song.mlc", "song.opus", "song.mp3"])
def test_a_file_becomes_small_and_is_heard_again(song, tmp_path, name):
    small, back = tmp_path / name, tmp_path / "back.wav"
    made = ml.encode(song, small, kbps=16)
    assert made.n_bytes == small.stat().st_size
    assert made.kbps == pytest.approx(8 * made.n_bytes / 2.0 / 1000)
    heard = ml.decode(small, back, sample_rate=RATE)
    assert heard.codec == made.codec == verbs.codec_of(small)
    assert heard.n_bytes == made.n_bytes
    audio, rate = ml.load(back, mono=True)
    original, _ = ml.load(song, mono=True)
    assert (rate, heard.n_samples) == (RATE, audio.shape[-1])
    assert audio.shape[-1] == pytest.approx(original.shape[-1], abs=2)
    n = min(audio.shape[-1], original.shape[-1])
    likeness = np.corrcoef(audio.ravel()[:n], original.ravel()[:n])[0, 1]
    assert likeness > 0.5


def test_a_codec_is_measured_in_a_line(song):
    table = ml.evaluate([ml.codec("opus", kbps=12)], [song], ["si_sdr"])
    assert table["kbps"].item() == pytest.approx(12, rel=0.5)


def test_latents_of_a_song_are_those_of_its_samples(song):
    found = ml.latents(song, "deep-16")
    audio, _ = ml.load(song, mono=True)
    assert found.shape[0] == 16
    np.testing.assert_array_equal(found, ml.latents(audio, "deep-16", sample_rate=RATE))
    with pytest.raises(CodecError, match="sample_rate"):
        ml.latents(audio, "deep-16")
    model = ml.load_model("deep-16")
    assert not model.training


def test_what_cannot_be_done_is_said_with_its_remedy(song, tmp_path):
    with pytest.raises(CodecError, match=r"\.xyz.*\.mlc"):
        ml.encode(song, tmp_path / "song.xyz", kbps=12)
    with pytest.raises(CodecError, match="kbps=64"):
        ml.encode(song, tmp_path / "song.mlc")
    with pytest.raises(CodecError, match="Change the suffix"):
        ml.decode(song, tmp_path / "song.mp3")
    damaged = tmp_path / "damaged.mlc"
    damaged.write_bytes(b"nothing that anybody wrote")
    with pytest.raises(BitstreamError, match=r"damaged\.mlc"):
        ml.decode(damaged, tmp_path / "damaged.wav")
    assert not (tmp_path / "damaged.wav").exists()

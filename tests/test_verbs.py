"""What `import musiclib as ml` offers: its examples, and what a mistake is told."""

import doctest
import json
import re
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import musiclib as ml
from musiclib.errors import BitstreamError, CodecError

ROOT = Path(__file__).parents[1]
NAMES = [name for name in ml.__all__ if not name.startswith("__")]


@pytest.fixture(autouse=True)
def song(tmp_path, monkeypatch) -> Path:
    """Five seconds of music in the folder that a test runs in."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "song.flac"
    ml.save(path, *ml.load(ROOT / "data/mini/test/t0264.flac", duration_s=5.0))
    return path


@pytest.mark.parametrize("name", NAMES)
def test_example_of_every_name(name, capsys):
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(ml, name), name, globs={})
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(example)
    plt.close("all")
    assert runner.tries > 0
    assert runner.failures == 0, capsys.readouterr().out


def test_the_three_tasks_are_the_same_everywhere_and_run():
    index = json.loads((ROOT / "book" / "index.ipynb").read_text(encoding="utf-8"))
    places = (
        (ROOT / "README.md").read_text(encoding="utf-8"),
        "\n".join("".join(cell["source"]) for cell in index["cells"]),
    )
    code = {re.findall(r"```python\n(.*?)```", text, re.S)[0] for text in places}
    assert len(code) == 1
    (code,) = code
    assert code in "\n".join(line.removeprefix("    ") for line in ml.__doc__.split("\n"))
    exec(code, {})
    assert Path("song.mlc").stat().st_size < Path("song.flac").stat().st_size / 10
    assert ml.load("small.wav")[0].size == ml.load("song.flac")[0].size


def test_unknown_name():
    assert set(ml.__all__) <= set(dir(ml))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = ml.nothing


def test_importing_it_imports_nothing_heavy():
    heavy = ("numpy", "torch", "numba", "pandas", "scipy", "matplotlib", "av")
    code = f"import sys, musiclib; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", ["song.mlc", "song.opus", "song.mp3"])
def test_a_decoded_song_is_like_the_song(name):
    made = ml.encode("song.flac", name, kbps=16, sample_rate=24_000)
    assert made.n_bytes == Path(name).stat().st_size
    heard = ml.decode(name, "back.wav", sample_rate=24_000)
    assert (heard.codec, heard.n_bytes) == (made.codec, made.n_bytes)
    audio, original = (ml.load(path, 24_000)[0] for path in ("back.wav", "song.flac"))
    assert len(audio) == heard.n_samples == len(original)
    assert np.corrcoef(audio, original)[0, 1] > 0.5


def test_latents_of_a_file_are_those_of_its_samples():
    audio, rate = ml.load("song.flac")
    np.testing.assert_array_equal(ml.latents("song.flac"), ml.latents(audio, sample_rate=rate))
    with pytest.raises(CodecError, match="sample_rate"):
        ml.latents(audio)


def test_mistakes_are_told_with_their_remedy():
    with pytest.raises(CodecError, match=r"\.xyz.*\.mlc"):
        ml.encode("song.flac", "song.xyz", kbps=12)
    with pytest.raises(CodecError, match="kbps=64"):
        ml.encode("song.flac", "song.mlc")
    with pytest.raises(CodecError, match="Change the suffix"):
        ml.decode("song.flac", "song.mp3")
    Path("damaged.mlc").write_bytes(b"nothing that anybody wrote")
    with pytest.raises(BitstreamError, match=r"damaged\.mlc"):
        ml.decode("damaged.mlc", "damaged.wav")
    assert not Path("damaged.wav").exists()

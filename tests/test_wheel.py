"""The wheel, installed outside the repository: a codec that works, with nothing of the clone.

The environment has an interpreter and a `site-packages` of its own, which holds the wheel alone;
libraries come from the environment that runs the tests, whose versions the lock pins.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musiclib.listen.sounds import STATIC
from tests import golden
from tests.codec_signals import lag

ROOT = Path(__file__).resolve().parents[1]
MOST_MIB = 12

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy, away from what earlier builds left behind."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT / "musiclib", source / "musiclib", ignore=shutil.ignore_patterns("__py*"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--quiet", "--wheel-dir", str(folder)], cwd=source, check=True)
    (found,) = folder.glob("*.whl")
    return found


class Environment:
    """An environment of its own, and a folder to work in."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.work = folder / "work"
        self.work.mkdir()
        self.bin = folder / "env" / "bin"
        venv.create(folder / "env", with_pip=False, symlinks=True)
        self.python = self.bin / "python"
        pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install"]
        subprocess.run([*pip, "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
        site = Path(
            self.run("python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
        )
        # Added to the path only: an editable musiclib there is named by a .pth file, which Python
        # reads in an environment's own folder alone.
        (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        self.site = site

    def run(self, program: str, *arguments: object, fails: bool = False) -> str:
        """Run a program of the environment; return what it prints, of a failure its error."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("MUSICLIB_")}
        kept.update(HOME=str(self.work), XDG_CACHE_HOME=str(self.work / "cache"))
        kept.pop("PYTHONPATH", None)
        done = subprocess.run(
            [self.bin / program, *map(str, arguments)],
            cwd=self.work,
            env=kept,
            capture_output=True,
            text=True,
        )
        assert (done.returncode != 0) == fails, done.stderr
        return (done.stderr if fails else done.stdout).strip()


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Environment:
    return Environment(tmp_path_factory.mktemp("installed"), wheel)


def test_wheel_holds_the_codec_and_not_the_models_of_the_book(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    weights = [name for name in names if name.endswith((".safetensors", ".npz"))]
    assert {Path(name).name for name in weights} == {
        "codec-restorer.safetensors",
        "codec-tables.npz",
    }
    scripts = {f"musiclib/listen/static/{path.name}" for path in STATIC.iterdir()}
    assert len(scripts) == 10
    assert scripts <= set(names)
    assert all(name.startswith(("musiclib/", "musiclib-")) for name in names)
    assert wheel.stat().st_size < MOST_MIB * 2**20


def test_code_is_that_of_the_wheel(environment):
    place = environment.run("python", "-c", "import musiclib; print(musiclib.__file__)")
    assert Path(place).is_relative_to(environment.site)


def test_encode_decode_and_info(environment):
    work = environment.work
    sound, rate = soundfile.read(golden.FOLDER / "stereo-24kbps.flac")
    soundfile.write(work / "a.wav", sound, rate)
    environment.run("musiclib", "encode", "a.wav", "a.mlc", "--kbps", 16)
    facts = json.loads(environment.run("musiclib", "info", "a.mlc", "--json"))
    assert (facts["channels"], facts["restored"], facts["sample_rate"]) == (2, True, rate)
    assert facts["bytes"] == (work / "a.mlc").stat().st_size
    assert facts["kbps"] <= 16
    environment.run("musiclib", "decode", "a.mlc", "b.wav", "--bits", "float")
    decoded, decoded_rate = soundfile.read(work / "b.wav")
    assert (decoded.shape, decoded_rate) == (sound.shape, rate)
    assert lag(sound[:, 0], decoded[:, 0]) == 0
    assert np.corrcoef(sound[:, 0], decoded[:, 0])[0, 1] > 0.9


@pytest.mark.parametrize("name", ["stereo-24kbps", "mono-plain-gain-120"])
def test_stored_files_decode_to_the_stored_sound(environment, name):
    stored, _ = soundfile.read(golden.FOLDER / f"{name}.flac", dtype="float32")
    source = golden.FOLDER / f"{name}.mlc"
    environment.run("musiclib", "decode", source, f"{name}.wav", "--bits", "float")
    decoded, _ = soundfile.read(environment.work / f"{name}.wav", dtype="float32")
    assert np.abs(decoded - stored).max() < golden.TOLERANCE


def test_what_stays_in_the_repository_is_named_with_its_remedy(environment):
    work = environment.work
    soundfile.write(work / "tone.wav", np.zeros(8_000), 8_000)
    for command, remedy in (
        (["encode", "tone.wav", "tone.mla", "--model", "wideband-64", "--step", 0], "clone"),
        (["data", "list", "mini"], "clone the repository"),
    ):
        error = environment.run("musiclib", *command, fails=True)
        assert error.startswith("musiclib: error: ")
        assert len(error.splitlines()) == 1
        assert remedy in error

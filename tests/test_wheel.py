"""The wheel, installed outside the repository, alone and with each extra.

The environment has an interpreter and a `site-packages` of its own, which holds the wheel alone.
Libraries come from the environment that runs the tests, whose versions the lock pins; those that
the wheel and an extra do not ask for, directly or not, are refused.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import soundfile
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from musiclib.listen.sounds import STATIC
from tests import golden
from tests.codec_signals import lag

ROOT = Path(__file__).resolve().parents[1]
MOST_MIB = 12
# Some libraries are not found, as if they were not installed.
HOOK = """
import os, sys
from importlib.machinery import PathFinder
refused = set(os.environ.get("REFUSED", "").split())
class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] not in refused:
            return super().find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
"""
BOOK = ("plot", "listen", "explore", "book")
MODULES = f"""
import importlib, pkgutil, musiclib
def import_all(extra):
    for module in pkgutil.walk_packages(musiclib.__path__, "musiclib.", onerror=print):
        if (module.name.split(".")[1] in {BOOK}) == extra:
            importlib.import_module(module.name)
"""
CODEC = """
import sys, musiclib as ml
from musiclib.cli.main import main
import_all(extra=False)
assert main("encode a.wav a.mlc --kbps 16".split()) == 0
assert main("decode a.mlc b.wav --bits float".split()) == 0
for path in sys.argv[1:]:
    ml.decode(path, path.rpartition("/")[2] + ".wav", subtype="FLOAT")
print(ml.__file__, *ml.latents("a.wav").shape)
"""

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
        (self.site,) = (folder / "env" / "lib").glob("python*/site-packages")
        pip = [sys.executable, "-m", "pip", "--python", str(self.bin / "python"), "install"]
        subprocess.run([*pip, "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
        # Added to the path only: an editable musiclib there is named by a .pth file, which Python
        # reads in an environment's own folder alone.
        lines = sysconfig.get_path("purelib"), "import refuse_hook"
        (self.site / "libraries.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (self.site / "refuse_hook.py").write_text(HOOK, encoding="utf-8")
        # What Numba compiled takes 20 s to make, and is known by the time of its source.
        for compiled in (ROOT / "musiclib").rglob("*.nb[ci]"):
            source = compiled.parents[1] / f"{compiled.name.partition('.')[0]}.py"
            if source.is_file():  # not what was compiled of a module that is no more
                target = self.site / compiled.relative_to(ROOT)
                target.parent.mkdir(exist_ok=True)
                shutil.copy(compiled, target)
                shutil.copystat(source, target.parents[1] / source.name)
        (info,) = self.site.glob("musiclib-*.dist-info")
        self.absent = {extra: absent_modules(info, extra) for extra in ("", "book", "dev")}

    def run(self, extra: str, program: str, *arguments: object, fails: bool = False) -> str:
        """Run a program with an extra; return what it prints, of a failure its error."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("MUSICLIB_")}
        kept.update(HOME=str(self.work), XDG_CACHE_HOME=str(self.work / "cache"))
        kept.update(REFUSED=" ".join(self.absent[extra]), MPLBACKEND="agg")
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


def absent_modules(wheel_info: Path, extra: str) -> set[str]:
    """Return modules of libraries that neither the wheel nor an extra asks for."""
    found: set[tuple[str, frozenset[str]]] = set()

    def need(name: str, extras: frozenset[str]) -> None:
        if (name, extras) in found:
            return
        found.add((name, extras))
        try:
            at = metadata.Distribution.at
            library = at(wheel_info) if name == "musiclib" else metadata.distribution(name)
        except metadata.PackageNotFoundError:
            return  # of another build of torch, or of another system
        for requirement in map(Requirement, library.requires or []):
            marker = requirement.marker
            if not marker or any(marker.evaluate({"extra": one}) for one in extras | {""}):
                need(canonicalize_name(requirement.name), frozenset(requirement.extras))

    need("musiclib", frozenset({extra} if extra else ()))
    names = {"musiclib", *(name for name, _ in found)}
    owners = _owners().items()
    return {module for module, found in owners if not names & set(found)}


@cache
def _owners() -> dict[str, list[str]]:
    found = metadata.packages_distributions()
    return {module: [canonicalize_name(name) for name in names] for module, names in found.items()}


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Environment:
    return Environment(tmp_path_factory.mktemp("installed"), wheel)


def imported(sources: Iterable[str]) -> set[str]:
    """Return the top-level modules that Python sources import."""
    found: set[str] = set()
    for node in (node for source in sources for node in ast.walk(ast.parse(source))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return {name.partition(".")[0] for name in found}


def cells() -> Iterable[str]:
    for path in (ROOT / "book").rglob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                yield "".join(cell["source"])


def test_wheel_holds_what_it_needs_and_not_the_models_of_the_book(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    weights = [Path(name).name for name in names if name.endswith((".safetensors", ".npz"))]
    expected = ["codec-restorer.safetensors", "codec-tables.npz", "rate-18.safetensors"]
    assert sorted(weights) == expected
    scripts = {f"musiclib/listen/static/{path.name}" for path in STATIC.iterdir()}
    assert scripts
    assert scripts <= set(names)
    assert all(name.startswith(("musiclib/", "musiclib-")) for name in names)
    assert wheel.stat().st_size < MOST_MIB * 2**20


def test_the_bare_wheel_has_its_modules_codes_music_and_finds_latents(environment):
    work = environment.work
    sound, rate = soundfile.read(golden.FOLDER / "stereo-24kbps.flac")
    soundfile.write(work / "a.wav", sound, rate)
    stored = ("stereo-24kbps", "mono-plain-gain-120")
    files = [golden.FOLDER / f"{name}.mlc" for name in stored]
    printed = environment.run("", "python", "-c", MODULES + CODEC, *files)
    place, *shape = printed.splitlines()[-1].split()
    assert Path(place).is_relative_to(environment.site)
    assert shape[0] == "256"
    assert (work / "a.mlc").stat().st_size * 8 / 1000 <= 16 * len(sound) / rate
    decoded, decoded_rate = soundfile.read(work / "b.wav")
    assert (decoded.shape, decoded_rate) == (sound.shape, rate)
    assert lag(sound[:, 0], decoded[:, 0]) == 0
    assert np.corrcoef(sound[:, 0], decoded[:, 0])[0, 1] > 0.9
    for name in stored:
        kept, _ = soundfile.read(golden.FOLDER / f"{name}.flac", dtype="float32")
        again, _ = soundfile.read(work / f"{name}.mlc.wav", dtype="float32")
        assert np.abs(again - kept).max() < golden.TOLERANCE


def test_what_is_for_the_book_is_there_with_its_extra_and_names_it_without(environment):
    book = {"matplotlib", "seaborn", "ipywidgets", "umap", "papermill", "PIL"}
    assert book <= environment.absent[""]
    environment.run("book", "python", "-c", MODULES + "import_all(extra=True)")
    for name in BOOK[:3]:
        error = environment.run("", "python", "-c", f"import musiclib.{name}", fails=True)
        assert "pip install 'musiclib[book]'" in error.splitlines()[-1]


def test_what_is_not_there_is_named_with_its_remedy(environment):
    soundfile.write(environment.work / "tone.wav", np.zeros(8_000), 8_000)
    for command, remedy in (
        ("encode tone.wav tone.mla --model wideband-64 --step 0", "clone"),
        ("data list mini", "clone the repository"),
        ("book check .", "musiclib[book]"),
    ):
        error = environment.run("", "musiclib", *command.split(), fails=True)
        assert error.startswith("musiclib: error: ")
        assert len(error.splitlines()) == 1
        assert remedy in error


def test_extras_bring_what_chapters_and_tests_import(environment):
    code = [path.read_text(encoding="utf-8") for path in (ROOT / "book").glob("*.py")]
    assert not imported([*cells(), *code]) & environment.absent["book"]
    folders = ("tests", "scripts", "benchmarks", "evidence")
    code = [path.read_text("utf-8") for name in folders for path in (ROOT / name).rglob("*.py")]
    assert not imported(code) & environment.absent["dev"]
    assert not {"ruff", "mypy", "importlinter", "xdist"} & environment.absent["dev"]

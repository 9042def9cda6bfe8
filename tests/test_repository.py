"""The repository itself: the lock, the layout, and what must never be in it."""

import itertools
import re
import subprocess
import tomllib
from importlib.metadata import distribution, version
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
_SUFFIXES = "py md yml yaml toml txt ipynb cff css js bib csv json sh cfg html"
TEXT = frozenset(f".{suffix}" for suffix in _SUFFIXES.split())
MIB = 2**20
# Written in pieces, so that this file does not contain what it looks for.
_FOLDERS = "|".join(["work", "root", "home/" + "[a-z]"])
MACHINE_PATHS = re.compile(rf"(?<![\w./-])/({_FOLDERS})/")
_HOSTS = ["pypi" + r"\.org", "python" + "hosted", "npmjs" + r"\.(org|com)", "deb" + r"\.debian"]
REGISTRIES = re.compile("|".join(_HOSTS))


def tracked() -> list[Path]:
    """Files of the repository: those of git where there is git, else all but generated ones."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        generated = {".venv", "build", "dist", "__pycache__", ".git"}
        files = (p for p in ROOT.rglob("*") if p.is_file())
        return [p for p in files if not generated & set(p.relative_to(ROOT).parts)]
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


FILES = tracked()


def locked() -> dict[str, str]:
    pins = {}
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            name, found, pin = line.partition("==")
            assert found, f"{line!r} is not pinned"
            assert re.fullmatch(r"[0-9][0-9a-z.]*", pin), f"{line!r} is not one version"
            pins[canonicalize_name(name)] = pin
    return pins


def test_lock_is_what_runs_and_satisfies_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = locked()
    extras = itertools.chain(*project["optional-dependencies"].values())
    for text in [*project["dependencies"], *extras]:
        requirement = Requirement(text)
        if requirement.name == project["name"]:
            continue
        pin = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(pin), text
        assert version(requirement.name).partition("+")[0] == pin, text


def test_lock_is_complete_and_consistent() -> None:
    """Every requirement of a locked library is locked too, at a version that it accepts."""
    pins = locked()
    for name in pins:
        for text in distribution(name).requires or []:
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
                continue
            if name == "torch" and requirement.name.startswith(("nvidia", "cuda", "triton")):
                continue  # belongs to one build of torch, which pins it itself
            pin = pins.get(canonicalize_name(requirement.name))
            assert pin, f"{name} needs {text}, which the lock lacks"
            assert requirement.specifier.contains(pin, prereleases=True), f"{name} needs {text}"


def test_no_path_of_a_machine_and_no_host_of_a_registry() -> None:
    for path in FILES:
        if path.suffix in TEXT or not path.suffix:
            text = path.read_text(encoding="utf-8", errors="replace")
            assert not MACHINE_PATHS.search(text), path
            assert not REGISTRIES.search(text), path


def test_no_large_file_and_nothing_generated_is_kept() -> None:
    sizes = {path.relative_to(ROOT): path.stat().st_size / MIB for path in FILES}
    assert {path: size for path, size in sizes.items() if size > 20} == {}
    assert sum(size for path, size in sizes.items() if path.is_relative_to("data/mini")) <= 96
    generated = re.compile(r"(^|/)(__pycache__|\.ipynb_checkpoints|build|\.venv)(/|$)|\.pyc$")
    assert [path for path in sizes if generated.search(path.as_posix())] == []


def test_citation_names_the_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert citation["version"] == project["version"] == version("musiclib")
    assert citation["license"] == project["license"]


def test_workflows_call_the_commands_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    folder = ROOT / ".github" / "workflows"
    steps = {
        path.stem: " ".join(
            str(step.get("run", ""))
            for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
            for step in job["steps"]
        )
        for path in folder.glob("*.yml")
    }
    for command in ("make book", "make test"):
        assert command in readme
        assert command in ci
        assert command in steps["tests"]
    assert "make book" in steps["publish"]

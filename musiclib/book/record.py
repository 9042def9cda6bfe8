"""What a build was made with: parameters, versions, machine, times, and fingerprints of contents.

The record becomes `run-report.json` in the site and fills the page on reproducibility. It holds
names and contents only, never a place on the machine.
"""

import hashlib
import os
import platform
import subprocess
from collections.abc import Collection, Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from musiclib.book.layout import Book
from musiclib.book.store import Stored
from musiclib.files import sha256_of

MAX_HASHED_BYTES = 2 * 2**30
"""Music above this size is not read once more for its fingerprint."""

_PACKAGES = (
    "musiclib",
    "numpy",
    "scipy",
    "torch",
    "librosa",
    "av",
    "soundfile",
    "soxr",
    "constriction",
    "zimtohrli",
    "visqol-python",
    "scikit-learn",
    "umap-learn",
    "pandas",
    "matplotlib",
    "papermill",
    "jupyter-book",
    "sphinx",
)


def run_record(
    book: Book,
    parameters: Mapping[str, object],
    chapters: Mapping[str, Stored],
    fresh: Collection[str],
    data: str | None = None,
) -> dict[str, Any]:
    """Describe a build.

    Args:
        book: The book.
        parameters: Values that papermill injected into every chapter.
        chapters: Executed chapters by docname.
        fresh: Docnames of those that were run now; the others came from the store.
        data: Fingerprint of the data set that decided which chapters had to run, if known.

    Returns:
        A record that JSON can hold.
    """
    shown = dict(parameters)
    if shown.get("data_root"):
        # The name of a reader's folder is enough; its place on the machine is nobody's business.
        shown["data_root"] = Path(str(shown["data_root"])).name
    return {
        "parameters": shown,
        "data_fingerprint": data,
        "music": _music(parameters),
        "models": _models(),
        "commit": commit(book.root),
        "versions": {"python": platform.python_version(), **_versions()},
        "machine": {
            "system": _system(),
            "architecture": platform.machine(),
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        },
        "chapters": {
            name: {"seconds": round(stored.seconds, 1), "run_now": name in fresh}
            for name, stored in sorted(chapters.items())
        },
    }


def fingerprint(files: Iterable[tuple[str, Path]]) -> str:
    """SHA-256 over names and contents of files, in the order of their names.

    Args:
        files: Name and place of each.

    Returns:
        A hexadecimal hash. It does not depend on times of change, so two copies have the same.
    """
    digest = hashlib.sha256()
    for name, path in sorted(files):
        digest.update(f"{name} {sha256_of(path)}\n".encode())
    return digest.hexdigest()


def commit(root: Path) -> str | None:
    """The commit of a checkout, with a remark if files differ from it; None outside of git.

    Args:
        root: Folder of the book's repository.
    """
    name = _git(root, "rev-parse", "HEAD")
    if not name:
        return None
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return f"{name} (with changes)" if changed else name


def _git(root: Path, *arguments: str) -> str:
    if not (root / ".git").exists():
        return ""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:  # no git on this machine
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _music(parameters: Mapping[str, object]) -> dict[str, Any]:
    from musiclib.datasets import open_dataset

    root = parameters.get("data_root")
    dataset = open_dataset(
        str(parameters["dataset"]),
        data_root=None if root is None else str(root),
        seed=int(str(parameters["seed"])),
    )
    files = [(str(name), Path(dataset.root, str(name))) for name in dataset.tracks["path"]]
    size = sum(path.stat().st_size for _, path in files)
    return {
        "tracks": len(files),
        "bytes": size,
        "table_sha256": hashlib.sha256(dataset.tracks.to_csv().encode()).hexdigest(),
        "files_sha256": fingerprint(files) if size <= MAX_HASHED_BYTES else None,
    }


def _models() -> dict[str, str]:
    from musiclib.training import shipped_files

    return {path.stem: sha256_of(path) for path in shipped_files()}


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()

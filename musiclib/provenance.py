"""What took part in a result: which code, files, models and libraries, on which machine.

Nobody has to list it. A process that traces itself knows which modules of this package it has
loaded, which of its files it has read and which models it has opened, and that is all that can have
made a difference. Modules are known by what they do: by their syntax trees without docstrings, so
that a comment or another layout changes nothing.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import musiclib
from musiclib.datasets import Dataset
from musiclib.files import CHECKPOINT_READ, sha256_of

_PACKAGE: Final = Path(musiclib.__file__).parent
# What tells of results, keeps them or prints them does not make them.
_IDLE: Final = (
    *("musiclib.provenance.", "musiclib.evidence.", "musiclib.resumable.", "musiclib.plot."),
    *("musiclib.listen.", "musiclib.explore.", "musiclib.book.", "musiclib.cli."),
)
_IDLE_LIBRARIES: Final = (
    *("brotli", "filelock", "fonttools", "joblib", "matplotlib", "packaging", "pillow"),
    *("platformdirs", "psutil", "pyyaml", "requests", "seaborn", "tornado", "tqdm"),
)
_TABLES: Final = (".csv", ".json", ".npz")
_MOST_NAMED: Final = 6


@dataclass(frozen=True)
class Provenance:
    """What took part: digests by name, and versions.

    Attributes:
        code: Modules, by path from the repository's root, such as `musiclib/stft.py`.
        files: Tables of the package and among the shipped models, the same.
        models: Shipped checkpoints by file name, with the digests of their tensors.
        libraries: Versions of the package's own requirements.
    """

    code: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Provenance:
        """Read it from a record that holds its four mappings among others."""
        return cls(**{kind: dict(record[kind]) for kind in asdict(cls())})

    def __or__(self, other: Provenance) -> Provenance:
        return Provenance(**{k: {**v, **asdict(other)[k]} for k, v in asdict(self).items()})

    def present(self, own: Mapping[str, Path]) -> Provenance:
        """Return the present digests of the same things; what is gone is left out.

        Args:
            own: Modules outside the package, by their names in `code`.
        """
        return Provenance(
            {name: module_digest(path) for name, path in _existing(self.code, own)},
            {name: sha256_of(path) for name, path in _existing(self.files, own)},
            {name: found for name in self.models if (found := _model_digest(name))},
            {name: found for name in self.libraries if (found := _version(name))},
        )

    def changed(self, own: Mapping[str, Path], *, libraries: bool = True) -> list[str]:
        """Return what is no longer as it was, in words, such as `other code (musiclib/stft.py)`.

        Args:
            own: As for `present`.
            libraries: Whether other versions of libraries count.
        """
        before, after = asdict(self), asdict(self.present(own))
        found = []
        for kind in before if libraries else ("code", "files", "models"):
            names = sorted(n for n, value in before[kind].items() if after[kind].get(n) != value)
            if names:
                more = ", ..." if len(names) > _MOST_NAMED else ""
                found.append(f"other {kind} ({', '.join(names[:_MOST_NAMED])}{more})")
        return found


@cache
def trace() -> None:
    """Have this process note which files and models it opens; nothing can end that."""
    sys.addaudithook(_noted)


def took_part(own: Mapping[str, Path]) -> Provenance:
    """Return what this process has loaded since it began to trace itself.

    Args:
        own: Modules outside the package that took part, by name.
    """
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if path and name.startswith("musiclib.") and not f"{name}.".startswith(_IDLE):
            # As it was when it was first seen: a file may be edited while a process lives.
            label = f"musiclib/{Path(path).relative_to(_PACKAGE).as_posix()}"
            if label not in _SEEN_CODE:
                _SEEN_CODE[label] = module_digest(Path(path))
    code = {name: module_digest(path) for name, path in own.items()} | _SEEN_CODE
    folders = {"musiclib": _PACKAGE}
    if "musiclib.training.trained" in sys.modules:
        from musiclib.training.trained import shipped_folder

        folders["checkpoints"] = shipped_folder()
    files: dict[str, str] = {}
    models: dict[str, str] = {}
    for top, folder in folders.items():
        for path in map(Path, list(_SEEN_FILES)):
            if path.is_relative_to(folder) and path.is_file():
                files[f"{top}/{path.relative_to(folder).as_posix()}"] = sha256_of(path)
        # Other checkpoints were trained here, by code and on data that count already.
        for path, digest in _SEEN_MODELS.items():
            if Path(path).is_relative_to(folder):
                models[Path(path).name] = digest
    loaded = {_requirements()[name] for name in _requirements().keys() & sys.modules.keys()}
    return Provenance(code, files, models, {n: v for n in loaded if (v := _version(n))})


def module_digest(path: Path) -> str:
    """Return a digest of what a Python file does; see `syntax_digest`."""
    status = path.stat()
    return _file_digest(path, status.st_mtime_ns, status.st_size)


def syntax_digest(source: str) -> str:
    """Return a digest of what Python code does: comments, docstrings and layout change nothing.

    It is the same under all versions of Python that read the source as the same syntax tree.
    """
    text = json.dumps(_plain(ast.parse(source)), separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def data_digest(music: Dataset) -> str:
    """Return a digest of a data set: its tracks, their labels and split, and their files.

    Files are known by their SHA-256 where the table of tracks has them, else by size and time.
    """
    columns = ["path", "split", "genre", "artist_group"]
    if "sha256" in music.tracks:
        table = music.tracks[[*columns, "sha256"]]
    else:
        states = [(music.root / str(path)).stat() for path in music.tracks["path"]]
        table = music.tracks[columns].assign(
            size=[state.st_size for state in states], time=[state.st_mtime_ns for state in states]
        )
    text = table.sort_index().to_csv(lineterminator="\n")
    return hashlib.sha256(f"{music.name}\n{text}".encode()).hexdigest()[:16]


def machine() -> dict[str, str | int]:
    """Return what readers may know of this machine: processor, cores, system, Python."""
    processor = platform.processor()
    with contextlib.suppress(OSError):
        if found := re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text("utf-8")):
            processor = found[1]
    return {
        "processor": processor or platform.machine(),
        "cores": os.cpu_count() or 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


_SEEN_FILES: Final[set[str]] = set()
_SEEN_MODELS: Final[dict[str, str]] = {}
_SEEN_CODE: Final[dict[str, str]] = {}


def _noted(event: str, values: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(values[0], str) and values[0].endswith(_TABLES):
        _SEEN_FILES.add(values[0])
    elif event == CHECKPOINT_READ:
        _SEEN_MODELS[values[0]] = values[1]


def _existing(names: Mapping[str, str], own: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    for name in names:
        top, _, rest = name.partition("/")
        if name in own:
            path = own[name]
        elif top == "checkpoints":
            from musiclib.training.trained import shipped_folder

            path = shipped_folder() / rest
        else:
            path = _PACKAGE / rest
        if path.is_file():
            yield name, path


@lru_cache(maxsize=1024)
def _file_digest(path: Path, _mtime_ns: int, _size: int) -> str:
    return syntax_digest(path.read_text(encoding="utf-8"))


def _plain(node: object) -> object:
    """Return a syntax tree as lists and words."""
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, ast.AST):
        return f"{type(node).__name__} {node!r}"
    fields = dict(ast.iter_fields(node))
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        fields["body"] = node.body[ast.get_docstring(node, clean=False) is not None :]
    # Later versions of Python have fields that earlier ones lack; where empty, they say nothing.
    said = {name: value for name, value in fields.items() if value is not None and value != []}
    return [type(node).__name__, {name: _plain(value) for name, value in said.items()}]


def _model_digest(name: str) -> str | None:
    """Return the digest of a shipped checkpoint's tensors as its header states it."""
    from musiclib.training.trained import find_shipped

    path = find_shipped(name)
    if path is None:
        return None
    from safetensors import safe_open

    with safe_open(path, framework="np") as opened:
        told = json.loads((opened.metadata() or {}).get("musiclib", "{}"))
    return str(told.get("tensors_sha256", ""))


def _version(library: str) -> str | None:
    try:
        # What follows a plus names a build, such as one for a kind of processor.
        return str(metadata.version(library)).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


@cache
def _requirements() -> dict[str, str]:
    """Return the package's own requirements by the modules that they bring."""
    texts = metadata.requires("musiclib") or []
    wanted = {re.split(r"[^\w.-]", text)[0].lower() for text in texts}.difference(_IDLE_LIBRARIES)
    return {
        module: owners[0]
        for module, owners in metadata.packages_distributions().items()
        if owners[0].lower() in wanted
    }

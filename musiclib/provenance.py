"""What took part in a result: which code, files, models and libraries, on which machine.

Nobody has to list it. Of the package, what the code names (`musiclib.dependencies`) counts as far
as the process has loaded its module. A process that traces itself knows besides which files of the
package it has read and which models it has opened, and that is all that can have made a difference.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import musiclib
from musiclib.datasets import Dataset
from musiclib.dependencies import Code, Sources
from musiclib.files import CHECKPOINT_READ, sha256_of

_PACKAGE: Final = Path(musiclib.__file__).parent
# What tells of results, keeps them or prints them does not make them.
_IDLE: Final = (
    *("musiclib.provenance.", "musiclib.evidence.", "musiclib.resumable.", "musiclib.plot."),
    *("musiclib.listen.", "musiclib.explore.", "musiclib.book.", "musiclib.cli."),
    "musiclib.dependencies.",
)
# Keys of what is kept on disk: another key has the same thing made again.
_IDLE_NAMES: Final = {("musiclib.features.representations", "_code")}
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
        code: Definitions, such as `musiclib/stft.py: griffin_lim`, and whole modules outside the
            package, whose paths methods take as `own`.
        files: Tables of the package and among the shipped models.
        models: Digests of the tensors of shipped checkpoints, by file name.
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
        """Return the present digests of the same things; what is gone is left out."""
        return Provenance(
            _present_code(self.code, own),
            {name: sha256_of(path) for name, path in _existing(self.files)},
            {name: found for name in self.models if (found := _model_digest(name))},
            {name: found for name in self.libraries if (found := _version(name))},
        )

    def changed(self, own: Mapping[str, Path], *, libraries: bool = True) -> list[str]:
        """Return what is no longer as it was, such as `other code (musiclib/stft.py: stft)`."""
        before, after = asdict(self), asdict(self.present(own))
        found = []
        for kind in before if libraries else ("code", "files", "models"):
            names = sorted(n for n, value in before[kind].items() if after[kind].get(n) != value)
            if names:
                more = ", ..." if len(names) > _MOST_NAMED else ""
                found.append(f"other {kind} ({', '.join(names[:_MOST_NAMED])}{more})")
        return found


def trace(own: Mapping[str, Path]) -> None:
    """Have this process note which files and models it opens; nothing can end that.

    Args:
        own: As for `took_part`.
    """
    _listen()
    sources = _loaded_sources()
    written = {name: Code.of(path.read_text("utf-8")) for name, path in own.items()}
    code = {name: ("", sources.digest_of(found)) for name, found in written.items()}
    # Declarations name their parameters' class in annotations alone.
    for place in sources.reached([*written.values(), ("musiclib.evidence", "Parameters")]):
        if place not in _IDLE_NAMES and not f"{place[0]}.".startswith(_IDLE):
            code[sources.label(place)] = place[0], sources.digest(place)
    _SEEN_CODE[tuple(sorted(own))] = code


def took_part(own: Mapping[str, Path]) -> Provenance:
    """Return what has taken part since `trace` was called for the same modules.

    Args:
        own: Modules outside the package that took part, by name; what they name counts too.
    """
    seen = _SEEN_CODE[tuple(sorted(own))]
    code = {
        n: digest for n, (module, digest) in seen.items() if not module or module in sys.modules
    }
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
        for name, digest in _SEEN_MODELS.items():
            if Path(name).is_relative_to(folder):
                models[Path(name).name] = digest
    loaded = {_requirements()[name] for name in _requirements().keys() & sys.modules.keys()}
    return Provenance(code, files, models, {n: v for n in loaded if (v := _version(n))})


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
_SEEN_CODE: Final[dict[tuple[str, ...], dict[str, tuple[str, str]]]] = {}
"""By modules outside the package: what they rest on, each with its module and its digest."""


@cache
def _loaded_sources() -> Sources:
    # As they were when the process began: a file may be edited while it lives.
    return Sources(_PACKAGE)


@cache
def _listen() -> None:
    sys.addaudithook(_noted)


def _noted(event: str, values: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(values[0], str) and values[0].endswith(_TABLES):
        _SEEN_FILES.add(values[0])
    elif event == CHECKPOINT_READ:
        _SEEN_MODELS[values[0]] = values[1]


def _present_code(kept: Mapping[str, str], own: Mapping[str, Path]) -> dict[str, str]:
    """Return present digests; a definition that moved is looked for by its name."""
    sources = Sources.of(_PACKAGE)
    found = {}
    for label, digest in kept.items():
        place = sources.place(label)
        if label in own:
            if own[label].is_file():
                found[label] = sources.digest_of(Code.of(own[label].read_text("utf-8")))
        elif place is not None and place in sources.places(place[1]):
            found[label] = sources.digest(place)
        else:
            others = {sources.digest(other) for other in sources.places(label.partition(": ")[2])}
            if digest in others:
                found[label] = digest
    return found


def _existing(names: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    for name in names:
        top, _, rest = name.partition("/")
        if top == "checkpoints":
            from musiclib.training.trained import shipped_folder

            path = shipped_folder() / rest
        else:
            path = _PACKAGE / rest
        if path.is_file():
            yield name, path


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

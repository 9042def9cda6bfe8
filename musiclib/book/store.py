"""Executed chapters, kept by the hash of everything that they depend on.

A chapter is run again only when its notebook, the package, the parameters, the data or the
installed libraries changed. So an interrupted build goes on where it stopped.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import nbformat

import musiclib
from musiclib.book.layout import Chapter
from musiclib.files import replace_folder, sha256_of

NOTEBOOK = "chapter.ipynb"
MEDIA = "media"
_RECORD = "record.json"
# These make the site around a chapter; they do not change what its cells compute.
_NOT_IN_CHAPTERS = ("book", "cli")
_IN_CHAPTERS = Path("book", "claims.py")  # but for this, which chapters call


@dataclass(frozen=True)
class Stored:
    """An executed chapter in the store.

    Attributes:
        folder: Folder with `chapter.ipynb` and `media`.
        seconds: Time that running it took, in seconds.
    """

    folder: Path
    seconds: float

    @property
    def notebook(self) -> Path:
        """The publishable notebook."""
        return self.folder / NOTEBOOK

    @property
    def media(self) -> Path:
        """Folder of the chapter's sound files."""
        return self.folder / MEDIA


def code_fingerprint() -> str:
    """Hash of the package's sources, shipped models, kept evidence, and libraries' versions."""
    from musiclib.evidence import evidence_folder
    from musiclib.training import shipped_files

    digest = hashlib.sha256()
    package = Path(musiclib.__file__).parent
    for path in sorted(package.rglob("*")):
        inside = path.relative_to(package)
        left_out = inside.parts[0] in _NOT_IN_CHAPTERS and inside != _IN_CHAPTERS
        if not path.is_file() or left_out or path.suffix == ".pyc":
            continue
        digest.update(f"{inside}\n".encode() + path.read_bytes())
    for path in [*shipped_files(), *sorted(evidence_folder().glob("[!.]*.*"))]:
        digest.update(f"{path.name} {sha256_of(path)}\n".encode())
    for name, version in sorted({(d.name, d.version) for d in distributions()}):
        digest.update(f"{name}=={version}\n".encode())
    return digest.hexdigest()


def data_fingerprint(dataset: str, data_root: str | None, seed: int) -> str:
    """Hash of a data set's table and of its files' sizes and times of change.

    Args:
        dataset: Name of the data set.
        data_root: Its folder, when the name alone does not tell.
        seed: Seed of its split.

    Returns:
        A hexadecimal hash.

    Raises:
        DatasetError: The data set is missing or damaged.
    """
    from musiclib.datasets import open_dataset

    opened = open_dataset(dataset, data_root=data_root, seed=seed)
    digest = hashlib.sha256(opened.tracks.to_csv().encode())
    for name in opened.tracks["path"]:
        status = Path(opened.root, str(name)).stat()
        digest.update(f"{status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def chapter_key(
    chapter: Chapter, parameters: Mapping[str, object], code: str, data: str, paths: tuple[str, ...]
) -> str:
    """Hash of all that decides a chapter's outputs.

    Args:
        chapter: Chapter to run.
        parameters: Values that papermill injects.
        code: From `code_fingerprint`.
        data: From `data_fingerprint`.
        paths: Folders that no page may show; a change of them calls for another look.

    Returns:
        The first 24 hexadecimal digits of the hash.
    """
    settings = json.dumps([sorted(parameters.items()), code, data, chapter.media_url, paths])
    return hashlib.sha256(chapter.source.read_bytes() + settings.encode()).hexdigest()[:24]


class Store:
    """Executed chapters below one folder, the latest of each."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _folder(self, chapter: Chapter) -> Path:
        return self.root / chapter.name.replace("/", "--")

    def get(self, chapter: Chapter, key: str) -> Stored | None:
        """The chapter as it was run with this key, or None."""
        folder = self._folder(chapter) / key
        try:
            record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return Stored(folder, float(record["seconds"]))

    def begin(self, chapter: Chapter) -> Path:
        """A new folder for a run of the chapter; `finish` or `abandon` it."""
        parent = self._folder(chapter)
        parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=parent, prefix=".run-"))

    def finish(
        self, chapter: Chapter, key: str, run: Path, notebook: Any, seconds: float
    ) -> Stored:
        """Keep a run, and drop earlier ones of the same chapter.

        Args:
            chapter: Chapter that was run.
            key: From `chapter_key`.
            run: Folder from `begin`, with the media inside.
            notebook: Publishable notebook.
            seconds: Time that running it took, in seconds.

        Returns:
            The stored chapter.
        """
        nbformat.write(notebook, run / NOTEBOOK)  # type: ignore[no-untyped-call]
        (run / MEDIA).mkdir(exist_ok=True)
        (run / _RECORD).write_text(json.dumps({"seconds": seconds}), encoding="utf-8")
        run.chmod(0o755)
        folder = self._folder(chapter) / key
        replace_folder(run, folder)
        for other in folder.parent.iterdir():
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
        return Stored(folder, seconds)

    def abandon(self, run: Path) -> None:
        """Remove a run that failed."""
        shutil.rmtree(run, ignore_errors=True)

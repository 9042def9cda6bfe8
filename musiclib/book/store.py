"""Executed chapters, kept by the hash of everything that they depend on.

A chapter is run again only when something changed that its outputs can depend on: its code, what
that names in the package (`musiclib.dependencies`), the kept tables it reads, models, parameters,
data, libraries. Prose, comments and the tags of cells are taken from the notebook as it is now, and
what an interrupted build has run is not run again.
"""

import ast
import hashlib
import inspect
import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property, partial
from importlib.metadata import distributions
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import joblib
import nbformat

import musiclib
from musiclib.book.layout import BOOK_FOLDER, CONFIG_NAME, TOC_NAME, Book, Chapter, read
from musiclib.book.run import publishable
from musiclib.dependencies import Code, Place, Sources
from musiclib.errors import BookError
from musiclib.files import replace_file, replace_folder, sha256_of

REPORT = "run-report.json"
"""File of a site that says what it was made with."""
SOURCES_KEY = "sources_fingerprint"
"""Name in this file of the hash of all that the site is made from."""
NOTEBOOK = "chapter.ipynb"
MEDIA = "media"
_RECORD = "record.json"
# Tags that decide how a cell is run; others decide how it looks.
_RUNNING_TAGS = {"parameters", "raises-exception", "skip-execution"}
_INJECTED = "injected-parameters"
# They say whether a result still stands, and make none.
_KEEPERS = ("musiclib.dependencies", "musiclib.provenance")
# Of models and music their tables are enough: each names its files' digests. What an entropy
# coder knows has no such table and counts itself.
_SINGLE = (CONFIG_NAME, TOC_NAME, "requirements.txt", "data/mini/tracks.csv")
_NO_SOURCE = ("__pycache__", "_build", ".")

Remember: TypeAlias = Callable[[object, Callable[[], Any]], Any]
"""Takes all that a result depends on, and a function that makes it where it is not known yet."""


def remember_nothing(key: object, make: Callable[[], Any]) -> Any:  # noqa: ARG001
    """Make a result."""
    return make()


def remember_in(folder: Path) -> Remember:
    """Keep results in a folder; the oldest go where they take more than a fifth of a gigabyte."""
    memory = joblib.Memory(folder, verbose=0)
    memory.reduce_size("200M")
    kept = memory.cache(remember_nothing, ignore=["make"])
    return lambda key, make: kept(joblib.hash(key), make)


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


class Fingerprints:
    """Hashes of the code, models, tables and libraries that chapters depend on."""

    def __init__(self, remember: Remember = remember_nothing) -> None:
        self._sources = Sources.of(Path(musiclib.__file__).parent)
        self._remember = remember
        self._hash = cache(sha256_of)

    @cached_property
    def _state(self) -> str:
        """Hash of all files that any chapter can depend on."""
        from musiclib.evidence import evidence_folder
        from musiclib.training import shipped_files

        files = [*self._sources.folder.rglob("*"), *evidence_folder().glob("*.*")]
        digest = hashlib.sha256(installed_libraries().encode())
        for path in [*sorted(files), *shipped_files()]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path} {self._hash(path)}\n".encode())
        return digest.hexdigest()

    def of(self, chapter: Chapter) -> str:
        """Hash what decides a chapter's outputs but for its parameters and data.

        Raises:
            BookError: A cell is no Python, or names a kept table by other than a text.
        """
        cells = [cell for cell in read(chapter.source).cells if cell.cell_type == "code"]
        texts = [(cell.source, cell.metadata.get("tags")) for cell in cells]
        return str(self._remember((self._state, texts), partial(self._made, chapter, cells)))

    def _made(self, chapter: Chapter, cells: list[Any]) -> str:
        parsed = [_parsed(chapter, number, cell) for number, cell in enumerate(cells)]
        whole = Code.of(chain.from_iterable(parsed))  # names of one cell serve others
        digest = hashlib.sha256()
        for cell, statements in zip(cells, parsed, strict=True):
            tags = sorted(_RUNNING_TAGS.intersection(cell.metadata.get("tags", [])))
            found = self._sources.digest_of(whole, Code.of(statements).statements)
            digest.update(f"{tags} {found}\n".encode())
        tables = self._tables(chapter, whole)
        declared = [Code.of(path.read_text("utf-8")) for path in tables]
        digest.update("".join(map(self._sources.digest_of, declared)).encode())
        reached = self._sources.reached([whole, *declared])
        # Without its file, since a definition that moves stays what it is.
        made_by = sorted((p[1], self._sources.digest(p)) for p in reached if p[0] not in _KEEPERS)
        digest.update("\n".join(f"{name} {found}" for name, found in made_by).encode())
        if any("getsource" in cell.source for cell in cells):
            # The page shows code as it is written.
            texts = sorted(map(self._sources.text, set(self._sources.named(whole))))
            digest.update("\n".join(texts).encode())
        files = self._files(reached)
        for path in tables:
            files += filter(Path.is_file, (path.with_suffix(kind) for kind in (".csv", ".json")))
        if any(module.startswith("musiclib.training") for module, _ in reached):
            from musiclib.training import shipped_files

            files += shipped_files()
        for path in sorted(files):
            digest.update(f"{path.name} {self._hash(path)}\n".encode())
        digest.update(installed_libraries().encode())
        return digest.hexdigest()

    def _tables(self, chapter: Chapter, code: Code) -> list[Path]:
        """Return the declarations of the kept tables that a chapter reads."""
        from musiclib import evidence

        found = set()
        for call, function in self._sources.calls(code, "musiclib.evidence"):
            if "name" not in inspect.signature(getattr(evidence, function)).parameters:
                continue
            given = call.args[:1] or [word.value for word in call.keywords if word.arg == "name"]
            name = ast.literal_eval(given[0]) if isinstance(given[0], ast.Constant) else ""
            path = evidence.evidence_folder() / f"{name}.py"
            if not path.is_file():
                raise BookError(
                    f"{chapter.docname}.ipynb: {ast.unparse(call)} names no table of {path.parent} "
                    "by a text in quotes, so nobody can tell what the chapter rests on"
                )
            found.add(path)
        return sorted(found)

    def _files(self, reached: Iterable[Place]) -> list[Path]:
        """Return the package's other files, such as tables and scripts, beside what is reached."""
        folders = {self._sources.files[module].parent for module, _ in reached}
        found = []
        for path in sorted(self._sources.folder.rglob("*")):
            if not path.is_file() or path.suffix == ".py" or "__pycache__" in path.parts:
                continue
            owner = path.parent
            while not (owner / "__init__.py").is_file():
                owner = owner.parent
            if owner in folders:
                found.append(path)
        return found


@cache
def installed_libraries() -> str:
    """Names and versions of all that is installed, one a line."""
    found = sorted({(library.name, library.version) for library in distributions()})
    return "\n".join(f"{name}=={version}" for name, version in found)


def _parsed(chapter: Chapter, number: int, cell: Any) -> list[ast.stmt]:
    try:
        tree: ast.Module = ast.parse(cell.source)
    except SyntaxError as error:
        where = f"{chapter.docname}.ipynb, cell of code {number} ({cell.get('id')})"
        raise BookError(f"{where}: {error}") from error
    return tree.body


def data_fingerprint(dataset: str, data_root: str | None, seed: int) -> str:
    """Hash of a data set's table and of its files' sizes and times of change.

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


def sources_fingerprint(book: Book) -> str:
    """Hash everything that a site is made from; a built site with the same hash is up to date.

    These are the chapters with their style and scripts, the settings, the package, the lock, and
    the tables of the bundled music and of the shipped models.
    """
    package = Path(musiclib.__file__).parent
    models = [book.root.glob(f"checkpoints/*.{kind}") for kind in ("json", "npz")]
    digest = hashlib.sha256()
    for folder, files in (
        (package, package.rglob("*")),
        (book.root, (book.root / BOOK_FOLDER).rglob("*")),
        (book.root, (path for path in chain(*models) if ".last." not in path.name)),
        (book.root, (book.root / name for name in _SINGLE)),
    ):
        for path in sorted(files):
            name = path.relative_to(folder)
            if path.is_file() and not any(part.startswith(_NO_SOURCE) for part in name.parts):
                digest.update(f"{name.as_posix()} {sha256_of(path)}\n".encode())
    return digest.hexdigest()


def chapter_key(
    chapter: Chapter, parameters: Mapping[str, object], code: str, data: str, paths: tuple[str, ...]
) -> str:
    """Hash of all that decides a chapter's outputs."""
    settings = json.dumps([sorted(parameters.items()), code, data, chapter.media_url, paths])
    return hashlib.sha256(settings.encode()).hexdigest()[:24]


class Store:
    """Executed chapters below one folder, the latest of each."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _folder(self, chapter: Chapter) -> Path:
        return self.root / chapter.name.replace("/", "--")

    def get(self, chapter: Chapter, key: str, private_paths: Iterable[str]) -> Stored | None:
        """Return the chapter as it was run with this key, with the present text, or None."""
        folder = self._folder(chapter) / key
        try:
            record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
            ran = read(folder / NOTEBOOK)
        except (OSError, ValueError, BookError):
            return None
        now = read(chapter.source)
        _take_outputs(now, ran)
        publishable(now, private_paths)
        if now != ran:
            replace_file(folder / NOTEBOOK, nbformat.writes(now).encode())  # type: ignore[no-untyped-call]
        return Stored(folder, float(record["seconds"]))

    @contextmanager
    def new_run(self, chapter: Chapter) -> Iterator[Path]:
        """A new folder for a run of the chapter, which is gone afterwards unless it is kept."""
        parent = self._folder(chapter)
        parent.mkdir(parents=True, exist_ok=True)
        run = Path(tempfile.mkdtemp(dir=parent, prefix=".run-"))
        try:
            (run / MEDIA).mkdir()
            yield run
        finally:
            shutil.rmtree(run, ignore_errors=True)

    def keep(self, chapter: Chapter, key: str, run: Path, notebook: Any, seconds: float) -> Stored:
        """Keep a run, and drop earlier ones of the same chapter."""
        nbformat.write(notebook, run / NOTEBOOK)  # type: ignore[no-untyped-call]
        (run / _RECORD).write_text(json.dumps({"seconds": seconds}), encoding="utf-8")
        run.chmod(0o755)
        folder = self._folder(chapter) / key
        replace_folder(run, folder)
        for other in folder.parent.iterdir():
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
        return Stored(folder, seconds)


def _take_outputs(now: Any, ran: Any) -> None:
    """Give a notebook the outputs of an earlier run of the same code, in place."""
    code = [cell for cell in ran.cells if cell.cell_type == "code"]
    injected = [cell for cell in code if _INJECTED in cell.metadata.get("tags", [])]
    earlier = iter([cell for cell in code if _INJECTED not in cell.metadata.get("tags", [])])
    cells = []
    for cell in now.cells:
        cells.append(cell)
        if cell.cell_type == "code":
            before = next(earlier)
            cell.outputs, cell.execution_count = before.outputs, before.execution_count
            if "parameters" in cell.metadata.get("tags", []):
                cells += injected
    now.cells = cells

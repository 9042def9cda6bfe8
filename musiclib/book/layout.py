"""The sources of the book: which chapters it has, and the form that notebooks have in git.

A notebook in git holds what a person wrote, in always the same bytes. Outputs, execution counts
and traces of the editor that saved it would make every difference unreadable, and stale outputs
would contradict the text.
"""

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from musiclib.errors import BookError
from musiclib.files import replace_file

CONFIG_NAME = "_config.yml"
TOC_NAME = "_toc.yml"
BOOK_FOLDER = "book"
PARAMETERS: dict[str, object] = {
    "dataset": "mini",
    "data_root": None,
    "profile": "mini",
    "seed": 0,
}
"""The parameters that every executed chapter accepts, with their defaults."""
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
TABLE_PREFIX = "tab-"
"""Beginning of the names of tables; all other numbered outputs are figures."""
KEPT_CELL_METADATA = frozenset({"tags", "mystnb"})
_CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(frozen=True)
class Chapter:
    """One page of the book.

    Attributes:
        docname: Name in the table of contents, such as `book/approach/metric`.
        source: File that the page is made from.
    """

    docname: str
    source: Path

    @property
    def name(self) -> str:
        """Short name, without the book's folder, such as `approach/metric`."""
        return self.docname.removeprefix(f"{BOOK_FOLDER}/")

    @property
    def executed(self) -> bool:
        """Whether the page is a notebook, which papermill runs."""
        return self.source.suffix == ".ipynb"

    @property
    def media_folder(self) -> str:
        """Place of the chapter's media below the site's `_static` folder."""
        return f"media/{self.name}"

    @property
    def media_url(self) -> str:
        """The same place as seen from the chapter's page, such as `../../_static/media/...`."""
        return f"{'../' * self.docname.count('/')}_static/{self.media_folder}"


@dataclass(frozen=True)
class Book:
    """The sources of a book.

    Attributes:
        root: Folder with `_config.yml`, `_toc.yml` and the folder `book`.
        chapters: Pages in reading order; the first is the front page.
    """

    root: Path
    chapters: tuple[Chapter, ...]

    def select(self, names: list[str]) -> list[Chapter]:
        """Executed chapters in reading order.

        Args:
            names: Names such as `introduction`, `approach/metric` or
                `book/approach/metric.ipynb`; an empty list selects all.

        Raises:
            BookError: A name that is not an executed chapter.
        """
        executed = {chapter.name: chapter for chapter in self.chapters if chapter.executed}
        wanted = {n.removesuffix(".ipynb").removeprefix(f"{BOOK_FOLDER}/") for n in names}
        if unknown := sorted(wanted - executed.keys()):
            raise BookError(
                f"No executed chapter named {', '.join(unknown)}. "
                f"Choose from: {', '.join(sorted(executed))}."
            )
        return [chapter for name, chapter in executed.items() if not wanted or name in wanted]


def find_book(start: Path) -> Book:
    """Find the book in a folder or in one above it.

    Raises:
        BookError: No book there, or its table of contents is not usable.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / TOC_NAME).is_file() and (folder / CONFIG_NAME).is_file():
            return Book(folder, tuple(_chapters(folder)))
    raise BookError(
        f"{start}: no {TOC_NAME} and {CONFIG_NAME} here or above. "
        "Run this in a clone of the book's repository, or name its folder with --source."
    )


def _chapters(root: Path) -> Iterator[Chapter]:
    from sphinx_external_toc.parsing import parse_toc_yaml

    toc = root / TOC_NAME
    try:
        site_map = parse_toc_yaml(toc)
    except Exception as error:  # the parser and YAML each have their own kinds
        raise BookError(f"{toc}: {error}") from error
    first = site_map.root.docname
    for name in (first, *(name for name in site_map if name != first)):
        docname = name.removesuffix(".ipynb").removesuffix(".md")
        files = [root / f"{docname}{suffix}" for suffix in (".ipynb", ".md")]
        source = next(filter(Path.is_file, files), None)
        if source is None:
            raise BookError(f"{toc} names {docname}, but there is no {docname}.ipynb or .md.")
        yield Chapter(docname, source)


def read(path: Path) -> Any:
    """Read a notebook as a node of format 4.5.

    Raises:
        BookError: The file is missing or is not a notebook.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BookError(f"{path}: cannot read this notebook ({error}).") from error
    try:
        notebook: Any = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:  # nbformat raises many kinds for damaged files
        raise BookError(
            f"{path}: not a notebook ({error}). Open it in an editor for notebooks, or restore it."
        ) from error
    notebook.nbformat_minor = max(5, int(notebook.nbformat_minor))
    return notebook


def canonical(path: Path) -> str:
    """Text of a notebook in canonical form.

    Outputs, execution counts and metadata other than tags and MyST-NB settings are dropped. Cells
    without a valid identifier get one made from their place and content, so that two runs agree.
    """
    notebook = read(path)
    seen: set[str] = set()
    for number, cell in enumerate(notebook.cells):
        cell.metadata = {k: v for k, v in cell.metadata.items() if k in KEPT_CELL_METADATA and v}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        identifier = cell.get("id", "")
        if not _CELL_ID.fullmatch(identifier) or identifier in seen:
            digest = hashlib.sha256(f"{number}\n{cell.source}".encode()).hexdigest()
            cell.id = f"cell-{digest[:12]}"
        seen.add(cell.id)
    notebook.metadata.clear()
    notebook.metadata.update(kernelspec=dict(KERNELSPEC), language_info={"name": "python"})
    notebook.nbformat_minor = 5
    text = str(nbformat.writes(notebook, version=4))  # type: ignore[no-untyped-call]
    return f"{text.rstrip()}\n"


def clean(paths: Iterable[Path]) -> list[Path]:
    """Bring notebooks into canonical form where they are, and return those that changed."""
    changed = []
    for path in paths:
        text = canonical(path)
        if text != path.read_text(encoding="utf-8"):
            replace_file(path, text.encode())
            changed.append(path)
    return changed


def find(root: Path) -> list[Path]:
    """Notebooks below a folder, without editors' checkpoints."""
    return sorted(p for p in root.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)


def problems(path: Path) -> list[str]:
    """What keeps a notebook from being a chapter, one sentence for each problem.

    Checked: the canonical form, the parameters cell with its four defaults, and that every cell
    which names a figure also has a caption and an alternative text. Tables need a caption only.
    """
    found = []
    if canonical(path) != path.read_text(encoding="utf-8"):
        found.append("is not in canonical form; run `make notebooks`")
    cells = read(path).cells
    found += _parameter_problems(cells)
    for number, cell in enumerate(cells):
        found += [f"cell {number} ({cell.id}): {one}" for one in _figure_problems(cell)]
    return found


def _parameter_problems(cells: list[Any]) -> Iterator[str]:
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        yield f"has {len(tagged)} cells tagged `parameters`; it needs one"
        return
    if "remove-cell" not in tagged[0].metadata["tags"]:
        yield "the cell tagged `parameters` also needs the tag `remove-cell`"
    values: dict[str, object] = {}
    for node in ast.parse(tagged[0].source).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                values[name] = ast.literal_eval(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                values[name] = ast.literal_eval(value)
    for name, default in PARAMETERS.items():
        if name not in values:
            yield f"the cell tagged `parameters` lacks `{name} = {default!r}`"
        elif values[name] != default:
            yield f"parameter {name} is {values[name]!r}; the book's default is {default!r}"


def _figure_problems(cell: Any) -> Iterator[str]:
    settings = cell.metadata.get("mystnb", {})
    if "figure" not in settings and "image" not in settings:
        return
    figure = settings.get("figure", {})
    table = str(figure.get("name", "")).startswith(TABLE_PREFIX)
    if not table and not str(settings.get("image", {}).get("alt", "")).strip():
        yield "a figure without `mystnb.image.alt`"
    for key in ("caption", "name"):
        if not str(figure.get(key, "")).strip():
            yield f"a figure without `mystnb.figure.{key}`"

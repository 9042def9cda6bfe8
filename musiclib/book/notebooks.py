"""The form that notebooks have in git: sources only, and always the same bytes.

A notebook in git holds what a person wrote. Outputs, execution counts and traces of the editor
that saved it would make every difference unreadable, and stale outputs would contradict the text.
"""

import ast
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nbformat

from musiclib.errors import BookError
from musiclib.files import replace_file

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


def read(path: Path) -> Any:
    """Read a notebook as format 4.5.

    Args:
        path: File to read.

    Returns:
        The notebook as an nbformat node.

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

    Args:
        path: Notebook to read.

    Returns:
        JSON text that ends in a newline.

    Raises:
        BookError: The file is missing or is not a notebook.
    """
    notebook = read(path)
    seen: set[str] = set()
    for number, cell in enumerate(notebook.cells):
        cell.metadata = {
            key: value
            for key, value in cell.metadata.items()
            if key in KEPT_CELL_METADATA and value
        }
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
        identifier = cell.get("id", "")
        if not _CELL_ID.fullmatch(identifier) or identifier in seen:
            digest = hashlib.sha256(f"{number}\n{cell.source}".encode()).hexdigest()
            cell.id = f"cell-{digest[:12]}"
        seen.add(cell.id)
    notebook.metadata.clear()
    notebook.metadata.update(kernelspec=dict(KERNELSPEC), language_info={"name": "python"})
    notebook.nbformat_minor = 5
    text = str(nbformat.writes(notebook, version=4))  # type: ignore[no-untyped-call]
    return text if text.endswith("\n") else text + "\n"


def clean(paths: Iterable[Path]) -> list[Path]:
    """Bring notebooks into canonical form where they are.

    Args:
        paths: Notebooks to rewrite.

    Returns:
        The notebooks that changed.

    Raises:
        BookError: One of them is missing or is not a notebook.
    """
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
    """What keeps a notebook from being a chapter, in words.

    Checked: the canonical form, the parameters cell with its four defaults, and that every cell
    which names a figure also has a caption and an alternative text. Tables need a caption only.

    Args:
        path: Notebook to look at.

    Returns:
        One sentence for each problem; empty when there is none.

    Raises:
        BookError: The file is missing or is not a notebook.
    """
    found = []
    if canonical(path) != path.read_text(encoding="utf-8"):
        found.append("is not in canonical form; run `make notebooks`")
    notebook = read(path)
    found += _parameter_problems(notebook)
    for number, cell in enumerate(notebook.cells):
        for problem in _figure_problems(cell):
            found.append(f"cell {number} ({cell.id}): {problem}")
    return found


def _parameter_problems(notebook: Any) -> list[str]:
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        return [f"has {len(tagged)} cells tagged `parameters`; it needs one"]
    found = []
    if "remove-cell" not in tagged[0].metadata.get("tags", []):
        found.append("the cell tagged `parameters` also needs the tag `remove-cell`")
    values: dict[str, object] = {}
    for node in ast.parse(tagged[0].source).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                values[name] = ast.literal_eval(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                values[name] = ast.literal_eval(value)
    for name, default in PARAMETERS.items():
        if name not in values:
            found.append(f"the cell tagged `parameters` lacks `{name} = {default!r}`")
        elif values[name] != default:
            found.append(f"parameter {name} is {values[name]!r}; the book's default is {default!r}")
    return found


def _figure_problems(cell: Any) -> list[str]:
    settings = cell.metadata.get("mystnb", {})
    if "figure" not in settings and "image" not in settings:
        return []
    found = []
    figure = settings.get("figure", {})
    table = str(figure.get("name", "")).startswith(TABLE_PREFIX)
    if not table and not str(settings.get("image", {}).get("alt", "")).strip():
        found.append("a figure without `mystnb.image.alt`")
    for key in ("caption", "name"):
        if not str(figure.get(key, "")).strip():
            found.append(f"a figure without `mystnb.figure.{key}`")
    return found

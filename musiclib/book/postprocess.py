"""From an executed notebook to the copy that is published, or the reasons to refuse it."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from musiclib.book.notebooks import KEPT_CELL_METADATA, KERNELSPEC

MAX_EMBEDDED_BYTES = 1_000_000
"""Largest output that may stand inside a page; media belong in files."""

PRIVATE_FOLDER = "<your folder>"
# MyST-NB finds values that one page glues and another shows by this key.
_KEPT_OUTPUT_METADATA = frozenset({"scrapbook"})
_WIDGET = "application/vnd.jupyter.widget-view+json"
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def publishable(notebook: Any, private_paths: Iterable[str]) -> None:
    """Turn an executed notebook into its published copy, in place.

    The cell of parameters and the one that papermill injects are hidden. Run metadata goes:
    timings, paths, versions of the kernel. A private path in the injected cell is replaced by a
    placeholder, because the notebook can be downloaded from the page.

    Args:
        notebook: Executed notebook as an nbformat node.
        private_paths: Absolute folders of the machine that ran it.
    """
    for cell in notebook.cells:
        tags = list(cell.metadata.get("tags", []))
        if {"parameters", "injected-parameters"} & set(tags) and "remove-cell" not in tags:
            tags.append("remove-cell")
        if "injected-parameters" in tags:
            cell.source = _without_paths(cell.source, private_paths)
        cell.metadata = {
            key: value
            for key, value in {**cell.metadata, "tags": tags}.items()
            if key in KEPT_CELL_METADATA and value
        }
        for output in cell.get("outputs", []):
            if "metadata" in output:
                kept = {k: v for k, v in output.metadata.items() if k in _KEPT_OUTPUT_METADATA}
                output.metadata = kept
    notebook.metadata.clear()
    notebook.metadata["kernelspec"] = dict(KERNELSPEC)
    notebook.metadata["language_info"] = {"name": "python"}


def refusals(notebook: Any, private_paths: Iterable[str]) -> list[str]:
    """Reasons not to publish an executed notebook.

    Refused: errors, anything on standard error (warnings too), cells that were not run, widgets
    (dead without a kernel and remote scripts), embedded sound, outputs above
    `MAX_EMBEDDED_BYTES`, and absolute paths of the machine that ran it.

    Args:
        notebook: Executed notebook as an nbformat node.
        private_paths: Absolute folders of the machine that ran it.

    Returns:
        One sentence for each reason, each naming its cell; empty when it can be published.
    """
    paths = tuple(private_paths)
    found = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        place = f"cell {number} ({cell.get('id', 'no id')})"
        if cell.source.strip() and cell.execution_count is None:
            found.append(f"{place} was not run")
        for output in cell.outputs:
            found += [f"{place} {reason}" for reason in _output_refusals(output, paths)]
    return found


def take_standard_error(notebook: Any) -> list[str]:
    """Remove what cells wrote to standard error from an executed notebook, in place.

    Args:
        notebook: Executed notebook as an nbformat node.

    Returns:
        One sentence for each cell that wrote there, naming the cell.
    """
    taken = []
    for number, cell in enumerate(notebook.cells):
        outputs = cell.get("outputs", [])
        written = [output for output in outputs if _is_standard_error(output)]
        if written:
            cell.outputs = [output for output in outputs if not _is_standard_error(output)]
            text = _shortened(plain("".join(output.text for output in written)))
            taken.append(f"cell {number} ({cell.get('id', 'no id')}): {text}")
    return taken


def plain(text: str) -> str:
    """Text without the escape sequences that colour a terminal."""
    return _ANSI.sub("", text)


def _output_refusals(output: Any, paths: tuple[str, ...]) -> Iterator[str]:
    if output.output_type == "error":
        yield f"raised {output.ename}: {plain(output.evalue)}"
        return
    if _is_standard_error(output):
        yield f"wrote to standard error: {_shortened(plain(output.text))}"
        return
    text = json.dumps(output, ensure_ascii=False)
    if len(text) > MAX_EMBEDDED_BYTES:
        yield (
            f"has an output of {len(text) / 1e6:.1f} MB inside the page; "
            f"at most {MAX_EMBEDDED_BYTES / 1e6:.1f} MB, write a file instead"
        )
    if _WIDGET in output.get("data", {}):
        yield "shows a widget, which is dead on a page without a kernel"
    if "data:audio" in text or any(kind.startswith("audio/") for kind in output.get("data", {})):
        yield "embeds sound in the page; write a file instead"
    for path in paths:
        if _mentions(text, path):
            yield f"shows a path of this machine ({path})"


def _is_standard_error(output: Any) -> bool:
    return bool(output.output_type == "stream" and output.name == "stderr")


def _mentions(text: str, path: str) -> bool:
    # A folder counts only as a whole: /tmp is not in /tmpfs or in a/tmp.
    return re.search(rf"(?<![\w.]){re.escape(path)}(?![\w.-])", text) is not None


def _without_paths(source: str, paths: Iterable[str]) -> str:
    for path in paths:
        if _mentions(source, path):
            source = re.sub(
                rf"(['\"]){re.escape(path)}[^'\"]*\1", lambda _: repr(PRIVATE_FOLDER), source
            )
    return source


def _shortened(text: str, limit: int = 300) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[:limit] + " ..."

"""One chapter, executed by papermill in this interpreter and with nothing of the user's set-up.

The kernel is this interpreter: a kernel of the same name in the user's folders does not replace
it. Standard error fails the chapter, because what lands there would be printed in the page. With
music of the reader's own, whose files may well be damaged or few, it is handed to the caller
instead and left out of the page. What comes out is a copy to publish: it has no traces of the run
or of the machine, or it is refused.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from musiclib.book.layout import KEPT_CELL_METADATA, KERNELSPEC, Chapter, read
from musiclib.errors import BookError
from musiclib.listen.sounds import MEDIA_URL
from musiclib.plot.published import MEDIA_DIR

MAX_EMBEDDED_BYTES = 1_000_000
"""Largest output that may stand inside a page; media belong in files."""
PRIVATE_FOLDER = "<your folder>"

_THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")
_TRACEBACK_LINES = 12
# MyST-NB finds values that one page glues and another shows by this key.
_KEPT_OUTPUT_METADATA = frozenset({"scrapbook"})
_WIDGET = "application/vnd.jupyter.widget-view+json"
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Workspace:
    """Where and how chapters run.

    Attributes:
        scratch: Folder for kernels' settings and logs.
        threads: Threads that one chapter may use for numerical work.
        private_paths: Absolute folders that no page may show.
        running: Processes of the chapters that run there.
    """

    scratch: Path
    threads: int
    private_paths: tuple[str, ...]
    running: set[subprocess.Popen[bytes]] = field(default_factory=set)

    def stop(self) -> None:
        """End every process, so that an interrupted build leaves none behind."""
        for process in list(self.running):
            process.terminate()


def prepare(scratch: Path) -> None:
    """Make the kernel's description, and matplotlib's font list before any chapter needs it."""
    kernel = scratch / "jupyter" / "kernels" / KERNELSPEC["name"]
    kernel.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    description = {key: KERNELSPEC[key] for key in ("display_name", "language")}
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, **description}), "utf-8")
    for name in ("ipython", "logs"):
        (scratch / name).mkdir(exist_ok=True)
    # On a new machine matplotlib announces on standard error that it builds its font list.
    import matplotlib.font_manager  # noqa: F401


def execute(
    chapter: Chapter,
    source: Path,
    media: Path,
    parameters: Mapping[str, object],
    workspace: Workspace,
    notify: Callable[[str], None] | None = None,
) -> Any:
    """Run a chapter and return its publishable copy.

    Args:
        chapter: Chapter to run.
        source: Its notebook in the build folder; it runs in the folder of this file.
        media: Folder that receives the chapter's sound files.
        parameters: Values for papermill to inject.
        workspace: Where it runs.
        notify: Receives what cells wrote to standard error, a sentence a cell. Without it, that
            fails the chapter.

    Returns:
        The executed notebook as an nbformat node, without run metadata.

    Raises:
        BookError: The chapter failed, wrote to standard error, or shows what may not be published.
            The message names the cell.
    """
    output = source.with_name(f".{source.stem}.running.ipynb")
    values = output.with_suffix(".yml")
    log = workspace.scratch / "logs" / f"{chapter.name.replace('/', '-')}.log"
    command = [sys.executable, "-m", "papermill", str(source), str(output)]
    command += ["--parameters_file", str(values), "--kernel", KERNELSPEC["name"]]
    command += ["--cwd", str(source.parent), "--no-progress-bar"]
    # Written when it ends, well or not, rather than twice a cell.
    command += ["--no-request-save-on-cell-execute"]
    try:
        values.write_text(yaml.safe_dump(dict(parameters)), encoding="utf-8")
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=_environment(chapter, media, workspace),
            )
            workspace.running.add(process)
            code = process.wait()
            workspace.running.discard(process)
        if code != 0:
            raise BookError(_failure(chapter, output, log, code))
        notebook = read(output)
    finally:
        output.unlink(missing_ok=True)
        values.unlink(missing_ok=True)
    if notify is not None:
        for notice in take_standard_error(notebook):
            notify(f"{chapter.docname}, {notice}")
    publishable(notebook, workspace.private_paths)
    if reasons := refusals(notebook, workspace.private_paths):
        listed = "\n".join(f"  - {reason}" for reason in reasons)
        raise BookError(f"{chapter.docname}.ipynb is not fit to publish:\n{listed}")
    return notebook


def _environment(chapter: Chapter, media: Path, workspace: Workspace) -> dict[str, str]:
    """The current environment with the book's settings on top."""
    # Inherited settings of these would change the figures or the warnings of the published page.
    dropped = {"MPLBACKEND", "MATPLOTLIBRC", "PYTHONWARNINGS", "PYTHONSTARTUP"}
    return {
        **{key: value for key, value in os.environ.items() if key not in dropped},
        **{f"{name}_NUM_THREADS": str(workspace.threads) for name in _THREADS},
        "JUPYTER_PATH": str(workspace.scratch / "jupyter"),
        "IPYTHONDIR": str(workspace.scratch / "ipython"),
        MEDIA_DIR: str(media),
        MEDIA_URL: chapter.media_url,
        "TQDM_DISABLE": "1",
        "PYTHONHASHSEED": "0",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _failure(chapter: Chapter, output: Path, log: Path, code: int) -> str:
    said = log.read_text(encoding="utf-8", errors="replace")
    where = f"did not run (papermill left with {code})"
    for number, cell in enumerate(read(output).cells if output.is_file() else ()):
        for result in cell.get("outputs", []):
            if result.output_type == "error":
                said = "\n".join(result.traceback)
                where = f"failed in cell {number} ({cell.id})"
    lines = "\n".join(f"  | {line}" for line in plain(said).splitlines()[-_TRACEBACK_LINES:])
    return f"{chapter.docname}.ipynb {where}:\n{lines}"


def publishable(notebook: Any, private_paths: Iterable[str]) -> None:
    """Turn an executed notebook into its published copy, in place.

    The cell of parameters and the one that papermill injects are hidden. Run metadata goes:
    timings, paths, versions of the kernel. A private path in the injected cell is replaced by a
    placeholder, because the notebook can be downloaded from the page.
    """
    for cell in notebook.cells:
        tags = list(cell.metadata.get("tags", []))
        if {"parameters", "injected-parameters"} & set(tags) and "remove-cell" not in tags:
            tags.append("remove-cell")
        if "injected-parameters" in tags:
            for path in private_paths:
                inside = rf"(['\"]){re.escape(path)}(?![\w.-])[^'\"]*\1"
                cell.source = re.sub(inside, repr(PRIVATE_FOLDER), cell.source)
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


def _output_refusals(output: Any, paths: tuple[str, ...]) -> Iterator[str]:
    if output.output_type == "error":
        yield f"raised {output.ename}: {plain(output.evalue)}"
        return
    if _is_standard_error(output):
        yield f"wrote to standard error: {_shortened(output.text)}"
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
        # A folder counts only as a whole: /tmp is not in /tmpfs or in a/tmp.
        if re.search(rf"(?<![\w.]){re.escape(path)}(?![\w.-])", text):
            yield f"shows a path of this machine ({path})"


def take_standard_error(notebook: Any) -> list[str]:
    """Remove what cells wrote to standard error from an executed notebook, in place."""
    taken = []
    for number, cell in enumerate(notebook.cells):
        outputs = cell.get("outputs", [])
        if written := "".join(output.text for output in outputs if _is_standard_error(output)):
            cell.outputs = [output for output in outputs if not _is_standard_error(output)]
            taken.append(f"cell {number} ({cell.get('id', 'no id')}): {_shortened(written)}")
    return taken


def plain(text: str) -> str:
    """Text without the escape sequences that colour a terminal."""
    return _ANSI.sub("", text)


def _is_standard_error(output: Any) -> bool:
    return bool(output.output_type == "stream" and output.name == "stderr")


def _shortened(text: str, limit: int = 300) -> str:
    text = " ".join(plain(text).split())
    return text if len(text) <= limit else text[:limit] + " ..."

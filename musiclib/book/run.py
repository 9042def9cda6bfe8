"""One chapter, executed by papermill in this interpreter and with nothing of the user's set-up.

The kernel is this interpreter: a kernel of the same name in the user's folders does not replace
it. Standard error fails the chapter, because what lands there would be printed in the page. With
music of the reader's own, whose files may well be damaged or few, it is handed to the caller
instead and left out of the page.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from musiclib.book.layout import Chapter
from musiclib.book.notebooks import KERNELSPEC, read
from musiclib.book.postprocess import plain, publishable, refusals, take_standard_error
from musiclib.errors import BookError
from musiclib.listen.sounds import MEDIA_URL
from musiclib.plot.published import MEDIA_DIR

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
_TRACEBACK_LINES = 12


class Processes:
    """The chapters' processes, so that an interrupted build leaves none behind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self, command: list[str], log: Path, env: Mapping[str, str]) -> int:
        """Run a command to its end.

        Args:
            command: Program and arguments.
            log: File that receives what it says.
            env: Its environment.

        Returns:
            Its exit status.

        Raises:
            BookError: All processes were stopped before this one could start.
        """
        with log.open("wb") as stream:
            with self._lock:
                if self._stopped:
                    raise BookError("The build was stopped.")
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    env=dict(env),
                )
                self._running.add(process)
            try:
                return process.wait()
            finally:
                with self._lock:
                    self._running.discard(process)

    @contextmanager
    def stopped_on_error(self) -> Iterator[None]:
        """End every process when the block is left by an error or an interruption."""
        try:
            yield
        except BaseException:
            with self._lock:
                self._stopped = True
                for process in self._running:
                    process.terminate()
            raise


@dataclass(frozen=True)
class Workplace:
    """Where and how chapters run.

    Attributes:
        scratch: Folder for kernels' settings and logs.
        threads: Threads that one chapter may use for numerical work.
        private_paths: Absolute folders that no page may show.
        processes: The processes that run there.
    """

    scratch: Path
    threads: int
    private_paths: tuple[str, ...]
    processes: Processes = field(default_factory=Processes)


def prepare(scratch: Path) -> None:
    """Make the kernel's description, and matplotlib's font list before any chapter needs it.

    Args:
        scratch: Folder of the workplace.
    """
    kernel = scratch / "jupyter" / "kernels" / KERNELSPEC["name"]
    kernel.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    description = {
        "argv": argv,
        "display_name": KERNELSPEC["display_name"],
        "language": KERNELSPEC["language"],
    }
    (kernel / "kernel.json").write_text(json.dumps(description), encoding="utf-8")
    (scratch / "ipython").mkdir(exist_ok=True)
    (scratch / "logs").mkdir(exist_ok=True)
    # On a new machine matplotlib announces on standard error that it builds its font list.
    import matplotlib.font_manager  # noqa: F401


def environment(chapter: Chapter, media: Path, workplace: Workplace) -> dict[str, str]:
    """Environment of a chapter's process.

    Args:
        chapter: Chapter to run.
        media: Folder that receives the chapter's sound files.
        workplace: Where it runs.

    Returns:
        The current environment with the book's settings on top.
    """
    settings = {
        "JUPYTER_PATH": str(workplace.scratch / "jupyter"),
        "IPYTHONDIR": str(workplace.scratch / "ipython"),
        MEDIA_DIR: str(media),
        MEDIA_URL: chapter.media_url,
        "TQDM_DISABLE": "1",
        "PYTHONHASHSEED": "0",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    threads = dict.fromkeys(_THREAD_VARIABLES, str(workplace.threads))
    # Inherited settings of these would change the figures or the warnings of the published page.
    dropped = {"MPLBACKEND", "MATPLOTLIBRC", "PYTHONWARNINGS", "PYTHONSTARTUP"}
    inherited = {key: value for key, value in os.environ.items() if key not in dropped}
    return {**inherited, **threads, **settings}


def execute(
    chapter: Chapter,
    source: Path,
    media: Path,
    parameters: Mapping[str, object],
    workplace: Workplace,
    notify: Callable[[str], None] | None = None,
) -> Any:
    """Run a chapter and return its publishable copy.

    Args:
        chapter: Chapter to run.
        source: Its notebook in the build folder; it runs in the folder of this file.
        media: Folder that receives the chapter's sound files; made when missing.
        parameters: Values for papermill to inject.
        workplace: Where it runs.
        notify: Receives what cells wrote to standard error, a sentence a cell. Without it, that
            fails the chapter.

    Returns:
        The executed notebook as an nbformat node, without run metadata.

    Raises:
        BookError: The chapter failed, wrote to standard error, or shows what may not be published.
            The message names the cell.
    """
    media.mkdir(parents=True, exist_ok=True)
    output = source.with_name(f".{source.stem}.running.ipynb")
    values = output.with_suffix(".yml")
    log = workplace.scratch / "logs" / f"{chapter.name.replace('/', '-')}.log"
    command = [sys.executable, "-m", "papermill", str(source), str(output)]
    command += ["--parameters_file", str(values), "--kernel", KERNELSPEC["name"]]
    command += ["--cwd", str(source.parent), "--no-progress-bar"]
    try:
        values.write_text(yaml.safe_dump(dict(parameters)), encoding="utf-8")
        code = workplace.processes.run(command, log, environment(chapter, media, workplace))
        if code != 0:
            raise BookError(_failure(chapter, output, log, code))
        notebook = read(output)
    finally:
        output.unlink(missing_ok=True)
        values.unlink(missing_ok=True)
    if notify is not None:
        for notice in take_standard_error(notebook):
            notify(f"{chapter.docname}, {notice}")
    publishable(notebook, workplace.private_paths)
    if reasons := refusals(notebook, workplace.private_paths):
        listed = "\n".join(f"  - {reason}" for reason in reasons)
        raise BookError(f"{chapter.docname}.ipynb is not fit to publish:\n{listed}")
    return notebook


def _failure(chapter: Chapter, output: Path, log: Path, code: int) -> str:
    if output.is_file():
        for number, cell in enumerate(read(output).cells):
            for result in cell.get("outputs", []):
                if result.output_type == "error":
                    trace = plain("\n".join(result.traceback)).splitlines()[-_TRACEBACK_LINES:]
                    shown = "\n".join(f"  | {line}" for line in trace)
                    return f"{chapter.docname}.ipynb failed in cell {number} ({cell.id}):\n{shown}"
    text = log.read_text(encoding="utf-8", errors="replace")
    shown = "\n".join(f"  | {line}" for line in plain(text).splitlines()[-_TRACEBACK_LINES:])
    return f"{chapter.docname}.ipynb did not run (papermill left with {code}):\n{shown}"

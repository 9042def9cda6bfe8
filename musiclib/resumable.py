"""Long work in pieces, by many processes or a Dask cluster; each piece is noted once it is done."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, as_completed
from functools import partial
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from musiclib.errors import EvidenceError
from musiclib.files import replace_file

_THREAD_VARIABLES: Final = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"),
)


class Journal:
    """A file that grows by a line whenever a piece of work is done.

    Lines that are torn or damaged are dropped when it is opened, and all lines where it was begun
    for other work.

    Attributes:
        done: Results by the key of their item.
        dropped: Number of lines that could not be used.
    """

    def __init__(self, path: Path, header: object, usable: Callable[[Any], bool]) -> None:
        """Open or begin it.

        Args:
            path: The file. Its folder is made when missing.
            header: JSON value that tells this work from other work.
            usable: Whether a result can still be used.
        """
        self._path = path
        self.done: dict[str, Any] = {}
        lines = path.read_bytes().splitlines() if path.exists() else []
        same = bool(lines) and _parsed(lines[0]) == {"header": header}
        self.dropped = 0 if same else len(lines)
        for line in map(_parsed, lines[1:] if same else []):
            if "item" in line and "result" in line and usable(line["result"]):
                self.done[key_of(line["item"])] = line["result"]
            else:
                self.dropped += 1
        kept = [{"item": json.loads(key), "result": value} for key, value in self.done.items()]
        replace_file(path, b"".join(map(_line, [{"header": header}, *kept])))

    def add(self, item: object, result: Any) -> None:
        """Note a result; after this it outlives the process."""
        with self._path.open("ab") as stream:
            stream.write(_line({"item": item, "result": result}))
            stream.flush()
            os.fsync(stream.fileno())
        self.done[key_of(item)] = result


def key_of(item: object) -> str:
    """Return the text of a JSON value that is the same for equal values."""
    return json.dumps(item, sort_keys=True)


def _line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _parsed(line: bytes) -> dict[str, Any]:
    """A line of a journal; empty where it is torn or damaged."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def work_through(
    function: Callable[[Any], Any],
    items: Sequence[Any],
    journal: Journal,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    progress: str = "",
) -> list[Any]:
    """Do what is not done yet, and return the results in the order of the items.

    Killed at any moment, it loses what was in work and nothing else.

    Args:
        function: Makes a JSON value of an item. It runs in new processes, of one thread each, so
            that what this one has loaded takes no part.
        items: JSON values.
        journal: Where results are noted.
        jobs: Number of processes.
        scheduler: Address of a Dask scheduler, such as `tcp://host:8786`, whose workers do it
            instead. They must see the same folders.
        progress: Name of the work for a bar on standard error; empty for none.

    Raises:
        EvidenceError: A process was killed, or there is no such scheduler.
    """
    left = [item for item in items if key_of(item) not in journal.done]
    if left:
        if scheduler is None:
            function = partial(_unless_orphaned, function, os.getpid())
        with _executor(jobs, scheduler) as executor:
            futures = {executor.submit(function, item): item for item in left}
            failure: BaseException | None = None
            bar = tqdm(
                as_completed(futures),
                progress,
                len(items),
                initial=len(items) - len(left),
                unit="item",
                disable=not progress,
                mininterval=0.1 if sys.stderr.isatty() else 60.0,
            )
            for future in bar:
                if future.cancelled():
                    continue
                error = future.exception()
                if error is None:
                    journal.add(futures[future], future.result())
                elif failure is None:  # what is in work already is finished and noted
                    failure = error
                    for other in futures:
                        other.cancel()
        if isinstance(failure, BrokenExecutor):
            raise EvidenceError(
                "a process was killed while it worked, perhaps since memory ran out. What was done "
                "before is kept: run the command again, with fewer --jobs"
            ) from failure
        if failure is not None:
            raise failure
    return [journal.done[key_of(item)] for item in items]


def _unless_orphaned(function: Callable[[Any], Any], parent: int, item: Any) -> Any:
    # Whoever takes up the work of a killed process must not have it done twice.
    if parent not in (os.getpid(), os.getppid()):
        os._exit(1)
    return function(item)


@contextlib.contextmanager
def _executor(jobs: int, scheduler: str | None) -> Iterator[Executor]:
    if scheduler is not None:
        with _cluster(scheduler) as executor:
            yield executor
        return
    from joblib.externals.loky import get_reusable_executor

    threads = dict.fromkeys(_THREAD_VARIABLES, "1")
    executor = get_reusable_executor(max_workers=jobs, reuse=False, env=threads)
    with warnings.catch_warnings():
        # Workers that have grown large are replaced, which is as it should be.
        warnings.filterwarnings("ignore", message="A worker stopped while some jobs were given")
        try:
            yield executor
        except BaseException:
            executor.shutdown(wait=True, kill_workers=True)
            raise
        executor.shutdown(wait=True)


@contextlib.contextmanager
def _cluster(scheduler: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise EvidenceError(
            f"the scheduler {scheduler} needs the library distributed: install it (pip install "
            "distributed), or leave the scheduler out"
        ) from None
    try:
        client = Client(scheduler, timeout=30)
    except (OSError, ValueError) as error:
        raise EvidenceError(
            f"no Dask scheduler answers at {scheduler} ({error}): start one (dask scheduler), or "
            "leave the scheduler out"
        ) from error
    with client:
        yield client.get_executor(pure=False)

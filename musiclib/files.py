"""Files and folders that appear whole or not at all."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

CHECKPOINT_READ = "musiclib.checkpoint.read"
"""Audit event (`sys.audit`) of whoever reads a checkpoint, with its path and its tensors' digest,
for those who want to know what took part in a result."""


def replace_file(path: Path, data: bytes) -> None:
    """Write a file next to its final place, whose folder is made when missing; move it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as stream:
        stream.write(data)


@contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its place when all went well, and else is gone."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w+b") as stream:
            yield stream
        # mkstemp makes private files; a web server must be able to read what is published.
        temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def replace_folder(source: Path, target: Path) -> None:
    """Put a finished folder in the place of another.

    Args:
        source: Finished folder, on any file system; it is gone afterwards.
        target: Final place; what was there is removed after the move.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    new, old = (target.with_name(f".{target.name}.{state}") for state in ("new", "old"))
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    shutil.move(source, new)
    if target.exists():
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hexadecimal, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

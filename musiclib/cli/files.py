"""What the commands that write files share."""

from __future__ import annotations

import argparse
import math
import os
import secrets
from pathlib import Path

from musiclib.errors import MusiclibError


def positive(text: str) -> float:
    """Read a positive number from the command line."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0.0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return value


def positive_int(text: str) -> int:
    """Read a positive whole number from the command line."""
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive whole number")
    return int(text)


def check_source(source: Path) -> None:
    """Refuse a file that is no audio, before a codec is made that takes seconds to import.

    Raises:
        AudioFileError: It is missing, or cannot be read as audio.
    """
    from musiclib.audio import probe

    probe(source)


def check_output(source: Path | None, target: Path, force: bool) -> None:
    """Refuse to write where something would be lost or nothing can be written.

    Raises:
        MusiclibError: If the target is the input, a folder, in no folder, or there already.
    """
    if source is not None and target.exists() and target.samefile(source):
        raise MusiclibError(f"{target} is the input itself. Name another output.")
    if target.is_dir():
        raise MusiclibError(f"{target} is a folder. Name a file.")
    if not target.parent.is_dir():
        raise MusiclibError(f"{target.parent} is not a folder. Create it first.")
    if target.exists() and not force:
        raise MusiclibError(f"{target} exists. Use --force to replace it.")


def write_atomically(target: Path, data: bytes) -> None:
    """Write a file so that it appears complete or not at all."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(data)
        os.replace(temporary, target)  # noqa: PTH105
    finally:
        temporary.unlink(missing_ok=True)

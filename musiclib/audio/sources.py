"""Where encoded audio comes from: a path, bytes, or an open binary file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from musiclib.errors import AudioFileError

AudioSource = str | PathLike[str] | bytes | BinaryIO


@dataclass(frozen=True)
class Source:
    """Encoded audio that can be opened more than once.

    Attributes:
        name: What messages call it.
        path: Absolute path, or None for audio in memory.
        data: The bytes of audio in memory, or None.
        n_bytes: Size in bytes.
    """

    name: str
    path: Path | None
    data: bytes | None
    n_bytes: int

    def open(self) -> str | io.BytesIO:
        """What a decoder opens: an absolute path, or a fresh in-memory file.

        The path is absolute because FFmpeg reads `take 1: intro.mp3` as a network protocol.
        """
        if self.path is not None:
            return str(self.path)
        assert self.data is not None
        return io.BytesIO(self.data)

    def part(self, begin: int, end: int) -> bytes:
        """The bytes `[begin, end)`."""
        if self.data is not None:
            return self.data[begin:end]
        assert self.path is not None
        with self.path.open("rb") as file:
            file.seek(begin)
            return file.read(end - begin)

    def head(self, n_bytes: int) -> bytes:
        """First bytes, for recognising a format."""
        return self.part(0, n_bytes)


def as_source(source: AudioSource, name: str | None = None) -> Source:
    """Check that a source exists and is not empty.

    Raises:
        AudioFileError: If the path is missing, a folder or unreadable, or if there are no bytes.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        result = Source(name or "audio in memory", None, bytes(source), len(source))
    elif isinstance(source, str | PathLike):
        result = _file_source(Path(source), name)
    else:
        data = source.read()
        result = Source(name or "audio in memory", None, data, len(data))
    if result.n_bytes == 0:
        raise AudioFileError(f"{result.name} is an empty file (0 bytes). Fetch or export it again.")
    return result


def _file_source(path: Path, name: str | None) -> Source:
    name = name or str(path)
    try:
        if path.is_dir():
            raise AudioFileError(f"{name} is a folder, not an audio file. Name a file in it.")
        n_bytes = path.stat().st_size
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise AudioFileError(f"{name} does not exist. Check the path.") from None
    except (OSError, ValueError) as error:
        raise AudioFileError(f"{name} cannot be read ({error}). Check its permissions.") from error
    return Source(name, path.absolute(), None, n_bytes)

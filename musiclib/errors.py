"""Errors that a reader can act on.

Each message says what is wrong, names the file or value, and says what to do about it.
The command line prints the message alone, without a traceback.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class MusiclibError(Exception):
    """Base of every error that musiclib raises on purpose."""


class MissingLibraryError(MusiclibError, ImportError):
    """A library that only an extra of the package brings."""


@contextmanager
def needs_extra(name: str) -> Iterator[None]:
    """Name the extra that brings a library which is not installed.

    Raises:
        MissingLibraryError: An import failed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingLibraryError(
            f"{error.name} is not installed. The extra {name!r} brings it: "
            f"pip install 'musiclib[{name}]', or '.[{name}]' in a clone."
        ) from error


class AudioError(MusiclibError):
    """Samples that cannot be used: empty, not finite, of a wrong shape or rate."""


class AudioFileError(AudioError):
    """An audio file that is missing, unreadable, empty or not audio."""


class DatasetError(MusiclibError):
    """A data set that is missing, incomplete or inconsistent."""


class DownloadError(DatasetError):
    """A download that failed or does not match its checksum."""


class ArchiveError(DatasetError):
    """An archive or a package that is damaged, or lacks what it should hold."""


class CodecError(MusiclibError):
    """A codec that cannot work with the given setting or input."""


class BitstreamError(CodecError):
    """Bytes that are damaged, truncated, foreign or hostile."""


class TrainingError(MusiclibError):
    """A training that cannot start or go on."""


class CheckpointError(TrainingError):
    """A checkpoint that is missing, damaged, foreign or of another configuration."""


class ModelError(MusiclibError):
    """A model that cannot be built from its configuration, or input that does not fit it."""


class EvidenceError(MusiclibError):
    """Kept evidence that is missing, damaged, stale, or not what is measured again."""


class BookError(MusiclibError):
    """A chapter that fails to run, or a built page that fails its checks."""

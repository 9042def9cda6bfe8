"""Downloads that go on after a broken connection, and archives whose checksum was right.

Bytes go to `NAME.part` first. A later try asks the server for the rest only. The file is moved to
its name when its checksum is right.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

from filelock import FileLock
from tqdm import tqdm

from musiclib.errors import ArchiveError, DownloadError
from musiclib.files import atomic_write

_NET_BYTES = 1 << 15  # what a broken connection loses at most
_PROGRESS_BYTES = 1 << 20
_MARGIN = 64 << 20  # bytes to leave free on the disk
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


class _TransientError(Exception):
    """A failure that another try may mend."""


def download(
    url: str,
    target: str | Path,
    checksum: str,
    *,
    retries: int = 5,
    backoff_s: float = 1.0,
    timeout_s: float = 30.0,
) -> Path:
    """Fetch `url` into `target`, resuming a broken download, and verify its checksum.

    A resumed file with a wrong checksum is fetched once more from its start, since its first part
    may come from another version of the file.

    Args:
        url: Address of the file.
        target: Where it is to lie; its folder is made.
        checksum: SHA1 or SHA-256 of the whole file, 40 or 64 hex digits.
        retries: Tries in a row that bring less than 1 MiB before giving up.
        backoff_s: Pause before the first retry in seconds; it doubles, up to a minute.
        timeout_s: Longest silence of the server in seconds.

    Returns:
        The path of the verified file.

    Raises:
        DownloadError: The server refuses, the connection keeps breaking, the disk is too
            full, or the checksum is wrong.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    kind = "sha1" if len(checksum) == 40 else "sha256"
    with FileLock(f"{target}.lock"):
        if target.exists():
            if (got := _digest(target, kind)) != checksum:
                raise DownloadError(
                    f"{target}: wrong {kind.upper()}: expected {checksum}, got {got}. Delete the "
                    "file and download it again"
                )
            return target
        resumed = True
        while resumed:
            resumed = _size(part) > 0
            _fetch(url, part, retries, backoff_s, timeout_s)
            if (got := _digest(part, kind)) == checksum:
                part.replace(target)
                return target
            part.unlink()
    raise DownloadError(
        f"{url}: wrong {kind.upper()}: expected {checksum}, got {got}. The file was removed; try "
        "again later or from another server"
    )


def check_space(
    folder: Path, needed: float, what: str, remedy: str = "choose another folder"
) -> None:
    """Raise a `DownloadError` when `folder` has no room for `needed` bytes."""
    free = shutil.disk_usage(folder).free
    if needed + _MARGIN > free:
        raise DownloadError(
            f"{what} needs {needed / 1e9:.2f} GB in {folder}, and {free / 1e9:.2f} GB are free; "
            f"free some space or {remedy}"
        )


def _fetch(url: str, part: Path, retries: int, backoff_s: float, timeout_s: float) -> None:
    import requests

    failures = 0
    while True:
        before = _size(part)
        try:
            return _fetch_once(url, part, timeout_s)
        except (_TransientError, requests.RequestException) as error:
            # A long download may break many times; only tries without progress count.
            failures = 1 if _size(part) - before >= _PROGRESS_BYTES else failures + 1
            if failures >= retries:
                raise DownloadError(
                    f"{url}: gave up after {failures} tries: {error}. "
                    f"{_size(part)} bytes are kept in {part}; run the command again to go on"
                ) from error
            time.sleep(min(60.0, backoff_s * 2 ** (failures - 1)))
        except OSError as error:
            raise DownloadError(
                f"{part}: cannot write: {error}; check the folder's permissions and space"
            ) from error


def _fetch_once(url: str, part: Path, timeout_s: float) -> None:
    import requests

    start = _size(part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with requests.get(url, headers=headers, stream=True, timeout=timeout_s) as reply:
        if start and reply.status_code == 416:
            return  # there is nothing after the part; its checksum tells whether it is whole
        if reply.status_code in _RETRIED:
            raise _TransientError(f"the server answered {reply.status_code} {reply.reason}")
        if reply.status_code not in (200, 206):
            raise DownloadError(
                f"{url}: the server answered {reply.status_code} {reply.reason}; "
                "check the address or name a mirror as base URL"
            )
        start = start if reply.status_code == 206 else 0  # not every server knows ranges
        length = reply.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else None
        name = part.name.removesuffix(".part")
        if total is not None:
            check_space(part.parent, total - start, name)
        with (
            part.open("ab" if start else "wb") as file,
            _bar(total, name, initial=start) as bar,
        ):
            for chunk in reply.iter_content(_NET_BYTES):
                file.write(chunk)
                bar.update(len(chunk))
            file.flush()
            os.fsync(file.fileno())
    if total is not None and _size(part) != total:
        raise _TransientError(f"the connection ended after {_size(part)} of {total} bytes")


def unpack(archive: Path, folder: Path, endings: tuple[str, ...]) -> None:
    """Unpack the wanted files of a zip archive; go on where a call was cut off.

    The archive's checksum must have been right: names in it are taken as they are.

    Args:
        archive: The zip file.
        folder: Where to unpack. A file that is there with the right size is left alone.
        endings: How the names of wanted members end.

    Raises:
        ArchiveError: The archive is damaged, or a file cannot be written.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            missing = [
                member
                for member in opened.infolist()
                if not member.is_dir()
                and member.filename.endswith(endings)
                and _size(folder / member.filename) != member.file_size
            ]
            total = sum(member.file_size for member in missing)
            check_space(folder, total, archive.name)
            with _bar(total, f"unpacking {archive.name}") as bar:
                for member in missing:
                    place = folder / member.filename
                    place.parent.mkdir(parents=True, exist_ok=True)
                    with opened.open(member) as source, atomic_write(place) as file:
                        shutil.copyfileobj(source, file)
                    bar.update(member.file_size)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ArchiveError(
            f"{archive}: cannot be unpacked ({error}); delete it and download it again"
        ) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _digest(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with (
        path.open("rb") as file,
        _bar(path.stat().st_size, f"{algorithm.upper()} of {path.name}") as bar,
    ):
        while chunk := file.read(_PROGRESS_BYTES):
            digest.update(chunk)
            bar.update(len(chunk))
    return digest.hexdigest()


def _bar(total: int | None, label: str, initial: int = 0) -> tqdm[Any]:
    # disable=None hides the bar when stderr is not a terminal.
    scale: dict[str, Any] = {"unit": "B", "unit_scale": True, "unit_divisor": 1024}
    return tqdm(total=total, initial=initial, desc=label, disable=None, leave=False, **scale)

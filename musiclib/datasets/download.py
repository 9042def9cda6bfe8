"""Downloads that survive a bad connection and never leave a wrong file in place.

Bytes go to `NAME.part` first. A later try asks the server for the rest only. The file is
moved to its name after its checksum is right; `NAME.verified` beside it then saves computing
that again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from pathlib import Path

import requests
from filelock import FileLock
from tqdm import tqdm

from musiclib.errors import DownloadError

_HASH_BYTES = 1 << 20
_NET_BYTES = 1 << 15  # what a broken connection loses at most
_PROGRESS_BYTES = 1 << 20
_MARGIN = 64 << 20  # bytes to leave free on the disk
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


class _TryAgainError(Exception):
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

    A server that ignores the request for a range makes the download start again. A resumed
    file with a wrong checksum is fetched once more from its start, since its first part may
    come from an older version of the file.

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
    with FileLock(f"{target}.lock"):
        if is_verified(target, checksum):
            return target
        part = target.with_name(target.name + ".part")
        resumed = part.exists() and part.stat().st_size > 0
        _fetch(url, part, retries, backoff_s, timeout_s)
        kind = _algorithm(checksum)
        got = file_digest(part, kind)
        if got != checksum and resumed:
            part.unlink()
            _fetch(url, part, retries, backoff_s, timeout_s)
            got = file_digest(part, kind)
        if got != checksum:
            size = part.stat().st_size
            part.unlink()
            raise DownloadError(
                f"{url}: wrong {kind.upper()} ({size} bytes): expected {checksum}, got {got}. "
                "The file was removed; try again later or from another server"
            )
        part.replace(target)
        _write_stamp(target, checksum)
    return target


def is_verified(path: str | Path, checksum: str) -> bool:
    """Say whether `path` exists with this checksum; it is computed once and remembered.

    Raises:
        DownloadError: The file exists and its checksum differs.
    """
    path = Path(path)
    if not path.exists():
        return False
    if _read_stamp(path) == {**_identity(path), "checksum": checksum}:
        return True
    kind = _algorithm(checksum)
    got = file_digest(path, kind)
    if got != checksum:
        raise DownloadError(
            f"{path}: wrong {kind.upper()}: expected {checksum}, got {got}. Delete the file and "
            "download it again"
        )
    _write_stamp(path, checksum)
    return True


def file_digest(path: str | Path, algorithm: str) -> str:
    """Return the `"sha1"` or `"sha256"` of a file as hex digits, with a bar for large files."""
    path = Path(path)
    digest = hashlib.new(algorithm, usedforsecurity=False)
    label = f"{algorithm.upper()} of {path.name}"
    with path.open("rb") as file, _bar(path.stat().st_size, 0, label) as bar:
        while chunk := file.read(_HASH_BYTES):
            digest.update(chunk)
            bar.update(len(chunk))
    return digest.hexdigest()


def _algorithm(checksum: str) -> str:
    return "sha1" if len(checksum) == 40 else "sha256"


def check_space(folder: Path, needed: int, what: str) -> None:
    """Raise when `folder` has no room for `needed` bytes.

    Raises:
        DownloadError: The disk is too full.
    """
    free = shutil.disk_usage(folder).free
    if needed + _MARGIN > free:
        raise DownloadError(
            f"{what} needs {needed / 1e9:.2f} GB in {folder}, and {free / 1e9:.2f} GB are free; "
            "free some space or choose another folder"
        )


def _fetch(url: str, part: Path, retries: int, backoff_s: float, timeout_s: float) -> None:
    failures = 0
    while True:
        before = _size(part)
        try:
            with requests.Session() as session:
                _fetch_once(session, url, part, timeout_s)
            return
        except (_TryAgainError, requests.RequestException, OSError) as error:
            if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
                raise DownloadError(
                    f"{part}: cannot write: {error}; check the folder's permissions and space"
                ) from error
            # A long download may break many times; only tries without progress count.
            failures = 1 if _size(part) - before >= _PROGRESS_BYTES else failures + 1
            if failures >= retries:
                raise DownloadError(
                    f"{url}: gave up after {failures} tries: {error}. "
                    f"{_size(part)} bytes are kept in {part}; run the command again to go on"
                ) from error
            time.sleep(min(60.0, backoff_s * 2 ** (failures - 1)))


def _fetch_once(session: requests.Session, url: str, part: Path, timeout_s: float) -> None:
    have = _size(part)
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    with session.get(url, headers=headers, stream=True, timeout=timeout_s) as reply:
        if reply.status_code == 416:
            if _range_total(reply) == have:
                return
            part.unlink()
            raise _TryAgainError("the part on disk does not fit the server's file")
        if reply.status_code in _RETRIED:
            raise _TryAgainError(f"the server answered {reply.status_code} {reply.reason}")
        if reply.status_code not in (200, 206):
            raise DownloadError(
                f"{url}: the server answered {reply.status_code} {reply.reason}; "
                "check the address or name a mirror as base URL"
            )
        if reply.status_code == 206 and not _starts_at(reply, have):
            part.unlink(missing_ok=True)
            raise _TryAgainError("the server sent another range than asked for")
        start = have if reply.status_code == 206 else 0
        length = reply.headers.get("Content-Length")
        total = start + int(length) if length and length.isdigit() else None
        if total is not None:
            check_space(part.parent, total - start, part.name.removesuffix(".part"))
        with (
            part.open("ab" if start else "wb") as file,
            _bar(total, start, part.name.removesuffix(".part")) as bar,
        ):
            for chunk in reply.iter_content(_NET_BYTES):
                file.write(chunk)
                bar.update(len(chunk))
            file.flush()
            os.fsync(file.fileno())
    if total is not None and _size(part) != total:
        raise _TryAgainError(f"the connection ended after {_size(part)} of {total} bytes")


def _starts_at(reply: requests.Response, start: int) -> bool:
    found = re.match(r"bytes (\d+)-", reply.headers.get("Content-Range", ""))
    return found is not None and int(found[1]) == start


def _range_total(reply: requests.Response) -> int | None:
    found = re.match(r"bytes \*/(\d+)$", reply.headers.get("Content-Range", ""))
    return int(found[1]) if found else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _bar(total: int | None, initial: int, label: str) -> tqdm:
    # disable=None hides the bar when stderr is not a terminal.
    return tqdm(
        total=total,
        initial=initial,
        desc=label,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        disable=None,
        leave=False,
    )


def _stamp_path(path: Path) -> Path:
    return path.with_name(path.name + ".verified")


def _identity(path: Path) -> dict[str, int]:
    stat = path.stat()
    return {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _read_stamp(path: Path) -> object:
    try:
        return json.loads(_stamp_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write_stamp(path: Path, checksum: str) -> None:
    stamp = _stamp_path(path)
    temporary = stamp.with_name(f"{stamp.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps({**_identity(path), "checksum": checksum}), encoding="utf-8")
    temporary.replace(stamp)

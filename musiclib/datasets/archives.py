"""Unpacking zip archives that nobody vouches for.

Every member is judged before anything is written: names that leave the folder, links,
encrypted members, two members for one file, and sizes that no honest archive has are refused.
The limits hold for the bytes that really come out, not only for those that are declared.
"""

from __future__ import annotations

import lzma
import re
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from musiclib.datasets.download import check_space
from musiclib.errors import ArchiveError

_CHUNK = 1 << 20
_SMALL = 1 << 20  # members below this size may compress as well as they like
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)


@dataclass(frozen=True)
class Limits:
    """What an archive may contain.

    Attributes:
        total_bytes: Sum of all unpacked sizes.
        members: Number of members.
        ratio: Unpacked over packed size of a member above 1 MiB.
    """

    total_bytes: int
    members: int = 250_000
    ratio: float = 200.0


def extract_zip(
    archive: str | Path,
    target: str | Path,
    limits: Limits,
    wanted: Callable[[str], bool] = lambda _name: True,
) -> list[Path]:
    """Unpack the wanted members of a zip archive below `target`.

    Each file is written beside its place and moved there when its checksum is right. A file
    that is there with the right size is left alone, so that a second call resumes a first
    that was cut off.

    Args:
        archive: The zip file (stored, deflate, bzip2 or LZMA; Zip64 too).
        target: Folder to unpack into.
        limits: Sizes beyond which the archive is refused.
        wanted: Says which member names to unpack. All members are judged in any case.

    Returns:
        The paths of the wanted files, in the order of the archive.

    Raises:
        ArchiveError: The archive is damaged, or unpacking it is not safe.
        DownloadError: The disk is too full.
    """
    archive, target = Path(archive), Path(target)
    try:
        with zipfile.ZipFile(archive) as handle:
            members = _judge(handle, archive, limits)
            target.mkdir(parents=True, exist_ok=True)
            base = target.resolve()
            chosen = [member for member in members if wanted(member.filename)]
            todo = [
                member
                for member in chosen
                if not _is_there(_place(base, member, archive), member.file_size)
            ]
            check_space(base, sum(member.file_size for member in todo), archive.name)
            _extract(handle, archive, base, todo)
            return [_place(base, member, archive) for member in chosen]
    except FileNotFoundError as error:
        raise ArchiveError(f"{archive}: no such file; download it first") from error
    except zipfile.BadZipFile as error:
        raise ArchiveError(
            f"{archive}: not a whole zip archive ({error}); delete it and download it again"
        ) from error


def _judge(handle: zipfile.ZipFile, archive: Path, limits: Limits) -> list[zipfile.ZipInfo]:
    """Return the members that are files; raise if any member is not safe."""

    def refuse(why: str) -> ArchiveError:
        return ArchiveError(f"{archive}: refused: {why}. Nothing was unpacked; get it elsewhere")

    infos = handle.infolist()
    if len(infos) > limits.members:
        raise refuse(f"{len(infos)} members, more than {limits.members}")
    files: list[zipfile.ZipInfo] = []
    kinds: dict[str, str] = {}
    total = 0
    for info in infos:
        name = info.orig_filename
        shown = ascii(name if len(name) <= 120 else name[:117] + "...")
        if problem := _name_problem(name):
            raise refuse(f"the member {shown} {problem}")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise refuse(f"the member {shown} is a link or a special file")
        if info.flag_bits & 0x1:
            raise refuse(f"the member {shown} is encrypted")
        if info.compress_type not in _METHODS:
            raise refuse(f"the member {shown} uses compression method {info.compress_type}")
        # Some file systems do not tell "A" from "a", or composed from decomposed accents.
        key = unicodedata.normalize("NFC", name).casefold().rstrip("/")
        is_folder = name.endswith("/")
        if key in kinds and not (is_folder and kinds[key] == "folder"):
            raise refuse(f"two members for the one name {shown}")
        kinds[key] = "folder" if is_folder else "file"
        if is_folder:
            continue
        total += info.file_size
        if total > limits.total_bytes:
            raise refuse(f"it unpacks to more than {limits.total_bytes} bytes")
        if info.file_size > max(_SMALL, limits.ratio * info.compress_size):
            raise refuse(
                f"the member {shown} unpacks from {info.compress_size} to {info.file_size} bytes"
            )
        files.append(info)
    if sum(info.compress_size for info in files) > archive.stat().st_size:
        raise refuse("its members overlap")
    for key in kinds:
        for parent in PurePosixPath(key).parents:
            if kinds.get(str(parent)) == "file":
                raise refuse(f"the member {str(parent)!a} is both a file and a folder")
    return files


def _name_problem(name: str) -> str | None:
    if not name or any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        return "has an empty name or control characters in it"
    if "\\" in name or name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "has an absolute or foreign path"
    parts = name.removesuffix("/").split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "has a path that is not plain"
    if any(len(part.encode()) > 255 for part in parts) or len(parts) > 32:
        return "has a path that is too long"
    return None


def _place(base: Path, member: zipfile.ZipInfo, archive: Path) -> Path:
    """Return where a member goes; links that lie in the folder must not lead out of it."""
    place = base / member.filename
    if not place.parent.resolve().is_relative_to(base):
        raise ArchiveError(
            f"{archive}: {place.parent} is a link that leads out of {base}; remove the link"
        )
    return place


def _is_there(place: Path, size: int) -> bool:
    return place.is_file() and not place.is_symlink() and place.stat().st_size == size


def _extract(
    handle: zipfile.ZipFile, archive: Path, base: Path, members: list[zipfile.ZipInfo]
) -> None:
    total = sum(member.file_size for member in members)
    with tqdm(
        total=total,
        desc=f"unpacking {archive.name}",
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        disable=None,
        leave=False,
    ) as bar:
        for member in members:
            place = _place(base, member, archive)
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ArchiveError(f"{place.parent}: cannot make the folder: {error}") from error
            part = place.with_name(f".{place.name[:200]}.part")
            try:
                _write_member(handle, archive, member, part, bar)
                part.replace(place)
            finally:
                part.unlink(missing_ok=True)


def _write_member(
    handle: zipfile.ZipFile, archive: Path, member: zipfile.ZipInfo, part: Path, bar: tqdm
) -> None:
    part.unlink(missing_ok=True)
    written = 0
    with part.open("xb") as file:
        try:
            source = handle.open(member)
        except (*_DAMAGE, RuntimeError, NotImplementedError) as error:
            raise _damaged(archive, member, error) from error
        with source:
            while True:
                try:
                    chunk = source.read(_CHUNK)
                except _DAMAGE as error:
                    raise _damaged(archive, member, error) from error
                if not chunk:
                    break
                written += len(chunk)
                if written > member.file_size:
                    raise _damaged(archive, member, ValueError("longer than declared"))
                file.write(chunk)
                bar.update(len(chunk))
    if written != member.file_size:
        raise _damaged(archive, member, ValueError(f"{written} bytes came out"))


def _damaged(archive: Path, member: zipfile.ZipInfo, error: Exception) -> ArchiveError:
    return ArchiveError(
        f"{archive}: the member {member.filename!a} is damaged ({error}); "
        "delete the archive and download it again"
    )

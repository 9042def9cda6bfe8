"""Music out of Debian packages: fetch a `.deb` of a known version, take files out of it.

Debian's game packages carry recorded music under free licences. A package is only read:
nothing is installed, no maintainer script runs.
"""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from musiclib.errors import ArchiveError, DownloadError
from musiclib.files import sha256_of

_CHUNK = 1 << 20


@dataclass(frozen=True)
class DebPackage:
    """A binary package, pinned.

    Attributes:
        name: Package name, such as `flare-game`.
        version: Full Debian version, epoch included, such as `1:1.16.9-1`.
        architecture: `all` for most music; `amd64` where it is part of a program's package.
        sha256: SHA-256 of the `.deb` file in hexadecimal; empty to accept any.
    """

    name: str
    version: str
    architecture: str = "all"
    sha256: str = ""

    @property
    def file_name(self) -> str:
        """The name `apt-get download` gives the file (an epoch's colon becomes `%3a`)."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"


def fetch(package: DebPackage, folder: Path) -> Path:
    """The package's `.deb` in `folder`, downloaded with apt when it is not there yet.

    Args:
        package: Which package and version.
        folder: Where `.deb` files are kept; made when missing.

    Returns:
        Path of a file whose SHA-256 was checked.

    Raises:
        DownloadError: apt is not on this machine, does not offer that version, or the file does
            not match its checksum.
    """
    target = folder / package.file_name
    if not target.exists():
        _download(package, folder)
    if package.sha256 and sha256_of(target) != package.sha256:
        raise DownloadError(
            f"{target}: its SHA-256 is not the one of {package.name} {package.version}. "
            "Delete the file and run again."
        )
    return target


def _download(package: DebPackage, folder: Path) -> None:
    by_hand = (
        f"Put {package.file_name} into {folder} by hand: it is in Debian 12's archive, and old "
        "versions are in Debian's snapshot service."
    )
    if shutil.which("apt-get") is None:
        raise DownloadError(f"{package.name}: apt-get is not on this machine. {by_hand}")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        name = package.name
        if package.architecture != "all":
            name += f":{package.architecture}"
        run = subprocess.run(
            ["apt-get", "download", f"{name}={package.version}"],
            cwd=scratch,
            capture_output=True,
            text=True,
            check=False,
        )
        downloaded = Path(scratch) / package.file_name
        if run.returncode != 0 or not downloaded.exists():
            reason = run.stderr.strip().splitlines()[-1:] or ["no file came"]
            raise DownloadError(
                f"{package.name}: apt-get download of {package.version} failed: {reason[0]}. "
                f"Run `apt-get update` on Debian 12 first. {by_hand}"
            )
        downloaded.replace(folder / package.file_name)


def extract(deb: Path, members: Iterable[str], folder: Path) -> dict[str, Path]:
    """Take regular files out of a `.deb`, in one pass over its archive.

    Files are written under `folder` with names made from a hash of their path in the package, so
    no name in an archive decides where anything is written.

    Args:
        deb: The package file.
        members: Absolute paths inside the package, such as `/usr/share/games/x/music.ogg`.
        folder: Where to write; made when missing.

    Returns:
        Path inside the package -> extracted file.

    Raises:
        ArchiveError: `dpkg-deb` is missing, the package is damaged or has no such regular file.
    """
    wanted = set(members)
    targets = {member: folder / _flat_name(member) for member in wanted}
    missing = {member for member, target in targets.items() if not target.exists()}
    if not missing:
        return targets
    if shutil.which("dpkg-deb") is None:
        raise ArchiveError(f"{deb}: dpkg-deb is needed to open it. Install Debian's dpkg.")
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            for entry in archive:
                member = entry.name.removeprefix(".")
                if member not in missing or not entry.isfile():
                    continue
                stream = archive.extractfile(entry)
                if stream is not None:
                    _write(stream, targets[member])
                missing.discard(member)
                if not missing:
                    break
    except (tarfile.TarError, EOFError) as error:
        raise ArchiveError(f"{deb}: not a readable Debian package ({error}).") from error
    finally:
        process.kill()
        process.communicate()
    if missing:
        raise ArchiveError(f"{deb}: no regular file {sorted(missing)[0]} inside.")
    return targets


def extract_inner(archive: Path, member: str, folder: Path) -> Path:
    """Take one file out of a zip archive (also called .pk3 or .love) into `folder`.

    Returns:
        The extracted file, named by a hash of archive name and member.

    Raises:
        ArchiveError: The archive is damaged or has no such file.
    """
    target = folder / _flat_name(f"{archive.name}/{member}")
    if target.exists():
        return target
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(member) as stream:
            _write(stream, target)
    except KeyError as error:
        raise ArchiveError(f"{archive}: no file {member} inside.") from error
    except (zipfile.BadZipFile, EOFError) as error:
        raise ArchiveError(f"{archive}: not a readable zip archive ({error}).") from error
    return target


def _flat_name(member: str) -> str:
    digest = hashlib.sha256(member.encode()).hexdigest()[:16]
    return digest + Path(member).suffix.lower()


def _write(stream: IO[bytes], target: Path) -> None:
    partial = target.with_name(target.name + ".part")
    with partial.open("wb") as out:
        shutil.copyfileobj(stream, out, _CHUNK)
    partial.replace(target)

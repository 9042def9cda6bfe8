"""Fetching the pieces of `debian`: packages, pieces out of them, credits beside them."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from filelock import FileLock
from tqdm import tqdm

from musiclib.datasets.debian import DebPackage, extract, extract_inner, fetch
from musiclib.datasets.debian_music import NAME, read_packages, read_pieces
from musiclib.datasets.download import check_space, download
from musiclib.errors import ArchiveError, DownloadError
from musiclib.files import replace_file, sha256_of

_CREDITS = ["path", "title", "artist", "licence", "package", "version", "source_path"]
_CREDITS += ["inner_path", "source", "source_version", "sha256"]


@dataclass(frozen=True)
class Gathered:
    """What a download came to.

    Attributes:
        folder: The folder of the data set.
        pieces: Number of pieces in it, all of them verified.
        wanted: Number of pieces that there should be.
        missing: Reason why a package's pieces or notices are not there, by package and version,
            such as `naev-data 0.8.2-1`.
    """

    folder: Path
    pieces: int
    wanted: int
    missing: Mapping[str, str]


@dataclass(frozen=True)
class _Job:
    """What is wanted of one package."""

    package: DebPackage
    size: int  # of the package's file, in bytes
    place: str  # of that file in Debian's archive
    pieces: pd.DataFrame  # rows of the list of pieces
    notices: dict[str, Path]  # path in the package -> where its text goes

    @property
    def is_needed(self) -> bool:
        return not self.pieces.empty or not all(file.exists() for file in self.notices.values())


def download_debian(
    root: str | Path, packages: str | Path | None = None, base_url: str | None = None
) -> Gathered:
    """Fetch the packages, take the pieces out and verify them; go on where a call was cut off.

    Every package and every piece is held against its SHA-256. A package that cannot be had does
    not keep the others from coming. Beside the music lie `tracks.csv` (title, artist, licence,
    package and checksum of every piece that is there) and `LICENSES/` with the copyright file of
    every package. Nothing is installed.

    Args:
        root: Folder that is to hold `debian/`.
        packages: Folder of `.deb` files, to take them from and to keep them in. By default they
            are fetched into the data set's folder and deleted once they are unpacked.
        base_url: Address of a mirror of Debian's archive, or of a snapshot of it, which has old
            versions too: the folder that holds `pool/`. By default apt fetches the packages,
            which needs Debian 12.

    Returns:
        What is there now, and what is missing for which reason.

    Raises:
        DownloadError: A package has to be fetched without `base_url` and apt is not on this
            machine, or the disk is too full.
        ArchiveError: A package has to be opened and dpkg-deb is not on this machine.
    """
    folder = Path(root) / NAME
    debs = folder / "packages" if packages is None else Path(packages)
    (folder / "music").mkdir(parents=True, exist_ok=True)
    pieces, table = read_pieces(), read_packages()
    with FileLock(folder / ".lock"):
        absent = _absent(folder, pieces)
        jobs = _jobs(folder, pieces.loc[absent], table)
        _check_tools(jobs, debs, base_url)
        failures = {}
        with tqdm(total=len(jobs), unit="package", disable=None, leave=False) as bar:
            for job in jobs:
                bar.set_description(job.package.name)
                # The package, what is taken out of it (often a large archive), and the pieces.
                room = 2 * job.size + int(job.pieces["bytes"].sum())
                check_space(folder, room, job.package.file_name)
                try:
                    _unpack(job, _fetch(job, debs, base_url), folder)
                    absent = absent.difference(job.pieces.index)
                    if packages is None:
                        _delete(debs / job.package.file_name)
                except (ArchiveError, DownloadError) as error:
                    failures[f"{job.package.name} {job.package.version}"] = str(error)
                _write_credits(folder, pieces.drop(index=absent), table)
                bar.update()
        if not jobs:
            _write_credits(folder, pieces, table)
        if packages is None and debs.is_dir() and not any(debs.iterdir()):
            debs.rmdir()
    return Gathered(folder, len(pieces) - len(absent), len(pieces), failures)


def _absent(folder: Path, pieces: pd.DataFrame) -> pd.Index:
    """Return the keys of the pieces whose file is missing or not what it should be."""
    absent = []
    with tqdm(total=len(pieces), desc="verifying", disable=None, leave=False) as bar:
        for row in pieces.itertuples():
            file = folder / row.path
            if not (
                file.is_file()
                and file.stat().st_size == row.bytes
                and sha256_of(file) == row.sha256
            ):
                absent.append(row.Index)
            bar.update()
    return pd.Index(absent, dtype=object)


def _jobs(folder: Path, pieces: pd.DataFrame, table: pd.DataFrame) -> list[_Job]:
    jobs = []
    for row in table.itertuples():
        name = str(row.Index)
        notices = {
            member: folder / "LICENSES" / f"{name}.{Path(member).name.removesuffix('.gz')}"
            for member in row.notices.split(";")
        }
        package = DebPackage(name, row.version, row.architecture, row.sha256)
        wanted = pieces[pieces["package"] == name]
        jobs.append(_Job(package, row.bytes, row.file, wanted, notices))
    return [job for job in jobs if job.is_needed]


def _check_tools(jobs: list[_Job], debs: Path, base_url: str | None) -> None:
    """Raise at once what would otherwise be the fate of every package."""
    files = [job.package.file_name for job in jobs]
    if files and shutil.which("dpkg-deb") is None:
        raise ArchiveError("dpkg-deb is not on this machine; install the package dpkg first")
    unfetched = [file for file in files if not (debs / file).exists()]
    if unfetched and base_url is None and shutil.which("apt-get") is None:
        raise DownloadError(
            f"apt-get is not on this machine, and {len(unfetched)} packages are not in {debs}. "
            "Name a mirror of Debian's archive as base URL, or put them there by hand; the first "
            f"is {unfetched[0]}"
        )


def _fetch(job: _Job, debs: Path, base_url: str | None) -> Path:
    if base_url is None:
        return fetch(job.package, debs)
    target = debs / job.package.file_name
    return download(f"{base_url.rstrip('/')}/{job.place}", target, job.package.sha256)


def _delete(deb: Path) -> None:
    """Delete a package and what its download left beside it."""
    for suffix in ("", ".verified", ".lock"):
        deb.with_name(deb.name + suffix).unlink(missing_ok=True)


def _unpack(job: _Job, deb: Path, folder: Path) -> None:
    """Bring a package's missing pieces and its notices into place."""
    work = folder / ".unpacked"
    try:
        members = {*job.pieces["source_path"], *job.notices}
        files = extract(deb, members, work)
        for member, target in job.notices.items():
            data = files[member].read_bytes()
            replace_file(target, gzip.decompress(data) if member.endswith(".gz") else data)
        for row in job.pieces.itertuples():
            file = files[row.source_path]
            if row.inner_path:
                file = extract_inner(file, row.inner_path, work)
            if sha256_of(file) != row.sha256:
                inner = f", {row.inner_path}" if row.inner_path else ""
                raise ArchiveError(
                    f"{deb}: {row.source_path}{inner} is not the piece {row.Index} of the list "
                    "(its SHA-256 differs); delete the package and run again"
                )
            (folder / row.path).parent.mkdir(parents=True, exist_ok=True)
            file.replace(folder / row.path)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_credits(folder: Path, pieces: pd.DataFrame, table: pd.DataFrame) -> None:
    """Write who made which file, under which licence, and where it comes from."""
    origin = table[["version", "source", "source_version"]]
    rows = pieces.join(origin, on="package")[_CREDITS]
    replace_file(folder / "tracks.csv", rows.to_csv(lineterminator="\n").encode())

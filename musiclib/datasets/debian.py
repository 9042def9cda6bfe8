"""Whole pieces of music from Debian's packages: what a codec is trained on, and how it is fetched.

The bundled music is 30 s excerpts. Here are the whole pieces that its training clips were cut from,
and all others of the same survey of Debian 12, without those by artists of its test part. Two
tables of the package say which pieces, and from which versions of which packages.

For cross-validation over all of the bundled music there are further splits, which leave out the
artists of one of its folds, or all of its artists.

Debian's packages carry recorded music under free licences. A package is only read: nothing is
installed, no maintainer script runs.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from tqdm import tqdm

from musiclib.datasets.bundled import DATA_VARIABLE, open_mini
from musiclib.datasets.download import check_space, download
from musiclib.datasets.tracks import (
    FOLDS,
    OFFICIAL_SEED,
    Dataset,
    Split,
    folds,
    scored_genres,
    skipped_table,
    with_validation,
)
from musiclib.errors import ArchiveError, DatasetError, DownloadError
from musiclib.files import atomic_write, replace_file, sha256_of

if TYPE_CHECKING:
    import pandas as pd

NAME = "debian"
DESCRIPTION = "music from Debian's packages: 572 whole pieces, 31 hours, to train codecs on"
DOWNLOAD_SIZE = "5.2 GiB"
OFFICIAL, APART = "official", "apart"
SPLITS = (OFFICIAL, APART, *(f"fold-{number}" for number in range(1, FOLDS + 1)))
TABLES = Path(__file__).with_name("tables")
_NUMBERS = {"duration_s": float, "bytes": int, "sample_rate": int, "channels": int}


class TrainingMusic(Dataset):
    """A data set without a test part."""

    def part(self, split: Split) -> Dataset:
        """Return the tracks of one split; see `Dataset.part`."""
        if split == "test":
            raise DatasetError(
                f"{self.name} has no test part: the artists of mini's test part are left out of "
                "it so that they can serve as one; test on open_dataset('mini').part('test')"
            )
        return super().part(split)


def open_debian(
    data_root: str | Path | None = None, seed: int = 0, split: str = OFFICIAL
) -> Dataset:
    """Open the downloaded pieces.

    The validation part is all pieces by the artists of the bundled music's validation part, the
    training part is all others; no seed moves them. So the training part shares no artist with
    the validation and test parts of either data set. Artists that are not known are grouped by
    package. Pieces that were not downloaded are listed in `skipped`.

    Args:
        data_root: Folder that holds `debian/`, or that folder itself; by default the
            environment variable `MUSICLIB_DATA`.
        seed: Seed of random choices later on.
        split: `"official"`; `"fold-1"` to `"fold-5"`: the same without the artists of that one of
            the `bundled_folds`; `"apart"`: without any artist of the bundled music, 15 % of it for
            validation. The name of the data set says which.
    """
    root = _find_root(data_root)
    pieces = split_pieces(split)

    import pandas as pd

    there = pd.Series([(root / path).is_file() for path in pieces["path"]], index=pieces.index)
    get = f"`musiclib data download {NAME} --root {root.parent}`"
    if not there.any():
        raise DatasetError(f"{root}: none of the {len(pieces)} pieces is there; run {get}")
    reason = f"the file is missing; run {get} again"
    skipped = [(key, path, reason) for key, path in pieces.loc[~there, "path"].items()]
    tracks = pieces[there]
    name = NAME if split == OFFICIAL else f"{NAME}-{split}"
    return TrainingMusic(name, root, tracks, DESCRIPTION, skipped_table(skipped), seed)


def split_pieces(split: str = OFFICIAL) -> pd.DataFrame:
    """Return the list of pieces with a column `split`; see `open_debian`."""
    if split not in SPLITS:
        raise DatasetError(f"unknown split {split!r} of {NAME}; choose one of {', '.join(SPLITS)}")
    pieces = with_parts(read_pieces())
    if split == OFFICIAL:
        return pieces
    if split == APART:
        bundled = open_mini().tracks["artist_group"]
        pieces = pieces[~pieces["artist_group"].isin(bundled)].assign(split="train")
        return with_validation(pieces)
    dealt = bundled_folds()
    held_out = dealt.loc[dealt["fold"] == int(split.rpartition("-")[2]), "artist_group"]
    return pieces[~pieces["artist_group"].isin(held_out)]


def bundled_folds() -> pd.DataFrame:
    """Return the tracks of the bundled music's `scored_genres` with their `fold`, from 1 on.

    The same whatever the seed: encoders of the book were trained without one of them.
    """
    tracks = open_mini().tracks
    tracks = tracks[tracks["genre"].isin(scored_genres(tracks))]
    return tracks.assign(fold=folds(tracks, FOLDS, OFFICIAL_SEED))


def with_parts(pieces: pd.DataFrame) -> pd.DataFrame:
    """Return the table with a column `split` of "train" and "validation".

    The cut is made as `open_mini` makes it, from the same rows, so that both agree.
    """
    bundled = pieces[pieces["mini"] == "train"].assign(split="train")
    cut = with_validation(bundled)
    artists = set(cut.loc[cut["split"] == "validation", "artist_group"])
    held_out = pieces["artist_group"].isin(artists)
    return pieces.assign(split=held_out.map({True: "validation", False: "train"}))


def read_pieces() -> pd.DataFrame:
    """Return the list of pieces, index `track_id`, with their place in Debian and their SHA-256."""
    return _read(TABLES / "debian_tracks.csv", "track_id")


def read_packages() -> pd.DataFrame:
    """Return the pinned packages, index `package`, in alphabetical order.

    Columns: `version`, `architecture`, `source` and `source_version` (the source package),
    `file` (its place in Debian's archive), `bytes`, `sha256`, and `notices`: paths in the package,
    separated by semicolons, of the files that say who made the music and under which licence.
    """
    return _read(TABLES / "debian_packages.csv", "package")


def _read(path: Path, index: str) -> pd.DataFrame:
    import pandas as pd

    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8").set_index(index)
    return table.astype({name: kind for name, kind in _NUMBERS.items() if name in table})


def _find_root(data_root: str | Path | None) -> Path:
    given = data_root if data_root is not None else os.environ.get(DATA_VARIABLE)
    if given is None:
        raise DatasetError(
            f"{NAME} is not bundled: pass the folder that holds {NAME}/ as data_root or set "
            f"{DATA_VARIABLE}; `musiclib data download {NAME} --root FOLDER` gets it"
        )
    root = Path(given)
    for folder in (root / NAME, root):
        if (folder / "music").is_dir():
            return folder.resolve()
    raise DatasetError(
        f"{root}: no folder {NAME}/ in it; run `musiclib data download {NAME} --root {root}`"
    )


_CREDITS = [
    *("path", "title", "artist", "licence", "package", "version", "source_path"),
    *("inner_path", "source", "source_version", "sha256"),
]


@dataclass(frozen=True)
class DownloadReport:
    """What a download came to."""

    folder: Path
    pieces: int  # in the folder, all of them verified
    wanted: int  # that there should be
    missing: Mapping[str, str]  # reason by package and version, such as `naev-data 0.8.2-1`


@dataclass(frozen=True)
class _Job:
    """What is wanted of one package."""

    package: DebPackage
    size: int  # of the package's file, in bytes
    place: str  # of that file in Debian's archive
    pieces: pd.DataFrame  # rows of the list of pieces
    notices: dict[str, Path]  # path in the package -> where its text goes


def download_debian(
    root: str | Path, packages: str | Path | None = None, base_url: str | None = None
) -> DownloadReport:
    """Fetch the packages, take the pieces out and verify them; go on where a call was cut off.

    A package that cannot be had does not keep the others from coming. Beside the music lie
    `tracks.csv` (title, artist, licence, package and checksum of every piece that is there) and
    `LICENSES/` with the copyright file of every package. Nothing is installed.

    Args:
        root: Folder that is to hold `debian/`.
        packages: Folder of `.deb` files, to take them from and to keep them in. By default they
            are fetched into the data set's folder and deleted once they are unpacked.
        base_url: Address of a mirror of Debian's archive, or of a snapshot of it, which has old
            versions too: the folder that holds `pool/`. By default apt fetches the packages,
            which needs Debian 12.

    Raises:
        DatasetError: apt or dpkg-deb is needed and not on this machine, or the disk is too full.
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
                        for suffix in ("", ".lock"):
                            (debs / f"{job.package.file_name}{suffix}").unlink(missing_ok=True)
                except (ArchiveError, DownloadError) as error:
                    failures[f"{job.package.name} {job.package.version}"] = str(error)
                _write_credits(folder, pieces.drop(index=absent), table)
                bar.update()
        if not jobs:
            _write_credits(folder, pieces, table)
        if packages is None and debs.is_dir() and not any(debs.iterdir()):
            debs.rmdir()
    return DownloadReport(folder, len(pieces) - len(absent), len(pieces), failures)


def _absent(folder: Path, pieces: pd.DataFrame) -> pd.Index:
    """Return the keys of the pieces whose file is missing or not what it should be."""
    import pandas as pd

    verifying = tqdm(pieces.itertuples(), "verifying", len(pieces), disable=None, leave=False)
    absent = [row.Index for row in verifying if not _is_whole(folder / row.path, row)]
    return pd.Index(absent, dtype=object)


def _is_whole(file: Path, row: Any) -> bool:
    if not file.is_file() or file.stat().st_size != row.bytes:
        return False
    return bool(sha256_of(file) == row.sha256)


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
        if not wanted.empty or not all(file.exists() for file in notices.values()):
            jobs.append(_Job(package, row.bytes, row.file, wanted, notices))
    return jobs


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


def _unpack(job: _Job, deb: Path, folder: Path) -> None:
    """Bring a package's missing pieces and its notices into place."""
    work = folder / ".unpacked"
    try:
        files = extract(deb, {*job.pieces["source_path"], *job.notices}, work)
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


@dataclass(frozen=True)
class DebPackage:
    """A binary package, pinned."""

    name: str
    version: str  # full, epoch included, such as `1:1.16.9-1`
    architecture: str = "all"
    sha256: str = ""  # of the `.deb` file; empty to accept any

    @property
    def file_name(self) -> str:
        """The name `apt-get download` gives the file (an epoch's colon becomes `%3a`)."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"


def fetch(package: DebPackage, folder: Path) -> Path:
    """Return the package's verified `.deb` in `folder`, fetched with apt when it is not there.

    Raises:
        DownloadError: apt does not give that version, or its checksum is another.
    """
    target = folder / package.file_name
    if not target.exists():
        _download(package, target)
    if package.sha256 and sha256_of(target) != package.sha256:
        raise DownloadError(
            f"{target}: its SHA-256 is not the one of {package.name} {package.version}. "
            "Delete the file and run again."
        )
    return target


def _download(package: DebPackage, target: Path) -> None:
    name, folder = package.name, target.parent
    by_hand = (
        f"Put {target.name} into {folder} by hand: it is in Debian 12's archive, and old versions "
        "are in Debian's snapshot service."
    )
    if shutil.which("apt-get") is None:
        raise DownloadError(f"{name}: apt-get is not on this machine. {by_hand}")
    folder.mkdir(parents=True, exist_ok=True)
    wanted = name if package.architecture == "all" else f"{name}:{package.architecture}"
    command = ["apt-get", "download", f"{wanted}={package.version}"]
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        run = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        downloaded = Path(scratch) / target.name
        if run.returncode != 0 or not downloaded.exists():
            reason = run.stderr.strip().splitlines()[-1:] or ["no file came"]
            raise DownloadError(
                f"{name}: apt-get download of {package.version} failed: {reason[0]}. "
                f"Run `apt-get update` on Debian 12 first. {by_hand}"
            )
        downloaded.replace(target)


def extract(deb: Path, members: Iterable[str], folder: Path) -> dict[str, Path]:
    """Take regular files out of a `.deb`, in one pass over its archive.

    Files are named by a hash of their path in the package, so no name in an archive decides where
    anything is written.

    Args:
        deb: The package file.
        members: Absolute paths inside the package, such as `/usr/share/games/x/music.ogg`.
        folder: Where to write; made when missing.

    Returns:
        Path inside the package -> extracted file.

    Raises:
        ArchiveError: The package cannot be opened or has no such regular file.
    """
    targets = {member: folder / _flat_name(member) for member in members}
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
                    with atomic_write(targets[member]) as out:
                        shutil.copyfileobj(stream, out)
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

    Raises:
        ArchiveError: The archive is damaged or has no such file.
    """
    target = folder / _flat_name(f"{archive.name}/{member}")
    if target.exists():
        return target
    try:
        with (
            zipfile.ZipFile(archive) as opened,
            opened.open(member) as stream,
            atomic_write(target) as out,
        ):
            shutil.copyfileobj(stream, out)
    except KeyError as error:
        raise ArchiveError(f"{archive}: no file {member} inside.") from error
    except (zipfile.BadZipFile, EOFError) as error:
        raise ArchiveError(f"{archive}: not a readable zip archive ({error}).") from error
    return target


def _flat_name(member: str) -> str:
    digest = hashlib.sha256(member.encode()).hexdigest()[:16]
    return digest + Path(member).suffix.lower()

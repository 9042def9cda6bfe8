"""`musiclib data`: list, download, decode and check data sets."""

from __future__ import annotations

import argparse
import hashlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from musiclib.cli import DATASETS, Subparsers, add_command, positive_int, warn, whole
from musiclib.errors import AudioError, DatasetError

if TYPE_CHECKING:
    import pandas as pd

    from musiclib.datasets import Dataset

_DOWNLOADS = tuple(name for name in DATASETS if name.startswith("fma_") or name == "debian")
_MOST_SHOWN = 20


def add_parser(subparsers: Subparsers) -> None:
    """Add `data` and its four commands."""
    parser = subparsers.add_parser("data", help="list, download, decode and check data sets")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    words = "List the data sets, or the tracks of one by genre and split."
    listing = add_command(commands, "list", _list, words)
    words = "Decode a data set once, so that later work need not."
    cache = add_command(commands, "cache", _cache, words)
    words = "Check every file of a data set against its checksum."
    check = add_command(commands, "check", _check, words)
    fetch = add_command(commands, "download", _download, "Download, verify and unpack a data set.")
    for command in (listing, cache, check, fetch):
        names = _DOWNLOADS if command is fetch else DATASETS
        optional = "?" if command is listing else None
        command.add_argument(
            "name", nargs=optional, choices=names, metavar="NAME", help=", ".join(names)
        )
    for command in (listing, cache, check):
        command.add_argument("--root", help="folder of the data (default: see the data set)")
        command.add_argument("--seed", type=whole, default=0, help="of the split (default: 0)")
        command.add_argument(
            "--split", metavar="NAME", help="official or 70-30; of debian see `train`"
        )
    cache.add_argument(
        "--sample-rate", type=positive_int, default=24_000, help="in Hz (default: 24000)"
    )
    cache.add_argument(
        "--workers", type=positive_int, help="files decoded at a time (default: processors)"
    )
    cache.add_argument("--retry", action="store_true", help="try files again that failed before")

    fetch.add_argument("--root", required=True, help="folder to put it in")
    fetch.add_argument(
        "--base-url",
        help="address of a mirror (fma_*: or set MUSICLIB_FMA_URL; debian: the folder that holds "
        "pool/; without it apt fetches the packages, on Debian 12)",
    )
    fetch.add_argument(
        "--delete-archives",
        action="store_true",
        help="fma_*: delete the zip files after unpacking",
    )
    fetch.add_argument(
        "--packages",
        metavar="FOLDER",
        help="debian: take .deb files from here and keep them here (default: they are deleted)",
    )


def _list(args: argparse.Namespace) -> int:
    if args.name is None:
        from musiclib.datasets import bundled, debian, fma

        texts = {
            "mini": bundled.DESCRIPTION,
            "killer": bundled.KILLER_DESCRIPTION,
            **{
                name: f"{text} ({fma.ARCHIVES[name].size} to download)"
                for name, text in fma.DESCRIPTIONS.items()
            },
            "debian": f"{debian.DESCRIPTION} ({debian.DOWNLOAD_SIZE} to download)",
            "folder": "any folder of audio, genre by subfolder (--root FOLDER)",
        }
        for name, text in texts.items():
            print(f"{name:<12}{text}")
        return 0
    from musiclib.datasets import shared_artists

    dataset = _open(args)
    table = dataset.tracks.groupby(["genre", "split"]).size().unstack(fill_value=0)
    order = [name for name in ("train", "validation", "test") if name in table]
    table = table[order].assign(all=table.sum(axis=1))
    table.loc["all"] = table.sum()
    print(f"{dataset.name}: {dataset.description}")
    print(f"folder: {dataset.root}")
    print(table.rename_axis(None, axis=1).to_string())
    groups, shared = dataset.tracks["artist_group"].nunique(), shared_artists(dataset.tracks)
    print(f"{groups} artist groups, {len(shared)} of them in more than one split")
    _print_reasons("left out", dataset.skipped)
    return 0


def _download(args: argparse.Namespace) -> int:
    if args.packages and args.name != "debian":
        raise DatasetError(f"--packages belongs to debian, not to {args.name}; leave it out")
    if args.delete_archives and args.name == "debian":
        raise DatasetError("--delete-archives belongs to fma_*, not to debian; leave it out")

    from musiclib.datasets import download_debian, download_fma

    if args.name != "debian":
        keep = not args.delete_archives
        folder = download_fma(args.name, args.root, args.base_url, keep_archives=keep)
        print(f"{args.name} is in {folder}")
        return 0
    found = download_debian(args.root, args.packages, args.base_url)
    print(f"{found.pieces} of {found.wanted} pieces of debian are in {found.folder}")
    if found.missing:
        print(f"packages that could not be had ({len(found.missing)}):")
        for name, reason in found.missing.items():
            print(f"  {name}: {reason}")
        print(
            "What is there can be used as it is. For the rest run the command again; where a "
            "version has left the archive, name another mirror or a snapshot as --base-url."
        )
    return 1 if found.missing else 0


def _cache(args: argparse.Namespace) -> int:
    dataset = _open(args)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the failures are printed below
        cache = dataset.cache(args.sample_rate, workers=args.workers, retry_failures=args.retry)
    hours = f"{cache.seconds / 3600:.2f} h at {args.sample_rate} Hz"
    print(f"{len(cache)} tracks, {hours} in {cache.folder}")
    _print_reasons("cannot be decoded", cache.failures)
    return 0


def _check(args: argparse.Namespace) -> int:
    """Compare checksums; where the source publishes none, read every header."""
    from tqdm import tqdm

    from musiclib.audio import probe

    dataset = _open(args)
    sums = _checksums(dataset)
    problems = []
    paths = dataset.tracks["path"]
    for track_id, path in tqdm(paths.items(), total=len(paths), disable=None, leave=False):
        file = dataset.root / path
        try:
            if path not in sums:
                probe(file)
                continue
            algorithm, expected = sums[path]
            with file.open("rb") as stream:
                if hashlib.file_digest(stream, algorithm).hexdigest() != expected:
                    problems.append(f"{path}: wrong {algorithm.upper()}; get the file again")
        except (AudioError, OSError) as error:
            problems.append(f"{track_id}: {error}")
    verified = paths.isin(sums.keys()).sum()
    print(f"{len(dataset)} tracks, {verified} with a checksum, {len(problems)} problems")
    for line in problems:
        print(line)
    _print_reasons("left out", dataset.skipped)
    return 1 if problems else 0


def _checksums(dataset: Dataset) -> dict[str, tuple[str, str]]:
    """Return algorithm and digest by path: a column of `mini`, a file in FMA's archives."""
    name, tracks = dataset.name, dataset.tracks
    if "sha256" in tracks.columns:
        return {row.path: ("sha256", row.sha256) for row in tracks.itertuples()}
    listing = Path(dataset.root) / name / "checksums"
    if not name.startswith("fma_") or not listing.is_file():
        return {}
    sums = {}
    for line in listing.read_text(encoding="utf-8", errors="replace").splitlines():
        digest, _, path = line.partition("  ")
        if path.endswith(".mp3"):
            sums[f"{name}/{path.removeprefix('./')}"] = ("sha1", digest.strip())
    return sums


def _open(args: argparse.Namespace) -> Dataset:
    from musiclib.datasets import open_dataset

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        dataset = open_dataset(args.name, args.root, args.seed, args.split)
    for warning in caught:
        warn(warning.message)
    return dataset


def _print_reasons(title: str, table: pd.DataFrame) -> None:
    if table.empty:
        return
    print(f"{title} ({len(table)}):")
    for track_id, row in table.head(_MOST_SHOWN).iterrows():
        print(f"  {track_id}: {row['reason']}")
    if len(table) > _MOST_SHOWN:
        print(f"  and {len(table) - _MOST_SHOWN} more")

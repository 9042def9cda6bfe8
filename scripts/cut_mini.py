"""Cut the bundled music, `data/mini/`, from Debian packages.

    python scripts/cut_mini.py                 # fetch packages, cut what is missing
    python scripts/cut_mini.py --check         # cut again elsewhere, compare with what is bundled

`data/mini/selection.csv` says what to cut, `data/mini/packages.csv` from which package versions.
Every clip goes through the same steps: 30 s, mono (mean of the channels), 24 kHz, one loudness.
Test clips become FLAC (16 bit), training clips Ogg Vorbis. Packages and extracted files are kept,
and clips whose checksum is the one in `tracks.csv` are not cut again, so a run can be continued.
"""

import argparse
import csv
import gzip
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile
from platformdirs import user_cache_path
from tqdm import tqdm

from musiclib.datasets.cutting import CLIP_SECONDS, comments, excerpt, store
from musiclib.datasets.debian import DebPackage, extract, extract_inner, fetch
from musiclib.errors import DatasetError, MusiclibError
from musiclib.files import sha256_of

Row = dict[str, str]
DEFAULT_OUT = Path(__file__).resolve().parents[1] / "data" / "mini"


def read_table(path: Path) -> list[Row]:
    """Rows of a CSV file, every value as text.

    Raises:
        DatasetError: The file is missing.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: not found. It is part of the repository; restore it with git.")
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as CSV, replacing the file in one step."""
    partial = path.with_name(path.name + ".part")
    with partial.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    partial.replace(path)


def clip_file(row: Mapping[str, str]) -> str:
    """Relative path of a clip: lossless for references, compact for training."""
    return f"{row['split']}/{row['track_id']}.{'flac' if row['split'] == 'test' else 'ogg'}"


def is_current(row: Mapping[str, str], old: Mapping[str, str] | None, out: Path) -> bool:
    """Whether a clip was already cut from this very row and its file is intact."""
    if old is None or any(old.get(key) != value for key, value in row.items()):
        return False
    path = out / old["file"]
    return path.is_file() and sha256_of(path) == old["sha256"]


def attribution(rows: Iterable[Mapping[str, str]], packages: Mapping[str, Row]) -> str:
    """The text of `ATTRIBUTION.md`: one line a clip."""
    lines = [
        "# Attribution",
        "",
        "Every clip is an excerpt of 30 s, mixed to mono, resampled to 24 kHz and brought to one",
        "loudness; training clips are also compressed with Vorbis. Each stays under the licence",
        "named in its line, whose text is in `LICENSES/`. The copyright file of each package is in",
        "`LICENSES/packages/`. The corresponding source of music under the GPL is the Debian",
        "source package named in its line: Debian's archive has it, and Debian's snapshot service",
        "keeps every version.",
        "",
    ]
    for row in rows:
        package = packages[row["package"]]
        lines.append(
            f'- `{row["file"]}`: "{row["title"]}" by {row["artist"]}; {row["licence"]}; '
            f"Debian package {row['package']} {row['version']} "
            f"(source package {package['source']} {package['source_version']})"
        )
    return "\n".join(lines) + "\n"


def write_notices(package: Row, deb: Path, work: Path, out: Path) -> None:
    """Copy a package's copyright file, and what else says who made its music, into `out`."""
    name = package["package"]
    members = [f"/usr/share/doc/{name}/copyright", *filter(None, package["notices"].split(";"))]
    for member, extracted in extract(deb, members, work).items():
        data = extracted.read_bytes()
        if member.endswith(".gz"):
            data, member = gzip.decompress(data), member.removesuffix(".gz")
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.{Path(member).name}").write_bytes(data)


def cut_all(tables: Path, debs: Path, sources: Path, out: Path) -> list[Row]:
    """Cut every clip of the selection into `out`, with its tables and notices.

    Args:
        tables: Folder of `selection.csv` and `packages.csv`.
        debs: Folder of `.deb` files, filled as needed.
        sources: Folder for extracted source files.
        out: Where clips, `tracks.csv`, `ATTRIBUTION.md` and `LICENSES/packages/` go.

    Returns:
        The rows of `tracks.csv`.
    """
    selection = read_table(tables / "selection.csv")
    packages = {row["package"]: row for row in read_table(tables / "packages.csv")}
    tracks = out / "tracks.csv"
    old = {row["track_id"]: row for row in read_table(tracks)} if tracks.is_file() else {}
    done: dict[str, Row] = {}
    out.mkdir(parents=True, exist_ok=True)
    with tqdm(total=len(selection), unit="clip", disable=not sys.stderr.isatty()) as progress:
        for name, package in packages.items():
            rows = [row for row in selection if row["package"] == name]
            progress.set_description(name)
            pins = (package[key] for key in ("version", "architecture", "sha256"))
            pinned = DebPackage(name, *pins)
            deb = fetch(pinned, debs)
            work = sources / deb.stem
            paths = {p for row in rows for p in (row["path"], row["stem_path"]) if p}
            files = extract(deb, paths, work)
            write_notices(package, deb, work, out / "LICENSES" / "packages")
            for row in rows:
                track_id = row["track_id"]
                progress.update()
                if is_current(row, old.get(track_id), out):
                    done[track_id] = old[track_id]
                    continue
                parts = [files[p] for p in (row["path"], row["stem_path"]) if p]
                if row["inner_path"]:
                    parts = [extract_inner(part, row["inner_path"], work) for part in parts]
                path = out / clip_file(row)
                gain_db = store(path, excerpt(parts, float(row["start_s"])), comments(row))
                done[track_id] = row | {
                    "file": clip_file(row),
                    "duration_s": f"{CLIP_SECONDS}",
                    "gain_db": f"{gain_db:.3f}",
                    "sha256": sha256_of(path),
                }
            write_table(tracks, [done[r["track_id"]] for r in selection if r["track_id"] in done])
    ordered = [done[row["track_id"]] for row in selection]
    (out / "ATTRIBUTION.md").write_text(attribution(ordered, packages), encoding="utf-8")
    return ordered


def differences(rows: Iterable[Row], bundled: Path, again: Path) -> list[str]:
    """What differs between two cuts of the same clips, decoded; empty when they agree."""
    found = []
    for row in rows:
        first, second = bundled / row["file"], again / row["file"]
        if not first.is_file():
            found.append(f"{row['file']}: not in {bundled}")
        elif sha256_of(first) != sha256_of(second):
            a, b = (soundfile.read(path, dtype="float32")[0] for path in (first, second))
            worst = float(np.max(np.abs(a - b))) if len(a) == len(b) else float("inf")
            if worst > 0:
                found.append(f"{row['file']}: samples differ by up to {worst:.6f}")
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run from the command line; the exit status is 1 when `--check` finds a difference."""
    cache = user_cache_path("musiclib")
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--debs", type=Path, default=cache / "debs", help="folder of .deb files")
    parser.add_argument("--sources", type=Path, default=cache / "mini-sources")
    parser.add_argument("--out", type=Path, default=DEFAULT_OUT, help="folder of the clips")
    parser.add_argument("--check", action="store_true", help="cut again and compare with --out")
    args = parser.parse_args(argv)
    try:
        if not args.check:
            cut_all(DEFAULT_OUT, args.debs, args.sources, args.out)
            return 0
        with tempfile.TemporaryDirectory() as scratch:
            rows = cut_all(DEFAULT_OUT, args.debs, args.sources, Path(scratch))
            found = differences(rows, args.out, Path(scratch))
    except MusiclibError as error:
        print(f"cut_mini: {error}", file=sys.stderr)
        return 1
    print("\n".join(found) or f"All {len(rows)} clips are reproduced.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

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
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.signal
import soundfile
from mutagen.flac import FLAC
from mutagen.ogg import OggPage
from mutagen.oggvorbis import OggVorbis
from platformdirs import user_cache_path
from tqdm import tqdm

from musiclib.audio import HOUSE_RATE, FloatArray, load, loudness_lufs
from musiclib.datasets.debian import DebPackage, extract, extract_inner, fetch
from musiclib.errors import AudioError, DatasetError, MusiclibError
from musiclib.files import sha256_of

Row = dict[str, str]
CLIP_SECONDS = 30
CLIP_SAMPLES = CLIP_SECONDS * HOUSE_RATE
# The clip with the highest peak over its loudness has 22.7 dB; at -24 LUFS every clip stays below
# full scale by one gain and no limiter, with 1 dB left for what lossy coding adds to peaks.
TARGET_LUFS = -24.0
HIGHEST_PEAK = 0.95
# Some sources carry an offset of up to a quarter of full scale, the electronic ones above all.
# It is inaudible, but it wastes headroom and would tell genres apart. 20 Hz loses 0.3 dB.
DC_BLOCK_HZ = 5.0
# Vorbis lowers or raises loudness by up to about 0.1 LU; a second gain takes that out.
LOUDNESS_TOLERANCE = 0.02
# About 75 kbps for 24 kHz mono.
VORBIS_QUALITY = 0.75
# 16-bit rounding has no dither: its error lies some 75 dB below the music, while dither would put
# noise into digital silence and cost lossless coding more bits.
FULL_SCALE_16 = 32768
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


def mix(stems: Sequence[FloatArray]) -> FloatArray:
    """Sum of stems `(N,)`; in floating point, so a sum above full scale is not clipped."""
    return np.asarray(np.sum(np.stack(stems), axis=0), dtype=np.float32)


def block_dc(audio: FloatArray) -> FloatArray:
    """Take out constant and very slow offsets from a clip `(N,)`, without delay.

    A first-order high-pass runs forwards and backwards. Subtracting the mean would not do: where
    an offset comes and goes with the notes, it would leave one in the pauses.
    """
    sos = scipy.signal.butter(1, DC_BLOCK_HZ, "highpass", fs=HOUSE_RATE, output="sos")
    padding = min(HOUSE_RATE, len(audio) - 1)
    return np.asarray(scipy.signal.sosfiltfilt(sos, audio, padlen=padding), dtype=np.float32)


def level(audio: FloatArray, lufs: float = TARGET_LUFS) -> tuple[FloatArray, float]:
    """Bring a clip `(N,)` to one integrated loudness (EBU R128) by a single gain.

    Returns:
        The clip and the gain in dB, rounded as `tracks.csv` records it.

    Raises:
        AudioError: The clip is silent, or would come too near full scale at that loudness.
    """
    before = loudness_lufs(audio, HOUSE_RATE)
    if not np.isfinite(before):
        raise AudioError("a silent clip has no loudness: choose another start")
    gain_db = round(lufs - before, 3)
    louder = np.asarray(audio * 10 ** (gain_db / 20), dtype=np.float32)
    highest = float(np.max(np.abs(louder)))
    if highest > HIGHEST_PEAK:
        raise AudioError(f"peak {highest:.2f} at {lufs:.2f} LUFS: choose a lower target loudness")
    return louder, gain_db


def to_16_bit(audio: FloatArray) -> npt.NDArray[np.int16]:
    """Round samples in [-1, 1] to 16 bits; 1.0 would be 32768, one step too many."""
    return np.clip(np.rint(audio * FULL_SCALE_16), -32768, 32767).astype(np.int16, copy=False)


def excerpt(sources: Sequence[Path], start_s: float) -> FloatArray:
    """30 s of a piece in mono at 24 kHz; several sources are stems and are summed.

    Returns:
        Samples `(720000,)` at the level of the source, without offset.

    Raises:
        AudioError: A source ends before the excerpt does.
    """
    stems = []
    for source in sources:
        audio, _ = load(
            source, sample_rate=HOUSE_RATE, mono=True, start_s=start_s, duration_s=CLIP_SECONDS
        )
        if len(audio) < CLIP_SAMPLES:
            raise AudioError(f"{source}: only {len(audio)} samples from {start_s} s on")
        stems.append(audio[:CLIP_SAMPLES])
    return block_dc(mix(stems))


def comments(row: Mapping[str, str]) -> dict[str, str]:
    """What a clip's file says about itself. No genre: a file must not carry its label."""
    inner = f", {row['inner_path']}" if row["inner_path"] else ""
    stem = f" + {Path(row['stem_path']).name}" if row["stem_path"] else ""
    return {
        "TITLE": row["title"],
        "ARTIST": row["artist"],
        "LICENSE": row["licence"],
        "SOURCE": f"Debian package {row['package']} {row['version']}: {row['path']}{inner}{stem}",
        "COMMENT": f"Excerpt of {CLIP_SECONDS} s from {row['start_s']} s, mixed to mono, "
        f"{HOUSE_RATE} Hz, {TARGET_LUFS:g} LUFS",
    }


def store(path: Path, audio: FloatArray, tags: Mapping[str, str]) -> float:
    """Level a clip and write it as FLAC or Ogg Vorbis, by suffix.

    Returns:
        The gain in dB that was applied.

    Raises:
        AudioError: The clip does not fit under full scale.
    """
    levelled, gain_db = level(audio)
    write_clip(path, levelled, tags)
    off = loudness_lufs(soundfile.read(path, dtype="float32")[0], HOUSE_RATE) - TARGET_LUFS
    if abs(off) > LOUDNESS_TOLERANCE:
        levelled, gain_db = level(audio, TARGET_LUFS - off)
        write_clip(path, levelled, tags)
    return gain_db


def write_clip(path: Path, audio: FloatArray, tags: Mapping[str, str]) -> None:
    """Write samples `(N,)` at the house rate; equal input gives equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.stem}.part{path.suffix}")
    if path.suffix == ".flac":
        pcm = to_16_bit(audio)
        soundfile.write(partial, pcm, HOUSE_RATE, subtype="PCM_16", compression_level=1.0)
        _tag(FLAC(partial), tags)  # type: ignore[no-untyped-call]
    else:
        with soundfile.SoundFile(
            partial, "w", HOUSE_RATE, 1, "VORBIS", compression_level=1.0 - VORBIS_QUALITY
        ) as stream:
            # One second at a time: libsndfile gives libvorbis a block whole, on the stack.
            for start in range(0, len(audio), HOUSE_RATE):
                stream.write(audio[start : start + HOUSE_RATE])
        _tag(OggVorbis(partial), tags)  # type: ignore[no-untyped-call]
        _fix_serial(partial, zlib.crc32(path.stem.encode()))
    partial.replace(path)


def _tag(opened: Any, tags: Mapping[str, str]) -> None:
    if opened.tags is None:
        opened.add_tags()
    opened.tags.clear()
    opened.update(tags)
    opened.save(padding=lambda _: 0)


def _fix_serial(path: Path, serial: int) -> None:
    """Give an Ogg stream a fixed serial number; libsndfile draws it at random."""
    pages: list[Any] = []
    with path.open("rb") as stream:
        while True:
            try:
                pages.append(OggPage(stream))  # type: ignore[no-untyped-call]
            except EOFError:
                break
    for page in pages:
        page.serial = serial
    path.write_bytes(b"".join(page.write() for page in pages))


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

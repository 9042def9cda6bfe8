"""Cut the stereo clip of the introduction, `data/stereo/`, from the Debian package it comes in.

    python scripts/cut_stereo.py            # fetch the package, cut the clip, write its checksum
    python scripts/cut_stereo.py --check    # cut it again, compare with the bundled one

`data/stereo/tracks.csv` says what is cut, and `data/mini/packages.csv` from which package. The clip
keeps its level; nothing is done to it but rounding to 16 bits.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import soundfile
from platformdirs import user_cache_path

from musiclib.datasets.debian import DebPackage, extract, fetch
from musiclib.errors import MusiclibError
from musiclib.files import sha256_of

DATA = Path(__file__).resolve().parents[1] / "data"


def fetched(row: "pd.Series[str]", cache: Path) -> Path:
    """The piece that a row names, out of its package."""
    packages = pd.read_csv(DATA / "mini" / "packages.csv", index_col="package", dtype=str)
    version, architecture, digest = packages.loc[
        row["package"], ["version", "architecture", "sha256"]
    ]
    deb = fetch(DebPackage(row["package"], version, architecture, digest), cache / "debs")
    return extract(deb, [row["path"]], cache / "sources")[row["path"]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Cut the clip, or compare it with what is bundled."""
    parser = argparse.ArgumentParser(description="Cut the stereo clip from its Debian package.")
    parser.add_argument("--check", action="store_true", help="compare with the bundled clip")
    parser.add_argument("--cache", type=Path, default=user_cache_path("musiclib") / "mini")
    chosen = parser.parse_args(arguments)
    table = DATA / "stereo" / "tracks.csv"
    tracks = pd.read_csv(table, dtype=str, keep_default_na=False)
    row = tracks.iloc[0]
    try:
        source = fetched(row, chosen.cache)
    except MusiclibError as error:
        print(error, file=sys.stderr)
        return 1
    bundled = table.parent / row["file"]
    with soundfile.SoundFile(source) as piece:
        piece.seek(round(float(row["start_s"]) * piece.samplerate))
        samples = piece.read(round(float(row["duration_s"]) * piece.samplerate))
        rate = piece.samplerate
    if chosen.check:
        here = soundfile.read(bundled)[0]
        # Decoders of Vorbis differ in the last bit, and rounding may turn that into a step.
        alike = here.shape == samples.shape and bool(abs(here - samples).max() < 1.5 / 2**15)
        print("the clip is the bundled one" if alike else f"{bundled}: the clip differs")
        return 0 if alike else 1
    soundfile.write(bundled, samples, rate, subtype="PCM_16")
    tracks.loc[0, "sha256"] = sha256_of(bundled)
    tracks.to_csv(table, index=False, lineterminator="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

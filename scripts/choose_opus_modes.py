"""Choose the mode of Opus for each bitrate: which of its applications, and how long its packets.

    python scripts/choose_opus_modes.py --out musiclib/codecs/opus_modes.csv

Opus has two coders for music, and at low bitrates its own choice between them is made for speech.
Here every mode codes validation music of the bundled data set, 10 s clips of mono at 24 kHz, and
three judges listen. Modes are compared at equal bytes of the whole file: the mean quality of each
is read off its curve over the logarithm of the mean bitrate. The mode with the highest mean of the
three judges, each brought to a scale from 0 to 1, is chosen. Test music takes no part.

A clip's results are kept in a folder, so that a run that was cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

import av
import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from musiclib.codecs.traditional import APPLICATIONS, OpusCodec, opus_bandwidth, opus_modes
from musiclib.datasets import Clip, open_dataset
from musiclib.evaluation import evaluate
from musiclib.files import replace_file
from musiclib.metrics import JUDGES

KBPS = (6, 8, 10, 12, 16, 20, 24, 32, 48, 64)
# One below the lowest, so that curves cover it: some modes give more than they are asked for.
ASKED = (5, *KBPS)
FRAME_MS = (20, 60)
CLIPS, CLIP_S = 12, 10.0
SCALES = {"zimtohrli_mos": (1.0, 5.0), "visqol_mos": (1.0, 5.0), "two_f_mushra": (0.0, 100.0)}


def main() -> None:
    """Measure what is not measured yet, choose, write the table and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="table to write, CSV")
    parser.add_argument(
        "--kept", type=Path, default=Path("build/opus-modes"), help="results so far"
    )
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--jobs", type=int, default=1, help="clips measured at a time")
    options = parser.parse_args()
    music = open_dataset("mini").part("validation")
    clips = music.clips(duration_s=CLIP_S, limit=options.clips)
    parallel = Parallel(n_jobs=options.jobs, return_as="generator", pre_dispatch="2*n_jobs")
    measured = pd.concat(parallel(delayed(measure)(clip, options.kept) for clip in clips))
    modes = choose(measured)
    text = header(measured) + modes.to_csv(index=False, lineterminator="\n")
    replace_file(options.out, text.encode())
    print(modes.to_string(index=False))


def measure(clip: Clip, kept: Path) -> pd.DataFrame:
    """Return a row a mode and bitrate: what the judges say of one clip, and how it was coded."""
    file = kept / f"{clip.track_id}.csv"
    if file.is_file():
        return pd.read_csv(file)
    codecs = {
        f"{application}/{frame_ms}/{kbps}": OpusCodec(kbps, application, frame_ms)
        for application in APPLICATIONS
        for frame_ms in FRAME_MS
        for kbps in ASKED
    }
    rows = evaluate(codecs, [clip], JUDGES)
    table = rows.pivot(index=["system", "kbps"], columns="metric", values="value").reset_index()
    parts = table.pop("system").str.split("/", expand=True)
    table.insert(0, "application", parts[0])
    table.insert(1, "frame_ms", parts[1].astype(int))
    table.insert(2, "asked", parts[2].astype(float))
    table.insert(0, "clip", clip.track_id)
    files = [
        codecs[f"{row.application}/{row.frame_ms}/{row.asked:g}"].encode(
            clip.audio, clip.sample_rate
        )
        for row in table.itertuples()
    ]
    table["bandwidth_hz"] = [opus_bandwidth(file) for file in files]
    table["coder"] = [opus_modes(file).most_common(1)[0][0].coder for file in files]
    replace_file(file, table.to_csv(index=False).encode())
    print(f"{clip.track_id}: {len(codecs)} settings", flush=True)
    return table


def choose(measured: pd.DataFrame) -> pd.DataFrame:
    """Return the best packet length of each application at each bitrate, and which one to use.

    Returns:
        Columns `kbps`, `application`, `frame_ms`, `chosen` (yes or no), `bandwidth_hz` and `coder`
        of most clips, `asked_gives` (mean kbps of files that were asked for `kbps`), the judges'
        mean scores at `kbps`, and `score`, their mean on scales from 0 to 1.
    """
    means = measured.groupby(["application", "frame_ms", "asked"])[["kbps", *JUDGES]].mean()
    rows = []
    for (application, frame_ms), curve in means.groupby(level=["application", "frame_ms"]):
        rates = np.log(curve["kbps"].to_numpy())
        for kbps in KBPS:
            at = {name: float(np.interp(np.log(kbps), rates, curve[name])) for name in JUDGES}
            clips = measured[
                (measured["application"] == application)
                & (measured["frame_ms"] == frame_ms)
                & (measured["asked"] == kbps)
            ]
            rows.append(
                {
                    "kbps": kbps,
                    "application": application,
                    "frame_ms": frame_ms,
                    "bandwidth_hz": clips["bandwidth_hz"].mode()[0],
                    "coder": clips["coder"].mode()[0],
                    "asked_gives": round(clips["kbps"].mean(), 2),
                    **{name: round(value, 2) for name, value in at.items()},
                    "score": round(
                        np.mean(
                            [
                                (at[name] - low) / (high - low)
                                for name, (low, high) in SCALES.items()
                            ]
                        ),
                        4,
                    ),
                }
            )
    table = pd.DataFrame(rows)
    best = table.loc[table.groupby(["kbps", "application"])["score"].idxmax()]
    top = best.groupby("kbps")["score"].transform("max")
    best.insert(3, "chosen", np.where(best["score"] == top, "yes", "no"))
    return best.sort_values(["kbps", "score"], ascending=[True, False])


def header(measured: pd.DataFrame) -> str:
    """Return where the table comes from, as comments."""
    clips = measured["clip"].unique()
    return (
        "# Modes of Opus by bitrate a channel, chosen by scripts/choose_opus_modes.py.\n"
        f"# {len(clips)} validation clips of the bundled music, {CLIP_S:g} s, mono, 24 kHz: "
        f"{' '.join(clips)}.\n"
        f"# libopus in PyAV {av.__version__}, {datetime.date.today().isoformat()}. "
        "Judges' scores are read off at equal bytes.\n"
    )


if __name__ == "__main__":
    main()

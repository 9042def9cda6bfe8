"""Whether the stored clips are what they should be, and whether their storage shows."""

import numpy as np
import pandas as pd

from musiclib.codecs import get_codec
from musiclib.datasets import Dataset
from musiclib.studies.dataset.descriptors import KEYS, LABELS, Described, describe

TRAINING_QUALITY = 0.75
"""Vorbis quality of the bundled training clips."""


def level_table(dataset: Dataset, described: Described, headers: pd.DataFrame) -> pd.DataFrame:
    """Format, level and bandwidth of the clips as they are stored, by part of the split.

    Args:
        dataset: The tracks.
        described: Their descriptors.
        headers: From :func:`musiclib.studies.dataset.provenance.header_table`.

    Returns:
        A column for training (with validation) and one for test; a row for each check.
    """
    tracks = dataset.tracks.loc[described.table.index]
    part = tracks["split"].replace("validation", "train")
    columns = {}
    for name, label in (("train", "training"), ("test", "test")):
        chosen = part.index[part == name]
        if not len(chosen):
            continue
        table, files = described.table.loc[chosen], headers.loc[chosen]
        columns[label] = {
            "clips": f"{len(chosen)}",
            "codec": _words(files["codec"]),
            "sample rate (kHz)": _words(files["sample_rate"].dropna() / 1000),
            "channels": _words(files["channels"].dropna()),
            "bitrate (kbps)": _range(files["bitrate_kbps"], 0),
            "length decoded (s)": _range(table["seconds"], 1),
            "loudness (LUFS)": _range(table["loudness_lufs"], 2),
            "peak of full scale": _range(table["peak"], 2),
            "bandwidth (kHz)": _range(table["bandwidth_hz"] / 1000, 1),
        }
    return pd.DataFrame(columns)


def _words(values: pd.Series) -> str:
    names = sorted({f"{value:g}" if isinstance(value, float) else str(value) for value in values})
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _range(values: pd.Series, digits: int) -> str:
    known = values.dropna()
    if known.empty:
        return "not defined"
    low, mid, high = (f"{value:.{digits}f}" for value in np.percentile(known, [0, 50, 100]))
    return low if low == high else f"{mid} (from {low} to {high})"


def storage_shift(dataset: Dataset, described: Described, clips: int = 12) -> pd.Series:
    """How far storing test clips like training clips would move each descriptor.

    Training clips were compressed with Vorbis and test clips were not. If that showed, a
    classifier would meet test clips of a kind that it has not seen.

    Args:
        dataset: All tracks; test clips are taken, spread over the genres.
        described: Descriptors of all tracks, for the scale.
        clips: Number of test clips.

    Returns:
        Root mean square change over the clips, in standard deviations of the descriptor over
        all clips; index is the descriptor's label, largest first.
    """
    codec = get_codec("vorbis", quality=TRAINING_QUALITY)
    changes = []
    for clip in dataset.part("test").clips(limit=clips):
        decoded, rate = codec.decode(codec.encode(clip.audio, clip.sample_rate))
        stored, plain = describe(decoded, rate), describe(clip.audio, clip.sample_rate)
        changes.append({key: stored[key] - plain[key] for key in KEYS})
    spread = described.table[list(KEYS)].std()
    moved = np.sqrt(pd.DataFrame(changes).pow(2).mean()) / spread
    return moved.rename(index=LABELS).sort_values(ascending=False)

"""Where a data set's music comes from, and what is known of it without listening."""

import warnings
from pathlib import Path
from typing import Final

import joblib
import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from musiclib.audio import probe
from musiclib.datasets import SPLITS, Dataset, fma, open_dataset
from musiclib.errors import AudioError, DatasetError

ENCODING: Final = ("codec", "sample_rate", "channels", "bitrate_kbps", "bandwidth_hz")
EVIDENCE: Final = {
    "tag": "the file's own genre tag",
    "credits": "the package's credits",
    "upstream": "public descriptions of the soundtrack",
    "guess": "a guess from titles, credits and audio descriptors, checked with a tagger",
}
CONFIDENCE: Final = ("high", "medium", "low")
_FAMILIES = (
    ("GPL", "GPL"),
    ("CC-BY-SA", "CC-BY-SA"),
    ("CC-BY", "CC-BY"),
    ("CC0", "CC0 or public domain"),
    ("Public", "CC0 or public domain"),
)


def open_with_notices(
    name: str, data_root: str | Path | None, seed: int = 0
) -> tuple[Dataset, list[str]]:
    """Open a data set and keep what it warns of, to be shown on the page.

    Args:
        name: As for :func:`musiclib.datasets.open_dataset`.
        data_root: As there.
        seed: As there.

    Returns:
        The data set, and its warnings as sentences without the folder's path.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        dataset = open_dataset(name, data_root, seed)
    root = str(dataset.root)
    texts = [str(one.message) for one in caught if issubclass(one.category, UserWarning)]
    return dataset, [text.replace(root + "/", "").replace(root, dataset.name) for text in texts]


def sample_tracks(dataset: Dataset, limit: int, seed: int = 0) -> Dataset:
    """Keep at most `limit` tracks, in equal shares of every genre and part of the split.

    Args:
        dataset: All tracks.
        limit: Largest number of tracks.
        seed: Seed of the choice.

    Returns:
        The data set itself if it is small enough, else a part of it.

    Raises:
        DatasetError: The limit is below 1.
    """
    if limit < 1:
        raise DatasetError(f"the limit is {limit} tracks; it must be at least 1")
    if len(dataset) <= limit:
        return dataset
    ordered = dataset.tracks.sort_index()
    mixed = ordered.iloc[np.random.default_rng(seed).permutation(len(ordered))]
    cells = mixed.groupby(["genre", "split"])["path"]
    place = (cells.cumcount() + 0.5) / cells.transform("size")
    return dataset.select(track_ids=list(place.sort_values(kind="stable").index[:limit]))


def parts_table(dataset: Dataset) -> pd.DataFrame:
    """Clips, artist groups and minutes of each genre, by part of the split.

    Returns:
        A row for each genre and one for all. The columns are the parts, with clips and, in
        brackets, artist groups; then the minutes of all parts.
    """
    tracks = dataset.tracks
    both = pd.concat([tracks, tracks.assign(genre="all")])
    cells = both.groupby(["genre", "split"])
    clips = cells.size().unstack(fill_value=0)
    groups = cells["artist_group"].nunique().unstack(fill_value=0)
    parts = [part for part in SPLITS if part in clips]
    table = pd.DataFrame(
        {
            part: [
                f"{n}\N{NO-BREAK SPACE}({k})"
                for n, k in zip(clips[part], groups[part], strict=True)
            ]
            for part in parts
        },
        index=clips.index,
    )
    table["minutes"] = (both.groupby("genre")["duration_s"].sum() / 60).round(1)
    table = table.loc[[*dataset.genres, "all"]].rename_axis(None)
    return table.rename(index=lambda genre: genre.replace("_", " "))


def word_table(table: pd.DataFrame, name: str) -> Styler:
    """A table of words for a page: text to the left, and the same HTML on every run.

    Args:
        table: What to show; numbers keep their place on the right.
        name: Name of the table in the page, different from all others.

    Returns:
        An object that a notebook shows.
    """
    words = list(table.select_dtypes(exclude="number").columns)
    left = {"text-align": "left"}
    heads = {word: [{"selector": "th", "props": "text-align: left"}] for word in words}
    shown = table.style.set_uuid(name).format(precision=1)
    shown = shown.set_properties(subset=words, **left).set_table_styles(heads)
    return shown.set_table_attributes('class="dataframe"')


def archive_table() -> pd.DataFrame:
    """The official archives of the Free Music Archive: content, size and start of the checksum."""
    rows = {
        name: {
            "content": fma.DESCRIPTIONS.get(name, "tables of all tracks").rsplit(": ")[-1],
            "download": archive.size,
            "SHA1 starts with": archive.sha1[:8],
        }
        for name, archive in fma.ARCHIVES.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def broken_table() -> pd.DataFrame:
    """The clips of the Free Music Archive that are known to be broken, by reason."""
    reasons = pd.Series(fma.KNOWN_BAD).str.removeprefix("known: ")
    rows = [
        {"left out because": reason, "tracks": ", ".join(map(str, sorted(part.index)))}
        for reason, part in reasons.groupby(reasons, sort=False)
    ]
    return pd.DataFrame(rows).set_index("left out because")


def licence_table(tracks: pd.DataFrame) -> pd.DataFrame:
    """Clips by family of licence, the largest first, with the licences of each family."""
    family = tracks["licence"].map(_licence_family)
    rows = {
        name: {
            "clips": len(part),
            "share (%)": round(100 * len(part) / len(tracks), 1),
            "licences": ", ".join(
                f"{name} ({count})" for name, count in part["licence"].value_counts().items()
            ),
        }
        for name, part in tracks.groupby(family)
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.sort_values("clips", ascending=False, kind="stable").head(12)


def _licence_family(licence: str) -> str:
    if " OR " in licence:
        return "a choice of two"
    return next((family for start, family in _FAMILIES if licence.startswith(start)), licence)


def header_table(dataset: Dataset, workers: int = 4) -> pd.DataFrame:
    """Codec, rate, channels and bitrate of the files themselves, from their headers.

    Returns:
        Index `track_id`; codec as text, the others as numbers, NaN for files that fail.
    """

    def row(track_id: str) -> tuple[str, float, float, float]:
        try:
            info = probe(dataset.file(track_id))
        except AudioError:
            return "unknown", np.nan, np.nan, np.nan
        bitrate = info.bitrate_kbps
        # FFmpeg names its decoder, "mp3float", where the format is meant.
        codec = info.codec.removesuffix("float")
        return codec, info.sample_rate, info.channels, np.nan if bitrate is None else bitrate

    rows = joblib.Parallel(n_jobs=workers, prefer="threads")(
        joblib.delayed(row)(track_id) for track_id in dataset.tracks.index
    )
    return pd.DataFrame(rows, index=dataset.tracks.index, columns=list(ENCODING[:4]))


def encoding_table(dataset: Dataset) -> pd.DataFrame:
    """How the music was encoded where it came from.

    Returns:
        The `source_*` columns of the table where it has them, as :data:`ENCODING` (codec as text,
        the others as numbers); else :func:`header_table`, since then the files are the source.
    """
    tracks = dataset.tracks
    names = [name for name in ENCODING if f"source_{name}" in tracks]
    if "codec" not in names:
        return header_table(dataset)
    table = tracks[[f"source_{name}" for name in names]].set_axis(names, axis=1)
    numbers = [name for name in names if name != "codec"]
    return table.assign(**{name: pd.to_numeric(table[name], errors="coerce") for name in numbers})


def source_loudness(tracks: pd.DataFrame, loudness: pd.Series) -> pd.Series:
    """Loudness before one gain was applied, in LUFS.

    Args:
        tracks: With the column `gain_db` where a gain was applied.
        loudness: Measured loudness of the clips, in LUFS.

    Returns:
        The loudness less the gain.
    """
    gain = tracks["gain_db"] if "gain_db" in tracks else pd.Series(0.0, tracks.index)
    return loudness - pd.to_numeric(gain, errors="coerce").reindex(loudness.index)


def catalogue_table(tracks: pd.DataFrame) -> pd.DataFrame:
    """Words of the catalogue that say nothing about the sound: licence and source package."""
    names = [name for name in ("licence", "package") if name in tracks]
    return tracks[names].astype(object)

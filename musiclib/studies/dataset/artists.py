"""What it is worth to have heard an artist before."""

from typing import Any

import numpy as np
import pandas as pd

from musiclib.stats import Interval, mean_interval
from musiclib.studies.dataset.recognition import recognise


def neighbours(features: pd.DataFrame, tracks: pd.DataFrame) -> pd.DataFrame:
    """Guess each clip's genre from its nearest neighbour, with and without its own artist.

    This is the artist filter of Flexer ("A closer look on artist filters for musical genre
    classification", ISMIR 2007). Descriptors are standardised; the distance is Euclidean.

    Args:
        features: Numbers by clip; a missing one is taken as the mean.
        tracks: Table with `genre` and `artist_group` for the same clips.

    Returns:
        Index `track_id`, only clips whose artist has another clip, and that have another artist
        to be compared with: `artist`; `free` and `filtered` (1 where the neighbour among all
        clips, or among other artists' clips, has the same genre) and `same_artist` (1 where the
        neighbour among all clips is of the same artist).
    """
    tracks = tracks.loc[features.index]
    scale = features.std().replace(0.0, 1.0).fillna(1.0)
    points = ((features - features.mean()) / scale).fillna(0.0).to_numpy(dtype=float)
    squares = np.sum(points**2, axis=1)
    distance = squares[:, None] + squares[None, :] - 2 * points @ points.T
    np.fill_diagonal(distance, np.inf)
    artist = tracks["artist_group"].to_numpy(dtype=str)
    genre = tracks["genre"].to_numpy(dtype=str)
    same = artist[:, None] == artist[None, :]
    nearest = np.argmin(distance, axis=1)
    other = np.argmin(np.where(same, np.inf, distance), axis=1)
    table = pd.DataFrame(
        {
            "artist": artist,
            "free": (genre[nearest] == genre).astype(float),
            "filtered": (genre[other] == genre).astype(float),
            "same_artist": (artist[nearest] == artist).astype(float),
        },
        index=features.index,
    )
    return table[(same.sum(axis=1) > 1) & (same.sum(axis=1) < len(same))]


def neighbour_summary(table: pd.DataFrame) -> pd.Series:
    """Shares of :func:`neighbours` over artists in words, with the difference and its interval.

    Raises:
        MusiclibError: The table is empty.
    """
    share = 100 * table.groupby("artist").mean().mean()
    gain = mean_interval(table["free"] - table["filtered"], table["artist"])
    return pd.Series(
        {
            "clips by artists with several clips": str(len(table)),
            "neighbour by the same artist": f"{share['same_artist']:.1f} %",
            "same genre, any neighbour": f"{share['free']:.1f} %",
            "same genre, neighbour by another artist": f"{share['filtered']:.1f} %",
            "difference in points [95 % interval]": (
                f"{Interval(100 * gain.mean, 100 * gain.low, 100 * gain.high, gain.n):.1f}"
            ),
        },
        name="",
    )


def split_trials(
    features: pd.DataFrame, tracks: pd.DataFrame, draws: int = 10, seed: int = 0
) -> pd.DataFrame:
    """Score random splits beside artist-disjoint ones of the same size.

    Args:
        features: As for :func:`musiclib.studies.dataset.recognition.recognise`.
        tracks: Table with `genre` and `artist_group`; its split is not used.
        draws: Number of splits of each kind.
        seed: Seed of the first; the others follow it.

    Returns:
        One row a split: `kind` ("random" or "by artist"), `draw`, `accuracy` (balanced), `shared`
        (share of test clips whose artist is also trained on), and `known` and `unheard`: the share
        guessed right among test clips whose artist was and was not trained on. Splits that leave
        a genre without training clips are passed over, so the table may be empty.
    """
    tracks = tracks.loc[features.index]
    rows = []
    for draw in range(seed, seed + draws):
        for kind, split in _two_splits(tracks, draw).items():
            table = tracks.assign(split=split)
            if table.loc[split == "train", "genre"].nunique() < tracks["genre"].nunique():
                continue
            rows.append({"kind": kind, "draw": draw, **_trial(features, table, draw)})
    columns = ["kind", "draw", "accuracy", "shared", "known", "unheard"]
    return pd.DataFrame(rows, columns=columns)


def _two_splits(tracks: pd.DataFrame, seed: int) -> dict[str, pd.Series]:
    import warnings

    from sklearn.model_selection import StratifiedShuffleSplit

    from musiclib.datasets import split_tracks

    with warnings.catch_warnings():
        # Splits that cannot be made by artist are passed over, as the docstring says.
        warnings.filterwarnings("ignore", message="genre.s. with a single artist")
        warnings.filterwarnings("ignore", message="all .* tracks are by one artist")
        by_artist = split_tracks(tracks, seed=seed)
    size, genres = int((by_artist == "test").sum()), tracks["genre"].nunique()
    if min(size, len(tracks) - size) < genres or tracks["genre"].value_counts().min() < 2:
        return {}
    cut = StratifiedShuffleSplit(1, test_size=size, random_state=seed)
    _, chosen = next(cut.split(tracks, tracks["genre"]))
    mixed = pd.Series("train", index=tracks.index, dtype=object)
    mixed.iloc[chosen] = "test"
    return {"random": mixed, "by artist": by_artist}


def _trial(features: pd.DataFrame, table: pd.DataFrame, seed: int) -> dict[str, Any]:
    result = recognise(features, table, seeds=(seed,))
    trained = set(table.loc[table["split"] == "train", "artist_group"])
    shared = table.loc[result.hits.index, "artist_group"].isin(trained)
    return {
        "accuracy": result.accuracy.mean,
        "shared": float(shared.mean()),
        "known": float(result.hits[shared].mean()),
        "unheard": float(result.hits[~shared].mean()),
    }

"""Which knowledge of a clip gives away how much of its genre."""

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from musiclib.datasets import Dataset
from musiclib.stats import mean_interval
from musiclib.studies.dataset.descriptors import FAMILIES, KEYS, Described, family
from musiclib.studies.dataset.provenance import (
    CONFIDENCE,
    EVIDENCE,
    catalogue_table,
    encoding_table,
    source_loudness,
)
from musiclib.studies.dataset.recognition import Recognition, cross_validated_hits, recognise

SILENT, SIMPLE, BOTH = "Without listening", "From simple descriptors", "From both"
ENCODING_SET, LEVEL_SET, CATALOGUE_SET = "encoding", "loudness", "licence, package"
FILE_SET = "encoding, loudness"
ALL_SILENT, ALL_SIMPLE = "all of these", "all descriptors"
ALL: Final = "everything"

Sets = dict[str, dict[str, pd.DataFrame]]
Results = dict[str, dict[str, Recognition]]


def feature_sets(dataset: Dataset, described: Described) -> Sets:
    """Sets of features for clips that are scored.

    Args:
        dataset: The tracks to be scored.
        described: Descriptors of at least these tracks.

    Returns:
        Tables by heading and name: what is known without listening (how the source was encoded,
        its loudness, its catalogue entry), families of simple descriptors, and both. Columns that
        do not vary are left out, and sets without any column too.
    """
    index = dataset.tracks.index.intersection(described.table.index)
    tracks, table = dataset.tracks.loc[index], described.table.loc[index]
    encoding = encoding_table(dataset).loc[index].add_prefix("source_")
    loudness = source_loudness(tracks, table["loudness_lufs"]).rename("source_lufs").to_frame()
    catalogue = catalogue_table(tracks)
    silent = {
        ENCODING_SET: encoding,
        LEVEL_SET: loudness,
        FILE_SET: pd.concat([encoding, loudness], axis=1),
        CATALOGUE_SET: catalogue,
        ALL_SILENT: pd.concat([encoding, loudness, catalogue], axis=1),
    }
    simple = {name: table[family(name)] for name in FAMILIES} | {ALL_SIMPLE: table[list(KEYS)]}
    both = {ALL: pd.concat([silent[ALL_SILENT], simple[ALL_SIMPLE]], axis=1)}
    groups = {SILENT: silent, SIMPLE: simple, BOTH: both}
    return {
        heading: {name: _varying(one) for name, one in sets.items() if not _varying(one).empty}
        for heading, sets in groups.items()
    }


def _varying(table: pd.DataFrame) -> pd.DataFrame:
    return table.loc[:, table.nunique(dropna=True) > 1]


def score_all(sets: Sets, tracks: pd.DataFrame, seeds: Sequence[int]) -> Results:
    """Score every set by the forest.

    Args:
        sets: From :func:`feature_sets`.
        tracks: Table with `genre`, `split` and `artist_group`.
        seeds: Seeds of the forest.

    Returns:
        Results by the same headings and names; empty groups are left out.
    """
    return {
        heading: {name: recognise(one, tracks, seeds) for name, one in group.items()}
        for heading, group in sets.items()
        if group
    }


def score_table(results: Results, linear: Mapping[str, Recognition]) -> pd.DataFrame:
    """Scores with their intervals, and the linear model's beside them.

    Args:
        results: From :func:`score_all`.
        linear: Results of the linear model by the name of the set.

    Returns:
        A row for each set.
    """
    rows = {
        name: {
            "forest [95 %]": f"{result.accuracy:.2f}",
            "logistic regression": f"{linear[name].accuracy:.2f}",
        }
        for group in results.values()
        for name, result in group.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def agreement_table(
    features: pd.DataFrame, tracks: pd.DataFrame, seeds: Sequence[int]
) -> pd.DataFrame:
    """How often a forest agrees with the labels, by what they rest on.

    Every clip is guessed by forests that have not heard its artist; the share of right guesses is
    the mean over the seeds.

    Args:
        features: Numbers by clip.
        tracks: Table with `genre`, `artist_group`, `evidence` and `confidence`.
        seeds: Seeds of the parts and the forests.

    Returns:
        A row for each kind of evidence and each confidence: clips, and agreement in percent with
        its 95 % interval over artists. Empty where the table knows no evidence or has too few
        artists.
    """
    columns = ["clips", "agreement (%)"]
    if not {"evidence", "confidence"} <= set(tracks.columns):
        return pd.DataFrame(columns=columns)
    hits = pd.concat([cross_validated_hits(features, tracks, seed=seed) for seed in seeds], axis=1)
    if hits.empty:
        return pd.DataFrame(columns=columns)
    mean = 100 * hits.mean(axis=1)
    rows = {}
    for column, values in (("evidence", tuple(EVIDENCE)), ("confidence", CONFIDENCE)):
        for value in values:
            chosen = mean[tracks.loc[mean.index, column] == value]
            if len(chosen):
                owners = tracks.loc[chosen.index, "artist_group"]
                interval = mean_interval(chosen, owners, bounds=(0.0, 100.0))
                rows[column, value] = {"clips": len(chosen), "agreement (%)": f"{interval:.0f}"}
    return pd.DataFrame.from_dict(rows, orient="index")[columns]

"""Recognition: the genre that every system reads in every track, its artist never heard before.

An item is a system and a dealing of artists into five folds, each of which is predicted after
learning from the others. The classifier, its tuning and the statistics of three seconds are the
same for all but the four networks at the end of the list, which learn with fixed settings.
"""

from collections.abc import Callable
from typing import Final

import pandas as pd

from musiclib.datasets import Dataset
from musiclib.evidence import Experiment, Item, Parameters, Tolerance
from musiclib.features import LogMel, samples, sequences
from musiclib.genre import networks
from musiclib.genre.crossval import cross_validate
from musiclib.genre.networks import FitConfig
from musiclib.genre.systems import (
    DEALINGS,
    PIECE_S,
    QUICK,
    SYSTEMS,
    best_latents,
    descriptor_table,
    encoding_table,
    of_tracks,
    scored,
    tracks_with_folds,
)

SHORT: Final = FitConfig(steps=3, batch=4)


def metadata(music: Dataset) -> pd.DataFrame:
    """Return what is known of tracks without listening: the source's encoding, and its gain."""
    numbers = encoding_table(music).select_dtypes("number")
    if "gain_db" in music.tracks:
        gain = pd.to_numeric(music.tracks["gain_db"], errors="coerce")
        numbers = numbers.assign(gain_db=gain.reindex(numbers.index))
    return numbers.loc[:, numbers.nunique() > 1]


def descriptors(music: Dataset) -> pd.DataFrame:
    """Return fifteen simple numbers of each track's sound."""
    return descriptor_table(music, workers=1)


SILENT: Final = {
    "Metadata": of_tracks(metadata, "metadata"),
    "Descriptors": of_tracks(descriptors, "descriptors"),
}


def spectrogram_network(parameters: Parameters, train: list[str], seed: int) -> tuple:
    """Learn from log-mel spectra."""
    found = sequences(LogMel(), scored(parameters))
    how = SHORT if parameters.profile == "smoke" else networks.CNN
    return networks.fit_spectrogram_cnn(found, train, seed, how), found


def head(pooling: str) -> Callable[[Parameters, list[str], int], tuple]:
    """Learn from the latents of the best autoencoder, its encoder left as it is."""

    def learned(parameters: Parameters, train: list[str], seed: int) -> tuple:
        _, found = best_latents(parameters, seed)
        how = SHORT if parameters.profile == "smoke" else None
        return networks.fit_latent_classifier(found, train, seed, pooling, how), found

    return learned


def tuned(parameters: Parameters, train: list[str], seed: int) -> tuple:
    """Learn from the latents of the best autoencoder, its encoder trained along."""
    of, found = best_latents(parameters, seed)
    sound = samples(scored(parameters), of.sample_rate)
    return networks.fine_tune(of, found, sound, train, seed), sound


NETWORKS: Final = {
    "Log-mel network": spectrogram_network,
    "Spectrogram autoencoder, network": head("statistics"),
    "Spectrogram autoencoder, attention": head("attention"),
    "Spectrogram autoencoder, fine-tuned": tuned,
}


def items(parameters: Parameters) -> list[Item]:
    """List each system with each dealing of artists."""
    if parameters.profile == "smoke":
        return [{"system": name, "dealing": 0} for name in (*QUICK, "Log-mel network")]
    often = {
        name: 1 if one.changes(parameters) else DEALINGS
        for name, one in {**SILENT, **SYSTEMS}.items()
    }
    if encoding_table(parameters.music).select_dtypes("number").empty:
        del often["Metadata"]
    often |= dict.fromkeys(NETWORKS, 1)
    return [{"system": name, "dealing": n} for name, count in often.items() for n in range(count)]


def measure(parameters: Parameters, item: Item) -> pd.DataFrame:
    """Predict each fold after learning from all others."""
    system, tracks = str(item["system"]), tracks_with_folds(parameters, int(item["dealing"]))
    if system in NETWORKS:
        folds = sorted(int(fold) for fold in tracks["fold"].unique())
        found = pd.concat(learned(NETWORKS[system], parameters, tracks, fold) for fold in folds)
    else:
        of = {**SILENT, **SYSTEMS}[system]
        same = None if of.changes(parameters) else of.pieces(parameters, int(item["dealing"]) + 1)
        found = cross_validate(lambda fold: same or of.pieces(parameters, int(fold)), tracks)
    found = found.rename_axis("track_id").reset_index().assign(**item)
    return found[[*item, "fold", *found.columns.drop([*item, "fold"])]]


def learned(
    train: Callable[[Parameters, list[str], int], tuple],
    parameters: Parameters,
    tracks: pd.DataFrame,
    fold: int,
) -> pd.DataFrame:
    """Train a network on all folds but one, and predict that one."""
    held_out = tracks["fold"] == fold
    others, test = (list(map(str, tracks.index[part])) for part in (~held_out, held_out))
    network, source = train(parameters, others, fold)
    genres = sorted(tracks["genre"].unique())
    found = networks.predict(network, source, test, genres, PIECE_S)
    return found.assign(strength=0.0, fold=fold)[["strength", *genres, "fold"]]


def quick(item: Item) -> bool:
    """Whether it takes seconds on a machine where nothing is computed yet."""
    return item["system"] in ("Metadata", "MFCC", "Log-mel")


# A processor with other instructions rounds otherwise: log probabilities differ a little, and a
# strength may win by a hair. Networks differ more.
TOLERANCE = {"strength": Tolerance(absolute=1.0), "*": Tolerance(absolute=0.3, relative=0.1)}

EXPERIMENT = Experiment(items, measure, TOLERANCE, quick, digits=4)

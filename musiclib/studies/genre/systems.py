"""The systems that the book compares, from metadata to fine-tuned encoders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Final

import numpy as np
import pandas as pd

from musiclib.datasets import Dataset
from musiclib.genre import (
    FineTuned,
    Learning,
    Network,
    Statistics,
    System,
    TrackTable,
    scored_genres,
    with_learning,
)
from musiclib.latents import (
    SEVEN,
    AutoencoderLatents,
    Bands,
    CodedFrames,
    LogMel,
    Mfcc,
    Representation,
    fit_filterbank,
    sequences,
)
from musiclib.models.genre import Pooling
from musiclib.studies.dataset.descriptors import KEYS, describe_all
from musiclib.studies.dataset.provenance import encoding_table
from musiclib.training import trained

LOOKED_AT, RAW, LATENT, TUNED = "not heard", "baseline", "frozen", "fine-tuned"
CODED = "codec's files"
GROUPS: Final = (LOOKED_AT, RAW, LATENT, TUNED, CODED)

METADATA, DESCRIPTORS = "metadata, forest", "descriptors, forest"
MFCC_SVM, MFCC_LOGISTIC = "MFCC (seven), SVM", "MFCC (seven), logistic"
MFCC_RICH, MEL_LOGISTIC = "MFCC, logistic", "log-mel, logistic"
MEL_CNN, RAW_CNN = "log-mel, CNN", "waveform, CNN"
PCA = "pca-16, logistic"
DEEP = "deep-16, logistic"
CODED_FINE, CODED_COARSE = "mlc-fine, logistic", "mlc-coarse, logistic"

# Gains of Melic whose files take about 6 and 1.5 kbps.
FINE_GAIN, COARSE_GAIN = 136, 187

FEW_STEPS: Final = 3
_SWINGS = ("waveform-8",)
_FROZEN = ("deep-16", "wideband-64", "frequency-128", "frequency-128-masking", "waveform-8")
_SIDE_BY_SIDE = ("deep-16", "wideband-64", "frequency-128")
_TUNED = ("deep-16", "frequency-128", "frequency-128-masking", "waveform-8")
_ATTENTIVE = ("deep-16", "frequency-128", "waveform-8")
_LOGISTIC_ALONE = ("wideband-64",)
_QUICK = ("deep-16", "waveform-8")

BANK_LEARNING: Final = Learning(encoder_rate=0.02)
CNN_LEARNING: Final = Learning(steps=200, learning_rate=3e-3)
TUNING: Final = Learning(steps=30, batch=8, learning_rate=5e-4, weight_decay=0.1, encoder_rate=0.2)


@dataclass(frozen=True, eq=False)
class Entry:
    """A system of the book that is made when it is needed: some read all music first.

    Attributes:
        name: Name of the system.
        group: What it is compared with.
        make: Makes it.
    """

    name: str
    group: str
    make: Callable[[], System]

    @classmethod
    def of(cls, system: System) -> Entry:
        """List a system that is made already."""
        return cls(system.name, system.group, lambda: system)


def book_systems(dataset: Dataset, profile: str = "mini", seed: int = 0) -> list[Entry]:
    """List all systems of the main table.

    Args:
        dataset: Where models are trained on it, all of it is used; the tracks of the genres that
            are scored are guessed.
        profile: As for :func:`musiclib.training.trained`. `smoke`: fewer systems, and networks
            that learn for a few steps.
        seed: Seed of a training of autoencoders.

    Returns:
        Systems with different names, by group.
    """
    smoke = profile == "smoke"
    heard = scored(dataset)

    @cache
    def latents(name: str) -> AutoencoderLatents:
        return AutoencoderLatents(trained(name, dataset, profile, seed))

    def logistic(name: str, group: str, *makes: Callable[[], Representation]) -> Entry:
        return Entry(name, group, partial(_logistic, name, group, makes))

    frozen = {name: partial(latents, name) for name in (_QUICK if smoke else _FROZEN)}
    found = [*silent(heard), *baselines(partial(latents, "pca-16"))]
    for name, of in frozen.items():
        found.append(logistic(f"{name}, logistic", LATENT, of))
        if name in _SWINGS:
            bands = partial(_in_bands, of, heard)
            found.append(logistic(f"{name} in bands, logistic", LATENT, bands))
        if name not in _LOGISTIC_ALONE:
            found.append(Entry(frozen_name(name), LATENT, partial(_network, of)))
        if name in _ATTENTIVE:
            make = partial(_network, of, "attention")
            found.append(Entry(frozen_name(name, "attention"), LATENT, make))
    if not smoke:
        together = (frozen[name] for name in _SIDE_BY_SIDE)
        found.append(logistic("three side by side, logistic", LATENT, *together))
    for name in _TUNED:
        if name in frozen:
            found.append(Entry(tuned_name(name), TUNED, partial(_tuned, frozen[name])))
    for name, gain in ((CODED_FINE, FINE_GAIN), (CODED_COARSE, COARSE_GAIN)):
        found.append(logistic(name, CODED, partial(CodedFrames, gain)))
    return [replace(one, make=partial(_quick, one.make)) for one in found] if smoke else found


def _logistic(name: str, group: str, makes: Sequence[Callable[[], Representation]]) -> Statistics:
    return Statistics(name, group, tuple(make() for make in makes))


def _in_bands(of: Callable[[], AutoencoderLatents], dataset: Dataset) -> Bands:
    return in_bands(of(), dataset)


def _network(of: Callable[[], AutoencoderLatents], pooling: Pooling = "statistics") -> Network:
    return network(of(), pooling)


def _tuned(of: Callable[[], AutoencoderLatents]) -> FineTuned:
    found = of()
    return FineTuned(tuned_name(found.name), TUNED, network(found), TUNING)


def _quick(make: Callable[[], System]) -> System:
    return with_learning(make(), FEW_STEPS)


def scored(dataset: Dataset) -> Dataset:
    """Return the tracks of the genres that are scored; all tracks where there are none."""
    return dataset.select(genres=scored_genres(dataset.tracks) or None)


def network(representation: AutoencoderLatents, pooling: Pooling = "statistics") -> Network:
    """Return the network on frozen latents; those that swing get a filterbank first."""
    name = frozen_name(representation.name, pooling)
    if representation.name in _SWINGS:
        return Network(name, LATENT, representation, "filterbank", pooling, BANK_LEARNING)
    return Network(name, LATENT, representation, "sequence", pooling)


def in_bands(representation: AutoencoderLatents, dataset: Dataset) -> Bands:
    """Return energies of latents in bands, which the tracks outside the test part suggest."""
    learned_from = list(dataset.tracks.index[dataset.tracks["split"] != "test"])
    found = sequences(representation, dataset)
    return Bands(representation, fit_filterbank(found, learned_from))


def frozen_name(model: str, pooling: Pooling = "statistics") -> str:
    """Return the name of the network on a model's frozen latents."""
    return f"{model}, network" if pooling == "statistics" else f"{model}, attention"


def tuned_name(model: str) -> str:
    """Return the name of the network whose encoder is trained along."""
    return f"{model}, fine-tuned"


def baselines(principal: Callable[[], AutoencoderLatents]) -> list[Entry]:
    """List the systems that hear the sound, but no latents of a network.

    Args:
        principal: Returns principal components of spectra.
    """
    sounds: list[System] = [
        Statistics(MFCC_SVM, RAW, (Mfcc(),), "svm", SEVEN),
        Statistics(MFCC_LOGISTIC, RAW, (Mfcc(),), "logistic", SEVEN),
        Statistics(MFCC_RICH, RAW, (Mfcc(),)),
        Statistics(MEL_LOGISTIC, RAW, (LogMel(),)),
        Network(MEL_CNN, RAW, LogMel(), "spectrogram", learning=CNN_LEARNING),
        Network(RAW_CNN, RAW, None, "waveform", learning=CNN_LEARNING),
    ]
    found = [Entry.of(one) for one in sounds]
    found.insert(4, Entry(PCA, RAW, partial(_logistic, PCA, RAW, (principal,))))
    return found


def silent(dataset: Dataset) -> list[Entry]:
    """List the systems that need no ear: metadata (where there are any), simple descriptors."""
    known = metadata_table(dataset)

    def described() -> System:
        table = describe_all(dataset, workers=1).table[list(KEYS)]
        return TrackTable(DESCRIPTORS, LOOKED_AT, filled(table, dataset.tracks))

    found = [Entry(DESCRIPTORS, LOOKED_AT, described)]
    if not known.empty:
        found.insert(0, Entry.of(TrackTable(METADATA, LOOKED_AT, known)))
    return found


def metadata_table(dataset: Dataset) -> pd.DataFrame:
    """Return what is known of tracks without listening, as numbers.

    It is how the source was encoded and, where the data set knows it, the gain that brought it to
    the loudness of the others. Columns that do not vary are left out.
    """
    encoding = encoding_table(dataset)
    numbers = encoding.select_dtypes("number")
    if "gain_db" in dataset.tracks:
        gain = pd.to_numeric(dataset.tracks["gain_db"], errors="coerce")
        numbers = numbers.assign(gain_db=gain.reindex(numbers.index))
    table = filled(numbers, dataset.tracks)
    return table.loc[:, table.nunique() > 1]


def filled(table: pd.DataFrame, tracks: pd.DataFrame) -> pd.DataFrame:
    """Put medians of the tracks outside the test part in the place of what is missing.

    A column without any number there is left out.
    """
    table = table.replace([np.inf, -np.inf], np.nan).astype(float)
    middle = table[(tracks["split"].reindex(table.index) != "test").to_numpy()].median()
    return table.fillna(middle).dropna(axis=1)

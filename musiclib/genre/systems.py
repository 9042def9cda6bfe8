"""Systems: what is shown of a track, and who guesses from it."""

from __future__ import annotations

import hashlib
import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from musiclib.datasets import Dataset, cache_root
from musiclib.files import code_digest, replace_file
from musiclib.genre import classical, networks
from musiclib.genre.classical import Kind
from musiclib.genre.guesses import Guesses
from musiclib.genre.networks import Learning
from musiclib.genre.protocol import SEGMENT_S, Run
from musiclib.latents import (
    RICH,
    AutoencoderLatents,
    Pooled,
    Representation,
    Source,
    Statistic,
    bands,
    fit_filterbank,
    pooled,
    samples,
    sequences,
)
from musiclib.models.genre import (
    LatentClassifier,
    Pooling,
    SequenceClassifier,
    SpectrogramCnn,
    WaveformCnn,
)

FINE_TUNING = Learning(steps=60, batch=16, learning_rate=2e-3, weight_decay=0.1, encoder_rate=0.2)
_CODE = ("genre", "latents", "models", "datasets/segments.py")


class System(ABC):
    """A way to guess genre.

    Attributes:
        name: Unique name, which a reader sees.
        group: `baseline`, `frozen`, `fine-tuned`, ...: what it is compared with.
    """

    name: str
    group: str

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """All that the guesses depend on besides the tracks, as JSON values or their text."""

    @abstractmethod
    def sources(self, dataset: Dataset) -> list[Source]:
        """What it reads of the tracks."""

    @abstractmethod
    def learn_and_guess(self, dataset: Dataset, run: Run) -> pd.DataFrame:
        """Learn from the training tracks of a run and guess its other tracks."""


@dataclass(frozen=True, eq=False)
class Statistics(System):
    """Statistics of pieces and a classical classifier.

    Attributes:
        name: Unique name.
        group: What it is compared with.
        representations: What is taken statistics of; several are put side by side.
        kind: The classifier.
        statistics: The statistics.
        seconds: Length of a piece.
    """

    name: str
    group: str
    representations: tuple[Representation, ...]
    kind: Kind = "logistic"
    statistics: tuple[Statistic, ...] = RICH
    seconds: float = SEGMENT_S
    _pooled: dict[str, Pooled] = field(default_factory=dict, repr=False)

    def settings(self) -> dict[str, Any]:
        """Representations, classifier and statistics."""
        keys = [representation.key for representation in self.representations]
        return {"keys": keys, "kind": self.kind, "of": self.statistics, "seconds": self.seconds}

    def sources(self, dataset: Dataset) -> list[Source]:
        """The sequences."""
        return [sequences(representation, dataset) for representation in self.representations]

    def pieces(self, dataset: Dataset) -> Pooled:
        """Return the vectors of all pieces, computed once."""
        found = self.sources(dataset)
        key = " ".join(source.fingerprint() for source in found)
        if key not in self._pooled:
            self._pooled.clear()
            self._pooled[key] = _side_by_side(
                [pooled(source, self.seconds, self.statistics) for source in found]
            )
        return self._pooled[key]

    def learn_and_guess(self, dataset: Dataset, run: Run) -> pd.DataFrame:
        """See `musiclib.genre.classical.learn_and_guess`."""
        return classical.learn_and_guess(self.pieces(dataset), run, self.kind)


def _side_by_side(tables: Sequence[Pooled]) -> Pooled:
    """Join vectors of the same pieces; rounding may have left one source a piece more at an end."""
    if len(tables) == 1:
        return tables[0]
    numbered = [
        table.rows.assign(piece=table.rows.groupby("track_id").cumcount()) for table in tables
    ]
    keys = [pd.MultiIndex.from_frame(rows[["track_id", "piece"]]) for rows in numbered]
    common = keys[0][np.logical_and.reduce([keys[0].isin(other) for other in keys])]
    places = [key.get_indexer(common) for key in keys]
    values = np.concatenate([t.values[at] for t, at in zip(tables, places, strict=True)], axis=1)
    rows = tables[0].rows.iloc[places[0]].reset_index(drop=True)
    return Pooled(values, rows, " + ".join(table.name for table in tables))


@dataclass(frozen=True, eq=False)
class TrackTable(System):
    """One vector a track that was made elsewhere, for example of simple descriptors.

    Attributes:
        name: Unique name.
        group: What it is compared with.
        table: Numbers; index `track_id`.
        kind: The classifier.
    """

    name: str
    group: str
    table: pd.DataFrame
    kind: Kind = "forest"

    def settings(self) -> dict[str, Any]:
        """Classifier and numbers."""
        content = hashlib.sha256(self.table.to_csv().encode()).hexdigest()
        return {"kind": self.kind, "table": content}

    def sources(self, dataset: Dataset) -> list[Source]:  # noqa: ARG002
        """None: the numbers are there."""
        return []

    def learn_and_guess(self, dataset: Dataset, run: Run) -> pd.DataFrame:
        """See `musiclib.genre.classical.learn_and_guess`."""
        there = dataset.tracks.loc[
            [name for name in dataset.tracks.index if name in self.table.index]
        ]
        rows = there[["genre", "split", "artist_group"]].assign(start_s=0.0)
        rows = rows.rename_axis("track_id").reset_index()
        values = self.table.loc[rows["track_id"]].to_numpy(np.float32)
        return classical.learn_and_guess(Pooled(values, rows, self.name), run, self.kind)


@dataclass(frozen=True, eq=False)
class Network(System):
    """A network from scratch: on frozen latents, on log-mel spectra, or on samples.

    Attributes:
        name: Unique name.
        group: What it is compared with.
        representation: What it reads; None for samples.
        architecture: `sequence`, `filterbank` (for latents that swing), `spectrogram`, `waveform`.
        pooling: Over time.
        learning: How it learns.
        sample_rate: Of samples, in Hz.
    """

    name: str
    group: str
    representation: Representation | None
    architecture: str = "sequence"
    pooling: Pooling = "statistics"
    learning: Learning = field(default_factory=Learning)
    sample_rate: int = 8_000

    def settings(self) -> dict[str, Any]:
        """Input, architecture and learning."""
        return {
            "key": self.representation.key if self.representation else self.sample_rate,
            "architecture": self.architecture,
            "pooling": self.pooling,
            "learning": asdict(self.learning),
        }

    def sources(self, dataset: Dataset) -> list[Source]:
        """Sequences or samples."""
        if self.representation is None:
            return [samples(dataset, self.sample_rate)]
        return [sequences(self.representation, dataset)]

    def make(self, source: Source, run: Run) -> nn.Module:
        """Return a new network; a filterbank starts as principal components of training tracks."""
        genres = len(run.genres)
        if self.architecture == "waveform":
            return WaveformCnn(genres, self.pooling)
        if self.architecture == "spectrogram":
            return SpectrogramCnn(source.channels, genres, self.pooling)
        if self.architecture != "filterbank":
            return SequenceClassifier(source.channels, genres, source.frame_rate, self.pooling)
        return SequenceClassifier(
            source.channels,
            genres,
            source.frame_rate,
            self.pooling,
            filterbank=torch.from_numpy(fit_filterbank(source, run.train).kernels),
            stride=bands.STRIDE,
            shrink=bands.SHRINK,
        )

    def learn_and_guess(self, dataset: Dataset, run: Run) -> pd.DataFrame:
        """See `musiclib.genre.networks.learn_and_guess`."""
        (source,) = self.sources(dataset)
        make = lambda: self.make(source, run)  # noqa: E731
        return networks.learn_and_guess(make, source, run, self.learning)


@dataclass(frozen=True, eq=False)
class FineTuned(System):
    """A classifier of latents, and then its encoder trained with it.

    Attributes:
        name: Unique name.
        group: What it is compared with.
        frozen: The classifier that training starts from, on an autoencoder's latents.
        learning: How both learn together.
    """

    name: str
    group: str
    frozen: Network
    learning: Learning = FINE_TUNING

    @cached_property
    def representation(self) -> AutoencoderLatents:
        """The latents."""
        found = self.frozen.representation
        assert isinstance(found, AutoencoderLatents)
        return found

    def settings(self) -> dict[str, Any]:
        """Those of the frozen one, and the learning."""
        return {"frozen": self.frozen.settings(), "learning": asdict(self.learning)}

    def sources(self, dataset: Dataset) -> list[Source]:
        """Latents, and samples."""
        return [*self.frozen.sources(dataset), samples(dataset, self.representation.sample_rate)]

    def learn_and_guess(self, dataset: Dataset, run: Run) -> pd.DataFrame:
        """Train the classifier on latents, then the whole on samples, and guess."""
        latents, sound = self.sources(dataset)
        mean, spread = networks.statistics(latents, run.train)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(run.number)
            head = self.frozen.make(latents, run)
        start = networks.Normalised(head, mean, spread)
        networks.learn(start, latents, run, self.frozen.learning)
        assert isinstance(start.network, SequenceClassifier)
        encoder = self.representation.checkpoint.build()
        encoder.requires_grad_(True)
        whole = LatentClassifier(encoder, start.network, mean, spread)
        networks.learn(whole, sound, run, self.learning)
        return networks.guess(whole, sound, run, self.learning.seconds)


def guess_all(system: System, dataset: Dataset, runs: Sequence[Run]) -> Guesses:
    """Let a system learn and guess in every run.

    What a run gives is kept in the cache folder; an interrupted experiment goes on, and a repeated
    one is done at once.

    Args:
        system: The system.
        dataset: The tracks.
        runs: Who learns from what.
    """
    prints = [source.fingerprint() for source in system.sources(dataset)]
    tables = []
    for run in runs:
        path = _path(system, prints, run)
        if not path.exists():
            table = system.learn_and_guess(dataset, run)
            data = table.to_csv(index=False, float_format="%.6g").encode()
            replace_file(path, data)
        # Read back even when just made, so that both ways give the same digits.
        tables.append(pd.read_csv(io.BytesIO(path.read_bytes()), dtype={"track_id": str}))
    return Guesses(system.name, pd.concat(tables, ignore_index=True), runs[0].genres)


def _path(system: System, prints: Sequence[str], run: Run) -> Path:
    values = [type(system).__name__, repr(system.settings()), *prints, repr(run)]
    key = hashlib.sha256("\n".join([code_digest(*_CODE), *values]).encode()).hexdigest()[:24]
    return cache_root() / "genre" / f"{key}.csv"


def with_learning(system: System, steps: int) -> System:
    """Return the same system with at most so many steps of its networks, for quick tests."""
    if isinstance(system, Network):
        short = replace(system.learning, steps=min(steps, system.learning.steps))
        return replace(system, learning=short)
    if isinstance(system, FineTuned):
        frozen = with_learning(system.frozen, steps)
        assert isinstance(frozen, Network)
        short = replace(system.learning, steps=min(steps, system.learning.steps), batch=4)
        return replace(system, frozen=frozen, learning=short)
    return system

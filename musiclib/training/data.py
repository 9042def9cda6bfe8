"""Music for a training: its two parts decoded, batches drawn ahead, and what tells data apart."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from musiclib.datasets import AudioCache, Dataset, random_segments, segments
from musiclib.training.config import TrainConfig

_PREFETCHED = 2  # batches that wait while the model computes


@dataclass(frozen=True, eq=False)
class SegmentLoader:
    """The training and validation part of a data set, and their audio at the model's rate."""

    train: Dataset
    validation: Dataset
    cache: AudioCache

    @classmethod
    def open(cls, dataset: Dataset, sample_rate: int) -> SegmentLoader:
        """Decode what is not decoded yet; the test part is left alone.

        Raises:
            DatasetError: The training or the validation part is empty, or cannot be decoded.
        """
        train, validation = dataset.part("train"), dataset.part("validation")
        used = dataset.tracks["split"].isin(["train", "validation"])
        cache = dataclasses.replace(dataset, tracks=dataset.tracks[used]).cache(sample_rate)
        return cls(train, validation, cache)

    def batches(self, config: TrainConfig, first: int = 0) -> Iterator[Tensor]:
        """Yield the batches of a training without end, `(B, N)`, from step `first` on."""
        size, seed = config.batch_size, config.seed
        drawn = random_segments(
            self.train, self.cache, config.segment_s, size, seed, first, config.balance
        )
        return (torch.from_numpy(batch.audio) for batch in drawn)

    def validation_batches(self, config: TrainConfig) -> Iterator[Tensor]:
        """Yield the validation segments, `(B, N)`: the same ones at every call.

        Raises:
            DatasetError: No track of the validation part is as long as a segment.
        """
        table = segments(self.validation, self.cache, config.segment_s)
        count = min(config.validation_segments, len(table))
        places = np.linspace(0, len(table) - 1, count).round().astype(int)
        rows = list(table.iloc[places].itertuples())
        for start in range(0, count, config.batch_size):
            audio = [
                self.cache.segment(row.track_id, row.start, row.length)
                for row in rows[start : start + config.batch_size]
            ]
            yield torch.from_numpy(np.stack(audio))

    def fingerprint(self) -> dict[str, Any]:
        """Return what tells these data from others, as JSON values without any path.

        The checksum covers each track's identifier, split, decoded length and, where the data set
        has one, checksum of its file.
        """
        total = hashlib.sha256(f"{self.cache.sample_rate}\n".encode())
        lengths = self.cache.lengths
        seconds = {}
        for part, tracks in (("train", self.train.tracks), ("validation", self.validation.tracks)):
            sums = tracks["sha256"] if "sha256" in tracks.columns else None
            samples = 0
            for track_id in sorted(tracks.index):
                length = int(lengths.get(track_id, 0))
                samples += length
                content = "" if sums is None else sums[track_id]
                total.update(f"{track_id}\t{part}\t{length}\t{content}\n".encode())
            seconds[part] = round(samples / self.cache.sample_rate, 3)
        return {
            "dataset": self.train.name,
            "sample_rate": self.cache.sample_rate,
            "train_tracks": len(self.train),
            "train_seconds": seconds["train"],
            "validation_tracks": len(self.validation),
            "validation_seconds": seconds["validation"],
            "sha256": total.hexdigest(),
        }


@contextmanager
def prefetch(batches: Iterator[Tensor]) -> Iterator[Iterator[Tensor]]:
    """Draw batches of an endless iterator in a thread, while the caller computes.

    Order and content stay the same. The thread ends with the context.
    """
    with ThreadPoolExecutor(1, "segments") as pool:
        waiting: deque[Future[Tensor]] = deque(
            pool.submit(next, batches) for _ in range(_PREFETCHED)
        )

        def drawn() -> Iterator[Tensor]:
            while True:
                batch = waiting.popleft().result()
                waiting.append(pool.submit(next, batches))
                yield batch

        yield drawn()

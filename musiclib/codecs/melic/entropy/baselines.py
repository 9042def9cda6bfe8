"""Simpler ways to send the same numbers, to tell what each part of the entropy coder brings."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from musiclib.codecs.melic.entropy.kernel import LARGEST_LEVEL, UNARY, Constants, Mixer
from musiclib.codecs.melic.entropy.tables import ContextTables
from musiclib.errors import CheckpointError
from musiclib.files import replace_file
from musiclib.models.transform import N_BANDS, Frames, band_of_bin
from musiclib.training.trained import shipped_folder

GAINS_PER_TABLE = 16
_TABLES = 256 // GAINS_PER_TABLE
# Steps of a level from -47 to 47; sizes up to the unary part, then an escape.
_STEPS, _SIZES = 2 * LARGEST_LEVEL + 1, UNARY + 1
# A step of everything is expected this often before anything was counted.
_PRIOR = 0.5
# The contexts that do best alone on validation music. Of levels: the last steps of this band and of
# the one below, and how long ago this one changed. Of values: how large this bin was lately, and
# the ratio of envelope to step.
_LEVEL_CONTEXT, _VALUE_CONTEXT = 8, 9


def raw_bits(frames: Frames) -> float:
    """Bits of the bare numbers: a fixed length each, as long as the largest needs.

    Args:
        frames: Levels `(T, 20)` and values `(T, 256)`.
    """
    largest = int(np.abs(frames.values).max(initial=0))
    width = int(2 * largest).bit_length()
    return float(frames.levels.size * LARGEST_LEVEL.bit_length() + frames.values.size * width)


@dataclass(frozen=True, eq=False)
class StaticTables:
    """How often each number came: one table a band and 16 gains, which does not adapt.

    Attributes:
        steps: Steps of levels from a frame to the next, `(16, 20, 95)`.
        sizes: Sizes of values, `(16, 20, 16)`; the last stands for all that are larger.
    """

    steps: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]

    @classmethod
    def empty(cls) -> StaticTables:
        """Tables that have counted nothing."""
        return cls(
            np.zeros((_TABLES, N_BANDS, _STEPS), np.int64),
            np.zeros((_TABLES, N_BANDS, _SIZES), np.int64),
        )

    def count(self, frames: Frames, gain: int) -> None:
        """Add frames with levels `(T, 20)` and values `(T, 256)` to the counts."""
        np.add.at(self.steps[gain // GAINS_PER_TABLE], _step_places(frames), 1)
        np.add.at(self.sizes[gain // GAINS_PER_TABLE], _size_places(frames), 1)

    def bits(self, frames: Frames, gain: int) -> float:
        """Ideal bits of frames with a fixed code made of these counts; signs cost one each."""
        beyond = np.abs(frames.values) - UNARY + 1
        tail = (2 * np.floor(np.log2(beyond[beyond > 0])) + 1).sum()
        return float(
            _code_lengths(self.steps[gain // GAINS_PER_TABLE])[_step_places(frames)].sum()
            + _code_lengths(self.sizes[gain // GAINS_PER_TABLE])[_size_places(frames)].sum()
            + np.count_nonzero(frames.values)
            + tail
        )

    @classmethod
    def shipped(cls, name: str = "codec-tables-static") -> StaticTables:
        """Return the counts of the music that the coder's tables, shipped beside, learned from."""
        return cls.load(shipped_folder() / f"{name}.npz")

    def save(self, path: str | Path) -> None:
        """Write a file, whole or not at all."""
        stream = io.BytesIO()
        np.savez_compressed(stream, steps=self.steps, sizes=self.sizes)
        replace_file(Path(path), stream.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> StaticTables:
        """Read a file that `save` wrote.

        Raises:
            CheckpointError: It is missing or damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                tables = cls(file["steps"], file["sizes"])
        except (OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError) as error:
            raise CheckpointError(f"cannot read static tables from {path}: {error}") from error
        blank = cls.empty()
        if (tables.steps.shape, tables.sizes.shape) != (blank.steps.shape, blank.sizes.shape):
            raise CheckpointError(f"{path} has static tables of other shapes; train them anew")
        return tables


def unmixed(
    tables: ContextTables, of_levels: int = _LEVEL_CONTEXT, of_values: int = _VALUE_CONTEXT
) -> ContextTables:
    """Adaptive contexts without mixing: one context each for levels and values, which still adapts.

    Args:
        tables: Trained or untrained ones.
        of_levels: Number of the context for levels; by default the one that does best alone.
        of_values: Number of the context for values, likewise.
    """
    still = np.array([0, 0, 0, tables.constants.learning[3]], np.int32)
    blank = ContextTables.untrained()
    return ContextTables(
        _alone(tables.of_levels, blank.of_levels, of_levels),
        _alone(tables.of_values, blank.of_values, of_values),
        Constants(*tables.constants[:3], still),
    )


def _alone(mixer: Mixer, blank: Mixer, chosen: int) -> Mixer:
    weights = np.zeros_like(mixer.weights)
    weights[:, chosen] = 1 << 16
    return Mixer(mixer.slots, weights, blank.blend, blank.apm)


def _step_places(frames: Frames) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    # The first frame's steps start at zero.
    steps = np.diff(frames.levels, axis=0, prepend=0) + LARGEST_LEVEL
    bands = np.broadcast_to(np.arange(N_BANDS), steps.shape)
    return bands.astype(np.int64), steps.astype(np.int64)


def _size_places(frames: Frames) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    sizes = np.minimum(np.abs(frames.values), UNARY)
    bands = np.broadcast_to(band_of_bin(), sizes.shape)
    return bands.astype(np.int64), sizes.astype(np.int64)


def _code_lengths(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    shares = counts + _PRIOR
    return np.asarray(-np.log2(shares / shares.sum(axis=-1, keepdims=True)))

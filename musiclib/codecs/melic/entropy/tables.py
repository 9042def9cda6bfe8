"""The trained state of the entropy coder: what it believes before it has seen a piece."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from musiclib.codecs.melic.entropy.kernel import (
    APM_CELLS,
    APM_SHIFT,
    COUNT_BITS,
    LIMIT,
    N_LEVEL_INPUTS,
    N_VALUE_INPUTS,
    PAD,
    PROBABILITY_BITS,
    STRETCH_BITS,
    Constants,
    History,
    IntArray,
    Layout,
    Mixer,
)
from musiclib.errors import CheckpointError
from musiclib.files import replace_file
from musiclib.models.transform import EDGES, N_BANDS, step_exponents
from musiclib.models.transform.bands import N_BINS, WEIGHTS, band_of_bin

_FORMAT = "musiclib context tables 1"
# Inputs, contexts of each, weight sets, rows of the blend, rows of corrections.
_LEVEL_SHAPE = (N_LEVEL_INPUTS, 1 << 18, 1536, 512, 1024)
_VALUE_SHAPE = (N_VALUE_INPUTS, 1 << 17, 2048, 16, 2048)
# Decimal arithmetic is the same on every machine.
_DIGITS = Context(prec=30, rounding=ROUND_HALF_EVEN)
_COUNT = (1 << COUNT_BITS) - 1
_LOW_BITS = PROBABILITY_BITS - 16


@dataclass(frozen=True, eq=False)
class ContextTables:
    """Tables, weights and constants.

    Attributes:
        of_levels: For the levels of bands.
        of_values: For the quantised coefficients.
        constants: Logits, rates.
        record: How they were trained.
    """

    of_levels: Mixer
    of_values: Mixer
    constants: Constants
    record: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def untrained(cls) -> ContextTables:
        """Tables that know nothing: every decision is as likely as not."""
        constants = fixed_constants()
        return cls(
            new_mixer(_LEVEL_SHAPE, constants), new_mixer(_VALUE_SHAPE, constants), constants
        )

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of all that decides a stream, 32 bytes: the identity of the tables."""
        state = hashlib.sha256(_FORMAT.encode())
        for name, array in sorted(self._arrays().items()):
            state.update(f"{name} {array.dtype.str} {array.shape}".encode())
            state.update(np.ascontiguousarray(array).data)
        return state.digest()

    def rounded(self, count: int) -> ContextTables:
        """The tables as they are kept in a file.

        Args:
            count: Largest count of a context; the smaller, the faster it follows a new piece.
        """
        mixers = (_rounded(self.of_levels, count), _rounded(self.of_values, count))
        return ContextTables(*mixers, self.constants, self.record)

    def save(self, path: str | Path) -> None:
        """Write a file, whole or not at all. Tables must have been rounded."""
        stream = io.BytesIO()
        text = json.dumps(self.record, sort_keys=True)
        record = np.frombuffer(text.encode(), np.uint8)
        np.savez_compressed(stream, record=record, format=np.array(_FORMAT), **self._arrays())
        replace_file(Path(path), stream.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> ContextTables:
        """Read a file that `save` wrote. No code in it is run.

        Raises:
            CheckpointError: It is missing, damaged, or of another version.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                if str(file["format"]) != _FORMAT:
                    raise CheckpointError(f"{path} has context tables of another version")
                record = json.loads(file["record"].tobytes())
                found = {name: file[name] for name in file.files if "." in name}
            blank = cls.untrained()
            like = blank._arrays()
            for name, array in like.items():
                if found[name].shape != array.shape or found[name].dtype != array.dtype:
                    raise CheckpointError(f"{path}: {name} has another shape; train it anew")
            mixers = (_read(found, "levels"), _read(found, "values"))
            parts = (np.asarray(found[f"constants.{name}"]) for name in Constants._fields)
            return cls(*mixers, Constants(*parts), record)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile, EOFError) as error:
            message = f"cannot read context tables from {path}: {error}; download the file again"
            raise CheckpointError(message) from error

    def _arrays(self) -> dict[str, Any]:
        arrays: dict[str, Any] = {}
        for kind, mixer in (("levels", self.of_levels), ("values", self.of_values)):
            chances = mixer.slots >> (COUNT_BITS + _LOW_BITS)
            arrays[f"{kind}.chances"] = chances.astype("<u2")
            arrays[f"{kind}.counts"] = (mixer.slots & _COUNT).astype(np.uint8)
            for name in ("weights", "blend", "apm"):
                arrays[f"{kind}.{name}"] = getattr(mixer, name).astype("<i4")
        for name in Constants._fields:
            arrays[f"constants.{name}"] = getattr(self.constants, name).astype("<i4")
        return arrays


def _read(found: dict[str, Any], kind: str) -> Mixer:
    slots = _slots(found[f"{kind}.chances"], found[f"{kind}.counts"])
    rest = (found[f"{kind}.{name}"].astype(np.int32) for name in ("weights", "blend", "apm"))
    return Mixer(slots, *rest)


def _slots(chances: Any, counts: Any) -> IntArray:
    middle = 1 << (_LOW_BITS - 1)
    fine = (chances.astype(np.int32) << _LOW_BITS) | middle
    return np.asarray((fine << COUNT_BITS) | counts.astype(np.int32), np.int32)


def _rounded(mixer: Mixer, count: int) -> Mixer:
    counts = np.minimum(mixer.slots & _COUNT, count)
    slots = _slots(mixer.slots >> (COUNT_BITS + _LOW_BITS), counts)
    return Mixer(slots, mixer.weights.copy(), mixer.blend.copy(), mixer.apm.copy())


def copied(mixer: Mixer) -> Mixer:
    """A mixer that learns on its own."""
    return Mixer(*(array.copy() for array in mixer))


def new_history(channels: int) -> History:
    """History before the first frame."""

    def zeros(*shape: int) -> IntArray:
        return np.zeros((channels, *shape), np.int32)

    return History(
        levels=zeros(N_BANDS) - 1,
        changes=zeros(N_BANDS + 1),
        last=zeros(N_BANDS),
        age=zeros(N_BANDS),
        mean=zeros(N_BANDS) + 320,
        evidence=zeros(N_BANDS),
        sizes=zeros(3, N_BINS + 2 * PAD),
        trail=zeros(N_BINS + 2 * PAD),
        slow=zeros(N_BINS + 2 * PAD),
        steps=zeros(N_BINS),
        busy=zeros(),
    )


@cache
def layout() -> Layout:
    """What the kernel has to know of bands and steps."""
    # Each bin's envelope joins two neighbouring bands.
    lower = np.minimum((WEIGHTS > 0).argmax(axis=1), N_BANDS - 2)
    upper = WEIGHTS[np.arange(N_BINS), lower + 1]
    offset = step_exponents(np.zeros((1, N_BANDS), np.int32), 0)[0]
    with localcontext(_DIGITS):
        power = [int(16 * Decimal(10) ** (Decimal(3 * (r - 16)) / 20)) for r in range(64)]
        factor = [int(4096 * Decimal(2) ** (Decimal(16 * i - 2040) / 512)) for i in range(256)]
    parts = (band_of_bin(), lower, upper, offset, EDGES, power, factor)
    return Layout(*(np.ascontiguousarray(part, np.int32) for part in parts))


@cache
def fixed_constants() -> Constants:
    """Logits and learning rates, the same for all tables."""
    cells = 1 << STRETCH_BITS
    p = (np.arange(cells) + 0.5) / cells
    stretch = np.clip(np.rint(256.0 * np.log(p / (1.0 - p))), -LIMIT, LIMIT)
    s = np.arange(-LIMIT, LIMIT + 1) / 256.0
    squash = np.clip(np.rint(65536.0 / (1.0 + np.exp(-s))), 1, 65535)
    rates = 65536.0 / (np.arange(_COUNT + 1) + 1.6)
    return Constants(
        stretch.astype(np.int32),
        squash.astype(np.int32),
        rates.astype(np.int32),
        np.array([6, 2, 16, 255], np.int32),
    )


def new_mixer(shape: tuple[int, ...], constants: Constants) -> Mixer:
    """A mixer that knows nothing: inputs, statistics of each, weight sets, blends, corrections."""
    inputs, contexts, sets, rows, corrections = shape
    grid = np.minimum(np.arange(APM_CELLS) << APM_SHIFT, 2 * LIMIT)
    even = np.int32(1 << (PROBABILITY_BITS - 1 + COUNT_BITS))
    return Mixer(
        slots=np.full((inputs, contexts), even, np.int32),
        weights=np.full((sets, inputs), 65536 * 2 // inputs, np.int32),
        blend=np.full((rows, 3), 65536 // 3, np.int32),
        apm=np.tile(constants.squash[grid], (corrections, 1)),
    )

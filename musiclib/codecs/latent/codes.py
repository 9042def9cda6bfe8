"""Indices of residual codebooks to bytes and back, with a fixed table for each stage.

A stage's table says how often training music used each of its codes. Constriction's asymmetric
numeral system spends `-log2` of that share on an index; what is decided is whole numbers alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from musiclib.codecs.latent.mixing import TOTAL, IntArray
from musiclib.errors import BitstreamError

WORD = np.dtype("<u4")


@dataclass(frozen=True, eq=False)
class CodeTable:
    """Probabilities of the codes of a stage.

    Attributes:
        weights: Each code's weight of 2^24, at least 1, `(K,)`.
        model: The same for constriction.
    """

    weights: IntArray
    model: Any

    @property
    def bits(self) -> npt.NDArray[np.float64]:
        """Cost of each code, `(K,)`."""
        found: npt.NDArray[np.float64] = np.log2(TOTAL) - np.log2(self.weights)
        return found


def code_tables(counts: IntArray) -> tuple[CodeTable, ...]:
    """Return the tables of stages whose codes were used `counts` `(S, K)` times."""
    import constriction

    tables = []
    for row in counts.astype(np.int64):
        free = TOTAL - len(row)
        # One use more each: a code that training music never used may still come.
        shares = (row + 1) * free // int((row + 1).sum())
        shares[shares.argmax()] += free - int(shares.sum())
        # Constriction gives each symbol 1 / 2^24 more, as in `musiclib.codecs.latent.mixing`.
        model = constriction.stream.model.Categorical(shares.astype(np.float64), perfect=False)
        tables.append(CodeTable(shares + 1, model))
    return tuple(tables)


def encode(index: IntArray, tables: Sequence[CodeTable]) -> bytes:
    """Code the indices `(s, L)` of the first s stages."""
    import constriction

    coder = constriction.stream.stack.AnsCoder()
    for row, table in reversed(list(zip(index, tables, strict=False))):  # last in, first out
        coder.encode_reverse(row.astype(np.int32), table.model)
    return np.asarray(coder.get_compressed()).astype(WORD).tobytes()


def decode(data: bytes, tables: Sequence[CodeTable], stages: int, frames: int) -> IntArray:
    """Return the indices `(stages, frames)` that `encode` coded.

    Raises:
        BitstreamError: The bytes were not made by `encode`.
    """
    import constriction

    if len(data) % WORD.itemsize or not 1 <= stages <= len(tables):
        raise _damaged(f"{len(data)} bytes for {stages} stages")
    words = np.frombuffer(data, dtype=WORD).astype(np.uint32)
    try:
        coder = constriction.stream.stack.AnsCoder(words)
    except ValueError as error:
        raise _damaged("its last word is zero") from error
    index = np.stack([coder.decode(table.model, frames) for table in tables[:stages]])
    if not coder.is_empty():
        raise _damaged("bytes are left over")
    return index.astype(np.int64)


def _damaged(what: str) -> BitstreamError:
    return BitstreamError(f"This .mla file is damaged: {what}. Fetch or encode it again.")

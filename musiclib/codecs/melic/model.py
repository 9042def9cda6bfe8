"""What a stream is coded with: tables of the entropy coder, and the network that restores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch

from musiclib.audio import FloatArray
from musiclib.codecs.melic.bitstream import MODEL_BYTES, Header
from musiclib.codecs.melic.entropy import ContextTables
from musiclib.errors import BitstreamError, CheckpointError
from musiclib.models import Restorer
from musiclib.models.restorer import SpectrumBatch, spectrum_batch
from musiclib.models.transform import Spectrum
from musiclib.training.checkpoint import Checkpoint, load, weights_path
from musiclib.training.config import RESTORER
from musiclib.training.trained import FOLDER_VARIABLE, find_shipped

TABLES = "codec-tables.npz"


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """Tables and network. Streams carry the start of the SHA-256 of each.

    Attributes:
        tables: Trained state of the entropy coder.
        checkpoint: Of the network; None where streams are not restored.
    """

    tables: ContextTables
    checkpoint: Checkpoint | None = None

    def identity(self, restored: bool) -> bytes:
        """Return what a stream calls this model by: two bytes for tables, two for the network.

        Args:
            restored: Whether the stream is to be restored; the last two bytes are 0 otherwise.

        Raises:
            CheckpointError: It is, and there is no network.
        """
        half = MODEL_BYTES // 2
        if not restored:
            return self.tables.digest[:half] + bytes(half)
        return self.tables.digest[:half] + bytes.fromhex(
            str(self._network.record["tensors_sha256"])[: 2 * half]
        )

    def require(self, header: Header, restored: bool = True) -> None:
        """Check that a stream is this model's.

        Args:
            header: Of the stream.
            restored: Whether it is going to be restored, if it is to be.

        Raises:
            BitstreamError: It is another's.
            CheckpointError: There is no network to restore with.
        """
        needed = header.restored and restored
        mine = self.identity(needed)
        wanted = header.model if needed else header.model[: MODEL_BYTES // 2]
        if not mine.startswith(wanted):
            raise BitstreamError(
                f"This .mlc file needs the model {header.model.hex()}, and this musiclib has "
                f"{mine.hex()}. Decode it with the version of musiclib that wrote it, or name the "
                "folder of its model."
            )

    @property
    def _network(self) -> Checkpoint:
        if self.checkpoint is None:
            raise CheckpointError(
                "There is no network here to restore with. Train it (musiclib train "
                f"{RESTORER}), or leave it out (restore=False, or --no-restore)."
            )
        return self.checkpoint

    @cached_property
    def restorer(self) -> Restorer:
        """The network, in evaluation mode."""
        built = self._network.build_any()
        if not isinstance(built, Restorer):
            raise CheckpointError(f"{self._network.path} holds no restoring network.")
        return built.float()

    @property
    def context(self) -> int:
        """Frames on both sides of a window that the network looks at."""
        return self.restorer.config.reach

    def restore(self, spectrum: Spectrum, levels: Any) -> FloatArray:
        """Repair a window: its coefficients, `(T, 256)`.

        The same window gives the same bits in every thread and process of a machine, as long as
        each call has one thread (`one_thread`).
        """
        batch = spectrum_batch([spectrum], [levels])
        # Memory of PyTorch's own is aligned; sums of unaligned memory may end in other bits.
        parts = (batch.features, batch.coded, batch.noise, batch.scale)
        with torch.inference_mode():
            repaired = self.restorer(SpectrumBatch(*(part.clone() for part in parts)))
        found: FloatArray = repaired[0].numpy()
        return found


def start_thread() -> None:
    """Let the network compute with one thread when it is called from this one."""
    torch.set_num_threads(1)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let the network compute with one thread, and go back afterwards."""
    before = torch.get_num_threads()
    start_thread()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def open_model(folder: str | Path | None = None) -> Model:
    """Return a model. It is read once a process.

    Args:
        folder: Folder with tables and perhaps a network. By default those of the folder that
            `MUSICLIB_CHECKPOINTS` names, and for what it lacks those of the package.

    Raises:
        CheckpointError: The tables are missing, or a part is damaged.
    """
    names = (TABLES, weights_path(RESTORER).name)
    if folder is None:
        tables, network = map(find_shipped, names)
    else:
        place = Path(folder).absolute()
        tables, network = (path if (path := place / name).is_file() else None for name in names)
    if tables is None:
        where = f"{folder} has no {TABLES}" if folder else f"{TABLES} is missing from musiclib"
        raise CheckpointError(
            f"{where}, and the codec cannot work without its tables. Install musiclib again, or "
            f"name the folder of a training (--checkpoints, or {FOLDER_VARIABLE})."
        )
    parts = (tables, network)
    return _opened(parts, tuple(part.stat().st_mtime_ns if part else 0 for part in parts))


@lru_cache(maxsize=4)
def _opened(parts: tuple[Path, Path | None], _stamps: tuple[int, ...]) -> Model:
    tables, network = parts
    return Model(ContextTables.load(tables), load(network) if network else None)

"""Tables of the entropy coder: they are trained on music, kept in files, and worth their bytes."""

from pathlib import Path

import numpy as np
import pytest

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.codecs.melic.coding import TABLES, open_model
from musiclib.codecs.melic.entropy import (
    ContextTables,
    FrameEncoder,
    StaticTables,
    TrainedTables,
    raw_bits,
    train_tables,
    unmixed,
)
from musiclib.datasets import open_dataset
from musiclib.errors import CheckpointError, TrainingError
from musiclib.models.transform import Frames, Setting, analyse
from musiclib.training import find_shipped

GAIN = 140


def _tune(seed: int, seconds: float = 1.5) -> FloatArray:
    """Notes of a third of a second over a little noise."""
    random = np.random.default_rng(seed)
    time = np.arange(int(seconds * HOUSE_RATE)) / HOUSE_RATE
    pitch = 220.0 * 2.0 ** (random.integers(0, 12, int(3 * seconds) + 1) / 12)
    notes = pitch[(3 * time).astype(int)] * time
    tone = sum(np.sin(2 * np.pi * k * notes) / k for k in range(1, 9))
    return (0.1 * tone * np.exp(-4 * (3 * time % 1.0)) + random.normal(0, 0.003, len(time))).astype(
        np.float32
    )


def _cost(tables: ContextTables, frames: Frames, gain: int = GAIN) -> float:
    return FrameEncoder(tables).cost(frames.levels[None], frames.values[None], gain)


@pytest.fixture(scope="module")
def trained() -> TrainedTables:
    return train_tables(np.stack([_tune(2 * i), _tune(2 * i + 1)]) for i in range(4))


@pytest.fixture(scope="module")
def frames() -> Frames:
    return analyse(_tune(99), Setting(GAIN))


def test_each_part_of_the_coder_pays(trained: TrainedTables, frames: Frames) -> None:
    untrained = ContextTables.untrained()
    raw = raw_bits(frames)
    counted = StaticTables.empty()
    for seed in range(8):
        counted.count(analyse(_tune(seed), Setting(GAIN)), GAIN)
    static = counted.bits(frames, GAIN)
    alone = _cost(unmixed(trained.tables), frames)
    best = _cost(trained.tables, frames)
    assert best < alone < raw
    assert best < static < raw
    assert best < 0.95 * _cost(untrained, frames)


def test_shipped_tables_know_music_that_they_never_saw() -> None:
    shipped = ContextTables.load(find_shipped(TABLES))
    untrained = ContextTables.untrained()
    music = open_dataset("mini").part("validation")
    for clip in music.clips(start_s=8.0, duration_s=2.0, limit=2):
        for gain in (110, 190):
            found = analyse(clip.audio, Setting(gain))
            assert _cost(shipped, found, gain) < 0.98 * _cost(untrained, found, gain)


def test_training_is_repeatable_and_has_a_record(trained: TrainedTables) -> None:
    again = train_tables([_tune(i)[None] for i in range(8)])
    assert again.tables.digest == trained.tables.digest
    assert np.array_equal(again.static.sizes, trained.static.sizes)
    other = train_tables([_tune(i)[None] for i in range(8)], seed=1)
    assert other.tables.digest != trained.tables.digest
    assert trained.tables.record["segments"] == 8
    assert trained.tables.record["seconds"] == 12.0


def test_training_needs_audio() -> None:
    with pytest.raises(TrainingError, match="no audio"):
        train_tables([])


def test_a_file_keeps_all_that_decides_a_stream(
    tmp_path: Path, trained: TrainedTables, frames: Frames
) -> None:
    path = tmp_path / "tables.npz"
    trained.tables.save(path)
    found = ContextTables.load(path)
    assert found.digest == trained.tables.digest
    assert found.record == trained.tables.record
    part = frames.levels[None], frames.values[None]
    data = FrameEncoder(trained.tables).encode(*part, GAIN)
    assert FrameEncoder(found).encode(*part, GAIN) == data
    trained.static.save(tmp_path / "static.npz")
    static = StaticTables.load(tmp_path / "static.npz")
    assert static.bits(frames, GAIN) == trained.static.bits(frames, GAIN)


def test_a_constant_is_part_of_the_identity(trained: TrainedTables) -> None:
    tables = trained.tables
    faster = tables.constants.learning.copy()
    faster[0] += 1
    constants = tables.constants._replace(learning=faster)
    other = ContextTables(tables.of_levels, tables.of_values, constants)
    assert other.digest != tables.digest


def test_files_of_something_else_are_refused(tmp_path: Path, trained: TrainedTables) -> None:
    path = tmp_path / "tables.npz"
    for load in (ContextTables.load, StaticTables.load):
        with pytest.raises(CheckpointError, match="tables"):
            load(path)
    trained.tables.save(path)
    whole = path.read_bytes()
    for data in (b"", b"PK\3\4", whole[: len(whole) // 2], b"no tables at all"):
        path.write_bytes(data)
        for load in (ContextTables.load, StaticTables.load):
            with pytest.raises(CheckpointError, match="tables"):
                load(path)


def test_a_training_of_ones_own_wins_over_the_shipped_model(tmp_path, monkeypatch):
    monkeypatch.delenv("MUSICLIB_CHECKPOINTS", raising=False)
    shipped = open_model()
    with pytest.raises(CheckpointError, match=r"has no codec-tables\.npz"):
        open_model(tmp_path)
    mine = ContextTables.untrained().rounded(20)
    mine.save(tmp_path / TABLES)
    alone = open_model(tmp_path)
    assert alone.checkpoint is None
    assert alone.tables.digest == mine.digest
    monkeypatch.setenv("MUSICLIB_CHECKPOINTS", str(tmp_path))
    both = open_model()
    assert both.tables.digest == mine.digest
    assert both.identity(True)[2:] == shipped.identity(True)[2:]
    assert both.identity(True) != shipped.identity(True)

"""The entropy coder of Melic: what is written is read, at the price that was named."""

import ast
import hashlib
import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

from musiclib.codecs.melic import entropy
from musiclib.codecs.melic.entropy import (
    LARGEST_VALUE,
    ContextTables,
    FrameDecoder,
    FrameEncoder,
    StaticTables,
    raw_bits,
    train_tables,
    unmixed,
)
from musiclib.datasets import open_dataset
from musiclib.errors import BitstreamError, CheckpointError
from musiclib.models import transform
from musiclib.models.transform import LARGEST_LEVEL, QuantiserSetting, analyse
from musiclib.training import find_shipped
from musiclib.training.paths import TABLES

GAIN = 120


@pytest.fixture(scope="module")
def tables():
    return ContextTables.untrained()


def numbers(kind, n=12, channels=1):
    """Levels and values that are found again on every machine: whole numbers alone make them."""
    random = np.random.Generator(np.random.PCG64(7))
    shape = (channels, n)
    if kind == "silent":
        return np.zeros((*shape, 20), np.int32), np.zeros((*shape, 256), np.int32)
    if kind == "random":
        return (
            random.integers(0, LARGEST_LEVEL + 1, (*shape, 20), np.int32),
            random.integers(-40, 41, (*shape, 256), np.int32),
        )
    if kind == "extreme":
        levels = random.integers(0, 2, (*shape, 20)) * LARGEST_LEVEL
        values = random.integers(-1, 2, (*shape, 256)) * (LARGEST_VALUE - 1)
        return levels.astype(np.int32), values.astype(np.int32)
    # Partials that hold on, over levels that fall towards high bands and change now and then.
    steps = (random.integers(0, 12, (*shape, 20)) == 0) * random.integers(-2, 3, (*shape, 20))
    levels = np.clip(34 - np.arange(20) + np.cumsum(steps, axis=1), 0, LARGEST_LEVEL)
    size = (random.integers(0, 64, (*shape, 256)) < np.maximum(24 - np.arange(256) // 6, 1)) * 1
    size[..., 9::14] += random.integers(2, 5, size[..., 9::14].shape)
    return levels.astype(np.int32), (size * random.choice([-1, 1], size.shape)).astype(np.int32)


class TestCoder:
    @pytest.mark.parametrize("channels", [1, 2])
    @pytest.mark.parametrize("kind", ["silent", "random", "extreme", "musical"])
    def test_frames_come_back_from_one_block_and_from_many(self, tables, kind, channels):
        levels, values = numbers(kind, channels=channels)
        for cuts in ([0, 12], [0, 1, 2, 7, 12]):
            encoder, decoder = FrameEncoder(tables, channels), FrameDecoder(tables, channels)
            for start, end in itertools.pairwise(cuts):
                part = levels[:, start:end], values[:, start:end]
                data = encoder.encode(*part, GAIN + start)
                found = decoder.decode(data, end - start, GAIN + start)
                assert all(map(np.array_equal, found, part))

    @pytest.mark.parametrize("kind", ["random", "extreme", "musical"])
    def test_bytes_are_the_cost_within_a_thousandth(self, tables, kind):
        part = numbers(kind, 150)
        encoder = FrameEncoder(tables)
        bits = encoder.cost(*part, GAIN)
        data = encoder.encode(*part, GAIN)
        assert FrameEncoder(tables).encode(*part, GAIN) == data  # asking changes nothing
        assert bits / 8 <= len(data) + 1 <= 1.001 * bits / 8 + 3

    def test_the_coder_learns_as_it_goes_and_from_the_other_channel(self, tables):
        levels, values = numbers("musical", 100)
        encoder = FrameEncoder(tables)
        # Signs cost a bit each, whatever was learnt.
        first = encoder.spend(levels, values, GAIN)[:3].sum()
        assert encoder.spend(levels, values, GAIN)[:3].sum() < 0.95 * first
        alone = FrameEncoder(tables).cost(levels, values, GAIN)
        twice = np.concatenate([levels, levels]), np.concatenate([values, values])
        assert FrameEncoder(tables, 2).cost(*twice, GAIN) < 1.8 * alone
        silent = numbers("silent", 100)
        encoder.encode(*silent, GAIN)
        assert len(encoder.encode(*silent, GAIN)) < 20

    def test_threads_and_machines_write_the_same_bytes(self, tables):
        shipped = ContextTables.load(find_shipped(TABLES))

        def write(known: ContextTables) -> str:
            data = FrameEncoder(known, 2).encode(*numbers("musical", 20, 2), GAIN)
            return hashlib.sha256(data).hexdigest()[:16]

        with ThreadPoolExecutor(3) as pool:
            digests = list(pool.map(write, 3 * [shipped, tables]))
        assert digests == 3 * ["fbed9b302d88b1e6", "5000289361b77b6c"]

    def test_damage_is_an_error_or_numbers_in_range(self, tables):
        random = np.random.default_rng(3)
        data = FrameEncoder(tables).encode(*numbers("musical"), GAIN)
        streams = [b"", b"\0", data[:-1], data + b"\0", data[: len(data) // 2], bytes(3000)]
        streams += [b"\xff" * len(data), *(random.bytes(len(data)) for _ in range(20))]
        for _ in range(40):
            damaged = bytearray(data)
            damaged[random.integers(len(data))] ^= 1 << random.integers(8)
            streams.append(bytes(damaged))
        refused = 0
        for stream in streams:
            try:
                levels, values = FrameDecoder(tables).decode(stream, 12, GAIN)
            except BitstreamError:
                refused += 1
                continue
            assert 0 <= levels.min() <= levels.max() <= LARGEST_LEVEL
            assert np.abs(values).max() < LARGEST_VALUE
        assert refused > 60
        with pytest.raises(BitstreamError, match="damaged"):  # and no long wait
            FrameDecoder(tables).decode(b"\xa5" * 40, 50_000, GAIN)


def tune(seed):
    """Notes of a third of a second over a little noise, 1.5 s."""
    random = np.random.default_rng(seed)
    time = np.arange(36_000) / 24_000
    pitch = 220.0 * 2.0 ** (random.integers(0, 12, 5) / 12)
    notes = pitch[(3 * time).astype(int)] * time
    tone = sum(np.sin(2 * np.pi * k * notes) / k for k in range(1, 9))
    noise = random.normal(0, 0.003, len(time))
    return (0.1 * tone * np.exp(-4 * (3 * time % 1.0)) + noise).astype(np.float32)


def cost(tables, frames, gain=GAIN):
    return FrameEncoder(tables).cost(frames.levels[None], frames.values[None], gain)


class TestTables:
    @pytest.fixture(scope="class")
    def trained(self):
        return train_tables(np.stack([tune(2 * i), tune(2 * i + 1)]) for i in range(4))

    def test_each_part_of_the_coder_pays(self, tables, trained):
        frames = analyse(tune(99), QuantiserSetting(GAIN))
        counted = StaticTables.empty()
        for seed in range(8):
            counted.count(analyse(tune(seed), QuantiserSetting(GAIN)), GAIN)
        best = cost(trained.tables, frames)
        assert best < 0.95 * cost(tables, frames)
        assert best < cost(unmixed(trained.tables), frames) < raw_bits(frames)
        assert best < counted.bits(frames, GAIN) < raw_bits(frames)

    def test_shipped_tables_know_music_that_they_never_saw(self, tables):
        shipped = ContextTables.load(find_shipped(TABLES))
        music = open_dataset("mini").part("validation")
        for clip in music.clips(start_s=8.0, duration_s=2.0, limit=2):
            for gain in (110, 190):
                found = analyse(clip.audio, QuantiserSetting(gain))
                assert cost(shipped, found, gain) < 0.98 * cost(tables, found, gain)

    def test_a_file_keeps_all_that_decides_a_stream(self, tmp_path, trained):
        path, static = tmp_path / "tables.npz", tmp_path / "static.npz"
        for load in (ContextTables.load, StaticTables.load):
            with pytest.raises(CheckpointError, match="tables"):
                load(path)
        trained.tables.save(path)
        trained.static.save(static)
        found = ContextTables.load(path)
        assert found.digest == trained.tables.digest
        assert found.record == trained.tables.record
        part = numbers("musical")
        data = FrameEncoder(trained.tables).encode(*part, GAIN)
        assert FrameEncoder(found).encode(*part, GAIN) == data
        assert np.array_equal(StaticTables.load(static).steps, trained.static.steps)
        learning = found.constants.learning + 1
        faster = ContextTables(
            found.of_levels, found.of_values, found.constants._replace(learning=learning)
        )
        assert faster.digest != found.digest
        whole = path.read_bytes()
        for wrong in (b"", b"PK\3\4", whole[: len(whole) // 2], b"no tables at all"):
            path.write_bytes(wrong)
            for load in (ContextTables.load, StaticTables.load):
                with pytest.raises(CheckpointError, match="tables"):
                    load(path)


@pytest.mark.parametrize("module", [entropy, transform])
def test_all_that_is_compiled_stands_in_one_file(module):
    """Numba's cache follows the file of the compiled function, and no other."""
    tree = ast.parse(Path(module.__file__).read_text())
    imported = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("musiclib")
        for alias in node.names
    }
    compiled = {n: f for n, f in vars(module).items() if isinstance(f, Dispatcher)}
    assert compiled
    for name, function in compiled.items():
        assert Path(function.py_func.__code__.co_filename) == Path(module.__file__), name
        assert not imported.intersection(function.py_func.__code__.co_names), name

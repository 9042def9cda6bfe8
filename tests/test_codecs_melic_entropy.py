"""The entropy coder of Melic: what is written is read, at the price that was named."""

import ast
import hashlib
import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from musiclib.codecs.melic import entropy
from musiclib.codecs.melic.coding import TABLES
from musiclib.codecs.melic.entropy import (
    LARGEST_VALUE,
    ContextTables,
    FrameDecoder,
    FrameEncoder,
    layout,
)
from musiclib.errors import BitstreamError, CodecError
from musiclib.models.transform import LARGEST_LEVEL, ratio
from musiclib.training import find_shipped

Ints = npt.NDArray[np.int32]
GAIN = 120


@pytest.fixture(scope="module")
def tables() -> ContextTables:
    return ContextTables.untrained()


def _frames(kind: str, n: int = 12, channels: int = 1) -> tuple[Ints, Ints]:
    """Frames that are found again on every machine: whole numbers alone make them."""
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


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("kind", ["silent", "random", "extreme", "musical"])
def test_frames_come_back_from_one_block_and_from_many(
    tables: ContextTables, kind: str, channels: int
) -> None:
    levels, values = _frames(kind, channels=channels)
    for cuts in ([0, 12], [0, 1, 2, 7, 12]):
        encoder, decoder = FrameEncoder(tables, channels), FrameDecoder(tables, channels)
        for start, end in itertools.pairwise(cuts):
            part = levels[:, start:end], values[:, start:end]
            data = encoder.encode(*part, GAIN + start)
            found = decoder.decode(data, end - start, GAIN + start)
            assert np.array_equal(found[0], part[0])
            assert np.array_equal(found[1], part[1])


@pytest.mark.parametrize("kind", ["random", "extreme", "musical"])
def test_bytes_are_the_cost_within_a_thousandth(tables: ContextTables, kind: str) -> None:
    levels, values = _frames(kind, 150)
    encoder = FrameEncoder(tables)
    bits = encoder.cost(levels, values, GAIN)
    data = encoder.encode(levels, values, GAIN)
    assert bits / 8 <= len(data) + 1 <= 1.001 * bits / 8 + 3


def test_silence_is_nearly_free(tables: ContextTables) -> None:
    encoder = FrameEncoder(tables)
    levels, values = _frames("silent", 100)
    encoder.encode(levels, values, GAIN)
    assert len(encoder.encode(levels, values, GAIN)) < 20


def test_asking_for_the_cost_changes_nothing(tables: ContextTables) -> None:
    levels, values = _frames("musical")
    asked, silent = FrameEncoder(tables), FrameEncoder(tables)
    assert asked.cost(levels, values, GAIN) == asked.cost(levels, values, GAIN)
    assert asked.encode(levels, values, GAIN) == silent.encode(levels, values, GAIN)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_trace_is_what_each_value_costs(tables: ContextTables, channels: int) -> None:
    levels, values = _frames("musical", 24, channels)
    spent = FrameEncoder(tables, channels).spend(levels, values, GAIN)
    trace = FrameEncoder(tables, channels).trace(levels, values, GAIN)
    assert trace.shape == (24, channels, 256, 2)
    assert trace[..., 0].sum() == pytest.approx(spent[1])
    assert trace[..., 1].sum() == pytest.approx(spent[2] + spent[3])


def test_a_copy_goes_on_alone(tables: ContextTables) -> None:
    levels, values = _frames("musical", 24)
    first, second = slice(0, 12), slice(12, 24)
    encoder = FrameEncoder(tables)
    encoder.encode(levels[:, first], values[:, first], GAIN)
    copy = encoder.copy()
    copy.encode(*_frames("random"), GAIN)
    again = FrameEncoder(tables)
    again.encode(levels[:, first], values[:, first], GAIN)
    rest = levels[:, second], values[:, second]
    assert encoder.encode(*rest, GAIN) == again.encode(*rest, GAIN)


def test_the_coder_learns_as_it_goes(tables: ContextTables) -> None:
    levels, values = _frames("musical", 100)
    encoder = FrameEncoder(tables)
    # Signs cost a bit each, whatever was learnt.
    first = encoder.spend(levels, values, GAIN)[:3].sum()
    assert encoder.spend(levels, values, GAIN)[:3].sum() < 0.95 * first


def test_a_side_that_repeats_the_middle_is_cheap(tables: ContextTables) -> None:
    levels, values = _frames("musical", 100)
    alone = FrameEncoder(tables).cost(levels, values, GAIN)
    twice = np.concatenate([levels, levels]), np.concatenate([values, values])
    assert FrameEncoder(tables, 2).cost(*twice, GAIN) < 1.8 * alone


def test_ratios_are_those_of_the_quantiser() -> None:
    levels, _ = _frames("random", 50)
    bins = layout()
    lower, upper = bins.lower, bins.upper_weight
    envelope = levels[..., lower] * (256 - upper) + levels[..., lower + 1] * upper
    for gain in (0, 97, 255):
        step = ((envelope * 154) >> 8) + bins.offset + 16 * gain
        found = np.clip(((envelope - step) >> 7) + 16, 0, 63)
        assert np.array_equal(found, ratio(levels, gain))


def test_threads_and_processes_write_the_same_bytes(tables: ContextTables) -> None:
    def write(_: int) -> str:
        data = FrameEncoder(tables).encode(*_frames("musical"), GAIN)
        return hashlib.sha256(data).hexdigest()

    with ThreadPoolExecutor(3) as pool:
        digests = set(pool.map(write, range(6)))
    program = (
        "import hashlib; from tests.test_codecs_melic_entropy import _frames, GAIN;"
        "from musiclib.codecs.melic.entropy import ContextTables, FrameEncoder;"
        "coder = FrameEncoder(ContextTables.untrained());"
        "print(hashlib.sha256(coder.encode(*_frames('musical'), GAIN)).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert digests == {done.stdout.strip()}


def test_the_format_is_the_same_on_every_machine() -> None:
    # Tables or decisions that differ anywhere make files that cannot be read anywhere else.
    shipped = ContextTables.load(find_shipped(TABLES))
    data = FrameEncoder(shipped, 2).encode(*_frames("musical", 20, 2), GAIN)
    assert hashlib.sha256(data).hexdigest()[:16] == "fbed9b302d88b1e6"


def test_damage_is_an_error_or_numbers_in_range(tables: ContextTables) -> None:
    random = np.random.default_rng(3)
    levels, values = _frames("musical")
    data = FrameEncoder(tables).encode(levels, values, GAIN)
    streams = [b"", b"\0", data[:-1], data + b"\0", data[: len(data) // 2], bytes(3000)]
    streams += [b"\xff" * len(data), *(random.bytes(len(data)) for _ in range(20))]
    for _ in range(40):
        damaged = bytearray(data)
        damaged[random.integers(len(data))] ^= 1 << random.integers(8)
        streams.append(bytes(damaged))
    refused = 0
    for stream in streams:
        try:
            found = FrameDecoder(tables).decode(stream, 12, GAIN)
        except BitstreamError:
            refused += 1
            continue
        assert found[0].min() >= 0
        assert found[0].max() <= LARGEST_LEVEL
        assert np.abs(found[1]).max() < LARGEST_VALUE
    assert refused > 60


def test_a_short_block_does_not_make_a_long_wait(tables: ContextTables) -> None:
    with pytest.raises(BitstreamError, match="damaged"):
        FrameDecoder(tables).decode(b"\xa5" * 40, 50_000, GAIN)


@pytest.mark.parametrize(
    ("levels", "values", "gain", "message"),
    [
        ((1, 3, 20), (1, 3, 256), 256, "gain"),
        ((1, 3, 20), (1, 4, 256), 0, "shapes"),
        ((2, 3, 20), (2, 3, 256), 0, "shapes"),
        ((1, 0, 20), (1, 0, 256), 0, "shapes"),
        ((3, 20), (3, 256), 0, "shapes"),
    ],
)
def test_wrong_frames_are_refused(
    tables: ContextTables,
    levels: tuple[int, ...],
    values: tuple[int, ...],
    gain: int,
    message: str,
) -> None:
    numbers = np.zeros(levels, np.int32), np.zeros(values, np.int32)
    with pytest.raises(CodecError, match=message):
        FrameEncoder(tables).encode(*numbers, gain)


def test_numbers_out_of_range_are_refused(tables: ContextTables) -> None:
    levels, values = _frames("musical")
    encoder = FrameEncoder(tables)
    for bad in (levels + LARGEST_LEVEL, levels - LARGEST_LEVEL, levels.astype(np.float32)):
        with pytest.raises(CodecError, match="levels"):
            encoder.encode(bad, values, GAIN)
    with pytest.raises(CodecError, match="values"):
        encoder.encode(levels, values + LARGEST_VALUE, GAIN)


def test_all_that_is_compiled_stands_in_one_file():
    """Numba's cache follows the file of the compiled function, and no other."""
    from numba.core.dispatcher import Dispatcher

    source = Path(entropy.__file__)
    waiting, seen = [entropy.run], set()
    while waiting:
        function = waiting.pop().py_func
        seen.add(function.__name__)
        assert Path(function.__code__.co_filename) == source
        used = [function.__globals__.get(name) for name in function.__code__.co_names]
        waiting += [
            found
            for found in used
            if isinstance(found, Dispatcher) and found.py_func.__name__ not in seen
        ]
    assert len(seen) > 5
    imported = [node for node in ast.walk(ast.parse(source.read_text())) if hasattr(node, "names")]
    names = [getattr(node, "module", None) or node.names[0].name for node in imported]
    assert not [name for name in names if name.startswith("musiclib")]

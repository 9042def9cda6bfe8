"""Formulas of codecs that a round trip cannot tell from wrong ones."""

import io
import itertools

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from musiclib.codecs import get_codec
from musiclib.codecs.base import LARGEST, read_varint, to_varint
from musiclib.codecs.melic.bitstream import Block, Header, Writer, block_size
from musiclib.codecs.traditional import _best_mode
from musiclib.models.transform import (
    EDGES,
    N_BANDS,
    N_BINS,
    amplitude,
    missing_level,
    quantise,
    step_exponents,
)
from tests.codec_signals import RATE, music


@example(127)
@example(128)
@given(st.integers(0, LARGEST))
def test_varints_come_back_and_say_where_they_end(value: int) -> None:
    data = to_varint(value)
    assert read_varint(b"\xff" + data + b"\xff", 1) == (value, len(data) + 1)
    assert len(data) == max(1, -(-value.bit_length() // 7))


def test_a_block_takes_the_bytes_that_the_search_for_a_bitrate_counts() -> None:
    for channels in (1, 2):
        writer = Writer(io.BytesIO(), Header(bytes(4), RATE, 1 << 20, channels, channels, True))
        last = None
        for gain, size in ((120, 0), (120, 63), (121, 64), (121, 9_000)):
            block, before = Block(gain, 0, bytes(size)), writer.n_bytes
            writer.write(block)
            assert writer.n_bytes - before == block_size(block, last, channels == 2)
            last = gain, 0


def test_each_channel_of_opus_gets_the_mode_of_its_own_bitrate() -> None:
    both = np.stack([music(1.0), music(1.0, seed=1)])
    for kbps in (8, 16, 24, 48):
        best = _best_mode(kbps, None)
        asked = get_codec("opus", 2 * kbps, application=best.application, frame_ms=best.frame_ms)
        assert get_codec("opus", 2 * kbps).encode(both, RATE) == asked.encode(both, RATE)


def test_a_value_is_rounded_up_beyond_half_a_step_and_the_dead_zone() -> None:
    levels = np.full((1, N_BANDS), 20, np.int32)
    step = amplitude(step_exponents(levels, 100))
    for dead_zone, whole in itertools.product((0.0, 0.1, 0.2, 0.3), range(4)):
        edge = whole + 0.5 + dead_zone
        for size, expected in ((edge - 0.01, whole), (edge + 0.01, whole + 1)):
            assert np.all(quantise(size * step, levels, 100, dead_zone) == expected)
            assert np.all(quantise(-size * step, levels, 100, dead_zone) == -expected)


def test_noise_has_the_power_that_the_level_of_its_band_leaves() -> None:
    random = np.random.default_rng(0)
    levels = random.integers(20, 30, (50, N_BANDS)).astype(np.int32)
    power = np.square(amplitude(levels * 256), dtype=np.float64) * np.diff(EDGES)
    sent = random.random((50, N_BINS)) < 0.4
    sent[:, EDGES[:-1]] = False  # there is something to fill in each band
    # Of the whole power of a band, the values that were sent take less than half.
    each = np.repeat(np.sqrt(0.4 * power / np.diff(EDGES)), np.diff(EDGES), axis=1)
    coded = np.where(sent, each, 0.0).astype(np.float32)
    # Steps so large that they set no limit to what may have been lost.
    noise = missing_level(coded, np.full(coded.shape, 1e3, np.float32), levels)
    filled = np.where(sent, 0.0, np.square(noise, dtype=np.float64)) + np.square(coded)
    assert np.add.reduceat(filled, EDGES[:-1], axis=1) == pytest.approx(power, rel=1e-4)

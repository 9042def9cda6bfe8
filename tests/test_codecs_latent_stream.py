"""Files of autoencoders: exact on every machine, near the ideal size, and safe to open."""

import hashlib
import zlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from musiclib.codecs import AutoencoderCodec
from musiclib.codecs.latent import bitstream, coding
from musiclib.codecs.latent.coding import (
    Statistics,
    make_plan,
    read_signed_varints,
    to_signed_varints,
)
from musiclib.codecs.latent.mixing import HIGHEST, LOWEST, TOTAL, noisy_index, table
from musiclib.errors import BitstreamError
from musiclib.models.calibration import UNUSED
from tests.codec_signals import music as chords
from tests.latent_fixture import RATE, checkpoints, music

__all__ = ["checkpoints", "music"]
# Three channels: a narrow one, a wide one, and one that is not used.
SCALES = np.array([[0, 12, UNUSED], [-2, 11, UNUSED], [-3, 10, UNUSED], [-4, 9, UNUSED]])
SCALES = np.concatenate([SCALES, [[-5, 9, UNUSED]]]).astype(np.int64)
STATISTICS = Statistics(SCALES, np.array([0, 1, 0]))
SEQUENCE = Statistics(SCALES[:, :2], np.array([0, 1]), sequence=True)


def test_tables_are_the_same_numbers_everywhere():
    found = table(0, 0)
    assert found.weights[found.reach :][:6].tolist() == [
        6601326, 3216192, 1183171, 435265, 160125, 58907,
    ]  # fmt: skip
    total = hashlib.sha256()
    for shape in (0, 1):
        for index in range(LOWEST, HIGHEST + 1):
            found = table(shape, index)
            assert int(found.weights.sum()) == TOTAL
            assert found.weights.min() >= 1
            assert np.array_equal(found.weights[:-1], found.weights[-2::-1])
            total.update(found.weights.astype("<i8").tobytes())
    assert total.hexdigest() == "072d3f67f333bf97c03042077183e688cf49d39b3d278b3a5191cc3dafbc7bd3"
    for outside in ((2, 0), (0, LOWEST - 1), (0, HIGHEST + 1)):
        with pytest.raises(ValueError, match="no table"):
            table(*outside)


@pytest.mark.parametrize("index", [-8, 0, 5, 16])
def test_tables_are_the_distributions_that_they_stand_for(index):
    scale = 2.0 ** (index / 4)
    edges = np.arange(-4, 4) + 0.5
    below = {
        0: np.where(edges < 0, np.exp(edges / scale) / 2, 1 - np.exp(-edges / scale) / 2),
        1: 1 / (1 + np.exp(-edges / scale)),
    }
    for shape, cumulative in below.items():
        found = table(shape, index)
        share = found.weights[found.reach - 3 : found.reach + 4] / TOTAL
        np.testing.assert_allclose(share, np.diff(cumulative), atol=2e-5)
        assert float(Fraction(int(found.weights[-1]), TOTAL)) < 2e-5


def test_bytes_are_the_same_everywhere():
    values = np.array([[0, 1, 2, 3, 3, 2, 1, 0, -1, -2], [5, -4, 300, 0, 1, -70000, 2, -1, 0, 3]])
    scale = np.array([[0, 4], [-2, 4], [-3, 5], [-4, 6], [-5, 8]])
    data = coding.encode(values, Statistics(scale, np.array([0, 1])), 0)
    assert data.hex() == "0005d804dfc508d2187b9c68c9e0fef6e6c2a725010000"


@settings(deadline=None, max_examples=60)
@given(
    arrays.arrays(np.int64, (3, 17), elements=st.integers(-(2**20), 2**20)),
    st.integers(-30, 30),
    st.booleans(),
)
def test_every_value_comes_back(values, step, small):
    values = values % 7 - 3 if small else values
    values[2] = 0
    data = coding.encode(values, STATISTICS, step)
    assert np.array_equal(coding.decode(data, STATISTICS, step, 17), values)


@pytest.mark.parametrize("size", [2, 200])
def test_a_sequence_that_can_be_foretold_costs_less(size):
    rng = np.random.default_rng(3)
    wave = size * np.sin(0.9 * np.arange(4000)) + 0.3 * rng.standard_normal(4000)
    values = np.rint(wave).astype(np.int64).reshape(-1, 2).T
    step = round(-4 * np.log2(size)) + 4
    plain = Statistics(SEQUENCE.scale, SEQUENCE.shape)
    data = {kind: coding.encode(values, kind, step) for kind in (SEQUENCE, plain)}
    assert np.array_equal(coding.decode(data[SEQUENCE], SEQUENCE, step, 2000), values)
    assert len(data[SEQUENCE]) < 0.75 * len(data[plain])


def test_sizes_are_near_the_ideal():
    rng = np.random.default_rng(5)
    for step in (-12, 0, 6):
        scale = 2.0 ** ((SCALES[0, :2] - step) / 4)
        values = np.rint(rng.laplace(scale=scale[:, None], size=(2, 5000))).astype(np.int64)
        values = np.concatenate([values, np.zeros((1, 5000), np.int64)])
        bits = 8 * len(coding.encode(values, STATISTICS, step))
        counted = make_plan(values[:2], STATISTICS, step)
        tables = [
            table(int(k), int(i)) for k, i in zip(STATISTICS.shape[:2], counted.index, strict=True)
        ]
        sizes = np.abs(counted.errors)
        ideal = sum(
            t.bits[np.minimum(s, t.reach)].sum() for t, s in zip(tables, sizes, strict=True)
        )
        assert ideal < bits < 1.01 * ideal + 8 * 16
        # And the tables are near what the values hold: their entropy as counted.
        entropy = 0.0
        for row in values[:2]:
            counts = np.unique(row, return_counts=True)[1]
            entropy -= float((counts * np.log2(counts / 5000)).sum())
        assert bits < 1.03 * entropy + 8 * 16


def test_channels_that_are_not_used_cost_nothing():
    empty = Statistics(np.full((5, 3), UNUSED), np.zeros(3, np.int64))
    data = coding.encode(np.zeros((3, 10_000), np.int64), empty, 0)
    assert len(data) == 1
    assert not coding.decode(data, empty, 0, 10_000).any()
    values = np.random.default_rng(0).integers(-3, 4, (3, 100))
    values[2] = 0
    fewer = Statistics(SCALES[:, :2], STATISTICS.shape[:2])
    assert coding.encode(values, STATISTICS, 0) == coding.encode(values[:2], fewer, 0)


def test_scales_with_a_noisy_prediction():
    assert [noisy_index(index, 0) for index in (-20, 0, 30)] == [-20, 0, 30]
    assert [noisy_index(index, 4) for index in (-20, -10, -6, 0, 30)] == [-9, -8, -5, 0, 30]


@settings(deadline=None)
@given(st.lists(st.integers(-(2**33), 2**33)))
def test_numbers_of_any_size_come_back(values):
    data = to_signed_varints(values)
    found, end = read_signed_varints(data, 0, len(values))
    assert (found.tolist(), end) == (values, len(data))
    if values:
        with pytest.raises(BitstreamError):
            read_signed_varints(data[:-1], 0, len(values))


def test_levels_are_exact_to_a_hundredth():
    for gain_db in (-99.0, -10.457, 0.0, 89.3):
        gain = bitstream.from_level(bitstream.to_level(gain_db))
        assert 20 * np.log10(gain) == pytest.approx(gain_db, abs=0.0051)
    with pytest.raises(BitstreamError, match="no code"):
        bitstream.to_level(600.0)


@pytest.fixture(scope="module")
def files(checkpoints):
    return {
        kind: (codec, codec.encode(chords(1.0, RATE), RATE))
        for kind in ("deep", "waveform")
        for codec in [AutoencoderCodec(checkpoints[kind], step=-8)]
    }


@pytest.mark.parametrize("kind", ["deep", "waveform"])
@pytest.mark.parametrize("damage", ["flip", "cut", "splice", "noise", "truncate"])
def test_damaged_files_are_refused(files, kind, damage):
    codec, data = files[kind]
    rng = np.random.default_rng(len(damage))
    for _ in range(60):
        at = int(rng.integers(0, len(data)))
        changed = bytearray(data)
        if damage == "flip":
            changed[at] ^= 1 << int(rng.integers(0, 8))
        elif damage == "cut":
            del changed[at : at + int(rng.integers(1, 50))]
        elif damage == "splice":
            changed[at:at] = data[: int(rng.integers(1, 200))]
        elif damage == "noise":
            changed[12:] = rng.bytes(len(data) - 12)
        else:
            changed = changed[:at]
        with pytest.raises(BitstreamError):
            codec.decode(bytes(changed))


@pytest.mark.parametrize("kind", ["deep", "waveform"])
def test_hostile_files_with_a_right_checksum_decode_or_are_refused(files, kind):
    codec, data = files[kind]
    rng = np.random.default_rng(4)
    refused = 0
    for number in range(150):
        body = bytearray(data[:-4])
        for at in rng.integers(3 if number % 2 else 12, len(body), 1 + number % 3):
            body[min(int(at), len(body) - 1)] = int(rng.integers(0, 256))
        if number % 5 == 0:  # lengths, where they are declared
            body[14 : 14 + 4] = rng.bytes(4)
        try:
            audio, rate = codec.decode(bytes(body) + zlib.crc32(body).to_bytes(4, "little"))
        except BitstreamError:
            refused += 1
        else:
            assert np.isfinite(audio).all()
            assert rate == RATE
    assert refused > 50


def test_a_file_that_declares_years_is_refused_at_once(files):
    codec, data = files["deep"]
    stream = bitstream.unpack(data)
    for n_samples in (4 * 3600 * RATE, 2**34, 0):
        made = bitstream.pack(
            bitstream.Stream(stream.model_id, n_samples, 0, stream.levels, stream.payloads)
        )
        with pytest.raises(BitstreamError, match=r"declares more than 3 hours|makes no sense"):
            codec.decode(made)
    # Within the bounds, but of more blocks than there are.
    made = bitstream.pack(
        bitstream.Stream(stream.model_id, 3600 * RATE, -8, stream.levels, stream.payloads)
    )
    with pytest.raises(BitstreamError, match="damaged"):
        codec.decode(made)


def test_foreign_and_later_files(files):
    codec, data = files["deep"]
    for wrong, message in (
        (b"", "no .mla file"),
        (b"RIFF1234WAVE", "no .mla file"),
        (data[:3] + b"\x09" + data[4:], "version 9"),
        (data[:20], "truncated or damaged"),
    ):
        with pytest.raises(BitstreamError, match=message):
            codec.decode(wrong)

"""Two more ways to code latents: context mixing for whole numbers, tables for codes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from musiclib.codecs import AutoencoderCodec
from musiclib.codecs.latent import bitstream, codes, coding, mixing
from musiclib.codecs.latent.codec import CodedModel
from musiclib.codecs.latent.coding import MIXED, Statistics
from musiclib.errors import BitstreamError, CodecError
from musiclib.models import Bottleneck, FrequencyConfig
from musiclib.models.calibration import PREDICTORS
from musiclib.training import fit, load, new_model
from tests.codec_signals import music as chords
from tests.training_fixture import RATE, TRAINING, music

__all__ = ["music"]
SHAPE = np.array([0, 0, 1, 0])
INDEX = np.array([-8, 2, 8, 14])
SPECTRA = FrequencyConfig(
    sample_rate=RATE, n_fft=256, hop_length=64, offset=0.01, latent=24, width=8, blocks=1
)


def drawn(frames, loudness=1.0, seed=0):
    """Numbers that follow the expected tables, louder or quieter from frame to frame."""
    scale = 2.0 ** (INDEX / 4.0)[:, None] * loudness
    return np.rint(np.random.default_rng(seed).laplace(scale=scale, size=(4, frames))).astype(int)


@pytest.mark.parametrize("frames", [1, 2, 300])
def test_every_number_comes_back(frames):
    errors = drawn(frames)
    errors[2, -1] = -30_000
    data = mixing.encode(errors, SHAPE, INDEX)
    np.testing.assert_array_equal(mixing.decode(data, SHAPE, INDEX, frames), errors)


def test_mixing_costs_no_more_than_the_tables_it_starts_from():
    errors = drawn(3000)
    ideal = 0.0
    for row, shape, index in zip(errors, SHAPE, INDEX, strict=True):
        table = coding.table(int(shape), int(index))
        ideal += table.bits[np.minimum(np.abs(row), table.reach + 1)].sum()
    # The third row is drawn from another law than its table's: that is for the mixer to find out.
    assert 8 * len(mixing.encode(errors, SHAPE, INDEX)) < 1.03 * ideal


def test_mixing_hears_how_loud_a_frame_is():
    loudness = np.where(np.arange(3000) // 20 % 2, 3.0, 0.2)
    statistics = Statistics(np.tile(INDEX, (len(PREDICTORS), 1)), SHAPE)
    values = drawn(3000, loudness)
    tables, mixed = (len(coding.encode(values, statistics, 0, way)) for way in coding.ENTROPIES)
    assert mixed < 0.9 * tables
    data = coding.encode(values, statistics, 0, coding.MIXING)
    assert data[0] == MIXED
    np.testing.assert_array_equal(coding.decode(data, statistics, 0, 3000), values)


def test_damaged_mixing_is_noticed_or_changes_numbers_alone():
    data = mixing.encode(drawn(200), SHAPE, INDEX)
    with pytest.raises(BitstreamError, match="do not end where"):
        mixing.decode(data[:-10], SHAPE, INDEX, 200)
    with pytest.raises(BitstreamError, match="do not end where"):
        mixing.decode(data + b"\0\0\0\0\0\0", SHAPE, INDEX, 200)
    with pytest.raises(BitstreamError):
        mixing.decode(data, SHAPE, INDEX, 100_000)
    with pytest.raises(CodecError, match="too many or too large"):
        mixing.encode(np.full((4, 2), 2**20), SHAPE, INDEX)


def test_codes_cost_what_their_use_says():
    rng = np.random.default_rng(0)
    share = np.array([0.7, 0.2, 0.1, 0.0])
    tables = codes.code_tables(np.stack([share * 10_000, np.full(4, 50.0)]).astype(np.int64))
    index = np.stack([rng.choice(4, 20_000, p=share), rng.integers(0, 4, 20_000)])
    data = codes.encode(index, tables)
    np.testing.assert_array_equal(codes.decode(data, tables, 2, 20_000), index)
    entropy = -(share[:3] * np.log2(share[:3])).sum() + 2.0
    assert 8 * len(data) / 20_000 == pytest.approx(entropy, rel=0.01)
    # A code that was never used has a table's place as well.
    rare = np.array([[3, 3, 3]])
    np.testing.assert_array_equal(codes.decode(codes.encode(rare, tables), tables, 1, 3), rare)
    for stages, frames in ((1, 20_000), (2, 10), (3, 20_000)):
        with pytest.raises(BitstreamError):
            codes.decode(data, tables, stages, frames)


@pytest.fixture(scope="module")
def trained(music, tmp_path_factory):
    """A model trained for rate, and one with codebooks."""
    folder = tmp_path_factory.mktemp("compressing")
    training = replace(TRAINING, steps=20, learning_rate=1e-3, segment_s=0.256, prepare_batches=8)
    bottlenecks = {
        "rate": Bottleneck("rate", rate_weight=0.02),
        "rvq": Bottleneck("rvq", stages=4, codes=16, dimension=4),
    }
    for name, bottleneck in bottlenecks.items():
        model = new_model(replace(SPECTRA, bottleneck=bottleneck))
        fit(model, music, training, folder / name)
    return {name: load(folder / name) for name in bottlenecks}


def test_each_stage_is_a_rate(trained):
    audio = chords(2.0, RATE)
    sizes, errors = [], []
    coded = CodedModel.of(trained["rvq"])
    whole = coded.model.encode(coded.model.inputs(coded.model.levelled(_row(audio))[0]))[0]
    for stages in (1, 2, 3, 4):
        codec = AutoencoderCodec(trained["rvq"], step=-stages)
        assert codec.setting.startswith(f"rvq, {stages} stage")
        data = codec.encode(audio, RATE)
        latent = codec.decode_latents(data)
        sizes.append(len(data))
        errors.append(float(np.square(latent - whole.detach().numpy()).mean()))
        assert codec.decode(data)[0].shape == audio.shape
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)
    with pytest.raises(CodecError, match="5 stages of 4"):
        AutoencoderCodec(trained["rvq"], step=-5).encode(audio, RATE)


def test_codebooks_keep_a_wanted_bitrate(trained):
    audio = chords(3.0, RATE)
    for kbps in (0.6, 1.0):
        data = AutoencoderCodec(trained["rvq"], kbps=kbps).encode(audio, RATE)
        assert 8 * len(data) / 3000 <= kbps
        assert -4 <= bitstream.unpack(data).step <= -1


def test_step_0_of_a_model_trained_for_rate_rounds_to_whole_numbers(trained):
    audio = chords(2.0, RATE)
    codec = AutoencoderCodec(trained["rate"], step=0)
    latent = codec.decode_latents(codec.encode(audio, RATE))
    np.testing.assert_array_equal(latent, np.rint(latent))
    assert np.abs(latent).max() >= 1.0
    for finer, coarser in ((-4, 0), (0, 8)):
        sizes = [
            len(AutoencoderCodec(trained["rate"], step=step).encode(audio, RATE))
            for step in (finer, coarser)
        ]
        assert sizes[0] > sizes[1]


def _row(audio):
    return torch.from_numpy(audio)[None]

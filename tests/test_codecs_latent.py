"""Autoencoders as codecs: what comes back, what it costs, and files that are safe to open."""

import hashlib
import itertools
import pickle
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import laplace, logistic

from musiclib.audio import rms_db
from musiclib.codecs import AutoencoderCodec, Codec, get_codec, identify
from musiclib.codecs.latent import bitstream, coding, describe, open_checkpoint
from musiclib.codecs.latent import codec as codec_module
from musiclib.codecs.latent.coding import (
    HIGHEST,
    LOWEST,
    MIXED,
    TOTAL,
    decode_indices,
    decode_mixed,
    encode_indices,
    encode_mixed,
    noisy_index,
    table,
)
from musiclib.codecs.latent.coding import IntegerCalibration as Calibrated
from musiclib.datasets import Clip
from musiclib.errors import AudioError, BitstreamError, CheckpointError, CodecError
from musiclib.evaluation import evaluate
from musiclib.models import Bottleneck
from musiclib.models.calibration import PREDICTORS, UNUSED
from musiclib.training import checkpoint as storage
from musiclib.training import fit, load, loop, new_model
from tests.codec_signals import music as chords
from tests.codec_signals import tone
from tests.latent_fixture import CONFIGS, RATE, checkpoints, music
from tests.training_fixture import TRAINING

__all__ = ["checkpoints", "music"]
KINDS = ("deep", "pca", "frequency", "waveform")
# Three channels: a narrow one, a wide one, and one that is not used.
SCALES = np.array([[0, 12, UNUSED], [-2, 11, UNUSED], [-3, 10, UNUSED], [-4, 9, UNUSED]])
SCALES = np.concatenate([SCALES, [[-5, 9, UNUSED]]]).astype(np.int64)
STATISTICS = Calibrated(SCALES, np.array([0, 1, 0]))


def back(checkpoint, audio, rate=RATE, **setting):
    codec = AutoencoderCodec(checkpoint, **setting)
    decoded, out_rate = codec.decode(codec.encode(audio, rate))
    assert out_rate == RATE
    return decoded


def note(pitch):
    """A tone with a little noise, like those that the models were trained on."""
    noise = 0.01 * np.random.default_rng(9).standard_normal(RATE).astype(np.float32)
    return tone(pitch, 1.0, RATE) + noise


class TestSignals:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_tone_survives_and_silence_costs_the_header_alone(self, checkpoints, kind):
        decoded = back(checkpoints[kind], note(350.0), step=-24)
        spectrum = np.abs(np.fft.rfft(decoded * np.hanning(len(decoded))))
        assert abs(np.argmax(spectrum) - 350) < 20  # bins of 1 Hz; a bin of the model has 31
        assert rms_db(decoded) == pytest.approx(rms_db(note(350.0)), abs=3.0)
        codec = AutoencoderCodec(checkpoints[kind], step=-8)
        data = codec.encode(np.zeros(3 * RATE), RATE)
        assert len(data) <= 32
        assert not codec.decode(data)[0].any()

    def test_more_bits_never_hurt(self, checkpoints):
        clip = chords(3.0, RATE)

        def error(codec, data):
            """Error of what is sent, without the phases that are found later."""
            model = codec._mine.model
            levelled, gain = model.peak_normalize(torch.from_numpy(clip.copy())[None])
            if model.domain == "waveform":
                return float(np.sqrt(np.mean((codec.decode(data)[0] - clip) ** 2)) * gain)
            found = torch.from_numpy(codec.decode_magnitudes(data)) * float(gain)
            logs = torch.log(found + model.spectrogram.offset)
            return float((logs - model.spectrogram.logs(levelled)[0]).square().mean().sqrt())

        for kind in ("deep", "frequency", "waveform"):
            codecs = [AutoencoderCodec(checkpoints[kind], step=step) for step in (-20, -14, -8, 0)]
            files = [codec.encode(clip, RATE) for codec in codecs]
            errors = [error(codec, data) for codec, data in zip(codecs, files, strict=True)]
            assert sorted(files, key=len, reverse=True) == files
            assert errors[-1] > errors[0]
            assert all(b > 0.97 * a for a, b in itertools.pairwise(errors))

    def test_any_rate_and_two_channels(self, checkpoints):
        for rate in (8_000, 11_025, 48_000):
            decoded = back(checkpoints["waveform"], tone(300.0, 1.0, rate), rate, step=-16)
            assert decoded.shape == (RATE,)
            assert np.argmax(np.abs(np.fft.rfft(decoded))) == 300
        left = tone(300.0, 1.0, RATE)
        both = back(checkpoints["waveform"], np.stack([left, np.zeros_like(left)]), step=-12)
        np.testing.assert_array_equal(both[0], back(checkpoints["waveform"], left, step=-12))
        assert not both[1].any()

    def test_long_clips_are_coded_in_blocks_that_join(self, checkpoints, monkeypatch):
        audio = tone(300.0, 2.0, RATE)
        whole = back(checkpoints["waveform"], audio, step=-20)
        magnitudes = []
        for seconds in (60.0, 0.3):
            monkeypatch.setattr(codec_module, "BLOCK_SECONDS", seconds)
            codec = AutoencoderCodec(checkpoints["deep"], step=-20)
            magnitudes.append(codec.decode_magnitudes(codec.encode(audio, RATE)))
        inner = slice(400, -400)
        error = back(checkpoints["waveform"], audio, step=-20)[inner] - whole[inner]
        assert rms_db(error) - rms_db(whole[inner]) < -15.0
        one, many = (found.sum(0)[5:-5] for found in magnitudes)
        np.testing.assert_allclose(many, one, rtol=0.3)


class TestProtocol:
    def test_a_wanted_bitrate_is_kept_and_used(self, checkpoints):
        audio = chords(3.0, RATE)
        for kind, kbps in itertools.product(("deep", "waveform"), (1.0, 6.0)):
            data = AutoencoderCodec(checkpoints[kind], kbps=kbps).encode(audio, RATE)
            assert 8 * len(data) / 3 / 1000 <= kbps
            step = describe(data, checkpoints[kind].path.parent).contents.step
            finer = AutoencoderCodec(checkpoints[kind], step=step - 1).encode(audio, RATE)
            assert 8 * len(finer) / 3 / 1000 > kbps
        with pytest.raises(CodecError, match=r"cannot code this clip at 0\.01 kbps.*takes 0\."):
            AutoencoderCodec(checkpoints["deep"], kbps=0.01).encode(audio, RATE)

    def test_bytes_are_the_same_with_more_threads(self, checkpoints):
        audio, threads = chords(1.0, RATE), torch.get_num_threads()
        codecs = [AutoencoderCodec(checkpoints[kind], step=-12) for kind in KINDS]
        one = [codec.encode(audio, RATE) for codec in codecs]
        try:
            torch.set_num_threads(threads + 1)
            assert [codec.encode(audio, RATE) for codec in codecs] == one
        finally:
            torch.set_num_threads(threads)

    def test_it_obeys_the_protocol_and_travels_to_workers(self, checkpoints):
        codec = get_codec("autoencoder", checkpoint=checkpoints["deep"], step=-8)
        assert isinstance(codec, Codec)
        assert (codec.setting, codec.label) == ("deep, step -8", "deep step -8")
        audio = chords(1.0, RATE)
        data = codec.encode(audio, RATE)
        assert pickle.loads(pickle.dumps(codec)).encode(audio, RATE) == data
        row = evaluate(codec, Clip("a", audio, RATE, "b", "c", "d"), "log_spectral_distance")
        assert list(row["file_bytes"]) == [len(data)]
        assert 0 < row["payload_bytes"][0] < len(data)

    def test_a_file_finds_its_model(self, checkpoints):
        folder = checkpoints["deep"].path.parent
        for kind in KINDS:
            codec = AutoencoderCodec(checkpoints[kind], step=-8)
            data = codec.encode(tone(300.0, 1.0, RATE), RATE)
            assert identify(data) == "autoencoder"
            found, rate = get_codec("autoencoder", folder=folder).decode(data)
            np.testing.assert_array_equal(found, codec.decode(data)[0])
            told = describe(data, folder)
            facts = told.contents
            assert (told.model, told.sample_rate) == (kind, rate)
            assert (facts.step, facts.n_samples) == (-8, rate)
            assert len(data) - sum(map(len, facts.payloads)) <= 32
        with pytest.raises(BitstreamError, match=r"was made by another model.*than pca"):
            AutoencoderCodec(checkpoints["pca"]).decode(data)
        with pytest.raises(BitstreamError, match=r"that is not in .*Name the folder"):
            get_codec("autoencoder", folder=folder / "nowhere").decode(data)

    def test_requests_that_make_no_sense(self, checkpoints, tmp_path):
        deep, audio = checkpoints["deep"], chords(1.0, RATE)
        for options, message in (
            ({"step": 3, "kbps": 2.0}, "step or kbps, not both"),
            ({"step": 64}, "whole number from -64 to 63"),
            ({"step": 1.5}, "whole number"),
            ({"kbps": float("nan")}, "positive number"),
            ({"speed": 3}, "no option 'speed'"),
        ):
            with pytest.raises(CodecError, match=message):
                get_codec("autoencoder", checkpoint=deep, **options)
        for codec, sound, message in (
            (AutoencoderCodec(deep), audio, "needs a setting"),
            (AutoencoderCodec(step=1), audio, "name a model"),
            (AutoencoderCodec(deep, step=1), np.stack([audio] * 3), "one or two channels"),
        ):
            with pytest.raises(CodecError, match=message):
                codec.encode(sound, RATE)
        for wrong in (np.zeros(0), np.full(8, np.nan)):
            with pytest.raises(AudioError):
                AutoencoderCodec(deep, step=1).encode(wrong, RATE)
        bare = {name: value for name, value in deep.tensors.items() if name.startswith("model.")}
        storage.save(tmp_path / "bare", bare, deep.record)
        with pytest.raises(CodecError, match=r"bare\.safetensors cannot be used as a codec.*again"):
            AutoencoderCodec(load(tmp_path / "bare"), step=0).encode(audio, RATE)
        with pytest.raises(CheckpointError, match=r"has no model 'cake'. It has: bare"):
            open_checkpoint("cake", tmp_path)


class TestTables:
    def test_tables_are_the_same_numbers_everywhere(self):
        total = hashlib.sha256()
        for shape, index in itertools.product((0, 1), range(LOWEST, HIGHEST + 1)):
            found = table(shape, index)
            assert int(found.weights.sum()) == TOTAL
            assert found.weights.min() >= 1
            total.update(found.weights.astype("<i8").tobytes())
        digest = "072d3f67f333bf97c03042077183e688cf49d39b3d278b3a5191cc3dafbc7bd3"
        assert total.hexdigest() == digest
        assert [noisy_index(k, 4) for k in (-20, -10, -6, 0, 30)] == [-9, -8, -5, 0, 30]

    def test_tables_are_the_distributions_that_they_stand_for(self):
        edges = np.arange(-4, 4) + 0.5
        for index, (shape, law) in itertools.product((-8, 0, 16), enumerate((laplace, logistic))):
            found = table(shape, index)
            share = found.weights[found.reach - 3 : found.reach + 4] / TOTAL
            expected = np.diff(law(scale=2.0 ** (index / 4)).cdf(edges))
            np.testing.assert_allclose(share, expected, atol=2e-5)

    def test_bytes_are_the_same_everywhere(self):
        values = np.array(
            [[0, 1, 2, 3, 3, 2, 1, 0, -1, -2], [5, -4, 300, 0, 1, -70000, 2, -1, 0, 3]]
        )
        scale = np.array([[0, 4], [-2, 4], [-3, 5], [-4, 6], [-5, 8]])
        data = coding.encode(values, Calibrated(scale, np.array([0, 1])), 0)
        assert data.hex() == "0005d804dfc508d2187b9c68c9e0fef6e6c2a725010000"

    def test_a_sequence_that_can_be_foretold_costs_less(self):
        plain, sequence = (
            Calibrated(SCALES[:, :2], np.array([0, 1]), sequence) for sequence in (False, True)
        )
        noise = 0.3 * np.random.default_rng(3).standard_normal(4000)
        for size in (2, 200):
            wave = size * np.sin(0.9 * np.arange(4000)) + noise
            values = np.rint(wave).astype(np.int64).reshape(-1, 2).T
            step = round(-4 * np.log2(size)) + 4
            data = coding.encode(values, sequence, step)
            assert np.array_equal(coding.decode(data, sequence, step, 2000), values)
            assert len(data) < 0.75 * len(coding.encode(values, plain, step))

    @settings(deadline=None, max_examples=60)
    @given(
        arrays.arrays(np.int64, (3, 17), elements=st.integers(-(2**20), 2**20)),
        st.integers(-30, 30),
        st.booleans(),
    )
    def test_every_value_comes_back(self, values, step, small):
        values = values % 7 - 3 if small else values
        values[2] = 0
        data = coding.encode(values, STATISTICS, step)
        assert np.array_equal(coding.decode(data, STATISTICS, step, 17), values)
        fewer = Calibrated(SCALES[:, :2], STATISTICS.shape[:2])
        assert coding.encode(values[:2], fewer, step) == data


SHAPE, INDEX = np.array([0, 0, 1, 0]), np.array([-8, 2, 8, 14])


def drawn(frames, loudness=1.0):
    """Numbers that follow the expected tables, louder or quieter from frame to frame."""
    scale = 2.0 ** (INDEX / 4.0)[:, None] * loudness
    return np.rint(np.random.default_rng(0).laplace(scale=scale, size=(4, frames))).astype(int)


class TestMixing:
    def test_every_number_comes_back(self):
        for frames in (1, 2, 300):
            errors = drawn(frames)
            errors[2, -1] = -30_000
            data = encode_mixed(errors, SHAPE, INDEX)
            np.testing.assert_array_equal(decode_mixed(data, SHAPE, INDEX, frames), errors)

    def test_mixing_hears_how_loud_a_frame_is(self):
        statistics = Calibrated(np.tile(INDEX, (len(PREDICTORS), 1)), SHAPE)
        values = drawn(3000, np.where(np.arange(3000) // 20 % 2, 3.0, 0.2))
        tables, mixed = (coding.encode(values, statistics, 0, way) for way in coding.ENTROPIES)
        assert len(mixed) < 0.9 * len(tables)
        assert mixed[0] == MIXED
        np.testing.assert_array_equal(coding.decode(mixed, statistics, 0, 3000), values)

    def test_damage_is_noticed_or_changes_numbers_alone(self):
        data = encode_mixed(drawn(200), SHAPE, INDEX)
        for wrong, frames in ((data[:-10], 200), (data + bytes(6), 200), (data, 100_000)):
            with pytest.raises(BitstreamError, match="do not end where"):
                decode_mixed(wrong, SHAPE, INDEX, frames)
        with pytest.raises(CodecError, match="too many or too large"):
            encode_mixed(np.full((4, 2), 2**20), SHAPE, INDEX)


class TestCodebooks:
    def test_codes_cost_what_their_use_says(self):
        rng = np.random.default_rng(0)
        share = np.array([0.7, 0.2, 0.1, 0.0])
        tables = coding.code_tables(np.stack([share * 10_000, np.full(4, 50.0)]).astype(np.int64))
        index = np.stack([rng.choice(4, 20_000, p=share), rng.integers(0, 4, 20_000)])
        data = encode_indices(index, tables)
        np.testing.assert_array_equal(decode_indices(data, tables, 2, 20_000), index)
        entropy = -(share[:3] * np.log2(share[:3])).sum() + 2.0
        assert 8 * len(data) / 20_000 == pytest.approx(entropy, rel=0.01)
        # A code that was never used has a table's place as well.
        rare = np.array([[3, 3, 3]])
        data_ = encode_indices(rare, tables)
        np.testing.assert_array_equal(decode_indices(data_, tables, 1, 3), rare)
        for stages, frames in ((1, 20_000), (2, 10), (3, 20_000)):
            with pytest.raises(BitstreamError):
                decode_indices(data, tables, stages, frames)

    def test_each_stage_is_a_rate(self, music, tmp_path, monkeypatch):
        monkeypatch.setattr(loop, "CODES_SECONDS", 60.0)  # an hour takes long
        config = replace(
            CONFIGS["frequency"],
            latent=24,
            bottleneck=Bottleneck("rvq", stages=4, codes=16, dimension=4),
        )
        training = replace(TRAINING, steps=1, segment_s=0.256, prepare_batches=8)
        fit(new_model(config), music, training, tmp_path / "rvq")
        trained = load(tmp_path / "rvq")
        audio, model = chords(2.0, RATE), trained.build()
        levelled, _ = model.peak_normalize(torch.from_numpy(audio)[None])
        whole = model.encode(model.inputs(levelled))[0].detach().numpy()
        sizes, errors = [], []
        for stages in (1, 2, 3, 4):
            codec = AutoencoderCodec(trained, step=-stages)
            data = codec.encode(audio, RATE)
            sizes.append(len(data))
            errors.append(float(np.square(codec.decode_latents(data) - whole).mean()))
        assert sizes == sorted(sizes)
        assert errors == sorted(errors, reverse=True)
        for kbps in (0.6, 1.0):
            data = AutoencoderCodec(trained, kbps=kbps).encode(audio, RATE)
            assert 8 * len(data) / 2000 <= kbps
        with pytest.raises(CodecError, match="5 stages of 4"):
            AutoencoderCodec(trained, step=-5).encode(audio, RATE)


class TestFiles:
    @pytest.mark.parametrize("kind", ["deep", "waveform"])
    def test_hostile_files_with_a_right_checksum_decode_or_are_refused(self, checkpoints, kind):
        codec = AutoencoderCodec(checkpoints[kind], step=-8)
        data = codec.encode(chords(1.0, RATE), RATE)
        rng = np.random.default_rng(4)
        refused = 0
        for number in range(90):
            body = bytearray(data[:-4])
            for at in rng.integers(3 if number % 2 else 12, len(body), 1 + number % 3):
                body[int(at)] = int(rng.integers(0, 256))
            if number % 5 == 0:  # lengths, where they are declared
                body[14 : 14 + 4] = rng.bytes(4)
            try:
                audio, _ = codec.decode(bytes(body) + zlib.crc32(body).to_bytes(4, "little"))
            except BitstreamError:
                refused += 1
            else:
                assert np.isfinite(audio).all()
        assert refused > 30

    def test_false_declarations_and_foreign_files_are_refused_at_once(self, checkpoints):
        codec = AutoencoderCodec(checkpoints["deep"], step=-8)
        data = codec.encode(chords(1.0, RATE), RATE)
        stream = bitstream.unpack(data)
        for n_samples, message in (
            (4 * 3600 * RATE, "declares more than 3 hours"),
            (2**34, "declares more than 3 hours"),
            (0, "makes no sense"),
            (3600 * RATE, "damaged"),  # within the bounds, but of more blocks than there are
        ):
            with pytest.raises(BitstreamError, match=message):
                codec.decode(bitstream.pack(replace(stream, n_samples=n_samples)))
        for wrong, message in (
            (b"RIFF1234WAVE", "no .mla file"),
            (data[:3] + b"\x09" + data[4:], "version 9"),
            (data[:20], "truncated or damaged"),
        ):
            with pytest.raises(BitstreamError, match=message):
                codec.decode(wrong)

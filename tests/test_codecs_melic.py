"""Melic: what sounds survive, what a file costs, files of any length, files that are damaged."""

import hashlib
import json
import zlib
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import torch

from musiclib.audio import AudioWriter, load, probe, rms_db, save
from musiclib.codecs import identify
from musiclib.codecs.melic import (
    MelicCodec,
    bitstream,
    decode_file,
    describe,
    encode_file,
    encoder,
    open_model,
)
from musiclib.codecs.melic.bitstream import kept_tags, pack_tags, unpack_tags
from musiclib.codecs.melic.decoder import TABLES
from musiclib.codecs.melic.entropy import ContextTables
from musiclib.errors import AudioError, AudioFileError, BitstreamError, CheckpointError, CodecError
from musiclib.metrics import bitrate_kbps, si_sdr
from tests import golden
from tests.codec_signals import click, lag, music, tone
from tests.melic_damage import KINDS, damaged
from tests.melic_fixture import RATE, codec, model

STORED = json.loads(golden.TABLE.read_text(encoding="utf-8"))


def there_and_back(audio, kbps=None, rate=RATE, **options):
    asked = codec(kbps, **options)
    data = asked.encode(audio, rate)
    decoded, decoded_rate = codec(restore=asked.restore).decode(data)
    assert decoded_rate == RATE
    return data, decoded


def level_at(audio, frequency):
    """Level of a frequency in dB relative to full scale."""
    times = np.arange(audio.shape[-1]) / RATE
    part = 2 * np.mean(audio * np.exp(-2j * np.pi * frequency * times) * np.hanning(len(times)) * 2)
    return 20 * np.log10(abs(part) + 1e-9)


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of 0.7 s, so that some seconds are a long piece."""
    for module in (encoder, bitstream):
        monkeypatch.setattr(module, "BLOCK_FRAMES", 64)


class TestSignals:
    def test_a_tone_survives(self):
        for frequency in (100.0, 440.0, 3000.0, 9000.0):
            audio = tone(frequency)
            _, decoded = there_and_back(audio, 12)
            level = level_at(decoded, frequency)
            assert level == pytest.approx(level_at(audio, frequency), abs=0.5)
            assert si_sdr(audio, decoded) > 20

    def test_silence_stays_silent_and_costs_nothing(self):
        data, decoded = there_and_back(np.zeros(5 * RATE, np.float32), 6)
        assert not decoded.any()
        assert len(data) < 60
        audio = np.concatenate([tone(440.0, 0.5), np.zeros(RATE), tone(440.0, 0.5)])
        _, decoded = there_and_back(audio.astype(np.float32), 8)
        assert np.abs(decoded[RATE // 2 + 1024 : 3 * RATE // 2 - 1024]).max() < 2**-15

    def test_nothing_is_shifted(self):
        for position in (5, 4_321, 23_990):
            _, decoded = there_and_back(click(RATE, position, 1.5), 24)
            assert int(np.abs(decoded).argmax()) == position
        assert lag(music(2.0), there_and_back(music(2.0), 12)[1]) == 0

    def test_more_bits_never_hurt_on_average_and_coding_again_changes_little(self):
        clip = music(2.0)
        copies = [there_and_back(clip, kbps, restore=False)[1] for kbps in (6, 12, 24, 48)]
        quality = [si_sdr(clip, copy) for copy in copies]
        assert all(more > less + 1 for less, more in pairwise(quality))
        _, again = there_and_back(copies[2], 24, restore=False)
        assert si_sdr(copies[2], again) > quality[2]

    @pytest.mark.parametrize(
        "audio",
        [
            *(music(1.0) * np.float32(10 ** (gain_db / 20)) for gain_db in (-40, 0)),
            np.full(RATE, 0.5, np.float32),
            np.sign(tone(440.0)),
            np.random.default_rng(0).uniform(-1, 1, RATE).astype(np.float32),
            np.tile(np.array([1, -1], np.float32), RATE // 2),
        ],
    )
    def test_the_level_of_music_and_of_hard_signals_is_kept(self, audio):
        data, decoded = there_and_back(audio, 32)
        assert 8 * len(data) <= 32_000 * len(audio) / RATE
        assert np.isfinite(decoded).all()
        assert rms_db(decoded) == pytest.approx(rms_db(audio), abs=1.5)

    @pytest.mark.usefixtures("small_blocks")
    @pytest.mark.parametrize("n_samples", [1, 255, 256, 257, 16_383, 16_384, 16_385])
    def test_every_length_is_kept(self, n_samples):
        audio = np.resize(tone(440.0), n_samples)
        assert there_and_back(audio, gain=120)[1].shape == audio.shape


class TestStereo:
    def test_a_mono_piece_costs_what_mono_costs(self):
        mono, hiss = music(2.0), np.random.default_rng(0).normal(0, 1e-4, 2 * RATE)
        for left, right, noise in ((1.0, 0.5, 0), (1.0, -1.0, 0), (0.0, 1.0, 0), (1.0, 1.0, hiss)):
            # All of the power ends in the first channel.
            one = len(codec(gain=120).encode(mono * np.float32(np.hypot(left, right)), RATE))
            pair = np.stack([left * mono + noise, right * mono - noise]).astype(np.float32)
            assert len(codec(gain=120).encode(pair, RATE)) < 1.02 * one


class TestBudget:
    @pytest.mark.parametrize(("kbps", "channels"), [(2, 1), (6, 2), (24, 1), (24, 2)])
    def test_it_is_kept_and_used(self, kbps, channels):
        audio = np.stack([music(6.0, seed=seed) for seed in range(channels)])
        data = codec(kbps).encode(audio, RATE)
        assert 0.96 * kbps < bitrate_kbps(len(data), 6.0) <= kbps
        found = describe(data)
        assert found.n_bytes - found.payload_bytes <= 24

    def test_one_that_is_too_small_names_the_least(self):
        audio = music(1.0)
        with pytest.raises(CodecError, match="is the least for these 1 s") as caught:
            codec(0.05).encode(audio, RATE)
        least = float(str(caught.value).split("kbps: ")[1].split(" ")[0])
        assert bitrate_kbps(len(codec(least).encode(audio, RATE)), 1.0) <= least
        with pytest.raises(CodecError, match="longer clip"):
            codec(6).encode(audio[:100], RATE)


class TestRequests:
    def test_unusable_audio_is_refused(self):
        for audio in (np.zeros(0), np.array([0.0, np.nan]), np.zeros((1, 2, 3)), 1000 * music(1.0)):
            with pytest.raises(AudioError):
                codec(6).encode(audio, RATE)
        for audio, rate, message in (
            (np.zeros((6, 1000), np.float32), RATE, "one or two channels"),
            (music(1.0), 4_000, "8000 to 192000 Hz"),
        ):
            with pytest.raises(CodecError, match=message):
                codec(6).encode(audio, rate)

    def test_a_training_of_ones_own_wins_over_the_shipped_model(self, tmp_path, monkeypatch):
        monkeypatch.delenv("MUSICLIB_CHECKPOINTS", raising=False)
        shipped = open_model()
        with pytest.raises(CheckpointError, match=r"has no codec-tables\.npz"):
            open_model(tmp_path)
        mine = ContextTables.untrained().rounded(20)
        mine.save(tmp_path / TABLES)
        assert open_model(tmp_path).checkpoint is None
        monkeypatch.setenv("MUSICLIB_CHECKPOINTS", str(tmp_path))
        both = open_model()
        assert both.tables.digest == mine.digest
        assert both.identity(True)[2:] == shipped.identity(True)[2:]


@pytest.mark.parametrize("name", STORED)
def test_stored_files_decode_to_the_same_sound_for_ever(name, tmp_path):
    data, row = (golden.FOLDER / f"{name}.mlc").read_bytes(), STORED[name]
    assert hashlib.sha256(data).hexdigest() == row["sha256"], "the stored file was changed"
    assert golden.integers_sha256(data) == row["integers_sha256"]
    stored, stored_rate = soundfile.read(golden.FOLDER / f"{name}.flac", dtype="float32")
    decoded, rate = MelicCodec().decode(data)
    assert rate == stored_rate
    assert np.abs(decoded.T - stored).max() < golden.TOLERANCE
    header = describe(data).header
    assert (header.sample_rate, header.n_samples) == (row["source_rate"], row["source_samples"])
    assert header.tags == row["tags"]
    source, target = golden.FOLDER / f"{name}.mlc", tmp_path / "a.wav"
    decode_file(source, target, sample_rate=row["source_rate"], subtype="FLOAT")
    assert load(target)[0].shape[-1] == row["source_samples"]


@pytest.mark.usefixtures("small_blocks")
class TestPieces:
    def test_a_long_piece_meets_its_budget(self):
        loud, faint = music(3.0), 0.05 * music(3.0, seed=1)
        audio = np.concatenate([loud, faint, loud[::-1]]).astype(np.float32)
        for kbps in (4, 24):
            data = codec(kbps).encode(audio, RATE)
            assert 0.97 * kbps < bitrate_kbps(len(data), 9.0) <= kbps
            assert len(codec().decode(data)[0]) == len(audio)
            found = describe(data)
            assert found.header.n_blocks == 14
            # Few steps from coarsest to finest: no part is starved for another.
            assert found.gains[1] - found.gains[0] < 40

    def test_threads_decode_the_same_bits(self):
        data = codec(gain=150).encode(np.stack([music(3.0), music(3.0, seed=1)]), RATE)
        threads = torch.get_num_threads()
        one = codec().decode(data)[0]
        try:
            torch.set_num_threads(threads + 1)
            assert np.array_equal(codec(threads=3).decode(data)[0], one)
        finally:
            torch.set_num_threads(threads)


class TestFilesOnDisk:
    @pytest.mark.parametrize(
        ("rate", "channels", "options"),
        [(RATE, 2, {"kbps": 12}), (44_100, 1, {"gain": 150})],
    )
    def test_a_file_is_coded_like_an_array(self, tmp_path, rate, channels, options):
        seconds = 2.0 if channels == 2 else 12.0  # files are read in pieces of 10 s
        audio = np.stack([music(seconds, rate, seed=c) for c in range(channels)])
        source, coded, target = (tmp_path / name for name in ("in.wav", "a.mlc", "out.wav"))
        save(source, audio, rate, "FLOAT")
        told = []
        written = encode_file(source, coded, codec(**options), progress=told.append)
        data = coded.read_bytes()
        assert data == codec(**options).encode(audio, rate)
        assert (written.n_bytes, written.n_samples) == (len(data), audio.shape[1])
        assert told == sorted(told)
        assert told[-1] == 1.0
        decode_file(coded, target, codec=codec(), subtype="FLOAT")
        decoded = np.atleast_2d(codec().decode(data)[0])
        assert np.array_equal(load(target, mono=False)[0], decoded)
        decode_file(coded, tmp_path / "own.flac", codec=codec(), sample_rate=rate)
        own, own_rate = load(tmp_path / "own.flac", mono=False)
        assert (own.shape, own_rate) == (audio.shape, rate)

    def test_tags_travel(self, tmp_path):
        tags = {"title": "Näme", "artist": "Someone", "license": "CC0", "track": "3"}
        with AudioWriter(tmp_path / "in.flac", RATE, 1, tags=tags) as writer:
            writer.write(music(1.0)[None])
        encode_file(tmp_path / "in.flac", tmp_path / "a.mlc", codec(24))
        assert describe((tmp_path / "a.mlc").read_bytes()).header.tags == tags
        for name in ("out.flac", "out.ogg"):
            decode_file(tmp_path / "a.mlc", tmp_path / name, codec=codec())
            assert probe(tmp_path / name).tags["title"] == "Näme"

    def test_what_cannot_be_coded_leaves_nothing(self, tmp_path):
        save(tmp_path / "six.wav", np.zeros((6, 1000), np.float32), RATE)
        (tmp_path / "text.wav").write_text("no audio")
        (tmp_path / "cut.mlc").write_bytes(codec(gain=100).encode(music(1.0), RATE)[:-20])
        before = sorted(tmp_path.iterdir())
        out = tmp_path / "out.mlc"
        for source, error, words in (
            ("six.wav", CodecError, "6 channels"),
            ("text.wav", AudioFileError, "text.wav"),
            ("none.wav", AudioFileError, "none.wav"),
        ):
            with pytest.raises(error, match=words):
                encode_file(tmp_path / source, out, codec(6))
        for source, error, words in (
            ("cut.mlc", BitstreamError, r"cut\.mlc: .*truncated"),
            ("none.mlc", AudioFileError, "cannot be read"),
        ):
            with pytest.raises(error, match=words):
                decode_file(tmp_path / source, tmp_path / "out.wav", codec=codec())
        assert sorted(tmp_path.iterdir()) == before
        encode_file(tmp_path / "six.wav", out, codec(600), mono=True)
        assert describe(out.read_bytes()).header.channels == 1


@pytest.fixture(scope="module")
def streams():
    pair = np.stack([music(1.0), music(1.0, seed=1)])
    return [
        codec(gain=150).encode(music(1.0), RATE, {"title": "A song"}),
        codec(gain=190, restore=False).encode(music(11.0), RATE),  # two blocks
        codec(gain=150).encode(pair, RATE),
    ]


class TestBitstream:
    def test_tags_are_kept_in_order_and_bounded(self):
        found = kept_tags({"ARTIST": "B", "Title": " A ", "encoder": "x", "licence": "CC0"})
        assert list(found.items()) == [("title", "A"), ("artist", "B"), ("license", "CC0")]
        assert len(kept_tags({"comment": "x" * 10_000})["comment"]) == 2_000
        packed = pack_tags(found)
        assert unpack_tags(packed) == found
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = packer.compress(bytes(10**8)) + packer.flush()
        for data in (b"", b"\xff\xff", packed[:-2], packed + b"x", bomb):
            with pytest.raises(BitstreamError, match="tags"):
                unpack_tags(data)

    def test_each_fault_is_named(self, streams):
        data = streams[0]
        assert identify(data) == "melic"
        for wrong, words in (
            (b"RIFF" + data[4:], "not MP3, AAC, Opus, Vorbis, WAV, MLA or MLC"),
            (data[:3] + b"\x09" + data[4:], "version 9; this musiclib reads version 1. Update"),
            (data[:12], "truncated"),
            (data[:-1], "block 1 of 1"),
            (data[:200] + bytes([data[200] ^ 4]) + data[201:], "checksum of block 1 of 1 is wrong"),
            (data + b"x", "1 bytes follow"),
            (data[:4] + bytes([data[4] | 64]) + data[5:], "flags|checksum"),
        ):
            for read in (codec().decode, describe)[: 2 if wrong.startswith(b"MLC") else 1]:
                with pytest.raises(BitstreamError, match=words):
                    read(wrong)

    def test_another_model_is_named(self, streams):
        for restored, stream in ((True, streams[0]), (False, streams[1])):
            assert stream[5:9] == model().identity(restored)
        other = model(seed=1)
        with pytest.raises(BitstreamError, match=f"needs the model {model().identity(True).hex()}"):
            MelicCodec(model=other).decode(streams[0])
        # Without the network the tables are what counts.
        MelicCodec(model=other).decode(streams[1])
        bare = type(other)(other.tables)
        assert len(MelicCodec(model=bare, restore=False).decode(streams[0])[0]) == RATE
        for action in (lambda c: c.encode(music(1.0), RATE), lambda c: c.decode(streams[0])):
            with pytest.raises(CheckpointError, match="restore=False"):
                action(MelicCodec(4, model=bare))

    @pytest.mark.parametrize("kind", KINDS)
    def test_damaged_files_decode_or_are_refused(self, kind, streams):
        rng = np.random.default_rng(KINDS.index(kind))
        refused = 0
        for _ in range(25):
            try:
                audio, _ = codec(restore=kind != "repaired").decode(damaged(kind, streams, rng))
            except BitstreamError:
                refused += 1
            else:
                assert np.isfinite(audio).all()
        # Only what has checksums that fit may pass for music.
        assert refused == 25 or kind in ("repaired", "splice")

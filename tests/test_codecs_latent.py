"""Autoencoders as codecs: what a listener gets back, and what it costs."""

import itertools
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from musiclib.audio import rms_db
from musiclib.codecs import AutoencoderCodec, Codec, get_codec, identify
from musiclib.codecs.latent import codec as codec_module
from musiclib.codecs.latent import describe
from musiclib.datasets import Clip
from musiclib.errors import AudioError, BitstreamError, CheckpointError, CodecError
from musiclib.evaluate import evaluate
from musiclib.metrics import log_spectral_distance
from musiclib.training import load
from tests.codec_signals import music as chords
from tests.codec_signals import tone
from tests.latent_fixture import RATE, checkpoints, music

__all__ = ["checkpoints", "music"]
KINDS = ("deep", "pca", "frequency", "waveform")
ROOT = Path(__file__).resolve().parent.parent


def back(checkpoint, audio, rate=RATE, **setting):
    codec = AutoencoderCodec(checkpoint, **setting)
    decoded, out_rate = codec.decode(codec.encode(audio, rate))
    assert out_rate == RATE
    return decoded


def _note(pitch):
    """A tone with a little noise, like those that the models were trained on."""
    noise = 0.01 * np.random.default_rng(9).standard_normal(RATE).astype(np.float32)
    return tone(pitch, 1.0, RATE) + noise


@pytest.mark.parametrize("kind", KINDS)
def test_a_tone_survives(checkpoints, kind):
    pitch = 350.0
    decoded = back(checkpoints[kind], _note(pitch), step=-24)
    spectrum = np.abs(np.fft.rfft(decoded * np.hanning(len(decoded))))
    assert abs(np.argmax(spectrum) - pitch) < 20.0  # bins of 1 Hz; a bin of the model has 31
    assert rms_db(decoded) == pytest.approx(rms_db(_note(pitch)), abs=3.0)


@pytest.mark.parametrize("kind", KINDS)
def test_silence_stays_silent_and_costs_the_header_alone(checkpoints, kind):
    codec = AutoencoderCodec(checkpoints[kind], step=-8)
    data = codec.encode(np.zeros(3 * RATE), RATE)
    decoded, _ = codec.decode(data)
    assert decoded.shape == (3 * RATE,)
    assert not decoded.any()
    assert len(data) <= 32


@pytest.mark.parametrize("kind", KINDS)
def test_loud_and_quiet_clips_differ_in_level_alone(checkpoints, kind):
    audio = chords(1.0, RATE)
    loud, quiet = (back(checkpoints[kind], gain * audio, step=-12) for gain in (1.0, 1e-3))
    assert rms_db(loud) - rms_db(quiet) == pytest.approx(60.0, abs=0.02)
    np.testing.assert_allclose(1e3 * quiet, loud, atol=0.02 * np.abs(loud).max())


def test_more_bits_never_hurt_on_average(checkpoints):
    clips = [chords(1.0, RATE, seed).copy() for seed in range(3)]
    for kind in ("deep", "frequency", "waveform"):
        sizes, errors = [], []
        for step in (-20, -14, -8, 0):
            codec = AutoencoderCodec(checkpoints[kind], step=step)
            files = [codec.encode(clip, RATE) for clip in clips]
            sizes.append(sum(map(len, files)))
            errors.append(np.mean([_error(codec, d, c) for d, c in zip(files, clips, strict=True)]))
        assert sizes == sorted(sizes, reverse=True)
        assert errors[-1] > errors[0]
        assert all(b > 0.97 * a for a, b in itertools.pairwise(errors))


def _error(codec, data, clip):
    """Error of what is sent, without the phases that are found later."""
    model = codec._mine.model
    levelled, gain = model.levelled(torch.from_numpy(clip)[None])
    if model.domain == "waveform":
        difference = codec.decode(data)[0] - clip
        return float(np.sqrt(np.mean(difference**2)) * gain)
    found = torch.from_numpy(codec.decode_magnitudes(data)) * float(gain)
    logs = torch.log(found + model.spectrogram.offset)
    return float((logs - model.spectrogram.logs(levelled)[0]).square().mean().sqrt())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_samples", [1, 7, 100, 1000, 2049])
def test_clips_of_any_length_keep_it(checkpoints, kind, n_samples):
    audio = chords(1.0, RATE)[:n_samples] + np.float32(1e-3)
    decoded = back(checkpoints[kind], audio, step=-8)
    assert decoded.shape == (n_samples,)
    assert np.isfinite(decoded).all()


def test_stereo_is_two_channels_with_levels_of_their_own(checkpoints):
    left = tone(300.0, 1.0, RATE)
    both = back(checkpoints["waveform"], np.stack([left, np.zeros_like(left)]), step=-12)
    assert both.shape == (2, RATE)
    assert not both[1].any()
    alone = back(checkpoints["waveform"], left, step=-12)
    np.testing.assert_array_equal(both[0], alone)


def test_any_rate_comes_back_at_the_model_s(checkpoints):
    for rate in (8_000, 11_025, 24_000, 48_000):
        decoded = back(checkpoints["waveform"], tone(300.0, 1.0, rate), rate, step=-16)
        assert decoded.shape == (RATE,)
        assert np.argmax(np.abs(np.fft.rfft(decoded))) == 300


def test_a_wanted_bitrate_is_kept_and_used(checkpoints):
    audio = chords(3.0, RATE)
    for kind in ("deep", "waveform"):
        for kbps in (1.0, 2.5, 6.0):
            data = AutoencoderCodec(checkpoints[kind], kbps=kbps).encode(audio, RATE)
            assert 8 * len(data) / 3 / 1000 <= kbps
            step = describe(data, checkpoints[kind].path.parent).step
            finer = AutoencoderCodec(checkpoints[kind], step=step - 1).encode(audio, RATE)
            assert 8 * len(finer) / 3 / 1000 > kbps
    with pytest.raises(CodecError, match=r"cannot code this clip at 0\.01 kbps.*takes 0\."):
        AutoencoderCodec(checkpoints["deep"], kbps=0.01).encode(audio, RATE)


def test_long_clips_are_coded_in_blocks_that_join(checkpoints, monkeypatch):
    audio = tone(300.0, 2.0, RATE)
    whole = back(checkpoints["waveform"], audio, step=-20)
    magnitudes = {}
    for seconds in (60.0, 0.3):
        monkeypatch.setattr(codec_module, "BLOCK_SECONDS", seconds)
        codec = AutoencoderCodec(checkpoints["deep"], step=-20)
        magnitudes[seconds] = codec.decode_magnitudes(codec.encode(audio, RATE))
    blocks = back(checkpoints["waveform"], audio, step=-20)
    inner = slice(400, -400)
    error = rms_db(blocks[inner] - whole[inner]) - rms_db(whole[inner])
    assert error < -15.0
    assert magnitudes[0.3].shape == magnitudes[60.0].shape
    np.testing.assert_allclose(
        magnitudes[0.3].sum(0)[5:-5], magnitudes[60.0].sum(0)[5:-5], rtol=0.3
    )


def test_magnitudes_are_those_of_the_clip(checkpoints):
    codec = AutoencoderCodec(checkpoints["pca"], step=-24)
    audio = _note(350.0)
    found = codec.decode_magnitudes(codec.encode(audio, RATE))
    assert found.shape == (129, 1 + RATE // 64)
    assert np.all(found >= 0)
    middle = found[:, 40:-40].mean(axis=1)
    assert np.argmax(middle) == round(350.0 / RATE * 256)
    # Half the amplitude times the window's sum.
    assert middle.max() == pytest.approx(0.4 / 2 * 128, rel=0.25)
    wave = AutoencoderCodec(checkpoints["waveform"], step=-8)
    data = wave.encode(audio, RATE)
    with pytest.raises(CodecError, match="codes samples"):
        wave.decode_magnitudes(data)


@pytest.mark.parametrize("kind", ["deep", "frequency", "waveform"])
def test_coding_again_changes_little(checkpoints, kind):
    codec = AutoencoderCodec(checkpoints[kind], step=-12)
    audio = chords(2.0, RATE)
    once = codec.decode(codec.encode(audio, RATE))[0]
    twice = codec.decode(codec.encode(once, RATE))[0]
    first, second = (log_spectral_distance(audio, decoded) for decoded in (once, twice))
    assert second < 1.35 * first


def test_bytes_are_the_same_in_another_process_and_with_more_threads(checkpoints, tmp_path):
    audio = chords(1.0, RATE)
    np.save(tmp_path / "audio.npy", audio)
    script = (
        "import sys, numpy as np, torch\n"
        "torch.set_num_threads(2)\n"
        "from musiclib.codecs import get_codec\n"
        "from musiclib.training import load\n"
        "for path in sys.argv[2:]:\n"
        "    codec = get_codec('autoencoder', checkpoint=load(path), step=-12)\n"
        "    print(codec.encode(np.load(sys.argv[1]), 8000).hex())\n"
    )
    kinds = ("deep", "frequency", "waveform")
    paths = [str(checkpoints[kind].path) for kind in kinds]
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "audio.npy"), *paths],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    expected = [AutoencoderCodec(checkpoints[k], step=-12).encode(audio, RATE) for k in kinds]
    assert done.stdout.split() == [data.hex() for data in expected]


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_coded_before_leaves_no_trace(checkpoints, kind):
    clips = [chords(1.0, RATE, seed).copy() for seed in range(2)]
    clips.append(np.stack(clips))
    together = [
        AutoencoderCodec(checkpoints[kind], step=step).encode(clip, RATE)
        for clip in [*clips, *reversed(clips)]
        for step in (-12, -4)
    ]
    alone = [
        AutoencoderCodec(load(checkpoints[kind].path), step=step).encode(clip, RATE)
        for clip in [*clips, *reversed(clips)]
        for step in (-12, -4)
    ]
    assert together == alone
    codec = AutoencoderCodec(checkpoints[kind], step=-12)
    clips[0][:] = clips[1]  # changed in place, it is another clip
    assert codec.encode(clips[0], RATE) == codec.encode(clips[1], RATE)


def test_it_obeys_the_protocol_and_travels_to_workers(checkpoints):
    codec = get_codec("autoencoder", checkpoint=checkpoints["deep"], step=-8)
    assert isinstance(codec, Codec)
    assert (codec.name, codec.suffix) == ("autoencoder", ".mla")
    assert (codec.setting, codec.label) == ("deep, step -8", "deep step -8")
    assert AutoencoderCodec(checkpoints["deep"], kbps=3.0).label == "deep 3 kbps"
    assert codec.nominal_kbps == pytest.approx(16 * 48 * RATE / 64 / 1000)
    audio = chords(1.0, RATE)
    data = codec.encode(audio, RATE)
    again = pickle.loads(pickle.dumps(codec))
    assert again.encode(audio, RATE) == data
    table = evaluate(codec, Clip("a", audio, RATE, "b", "c", "d"), "log_spectral_distance")
    assert list(table["file_bytes"]) == [len(data)]
    assert 0 < table["payload_bytes"][0] < len(data)


def test_a_file_finds_its_model(checkpoints):
    folder = checkpoints["deep"].path.parent
    audio = tone(300.0, 1.0, RATE)
    for kind in KINDS:
        codec = AutoencoderCodec(checkpoints[kind], step=-8)
        data = codec.encode(audio, RATE)
        assert identify(data) == "autoencoder"
        found, rate = get_codec("autoencoder", folder=folder).decode(data)
        np.testing.assert_array_equal(found, codec.decode(data)[0])
        facts = describe(data, folder)
        assert (facts.model, facts.step, facts.sample_rate, facts.channels) == (kind, -8, rate, 1)
        assert facts.seconds == 1.0
        assert len(data) - facts.payload_bytes <= 32
    with pytest.raises(BitstreamError, match=r"was made by another model.*than pca"):
        AutoencoderCodec(checkpoints["pca"]).decode(data)
    with pytest.raises(BitstreamError, match=r"that is not in .*Name the folder"):
        get_codec("autoencoder", folder=folder / "nowhere").decode(data)


def test_requests_that_make_no_sense(checkpoints):
    deep = checkpoints["deep"]
    audio = chords(1.0, RATE)
    for options, message in (
        ({"step": 3, "kbps": 2.0}, "step or kbps, not both"),
        ({"step": 64}, "whole number from -64 to 63"),
        ({"step": 1.5}, "whole number"),
        ({"kbps": float("nan")}, "positive number"),
        ({"speed": 3}, "no option 'speed'"),
    ):
        with pytest.raises(CodecError, match=message):
            get_codec("autoencoder", checkpoint=deep, **options)
    with pytest.raises(CodecError, match="needs a setting"):
        AutoencoderCodec(deep).encode(audio, RATE)
    with pytest.raises(CodecError, match="name a model"):
        AutoencoderCodec(step=1).encode(audio, RATE)
    with pytest.raises(CodecError, match="one or two channels"):
        AutoencoderCodec(deep, step=1).encode(np.stack([audio] * 3), RATE)
    for wrong in (np.zeros(0), np.full(8, np.nan)):
        with pytest.raises(AudioError):
            AutoencoderCodec(deep, step=1).encode(wrong, RATE)


def test_a_checkpoint_without_calibration_is_refused(checkpoints, tmp_path):
    from musiclib.codecs.latent import open_checkpoint
    from musiclib.training import checkpoint, load

    deep = checkpoints["deep"]
    bare = {name: value for name, value in deep.tensors.items() if name.startswith("model.")}
    checkpoint.save(tmp_path / "bare", bare, deep.record)
    with pytest.raises(CodecError, match=r"bare\.safetensors cannot be used as a codec.*again"):
        AutoencoderCodec(load(tmp_path / "bare"), step=0).encode(chords(1.0, RATE), RATE)
    with pytest.raises(CheckpointError, match=r"has no model 'cake'. It has: bare"):
        open_checkpoint("cake", tmp_path)
    assert open_checkpoint("bare", tmp_path).path == tmp_path / "bare.safetensors"

"""Melic: what sounds survive, and what a file costs."""

from itertools import pairwise

import numpy as np
import pytest

from musiclib.audio import resample, rms_db
from musiclib.codecs import Codec, get_codec, identify
from musiclib.codecs.melic import describe
from musiclib.errors import AudioError, CodecError
from musiclib.metrics import bitrate_kbps, si_sdr
from tests.codec_signals import click, lag, music, tone
from tests.melic_fixture import RATE, codec, model


def there_and_back(audio, kbps=None, rate=RATE, **options):
    asked = codec(kbps, **options)
    data = asked.encode(audio, rate)
    decoded, decoded_rate = codec(restore=asked.restore).decode(data)
    assert decoded_rate == RATE
    assert decoded.dtype == np.float32
    return data, decoded


def level_at(audio, frequency):
    """Level of a frequency in dB relative to full scale."""
    times = np.arange(audio.shape[-1]) / RATE
    part = 2 * np.mean(audio * np.exp(-2j * np.pi * frequency * times) * np.hanning(len(times)) * 2)
    return 20 * np.log10(abs(part) + 1e-9)


@pytest.mark.parametrize("frequency", [100.0, 440.0, 3000.0, 9000.0])
def test_a_tone_survives(frequency):
    audio = tone(frequency, 2.0)
    _, decoded = there_and_back(audio, 12)
    assert decoded.shape == audio.shape
    assert level_at(decoded, frequency) == pytest.approx(level_at(audio, frequency), abs=0.5)
    assert si_sdr(audio, decoded) > 20


def test_silence_stays_silent_and_costs_nothing():
    data, decoded = there_and_back(np.zeros(5 * RATE, np.float32), 6)
    assert not decoded.any()
    assert len(data) < 60


def test_silence_between_sounds_stays_silent():
    audio = np.concatenate([tone(440.0, 0.5), np.zeros(RATE), tone(440.0, 0.5)]).astype(np.float32)
    _, decoded = there_and_back(audio, 8)
    assert np.abs(decoded[RATE // 2 + 1024 : 3 * RATE // 2 - 1024]).max() < 2**-15


@pytest.mark.parametrize("position", [5, 4_321, 12_000, 23_990])
def test_a_click_stays_in_place(position):
    audio = click(RATE, position, 1.5)
    _, decoded = there_and_back(audio, 24)
    assert int(np.abs(decoded).argmax()) == position


def test_nothing_is_shifted():
    audio = music(2.0)
    _, decoded = there_and_back(audio, 12)
    assert lag(audio, decoded) == 0


def test_more_bits_never_hurt_on_average():
    clips = [music(1.0, seed=seed) for seed in range(3)]
    means = []
    for kbps in (6, 12, 24, 48):
        found = [si_sdr(clip, there_and_back(clip, kbps, restore=False)[1]) for clip in clips]
        means.append(np.mean(found))
    assert all(more > less + 1 for less, more in pairwise(means))


def test_coding_again_changes_little():
    audio = music(2.0)
    _, once = there_and_back(audio, 24, restore=False)
    _, twice = there_and_back(once, 24, restore=False)
    assert si_sdr(once, twice) > si_sdr(audio, once)


def test_level_is_kept():
    for gain_db in (-40, -20, 0):
        audio = music(2.0) * np.float32(10 ** (gain_db / 20))
        _, decoded = there_and_back(audio, 12)
        assert rms_db(decoded) == pytest.approx(rms_db(audio), abs=1.0)


@pytest.mark.parametrize(
    ("name", "audio"),
    [
        ("constant", np.full(RATE, 0.5, np.float32)),
        ("square", np.sign(tone(440.0)) + np.float32(0)),
        ("noise", np.random.default_rng(0).uniform(-1, 1, RATE).astype(np.float32)),
        ("alternating", np.tile(np.array([1, -1], np.float32), RATE // 2)),
    ],
)
def test_hard_signals_decode_to_something_like_them(name, audio):
    data, decoded = there_and_back(audio, 32)
    assert 8 * len(data) <= 32_000
    assert decoded.shape == audio.shape
    assert np.isfinite(decoded).all()
    assert rms_db(decoded) == pytest.approx(rms_db(audio), abs=1.5)


@pytest.mark.parametrize("n_samples", [1, 2, 255, 256, 257, 512, 262_143, 262_144, 262_145])
def test_every_length_is_kept(n_samples):
    audio = np.resize(tone(440.0), n_samples)
    _, decoded = there_and_back(audio, gain=120)
    assert decoded.shape == audio.shape


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 48_000, 96_000, 192_000])
def test_other_rates(rate):
    audio = tone(440.0, 1.0, rate)
    data, decoded = there_and_back(audio, 12, rate)
    assert decoded.shape == (RATE,)
    assert level_at(decoded, 440.0) == pytest.approx(level_at(tone(440.0), 440.0), abs=0.5)
    header = describe(data).header
    assert (header.sample_rate, header.n_samples) == (rate, rate)
    # Resampled before, it is the same.
    assert len(codec(12).encode(resample(audio, rate, RATE), RATE)) == pytest.approx(
        len(data), rel=0.02
    )


@pytest.mark.parametrize("kbps", [2, 3.3, 6, 12, 24, 48])
def test_budget_is_kept_and_used(kbps):
    audio = music(10.0)
    data = codec(kbps).encode(audio, RATE)
    assert 0.98 * kbps < bitrate_kbps(len(data), 10.0) <= kbps


def test_headers_are_small():
    data = codec(6).encode(music(10.0), RATE)
    found = describe(data)
    assert found.n_bytes - found.contents.payload_bytes <= 24


def test_a_budget_that_is_too_small_names_the_least():
    audio = music(2.0)
    with pytest.raises(CodecError, match="is the least for these 2 s") as caught:
        codec(0.05).encode(audio, RATE)
    least = float(str(caught.value).split("kbps: ")[1].split(" ")[0])
    assert bitrate_kbps(len(codec(least).encode(audio, RATE)), 2.0) <= least
    with pytest.raises(CodecError, match="longer clip"):
        codec(6).encode(audio[:100], RATE)


def test_encoding_is_deterministic_and_bytes_are_enough():
    audio = music(2.0)
    data = codec(6).encode(audio, RATE)
    assert codec(6).encode(audio, RATE) == data
    assert identify(data) == "melic"
    first, second = (codec().decode(data)[0] for _ in range(2))
    assert np.array_equal(first, second)


def test_the_network_works_on_what_was_decoded_only():
    audio = music(2.0)
    data = codec(6).encode(audio, RATE)
    restored, plain = codec().decode(data)[0], codec(restore=False).decode(data)[0]
    assert not np.array_equal(restored, plain)
    assert si_sdr(plain, restored) > 3
    bare = codec(6, restore=False).encode(audio, RATE)
    assert np.array_equal(codec().decode(bare)[0], codec(restore=False).decode(bare)[0])
    assert not describe(bare).header.restored


def test_unusable_audio_is_refused():
    for audio in (np.zeros(0), np.array([0.0, np.nan]), np.array([np.inf]), np.zeros((1, 2, 3))):
        with pytest.raises(AudioError):
            codec(6).encode(audio, RATE)
    with pytest.raises(CodecError, match="one or two channels"):
        codec(6).encode(np.zeros((6, 1000), np.float32), RATE)
    with pytest.raises(AudioError, match="Scale it down"):
        codec(6).encode(1000 * music(1.0), RATE)
    with pytest.raises(CodecError, match="8000 to 192000 Hz"):
        codec(6).encode(music(1.0), 4_000)


def test_wrong_requests_are_refused():
    for options in (
        {"kbps": 6, "gain": 3},
        {"gain": 256},
        {"gain": 1.5},
        {"kbps": -1},
        {"threads": 0},
        {"speed": 3},
    ):
        with pytest.raises(CodecError):
            get_codec("melic", **options)
    with pytest.raises(CodecError, match="kbps="):
        codec().encode(music(1.0), RATE)


def test_it_is_a_codec_like_the_others():
    asked = get_codec("melic", 6, model=model())
    assert isinstance(asked, Codec)
    assert (asked.name, asked.suffix, asked.label) == ("melic", ".mlc", "Melic 6 kbps")
    assert codec(6, restore=False).label == "Melic 6 kbps, not restored"
    assert codec(gain=100).setting == "gain 100"

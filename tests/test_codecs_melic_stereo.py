"""Two channels: where sounds are heard, and what the second channel costs."""

import numpy as np
import pytest

from musiclib.audio import rms_db
from musiclib.codecs.melic import describe
from musiclib.codecs.melic.analysis import choose_angle, rotate
from musiclib.metrics import si_sdr
from tests.codec_signals import music, tone
from tests.melic_fixture import RATE, codec


def there_and_back(audio, kbps=None, **options):
    data = codec(kbps, **options).encode(audio, RATE)
    decoded, _ = codec().decode(data)
    assert decoded.shape == audio.shape
    return data, decoded


def test_a_tone_on_the_left_stays_there():
    left = tone(440.0, 2.0)
    data, decoded = there_and_back(np.stack([left, 0 * left]), 12)
    assert si_sdr(left, decoded[0]) > 20
    assert np.abs(decoded[1]).max() < 1e-4
    assert describe(data).header.coded_channels == 1


def test_out_of_phase_stays_out_of_phase():
    left = tone(440.0, 2.0)
    _, decoded = there_and_back(np.stack([left, -left]), 12)
    assert si_sdr(left, decoded[0]) > 20
    assert np.abs(decoded.sum(axis=0)).max() < 1e-4


def test_a_mono_piece_costs_what_mono_costs():
    mono = music(4.0)
    for left, right in ((1.0, 1.0), (1.0, 0.5), (1.0, -1.0), (0.0, 1.0)):
        # All of the power ends in the first channel.
        one = len(codec(gain=120).encode(mono * np.float32(np.hypot(left, right)), RATE))
        pair = np.stack([left * mono, right * mono]).astype(np.float32)
        assert len(codec(gain=120).encode(pair, RATE)) < 1.02 * one


def test_a_nearly_mono_piece_costs_little_more():
    mono, hiss = music(4.0), np.random.default_rng(0).normal(0, 1e-4, 4 * RATE)
    one = len(codec(gain=120).encode(mono * np.float32(2**0.5), RATE))
    pair = np.stack([mono + hiss, mono - hiss]).astype(np.float32)
    assert len(codec(gain=120).encode(pair, RATE)) < 1.02 * one


def test_different_channels_are_both_there():
    pair = np.stack([tone(440.0, 2.0), tone(1000.0, 2.0)])
    data, decoded = there_and_back(pair, 24)
    assert describe(data).header.coded_channels == 2
    assert all(si_sdr(pair[c], decoded[c]) > 15 for c in range(2))


def test_the_image_follows_a_voice_that_moves():
    sound = music(12.0)
    place = np.linspace(0, np.pi / 2, len(sound))
    pair = np.stack([np.cos(place) * sound, np.sin(place) * sound]).astype(np.float32)
    _, decoded = there_and_back(pair, gain=100)
    for part in (slice(0, 2 * RATE), slice(5 * RATE, 7 * RATE), slice(10 * RATE, None)):
        wanted = rms_db(pair[0, part]) - rms_db(pair[1, part])
        found = rms_db(decoded[0, part]) - rms_db(decoded[1, part])
        assert np.clip(found, -20, 20) == pytest.approx(np.clip(wanted, -20, 20), abs=1.5)


def test_all_channels_count():
    pair = np.stack([music(4.0), music(4.0, seed=1)])
    data = codec(12).encode(pair, RATE)
    assert 0.97 * 12 < 8 * len(data) / 4000 <= 12


def test_rotations_are_found_and_undone():
    rng = np.random.default_rng(0)
    first = rng.laplace(size=(64, 256)).astype(np.float32)
    for angle in (0, 7, 64, 128, 200, 255):
        turn = np.pi * angle / 256
        pair = np.stack([np.cos(turn) * first, np.sin(turn) * first]).astype(np.float32)
        found = choose_angle(pair, last=64)
        assert found == angle
        turned = rotate(pair, angle)
        assert np.abs(turned[1]).max() < 1e-5
        assert np.allclose(rotate(turned, -angle), pair, atol=1e-5)


def test_a_rotation_stays_where_another_is_hardly_better():
    pair = np.random.default_rng(0).laplace(size=(2, 64, 256)).astype(np.float32)
    assert choose_angle(pair, last=64) == 64

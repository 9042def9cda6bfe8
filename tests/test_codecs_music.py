"""The codecs on a bundled clip: real music, real bytes, in place."""

import numpy as np
import pytest

from musiclib.codecs import get_codec
from musiclib.datasets import open_dataset
from musiclib.metrics import bitrate_kbps
from tests.codec_signals import lag, roundtrip


@pytest.fixture(scope="module")
def song():
    return next(iter(open_dataset("mini").part("test").clips(duration_s=8.0, limit=1)))


@pytest.mark.parametrize(
    ("name", "kbps", "tolerance"),
    [
        ("mp3", 16, 0.05),
        ("mp3", 64, 0.02),
        ("aac", 16, 0.08),
        ("aac", 64, 0.05),
        ("opus", 12, 0.15),
        ("opus", 24, 0.07),
        ("opus", 64, 0.05),
        ("vorbis", 48, 0.04),
        ("downsample", 48, 0.01),
    ],
)
def test_music_keeps_its_place_and_costs_what_was_asked(song, name, kbps, tolerance):
    data = get_codec(name, kbps).encode(song.audio, song.sample_rate)
    assert bitrate_kbps(len(data), song.seconds) == pytest.approx(kbps, rel=tolerance)
    decoded = roundtrip(get_codec(name, kbps), song.audio, song.sample_rate)
    assert decoded.shape == song.audio.shape
    assert lag(song.audio, decoded) == 0
    assert np.corrcoef(song.audio, decoded)[0, 1] > 0.8

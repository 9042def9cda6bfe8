"""Decoded audio lies where the original lay: declared delays are removed, lengths are kept."""

import numpy as np
import pytest

from musiclib.audio import resample
from musiclib.codecs import get_codec
from tests.codec_signals import RATE, click, lag, music, roundtrip, stereo

# With 64 kbps for two channels CELT puts one of these clicks 0.7 ms late and the others in place:
# that is coding noise and no delay.
CODECS = [("mp3", 64), ("aac", 64), ("opus", 96), ("vorbis", 64), ("downsample", None)]
RATES = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000]


def make(name, kbps):
    return get_codec(name, factor=2) if kbps is None else get_codec(name, kbps)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("name", "kbps"), CODECS)
def test_click_stays_within_one_sample(name, kbps, rate, channels):
    # An odd length, and clicks near the start, off every grid, and near the end.
    n = rate + 137
    positions = [rate // 10, rate // 2 + 3, n - rate // 12]
    audio = np.max([click(n, p, 2.0 * rate / 8_000) for p in positions], axis=0)
    decoded = roundtrip(make(name, kbps), stereo(audio) if channels == 2 else audio, rate)
    for channel in np.atleast_2d(decoded):
        for position in positions:
            near = channel[position - rate // 20 : position + rate // 20]
            assert near.max() > 0.3
            assert abs(int(np.argmax(near)) - rate // 20) <= 1


@pytest.mark.parametrize(
    ("name", "kbps"),
    [("mp3", 8), ("mp3", 16), ("mp3", 160), ("mp3", 320), ("aac", 8), ("aac", 16), ("aac", 256)]
    + [("opus", k) for k in (9, 10, 12, 16, 24, 256)]
    + [("vorbis", 32), ("vorbis", 200), ("downsample", 12)],
)
def test_wide_band_sound_is_aligned_at_every_bitrate(name, kbps):
    audio = music()
    assert abs(lag(audio, roundtrip(get_codec(name, kbps), audio))) <= 1


@pytest.mark.parametrize("kbps", [5, 6, 8])
def test_narrow_band_opus_is_at_most_a_tenth_of_a_millisecond_late(kbps):
    # The resamplers of SILK add a delay that the file does not declare.
    audio = music()
    assert abs(lag(audio, roundtrip(get_codec("opus", kbps), audio))) <= 2


@pytest.mark.parametrize("n", [1_000, 1_151, 1_152, 1_153, 15_000, 15_047, 15_100, 15_320])
@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100])
@pytest.mark.parametrize(("name", "kbps"), CODECS)
def test_length_is_exact_at_the_files_own_rate(name, kbps, rate, n):
    audio = music(2.0, rate)[:n]
    decoded, own_rate = get_codec(name).decode(make(name, kbps).encode(audio, rate))
    assert abs(len(decoded) - n * own_rate / rate) <= 1


def test_other_players_see_the_length_that_was_encoded():
    """The declaration is in the file and not only in this package's decoder."""
    av = pytest.importorskip("av")
    import io

    for n in range(RATE, RATE + 576, 61):  # lengths all over a frame of MP3
        data = get_codec("mp3", 32).encode(music(2.0)[:n], RATE)
        with av.open(io.BytesIO(data)) as container:
            assert sum(frame.samples for frame in container.decode(audio=0)) == n


def test_stereo_channels_keep_their_places():
    left, right = music(2.0), 0.5 * resample(music(1.0, seed=3), RATE, 2 * RATE)
    both = np.stack([left, right])
    for name, kbps in CODECS:
        decoded = roundtrip(make(name, kbps or None), both)
        for channel, other in ((0, 1), (1, 0)):
            own = np.corrcoef(decoded[channel], both[channel])[0, 1]
            assert own > 0.9
            assert own > abs(np.corrcoef(decoded[channel], both[other])[0, 1])

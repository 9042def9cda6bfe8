"""What codecs must do to signals: keep them, spend bits well, and give the same bytes again."""

import numpy as np
import pytest

from musiclib.audio import rms_db
from musiclib.codecs import CODEC_NAMES, Codec, get_codec, identify, supported_kbps
from musiclib.metrics import bitrate_kbps, log_spectral_distance
from tests.codec_signals import RATE, music, roundtrip, sdr, stereo, tone

EVERY = [("mp3", 64), ("aac", 64), ("opus", 64), ("vorbis", 64), ("downsample", 192)]
LOW = [("mp3", 8), ("aac", 8), ("opus", 6), ("vorbis", 16), ("downsample", 24)]


@pytest.mark.parametrize(("name", "kbps"), EVERY)
@pytest.mark.parametrize("frequency", [110.0, 1000.0, 4000.0])
def test_a_tone_survives(name, kbps, frequency):
    audio = tone(frequency)
    decoded = roundtrip(get_codec(name, kbps), audio)
    inner = slice(RATE // 8, -RATE // 8)
    spectrum = np.abs(np.fft.rfft(decoded[inner] * np.hanning(len(decoded[inner]))))
    found = np.argmax(spectrum) * RATE / len(decoded[inner])
    assert found == pytest.approx(frequency, abs=2.0)
    assert rms_db(decoded[inner]) == pytest.approx(rms_db(audio[inner]), abs=0.5)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("name", "kbps"), EVERY + LOW)
def test_silence_stays_silent(name, kbps, channels):
    audio = np.zeros((channels, RATE), np.float32).squeeze()
    decoded = roundtrip(get_codec(name, kbps * channels), audio)
    assert np.isfinite(decoded).all()
    assert np.abs(decoded).max() < 1e-3  # -60 dB


@pytest.mark.parametrize(
    ("name", "ladder"),
    [
        ("mp3", (8, 32, 128)),
        ("aac", (8, 32, 128)),
        ("opus", (6, 16, 64)),
        ("vorbis", (24, 48, 96)),
        ("downsample", (24, 96, 192)),
    ],
)
def test_more_bits_never_hurt(name, ladder):
    clips = [music(seed=seed) for seed in (0, 1)]
    sizes, distances, fidelity = [], [], []
    for kbps in ladder:
        codec = get_codec(name, kbps)
        decoded = [roundtrip(codec, clip) for clip in clips]
        sizes.append(sum(len(codec.encode(clip, RATE)) for clip in clips))
        pairs = list(zip(clips, decoded, strict=True))
        distances.append(np.mean([log_spectral_distance(a, b) for a, b in pairs]))
        fidelity.append(np.mean([sdr(a, b) for a, b in pairs]))
    assert sizes == sorted(sizes)
    assert distances == sorted(distances, reverse=True)
    assert fidelity == sorted(fidelity)


@pytest.mark.parametrize(("name", "kbps"), EVERY)
def test_a_second_generation_loses_less_than_the_first(name, kbps):
    audio = music(2.0)
    codec = get_codec(name, kbps)
    first = roundtrip(codec, audio)
    second = roundtrip(codec, np.clip(first, -1, 1))
    assert second.shape == first.shape
    assert sdr(audio, second) > sdr(audio, first) - 10.0


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("name", "kbps"), EVERY)
def test_the_same_audio_gives_the_same_bytes(name, kbps, channels):
    audio = stereo(music(1.0)) if channels == 2 else music(1.0)
    data = get_codec(name, kbps).encode(audio, RATE)
    assert data == get_codec(name, kbps).encode(audio.copy(), RATE)
    assert identify(data) == name


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("name", "kbps", "tolerance"),
    [("mp3", k, 0.05) for k in (8, 16, 32, 64, 128, 320)]
    + [("aac", k, 0.12) for k in (16, 24, 48)]
    + [("opus", k, 0.15) for k in (6, 12, 24, 48, 96)]
    + [("vorbis", k, 0.06) for k in (40, 48, 64)]
    + [("downsample", k, 0.01) for k in (12, 48, 192)],
)
def test_the_request_is_met(name, kbps, tolerance, channels):
    audio = music(6.0) if channels == 1 else np.stack([music(6.0), music(6.0, seed=1)])
    if channels == 2 and name in ("aac", "opus", "vorbis"):
        kbps = 2 * kbps
    measured = bitrate_kbps(len(get_codec(name, kbps).encode(audio, RATE)), 6.0)
    assert measured == pytest.approx(kbps, rel=tolerance)


@pytest.mark.parametrize("name", CODEC_NAMES)
@pytest.mark.parametrize("rate", [8_000, 24_000, 44_100])
def test_every_listed_bitrate_works(name, rate):
    audio = music(0.5, rate)
    for channels in (1, 2):
        choices = supported_kbps(name, rate, channels)
        assert choices == sorted(choices)
        for kbps in (choices[0], choices[len(choices) // 2], choices[-1]):
            codec = get_codec(name, kbps)
            decoded = roundtrip(codec, stereo(audio) if channels == 2 else audio, rate)
            assert np.isfinite(decoded).all()


def test_codecs_share_one_protocol():
    suffixes = set()
    for name in CODEC_NAMES:
        codec = get_codec(name, 64)
        assert isinstance(codec, Codec)
        assert codec.name == name
        assert codec.label.endswith("64 kbps")
        suffixes.add(codec.suffix)
    assert suffixes == {".mp3", ".m4a", ".opus", ".ogg", ".wav"}


def test_options_show_in_the_label():
    assert get_codec("downsample", factor=8).label == "Downsampling by 8"
    assert get_codec("vorbis", quality=0.5).label == "Vorbis quality 0.5"


def test_low_bitrates_run_at_low_sampling_rates():
    audio = music(1.0)
    rates = [get_codec("mp3").decode(get_codec("mp3", k).encode(audio, RATE))[1] for k in (8, 64)]
    assert rates == [12_000, 24_000]
    kept = get_codec("mp3", 8, coding_rate=RATE).encode(audio, RATE)
    assert get_codec("mp3").decode(kept)[1] == RATE


def test_downsampling_counts_its_header_and_keeps_the_low_band():
    audio = tone(440.0) + 0.5 * tone(9_000.0)
    codec = get_codec("downsample", factor=4)
    assert len(codec.encode(audio, RATE)) == 44 + 2 * RATE // 4
    assert sdr(tone(440.0)[1000:-1000], roundtrip(codec, audio)[1000:-1000]) > 60


def test_tags_are_stored_and_cost_bytes(tmp_path):
    from musiclib.audio import probe
    from musiclib.codecs import FileCodec

    tags = {"title": "Tïtle", "artist": "Some Artist"}
    for name, kbps in EVERY:
        # Vorbis would make room for the tags if it were asked for a bitrate.
        codec = get_codec("vorbis", quality=0.5) if name == "vorbis" else get_codec(name, kbps)
        assert isinstance(codec, FileCodec)
        plain, tagged = codec.encode(music(1.0), RATE), codec.encode(music(1.0), RATE, tags)
        assert len(tagged) > len(plain)
        path = tmp_path / f"clip{codec.suffix}"
        path.write_bytes(tagged)
        found = probe(path).tags
        assert found["title"] == tags["title"]
        assert found["artist"] == tags["artist"]
        assert np.array_equal(codec.decode(tagged)[0], codec.decode(plain)[0])

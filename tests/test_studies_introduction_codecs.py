"""The introduction's measures of codecs, on sounds whose marks are known."""

import numpy as np
import pytest
import scipy.signal

from musiclib.audio import FloatArray
from musiclib.codecs import get_codec
from musiclib.datasets import Clip
from musiclib.metrics import bitrate_kbps
from musiclib.studies.introduction import codecs

RATE = 24_000


def noise(seconds: float = 1.0, seed: int = 0) -> FloatArray:
    generator = np.random.default_rng(seed)
    return (0.1 * generator.standard_normal(round(seconds * RATE))).astype(np.float32)


def clip(audio: FloatArray) -> Clip:
    return Clip("1", audio, RATE, "a", "artist", "title")


@pytest.mark.parametrize("cutoff", [3000.0, 8000.0])
def test_bandwidth_of_a_low_pass_is_its_cutoff(cutoff: float) -> None:
    audio = noise(2.0)
    low = scipy.signal.sosfiltfilt(
        scipy.signal.butter(12, cutoff, fs=RATE, output="sos"), audio
    ).astype(np.float32)
    assert codecs.bandwidth_hz(audio, low, RATE) == pytest.approx(cutoff, rel=0.1)
    assert codecs.bandwidth_hz(audio, audio, RATE) == RATE / 2
    assert codecs.bandwidth_hz(audio, np.zeros_like(audio), RATE) == 0.0


def test_holes_are_counted_and_the_cut_off_highs_are_not() -> None:
    audio = noise(4.0)
    gate = np.repeat(np.arange(8) % 4 != 0, len(audio) // 8).astype(np.float32)
    assert codecs.hole_share(audio, audio, RATE) == 0.0
    assert codecs.hole_share(audio, audio * gate, RATE) == pytest.approx(0.25, abs=0.03)
    low = scipy.signal.sosfiltfilt(
        scipy.signal.butter(12, 6000.0, fs=RATE, output="sos"), audio
    ).astype(np.float32)
    assert codecs.hole_share(audio, low, RATE) < 0.05
    silence = np.zeros_like(audio)
    assert codecs.hole_share(silence, silence, RATE) == 0.0


def test_attacks_begin_where_they_say() -> None:
    audio, starts = codecs.attacks(RATE, count=3)
    assert len(starts) == 3
    for start in starts.astype(int):
        assert not audio[start - 1000 : start].any()
        assert audio[start : start + 50].any()


def test_plain_pcm_has_no_pre_echo_and_mp3_has() -> None:
    assert codecs.pre_echo_db(get_codec("downsample", factor=1), RATE) <= -100
    assert codecs.pre_echo_db(get_codec("mp3", 16), RATE) > -40


def test_level_change_of_plain_pcm_is_none() -> None:
    assert codecs.level_change_db(get_codec("downsample", factor=1), RATE) == pytest.approx(
        0.0, abs=1e-3
    )
    assert abs(codecs.level_change_db(get_codec("opus", 64), RATE)) < 0.1


def test_ladder_measures_the_bytes_of_real_files() -> None:
    song = clip(noise(2.0))
    fine, coarse = codecs.ladder(song, [("mp3", 64), ("mp3", 8)], ["log_spectral_distance"])
    data = get_codec("mp3", 8).encode(song.audio, RATE)
    assert coarse.label == "MP3 8 kbps"
    assert coarse.kbps == bitrate_kbps(len(data), 2.0)
    assert coarse.audio.shape == song.audio.shape
    assert fine.measures["log_spectral_distance"] < coarse.measures["log_spectral_distance"]


def test_artefacts_grow_as_the_rate_falls() -> None:
    table = codecs.artefact_table([clip(noise(2.0))], [("mp3", 64), ("mp3", 16)])
    assert list(table.index) == ["MP3 64 kbps", "MP3 16 kbps"]
    assert table.bandwidth_khz.iloc[0] > table.bandwidth_khz.iloc[1]
    assert table.pre_echo_db.iloc[0] < table.pre_echo_db.iloc[1]

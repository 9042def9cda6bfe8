"""Opus: what its packets say of how they are coded, and the table of its better modes."""

import csv
from collections import Counter
from importlib import resources

import numpy as np
import pytest

from musiclib.codecs import get_codec, opus_bandwidth
from musiclib.codecs.opus import APPLICATIONS, MODES_TABLE, OpusMode, opus_modes
from musiclib.datasets import open_dataset
from musiclib.errors import BitstreamError, CodecError
from musiclib.metrics import two_f_mushra, zimtohrli_mos
from tests.codec_signals import RATE, lag, music, roundtrip, stereo

WHITE = (0.1 * np.random.default_rng(0).standard_normal(3 * RATE)).astype(np.float32)


def table() -> list[dict[str, str]]:
    text = resources.files("musiclib.codecs").joinpath(MODES_TABLE).read_text("utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def highest_hz(audio: np.ndarray) -> float:
    """Frequency below which 99.9 % of the energy lies."""
    energy = np.cumsum(np.abs(np.fft.rfft(audio * np.hanning(len(audio)))) ** 2)
    return float(np.searchsorted(energy, 0.999 * energy[-1]) * RATE / len(audio))


@pytest.mark.parametrize(
    ("kbps", "application", "expected"),
    [
        (6, "audio", OpusMode("SILK", 4_000)),
        (12, "audio", OpusMode("SILK", 8_000)),
        (6, "lowdelay", OpusMode("CELT", 4_000)),
        (64, "audio", OpusMode("CELT", 12_000)),
    ],
)
def test_packets_tell_coder_and_bandwidth_and_the_sound_agrees(kbps, application, expected):
    codec = get_codec("opus", kbps, application=application)
    data = codec.encode(WHITE, RATE)
    assert opus_modes(data).most_common(1)[0][0] == expected
    assert opus_bandwidth(data) == expected.bandwidth_hz
    found = highest_hz(roundtrip(codec, WHITE))
    assert found == pytest.approx(expected.bandwidth_hz, rel=0.12)


@pytest.mark.parametrize("application", APPLICATIONS)
@pytest.mark.parametrize("frame_ms", [10, 20, 40, 60])
def test_every_packet_is_counted(application, frame_ms):
    data = get_codec("opus", 24, application=application, frame_ms=frame_ms).encode(music(), RATE)
    # The encoder's delay asks for a packet more.
    assert 0 <= sum(opus_modes(data).values()) - 3_000 // frame_ms <= 1
    if application == "lowdelay":
        assert {mode.coder for mode in opus_modes(data)} == {"CELT"}


@pytest.mark.parametrize("kbps", [6, 12, 16, 64])
@pytest.mark.parametrize("application", APPLICATIONS)
def test_every_mode_is_aligned_and_costs_what_was_asked(application, kbps):
    codec = get_codec("opus", kbps, application=application)
    assert abs(lag(music(), roundtrip(codec, music()))) <= 2
    measured = 8 * len(codec.encode(music(12.0), RATE)) / 12_000
    assert measured == pytest.approx(kbps, rel=0.2)


def test_other_bytes_have_no_bandwidth():
    data = get_codec("opus", 24).encode(music(), RATE)
    with pytest.raises(BitstreamError, match="truncated"):
        opus_bandwidth(data[:-100])
    with pytest.raises(BitstreamError):
        opus_bandwidth(get_codec("mp3", 24).encode(music(), RATE))


def test_the_table_has_one_choice_a_bitrate_and_it_is_the_best():
    rows = table()
    assert [int(row["kbps"]) for row in rows if row["chosen"] == "yes"] == [
        *(6, 8, 10, 12, 16, 20, 24, 32, 48, 64)
    ]
    counted = Counter((row["kbps"], row["application"]) for row in rows)
    assert set(counted.values()) == {1}
    assert len(counted) == 10 * len(APPLICATIONS)
    for row in rows:
        rivals = [other for other in rows if other["kbps"] == row["kbps"]]
        best = max(float(other["score"]) for other in rivals)
        assert (row["chosen"] == "yes") == (float(row["score"]) == best)


def test_the_default_is_the_mode_of_the_table():
    for row in table():
        kbps, application = float(row["kbps"]), row["application"]
        named = get_codec(
            "opus", kbps, application=application, frame_ms=int(row["frame_ms"])
        ).encode(music(), RATE)
        assert get_codec("opus", kbps, application=application).encode(music(), RATE) == named
        if row["chosen"] == "yes":
            assert get_codec("opus", kbps).encode(music(), RATE) == named
            # The table is of one channel; two get twice as much.
            both = get_codec("opus", 2 * kbps).encode(stereo(music()), RATE)
            coders = {mode.coder for mode in opus_modes(both)}
            assert application == "audio" or coders == {"CELT"}


def test_at_12_kbps_the_music_mode_sounds_better_than_the_mode_for_both():
    clips = list(open_dataset("mini").part("validation").clips(duration_s=6.0, limit=3))
    gains = []
    for clip in clips:
        default, both = (
            roundtrip(get_codec("opus", kbps, application=application), clip.audio)
            for kbps, application in ((12, None), (12, "audio"))
        )
        gains.append(
            [
                judge(clip.audio, default, RATE) - judge(clip.audio, both, RATE)
                for judge in (zimtohrli_mos, two_f_mushra)
            ]
        )
    assert (np.mean(gains, axis=0) > [0.2, 3.0]).all()


def test_wrong_modes_are_refused():
    with pytest.raises(CodecError, match="application must be one of"):
        get_codec("opus", 24, application="music")

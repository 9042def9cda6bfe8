"""HE-AAC by the command `fdkaac`: in place, of honest size, and refused where it cannot be had."""

import os
import subprocess

import numpy as np
import pytest

from musiclib.codecs import (
    COMMAND_CODEC_NAMES,
    FileCodec,
    aac,
    available,
    get_codec,
    identify,
    supported_kbps,
)
from musiclib.codecs.aac import fdkaac_available, fdkaac_version
from musiclib.errors import BitstreamError, CodecError
from musiclib.metrics import bitrate_kbps
from tests.codec_signals import RATE, click, lag, music, roundtrip, sdr, stereo, tone

needs_command = pytest.mark.skipif(
    not fdkaac_available(), reason="the command fdkaac is not installed"
)
# Name, bitrate, channels.
CASES = [("he-aac", 24, 1), ("he-aac", 48, 2), ("he-aac-v2", 32, 2)]


def clip(channels: int, seconds: float = 2.0) -> np.ndarray:
    return stereo(music(seconds)) if channels == 2 else music(seconds)


@needs_command
class TestWithTheCommand:
    @pytest.mark.parametrize("rate", [8_000, 24_000, 44_100])
    @pytest.mark.parametrize(("name", "kbps", "channels"), CASES)
    def test_click_stays_within_one_sample(self, name, kbps, channels, rate):
        n = rate + 137
        positions = [rate // 10, rate // 2 + 3, n - rate // 12]
        audio = np.max([click(n, p, 2.0 * rate / 8_000) for p in positions], axis=0)
        decoded = roundtrip(get_codec(name, kbps), stereo(audio) if channels == 2 else audio, rate)
        for channel in np.atleast_2d(decoded):
            for position in positions:
                near = channel[position - rate // 20 : position + rate // 20]
                assert near.max() > 0.3
                assert abs(int(np.argmax(near)) - rate // 20) <= 1

    @pytest.mark.parametrize("n", [1_536, 1_600, 15_047, 48_000])
    @pytest.mark.parametrize(("name", "kbps", "channels"), CASES)
    def test_length_is_exact_at_the_files_own_rate(self, name, kbps, channels, n):
        codec = get_codec(name, kbps)
        decoded, own_rate = codec.decode(codec.encode(clip(channels)[..., :n], RATE))
        assert decoded.ndim == channels
        assert abs(decoded.shape[-1] - n * own_rate / RATE) <= 1

    @pytest.mark.parametrize("kbps", [10, 12, 16, 24, 48, 64, 96])
    def test_the_request_is_met_container_included(self, kbps):
        data = get_codec("he-aac", kbps).encode(music(15.0), RATE)
        # But for headers of 800 bytes, and the frames before and after the sound.
        assert bitrate_kbps(len(data) - 800, 15.3) == pytest.approx(kbps, rel=0.08)

    def test_the_lower_band_is_a_waveform_and_the_upper_one_a_likeness(self):
        # Of a tone above half the core's band only the region comes back, if at all.
        codec = get_codec("he-aac", 16)
        low, high = tone(1_000.0), tone(9_000.0)
        assert sdr(low[2_000:-2_000], roundtrip(codec, low)[2_000:-2_000]) > 15.0
        assert sdr(high[2_000:-2_000], roundtrip(codec, high)[2_000:-2_000]) < 3.0

    def test_more_bits_never_hurt(self):
        audio = music()
        decoded = [roundtrip(get_codec("he-aac", kbps), audio) for kbps in (12, 32, 96)]
        assert sorted(decoded, key=lambda x: sdr(audio, x))[-1] is decoded[-1]
        assert abs(lag(audio, decoded[-1])) <= 1

    def test_parametric_stereo_keeps_where_sounds_come_from(self):
        left = np.stack([music(2.0), 0.1 * music(2.0)])
        decoded = roundtrip(get_codec("he-aac-v2", 32), left)
        level = 20 * np.log10(np.std(decoded, axis=1))
        assert 10.0 < level[0] - level[1] < 30.0

    @pytest.mark.parametrize(("name", "kbps", "channels"), CASES)
    def test_silence_stays_silent_and_keeps_its_channels(self, name, kbps, channels):
        silence = np.zeros((channels, RATE), np.float32).squeeze()
        decoded = roundtrip(get_codec(name, kbps), silence)
        assert decoded.shape == silence.shape
        assert np.abs(decoded).max() < 1e-3

    @pytest.mark.parametrize(("name", "kbps", "channels"), CASES)
    def test_the_same_audio_gives_the_same_bytes(self, name, kbps, channels):
        codec = get_codec(name, kbps)
        data = codec.encode(clip(channels), RATE)
        assert data == codec.encode(clip(channels), RATE)
        assert identify(data) == "aac"
        np.testing.assert_array_equal(get_codec("aac").decode(data)[0], codec.decode(data)[0])

    def test_tags_are_stored_and_truncation_is_noticed(self, tmp_path):
        from musiclib.audio import probe

        codec = get_codec("he-aac", 24)
        assert isinstance(codec, FileCodec)
        data = codec.encode(music(1.0), RATE, {"title": "Tïtle"})
        (tmp_path / "x.m4a").write_bytes(data)
        assert probe(tmp_path / "x.m4a").tags["title"] == "Tïtle"
        for length in (40, len(data) // 2, len(data) - 300):
            with pytest.raises(BitstreamError):
                codec.decode(data[:length])

    def test_another_bitrate_than_asked_for_is_refused(self, monkeypatch):
        # Below its range fdkaac answers with its highest bitrate; so the limits are taken away.
        monkeypatch.setattr(aac.HeAacCodec, "limits", {1: (1.0, 999.0)})
        for kbps in (6, 8, 400):
            with pytest.raises(CodecError, match=r"asked for .* gave \d"):
                get_codec("he-aac", kbps).encode(music(1.0), RATE)

    def test_versions_are_told(self):
        assert "fdkaac" in fdkaac_version()
        assert "libfdk-aac" in fdkaac_version()

    def test_what_the_command_says_is_passed_on(self):
        with pytest.raises(CodecError, match=r"refuses this audio \(.+\)"):
            aac._fdkaac(np.zeros((1, 999), np.float32), 24_000, 77, 24_000)


def test_impossible_requests_say_what_is_possible():
    with pytest.raises(CodecError, match="10, 12, 16"):
        get_codec("he-aac", 8).encode(music(0.5), RATE)
    with pytest.raises(CodecError, match="16, 20"):
        get_codec("he-aac", 12).encode(stereo(music(0.5)), RATE)
    with pytest.raises(CodecError, match="Use he-aac for mono"):
        get_codec("he-aac-v2", 24).encode(music(0.5), RATE)
    with pytest.raises(CodecError, match="16000, 22050"):
        get_codec("he-aac", 24, coding_rate=8_000)
    with pytest.raises(CodecError, match=r"at least 0\.064 s"):
        get_codec("he-aac", 24).encode(music(0.5)[:1_000], RATE)
    assert supported_kbps("he-aac-v2", RATE, 1) == []
    assert supported_kbps("he-aac-v2", RATE, 2)[0] == 10.0


def test_a_missing_command_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert not any(available(name) for name in COMMAND_CODEC_NAMES)
    assert available("opus")
    with pytest.raises(CodecError, match="apt install fdkaac"):
        get_codec("he-aac", 24).encode(music(0.5), RATE)


def test_a_command_that_hangs_or_cannot_run_is_an_error(monkeypatch, tmp_path):
    command = tmp_path / "fdkaac"
    command.write_text("not a program")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    with pytest.raises(CodecError, match="cannot be run"):
        get_codec("he-aac", 24).encode(music(0.5), RATE)

    def hang(*_args: object, timeout: float, **_options: object) -> None:
        raise subprocess.TimeoutExpired("fdkaac", timeout)

    monkeypatch.setattr(subprocess, "run", hang)
    with pytest.raises(CodecError, match="did not finish within 60 s"):
        get_codec("he-aac", 24).encode(music(0.5), RATE)

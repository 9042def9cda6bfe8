"""File codecs: signals survive in place, bits are spent well, bad bytes are refused."""

import csv
import itertools
from collections import Counter
from importlib import resources

import numpy as np
import pytest

from musiclib.audio import probe, rms_db
from musiclib.codecs import (
    COMMAND_CODEC_NAMES,
    Codec,
    FileCodec,
    available,
    get_codec,
    identify,
    opus_bandwidth,
    supported_kbps,
    traditional,
)
from musiclib.codecs.container import Target, check_ogg, mux, page_checksum, pages, with_serial
from musiclib.codecs.traditional import (
    APPLICATIONS,
    MODES_TABLE,
    OpusMode,
    fdkaac_version,
    find_xing,
    opus_modes,
    xing_checksum,
)
from musiclib.errors import AudioError, BitstreamError, CodecError
from musiclib.evaluation import align
from musiclib.metrics import bitrate_kbps, log_spectral_distance
from tests.codec_signals import RATE, click, lag, music, roundtrip, sdr, stereo, tone

CODEC_NAMES = ("mp3", "aac", "opus", "vorbis", "downsample")
EVERY = [("mp3", 64), ("aac", 64), ("opus", 96), ("vorbis", 64), ("downsample", 192)]
FDKAAC = [("he-aac", 24, 1), ("he-aac", 48, 2), ("he-aac-v2", 32, 2)]
CASES = [*((name, kbps, channels) for name, kbps in EVERY for channels in (1, 2)), *FDKAAC]
needs_fdkaac = pytest.mark.skipif(not available("he-aac"), reason="fdkaac is not installed")
every_codec = pytest.mark.parametrize(
    ("name", "kbps", "channels"),
    [pytest.param(*case, marks=needs_fdkaac if case in FDKAAC else ()) for case in CASES],
)


def clip(channels: int, seconds: float = 2.0, rate: int = RATE) -> np.ndarray:
    return stereo(music(seconds, rate)) if channels == 2 else music(seconds, rate)


def make(name: str, kbps: float) -> Codec:
    """A codec that takes any rate: 192 kbps are too many samples where there are fewer."""
    return get_codec(name, factor=2) if name == "downsample" else get_codec(name, kbps)


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    kbps = {"mp3": 32, "aac": 32, "opus": 24, "vorbis": 48, "downsample": 64}
    return {name: get_codec(name, k).encode(music(2.0), RATE) for name, k in kbps.items()}


class TestSignals:
    @every_codec
    def test_a_tone_survives_and_silence_stays_silent(self, name, kbps, channels):
        codec = get_codec(name, kbps)
        audio = stereo(tone(1000.0)) if channels == 2 else tone(1000.0)
        inner = roundtrip(codec, audio)[..., RATE // 8 : -RATE // 8]
        first = np.atleast_2d(inner)[0]
        spectrum = np.abs(np.fft.rfft(first * np.hanning(len(first))))
        assert np.argmax(spectrum) * RATE / len(first) == pytest.approx(1000.0, abs=2.0)
        assert rms_db(first) == pytest.approx(rms_db(tone(1000.0)), abs=0.5)
        silence = roundtrip(codec, 0 * audio)
        assert silence.shape == audio.shape
        assert np.abs(silence).max() < 1e-3  # -60 dB

    @every_codec
    def test_a_click_stays_within_one_sample(self, name, kbps, channels):
        for rate in (8_000, 22_050, 24_000, 44_100, 96_000):
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

    @every_codec
    def test_length_is_exact_at_the_files_own_rate(self, name, kbps, channels):
        lengths = (1_600, 15_047, 15_100, 15_320)
        for n, rate in itertools.product(lengths, (8_000, 24_000, 44_100)):
            if name.startswith("he-aac") and n < rate / 10:  # has a least length
                continue
            audio = clip(channels, 2.0, rate)[..., :n]
            decoded, own_rate = get_codec(name).decode(make(name, kbps).encode(audio, rate))
            assert abs(decoded.shape[-1] - n * own_rate / rate) <= 1


class TestBits:
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
    def test_more_bits_never_hurt(self, name, ladder):
        audio = music()
        files = [get_codec(name, kbps).encode(audio, RATE) for kbps in ladder]
        copies = [align(*get_codec(name).decode(data), audio, RATE) for data in files]
        distances = [log_spectral_distance(audio, copy) for copy in copies]
        fidelity = [sdr(audio, copy) for copy in copies]
        assert files == sorted(files, key=len)
        assert distances == sorted(distances, reverse=True)
        assert fidelity == sorted(fidelity)

    @every_codec
    def test_encoding_is_deterministic_and_a_second_one_loses_little(self, name, kbps, channels):
        codec, audio = get_codec(name, kbps), clip(channels)
        data = codec.encode(audio, RATE)
        assert data == codec.encode(audio.copy(), RATE)
        assert identify(data) == ("aac" if name.startswith("he-aac") else name)
        if not name.startswith("he-aac"):  # whose upper band is no waveform
            first = roundtrip(codec, audio)
            second = roundtrip(codec, np.clip(first, -1, 1))
            assert sdr(audio, second) > sdr(audio, first) - 10.0

    @pytest.mark.parametrize("channels", [1, 2])
    @pytest.mark.parametrize(
        ("name", "kbps", "tolerance"),
        [("mp3", k, 0.05) for k in (8, 32, 320)]
        + [("aac", k, 0.12) for k in (16, 48)]
        + [("opus", k, 0.15) for k in (6, 24, 96)]
        + [("vorbis", k, 0.06) for k in (40, 64)]
        + [("downsample", k, 0.01) for k in (12, 192)],
    )
    def test_the_request_is_met(self, name, kbps, tolerance, channels):
        audio = music(6.0) if channels == 1 else np.stack([music(6.0), music(6.0, seed=1)])
        if channels == 2 and name in ("aac", "opus", "vorbis"):
            kbps = 2 * kbps
        measured = bitrate_kbps(len(get_codec(name, kbps).encode(audio, RATE)), 6.0)
        assert measured == pytest.approx(kbps, rel=tolerance)

    @pytest.mark.parametrize("name", CODEC_NAMES)
    def test_every_listed_bitrate_works(self, name):
        for rate, channels in itertools.product((8_000, 24_000, 44_100), (1, 2)):
            choices = supported_kbps(name, rate, channels)
            assert choices == sorted(choices)
            for kbps in (choices[0], choices[len(choices) // 2], choices[-1]):
                decoded = roundtrip(get_codec(name, kbps), clip(channels, 0.5, rate), rate)
                assert np.isfinite(decoded).all()

    def test_tags_are_stored_and_cost_bytes(self, tmp_path):
        tags = {"title": "Tïtle", "artist": "Some Artist"}
        for name, kbps in EVERY:
            # Vorbis would make room for the tags if it were asked for a bitrate.
            codec = get_codec("vorbis", quality=0.5) if name == "vorbis" else get_codec(name, kbps)
            assert isinstance(codec, FileCodec)
            plain, tagged = (codec.encode(music(1.0), RATE, found) for found in ({}, tags))
            assert len(tagged) > len(plain)
            path = tmp_path / f"clip{codec.suffix}"
            path.write_bytes(tagged)
            assert tags.items() <= probe(path).tags.items()
            assert np.array_equal(codec.decode(tagged)[0], codec.decode(plain)[0])


class TestErrors:
    @pytest.mark.parametrize("name", CODEC_NAMES)
    @pytest.mark.parametrize("kind", ["flip", "garbage", "noise", "truncate"])
    def test_damaged_files_decode_or_are_refused(self, name, kind, files):
        rng = np.random.default_rng([CODEC_NAMES.index(name), len(kind)])
        data, refused = files[name], 0
        for _ in range(20):
            damaged = bytearray(data)
            if kind == "flip":
                for where in rng.integers(0, len(data), 5):
                    damaged[where] ^= 1 << int(rng.integers(0, 8))
            elif kind == "garbage":  # mostly in the headers, where lengths are declared
                at = int(rng.integers(0, min(400, len(data))))
                damaged[at : at + 8] = rng.bytes(8)
            elif kind == "noise":
                damaged[16:] = rng.bytes(len(data) - 16)
            else:
                del damaged[int(rng.integers(0, len(data) - 300)) :]
            try:
                audio, rate = get_codec(name).decode(bytes(damaged))
            except BitstreamError:
                refused += 1
            else:
                assert np.isfinite(audio).all()
                assert min(audio.shape[-1], rate) > 0
        if name in ("opus", "vorbis") or kind == "truncate":  # every Ogg page has a checksum
            assert refused == 20

    @pytest.mark.parametrize("name", CODEC_NAMES)
    def test_foreign_bytes_are_refused(self, name, files):
        noise = np.random.default_rng(0).bytes(3000)
        for data in (b"", b"x", b"RIFF", b"OggS" * 20, b"#EXTM3U\nhttp://x/y\n", noise):
            with pytest.raises(BitstreamError):
                get_codec(name).decode(data)
        for other in set(CODEC_NAMES) - {name}:
            with pytest.raises(BitstreamError, match=other):
                get_codec(name).decode(files[other])

    def test_wrong_requests_are_refused_and_impossible_bitrates_say_what_is_possible(self):
        for name, kbps, channels, told in [
            ("mp3", 20, 1, "16, 24"),
            ("aac", 5, 1, "8, 12"),
            ("aac", 12, 2, "16, 24"),
            ("opus", 300, 1, "256"),
            ("vorbis", 8, 1, "16, 24"),
            ("downsample", 500, 1, "384"),
            ("opus", None, 1, "kbps="),
            ("he-aac", 8, 1, "10, 12, 16"),
            ("he-aac-v2", 24, 1, "Use he-aac for mono"),
        ]:
            with pytest.raises(CodecError, match=told):
                get_codec(name, kbps).encode(clip(channels, 0.5), RATE)
        for name, options in [
            ("flac", {}),
            ("mp3", {"quality": 1.0}),
            ("mp3", {"kbps": -1}),
            ("mp3", {"kbps": float("nan")}),
            ("mp3", {"kbps": 20}),
            ("opus", {"frame_ms": 33}),
            ("opus", {"application": "music"}),
            ("vorbis", {"quality": 2.0}),
            ("vorbis", {"quality": 0.5, "kbps": 64}),
            ("downsample", {"factor": 0.5}),
            ("downsample", {"factor": 2, "kbps": 64}),
        ]:
            with pytest.raises(CodecError):
                get_codec(name, **options)

    @pytest.mark.parametrize("name", CODEC_NAMES)
    def test_odd_audio_is_coded_or_refused(self, name):
        codec = get_codec(name, 64)
        for audio in (np.zeros(0), np.array([0.0, np.nan]), np.zeros((1, 2, 3))):
            with pytest.raises(AudioError):
                codec.encode(audio, RATE)
        with pytest.raises(CodecError, match="one or two channels"):
            codec.encode(np.zeros((6, 1000), np.float32), RATE)
        with pytest.raises(AudioError):
            codec.encode(music(0.5), 0)
        assert np.isfinite(codec.decode(codec.encode(8.0 * music(1.0), RATE))[0]).all()
        for n in (1, 2, 100, 700):
            audio, rate = codec.decode(codec.encode(music(0.5)[:n], RATE))
            # LAME's first frame holds 47 samples at least.
            assert 1 <= len(audio) <= max(n * rate / RATE + 1, 48)


class TestContainers:
    def test_ogg_checksums_agree_with_two_encoders(self, files):
        for name in ("opus", "vorbis"):
            data = files[name]
            check_ogg(data, name)
            for page in pages(data):
                assert page_checksum(data[page.start : page.end]) == page.checksum
            other = with_serial(data, 7)
            check_ogg(other, name)
            assert {page.serial for page in pages(other)} == {7}
            assert np.array_equal(get_codec(name).decode(other)[0], get_codec(name).decode(data)[0])

    def test_the_lame_header_has_a_right_length_and_checksum(self):
        for n in (24_000, 24_047):  # one needs its padding put right, one does not
            data = get_codec("mp3", 32).encode(music(2.0)[:n], RATE)
            theirs = mux(music(2.0)[None, :n], 44_100, 64_000, Target("libmp3lame", "mp3"), {})
            for file in (data, theirs):
                header = find_xing(file)
                assert header is not None
                at = header.mark + 154
                assert xing_checksum(file, header) == int.from_bytes(file[at : at + 2], "big")
                samples = header.frames * 576 - header.delay - header.padding
                assert samples == n or file is theirs


class TestOpusModes:
    @pytest.mark.parametrize(
        ("kbps", "application", "expected"),
        [
            (6, "audio", OpusMode("SILK", 4_000)),
            (12, "audio", OpusMode("SILK", 8_000)),
            (6, "lowdelay", OpusMode("CELT", 4_000)),
            (64, "audio", OpusMode("CELT", 12_000)),
        ],
    )
    def test_packets_tell_coder_and_bandwidth(self, kbps, application, expected):
        white = (0.1 * np.random.default_rng(0).standard_normal(3 * RATE)).astype(np.float32)
        codec = get_codec("opus", kbps, application=application)
        data = codec.encode(white, RATE)
        assert opus_modes(data).most_common(1)[0][0] == expected
        assert opus_bandwidth(data) == expected.bandwidth_hz
        energy = np.cumsum(np.abs(np.fft.rfft(roundtrip(codec, white))) ** 2)
        highest_hz = np.searchsorted(energy, 0.999 * energy[-1]) / 3
        assert highest_hz == pytest.approx(expected.bandwidth_hz, rel=0.12)
        with pytest.raises(BitstreamError, match="truncated"):
            opus_bandwidth(data[:-100])

    @pytest.mark.parametrize("application", APPLICATIONS)
    def test_every_packet_is_counted_and_aligned(self, application):
        for frame_ms in (10, 20, 40, 60):
            codec = get_codec("opus", 24, application=application, frame_ms=frame_ms)
            data = codec.encode(music(), RATE)
            # The encoder's delay asks for a packet more.
            assert 0 <= sum(opus_modes(data).values()) - 3_000 // frame_ms <= 1
        for kbps in (5, 6, 8, 12, 64):
            # The resamplers of SILK add a delay that the file does not declare.
            codec = get_codec("opus", kbps, application=application)
            assert abs(lag(music(), roundtrip(codec, music()))) <= 2

    def test_the_default_is_the_best_of_the_table(self):
        text = resources.files("musiclib.codecs").joinpath(MODES_TABLE).read_text("utf-8")
        rows = list(csv.DictReader(row for row in text.splitlines() if not row.startswith("#")))
        assert Counter(row["kbps"] for row in rows if row["chosen"] == "yes") == Counter(
            {row["kbps"] for row in rows}
        )
        for row in rows:
            rivals = [float(other["score"]) for other in rows if other["kbps"] == row["kbps"]]
            assert (row["chosen"] == "yes") == (float(row["score"]) == max(rivals))
            kbps, options = float(row["kbps"]), {"application": row["application"]}
            frame_ms = int(row["frame_ms"])
            audio = music(1.0)
            named = get_codec("opus", kbps, frame_ms=frame_ms, **options).encode(audio, RATE)
            assert get_codec("opus", kbps, **options).encode(audio, RATE) == named
            if row["chosen"] == "yes":
                assert get_codec("opus", kbps).encode(audio, RATE) == named


class TestFdkaac:
    @needs_fdkaac
    def test_the_upper_band_and_the_second_channel_are_likenesses(self):
        codec = get_codec("he-aac", 16)
        low, high = tone(1_000.0), tone(9_000.0)
        assert sdr(low[2_000:-2_000], roundtrip(codec, low)[2_000:-2_000]) > 15.0
        assert sdr(high[2_000:-2_000], roundtrip(codec, high)[2_000:-2_000]) < 3.0
        left = np.stack([music(2.0), 0.1 * music(2.0)])
        level = 20 * np.log10(np.std(roundtrip(get_codec("he-aac-v2", 32), left), axis=1))
        assert 10.0 < level[0] - level[1] < 30.0

    @needs_fdkaac
    def test_another_bitrate_than_asked_for_is_refused(self, monkeypatch):
        # Below its range fdkaac answers with its highest bitrate; so the limits are taken away.
        monkeypatch.setattr(traditional.HeAacCodec, "limits", {1: (1.0, 999.0)})
        for kbps in (6, 400):
            with pytest.raises(CodecError, match=r"asked for .* gave \d"):
                get_codec("he-aac", kbps).encode(music(1.0), RATE)
        with pytest.raises(CodecError, match=r"refuses this audio \(.+\)"):
            traditional._fdkaac(np.zeros((1, 999), np.float32), 24_000, 77, 24_000)
        assert "libfdk-aac" in fdkaac_version()

    def test_a_missing_command_is_named_with_its_remedy(self, monkeypatch):
        monkeypatch.setenv("PATH", "")
        assert not any(available(name) for name in COMMAND_CODEC_NAMES)
        assert available("opus")
        with pytest.raises(CodecError, match="apt install fdkaac"):
            get_codec("he-aac", 24).encode(music(0.5), RATE)

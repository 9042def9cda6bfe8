"""Simple descriptors and encodings, on sounds whose answers are known."""

import math
from pathlib import Path

import numpy as np
import pytest

from musiclib.audio import FloatArray, save
from musiclib.codecs import get_codec
from musiclib.datasets import open_dataset
from musiclib.genre import descriptors

RATE = 24_000


def noise(seconds: float = 4.0, level: float = 0.1, seed: int = 0) -> FloatArray:
    generator = np.random.default_rng(seed)
    return (level * generator.standard_normal(round(seconds * RATE))).astype(np.float32)


def sine(hertz: float, seconds: float = 4.0, level: float = 0.5) -> FloatArray:
    times = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def clicks(bpm: float, seconds: float = 12.0) -> FloatArray:
    audio = np.zeros(round(seconds * RATE), dtype=np.float32)
    for start in np.arange(0.1, seconds - 0.1, 60 / bpm):
        place = round(start * RATE)
        audio[place : place + 600] = noise(600 / RATE, seed=place) * np.exp(-np.arange(600) / 150)
    return audio


def test_a_tone_is_described_as_one() -> None:
    tone = descriptors.describe(sine(1000.0), RATE)
    assert tone["rms_db"] == pytest.approx(20 * math.log10(0.5) - 3.01, abs=0.05)
    assert tone["crest_db"] == pytest.approx(3.01, abs=0.05)
    assert tone["range_db"] == pytest.approx(0.0, abs=0.05)
    assert tone["crossings_hz"] == pytest.approx(2000.0, abs=3.0)
    assert tone["centroid_hz"] == pytest.approx(1000.0, abs=30.0)
    assert tone["rolloff_hz"] == pytest.approx(1000.0, abs=30.0)
    assert tone["bandwidth_hz"] < 1500.0


def test_noise_is_flat_wide_and_bright() -> None:
    rough, tone = descriptors.describe(noise(), RATE), descriptors.describe(sine(1000.0), RATE)
    assert rough["flatness_db"] > -4.0 > tone["flatness_db"] + 30.0
    assert rough["centroid_hz"] == pytest.approx(6000.0, rel=0.05)
    assert rough["bandwidth_hz"] == pytest.approx(12_000.0, abs=30.0)
    assert rough["highs_db"] == pytest.approx(10 * math.log10(7 / 12), abs=0.2)


def test_only_the_level_depends_on_the_gain() -> None:
    music = (noise(level=0.05) + sine(440.0, level=0.2)).astype(np.float32)
    plain, loud = descriptors.describe(music, RATE), descriptors.describe(2 * music, RATE)
    assert loud.pop("rms_db") - plain.pop("rms_db") == pytest.approx(20 * math.log10(2))
    assert loud == pytest.approx(plain, rel=1e-3)


def test_clicks_have_a_pulse_and_a_tempo() -> None:
    beat, held = (
        descriptors.describe(clicks(120.0), RATE),
        descriptors.describe(noise(12), RATE),
    )
    assert beat["tempo_bpm"] == pytest.approx(120.0, rel=0.05)
    assert beat["pulse"] > 0.5 > held["pulse"] + 0.3
    assert beat["percussive"] > 0.3 + descriptors.describe(sine(1000.0, 12), RATE)["percussive"]
    assert beat["range_db"] >= 0.0


@pytest.mark.parametrize("samples", [1, 100, 1024, 5000])
def test_short_clips_lack_only_what_they_cannot_have(samples: int) -> None:
    values = descriptors.describe(noise()[:samples], RATE)
    missing = {key for key, value in values.items() if math.isnan(value)}
    assert missing == {"range_db", "pulse", "tempo_bpm"}


def test_silence_has_no_descriptors() -> None:
    values = descriptors.describe(np.zeros(RATE, dtype=np.float32), RATE)
    assert set(values) == set(descriptors.DESCRIPTORS)
    assert all(math.isnan(value) for value in values.values())


@pytest.mark.parametrize("place", [0, 20_000, 23_999])
def test_one_sample_of_sound_is_no_obstacle(place: int) -> None:
    audio = np.zeros(RATE, dtype=np.float32)
    audio[place] = 1.0
    values = descriptors.describe(audio, RATE)
    assert set(values) == set(descriptors.DESCRIPTORS)
    assert math.isnan(values["centroid_hz"]) == (place == 23_999)


def test_all_of_a_folder(tmp_path: Path) -> None:
    for name, audio in (("high/3.flac", sine(3000.0)), ("low/0.flac", sine(300.0))):
        (tmp_path / name).parent.mkdir()
        save(tmp_path / name, audio, RATE)
    save(tmp_path / "low" / "silent.wav", np.zeros(RATE, dtype=np.float32), RATE)
    save(tmp_path / "low" / "short.wav", noise(0.2), RATE)
    (tmp_path / "low" / "damaged.flac").write_bytes(
        (tmp_path / "low" / "0.flac").read_bytes()[:900] + bytes(500)
    )
    found = descriptors.describe_all(open_dataset("folder", tmp_path))
    assert list(found.index) == ["high/3.flac", "low/0.flac", "low/short.wav"]
    assert list(found) == list(descriptors.DESCRIPTORS)
    assert found.loc["high/3.flac", "centroid_hz"] > 2000.0


def test_how_the_sources_of_the_bundled_clips_were_encoded() -> None:
    table = descriptors.encoding_table(open_dataset("mini"))
    assert list(table) == list(descriptors.ENCODING)
    assert table["sample_rate"].ge(32_000).all()


@pytest.mark.filterwarnings("ignore:all . tracks are by one artist")
def test_a_folder_is_its_own_source(tmp_path: Path) -> None:
    (tmp_path / "high").mkdir()
    save(tmp_path / "high" / "plain.flac", noise(2.0), RATE)
    data = get_codec("mp3", kbps=64).encode(noise(2.0), RATE)
    (tmp_path / "high" / "lossy.mp3").write_bytes(data)
    table = descriptors.encoding_table(open_dataset("folder", tmp_path))
    assert dict(table["codec"]) == {"high/lossy.mp3": "mp3", "high/plain.flac": "flac"}
    assert table["sample_rate"].eq(RATE).all()

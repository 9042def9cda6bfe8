"""Decoded audio, kept once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from musiclib import audio
from musiclib.datasets import AudioCache, open_dataset
from musiclib.datasets.cache import EXACT_STEP, quantise
from musiclib.errors import DatasetError
from tests.fma_server import mp3_bytes

RATE = 8_000


@pytest.fixture(autouse=True)
def cache_root(tmp_path, monkeypatch):
    root = tmp_path / "cache"
    monkeypatch.setenv("MUSICLIB_CACHE", str(root))
    return root


def noise(seed: int, seconds: float = 0.5, rate: int = RATE) -> np.ndarray:
    return np.random.default_rng(seed).integers(-20_000, 20_000, int(seconds * rate), np.int16)


def assert_intact(cache: AudioCache) -> None:
    assert len(cache) == 12
    for track_id in cache.track_ids:
        expected = noise(int(Path(track_id).stem))
        np.testing.assert_array_equal(cache.audio(track_id) * 32_768, expected)


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """Names of the files that were decoded."""
    names, load = [], audio.load
    monkeypatch.setattr(audio, "load", lambda path, **k: names.append(path.name) or load(path, **k))
    return names


@pytest.fixture
def music(tmp_path):
    folder = tmp_path / "music"
    for number in range(12):
        file = folder / f"genre{number % 2}" / f"{number:02d}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, noise(number), RATE, subtype="PCM_16")
    return folder


def test_second_build_decodes_nothing_and_parts_share_the_cache(music, decoded):
    dataset = open_dataset("folder", music)
    whole = dataset.cache(RATE)
    assert_intact(whole)  # bit for bit, at the rate of the files
    assert len(decoded) == 12
    part = dataset.part("test").cache(RATE)
    assert part.track_ids == list(dataset.part("test").tracks.index)
    track_id = part.track_ids[0]
    np.testing.assert_array_equal(part.audio(track_id), whole.audio(track_id))
    assert list(dataset.cache(RATE).lengths) == [4_000] * 12
    assert len(decoded) == 12


def test_only_the_changed_file_is_decoded_again(music, decoded):
    old = open_dataset("folder", music).cache(RATE)
    before = {track_id: old.audio(track_id) for track_id in old.track_ids}
    changed = "genre0/04.wav"
    soundfile.write(music / changed, noise(99, 0.25), RATE, subtype="PCM_16")
    new = open_dataset("folder", music).cache(RATE)
    assert decoded[12:] == ["04.wav"]
    np.testing.assert_array_equal(new.audio(changed) * 32_768, noise(99, 0.25))
    for track_id in set(before) - {changed}:
        np.testing.assert_array_equal(new.audio(track_id), before[track_id])
    # What was opened before still reads what it knew.
    np.testing.assert_array_equal(old.audio(changed), before[changed])


def test_bad_files_are_listed_and_not_tried_again(tmp_path, decoded):
    folder = tmp_path / "mixed"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.mp3").write_bytes(mp3_bytes(300 + 100 * number, 0.3))
    dataset = open_dataset("folder", folder)
    (folder / "1.mp3").write_bytes(np.random.default_rng(0).bytes(5_000))
    (folder / "2.mp3").unlink()
    with pytest.warns(UserWarning, match="2 of 3 tracks"):
        cache = dataset.cache(RATE)
    assert cache.track_ids == ["0.mp3"]
    assert list(cache.failures.index) == ["1.mp3", "2.mp3"]
    with pytest.raises(DatasetError, match=r"could not be decoded: .*1\.mp3"):
        cache.audio("1.mp3")
    tried = len(decoded)
    with pytest.warns(UserWarning, match="2 of 3"):
        dataset.cache(RATE)
    assert len(decoded) == tried
    (folder / "2.mp3").write_bytes(mp3_bytes(500, 0.3))
    with pytest.warns(UserWarning, match="1 of 3"):
        assert dataset.cache(RATE).track_ids == ["0.mp3", "2.mp3"]


# Builds slowly, so that it can be killed halfway.
SLOW = f"""
import sys, time
from musiclib import audio
from musiclib.datasets import open_dataset
load = audio.load
def slow(*a, **k):
    time.sleep(0.1)
    return load(*a, **k)
audio.load = slow
open_dataset("folder", sys.argv[1]).cache({RATE}, workers=1)
"""


def test_build_that_is_killed_goes_on(music, cache_root, decoded):
    process = subprocess.Popen([sys.executable, "-c", SLOW, str(music)])
    deadline = time.monotonic() + 60.0
    index = None
    while index is None or index.read_bytes().count(b"\n") < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
        index = next(cache_root.rglob("index.jsonl"), None)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = index.read_bytes().count(b"\n")
    assert 3 <= done < 12
    # A kill may tear the last line and leave samples without one.
    with index.open("ab") as file:
        file.write(b'{"path": "genre0/1')
    with (index.parent / "audio.s16le").open("ab") as file:
        file.write(b"\x7f" * 1_001)
    assert_intact(open_dataset("folder", music).cache(RATE))
    assert len(decoded) == 12 - done
    assert (index.parent / "audio.s16le").stat().st_size == 12 * 4_000 * 2


@pytest.mark.parametrize("damage", ["garbage", "lost samples", "lost audio", "foreign"])
def test_damaged_cache_is_mended(music, cache_root, damage):
    dataset = open_dataset("folder", music)
    dataset.cache(RATE)
    index = next(cache_root.rglob("index.jsonl"))
    samples = index.parent / "audio.s16le"
    lines = index.read_bytes().splitlines(keepends=True)
    if damage == "garbage":
        index.write_bytes(b"".join([*lines[:5], b"\x00\xff{]\n", *lines[6:]]))
    elif damage == "lost samples":
        os.truncate(samples, 4_000 * 2 * 7 + 3)
    elif damage == "lost audio":
        samples.unlink()
    else:
        index.write_bytes(b'{"path": 3}\n[]\nnull\n' + b"".join(lines))
    # A part first: what it appends must not pass for the samples that other lines lost.
    dataset.part("test").cache(RATE)
    assert_intact(dataset.cache(RATE))


@pytest.mark.filterwarnings("ignore:all 1 tracks")
def test_a_track_that_does_not_fit_in_16_bits_keeps_its_level(tmp_path):
    for name, level in (("faint", 1e-6), ("loud", 3.0)):
        sound = (level * noise(0) / 20_000).astype(np.float32)
        folder = tmp_path / name
        folder.mkdir()
        soundfile.write(folder / "a.wav", sound, RATE, subtype="FLOAT")
        found = open_dataset("folder", folder).cache(RATE).audio("a.wav")
        np.testing.assert_allclose(found, sound, atol=1e-4 * level)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=50),
    st.sampled_from([1.0, 1e-3, 1e-6]),
)
def test_quantising_errs_by_half_a_step_at_most(values, gain):
    samples = np.array(values, dtype=np.float32) * np.float32(gain)
    pcm, step = quantise(samples)
    error = np.abs(pcm * np.float64(step) - samples)
    assert pcm.dtype == np.int16
    assert (error <= 0.51 * step).all()
    assert step <= max(EXACT_STEP, 1.01 * np.abs(samples).max() / 32_767)

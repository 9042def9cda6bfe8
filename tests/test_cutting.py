"""Cutting one clip: level, offset, encoding."""

from typing import Any

import numpy as np
import pytest
import soundfile
from mutagen.flac import FLAC
from mutagen.oggvorbis import OggVorbis

from musiclib.audio import HOUSE_RATE, FloatArray, loudness_lufs
from musiclib.errors import AudioError
from scripts import cut_mini as cutting

ROW = {
    "track_id": "t0001",
    "split": "train",
    "genre": "ambient",
    "title": "Ärger & Ruhe",
    "artist": "Zoë",
    "licence": "CC0-1.0",
    "package": "tune",
    "version": "1.0-1",
    "path": "/usr/share/tune/song.ogg",
    "inner_path": "",
    "stem_path": "",
    "start_s": "1.5",
}


def music(seconds: float = 4.0, seed: int = 0) -> FloatArray:
    """Slowly pulsing tones over a little noise `(N,)`."""
    t = np.arange(round(seconds * HOUSE_RATE)) / HOUSE_RATE
    rng = np.random.default_rng(seed)
    tones = sum(np.sin(2 * np.pi * f * t) / (i + 1) for i, f in enumerate((110, 440, 1760, 5000)))
    audio = 0.1 * tones * (1 + 0.5 * np.sin(3 * t)) + 0.002 * rng.standard_normal(len(t))
    return np.asarray(audio, dtype=np.float32)


def test_level_reaches_one_loudness_by_one_gain():
    quiet, loud = music() * np.float32(0.01), music() * np.float32(0.8)
    first, gain_quiet = cutting.level(quiet)
    second, gain_loud = cutting.level(loud)
    assert loudness_lufs(first, HOUSE_RATE) == pytest.approx(cutting.TARGET_LUFS, abs=0.01)
    np.testing.assert_allclose(first, second, atol=1e-4)
    assert gain_quiet - gain_loud == pytest.approx(20 * np.log10(80), abs=0.002)


@pytest.mark.parametrize("suffix", [".flac", ".ogg"])
def test_a_stored_clip_has_its_length_loudness_and_credits(tmp_path, suffix):
    path = tmp_path / f"t0001{suffix}"
    audio = music()
    gain_db = cutting.store(path, audio, cutting.comments(ROW))
    decoded, rate = soundfile.read(path, dtype="float32")
    assert (decoded.shape, rate) == (audio.shape, HOUSE_RATE)
    assert loudness_lufs(decoded, HOUSE_RATE) == pytest.approx(cutting.TARGET_LUFS, abs=0.05)
    expected = audio * 10 ** (gain_db / 20)
    error = np.sum((decoded - expected) ** 2) / np.sum(expected**2)
    assert error < (1e-6 if suffix == ".flac" else 0.02)
    opened: Any = (FLAC if suffix == ".flac" else OggVorbis)(path)
    tags = {key.upper(): value for key, (value,) in opened.tags.as_dict().items()}
    assert tags == cutting.comments(ROW)
    again = tmp_path / "again" / path.name
    cutting.store(again, audio, cutting.comments(ROW))
    assert again.read_bytes() == path.read_bytes()
    assert list(again.parent.iterdir()) == [again]


def test_excerpt_starts_where_it_should_and_sums_stems(tmp_path):
    audio = music(32.0)
    for name in ("song.wav", "guitar.wav"):
        soundfile.write(tmp_path / name, audio, HOUSE_RATE, subtype="FLOAT")
    sources = [tmp_path / "song.wav", tmp_path / "guitar.wav"]
    clip = cutting.excerpt(sources, 1.5)
    assert clip.shape == (cutting.CLIP_SAMPLES,)
    start = round(1.5 * HOUSE_RATE)
    expected = cutting.block_dc(2 * audio[start : start + cutting.CLIP_SAMPLES])
    np.testing.assert_allclose(clip, expected, atol=1e-5)
    with pytest.raises(AudioError, match="only"):
        cutting.excerpt(sources, 10.0)


def test_check_finds_a_missing_and_a_different_clip(tmp_path):
    rows = []
    for name in ("same", "changed", "gone"):
        row = {"file": f"{name}.flac"}
        rows.append(row)
        for folder in ("bundled", "again"):
            scale = np.float32(0.5 if (name, folder) == ("changed", "again") else 1.0)
            cutting.write_clip(tmp_path / folder / row["file"], music(1.0) * scale, {})
    (tmp_path / "bundled/gone.flac").unlink()
    found = cutting.differences(rows, tmp_path / "bundled", tmp_path / "again")
    assert [line.split(":")[0] for line in found] == ["changed.flac", "gone.flac"]

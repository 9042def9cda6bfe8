"""The killer sounds are what their table says, and sound like what they are called."""

import shutil

import numpy as np
import pytest
import soundfile

from musiclib.datasets import open_dataset
from musiclib.errors import DatasetError
from musiclib.files import sha256_of
from scripts import render_killer_sounds as script

DATASET = open_dataset("killer")


def sound(name: str) -> np.ndarray:
    """Mono, at 48 kHz."""
    return soundfile.read(DATASET.file(name))[0].mean(axis=1)


def strongest_hz(audio: np.ndarray, low: float, high: float) -> float:
    n_fft = 1 << 19
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), n_fft))
    bins = slice(round(low * n_fft / script.RATE), round(high * n_fft / script.RATE))
    return float((bins.start + np.argmax(spectrum[bins])) * script.RATE / n_fft)


def test_files_are_whole_in_one_format_and_at_one_level():
    assert len(DATASET) == 12
    for name, row in DATASET.tracks.iterrows():
        file = DATASET.file(name)
        assert sha256_of(file) == row["sha256"]
        info = soundfile.info(file)
        assert (info.samplerate, info.channels, info.frames) == (48_000, 2, 480_000)
        audio, _ = soundfile.read(file)
        assert 20 * np.log10(np.abs(audio).max()) == pytest.approx(-3.0, abs=0.01)
        assert np.sum(np.abs(audio) == np.abs(audio).max()) < 4  # not clipped
        assert np.abs(audio[-1]).max() < 1e-3


def test_every_sound_is_a_test_track_and_an_artist_of_its_own():
    assert set(DATASET.tracks["split"]) == {"test"}
    assert DATASET.tracks["artist_group"].nunique() == 12
    with pytest.raises(DatasetError, match="no train tracks"):
        DATASET.part("train")
    with pytest.raises(DatasetError, match="all test part"):
        open_dataset("killer", split="70-30")
    clip = DATASET.clip("voice")
    assert (len(clip.audio), clip.sample_rate) == (240_000, 24_000)


@pytest.mark.parametrize(
    ("name", "start", "end", "expected"),
    [
        ("glockenspiel", 0.4, 0.75, 1046.5),
        ("double-bass", 8.25, 8.65, 41.2),  # the lowest string
        ("trumpet", 2.4, 3.3, 523.3),
        ("violin", 8.6, 9.5, 1568.0),
    ],
)
def test_pitches_are_those_that_are_played(name, start, end, expected):
    part = sound(name)[round(start * script.RATE) : round(end * script.RATE)]
    # Within an octave, since a harmonic may be stronger; vibrato is half a semitone.
    found = strongest_hz(part, expected / 2**0.5, expected * 2**0.5)
    assert found == pytest.approx(expected, rel=0.03)


@pytest.mark.skipif(
    not (shutil.which("fluidsynth") and script.SOUND_FONT.is_file()),
    reason="FluidSynth or its sound font is not installed",
)
def test_rendering_gives_the_bundled_sound():
    assert script.differences(script.SOUNDS[:1], script.SOUND_FONT, script.DEFAULT_OUT) == []

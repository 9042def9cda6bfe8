"""What files of Melic tell of a clip: the same numbers that a decoder reads."""

from __future__ import annotations

import io

import numpy as np
import pytest

from musiclib.audio import FloatArray
from musiclib.codecs.melic import Model
from musiclib.codecs.melic.bitstream import BLOCK_FRAMES, Reader
from musiclib.codecs.melic.entropy import ContextTables, FrameDecoder
from musiclib.errors import ModelError
from musiclib.latents import CodedFrames, band_values
from musiclib.mdct import SIZE, frame_count
from musiclib.models.transform import EDGES, N_BANDS, Frames

RATE = 24_000


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(ContextTables.untrained())


def tone(hertz: float, seconds: float = 1.0) -> FloatArray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


def noise(seconds: float = 1.0, seed: int = 0) -> FloatArray:
    drawn = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return (0.07 * drawn).astype(np.float32)


def read(data: bytes, model: Model) -> Frames:
    """Entropy decoding alone, as the codec's decoder does it."""
    reader = Reader(io.BytesIO(data))
    decoder, levels, values = FrameDecoder(model.tables, 1), [], []
    for number, block in enumerate(reader):
        found = decoder.decode(block.payload, reader.header.frames_of(number), block.gain)
        levels.append(found[0][0])
        values.append(found[1][0])
    return Frames(np.concatenate(levels), np.concatenate(values))


@pytest.mark.parametrize("gain", [100, 190])
def test_a_decoder_reads_the_same_numbers_from_the_file(model, gain) -> None:
    # A sound that changes, over the border of two blocks.
    time = np.arange(12 * RATE) / RATE
    sound = tone(440.0, 12.0) * (time % 0.5 < 0.2) + noise(12.0) * (time % 3.0 < 1.5)
    representation = CodedFrames(gain)
    frames = representation.frames(sound)
    assert len(frames.levels) > BLOCK_FRAMES
    found = read(representation.file(sound, model), model)
    np.testing.assert_array_equal(found.levels, frames.levels)
    np.testing.assert_array_equal(found.values, frames.values)
    np.testing.assert_array_equal(band_values(found), representation(sound))


@pytest.mark.parametrize("hertz", [300.0, 1000.0, 5000.0])
def test_a_tone_is_loudest_in_its_own_band(hertz) -> None:
    levels = CodedFrames(120)(tone(hertz))[:N_BANDS, 8:-8].mean(axis=1)
    band = np.searchsorted(EDGES, hertz / RATE * 2 * SIZE, side="right") - 1
    assert abs(int(levels.argmax()) - band) <= 1


def test_a_tone_stands_out_of_its_band_and_noise_does_not() -> None:
    low, high = EDGES[15], EDGES[16]
    spectrum = np.fft.rfft(noise(2.0))
    hertz = np.fft.rfftfreq(2 * RATE, 1 / RATE) / RATE * 2 * SIZE
    band_noise = np.fft.irfft(spectrum * ((hertz > low) & (hertz < high))).astype(np.float32)
    narrow = tone((low + high) / 2 / (2 * SIZE) * RATE, 2.0)
    shares = []
    for sound in (narrow, band_noise):
        values = np.abs(CodedFrames(120).frames(sound).values[8:-8, low:high])
        shares.append((values > 0).mean())
    assert shares[0] < 0.5 * shares[1]


def test_the_level_of_a_clip_does_not_matter() -> None:
    sound = tone(700.0) + noise()
    first, second = (CodedFrames(120).frames(gain * sound) for gain in (1.0, 0.25))
    np.testing.assert_array_equal(first.levels, second.levels)
    np.testing.assert_array_equal(first.values, second.values)


def test_coarser_steps_leave_less() -> None:
    sound = tone(700.0) + noise()
    sizes = [np.abs(CodedFrames(gain).frames(sound).values).sum() for gain in (60, 120, 180)]
    assert sizes[0] > 2 * sizes[1] > 4 * sizes[2]


def test_silence_is_all_zeros() -> None:
    assert not CodedFrames(120)(np.zeros(RATE, np.float32)).any()


@pytest.mark.parametrize("n_samples", [1, 255, 256, 10_000])
def test_frames_are_those_of_the_transform(n_samples) -> None:
    representation = CodedFrames(120)
    values = representation(noise()[:n_samples])
    assert values.shape == (representation.channels, frame_count(n_samples))
    assert representation.frame_rate == RATE / SIZE


def test_band_values_are_levels_and_logarithms_of_mean_sizes() -> None:
    levels = np.arange(N_BANDS, dtype=np.int32)[None]
    values = np.zeros((1, EDGES[-1]), np.int32)
    values[0, EDGES[3] : EDGES[4]] = -2
    values[0, EDGES[7]] = EDGES[8] - EDGES[7]
    found = band_values(Frames(levels, values))[:, 0]
    expected = np.zeros(N_BANDS)
    expected[3], expected[7] = np.log(3.0), np.log(2.0)
    np.testing.assert_allclose(found[:N_BANDS], np.arange(N_BANDS))
    np.testing.assert_allclose(found[N_BANDS:], expected, rtol=1e-6)


def test_gains_have_keys_of_their_own() -> None:
    assert len({CodedFrames(gain).key for gain in (100, 101, 190)}) == 3
    assert CodedFrames(100).key == CodedFrames(100).key


def test_nan_is_refused() -> None:
    with pytest.raises(ModelError, match="NaN"):
        CodedFrames(120)(np.full(1000, np.nan, np.float32))

"""Sequences: what they hold, how they are kept, statistics of their pieces."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.codecs.melic import MelicCodec, Model
from musiclib.codecs.melic.bitstream import BLOCK_FRAMES, Reader
from musiclib.codecs.melic.entropy import ContextTables, FrameDecoder
from musiclib.datasets import open_dataset
from musiclib.features import (
    MEAN_STD,
    AutoencoderLatents,
    Bands,
    CodedFrames,
    InMemory,
    LogMel,
    Mfcc,
    band_values,
    fit_filterbank,
    pooled,
    samples,
    sequences,
    track_pieces,
)
from musiclib.features.representations import peak_normalize
from musiclib.features.sequences import frames_in
from musiclib.mdct import SIZE
from musiclib.models.transform import EDGES, N_BANDS, Frames
from musiclib.training import trained
from tests import signals
from tests.genre_fixture import RATE, write_genres


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUSICLIB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield open_dataset("folder", write_genres(tmp_path_factory.mktemp("music")))


@pytest.fixture(scope="module")
def latents(music):
    return AutoencoderLatents(trained("deep-16", music))


def tone(hertz: float, seconds: float = 1.0) -> FloatArray:
    return signals.tone(hertz, round(seconds * HOUSE_RATE), HOUSE_RATE, 0.2)


def noise(seconds: float = 1.0) -> FloatArray:
    return signals.noise(round(seconds * HOUSE_RATE), rms=0.07)


def test_a_tone_is_loudest_in_its_own_band() -> None:
    import librosa

    centres = librosa.mel_frequencies(66, fmax=12_000)[1:-1]
    for hertz in (300.0, 1000.0, 5000.0):
        bands = LogMel()(tone(hertz)).mean(axis=1)
        assert abs(np.log2(centres[bands.argmax()] / hertz)) < 0.25
        levels = CodedFrames(120)(tone(hertz))[:N_BANDS, 8:-8].mean(axis=1)
        band = np.searchsorted(EDGES, hertz / HOUSE_RATE * 2 * SIZE, side="right") - 1
        assert abs(int(levels.argmax()) - band) <= 1


def test_the_level_of_a_clip_does_not_matter_and_silence_is_finite(latents) -> None:
    sound = tone(700.0) + noise()
    for representation in (LogMel(), Mfcc(), CodedFrames(120), latents):
        loud, quiet = (representation(np.float32(gain) * sound) for gain in (1.0, 0.25))
        np.testing.assert_allclose(loud, quiet, atol=1e-2)
        silence = representation(np.zeros(24_000, np.float32))
        assert np.isfinite(silence).all()
        assert len(silence) == representation.channels


def test_an_interrupted_run_goes_on_and_nothing_is_computed_twice(music, monkeypatch) -> None:
    original, count = Mfcc.__call__, 0

    def breaks(self, audio):
        nonlocal count
        count += 1
        if count == 4:
            raise KeyboardInterrupt
        return original(self, audio)

    monkeypatch.setattr(Mfcc, "__call__", breaks)
    with pytest.raises(KeyboardInterrupt):
        sequences(Mfcc(), music)
    for _ in range(2):
        assert len(sequences(Mfcc(), music)) == len(music)
    assert count == 1 + len(music)


def test_pieces_tile_a_track_without_overlap(music) -> None:
    found = sequences(LogMel(), music)
    name = found.tracks.index[0]
    starts, pieces = zip(*track_pieces(found, 0.5, name), strict=True)
    assert list(starts) == [number * frames_in(found, 0.5) for number in range(len(starts))]
    joined = np.concatenate(pieces, axis=1)
    assert np.array_equal(joined, found[name][:, : joined.shape[1]])


def test_samples_have_a_peak_of_0_3_over_the_whole_track(music) -> None:
    found = samples(music, RATE)
    for name in found.tracks.index[:4]:
        whole = found.piece(name, 0, found.length(name))
        assert np.abs(whole).max() == pytest.approx(0.3, rel=1e-3)
        assert np.array_equal(found.piece(name, 100, 50), whole[:, 100:150])


def test_pooled_rows_belong_to_their_tracks(music) -> None:
    found = sequences(LogMel(), music)
    table = pooled(found, 0.5, MEAN_STD)
    assert table.values.shape == (len(table.rows), 2 * found.channels)
    row = table.rows.iloc[3]
    start = round(row.start_s * found.frame_rate)
    piece = found.piece(row.track_id, start, found.length(row.track_id))[:, : frames_in(found, 0.5)]
    assert np.allclose(table.values[3, : found.channels], piece.mean(axis=1), atol=1e-3)
    assert (table.rows["genre"] == music.tracks.loc[table.rows["track_id"], "genre"].values).all()
    means, names = table.tracks()
    assert len(means) == len(names) == len(music)


def swinging(hertz: float, seed: int = 0):
    """Two channels of six seconds, at 100 frames a second."""
    time = np.arange(600) / 100.0
    phase = np.random.default_rng(seed).uniform(0, 2 * np.pi, (2, 1))
    return np.sin(2 * np.pi * hertz * time + phase).astype(np.float32)


def swings(*hertz: float) -> InMemory:
    values = {f"{f}": swinging(f, seed=k) for k, f in enumerate(hertz)}
    return InMemory(pd.DataFrame(index=list(values)), values, 100.0, "swings")


def test_bands_tell_swings_apart_whose_means_are_equal(latents) -> None:
    source = swings(5.0, 12.0, 30.0)
    bands = Bands(latents, fit_filterbank(source, list(source.values), bands=12))
    slow, fast = (bands.transform(swinging(hertz, seed=9)) for hertz in (5.0, 30.0))
    assert np.abs(swinging(5.0).mean(axis=1)).max() < 0.05
    assert np.abs(slow.mean(axis=1) - fast.mean(axis=1)).max() > 2.0
    assert np.allclose(bands.transform(-swinging(5.0)), bands.transform(swinging(5.0)), atol=1e-4)


def test_principal_components_of_swings_are_sinusoids() -> None:
    source = swings(20.0)
    kernels = fit_filterbank(source, ["20.0"], bands=2).kernels
    spectrum = np.abs(np.fft.rfft(kernels, 400, axis=-1)) ** 2
    peaks = np.fft.rfftfreq(400, 1 / 100.0)[spectrum.sum(axis=(0, 1)).argmax()]
    assert abs(peaks - 20.0) < 3.0
    assert np.allclose(np.square(kernels).sum(axis=(1, 2)), 1.0, atol=1e-4)


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
def test_a_decoder_reads_the_same_numbers_from_the_file(gain) -> None:
    model = Model(ContextTables.untrained())
    # A sound that changes, over the border of two blocks.
    time = np.arange(12 * HOUSE_RATE) / HOUSE_RATE
    sound = tone(440.0, 12.0) * (time % 0.5 < 0.2) + noise(12.0) * (time % 3.0 < 1.5)
    representation = CodedFrames(gain)
    frames = representation.frames(sound)
    assert len(frames.levels) > BLOCK_FRAMES
    codec = MelicCodec(gain=gain, restore=False, model=model)
    found = read(codec.encode(peak_normalize(sound), HOUSE_RATE), model)
    np.testing.assert_array_equal(found.levels, frames.levels)
    np.testing.assert_array_equal(found.values, frames.values)
    np.testing.assert_array_equal(band_values(found), representation(sound))

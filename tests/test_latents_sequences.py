"""Sequences of tracks: what they keep of the sound, and that they are computed once."""

import numpy as np
import pytest

from musiclib.datasets import open_dataset
from musiclib.errors import DatasetError, ModelError
from musiclib.latents import (
    MEAN_STD,
    RICH,
    AutoencoderLatents,
    Bands,
    LogMel,
    Mfcc,
    QuantisedLatents,
    Statistic,
    fit_filterbank,
    pooled,
    samples,
    sequences,
    track_pieces,
)
from musiclib.latents.pooling import statistics_of
from musiclib.training import trained
from tests.genre_fixture import RATE, write_genres


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUSICLIB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield open_dataset("folder", write_genres(tmp_path_factory.mktemp("music")))


@pytest.fixture(scope="module")
def latents(music):
    return AutoencoderLatents(trained("deep-16", music))


def tone(hertz: float, seconds: float = 1.0, rate: int = 24_000):
    time = np.arange(round(seconds * rate)) / rate
    return (0.2 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)


@pytest.mark.parametrize("hertz", [300.0, 1000.0, 5000.0])
def test_a_tone_is_loudest_in_its_own_mel_band(hertz) -> None:
    import librosa

    bands = LogMel()(tone(hertz)).mean(axis=1)
    centres = librosa.mel_frequencies(66, fmax=12_000)[1:-1]
    assert abs(np.log2(centres[bands.argmax()] / hertz)) < 0.25


@pytest.mark.parametrize("make", [LogMel, Mfcc])
def test_the_level_of_a_clip_does_not_matter(make) -> None:
    sound = tone(700.0) + np.random.default_rng(0).normal(0, 0.01, 24_000).astype(np.float32)
    assert np.allclose(make()(sound), make()(0.1 * sound), atol=1e-2)


def test_the_level_of_a_clip_does_not_matter_to_latents(latents) -> None:
    assert np.allclose(latents(tone(700.0)), latents(0.1 * tone(700.0)), atol=1e-2)


def test_silence_is_finite_everywhere(latents) -> None:
    silence = np.zeros(24_000, np.float32)
    for representation in (LogMel(), Mfcc(), latents, QuantisedLatents(latents.checkpoint, 0)):
        values = representation(silence)
        assert np.isfinite(values).all()
        assert values.shape[0] == representation.channels


def test_nan_is_refused() -> None:
    with pytest.raises(ModelError, match="NaN"):
        LogMel()(np.full(1000, np.nan, np.float32))


def test_finer_steps_come_closer_to_the_latents(latents) -> None:
    sound = tone(440.0) + tone(1200.0)
    exact = latents(sound)
    errors = [
        np.abs(QuantisedLatents(latents.checkpoint, step)(sound) - exact).mean()
        for step in (8, 0, -8, -16)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.2 * errors[0]


def test_what_is_kept_is_what_was_computed(music, latents) -> None:
    found = sequences(latents, music)
    name = found.tracks.index[0]
    direct = latents(music.cache(24_000).audio(name))
    assert found[name].shape == direct.shape
    assert np.allclose(found[name], direct, rtol=2e-3, atol=2e-3)
    assert found.length(name) == direct.shape[1]


def test_sequences_are_computed_once(music, latents, monkeypatch) -> None:
    sequences(latents, music)

    def never(self, audio):
        raise AssertionError("computed again")

    monkeypatch.setattr(AutoencoderLatents, "__call__", never)
    again = sequences(latents, music)
    assert len(again) == len(music)


def test_an_interrupted_run_goes_on(music, monkeypatch) -> None:
    original, count = LogMel.__call__, 0

    def breaks(self, audio):
        nonlocal count
        count += 1
        if count == 4:
            raise KeyboardInterrupt
        return original(self, audio)

    monkeypatch.setattr(LogMel, "__call__", breaks)
    with pytest.raises(KeyboardInterrupt):
        sequences(LogMel(bands=20), music)
    found = sequences(LogMel(bands=20), music)
    assert count == 1 + len(music)
    assert len(found) == len(music)


def test_a_changed_file_is_computed_anew(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("MUSICLIB_CACHE", str(tmp_path / "cache"))
    root = write_genres(tmp_path / "music", per_genre=2)
    before = sequences(Mfcc(), open_dataset("folder", root))
    name = next(name for name in before.tracks.index if "bursts-0" in before.tracks.path[name])
    other = next(name for name in before.tracks.index if "tones-0" in before.tracks.path[name])
    first = before[name]
    (root / before.tracks.path[other]).replace(root / before.tracks.path[name])
    after = sequences(Mfcc(), open_dataset("folder", root))
    assert not np.allclose(after[name], first)


def test_other_settings_have_other_keys(latents) -> None:
    checkpoint = latents.checkpoint
    keys = {r.key for r in (LogMel(), LogMel(bands=32), Mfcc(), latents)}
    keys |= {QuantisedLatents(checkpoint, step).key for step in (0, 1)}
    assert len(keys) == 6
    assert AutoencoderLatents(checkpoint).key == latents.key


def test_pieces_tile_a_track_without_overlap(music) -> None:
    found = sequences(LogMel(), music)
    name = found.tracks.index[0]
    starts = [start for start, _ in track_pieces(found, 0.5, name)]
    pieces = [piece for _, piece in track_pieces(found, 0.5, name)]
    assert starts == [number * found.frames(0.5) for number in range(len(starts))]
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
    piece = found.piece(row.track_id, start, found.length(row.track_id))[:, : _frames(found)]
    assert np.allclose(table.values[3, : found.channels], piece.mean(axis=1), atol=1e-3)
    assert (table.rows["genre"] == music.tracks.loc[table.rows["track_id"], "genre"].values).all()
    means, names = table.tracks()
    assert len(means) == len(names) == len(music)


@pytest.mark.parametrize("statistics", [MEAN_STD, RICH])
def test_a_sequence_that_does_not_move_has_finite_statistics(statistics) -> None:
    still = np.ones((2, 30), np.float32)
    single = np.ones((2, 1), np.float32)
    for piece in (still, single):
        assert np.isfinite(statistics_of(piece, statistics, (1, 4))).all()


def test_changes_grow_with_the_speed_of_a_modulation() -> None:
    names: tuple[Statistic, ...] = ("changes",)
    time = np.arange(400) / 100.0
    slow, fast = (np.sin(2 * np.pi * hertz * time)[None] for hertz in (0.5, 5.0))
    assert statistics_of(fast, names, (2,)) > statistics_of(slow, names, (2,))


def test_a_track_that_is_not_there_is_named(music) -> None:
    found = sequences(LogMel(), music)
    with pytest.raises(DatasetError, match="nowhere"):
        found["nowhere"]


def _frames(found) -> int:
    return found.frames(0.5)


def swinging(
    hertz: float, frames: int = 600, rate: float = 100.0, channels: int = 2, seed: int = 0
):
    time = np.arange(frames) / 100.0
    phase = np.random.default_rng(seed).uniform(0, 2 * np.pi, (channels, 1))
    return np.sin(2 * np.pi * hertz * time + phase).astype(np.float32)


class Swings:
    """Sequences in memory that swing at some frequencies."""

    name, frame_rate, channels = "swings", 100.0, 2

    def __init__(self, hertz) -> None:
        self.values = {f"{f}": swinging(f, seed=k) for k, f in enumerate(hertz)}

    def __contains__(self, name) -> bool:
        return name in self.values

    def length(self, name) -> int:
        return self.values[name].shape[1]

    def piece(self, name, start, length):
        return self.values[name][:, start : start + length]


def test_bands_tell_swings_apart_whose_means_are_equal(latents) -> None:
    source = Swings([5.0, 12.0, 30.0])
    bands = Bands(latents, fit_filterbank(source, list(source.values), bands=12))
    slow, fast = (bands.transform(swinging(hertz, seed=9)) for hertz in (5.0, 30.0))
    assert np.abs(swinging(5.0).mean(axis=1)).max() < 0.05
    assert np.abs(slow.mean(axis=1) - fast.mean(axis=1)).max() > 2.0
    assert np.allclose(bands.transform(-swinging(5.0)), bands.transform(swinging(5.0)), atol=1e-4)


def test_principal_components_of_swings_are_sinusoids() -> None:
    source = Swings([20.0])
    kernels = fit_filterbank(source, ["20.0"], bands=2).kernels
    spectrum = np.abs(np.fft.rfft(kernels, 400, axis=-1)) ** 2
    peaks = np.fft.rfftfreq(400, 1 / 100.0)[spectrum.sum(axis=(0, 1)).argmax()]
    assert abs(peaks - 20.0) < 3.0
    assert np.allclose(np.square(kernels).sum(axis=(1, 2)), 1.0, atol=1e-4)


def test_a_filterbank_needs_a_track_that_is_long_enough() -> None:
    source = Swings([20.0])
    source.values["20.0"] = source.values["20.0"][:, :4]
    with pytest.raises(DatasetError, match="long enough"):
        fit_filterbank(source, ["20.0"])


def test_bands_of_short_and_silent_sequences_are_finite(latents) -> None:
    bands = Bands(latents, fit_filterbank(Swings([20.0]), ["20.0"]))
    for length in (1, 7, 9, 40):
        assert np.isfinite(bands.transform(np.zeros((2, length), np.float32))).all()

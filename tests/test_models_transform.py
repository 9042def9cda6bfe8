"""The transform coder without a network: tones survive, silence stays silent, bits help."""

from __future__ import annotations

import numpy as np
import pytest

from musiclib.errors import CodecError
from musiclib.mdct import mdct
from musiclib.metrics import si_sdr
from musiclib.models.transform import (
    CHANGE_BITS,
    EDGES,
    FLOOR_DB,
    LARGEST_GAIN,
    LARGEST_LEVEL,
    LEVEL_DB,
    N_BANDS,
    SHRINK,
    STEP_BITS,
    UNCHANGED_BITS,
    WEIGHTS,
    Setting,
    analyse,
    band_of_bin,
    choose_levels,
    decibels,
    dequantise,
    exact_levels,
    interpolate,
    quantise,
    ratio,
    smoothing_of_gain,
    step_exponents,
    synthesise,
    uniform_noise,
)
from tests.signals import chirp, click, noise, silence, tone

RATE = 24_000


def rebuilt(audio: np.ndarray, gain: int) -> np.ndarray:
    return synthesise(analyse(audio, Setting(gain)), gain, len(audio))


@pytest.mark.parametrize("frequency", [220.0, 1000.0, 7000.0])
def test_a_tone_survives(frequency: float) -> None:
    audio = tone(frequency, RATE, RATE)
    assert si_sdr(audio, rebuilt(audio, 80)) > 15.0


def test_silence_is_sent_as_zeros_and_stays_faint() -> None:
    frames = analyse(silence(10_000), Setting(100))
    assert not frames.levels.any()
    assert not frames.values.any()
    assert np.abs(synthesise(frames, 100, 10_000)).max() < 1e-4


def test_finer_steps_are_nearer_to_the_original() -> None:
    audio = chirp(100, 8000, 2 * RATE, RATE) + noise(2 * RATE, rms=0.02)
    found = [si_sdr(audio, rebuilt(audio, gain)) for gain in (40, 90, 140, 190)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 20.0


def test_level_of_noise_is_kept_where_nothing_is_sent() -> None:
    audio = noise(4 * RATE, rms=0.1)
    frames = analyse(audio, Setting(LARGEST_GAIN))
    assert not frames.values.any()
    level = 20.0 * np.log10(np.std(synthesise(frames, LARGEST_GAIN, len(audio))) / np.std(audio))
    assert -5.0 < level < 0.0


def test_a_click_stays_where_it_is() -> None:
    audio = click(RATE, 12_345)
    assert int(np.argmax(np.abs(rebuilt(audio, 60)))) == 12_345


def test_bands_cover_every_bin_once() -> None:
    assert EDGES[0] == 0
    assert EDGES[-1] == 256
    assert np.all(np.diff(EDGES) > 0)
    np.testing.assert_array_equal(np.bincount(band_of_bin()), np.diff(EDGES))


def test_envelopes_are_whole_and_keep_a_constant() -> None:
    np.testing.assert_array_equal(WEIGHTS.sum(axis=1), 256)
    assert WEIGHTS.min() >= 0
    levels = np.full((2, N_BANDS), 31, np.int32)
    np.testing.assert_array_equal(interpolate(levels), 31 * 256)
    np.testing.assert_allclose(decibels(interpolate(levels)), 31 * LEVEL_DB + FLOOR_DB, rtol=1e-5)


def test_interpolation_meets_whole_number_arithmetic() -> None:
    levels = np.random.default_rng(0).integers(0, LARGEST_LEVEL + 1, (50, N_BANDS))
    np.testing.assert_array_equal(interpolate(levels), levels @ WEIGHTS.T)


def test_levels_follow_a_tone_without_smoothing() -> None:
    coefficients = mdct(tone(1000, RATE, RATE))
    levels = choose_levels(coefficients, 0.0)
    exact = exact_levels(coefficients)
    loud = exact > 0.0
    assert np.abs(levels - exact)[loud].max() <= 0.5
    assert not choose_levels(np.zeros((5, 256), np.float32), 0.0).any()


def test_smoothing_saves_changes_and_finds_the_best_path() -> None:
    coefficients = mdct(noise(RATE, rms=0.1))
    changes = [
        np.count_nonzero(np.diff(choose_levels(coefficients, smoothing), axis=0))
        for smoothing in (0.0, 1.0, 4.0)
    ]
    assert changes[0] > 2 * changes[1] > 2 * changes[2]

    exact = np.clip(exact_levels(coefficients), 0.0, LARGEST_LEVEL)

    def cost(levels: np.ndarray, smoothing: float) -> float:
        steps = np.abs(np.diff(levels, axis=0))
        bits = np.where(steps == 0, UNCHANGED_BITS, CHANGE_BITS + STEP_BITS * steps)
        error = np.abs(exact - levels)
        squares = np.where(error > 10.0, 20.0 * error - 100.0, error**2)
        return float(squares.sum() + smoothing * bits.sum())

    best = choose_levels(coefficients, 2.0)
    generator = np.random.default_rng(0)
    for _ in range(200):
        other = best.copy()
        t, band = generator.integers(len(best)), generator.integers(N_BANDS)
        length = generator.integers(1, 6)
        other[t : t + length, band] = np.clip(
            other[t : t + length, band] + generator.choice([-2, -1, 1, 2]), 0, LARGEST_LEVEL
        )
        assert cost(best, 2.0) <= cost(other, 2.0) + 1e-9


def test_ratio_and_steps_rise_as_they_should() -> None:
    levels = np.full((1, N_BANDS), 20, np.int32)
    louder = levels + 10
    assert np.all(step_exponents(levels, 101) - step_exponents(levels, 100) == 16)
    assert np.all(step_exponents(louder, 100) > step_exponents(levels, 100))
    assert np.all(ratio(louder, 100) > ratio(levels, 100))
    assert ratio(np.full((1, N_BANDS), LARGEST_LEVEL), 0).max() <= 63
    assert ratio(np.zeros((1, N_BANDS), np.int32), LARGEST_GAIN).min() == 0


def test_values_are_within_a_step_and_cut_at_the_largest() -> None:
    generator = np.random.default_rng(1)
    coefficients = (generator.standard_normal((40, 256)) * 0.5).astype(np.float32)
    levels = choose_levels(coefficients, 1.0)
    values = quantise(coefficients, levels, 90)
    spectrum = dequantise(values, levels, 90)
    sent = values != 0
    step = spectrum.scale[sent] / 0.3
    error = np.abs(spectrum.coded - coefficients)[sent] / step
    assert error.max() <= 0.7 + SHRINK + 1e-3
    huge = quantise(np.full((1, 256), 1e9, np.float32), np.zeros((1, N_BANDS), np.int32), 0)
    assert huge.max() == (1 << 15) - 1


def test_noise_belongs_to_its_place() -> None:
    whole = uniform_noise(30, 0, 0)
    np.testing.assert_array_equal(uniform_noise(10, 20, 0), whole[20:])
    assert np.abs(np.corrcoef(whole.ravel(), uniform_noise(30, 0, 1).ravel())[0, 1]) < 0.05
    assert whole.mean() == pytest.approx(0.0, abs=0.03)
    assert whole.var() == pytest.approx(1.0, rel=0.03)


def test_noise_fills_only_what_was_not_sent() -> None:
    audio = noise(RATE, rms=0.1)
    frames = analyse(audio, Setting(120))
    spectrum = dequantise(frames.values, frames.levels, 120)
    assert not spectrum.noise[frames.values != 0].any()
    assert not spectrum.coded[frames.values == 0].any()
    assert spectrum.noise.any()


def test_settings_outside_the_range_are_refused() -> None:
    for gain in (-1, LARGEST_GAIN + 1):
        with pytest.raises(CodecError, match="gain must lie between 0 and 255"):
            Setting(gain)
    assert smoothing_of_gain(0) == 1.0
    assert smoothing_of_gain(LARGEST_GAIN) > smoothing_of_gain(180) > 1.0

"""The MDCT keeps energy, cancels its aliasing, and puts tones where they belong."""

from __future__ import annotations

import numpy as np
import pytest

from musiclib.mdct import (
    SIZE,
    frame_count,
    frames_to_coefficients,
    imdct,
    mdct,
    sine_window,
    windowed_pieces,
)
from tests.signals import noise, tone

RATE = 24_000


@pytest.mark.parametrize("n_samples", [0, 1, 255, 256, 257, 5000])
@pytest.mark.parametrize("size", [64, SIZE])
def test_back_and_forth_gives_the_same(n_samples: int, size: int) -> None:
    audio = noise(n_samples, seed=n_samples)
    coefficients = mdct(audio, size)
    assert coefficients.shape == (frame_count(n_samples, size), size)
    np.testing.assert_allclose(imdct(coefficients, n_samples), audio, atol=1e-6)


def test_energy_is_kept() -> None:
    audio = noise(10_000)
    assert np.sum(mdct(audio) ** 2) == pytest.approx(np.sum(audio**2), rel=1e-5)


@pytest.mark.parametrize("frequency", [440.0, 3000.0, 11_000.0])
def test_a_tone_lies_in_its_bin(frequency: float) -> None:
    power = (mdct(tone(frequency, 24_000, RATE))[2:-2] ** 2).mean(axis=0)
    place = frequency / (RATE / 2) * SIZE
    assert abs(np.argmax(power) + 0.5 - place) <= 1.0
    near = slice(max(0, int(place) - 4), int(place) + 5)
    assert power[near].sum() > 0.995 * power.sum()


def test_channels_are_transformed_alone() -> None:
    pair = np.stack([noise(3000, seed=1), noise(3000, seed=2)])
    both = mdct(pair)
    np.testing.assert_array_equal(both[1], mdct(pair[1]))
    np.testing.assert_allclose(imdct(both, 3000), pair, atol=1e-6)


def test_a_part_of_the_frames_is_a_part_of_the_sum() -> None:
    audio = noise(20 * SIZE)
    padded = np.pad(audio, (SIZE, SIZE))
    some = frames_to_coefficients(padded[5 * SIZE : 13 * SIZE])
    np.testing.assert_array_equal(some, mdct(audio)[5:12])
    pieces = windowed_pieces(some)
    middle = pieces[1:, :SIZE] + pieces[:-1, SIZE:]
    np.testing.assert_allclose(middle.reshape(-1), audio[5 * SIZE : 11 * SIZE], atol=1e-6)


def test_squares_of_the_window_add_up_to_one() -> None:
    squares = sine_window().astype(np.float64) ** 2
    np.testing.assert_allclose(squares[:SIZE] + squares[SIZE:], 1.0, atol=1e-6)

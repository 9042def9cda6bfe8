"""Checks, channels and levels of sample arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musiclib.audio import peak, rms_db, to_mono, validate
from musiclib.errors import AudioError
from tests import signals


class TestLevels:
    def test_a_full_scale_sine_is_3_db_below_full_scale(self) -> None:
        assert rms_db(signals.tone(100, 8000, 8000, amplitude=1.0)) == pytest.approx(
            -3.01, abs=0.01
        )

    def test_silence_is_at_minus_infinity(self) -> None:
        assert rms_db(signals.silence(10)) == -math.inf
        assert peak(signals.silence(10)) == 0.0

    @settings(max_examples=20, deadline=None)
    @given(st.floats(1e-3, 1e3))
    def test_a_gain_moves_the_level_by_its_decibels(self, gain: float) -> None:
        audio = signals.noise(1000)
        moved = rms_db(audio * np.float32(gain)) - rms_db(audio)
        assert moved == pytest.approx(20 * math.log10(gain), abs=1e-4)
        assert peak(audio * np.float32(gain)) == pytest.approx(gain * peak(audio), rel=1e-6)

    def test_the_peak_may_be_negative_and_in_any_channel(self) -> None:
        assert peak(np.array([[0.1, 0.2], [-0.7, 0.3]], np.float32)) == pytest.approx(0.7)


class TestToMono:
    def test_equal_channels_stay_as_they_are(self) -> None:
        audio = signals.noise(500)
        np.testing.assert_allclose(to_mono(np.stack([audio] * 6)), audio, atol=1e-7)

    def test_opposite_channels_cancel(self) -> None:
        audio = signals.noise(500)
        assert not to_mono(np.stack([audio, -audio])).any()

    @settings(max_examples=20, deadline=None)
    @given(st.integers(1, 8), st.integers(0, 1000))
    def test_the_mix_never_exceeds_the_loudest_channel(self, channels: int, seed: int) -> None:
        audio = signals.noise(channels * 64, seed).reshape(channels, 64)
        assert peak(to_mono(audio)) <= peak(audio) * (1 + 1e-6)

    def test_mono_passes(self) -> None:
        audio = signals.noise(10)
        assert to_mono(audio) is audio


class TestValidate:
    def test_float32_is_not_copied(self) -> None:
        audio = signals.noise(10)
        assert validate(audio) is audio

    def test_float64_becomes_float32(self) -> None:
        assert validate(np.zeros(3)).dtype == np.float32

    def test_values_beyond_full_scale_pass(self) -> None:
        assert validate(np.array([3.0, -2.0], np.float32)).max() == 3.0

    def test_large_finite_values_whose_sum_overflows_pass(self) -> None:
        assert validate(np.full(8, 3e38, np.float32)).shape == (8,)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_the_first_bad_sample_is_named(self, bad: float) -> None:
        audio = signals.noise(100)
        audio[[17, 40]] = bad
        with pytest.raises(AudioError, match=r"song holds 2 samples .* index 17\b"):
            validate(audio, "song")

    def test_opposite_infinities_are_found(self) -> None:
        with pytest.raises(AudioError, match="infinite"):
            validate(np.array([np.inf, -np.inf], np.float32))

    def test_a_float64_too_large_for_float32_is_found(self) -> None:
        with pytest.raises(AudioError, match="infinite"):
            validate(np.array([0.0, 1e300]))

    @pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 5)])
    def test_empty_audio_is_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(AudioError, match="empty"):
            validate(np.zeros(shape, np.float32))

    @pytest.mark.parametrize("shape", [(), (2, 3, 4)])
    def test_other_shapes_are_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(AudioError, match="shape"):
            validate(np.zeros(shape, np.float32))

    def test_channels_last_is_refused(self) -> None:
        with pytest.raises(AudioError, match="Channels come first"):
            validate(np.zeros((4800, 2), np.float32))

    @pytest.mark.parametrize("dtype", [np.int16, np.complex64, np.bool_])
    def test_other_types_are_refused(self, dtype: type) -> None:
        with pytest.raises(AudioError, match="floating point"):
            validate(np.zeros(4, dtype))

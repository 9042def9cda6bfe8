"""Loudness after ITU-R BS.1770."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musiclib.audio import loudness_lufs, normalise_loudness, peak
from musiclib.errors import AudioError
from tests import signals


@pytest.mark.parametrize("sample_rate", [8_000, 24_000, 44_100, 48_000, 96_000])
def test_the_standards_reference_tone(sample_rate: int) -> None:
    # A full-scale sine of 997 Hz in one front channel reads -3.01 LKFS (ITU-R BS.1770-4, annex 1).
    audio = signals.tone(997, 3 * sample_rate, sample_rate, amplitude=1.0)
    assert loudness_lufs(audio, sample_rate) == pytest.approx(-3.01, abs=0.2)


def test_a_second_equal_channel_adds_3_db() -> None:
    audio = signals.tone(997, 48_000, 48_000)
    gain = loudness_lufs(np.stack([audio, audio]), 48_000) - loudness_lufs(audio, 48_000)
    assert gain == pytest.approx(3.01, abs=0.01)


def test_silence_is_at_minus_infinity() -> None:
    assert loudness_lufs(signals.silence(48_000), 48_000) == -math.inf


def test_pauses_do_not_count() -> None:
    audio = signals.music(48_000, 24_000)
    paused = np.concatenate([audio, signals.silence(96_000)])
    assert loudness_lufs(paused, 24_000) == pytest.approx(loudness_lufs(audio, 24_000), abs=0.7)


@settings(max_examples=10, deadline=None)
@given(st.floats(-40.0, -16.0))
def test_normalising_reaches_the_loudness(lufs: float) -> None:
    audio = signals.music(24_000, 24_000)
    assert loudness_lufs(normalise_loudness(audio, 24_000, lufs), 24_000) == pytest.approx(
        lufs, abs=0.05
    )


def test_normalising_never_clips() -> None:
    audio = signals.click(24_000, 5000, 0.5) + signals.noise(24_000, rms=0.001)
    loud = normalise_loudness(audio, 24_000, -5.0, max_peak=0.9)
    assert peak(loud) == pytest.approx(0.9, rel=1e-6)
    np.testing.assert_allclose(loud / peak(loud), audio / peak(audio), atol=1e-6)


def test_silence_stays_silent() -> None:
    assert not normalise_loudness(signals.silence(24_000), 24_000, -20.0).any()


def test_a_half_second_clip_is_measured_and_a_shorter_one_refused() -> None:
    audio = signals.tone(997, 24_000, 48_000)
    assert math.isfinite(loudness_lufs(audio, 48_000))
    with pytest.raises(AudioError, match=r"0\.4 s.*lasts 0\.300 s"):
        loudness_lufs(audio[:14_400], 48_000)


def test_more_channels_than_the_standard_are_refused() -> None:
    with pytest.raises(AudioError, match="to_mono"):
        loudness_lufs(np.ones((6, 48_000), np.float32), 48_000)


@pytest.mark.parametrize(("lufs", "limit"), [(math.nan, 1.0), (math.inf, 1.0), (-20.0, 0.0)])
def test_impossible_targets_are_refused(lufs: float, limit: float) -> None:
    with pytest.raises(AudioError):
        normalise_loudness(signals.noise(24_000), 24_000, lufs, limit)

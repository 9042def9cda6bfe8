"""Sampling rate conversion: tones survive, clicks stay in place, cuts are exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from musiclib.audio import resample, resampled_length, rms_db
from musiclib.audio.samples import StreamResampler, plan_cut
from musiclib.errors import AudioError
from tests import signals

RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000]
rates = st.sampled_from(RATES)


@settings(max_examples=40, deadline=None)
@given(rates, rates, st.integers(0, 100))
def test_a_click_stays_where_it_is(from_rate: int, to_rate: int, block: int) -> None:
    # A multiple of 1/100 s falls on a sample at every one of these rates but 11.025 and 22.05 kHz.
    at = 20 * from_rate // 100 + block
    audio = resample(signals.click(from_rate // 2, at), from_rate, to_rate)
    # The centre of energy sees fractions of a sample, the largest sample does not.
    energy = np.square(audio, dtype=np.float64)
    centre = float(np.sum(np.arange(len(audio)) * energy) / energy.sum())
    assert centre == pytest.approx(at * to_rate / from_rate, abs=0.02)


@settings(max_examples=20, deadline=None)
@given(rates, rates, st.floats(100.0, 3000.0))
def test_a_tone_keeps_frequency_and_level(from_rate: int, to_rate: int, frequency: float) -> None:
    audio = resample(signals.tone(frequency, from_rate, from_rate), from_rate, to_rate)
    assert signals.dominant_frequency(audio, to_rate) == pytest.approx(frequency, abs=0.3)
    middle = audio[to_rate // 4 : -to_rate // 4]
    assert rms_db(middle) == pytest.approx(rms_db(signals.tone(frequency, 8000, 8000)), abs=0.1)


def test_what_the_new_rate_cannot_hold_is_removed() -> None:
    audio = resample(signals.tone(7_000, 48_000, 48_000), 48_000, 8_000)
    assert rms_db(audio[1000:-1000]) < -100


def test_there_and_back_changes_nothing_below_the_limit() -> None:
    audio = signals.chirp(50, 3000, 16_000, 16_000) * np.hanning(16_000).astype(np.float32)
    back = resample(resample(audio, 16_000, 44_100), 44_100, 16_000)
    assert np.abs(back - audio).max() < 1e-4


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 5000), rates, rates)
def test_the_length_is_the_duration_rounded(n_samples: int, from_rate: int, to_rate: int) -> None:
    audio = resample(signals.noise(n_samples), from_rate, to_rate)
    assert len(audio) == resampled_length(n_samples, from_rate, to_rate)
    assert abs(len(audio) - n_samples * to_rate / from_rate) <= 0.5 or len(audio) == 1


def test_silence_stays_silent_and_equal_rates_change_nothing() -> None:
    assert not resample(signals.silence(100), 8_000, 48_000).any()
    audio = signals.noise(10)
    assert resample(audio, 8_000, 8_000) is audio


def test_channels_are_resampled_alike() -> None:
    stereo = np.stack([signals.noise(4410, 1), signals.noise(4410, 2)])
    together = resample(stereo, 44_100, 24_000)
    assert together.shape == (2, 2400)
    assert together.flags.c_contiguous
    for channel, alone in zip(together, stereo, strict=True):
        np.testing.assert_array_equal(channel, resample(alone, 44_100, 24_000))


@example(from_rate=24_000, to_rate=88_200, sizes=[1, 1099])
@settings(max_examples=20, deadline=None)
@given(rates, rates, st.lists(st.integers(1, 4000), min_size=1, max_size=6))
def test_pieces_give_the_same_as_the_whole(from_rate: int, to_rate: int, sizes: list[int]) -> None:
    audio = signals.noise(sum(sizes))[np.newaxis]
    stream = StreamResampler(from_rate, to_rate, 1)
    ends = np.cumsum(sizes)
    pieces = [stream.push(audio[:, end - n : end]) for end, n in zip(ends, sizes, strict=True)]
    joined = np.concatenate([*pieces, stream.finish()], axis=1)
    whole = resample(audio, from_rate, to_rate)
    # Less than half a sample of the new rate has no sample of its own, but resample gives one.
    np.testing.assert_allclose(joined, whole[:, : joined.shape[1]], atol=1e-6)
    # Exactly half of one is rounded up by one of the two, and down by the other.
    half = 2 * sum(sizes) * to_rate % (2 * from_rate) == from_rate
    assert whole.shape[1] - joined.shape[1] in ({0, 1} if half or whole.shape[1] == 1 else {0})


@settings(max_examples=40, deadline=None)
@given(rates, rates, st.floats(0.0, 0.6), st.floats(0.01, 0.3))
def test_a_planned_cut_equals_the_slice_of_the_whole(
    from_rate: int, to_rate: int, start_s: float, duration_s: float
) -> None:
    audio = signals.noise(from_rate)
    cut = plan_cut(from_rate, to_rate, start_s, duration_s)
    part = resample(audio[cut.first : cut.last], from_rate, to_rate)[cut.skip :][: cut.keep]
    begin, length = round(start_s * to_rate), round(duration_s * to_rate)
    whole = resample(audio, from_rate, to_rate)[begin : begin + length]
    np.testing.assert_allclose(part, whole, atol=1e-6)


@pytest.mark.parametrize("rate", [0, -1, 44_100.5, 10**8, True])
def test_impossible_rates_are_refused(rate: float) -> None:
    with pytest.raises(AudioError, match="to_rate"):
        resample(signals.noise(10), 8_000, rate)  # type: ignore[arg-type]

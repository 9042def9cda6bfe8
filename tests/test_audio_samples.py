"""Arrays of samples: what is accepted, levels, loudness, sampling rates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from musiclib.audio import (
    loudness_lufs,
    peak,
    resample,
    resampled_length,
    rms_db,
    to_mono,
    validate,
)
from musiclib.audio.reading import plan_cut
from musiclib.audio.samples import StreamResampler
from musiclib.errors import AudioError
from tests import signals


class TestLevels:
    def test_a_full_scale_sine_is_3_db_below_full_scale(self):
        assert rms_db(signals.tone(100, 8000, 8000, amplitude=1.0)) == pytest.approx(
            -3.01, abs=0.01
        )

    @settings(max_examples=20, deadline=None)
    @given(st.floats(1e-3, 1e3))
    def test_a_gain_moves_the_level_by_its_decibels(self, gain):
        audio = signals.noise(1000)
        moved = rms_db(audio * np.float32(gain)) - rms_db(audio)
        assert moved == pytest.approx(20 * math.log10(gain), abs=1e-4)
        assert peak(audio * np.float32(gain)) == pytest.approx(gain * peak(audio), rel=1e-6)


class TestToMono:
    @settings(max_examples=20, deadline=None)
    @given(st.integers(1, 8), st.integers(0, 1000))
    def test_the_mix_never_exceeds_the_loudest_channel(self, channels, seed):
        audio = signals.noise(channels * 64, seed).reshape(channels, 64)
        assert peak(to_mono(audio)) <= peak(audio) * (1 + 1e-6)


class TestValidate:
    def test_the_first_bad_sample_is_named(self):
        for bad in (np.nan, np.inf, -np.inf):
            audio = signals.noise(100)
            audio[[17, 40]] = bad
            with pytest.raises(AudioError, match=r"song holds 2 samples .* index 17\b"):
                validate(audio, "song")

    def test_empty_audio_and_other_shapes_are_refused(self):
        for shape in ((0,), (2, 0), (), (2, 3, 4)):
            with pytest.raises(AudioError, match="shape"):
                validate(np.zeros(shape, np.float32))


def test_the_standards_reference_tone():
    # A full-scale sine of 997 Hz in one front channel reads -3.01 LKFS (ITU-R BS.1770-4, annex 1).
    for rate in (8_000, 24_000, 44_100, 48_000, 96_000):
        audio = signals.tone(997, 3 * rate, rate, amplitude=1.0)
        one, two = (loudness_lufs(x, rate) for x in (audio, np.stack([audio, audio])))
        assert one == pytest.approx(-3.01, abs=0.2)
        assert two - one == pytest.approx(3.01, abs=0.01)


RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000]
rates = st.sampled_from(RATES)


@settings(max_examples=40, deadline=None)
@given(rates, rates, st.integers(0, 100))
def test_a_click_stays_where_it_is(from_rate, to_rate, block):
    # A multiple of 1/100 s falls on a sample at every one of these rates but 11.025 and 22.05 kHz.
    at = 20 * from_rate // 100 + block
    audio = resample(signals.click(from_rate // 2, at), from_rate, to_rate)
    # The centre of energy sees fractions of a sample, the largest sample does not.
    energy = np.square(audio, dtype=np.float64)
    centre = float(np.sum(np.arange(len(audio)) * energy) / energy.sum())
    assert centre == pytest.approx(at * to_rate / from_rate, abs=0.02)


@settings(max_examples=20, deadline=None)
@given(rates, rates, st.floats(100.0, 3000.0))
def test_a_tone_keeps_frequency_and_level(from_rate, to_rate, frequency):
    audio = resample(signals.tone(frequency, from_rate, from_rate), from_rate, to_rate)
    assert signals.dominant_frequency(audio, to_rate) == pytest.approx(frequency, abs=0.3)
    middle = audio[to_rate // 4 : -to_rate // 4]
    assert rms_db(middle) == pytest.approx(rms_db(signals.tone(frequency, 8000, 8000)), abs=0.1)


def test_what_the_new_rate_cannot_hold_is_removed():
    audio = resample(signals.tone(7_000, 48_000, 48_000), 48_000, 8_000)
    assert rms_db(audio[1000:-1000]) < -100


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 5000), rates, rates)
def test_the_length_is_the_duration_rounded(n_samples, from_rate, to_rate):
    audio = resample(signals.noise(n_samples), from_rate, to_rate)
    assert len(audio) == resampled_length(n_samples, from_rate, to_rate)
    assert abs(len(audio) - n_samples * to_rate / from_rate) <= 0.5 or len(audio) == 1


@example(from_rate=24_000, to_rate=88_200, sizes=[1, 1099])
@settings(max_examples=20, deadline=None)
@given(rates, rates, st.lists(st.integers(1, 4000), min_size=1, max_size=6))
def test_pieces_give_the_same_as_the_whole(from_rate, to_rate, sizes):
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
def test_a_planned_cut_equals_the_slice_of_the_whole(from_rate, to_rate, start_s, duration_s):
    audio = signals.noise(from_rate)
    cut = plan_cut(from_rate, to_rate, start_s, duration_s)
    part = resample(audio[cut.first : cut.last], from_rate, to_rate)[cut.skip :][: cut.keep]
    begin, length = round(start_s * to_rate), round(duration_s * to_rate)
    whole = resample(audio, from_rate, to_rate)[begin : begin + length]
    np.testing.assert_allclose(part, whole, atol=1e-6)

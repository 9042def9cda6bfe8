"""Rounding to 16 bits: exact where it can be, half a step off at most elsewhere."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from musiclib.datasets import store


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=50),
    st.sampled_from([1.0, 1e-3, 1e-6]),
)
def test_quantising_errs_by_half_a_step_at_most(values, gain):
    samples = np.array(values, dtype=np.float32) * np.float32(gain)
    pcm, step = store.quantise(samples)
    error = np.abs(pcm * np.float64(step) - samples)
    assert pcm.dtype == np.int16
    assert (error <= 0.51 * step).all()
    assert step <= max(store.EXACT_STEP, 1.01 * np.abs(samples).max() / 32_767)


@given(st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=50))
def test_quantising_16_bit_samples_is_exact(values):
    samples = np.array(values, dtype=np.float32) / 32_768
    pcm, step = store.quantise(samples)
    np.testing.assert_array_equal(pcm.astype(np.float32) * np.float32(step), samples)


def test_silence_stays_silent():
    pcm, step = store.quantise(np.zeros(100, dtype=np.float32))
    assert not pcm.any()
    assert step == store.EXACT_STEP

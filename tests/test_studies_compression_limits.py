"""The Gaussian limit: exact where a formula is known, and a limit in every other way."""

import numpy as np
import pytest

from musiclib.errors import AudioError
from musiclib.studies.compression.limits import (
    QUANTISER_BITS,
    GaussianLimit,
    local_spectra,
    si_sdr_curve,
    spectrogram_curve,
    waveform_limit,
)

RATE = 8_000


def noise(seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    samples = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return (0.1 * samples).astype(np.float32)


def test_equal_variances_pay_half_a_bit_for_each_factor_of_two():
    limit = GaussianLimit.of(np.full(10, 4.0))
    assert limit.bits_for_error(10.0) == pytest.approx(10.0)  # log2(4 / 1) / 2 each
    assert limit.bits_for_error(40.0) == limit.bits_for_error(99.0) == 0.0
    assert limit.bits(1.0, quantiser=True) == pytest.approx(10.0 * (1.0 + QUANTISER_BITS))
    assert pytest.approx(0.254, abs=1e-3) == QUANTISER_BITS


def test_what_lies_under_water_gets_no_bits():
    limit = GaussianLimit.of([[16.0, 1.0], [0.25, 0.0]])
    assert limit.count == 4
    level = limit.level_for_bits(1.0)
    assert level == pytest.approx(4.0)  # all of the bit goes to the first variance
    assert limit.error(level) == pytest.approx(4.0 + 1.0 + 0.25)


def test_bits_and_error_lead_to_the_same_level():
    limit = GaussianLimit.of(np.random.default_rng(0).exponential(size=300) ** 2)
    for level in (1e-6, 1e-3, 0.1, 1.0, 2.0):
        assert limit.level_for_error(limit.error(level)) == pytest.approx(level, rel=1e-6)
        assert limit.level_for_bits(limit.bits(level)) == pytest.approx(level, rel=1e-6)


def test_si_sdr_is_the_signal_to_noise_ratio_less_one():
    limit = GaussianLimit.of(np.full(8, 1.0))
    # At one bit a variable the error is a quarter of the energy: 10 log10(4 - 1).
    assert limit.si_sdr_at(8.0) == pytest.approx(10.0 * np.log10(3.0))
    assert limit.bits_for_si_sdr(10.0 * np.log10(3.0)) == pytest.approx(8.0)
    assert limit.si_sdr_at(0.0) == -np.inf


def test_no_uniform_quantiser_beats_the_limit():
    samples = np.random.default_rng(0).standard_normal(200_000)
    limit = GaussianLimit.of([1.0])
    for step, extra in ((0.1, QUANTISER_BITS), (0.5, QUANTISER_BITS), (2.0, None)):
        values = np.rint(samples / step)
        share = np.unique(values, return_counts=True)[1] / len(values)
        entropy = float(-(share * np.log2(share)).sum())
        spent = entropy - limit.bits_for_error(float(np.mean((samples - step * values) ** 2)))
        assert spent > 0.0
        if extra is not None:  # fine steps come as near as the theory says
            assert spent == pytest.approx(extra, abs=0.02)


def test_silence_and_perfection_have_no_limit():
    with pytest.raises(AudioError, match="silence"):
        GaussianLimit.of(np.zeros(4))
    with pytest.raises(AudioError, match="infinitely many"):
        GaussianLimit.of([1.0]).level_for_error(0.0)


def test_a_bin_and_a_frame_stand_for_a_sample():
    powers = local_spectra(noise(), 512)
    assert powers.shape[0] == 256
    assert powers.size == pytest.approx(2 * RATE, rel=0.02)


def test_white_noise_costs_what_its_formula_says():
    audio = noise()
    bits = waveform_limit(audio, local=False).bits_for_si_sdr(10.0 * np.log10(3.0))
    assert bits / len(audio) == pytest.approx(1.0, abs=0.15)


def test_knowing_the_spectra_of_each_moment_saves_bits():
    audio = noise()
    audio[: len(audio) // 2] *= 0.01
    local, mean = (
        waveform_limit(audio, local=kind).bits_for_si_sdr(10.0) for kind in (True, False)
    )
    assert local < 0.8 * mean
    curve = si_sdr_curve([waveform_limit(audio)], [2.0], [1.0, 4.0, 16.0])
    assert (np.diff(curve) > 0.0).all()


def test_spectrogram_curve_falls_and_the_quantiser_lies_above():
    curve = spectrogram_curve(GaussianLimit.of([4.0, 1.0, 0.1, 0.0]), 10.0, [0.05, 0.5, 5.0])
    assert (np.diff(curve["kbps"]) < 0.0).all()
    assert curve["kbps"][-1] == 0.0
    assert curve["rmse"][-1] == pytest.approx(np.sqrt(5.1 / 4.0))
    assert (curve["quantiser_kbps"][:2] > curve["kbps"][:2]).all()

"""Bitrates of files."""

import math

import pytest

from musiclib.errors import MusiclibError
from musiclib.metrics import bitrate_kbps


def test_a_compact_disc_has_1411_kbps() -> None:
    assert bitrate_kbps(44_100 * 2 * 2 * 30, 30.0) == pytest.approx(1411.2)


def test_no_bytes_are_no_bits() -> None:
    assert bitrate_kbps(0, 1.0) == 0.0


@pytest.mark.parametrize(("n_bytes", "seconds"), [(-1, 1.0), (1, 0.0), (1, math.nan)])
def test_impossible_arguments_are_refused(n_bytes: int, seconds: float) -> None:
    with pytest.raises(MusiclibError):
        bitrate_kbps(n_bytes, seconds)

"""The bitrate of a file, from its bytes."""

from __future__ import annotations

import math

from musiclib.errors import MusiclibError


def bitrate_kbps(n_bytes: int, seconds: float) -> float:
    """Bitrate in kbps (1000 bits a second) of a file of `n_bytes` for `seconds` of audio.

    Raises:
        MusiclibError: If the size is negative or the duration not positive.
    """
    if n_bytes < 0 or not (math.isfinite(seconds) and seconds > 0.0):
        raise MusiclibError(
            f"A bitrate needs 0 or more bytes and a positive duration, not {n_bytes} bytes in "
            f"{seconds} s"
        )
    return 8.0 * n_bytes / seconds / 1000.0

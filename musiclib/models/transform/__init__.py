"""The transform coder without a network: what Melic starts from, and is compared with.

MDCT frames, levels of Bark bands that are sent in whole steps of 3 dB, quantiser steps that
follow the levels, noise in place of zeros. Everything that decides how a stream is read is made of
integers, so that it is the same on every machine.
"""

from musiclib.models.transform.bands import (
    EDGES,
    LARGEST_LEVEL,
    N_BANDS,
    band_of_bin,
    interpolate,
)
from musiclib.models.transform.envelope import choose_levels
from musiclib.models.transform.front_end import (
    Frames,
    Setting,
    analyse,
    quantised,
    smoothing_of_gain,
    synthesise,
)
from musiclib.models.transform.quantiser import (
    LARGEST_GAIN,
    Spectrum,
    dequantise,
    quantise,
    ratio,
    step_exponents,
)

__all__ = [
    "EDGES",
    "LARGEST_GAIN",
    "LARGEST_LEVEL",
    "N_BANDS",
    "Frames",
    "Setting",
    "Spectrum",
    "analyse",
    "band_of_bin",
    "choose_levels",
    "dequantise",
    "interpolate",
    "quantise",
    "quantised",
    "ratio",
    "smoothing_of_gain",
    "step_exponents",
    "synthesise",
]

"""Sequences that stand for tracks (latents, log-mel spectra, MFCCs), and what can be read in them.

representation = AutoencoderLatents(trained("deep-16", dataset))
found = sequences(representation, dataset)        # cached on disk
found["track"]                                    # (C, L)
table = pooled(found, seconds=3.0)                # a vector for each piece
"""

from musiclib.latents.pooling import MEAN_STD, RICH, Pooled, Statistic, pooled
from musiclib.latents.representations import (
    AutoencoderLatents,
    Envelopes,
    QuantisedLatents,
    Representation,
)
from musiclib.latents.sequences import Sequences, sequences, track_pieces
from musiclib.latents.spectral import LogMel, Mfcc, Samples

__all__ = [
    "MEAN_STD",
    "RICH",
    "AutoencoderLatents",
    "Envelopes",
    "LogMel",
    "Mfcc",
    "Pooled",
    "QuantisedLatents",
    "Representation",
    "Samples",
    "Sequences",
    "Statistic",
    "pooled",
    "sequences",
    "track_pieces",
]

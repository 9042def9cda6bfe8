"""Sequences that stand for tracks (latents, log-mel spectra, MFCCs), and what can be read in them.

representation = AutoencoderLatents(trained("deep-16", dataset))
found = sequences(representation, dataset)        # cached on disk
found["track"]                                    # (C, L)
table = pooled(found, seconds=3.0)                # a vector for each piece
"""

from musiclib.features.pooling import MEAN_STD, RICH, Pooled, pooled
from musiclib.features.representations import (
    AutoencoderLatents,
    CodedFrames,
    LogMel,
    Mfcc,
    QuantisedLatents,
    RandomLatents,
    Representation,
    band_values,
)
from musiclib.features.sequences import (
    Bands,
    InMemory,
    Sequences,
    Source,
    fit_filterbank,
    samples,
    sequences,
    track_pieces,
)

__all__ = [
    "MEAN_STD",
    "RICH",
    "AutoencoderLatents",
    "Bands",
    "CodedFrames",
    "InMemory",
    "LogMel",
    "Mfcc",
    "Pooled",
    "QuantisedLatents",
    "RandomLatents",
    "Representation",
    "Sequences",
    "Source",
    "band_values",
    "fit_filterbank",
    "pooled",
    "samples",
    "sequences",
    "track_pieces",
]

"""Sequences that stand for tracks (latents, log-mel spectra, MFCCs), and what can be read in them.

representation = AutoencoderLatents(trained("deep-16", dataset))
found = sequences(representation, dataset)        # cached on disk
found["track"]                                    # (C, L)
table = pooled(found, seconds=3.0)                # a vector for each piece
"""

from musiclib.latents.bands import Bands, Filterbank, fit_filterbank
from musiclib.latents.coded import CodedFrames, band_values
from musiclib.latents.pooling import MEAN_STD, RICH, Pooled, Statistic, pooled
from musiclib.latents.representations import (
    AutoencoderLatents,
    QuantisedLatents,
    RandomLatents,
    Representation,
)
from musiclib.latents.samples import TrackSamples, samples
from musiclib.latents.sequences import Sequences, sequences, track_pieces
from musiclib.latents.sources import Held, Source
from musiclib.latents.spectral import LogMel, Mfcc

__all__ = [
    "MEAN_STD",
    "RICH",
    "AutoencoderLatents",
    "Bands",
    "CodedFrames",
    "Filterbank",
    "Held",
    "LogMel",
    "Mfcc",
    "Pooled",
    "QuantisedLatents",
    "RandomLatents",
    "Representation",
    "Sequences",
    "Source",
    "Statistic",
    "TrackSamples",
    "band_values",
    "fit_filterbank",
    "pooled",
    "samples",
    "sequences",
    "track_pieces",
]

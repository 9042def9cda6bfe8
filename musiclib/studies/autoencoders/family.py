"""The autoencoders of single spectra that Roche and others compared, in a table."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import torch

from musiclib.audio import FloatArray
from musiclib.models import Autoencoder, as_autoencoder, build_model, summary
from musiclib.models.losses import DB_PER_NEPER
from musiclib.stats import Interval, mean_interval
from musiclib.studies.autoencoders.running import error_nepers, rebuilt, view
from musiclib.training.recipes import recipe

FAMILY = {
    "pca": ("PCA", "{size} of 513 principal components", "the data, in one pass"),
    "shallow": ("shallow", "a layer with tanh, a linear layer", "random weights"),
    "deep": ("deep", "one hidden layer a side, linear path", "PCA, on the linear path"),
    "deep-scratch": ("deep, from scratch", "one hidden layer a side", "random weights"),
    "lstm": ("LSTM", "an LSTM layer a side, linear path", "PCA, on the linear path"),
    "vae": ("VAE", "as deep; each value is a normal distribution", "PCA, on the linear path"),
}
"""Recipes without the encoding size: name, layers, and what the weights start from."""


def family_table(size: int = 16) -> pd.DataFrame:
    """What the models of single spectra are made of.

    Args:
        size: Encoding size, one of the recipes'.

    Returns:
        One row for each: layers, learned values, fitted values, start of the weights.
    """
    rows = {}
    for key, (name, layers, start) in FAMILY.items():
        with torch.random.fork_rng(devices=[]):  # first weights are drawn, and only counted
            facts = summary(as_autoencoder(build_model(recipe(f"{key}-{size}").model)))
        rows[name] = {
            "layers": layers.format(size=size),
            "learned values": f"{facts['parameters']:,}",
            "fitted values": f"{facts['buffers']:,}",
            "starts from": start,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def errors_db(model: Autoencoder, clips: Mapping[str, FloatArray]) -> list[float]:
    """Root mean square error of log magnitudes of each clip in dB, before a phase is found."""
    errors = []
    with torch.no_grad():
        for audio in clips.values():
            logs = view(model, audio).logs
            errors.append(DB_PER_NEPER * error_nepers(logs, rebuilt(model, logs)))
    return errors


def gain_db(
    linear: Autoencoder,
    other: Autoencoder,
    clips: Mapping[str, FloatArray],
    artists: Mapping[str, str],
) -> tuple[float, float, Interval]:
    """Mean errors of two models in dB over artists, and by how much the second is lower."""
    errors = np.array([errors_db(model, clips) for model in (linear, other)])
    owners = [artists[name] for name in clips]
    first, second, gain = (
        mean_interval(values, owners) for values in (*errors, errors[0] - errors[1])
    )
    return first.mean, second.mean, gain

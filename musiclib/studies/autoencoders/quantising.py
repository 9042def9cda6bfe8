"""Latents rounded to whole steps: how many bits they hold, and what rounding costs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from musiclib.audio import FloatArray
from musiclib.models import Autoencoder
from musiclib.studies.autoencoders.running import (
    DoubleArray,
    error_nepers,
    nepers,
    normalised,
    view,
)


@torch.no_grad()
def latents(model: Autoencoder, clips: Mapping[str, FloatArray]) -> DoubleArray:
    """All latent values of some clips.

    Args:
        model: A model of spectrograms.
        clips: Clips at the model's rate by name, each of shape ``(N,)``.

    Returns:
        One row for each latent, ``(C, L)``.
    """
    parts = [model.encode(normalised(model, view(model, x).logs))[0] for x in clips.values()]
    values: DoubleArray = torch.cat(parts, dim=-1).double().numpy()
    return values


def entropy_bits(values: DoubleArray, step: float) -> float:
    """Entropy of values that were rounded to multiples of a step, in bits a value.

    It is the fewest bits a coder can spend that knows how often each value occurs, and codes each
    by itself (Shannon, 1948).

    Args:
        values: ``(L,)``.
        step: Positive.
    """
    _, counts = np.unique(np.round(values / step), return_counts=True)
    shares = counts / counts.sum()
    # Adding zero makes the entropy of a constant 0 and not -0.
    return float(-(shares * np.log2(shares)).sum()) + 0.0


@torch.no_grad()
def quantiser_table(
    model: Autoencoder, clips: Mapping[str, FloatArray], steps: Sequence[float]
) -> pd.DataFrame:
    """Bits and errors for several quantiser steps.

    Args:
        model: A model of spectrograms.
        clips: Clips at the model's rate by name, each of shape ``(N,)``.
        steps: Widths of the quantiser's cells; 0 rounds nothing.

    Returns:
        One row for each step: ``step``, ``bits`` (entropy in bits a value, mean over the latents;
        NaN without rounding), ``kbps`` (of these bits) and ``spectral_rmse`` (mean over clips, in
        nepers).
    """
    found = latents(model, clips)
    rows = []
    for step in steps:
        errors = []
        for audio in clips.values():
            logs = view(model, audio).logs
            inputs = normalised(model, logs)
            latent = model.encode(inputs)
            if step > 0.0:
                latent = torch.round(latent / step) * step
            errors.append(error_nepers(logs, nepers(model, model.decode(latent, logs.shape[-1]))))
        bits = float(np.mean([entropy_bits(row, step) for row in found])) if step > 0.0 else np.nan
        rows.append(
            {
                "step": step,
                "bits": bits,
                "kbps": bits * model.values_per_second / 1000.0,
                "spectral_rmse": float(np.mean(errors)),
            }
        )
    return pd.DataFrame(rows)

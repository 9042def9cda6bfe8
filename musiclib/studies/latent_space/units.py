"""Single latent values: what they follow, what they add to a sound, and which music drives them."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy.stats import spearmanr

from musiclib.latents.projection import Array
from musiclib.models.frames import FrameAutoencoder
from musiclib.models.losses import DB_PER_NEPER
from musiclib.studies.latent_space.material import MAIN, PIECE_S, Material
from musiclib.studies.latent_space.truth import TARGETS, of_pieces

PLACES: Final = (-2.0, 2.0)


def unit_means(found: Material, space: str = MAIN) -> Array:
    """Mean of each latent value over each piece, `(N, C)`, pieces in the order of the tracks."""
    one = found.spaces[space]
    means: Array = one.pieces.values[:, : one.found.channels].astype(np.float64)
    return means


def correlations(found: Material, space: str = MAIN) -> pd.DataFrame:
    """Rank correlation of each value's mean with each fact, over the training pieces.

    Args:
        found: The material.
        space: A space of latents.

    Returns:
        A row a value, counted from 1; a column a fact. 0 where one of the two never varies.
    """
    facts = of_pieces(found.facts, PIECE_S)
    means = unit_means(found, space)
    training = (found.spaces[space].pieces.rows["split"] != "test").to_numpy()
    table = pd.DataFrame(index=range(1, means.shape[1] + 1), columns=list(TARGETS), dtype=float)
    for unit in table.index:
        for target in TARGETS:
            own, other = means[training, unit - 1], facts.loc[training, target].to_numpy()
            varies = np.ptp(own) > 0.0 and np.ptp(other) > 0.0
            table.loc[unit, target] = float(spearmanr(own, other)[0]) if varies else 0.0
    return table.rename_axis("Value")


def follows(table: pd.DataFrame, unit: int) -> tuple[str, float]:
    """The fact that a value follows most closely, and its rank correlation.

    Args:
        table: Result of :func:`correlations`.
        unit: A value, counted from 1.

    Returns:
        A key of the facts and the correlation of either sign.
    """
    row = table.loc[unit]
    target = str(row.abs().idxmax())
    return target, float(row[target])


def strongest(found: Material, count: int = 4, space: str = MAIN) -> list[int]:
    """The values that move the decoded spectrum most, counted from 1, the strongest first."""
    _, added = added_spectra(found, range(1, found.spaces[space].found.channels + 1), space=space)
    reach = np.sqrt(np.square(added).mean(axis=(1, 2)))
    return [int(unit) + 1 for unit in np.argsort(-reach, kind="stable")[:count]]


def added_spectra(
    found: Material, units: Sequence[int], places: Sequence[float] = PLACES, space: str = MAIN
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """What the decoder adds as one value leaves its mean and the others stay.

    Args:
        found: The material.
        units: Values, counted from 1.
        places: Where to, in standard deviations over the training frames.
        space: Latents of a model of spectral frames.

    Returns:
        Frequencies in Hz, `(F,)`, and differences of level to the mean frame in dB,
        `(units, places, F)`.

    Raises:
        TypeError: The model is not one of spectral frames.
    """
    sequences = found.spaces[space].found
    model = getattr(sequences.representation, "model", None)
    if not isinstance(model, FrameAutoencoder):
        raise TypeError(f"{space} holds no latents of a model of spectral frames")
    ids = found.tracks.index[found.training]
    frames = np.concatenate([sequences[track_id] for track_id in ids], axis=1)
    centre, spread = frames.mean(axis=1), frames.std(axis=1)
    moved = np.tile(centre, (len(units), len(places) + 1, 1))
    for row, unit in enumerate(units):
        moved[row, 1:, unit - 1] += spread[unit - 1] * np.asarray(places, dtype=np.float32)
    with torch.inference_mode():
        rows = torch.from_numpy(moved.reshape(-1, len(centre), 1)).float()
        logs = model.spectrogram.denormalise(model.decode(rows, 1))[..., 0] * DB_PER_NEPER
    levels = logs.double().numpy().reshape(len(units), len(places) + 1, -1)
    hertz = np.linspace(0.0, sequences.representation.sample_rate / 2, levels.shape[2])
    return hertz, levels[:, 1:] - levels[:, :1]


def driving_tracks(found: Material, units: Sequence[int], space: str = MAIN) -> pd.DataFrame:
    """Training tracks in which a value is lowest and highest on average.

    Args:
        found: The material.
        units: Values, counted from 1.
        space: A space of latents.

    Returns:
        A row a value: `Lowest` and `Highest`, a track each, with its genre.
    """
    pieces = found.spaces[space].pieces
    means = pd.DataFrame(unit_means(found, space)).groupby(pieces.rows["track_id"]).mean()
    training = means.loc[found.tracks.index[found.training]]
    rows = {}
    for unit in units:
        order = training[unit - 1].sort_values().index
        rows[f"Value {unit}"] = {
            "Lowest": _named(found, order[0]),
            "Highest": _named(found, order[-1]),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def extreme_pieces(
    found: Material, unit: int, space: str = MAIN
) -> tuple[tuple[str, float], tuple[str, float]]:
    """Test pieces in which a value is lowest and highest: track and start in seconds of each."""
    rows = found.spaces[space].pieces.rows
    test = (rows["split"] == "test").to_numpy()
    means = unit_means(found, space)[test, unit - 1]
    part = rows[test]
    low, high = (part.iloc[int(place)] for place in (means.argmin(), means.argmax()))
    return (
        (str(low["track_id"]), float(low["start_s"])),
        (str(high["track_id"]), float(high["start_s"])),
    )


def _named(found: Material, track_id: str) -> str:
    row = found.tracks.loc[track_id]
    name = shorten(str(row["title"]).strip() or track_id, 30, placeholder=" …")
    return f"{name} ({shorten(str(row['genre']).replace('_', ' '), 16, placeholder=' …')})"

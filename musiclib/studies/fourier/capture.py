"""How much of real music a bank captures, and what the model loses without its filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from musiclib.audio import FloatArray
from musiclib.models.waveform import WaveformAutoencoder
from musiclib.stats import Interval, mean_interval
from musiclib.studies.fourier.banks import Bank, normalised

Frames = Sequence[npt.NDArray[np.float64]]


def greedy_order(bank: Bank, products: npt.NDArray[np.float64]) -> list[int]:
    """Order of a bank's filters in which each adds most energy to what the ones before capture.

    Args:
        bank: The filters.
        products: Covariance of the frames to choose by, from
            :func:`musiclib.studies.fourier.banks.covariance`.

    Returns:
        Indices; filters that add no dimension to the span are left out.
    """
    rest = normalised(bank)
    weighted = rest @ products
    order: list[int] = []
    while len(order) < len(bank):
        norms = np.sum(rest**2, axis=1)
        free = norms > 1e-9
        free[order] = False
        if not free.any():
            break
        gains = np.where(free, np.sum(weighted * rest, axis=1), -np.inf)
        gains[free] /= norms[free]
        index = int(gains.argmax())
        order.append(index)
        unit = rest[index] / np.sqrt(norms[index])
        along, seen = rest @ unit, unit @ products
        rest = rest - along[:, None] * unit
        weighted = weighted - along[:, None] * seen
    return order


def captured(bank: Bank, clips: Frames, order: Sequence[int]) -> npt.NDArray[np.float64]:
    """Share of each clip's energy that lies in the span of the first filters of an order.

    Args:
        bank: The filters.
        clips: Frames of each clip, ``(frames, kernel)``.
        order: Indices of filters.

    Returns:
        Shape ``(len(clips), len(order))``: for 1, 2, ... filters, rising along each row.
    """
    basis, _ = np.linalg.qr(normalised(bank)[list(order)].T)
    shares = [
        np.cumsum(np.sum((rows @ basis) ** 2, axis=0)) / max(float(np.sum(rows**2)), 1e-30)
        for rows in clips
    ]
    return np.array(shares)


def capture_curves(
    banks: Mapping[str, Bank], chosen_on: npt.NDArray[np.float64], clips: Frames
) -> dict[str, npt.NDArray[np.float64]]:
    """Captured energy of each bank, its filters chosen on other music than it is measured on.

    Args:
        banks: Banks by name.
        chosen_on: Covariance of frames of other clips.
        clips: Frames of the clips to measure.

    Returns:
        Result of :func:`captured` by name.
    """
    return {
        name: captured(bank, clips, greedy_order(bank, chosen_on)) for name, bank in banks.items()
    }


def capture_table(
    curves: Mapping[str, npt.NDArray[np.float64]], sizes: Sequence[int]
) -> pd.DataFrame:
    """Mean captured energy in percent for some numbers of filters.

    Args:
        curves: From :func:`capture_curves`.
        sizes: Numbers of filters.

    Returns:
        Intervals, banks as rows and sizes as columns. A bank with fewer dimensions shows what all
        of them capture.
    """
    return pd.DataFrame(
        {
            size: {
                name: mean_interval(100.0 * at_size(curve, size)) for name, curve in curves.items()
            }
            for size in sizes
        }
    )


def at_size(curve: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """Captured share of each clip for a number of filters, or for all there are."""
    return np.asarray(curve[:, min(size, curve.shape[1]) - 1])


def capture_difference(
    curves: Mapping[str, npt.NDArray[np.float64]], first: str, second: str, size: int
) -> Interval:
    """Captured energy of one bank minus that of another, in percentage points over clips."""
    return mean_interval(100.0 * (at_size(curves[first], size) - at_size(curves[second], size)))


def with_filters(model: WaveformAutoencoder, filters: npt.ArrayLike) -> dict[str, Tensor]:
    """The model's weights with another first layer.

    Args:
        model: The model; it is left as it is.
        filters: Shape ``(filters, kernel)``.

    Returns:
        A state dictionary.
    """
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    given = torch.as_tensor(np.asarray(filters), dtype=torch.float32)
    weights["analysis.weight"] = given[:, None]
    return weights


def with_other_filters(
    model: WaveformAutoencoder,
    filters: Mapping[str, npt.ArrayLike],
    clips: Sequence[FloatArray],
) -> dict[str, pd.DataFrame]:
    """Reconstruction of clips by the model with other filters in its first layer.

    Nothing is trained again, so what gets worse is what the rest of the model had used.

    Args:
        model: A trained model; it ends with its own weights.
        filters: First layers by name.
        clips: Samples ``(N,)``.

    Returns:
        "noise" (noise-to-signal ratio in dB) and "log_spectral" (distance in dB, as in training),
        lower is better in both: clips as rows, names as columns.
    """
    own = {name: value.clone() for name, value in model.state_dict().items()}
    found: dict[str, dict[str, list[float]]] = {"noise": {}, "log_spectral": {}}
    try:
        for name, bank in filters.items():
            model.load_state_dict(with_filters(model, bank))
            with torch.no_grad():
                terms = [
                    model.evaluation_step(torch.from_numpy(clip)[None]).terms for clip in clips
                ]
            found["noise"][name] = [float(term["noise_to_signal_db"]) for term in terms]
            found["log_spectral"][name] = [float(term["log_spectral_db"]) for term in terms]
    finally:
        model.load_state_dict(own)
    return {key: pd.DataFrame(columns) for key, columns in found.items()}

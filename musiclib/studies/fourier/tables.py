"""Tables of the chapter on Fourier."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from musiclib.studies.fourier.findings import MINUS, shown, worse


def sinusoids(numbers: pd.DataFrame) -> pd.DataFrame:
    """For the page: :func:`musiclib.studies.fourier.portrait.sinusoid_table`."""
    return pd.DataFrame(
        {
            "Sinusoid's share (%)": [shown(value) for value in numbers["share"]],
            "Bandwidth (Hz)": [f"{value:,.0f}" for value in numbers["spread_hz"]],
            "In quadrature (%)": [f"{value:.0f}" for value in numbers["pairs"]],
            "Effective rank": [f"{value:.0f}" for value in numbers["rank"]],
        },
        index=list(numbers.index),
    )


def scales(numbers: pd.DataFrame) -> pd.DataFrame:
    """For the page: :func:`musiclib.studies.fourier.portrait.scale_table`."""
    return pd.DataFrame(
        {
            "Middle 80 % (Hz)": [
                f"{low:,.0f} to {high:,.0f}"
                for low, high in zip(numbers["low_hz"], numbers["high_hz"], strict=True)
            ],
            "Misfit even (Hz)": [f"{value:,.0f}" for value in numbers["even_hz"]],
            "Misfit mel (Hz)": [f"{value:,.0f}" for value in numbers["mel_hz"]],
            "Mel over even (bits)": [shown(value, 2, True) for value in numbers["mel_bits"]],
            "Bandwidth's exponent": [shown(value, 2, True) for value in numbers["exponent"]],
        },
        index=list(numbers.index),
    )


def energy(numbers: pd.DataFrame, highs: pd.DataFrame, hertz: float) -> pd.DataFrame:
    """Captured energy, for the page.

    Args:
        numbers: From :func:`musiclib.studies.fourier.capture.capture_table`.
        highs: The same, one column, for music above a frequency.
        hertz: That frequency.
    """
    table = numbers.map(shown)
    table.columns = [f"{size} filters (%)" for size in numbers.columns]
    table[f"{highs.columns[0]}, music above {hertz:,.0f} Hz (%)"] = highs.iloc[:, 0].map(shown)
    return table


def replaced(found: Mapping[str, pd.DataFrame], own: str) -> pd.DataFrame:
    """The model with other filters, for the page.

    Args:
        found: From :func:`musiclib.studies.fourier.capture.with_other_filters`.
        own: Name of the column with the model's own filters.

    Returns:
        A row for each first layer: both measures, and how much each got worse against ``own``.
    """
    labels = {"noise": "Noise to signal (dB)", "log_spectral": "Log-spectral distance (dB)"}
    columns: dict[str, list[str]] = {}
    for key, label in labels.items():
        table = found[key]
        columns[label] = [f"{table[name].mean():.2f}".replace("-", MINUS) for name in table.columns]
        columns[f"{'Noise' if key == 'noise' else 'Distance'} worse by (dB)"] = [
            "–" if name == own else shown(worse(found, key, name, own), 2, True)
            for name in table.columns
        ]
    return pd.DataFrame(columns, index=list(found["noise"].columns))


def models(numbers: pd.DataFrame) -> pd.DataFrame:
    """For the page: :func:`musiclib.studies.fourier.findings.model_table`."""
    return pd.DataFrame(
        {
            "New energy (%)": [f"{value:.0f}" for value in numbers["new"]],
            "Sinusoid after (%)": [shown(value) for value in numbers["after"]],
            "In the change (%)": [shown(value) for value in numbers["change"]],
            "Middle 80 % of the change (Hz)": [
                f"{low:,.0f} to {high:,.0f}"
                for low, high in zip(numbers["low_hz"], numbers["high_hz"], strict=True)
            ],
            "Its effective rank": [f"{value:.0f}" for value in numbers["rank"]],
        },
        index=[", ".join(key) for key in numbers.index],
    )

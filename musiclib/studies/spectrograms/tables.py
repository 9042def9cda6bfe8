"""Tables of the chapter on spectrograms, for the page."""

import numpy as np
import pandas as pd

from musiclib.figures import with_values

COLUMN_LABELS = {
    "error_db": "error (dB)",
    "values_per_sample": "values a sample",
    "values_per_frame": "values a frame",
    "main_lobe_bins": "main lobe (bins)",
    "highest_side_lobe_db": "highest side lobe (dB)",
    "far_side_lobe_db": "beyond 50 bins (dB)",
    "noise_bandwidth_bins": "noise bandwidth (bins)",
    "own_lsd": "LSD, own phases (dB)",
    "own_mos": "MOS, own phases",
    "found_lsd": "LSD, found phases (dB)",
    "found_mos": "MOS, found phases",
    "spectral_convergence_db": "spectral convergence (dB)",
    "log_spectral_distance": "LSD (dB)",
    "si_sdr": "SI-SDR (dB)",
    "zimtohrli_mos": "MOS",
    "kept_mos": "MOS, 5 % kept",
    "kept_si_sdr": "SI-SDR, 5 % kept (dB)",
    "rebuilt_mos": "MOS, phase rebuilt",
    "rebuilt_lsd": "LSD, phase rebuilt (dB)",
    "values_24k": "values a sample, 24 kHz",
    "values_24k_raised": "the same, highs raised",
    "values_8k": "values a sample, 8 kHz",
}
"""Headings of the chapter's tables."""


def readable(table: pd.DataFrame, digits: int = 2) -> pd.DataFrame:
    """A table with headings in words and rounded values.

    Args:
        table: Any table of the chapter's experiments.
        digits: Decimals; with 0, whole numbers where all are finite.

    Returns:
        A copy for the page. The name of its rows stands in the line of the headings.
    """
    values = table.rename(columns=COLUMN_LABELS).rename_axis(
        index=None, columns=COLUMN_LABELS.get(table.index.name, table.index.name)
    )
    shown = with_values(values.round(digits), values)
    if digits > 0:
        return shown
    # A perfect copy has an error of minus infinity, which no whole number stands for.
    finite = [name for name in shown if np.isfinite(shown[name]).all()]
    return shown.astype(dict.fromkeys(finite, int))

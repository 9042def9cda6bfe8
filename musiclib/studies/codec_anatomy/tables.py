"""Tables of the chapter."""

from __future__ import annotations

import pandas as pd

from musiclib.figures import with_values
from musiclib.studies.codec_anatomy.filemap import file_map
from musiclib.studies.codec_anatomy.learning import Learned

_MINUS = "\N{MINUS SIGN}"


def signed(value: float, digits: int = 2) -> str:
    """A difference with its sign."""
    return f"{value:+.{digits}f}".replace("-", _MINUS)


def smoothing(found: pd.DataFrame) -> pd.DataFrame:
    """Bits and quality for each smoothing.

    Args:
        found: From :func:`musiclib.studies.codec_anatomy.smoothing.smoothing_table`, one clip.

    Returns:
        One row for each bitrate and smoothing.
    """
    names = {
        "kbps": "wanted kbps",
        "smoothing": "smoothing",
        "changes": "changes a second",
        "levels": "levels (kbps)",
        "coefficients": "coefficients (kbps)",
        "zimtohrli_mos": "MOS",
    }
    ordered = found.sort_values(["kbps", "smoothing"])[list(names)].rename(columns=names)
    shown = pd.DataFrame(
        {
            "wanted kbps": ordered["wanted kbps"].map("{:g}".format),
            "smoothing": ordered["smoothing"].map("{:g}".format),
            "changes a second": ordered["changes a second"].map("{:,.0f}".format),
            "levels (kbps)": ordered["levels (kbps)"].map("{:.2f}".format),
            "coefficients (kbps)": ordered["coefficients (kbps)"].map("{:.2f}".format),
            "MOS": ordered["MOS"].map("{:.2f}".format),
        }
    )
    return with_values(shown.set_index("wanted kbps"), ordered.set_index("wanted kbps"))


def repairs(found: pd.DataFrame) -> pd.DataFrame:
    """Quality of a clip with the network and without it.

    Args:
        found: The table of :class:`musiclib.studies.codec_anatomy.repairing.Versions`.

    Returns:
        One row for each bitrate and system.
    """
    names = {"zimtohrli_mos": "MOS", "log_spectral_distance": "LSD (dB)", "si_sdr": "SI-SDR (dB)"}
    shown = pd.DataFrame({"decoder": found["system"], "kbps": found["kbps"].map("{:.3f}".format)})
    for column, title in names.items():
        shown[title] = found[column].map(lambda value: f"{value:.2f}".replace("-", _MINUS))
    wanted = found["wanted"].map("{:g} kbps".format).rename(None)
    values = found[["system", "kbps", *names]].rename(columns={"system": "decoder", **names})
    return with_values(shown.set_index(wanted), values.set_index(wanted))


def pieces(data: bytes) -> pd.DataFrame:
    """What lies where in a mono file."""
    table = file_map(data)
    shown = pd.DataFrame(
        {
            "first byte": table["start"].map("{:,}".format),
            "bytes": table["size"].map("{:,}".format),
            "part": table["kind"],
            "what it says": table["words"],
        }
    )
    return with_values(shown.set_index("first byte"), table.set_index("start"))


def learned(facts: Learned) -> pd.DataFrame:
    """What the model consists of, and where it comes from."""
    table_music = (
        f"{facts.table_music_hours:.1f} h in {facts.table_segments:,} segments"
        if facts.table_segments
        else "not recorded"
    )
    rows = {
        "learned numbers": (f"{facts.contexts:,}", f"{facts.weights:,}"),
        "file": (f"{facts.table_mb:.1f} MB", f"{facts.file_mb:.1f} MB"),
        "music": (table_music, f"{facts.music_hours:.1f} h in {facts.pieces:,} pieces"),
        "data set": (facts.table_dataset, facts.dataset),
        "training": (
            "one pass",
            f"{facts.steps:,} steps of {facts.batch} × {facts.segment_s:g} s",
        ),
        "time": ("", f"{facts.hours:.1f} h on one {facts.device.upper()}"),
        "goes on learning": ("while coding", "no"),
    }
    columns = ["entropy coder's tables", "restoring network"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

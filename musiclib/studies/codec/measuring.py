"""Files of all codecs, measured: at their own settings, and at the bytes of each rival's file."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from musiclib.codecs import Codec
from musiclib.datasets import Clip
from musiclib.errors import CodecError
from musiclib.metrics import METRICS, bitrate_kbps
from musiclib.studies.clip_intervals import clip_difference
from musiclib.studies.codec.plan import MELIC, PLAIN
from musiclib.studies.rate_tables import measure_clip

QUALITY_METRICS = ("zimtohrli_mos", "log_spectral_distance", "spectral_rmse", "si_sdr")

Make = Callable[[float], Codec]


@dataclass(frozen=True)
class Measured:
    """What was measured of every clip.

    Attributes:
        table: One row for each clip and codec setting, from
            `musiclib.studies.rate_tables.rate_distortion`; the codec decoded without its network is
            the codec `network-free`.
        pairs: One row for each clip and rival: `track_id`, `genre`, `rival` (its label),
            `rival_codec`, `n_bytes` and `kbps` of Melic's file and each metric, and
            the same of the rival's as `rival_n_bytes` and so on.
        refused: What Melic could not do, a sentence each: a short clip has a lowest
            bitrate. The tables have no rows for these.
    """

    table: pd.DataFrame
    pairs: pd.DataFrame
    refused: list[str]


def measure(
    clips: Iterable[Clip],
    kbps: Sequence[float],
    rivals: Sequence[Codec],
    neural: Make,
    plain: Make | None = None,
    plain_kbps: Sequence[float] = (),
    metrics: Sequence[str] = QUALITY_METRICS,
    workers: int = 1,
) -> Measured:
    """Encode, decode and measure every clip with every codec.

    Args:
        clips: Mono clips.
        kbps: Bitrates of Melic.
        rivals: Other codecs with their settings. Melic is given the bitrate of each of
            their files as well.
        neural: Makes Melic for a bitrate; with several workers it has to be picklable.
        plain: The same for the codec without its network, if it is wanted.
        plain_kbps: Its bitrates.
        metrics: Keys of :data:`musiclib.metrics.METRICS`.
        workers: Processes; each uses one thread.
    """
    work = (clips, kbps, rivals, neural, plain, plain_kbps, metrics)
    found = _each(work, workers)
    for problem in (problem for one in found for problem in one.problems):
        warnings.warn(problem, stacklevel=2)
    return Measured(
        pd.DataFrame([row for one in found for row in one.rows]),
        pd.DataFrame([pair for one in found for pair in one.pairs]),
        [sentence for one in found for sentence in one.refused],
    )


@dataclass
class One:
    """What was measured of one clip: rows for :class:`Measured`, and what has no value."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    pairs: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def take(self, clip: Clip, codec: Codec, metrics: Sequence[str]) -> dict[str, Any] | None:
        """Measure a codec that may refuse a bitrate; return its row, or nothing."""
        try:
            (row,), problems = measure_clip(clip, [codec], metrics)
        except CodecError as error:
            self.refused.append(str(error))
            return None
        self.problems += problems
        return row


def _each(work: tuple[Any, ...], workers: int) -> list[One]:
    clips, *rest = work
    if workers == 1:
        return [measure_one(clip, *rest) for clip in clips]
    from joblib import Parallel, delayed, parallel_config

    with parallel_config(backend="loky", inner_max_num_threads=1):
        found = Parallel(n_jobs=workers)(delayed(measure_one)(clip, *rest) for clip in clips)
    return list(found)


def measure_one(
    clip: Clip,
    kbps: Sequence[float],
    rivals: Sequence[Codec],
    neural: Make,
    plain: Make | None,
    plain_kbps: Sequence[float],
    metrics: Sequence[str],
) -> One:
    """Measure one clip; the arguments are those of :func:`measure`."""
    found = One()
    for rate in kbps:
        if row := found.take(clip, neural(rate), metrics):
            found.rows.append(row | {"codec": MELIC})
    for rate in plain_kbps if plain else ():
        if plain and (row := found.take(clip, plain(rate), metrics)):
            found.rows.append(row | {"codec": PLAIN})
    theirs, problems = measure_clip(clip, rivals, metrics)
    found.problems += problems
    found.rows += theirs
    for rival in theirs:
        codec = neural(bitrate_kbps(rival["n_bytes"], rival["seconds"]))
        row = found.take(clip, codec, metrics)
        if row is None:
            continue
        pair = {
            "track_id": clip.track_id,
            "genre": clip.genre,
            "rival": rival["label"],
            "rival_codec": rival["codec"],
        }
        for name in ("n_bytes", "kbps", *metrics):
            pair |= {name: row[name], f"rival_{name}": rival[name]}
        found.pairs.append(pair)
    return found


def differences(
    pairs: pd.DataFrame, metrics: Sequence[str] = QUALITY_METRICS, seed: int = 0
) -> pd.DataFrame:
    """Paired differences at equal bytes, Melic's value less the rival's.

    Args:
        pairs: Of :class:`Measured`, or some of its rows.
        metrics: Metrics of the table.
        seed: Of the bootstrap.

    Returns:
        One row for each rival by its own bitrate within its codec: `rival`, `rival_codec`,
        `clips`, `kbps`, `rival_kbps` (means), and for each metric an
        :class:`~musiclib.metrics.Interval` of the difference and in `<metric>_verdict` `better`,
        `worse` or `open`, as all, none or some of the interval is on the better side.
    """
    rows = []
    for (codec, rival), part in pairs.groupby(["rival_codec", "rival"], sort=False):
        row: dict[str, object] = {
            "rival": rival,
            "rival_codec": codec,
            "clips": len(part),
            "kbps": part["kbps"].mean(),
            "rival_kbps": part["rival_kbps"].mean(),
        }
        for name in metrics:
            known = part[[name, f"rival_{name}"]].dropna()
            sign = 1.0 if METRICS[name].higher_is_better else -1.0
            found = clip_difference(
                known[name].to_numpy(), known[f"rival_{name}"].to_numpy(), seed=seed
            )
            ends = sign * np.array([found.low, found.high])
            row[name] = found
            row[f"{name}_verdict"] = (
                "better" if ends.min() > 0.0 else "worse" if ends.max() < 0.0 else "open"
            )
        rows.append(row)
    return pd.DataFrame(rows)

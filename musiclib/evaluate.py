"""Rate-distortion tables: codecs x clips, bitrates from real bytes, quality by several measures."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd

from musiclib.audio import FloatArray, resample, validate
from musiclib.codecs import CODEC_TITLES, Codec
from musiclib.errors import AudioError, MusiclibError
from musiclib.metrics import METRICS, Interval, bitrate_kbps, bootstrap_interval

DEFAULT_METRICS = ("log_spectral_distance", "si_sdr", "zimtohrli_mos")
LENGTH_TOLERANCE_S = 0.1

# One clip's rows, and what could not be measured.
Rows = tuple[list[dict[str, Any]], list[str]]


class ClipLike(Protocol):
    """What a clip needs; `musiclib.datasets.Clip` has it."""

    @property
    def track_id(self) -> str:
        """Key of the track."""

    @property
    def genre(self) -> str:
        """Its genre."""

    @property
    def audio(self) -> FloatArray:
        """Samples, mono `(N,)`."""

    @property
    def sample_rate(self) -> int:
        """Sampling rate in Hz."""


def align(
    decoded: FloatArray, decoded_rate: int, reference: FloatArray, sample_rate: int
) -> FloatArray:
    """Bring decoded audio to the rate and length of its reference.

    Nothing is searched: a codec has to declare its delay, and its `decode` has removed it. So the
    first samples of both belong together, and only the end is cut or filled with silence.

    Args:
        decoded: Result of a codec's `decode`, `(M,)` or `(C, M)`.
        decoded_rate: Its sampling rate in Hz.
        reference: What was encoded, `(N,)` or `(C, N)`.
        sample_rate: Its sampling rate in Hz.

    Returns:
        Decoded audio of the reference's shape, at `sample_rate`.

    Raises:
        AudioError: If the numbers of channels differ, or the durations by more than 0.1 s, so
            that these cannot be the same clip.
    """
    target = validate(reference, "reference")
    audio = resample(validate(decoded, "decoded"), decoded_rate, sample_rate)
    if audio.ndim != target.ndim or audio.shape[:-1] != target.shape[:-1]:
        raise AudioError(
            f"The decoded audio has shape {audio.shape} and the reference {target.shape}: "
            "bring both to the same channels first (musiclib.audio.to_mono)."
        )
    missing = target.shape[-1] - audio.shape[-1]
    if abs(missing) > LENGTH_TOLERANCE_S * sample_rate + 1:
        raise AudioError(
            f"The decoded audio lasts {audio.shape[-1] / sample_rate:.3f} s and the reference "
            f"{target.shape[-1] / sample_rate:.3f} s: they are not the same clip, or the codec "
            "does not declare its length."
        )
    if missing > 0:
        audio = np.pad(audio, [(0, 0)] * (audio.ndim - 1) + [(0, missing)])
    return np.ascontiguousarray(audio[..., : target.shape[-1]])


def rate_distortion(
    codecs: Sequence[Codec],
    clips: Iterable[ClipLike],
    metrics: Sequence[str] = DEFAULT_METRICS,
    workers: int = 1,
    progress: bool = False,
    total: int | None = None,
) -> pd.DataFrame:
    """Encode, decode and measure every clip with every codec.

    Clips are taken one after the other as they are needed, so a generator of many clips needs
    little memory. The result does not depend on the number of workers, but for rounding in the last
    digits of a metric.

    Args:
        codecs: Codecs with their settings.
        clips: Mono clips, for example `dataset.part("test").clips(duration_s=10)`.
        metrics: Keys of `musiclib.metrics.METRICS`.
        workers: Processes; each uses one thread.
        progress: Whether to show a progress bar on standard error.
        total: Number of clips for the progress bar, if known.

    Returns:
        One row for each clip and codec: `track_id`, `genre`, `codec`, `setting`, `label`,
        `n_bytes` (of the whole file), `seconds` (of the reference), `kbps`, and a column for each
        metric. Where a metric is not defined (SI-SDR of a silent clip) the value is NaN, and a
        warning says why.

    Raises:
        MusiclibError: If there are no codecs or clips, or a metric is unknown.
        CodecError: If a codec cannot code a clip at its setting.
    """
    codecs, metrics = list(codecs), list(metrics)
    if not codecs:
        raise MusiclibError("There are no codecs to compare. Name at least one.")
    for name in metrics:
        if name not in METRICS:
            raise MusiclibError(f"There is no metric {name!r}. Use some of: {', '.join(METRICS)}.")
    rows: list[dict[str, Any]] = []
    for measured, problems in _bar(_measured(codecs, clips, metrics, workers), progress, total):
        rows.extend(measured)
        for problem in problems:
            warnings.warn(problem, stacklevel=2)
    if not rows:
        raise MusiclibError("There are no clips to measure. Check the data set or the files.")
    return pd.DataFrame(rows)


def _measured(
    codecs: list[Codec], clips: Iterable[ClipLike], metrics: list[str], workers: int
) -> Iterator[Rows]:
    if workers == 1:
        yield from (measure_clip(clip, codecs, metrics) for clip in clips)
        return
    from joblib import Parallel, delayed, parallel_config

    with parallel_config(backend="loky", inner_max_num_threads=1):
        tasks = (delayed(measure_clip)(clip, codecs, metrics) for clip in clips)
        yield from Parallel(n_jobs=workers, return_as="generator", pre_dispatch="2*n_jobs")(tasks)


def _bar(results: Iterator[Rows], progress: bool, total: int | None) -> Iterator[Rows]:
    if not progress:
        return results
    from tqdm import tqdm

    bar: Iterator[Rows] = iter(tqdm(results, total=total, unit="clip", leave=False))
    return bar


def measure_clip(clip: ClipLike, codecs: Sequence[Codec], metrics: Sequence[str]) -> Rows:
    """Measure one clip with every codec.

    Returns:
        The rows, as `rate_distortion` describes them, and a sentence for each value that is NaN.
    """
    rows: list[dict[str, Any]] = []
    problems: list[str] = []
    seconds = clip.audio.shape[-1] / clip.sample_rate
    for codec in codecs:
        data = codec.encode(clip.audio, clip.sample_rate)
        estimate = align(*codec.decode(data), clip.audio, clip.sample_rate)
        row: dict[str, Any] = {
            "track_id": clip.track_id,
            "genre": clip.genre,
            "codec": codec.name,
            "setting": codec.setting,
            "label": codec.label,
            "n_bytes": len(data),
            "seconds": seconds,
            "kbps": bitrate_kbps(len(data), seconds),
        }
        for name in metrics:
            try:
                row[name] = METRICS[name](clip.audio, estimate, clip.sample_rate)
            except AudioError as error:
                row[name] = math.nan
                problems.append(f"{clip.track_id}, {codec.label}: no {name}: {error}")
        rows.append(row)
    return rows, problems


def summarise(table: pd.DataFrame, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Average a table of `rate_distortion` over clips.

    Args:
        table: One row for each clip and codec setting.
        confidence: Coverage of the bootstrap intervals over clips.
        seed: Seed of the bootstrap.

    Returns:
        One row for each codec setting in the order of the table: `codec`, `setting`, `label`,
        `clips`, `kbps` (mean), and for each metric its mean under the metric's name and the
        interval's ends in `<metric>_low` and `<metric>_high` (NaN for a single clip). Values that
        are NaN are left out of a mean.

    Raises:
        MusiclibError: If the table is empty.
    """
    if table.empty:
        raise MusiclibError("The table is empty: there is nothing to summarise.")
    rows = []
    for (codec, setting, label), group in table.groupby(["codec", "setting", "label"], sort=False):
        row: dict[str, Any] = {
            "codec": codec,
            "setting": setting,
            "label": label,
            "clips": len(group),
            "kbps": float(group["kbps"].mean()),
        }
        for metric in (name for name in METRICS if name in table):
            values = group[metric].dropna().to_numpy(np.float64)
            interval = (
                bootstrap_interval(values, confidence, seed)
                if len(values)
                else Interval(math.nan, math.nan, math.nan, 0)
            )
            row[metric] = interval.mean
            row[f"{metric}_low"], row[f"{metric}_high"] = interval.low, interval.high
        rows.append(row)
    return pd.DataFrame(rows)


def to_text(table: pd.DataFrame) -> str:
    """Set a table of `summarise` or of `rate_distortion` in columns for reading."""
    shown = pd.DataFrame(index=table.index)
    if "track_id" in table:
        shown["clip"] = table["track_id"]
        shown["genre"] = table["genre"]
    shown["codec"] = table["codec"].map(lambda name: CODEC_TITLES.get(name, name))
    shown["setting"] = table["setting"]
    if "clips" in table:
        shown["clips"] = table["clips"].astype(str)
    if "n_bytes" in table:
        shown["bytes"] = table["n_bytes"].astype(str)
    shown["kbps"] = table["kbps"].map(lambda value: f"{value:.2f}")
    for name in (name for name in METRICS if name in table):
        shown[METRICS[name].axis_label] = _cells(table, name)
    text: str = shown.to_string(index=False)
    return text


def _cells(table: pd.DataFrame, metric: str) -> list[str]:
    if f"{metric}_low" not in table:
        return ["-" if math.isnan(value) else f"{value:.2f}" for value in table[metric]]
    columns = [table[metric], table[f"{metric}_low"], table[f"{metric}_high"], table["clips"]]
    return [
        "-" if math.isnan(mean) else format(Interval(mean, low, high, n), ".2f")
        for mean, low, high, n in zip(*columns, strict=True)
    ]


def to_csv(table: pd.DataFrame) -> str:
    """Set a table as CSV with a header, at full precision; what is not defined is left empty."""
    text: str = table.to_csv(index=False, lineterminator="\n")
    return text


def to_json(table: pd.DataFrame) -> str:
    """Set a table as a JSON list of objects; what is not defined is null."""
    text: str = table.to_json(orient="records", indent=2, double_precision=10)
    return text + "\n"

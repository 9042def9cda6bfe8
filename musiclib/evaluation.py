"""The verb `evaluate`: every codec on every clip by every metric, in one tidy table.

A codec gets a whole clip and returns the bytes of a file; bitrates are the length of those bytes.
Means, intervals and comparisons of the table are the business of `musiclib.stats`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from musiclib.audio import HOUSE_RATE, FloatArray, load, probe, resample, validate
from musiclib.codecs import parse_codecs, payload_bytes
from musiclib.codecs.base import Codec
from musiclib.datasets import UNKNOWN, Clip, Dataset
from musiclib.errors import AudioError, BitstreamError, MusiclibError
from musiclib.evidence import Tolerance
from musiclib.metrics import METRICS, bitrate_kbps

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_METRICS = ("zimtohrli_mos", "si_sdr", "log_spectral_distance")
COLUMNS = (
    *("codec", "system", "setting", "clip", "artist", "genre"),
    *("seconds", "file_bytes", "payload_bytes", "kbps", "metric", "value", "reason"),
)
LENGTH_TOLERANCE_S = 0.1
TOLERANCE = {
    **dict.fromkeys(("file_bytes", "payload_bytes"), Tolerance(absolute=4, relative=0.005)),
    "kbps": Tolerance(absolute=0.01, relative=0.005),
    "*_mos": Tolerance(absolute=0.01),
    "two_f_mushra": Tolerance(absolute=0.2),
    # Below zero, where the decoder made up the phase, it hangs on the last digits of samples.
    "si_sdr": Tolerance(absolute=0.05, relative=0.03),
    "log_spectral_distance": Tolerance(absolute=0.01),
    "spectral_rmse": Tolerance(absolute=0.001),
}
"""How far values of another machine may lie apart, for kept tables. Between processors with AVX-512
and with AVX2 alone no byte differed, predicted quality by less than 0.001, and SI-SDR by nothing
but for decoders that make up the phase (1 dB at -57 dB)."""

Codecs = str | Codec | Iterable[str | Codec] | Mapping[str, str | Codec]
Clips = Dataset | Clip | str | Path | Iterable[Clip | str | Path]


def evaluate(
    codecs: Codecs,
    clips: Clips,
    metrics: str | Iterable[str] = DEFAULT_METRICS,
    *,
    excerpt_s: float | Mapping[str, float] | None = None,
    sample_rate: int = HOUSE_RATE,
    workers: int = 1,
    progress: bool = False,
) -> pd.DataFrame:
    """Encode, decode and measure every clip with every codec.

    >>> import musiclib as ml
    >>> table = ml.evaluate("opus:12,24", "song.flac", ["si_sdr"])
    >>> table[["system", "setting", "metric"]]
      system  setting  metric
    0   Opus  12 kbps  si_sdr
    1   Opus  24 kbps  si_sdr

    Clips are taken one after the other as they are needed, so that many of them need little
    memory. The number of workers changes nothing but rounding in the last digits of a metric.

    Args:
        codecs: Codecs with their settings, or words for them such as `opus:6,12` (see
            `musiclib.codecs.parse_codecs`); a mapping gives systems names of its own.
        clips: A data set, mono clips, or paths of audio files, which are mixed down to mono.
        metrics: Keys of `musiclib.metrics.METRICS`.
        excerpt_s: How many seconds from the start of a clip a metric hears, for all metrics or by
            name; the whole clip by default. What is coded is the whole clip, always.
        sample_rate: Rate of data sets and files in Hz; a `Clip` keeps its own.
        workers: Processes; each uses one thread.
        progress: Whether to show a progress bar on standard error.

    Returns:
        A row for each clip, codec and metric with `COLUMNS`: `codec` is the name in the registry,
        `system` a readable one without the `setting`; `clip` the track's key, `artist` its artist
        group; `seconds` its duration; `file_bytes` the whole file, headers included, of which
        `payload_bytes` are coded audio (NaN where the format does not tell); `kbps` the bitrate of
        the whole file; `value` what the `metric` says. Where a metric is not defined, as SI-SDR of
        a silent clip, the value is NaN and `reason` says why; else `reason` is empty.

    Raises:
        MusiclibError: If there are no codecs or clips, two codecs have the same name, a metric is
            unknown, or a codec cannot code a clip; the message names both.
        AudioFileError: If a file cannot be read.
    """
    named = _named(codecs)
    heard = _heard([metrics] if isinstance(metrics, str) else list(metrics), excerpt_s)
    taken, total = _taken(clips, sample_rate)
    results = _results(named, taken, heard, workers)
    if progress:
        from tqdm import tqdm

        results = iter(tqdm(results, total=total, unit="clip", leave=False))
    rows = [row for found in results for row in found]
    if not rows:
        raise MusiclibError("There are no clips to measure. Check the data set or the files.")

    import pandas as pd

    return pd.DataFrame(rows, columns=list(COLUMNS))


def judge(
    heard: Mapping[str, float | None], clip: Clip, estimate: FloatArray
) -> list[dict[str, object]]:
    """Measure what became of a clip.

    Args:
        heard: Keys of `musiclib.metrics.METRICS` with the seconds from the start that each hears,
            None for all.
        clip: The original.
        estimate: Samples `(N,)` at its rate, aligned with it.

    Returns:
        For each its name, `metric`, and `value`; where that is NaN, `reason` says why.
    """
    said: list[dict[str, object]] = []
    for name, seconds in heard.items():
        stop = None if seconds is None else round(seconds * clip.sample_rate)
        value, reason = math.nan, ""
        try:
            value = METRICS[name](clip.audio[:stop], estimate[:stop], clip.sample_rate)
        except AudioError as error:
            reason = str(error)
        said.append({"metric": name, "value": value, "reason": reason})
    return said


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


def read_clip(
    path: str | Path,
    sample_rate: int = HOUSE_RATE,
    start_s: float = 0.0,
    duration_s: float | None = None,
) -> Clip:
    """Read an audio file, mixed down to mono; its artist is that of its tags.

    Files without the tag count as the work of one artist, since they cannot be told apart.
    """
    audio, rate = load(path, sample_rate, True, start_s, duration_s)
    tags = probe(path).tags
    artist = tags.get("artist") or UNKNOWN
    return Clip(str(path), audio, rate, UNKNOWN, artist, tags.get("title") or Path(path).stem)


Named = list[tuple[str, str, Codec]]  # system, setting, codec


def _named(codecs: Codecs) -> Named:
    """Return system, setting and codec of each."""
    if isinstance(codecs, Mapping):
        pairs = list(codecs.items())
    else:
        pairs = [("", one) for one in ([codecs] if isinstance(codecs, str | Codec) else codecs)]
    found: Named = []
    for name, one in pairs:
        for codec in parse_codecs(one) if isinstance(one, str) else [one]:
            system, setting = _names(codec)
            # A system that the caller named may have several models, so they stay in the setting.
            found.append((name, codec.setting, codec) if name else (system, setting, codec))
    if not found:
        raise MusiclibError("There are no codecs to compare. Name at least one.")
    keys = [(system, setting) for system, setting, _ in found]
    for key in keys:
        if keys.count(key) > 1:
            raise MusiclibError(
                f"Two codecs are called {' '.join(key).strip()!r}. "
                "Give them names of their own: evaluate({'first': ..., 'second': ...}, ...)."
            )
    return found


def _names(codec: Codec) -> tuple[str, str]:
    # An autoencoder is known by its model, and its setting begins with it.
    system = getattr(codec, "model_name", "") or getattr(codec, "title", codec.name)
    return system, codec.setting.removeprefix(f"{system}, ")


def _heard(
    metrics: Sequence[str], excerpt_s: float | Mapping[str, float | None] | None
) -> dict[str, float | None]:
    """Return how many seconds each metric hears, None for all."""
    if not isinstance(excerpt_s, Mapping):
        excerpt_s = dict.fromkeys(metrics, excerpt_s)
    for name in [*metrics, *excerpt_s]:
        if name not in METRICS:
            raise MusiclibError(f"There is no metric {name!r}. Use some of: {', '.join(METRICS)}.")
    heard = {name: excerpt_s.get(name) for name in metrics}
    if any(seconds is not None and seconds <= 0.0 for seconds in heard.values()):
        raise MusiclibError(f"excerpt_s must be positive, not {excerpt_s!r}.")
    return heard


def _taken(clips: Clips, sample_rate: int) -> tuple[Iterator[Clip], int | None]:
    """Return clips one by one, and their number if it is known."""
    if isinstance(clips, Dataset):
        return clips.clips(sample_rate), len(clips)
    if isinstance(clips, Clip | str | Path):
        clips = [clips]
    total = len(clips) if isinstance(clips, Sequence) else None
    return (one if isinstance(one, Clip) else read_clip(one, sample_rate) for one in clips), total


def _results(
    named: Named, clips: Iterator[Clip], heard: Mapping[str, float | None], workers: int
) -> Iterator[list[dict[str, object]]]:
    if workers == 1:
        yield from (_measured(named, clip, heard) for clip in clips)
        return
    from joblib import Parallel, delayed, parallel_config

    with parallel_config(backend="loky", inner_max_num_threads=1):
        tasks = (delayed(_measured)(named, clip, heard) for clip in clips)
        yield from Parallel(n_jobs=workers, return_as="generator", pre_dispatch="2*n_jobs")(tasks)


def _measured(
    named: Named, clip: Clip, heard: Mapping[str, float | None]
) -> list[dict[str, object]]:
    """Measure one clip with every codec."""
    rows = []
    for system, setting, codec in named:
        try:
            data = codec.encode(clip.audio, clip.sample_rate)
            estimate = align(*codec.decode(data), clip.audio, clip.sample_rate)
        except MusiclibError as error:
            raise type(error)(f"{clip.track_id}, {codec.label}: {error}") from error
        try:
            payload = float(payload_bytes(data))
        except BitstreamError:  # a codec of the caller's own
            payload = math.nan
        about = {
            "codec": codec.name,
            "system": system,
            "setting": setting,
            "clip": clip.track_id,
            "artist": clip.unit,
            "genre": clip.genre,
            "seconds": clip.seconds,
            "file_bytes": len(data),
            "payload_bytes": payload,
            "kbps": bitrate_kbps(len(data), clip.seconds),
        }
        rows += [{**about, **said} for said in judge(heard, clip, estimate)]
    return rows

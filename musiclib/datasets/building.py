"""Filling the cache: decode what is missing, several files at a time, one writer."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import joblib
import pandas as pd
from filelock import FileLock
from tqdm import tqdm

from musiclib import audio
from musiclib.datasets import store
from musiclib.datasets.cache import CACHE_VARIABLE, AudioCache, cache_folder
from musiclib.datasets.table import TracksInFolder
from musiclib.errors import AudioError, DatasetError

_MARGIN = 64 << 20  # bytes to leave free on the disk
_Job = tuple[str, int, int]  # path, size, time of modification
_Result = tuple[store.PcmArray, float] | str  # samples and step, or why there are none


def build_cache(
    dataset: TracksInFolder,
    sample_rate: int,
    workers: int | None = None,
    retry_failures: bool = False,
) -> AudioCache:
    """Decode what is missing of a data set and return its cache.

    A track is decoded again when its file's size or time of modification has changed. A
    file that fails is recorded with the reason, warned of, and not tried again until it
    changes. Two processes may ask for one cache: the second waits for the first.

    Args:
        dataset: The tracks. Parts of one data set share one cache.
        sample_rate: Rate in Hz.
        workers: Number of files decoded at a time; the number of processors by default.
            `joblib.parallel_config` decides where they run, also on a Dask cluster that
            shares the file system.
        retry_failures: Try files again that failed before.

    Raises:
        DatasetError: No track can be decoded, or the cache's disk is full.
    """
    if sample_rate < 1:
        raise DatasetError(f"the cache's sample rate is {sample_rate} Hz; it must be positive")
    folder = cache_folder(dataset, sample_rate)
    entries = _usable(dataset, store.read_index(folder), retry_failures)
    if len(entries) < len(dataset):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / ".lock"):
                entries = _usable(dataset, store.read_index(folder), retry_failures)
                _decode_missing(dataset, folder, sample_rate, entries, workers)
        except OSError as error:
            raise DatasetError(
                f"{folder}: cannot write the cache: {error}; free some space or name another "
                f"folder in {CACHE_VARIABLE}"
            ) from error
        entries = _usable(dataset, store.read_index(folder), retry_failures=False)
    good = {}
    bad = []
    for track_id, path in dataset.tracks["path"].items():
        entry = entries.get(track_id)
        if entry is None:
            bad.append((track_id, path, f"{path} changed while it was decoded; build again"))
        elif entry.error:
            bad.append((track_id, path, entry.error))
        else:
            good[track_id] = entry
    failures = pd.DataFrame(bad, columns=["track_id", "path", "reason"]).set_index("track_id")
    if not good:
        raise DatasetError(
            f"{dataset.root}: none of the {len(dataset)} tracks of {dataset.name} can be "
            f"decoded; the first: {bad[0][2]}"
        )
    if bad:
        warnings.warn(
            f"{len(bad)} of {len(dataset)} tracks of {dataset.name} cannot be decoded (listed in "
            f".failures); the first: {bad[0][2]}",
            stacklevel=3,
        )
    return AudioCache(folder, sample_rate, good, failures)


def _usable(
    dataset: TracksInFolder, index: dict[str, store.Entry], retry_failures: bool
) -> dict[str, store.Entry]:
    """Return the entries, by track, whose file is unchanged."""
    found = {}
    for track_id, path in dataset.tracks["path"].items():
        entry = index.get(path)
        if entry is None or (entry.error and retry_failures):
            continue
        if _stamp(dataset.root / path) == (entry.size, entry.mtime_ns):
            found[track_id] = entry
    return found


def _stamp(file: Path) -> tuple[int, int]:
    """Return size and time of modification; (-1, -1) for a file that is not there."""
    try:
        stat = file.stat()
    except OSError:
        return -1, -1
    return stat.st_size, stat.st_mtime_ns


def _decode_missing(
    dataset: TracksInFolder,
    folder: Path,
    sample_rate: int,
    entries: dict[str, store.Entry],
    workers: int | None,
) -> None:
    """Decode the tracks without an entry and append them."""
    todo = dataset.tracks[~dataset.tracks.index.isin(list(entries))]
    if todo.empty:
        return
    _check_space(folder, float(todo["duration_s"].sum()) * sample_rate * 2)
    jobs = [(path, *_stamp(dataset.root / path)) for path in todo["path"]]
    with (
        store.Writer(folder) as writer,
        tqdm(total=len(jobs), desc="decoding", unit="track", disable=None, leave=False) as bar,
    ):
        for (path, size, mtime_ns), result in _decoded(dataset.root, jobs, sample_rate, workers):
            if isinstance(result, str):
                writer.fail(path, size, mtime_ns, result)
            else:
                writer.add(path, size, mtime_ns, *result)
            bar.update()


def _decoded(
    root: Path, jobs: list[_Job], sample_rate: int, workers: int | None
) -> Iterator[tuple[_Job, _Result]]:
    """Decode in any order, with at most two files a worker in flight."""
    workers = min(workers or joblib.cpu_count(), len(jobs))
    parallel = joblib.Parallel(
        n_jobs=workers,
        prefer="threads",
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch="2*n_jobs",
    )
    yield from parallel(joblib.delayed(_decode)(root, job, sample_rate) for job in jobs)


def _decode(root: Path, job: _Job, sample_rate: int) -> tuple[_Job, _Result]:
    try:
        samples, _ = audio.load(root / job[0], sample_rate=sample_rate)
        return job, store.quantise(samples)
    except AudioError as error:
        return job, str(error)
    except Exception as error:
        # Decoders meet files that nobody foresaw; one of them must not end a long build.
        return job, f"{root / job[0]}: {type(error).__name__}: {error}"


def _check_space(folder: Path, needed: float) -> None:
    free = shutil.disk_usage(folder).free
    if needed + _MARGIN > free:
        raise DatasetError(
            f"the decoded audio needs {needed / 1e9:.2f} GB in {folder}, and {free / 1e9:.2f} GB "
            f"are free; free some space or name another folder in {CACHE_VARIABLE}"
        )

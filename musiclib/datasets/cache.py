"""Decoded audio, kept once and memory-mapped.

`build_cache` decodes every track of a data set to mono at one rate and appends it to one file. It
decodes only what is new or changed, several files at a time, and goes on where a build was cut off.
`AudioCache` hands out tracks and segments without decoding.

A cache is one file of 16-bit samples and one index with a line a track. Both only grow. A track's
samples are written before its line, so a line always speaks of samples that are there; a build that
is killed leaves at most a torn last line and some samples without a line, and `repair` removes
both. Readers need no lock.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import threading
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import platformdirs
from filelock import FileLock
from tqdm import tqdm

from musiclib import audio
from musiclib.audio import FloatArray
from musiclib.datasets.download import check_space
from musiclib.errors import AudioError, DatasetError
from musiclib.files import replace_file

if TYPE_CHECKING:
    import pandas as pd

    from musiclib.datasets.tracks import Dataset


CACHE_VARIABLE = "MUSICLIB_CACHE"
PcmArray = npt.NDArray[np.int16]
SAMPLE_TYPE = np.dtype("<i2")
EXACT_STEP = 2.0**-15
_AUDIO, _INDEX = "audio.s16le", "index.jsonl"
_RELEASE_BYTES = 8 << 20  # pages are handed back after so many bytes read
_Job = tuple[str, int, int]  # path, size, time of modification
_Result = tuple[PcmArray, float] | str  # samples and step, or why there are none


def cache_root() -> Path:
    """Return the folder of all caches: `MUSICLIB_CACHE`, else the user's cache folder."""
    given = os.environ.get(CACHE_VARIABLE)
    return Path(given) if given else platformdirs.user_cache_path("musiclib")


def cache_folder(dataset: Dataset, sample_rate: int) -> Path:
    """Return the folder for a data set's folder and a rate; its parts and splits share it."""
    key = hashlib.sha256(os.fsencode(dataset.root.resolve())).hexdigest()[:12]
    name = dataset.name.partition("-")[0]  # what follows names a split
    return cache_root() / "audio" / f"{name}-{key}-{sample_rate}"


class AudioCache:
    """Decoded tracks of a data set, mono, at one rate. Can be pickled and shared by threads.

    Attributes:
        sample_rate: Rate in Hz.
        folder: Where the samples lie.
        failures: Tracks without audio, with `path` and `reason`; index `track_id`.
    """

    def __init__(
        self,
        folder: Path,
        sample_rate: int,
        entries: dict[str, Entry],
        failures: pd.DataFrame,
    ) -> None:
        self.folder = folder
        self.sample_rate = sample_rate
        self.failures = failures
        self._entries = entries
        self._open()

    def _open(self) -> None:
        self._lock = threading.Lock()
        self._map: mmap.mmap | None = None
        self._read = 0

    def __getstate__(self) -> dict[str, Any]:
        hidden = ("_lock", "_map", "_read")
        return {key: value for key, value in self.__dict__.items() if key not in hidden}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, track_id: object) -> bool:
        return track_id in self._entries

    @property
    def track_ids(self) -> list[str]:
        """Tracks that have audio, in the order of the data set."""
        return list(self._entries)

    @property
    def lengths(self) -> pd.Series:
        """Number of samples of each track; index `track_id`."""
        import pandas as pd

        values = {track_id: entry.length for track_id, entry in self._entries.items()}
        return pd.Series(values, dtype=np.int64, name="length").rename_axis("track_id")

    @property
    def seconds(self) -> float:
        """Duration of all tracks together in seconds."""
        return sum(entry.length for entry in self._entries.values()) / self.sample_rate

    def length(self, track_id: str) -> int:
        """Return the number of samples of a track."""
        return self._entry(track_id).length

    def version(self, track_id: str) -> str:
        """Return a text that changes when the track's file does: its path, size and time."""
        entry = self._entry(track_id)
        return f"{entry.path}\n{entry.size}\n{entry.mtime_ns}"

    def audio(self, track_id: str) -> FloatArray:
        """Return a whole track, shape `(N,)`."""
        return self.segment(track_id, 0, self._entry(track_id).length)

    def segment(self, track_id: str, start: int, length: int) -> FloatArray:
        """Return `length` samples of a track from sample `start` on, shape `(length,)`.

        Raises:
            DatasetError: The track has no audio here, or the segment leaves the track.
        """
        entry = self._entry(track_id)
        if start < 0 or length < 0 or start + length > entry.length:
            raise DatasetError(
                f"samples {start} to {start + length} leave track {track_id!r}, "
                f"which has {entry.length}"
            )
        if length == 0:
            return np.zeros(0, dtype=np.float32)
        pcm = self._samples(entry.offset + start, length)
        return pcm.astype(np.float32) * np.float32(entry.step)

    def _entry(self, track_id: str) -> Entry:
        entry = self._entries.get(track_id)
        if entry is None:
            if track_id in self.failures.index:
                reason = self.failures.loc[track_id, "reason"]
                raise DatasetError(f"track {track_id!r} could not be decoded: {reason}")
            raise DatasetError(f"no track {track_id!r} in the cache; build it for this data set")
        return entry

    def _samples(self, start: int, length: int) -> PcmArray:
        size = SAMPLE_TYPE.itemsize
        with self._lock:
            if self._map is None:
                with (self.folder / _AUDIO).open("rb") as file:
                    self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            view = np.frombuffer(self._map, SAMPLE_TYPE, length, start * size)
            pcm = view.copy()
            self._read += length * size
            # Pages that were read count as this process's memory until they are given
            # back; the system's file cache keeps them, so nothing is read twice.
            if self._read >= _RELEASE_BYTES and hasattr(mmap, "MADV_DONTNEED"):
                self._map.madvise(mmap.MADV_DONTNEED)
                self._read = 0
        return pcm


def build_cache(
    dataset: Dataset,
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
    import pandas as pd

    if sample_rate < 1:
        raise DatasetError(f"the cache's sample rate is {sample_rate} Hz; it must be positive")
    folder = cache_folder(dataset, sample_rate)
    entries = _usable(dataset, _index(folder), retry_failures)
    if len(entries) < len(dataset):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / ".lock"):
                entries = _usable(dataset, _index(folder), retry_failures)
                _decode_missing(dataset, folder, sample_rate, entries, workers)
        except OSError as error:
            raise DatasetError(
                f"{folder}: cannot write the cache: {error}; free some space or name another "
                f"folder in {CACHE_VARIABLE}"
            ) from error
        entries = _usable(dataset, _index(folder), retry_failures=False)
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


def _usable(dataset: Dataset, index: dict[str, Entry], retry_failures: bool) -> dict[str, Entry]:
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
    dataset: Dataset,
    folder: Path,
    sample_rate: int,
    entries: dict[str, Entry],
    workers: int | None,
) -> None:
    """Decode the tracks without an entry and append them. The caller holds the lock."""
    todo = dataset.tracks[~dataset.tracks.index.isin(list(entries))]
    if todo.empty:
        return
    needed = float(todo["duration_s"].sum()) * sample_rate * SAMPLE_TYPE.itemsize
    check_space(folder, needed, "the decoded audio", f"name another folder in {CACHE_VARIABLE}")
    repair(folder)
    jobs = [(path, *_stamp(dataset.root / path)) for path in todo["path"]]
    decoded = _decoded(dataset.root, jobs, sample_rate, workers)
    with (folder / _AUDIO).open("ab") as samples, (folder / _INDEX).open("ab") as index:
        end = samples.seek(0, os.SEEK_END) // SAMPLE_TYPE.itemsize
        job: _Job
        result: _Result
        for job, result in tqdm(
            decoded, "decoding", len(jobs), unit="track", disable=None, leave=False
        ):
            if isinstance(result, str):
                entry = Entry(*job, error=result)
            else:
                pcm, step = result
                samples.write(pcm.data)
                samples.flush()
                entry = Entry(*job, end, len(pcm), step)
                end += len(pcm)
            index.write(_line(entry))
            index.flush()
        os.fsync(samples.fileno())


def _decoded(
    root: Path, jobs: list[_Job], sample_rate: int, workers: int | None
) -> Iterator[tuple[_Job, _Result]]:
    """Decode in any order, with at most two files a worker in flight."""
    import joblib

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
        return job, quantise(samples)
    except AudioError as error:
        return job, str(error)
    except Exception as error:
        # Decoders meet files that nobody foresaw; one of them must not end a long build.
        return job, f"{root / job[0]}: {type(error).__name__}: {error}"


@dataclass(frozen=True)
class Entry:
    """One line of the index."""

    path: str  # of the track's file, relative to the data set's folder
    size: int  # of that file in bytes, when it was decoded
    mtime_ns: int
    offset: int = 0  # first sample in the audio file
    length: int = 0  # samples
    step: float = EXACT_STEP  # value of one quantisation step
    error: str = ""  # why there are no samples


def quantise(audio: FloatArray) -> tuple[PcmArray, float]:
    """Round samples `(N,)` to 16-bit integers; return these and the value of one step.

    Samples that are whole multiples of 2^-15 (16-bit sources at their own rate) keep that
    step and come back bit for bit. All others get the step that puts the peak at full
    scale: peaks above 1 survive, and the rounding noise lies about 100 dB below the peak.
    """
    whole = audio * np.float32(1 / EXACT_STEP)
    # Full scale of the other sign, +32768, does not fit in 16 bits.
    fits = bool(np.all((whole >= -32768) & (whole <= 32767)))
    if fits and np.array_equal(whole, np.rint(whole)):
        return whole.astype(SAMPLE_TYPE), EXACT_STEP
    # Below the smallest normal float32 a step could not be represented.
    step = max(float(np.max(np.abs(audio))) / 32767, float(np.finfo(np.float32).tiny))
    return np.clip(np.rint(audio / np.float32(step)), -32767, 32767).astype(SAMPLE_TYPE), step


def _index(folder: Path) -> dict[str, Entry]:
    """Return the latest entry of each path; torn, foreign and unbacked lines are left out."""
    return {entry.path: entry for entry in _backed_entries(folder)}


def repair(folder: Path) -> None:
    """Remove what a killed build or a damaged disk left behind. The caller holds the lock.

    Lines whose samples are gone must go too: later samples would take their place.
    """
    index, samples = folder / _INDEX, folder / _AUDIO
    entries = _backed_entries(folder)
    content = b"".join(_line(entry) for entry in entries)
    if index.exists() and index.read_bytes() != content:
        replace_file(index, content)
    if samples.exists():
        end = max((entry.offset + entry.length for entry in entries), default=0)
        if samples.stat().st_size != end * SAMPLE_TYPE.itemsize:
            os.truncate(samples, end * SAMPLE_TYPE.itemsize)


def _backed_entries(folder: Path) -> list[Entry]:
    """Return every readable line whose samples are there, outdated lines too."""
    try:
        lines = (folder / _INDEX).read_bytes().split(b"\n")[:-1]  # the rest is a torn line
        available = (folder / _AUDIO).stat().st_size // SAMPLE_TYPE.itemsize
    except (FileNotFoundError, NotADirectoryError):
        return []
    entries = (_parse(line) for line in lines)
    return [e for e in entries if e is not None and e.offset + e.length <= available]


def _line(entry: Entry) -> bytes:
    return json.dumps(asdict(entry)).encode() + b"\n"


def _parse(line: bytes) -> Entry | None:
    try:
        entry = Entry(**json.loads(line))
        usable = entry.offset >= 0 and entry.length >= 0 and entry.step > 0
    except (ValueError, TypeError):
        return None
    return entry if usable else None

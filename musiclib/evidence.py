"""Kept evidence: tables that take hours to measure, what they rest on, and how they are checked.

An experiment is a file `evidence/NAME.py` that declares what is measured: a list of items (such as
a clip and a codec's setting) and a function from an item to rows of a tidy table.

- `measure` works through the items with all cores, can be killed and goes on, and writes
  `NAME.csv` with `NAME.json` beside it: what took part (`musiclib.provenance`), machine, seconds,
  tolerances.
- `read` gives a chapter that table, and refuses it where code, data or models are no longer those.
  On other music it measures at once, by the same function, on as many clips as the profile says.
- `check_sample` measures some rows again at every build, and fails where one differs.
- `verify` measures a tenth again where only code changed, and renews the digests if all agrees.

Kept rows are measured in processes that do nothing else, with a cache of their own that was empty
at first: nothing that older code left in the usual one takes part. Trained models are an exception:
see `Experiment.trains`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import math
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from fnmatch import fnmatchcase
from functools import lru_cache, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from filelock import FileLock, Timeout

import musiclib
from musiclib.errors import EvidenceError, MusiclibError
from musiclib.files import replace_file
from musiclib.provenance import Provenance, data_digest, machine, took_part, trace
from musiclib.resumable import Journal, key_of, work_through

if TYPE_CHECKING:
    import pandas as pd

    from musiclib.datasets import Dataset

FOLDER_VARIABLE: Final = "MUSICLIB_EVIDENCE"
VERIFIED_SHARE: Final = 0.1
"""Share of a table's items that `verify` measures again."""
TRAINING_S: Final = "training_s"
"""Column of experiments that train: seconds that the training took when it was made."""
CHECK_SECONDS: Final = 5.0
"""What `check_sample` may cost, by the processor time that its items once took, in seconds."""

Item: TypeAlias = Mapping[str, str | int | float]
Rows: TypeAlias = "pd.DataFrame | Iterable[Mapping[str, object]]"

_FORMAT: Final = 2
_NUMBERS: Final = {"int", "float"}


@dataclass(frozen=True)
class Tolerance:
    """How far a value may lie from the kept one: `absolute + relative * |kept value|`."""

    absolute: float = 0.0
    relative: float = 0.0


FLOATS: Final = Tolerance(1e-6, 1e-4)
"""For floats without a tolerance of their own: last digits differ between machines."""


@dataclass(frozen=True)
class Parameters:
    """The four parameters of a chapter, and the music that they stand for.

    Attributes:
        dataset: Name of a data set.
        data_root: Its folder, where the name does not tell.
        profile: `smoke`, `mini` or `retrain`.
        seed: Seed of splits, choices and trainings.
    """

    dataset: str = "mini"
    data_root: str | None = None
    profile: str = "mini"
    seed: int = 0

    @property
    def music(self) -> Dataset:
        """The data set, opened once in a process."""
        return _opened(self.dataset, self.data_root, self.seed)

    @property
    def seconds(self) -> float:
        """Longest part of a clip to be used: 30 s, and 3 s in the profile `smoke`."""
        from musiclib.datasets import WHOLE_S

        return 3.0 if self.profile == "smoke" else WHOLE_S

    @property
    def clips(self) -> Dataset:
        """The clips to be measured; see `musiclib.datasets.measured_clips`."""
        from musiclib.datasets import measured_clips

        return measured_clips(self.music, self.profile)

    @property
    def slow_clips(self) -> Dataset:
        """Those of them that slow judges hear; see `musiclib.datasets.one_clip_an_artist`."""
        from musiclib.datasets import one_clip_an_artist

        return one_clip_an_artist(self.clips)


BUNDLED: Final = Parameters()
"""The bundled music, as chapters have it where nothing else is asked for."""


@dataclass(frozen=True)
class Experiment:
    """What is measured. A file `evidence/NAME.py` declares one as `EXPERIMENT`.

    Attributes:
        items: Lists the work for some parameters: mappings of words and numbers, each of which
            becomes rows on its own, in seconds or minutes.
        measure: Makes the rows of an item: the same columns for all items, and equal rows for equal
            parameters and items, up to the tolerance.
        tolerance: How far a number measured again may lie from the kept one: by column, or for the
            column `value` by what `metric` says; a star stands for any letters, and the first entry
            that fits counts. Without one, floats get `FLOATS` and whole numbers must be equal.
        quick: Which items a build may measure again.
        measurable: Which items this machine can measure, such as those of a codec whose command is
            installed. Others stay as they are kept.
        dataset: A data set of the experiment's own; by default the chapter's.
        seeded: Whether rows depend on the chapter's seed.
        digits: Significant digits that are kept of floats.
        trains: Whether it trains models for hours. Then it is measured with the usual cache, which
            knows a training by its settings, seed and music, and not with one of its own.
        notes: What else a reader should know, such as versions of commands. What is empty on this
            machine, since it has no such command, stays as it is kept.
    """

    items: Callable[[Parameters], Sequence[Item]]
    measure: Callable[[Parameters, Item], Rows]
    tolerance: Mapping[str, Tolerance] = field(default_factory=dict)
    quick: Callable[[Item], bool] = lambda _item: True
    measurable: Callable[[Item], bool] = lambda _item: True
    dataset: str = ""
    seeded: bool = True
    digits: int = 9
    trains: bool = False
    notes: Mapping[str, str] = field(default_factory=dict)


# For chapters.


def read(
    name: str,
    parameters: Parameters = BUNDLED,
    *,
    jobs: int | None = None,
    folder: str | Path | None = None,
) -> pd.DataFrame:
    """Return the table of an experiment for the parameters of a chapter.

    With the bundled music and the profile `mini` it is the kept table. With anything else it is
    measured now, on as many clips as the profile says, and kept in the cache.

    Args:
        name: The experiment `NAME.py` in the folder of evidence.
        parameters: Of the chapter.
        jobs: Processes to measure with; by default as many as the chapter may use threads, and in
            the profile `smoke` none but this one.
        folder: Folder of evidence; by default `evidence_folder()`.

    Raises:
        EvidenceError: The kept table is missing, damaged, or was measured with other code, data or
            models; the message says which, and what to do.
    """
    one = _Evidence.of(name, folder)
    asked = one.asked(parameters)
    if one.is_kept(asked):
        return one.usable(asked)[0]
    return _live(one, asked, jobs).copy()


def check_sample(
    name: str,
    parameters: Parameters = BUNDLED,
    *,
    rows: int | None = None,
    seconds: float = CHECK_SECONDS,
    folder: str | Path | None = None,
) -> int:
    """Measure a sample of a kept table again and compare.

    Quick items are drawn, in an order that depends on the table and the seed, as long as they cost
    no more than `seconds` together; but one at least.

    Args:
        name: The experiment.
        parameters: Of the chapter.
        rows: Number of rows at which drawing ends; by default cost alone decides.
        seconds: Processor time that the sample may cost, by what its items once took.
        folder: As for `read`.

    Returns:
        How many rows this machine has measured itself: all of them where nothing is kept.

    Raises:
        EvidenceError: As for `read`, or a value lies outside its tolerance.
    """
    one = _Evidence.of(name, folder)
    asked = one.asked(parameters)
    if not one.is_kept(asked):
        return len(_live(one, asked, None))
    table, told = one.usable(asked)
    items = [item for item, _, _ in told["items"]]
    order = np.random.default_rng([asked.seed, int(told["table"][:8], 16)]).permutation(len(items))
    quick, measurable = one.experiment.quick, one.experiment.measurable
    candidates = [n for n in order.tolist() if quick(items[n]) and measurable(items[n])]
    if not candidates:
        raise EvidenceError(
            f"{one.table}: none of its items is quick and can be measured on this machine; let "
            f"{one.code.name} say which are quick"
        )
    costs = [took for _, _, took in told["items"]]
    chosen: list[int] = []
    for number in candidates:
        if sum(costs[n] for n in [*chosen, number]) <= seconds:
            chosen.append(number)
        if rows is not None and sum(told["items"][n][1] for n in chosen) >= rows:
            break
    chosen = chosen or [min(candidates, key=costs.__getitem__)]
    parts = _parts(told)
    for number in chosen:
        again = _measured(one, asked, items[number])
        _compare(one, items[number], table.iloc[parts[number]], again, told)
    return sum(told["items"][number][1] for number in chosen)


def record(name: str, folder: str | Path | None = None) -> dict[str, Any]:
    """Return what `NAME.json` says of a kept table, for readers."""
    return _Evidence.of(name, folder).read_record()


def declaration(name: str, folder: str | Path | None = None) -> ModuleType:
    """Return the module `NAME.py`, so that a chapter can show it and use its lists."""
    return sys.modules[_Evidence.of(name, folder).experiment.measure.__module__]


def evidence_folder() -> Path:
    """Return the folder of evidence.

    It is the environment variable `MUSICLIB_EVIDENCE`, or `evidence` of the clone that this package
    lies in.
    """
    given = os.environ.get(FOLDER_VARIABLE)
    return Path(given) if given else Path(musiclib.__file__).parents[1] / "evidence"


def names(folder: str | Path | None = None) -> list[str]:
    """Return the names of all experiments."""
    return sorted(path.stem for path in Path(folder or evidence_folder()).glob("[!._]*.py"))


# For whoever keeps the tables.


def stale(name: str, folder: str | Path | None = None) -> list[str]:
    """Return why a kept table should be measured or verified again; nothing where it stands.

    Unlike `read` it counts other versions of libraries as a reason.
    """
    one = _Evidence.of(name, folder)
    try:
        told = one.read_record()
        one.read_table(told)
        return one.changes(told, one.asked(BUNDLED), libraries=True)
    except EvidenceError as error:
        return [str(error)]


def measure(
    name: str,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    folder: str | Path | None = None,
    progress: bool = False,
) -> int:
    """Measure an experiment on the bundled music and keep its table.

    Each item that is done is noted at once in a hidden file beside the table, so a run that was
    killed goes on. What was measured by code that has changed since is measured again.

    Args:
        name: The experiment.
        jobs: Processes on this machine; each uses one thread.
        scheduler: Address of a Dask scheduler instead; see `musiclib.resumable.work_through`.
        folder: Folder of evidence.
        progress: Whether to show on standard error how far the work is.

    Returns:
        Number of rows.

    Raises:
        EvidenceError: Another process is measuring it, an item fails, or code changes meanwhile.
    """
    one = _Evidence.of(name, folder)
    with one.alone():
        items = one.items(one.asked(BUNDLED))
        results = _results(one, items, jobs, scheduler, progress)
        seconds = round(sum(result["seconds"] for result in results))
        measured = {"date": date.today().isoformat(), "seconds": seconds, **machine()}
        one.keep(items, results, measured, verified=[])
    return sum(result["rows"] for result in results)


def verify(
    name: str,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    folder: str | Path | None = None,
    progress: bool = False,
) -> int:
    """Measure a tenth of a kept table again, and renew its digests if all of it agrees.

    The sample holds every word in every field of the items (each codec, each clip) at least once.
    Items that the declaration has got since are measured too and added; what it has no more is
    taken out.

    Args:
        name: The experiment.
        jobs: As for `measure`.
        scheduler: As for `measure`.
        folder: As for `measure`.
        progress: As for `measure`.

    Returns:
        Number of rows that were measured.

    Raises:
        EvidenceError: A value differs, or data or models changed: then all must be measured anew.
    """
    one = _Evidence.of(name, folder)
    with one.alone():
        told = one.read_record()
        table, parts = one.read_table(told), _parts(told)
        asked = one.asked(BUNDLED)
        if lasting := one.changes({**told, "code": {}, "files": {}}, asked, libraries=False):
            raise EvidenceError(
                f"{one.table} was measured with {'; '.join(lasting)}: a sample cannot vouch for "
                f"the rest. Measure it anew (make evidence NAMES={name})."
            )
        items = one.items(asked)
        known = {key_of(item): number for number, (item, *_) in enumerate(told["items"])}
        old = [item for item in items if key_of(item) in known]
        again = _covering([item for item in old if one.experiment.measurable(item)])
        again += [item for item in items if key_of(item) not in known]
        results = _results(one, again, jobs, scheduler, progress)
        found = {key_of(item): result for item, result in zip(again, results, strict=True)}
        before = asdict(Provenance.of(told).present(one.own))
        for item in old:
            number = known[key_of(item)]
            _, rows, seconds = told["items"][number]
            part = table.iloc[parts[number]]
            by = before
            if (fresh := found.get(key_of(item))) is not None:
                _compare(one, item, part, fresh, told)
                by = asdict(Provenance.of(before) | Provenance.of(fresh["by"]))
            found[key_of(item)] = {
                "columns": dict(told["columns"]),
                "csv": _as_csv(part, one.experiment.digits),
                "rows": rows,
                "seconds": seconds,
                "by": by,
            }
        measured = sum(int(result["rows"]) for result in results)
        entry = {"date": date.today().isoformat(), "items": len(again), "rows": measured}
        merged = [found[key_of(item)] for item in items]
        told["verified"].append({**entry, **machine()})
        one.keep(items, merged, told["measured"], told["verified"])
    return measured


# An experiment and its files.


@dataclass(frozen=True)
class _Evidence:
    name: str
    folder: Path

    @classmethod
    def of(cls, name: str, folder: str | Path | None) -> _Evidence:
        found = cls(name, Path(folder or evidence_folder()).resolve())
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name) or not found.code.is_file():
            known = ", ".join(names(found.folder)) or "none"
            raise EvidenceError(
                f"{found.folder} declares no experiment {name!r} (there: {known}). Name one of "
                "these, or the folder evidence of a clone of the repository "
                f"({FOLDER_VARIABLE})."
            )
        return found

    @property
    def code(self) -> Path:
        return self.folder / f"{self.name}.py"

    @property
    def own(self) -> dict[str, Path]:
        """The declaration, as it is named among the code that takes part."""
        return {f"evidence/{self.code.name}": self.code}

    @property
    def table(self) -> Path:
        return self.folder / f"{self.name}.csv"

    @property
    def record(self) -> Path:
        return self.folder / f"{self.name}.json"

    def hidden(self, kind: str) -> Path:
        """Return what lies beside the table while it is measured."""
        return self.folder / f".{self.name}.{kind}"

    @property
    def experiment(self) -> Experiment:
        status = self.code.stat()
        return _declared(self.code, status.st_mtime_ns, status.st_size)

    def asked(self, given: Parameters) -> Parameters:
        """Return what is to be measured where a chapter is run with some parameters."""
        experiment = self.experiment
        asked = given if experiment.seeded else replace(given, seed=0)
        if experiment.dataset and experiment.dataset != given.dataset:
            asked = replace(asked, dataset=experiment.dataset, data_root=None)
        return asked

    def is_kept(self, asked: Parameters) -> bool:
        return replace(asked, data_root=None) == self.asked(BUNDLED)

    def items(self, asked: Parameters) -> list[Item]:
        items: list[Item] = [dict(item) for item in self.experiment.items(asked)]
        if not items:
            raise EvidenceError(f"{self.code}: there is nothing to measure of {asked.dataset}")
        if len({key_of(item) for item in items}) < len(items):
            raise EvidenceError(f"{self.code}: an item is listed twice")
        return items

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the right to write the table."""
        lock = FileLock(self.hidden("lock"), timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise EvidenceError(
                f"{self.table} is being measured by another process: wait for it"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def usable(self, asked: Parameters) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Return the kept table and its record, or say why they cannot be used."""
        told = self.read_record()
        if reasons := self.changes(told, asked, libraries=False):
            raise EvidenceError(
                f"{self.table} was measured with {'; '.join(reasons)}. Where only code changed, "
                f"`make evidence-verify NAMES={self.name}` measures a tenth again and renews it if "
                f"all agrees; else `make evidence NAMES={self.name}` measures it anew."
            )
        return self.read_table(told), told

    def changes(self, told: Mapping[str, Any], asked: Parameters, *, libraries: bool) -> list[str]:
        """Return what differs from when the table was measured, in words."""
        found = Provenance.of(told).changed(self.own, libraries=libraries)
        if told["data"] != data_digest(asked.music):
            found.append(f"other data ({asked.dataset})")
        return found

    def read_record(self) -> dict[str, Any]:
        remedy = f"measure it (make evidence NAMES={self.name}), or restore it with its table"
        try:
            told: dict[str, Any] = json.loads(self.record.read_text(encoding="utf-8"))
            known = told["format"] == _FORMAT and isinstance(told["items"], list)
            Provenance.of(told)
        except FileNotFoundError:
            raise EvidenceError(f"{self.record} is not there: {remedy}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise EvidenceError(f"{self.record} is damaged ({error}): {remedy}") from error
        if not known:
            raise EvidenceError(f"{self.record} is of another version of musiclib: {remedy}")
        return told

    def notes(self) -> dict[str, str]:
        """Return the notes of the declaration; those that are empty here, as they are kept."""
        try:
            kept = self.read_record()["notes"]
        except EvidenceError:  # none yet, or a damaged one, which is replaced
            kept = {}
        notes = {name: text or kept.get(name) for name, text in self.experiment.notes.items()}
        return {name: text for name, text in notes.items() if text}

    def read_table(self, told: Mapping[str, Any]) -> pd.DataFrame:
        data = self.table.read_bytes() if self.table.is_file() else b""
        if hashlib.sha256(data).hexdigest() != told["table"]:
            raise EvidenceError(
                f"{self.table} is not the table that {self.record.name} belongs to: restore both "
                f"files, or measure it anew (make evidence NAMES={self.name})"
            )
        return _parsed(told["columns"], data.decode())

    def keep(
        self,
        items: Sequence[Item],
        results: Sequence[Mapping[str, Any]],
        measured: Mapping[str, Any],
        verified: Sequence[Mapping[str, Any]],
    ) -> None:
        """Write the table, then its record, and remove what only the run needed."""
        columns, text = _joined(results, str(self.code))
        by = Provenance()
        for result in results:
            by |= Provenance.of(result["by"])
        experiment = self.experiment
        told = {
            "format": _FORMAT,
            "notes": self.notes(),
            "table": hashlib.sha256(text.encode()).hexdigest(),
            "rows": sum(result["rows"] for result in results),
            "columns": columns,
            "tolerance": {name: asdict(one) for name, one in experiment.tolerance.items()},
            "tolerance of other floats": asdict(FLOATS),
            "sample": f"some quick items at every build, about {CHECK_SECONDS:g} s of work",
            "measured": measured,
            "verified": verified,
            "data": data_digest(self.asked(BUNDLED).music),
            **{kind: dict(sorted(found.items())) for kind, found in asdict(by).items()},
        }
        lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in told.items()]
        pairs = zip(items, results, strict=True)
        rows = [json.dumps([item, r["rows"], round(r["seconds"], 2)]) for item, r in pairs]
        lines.append('"items": [\n' + ",\n".join(rows) + "\n]")
        replace_file(self.table, text.encode())
        replace_file(self.record, ("{\n" + ",\n".join(lines) + "\n}\n").encode())
        self.hidden("jsonl").unlink(missing_ok=True)
        shutil.rmtree(self.hidden("cache"), ignore_errors=True)


@lru_cache(maxsize=16)
def _declared(path: Path, _mtime_ns: int, _size: int) -> Experiment:
    spec = importlib.util.spec_from_file_location(f"musiclib_evidence_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found = getattr(module, "EXPERIMENT", None)
    if not isinstance(found, Experiment):
        raise EvidenceError(f"{path} declares no EXPERIMENT = Experiment(items, measure, ...)")
    return found


@lru_cache(maxsize=8)
def _opened(dataset: str, data_root: str | None, seed: int) -> Dataset:
    from musiclib.datasets import open_dataset

    return open_dataset(dataset, data_root, seed)


# Measuring.


def _expected_hours(one: _Evidence, asked: Parameters, items: Sequence[Item]) -> float:
    """Return how long items take to measure live, in hours of one core.

    Each is expected to take what those of its kind took for the kept table. Where it is about all
    music at once, and not about a clip, that grows with the number of tracks.
    """
    kept: list[tuple[dict[str, Any], float]]
    kept = [(item, cost) for item, _, cost in one.read_record()["items"]]
    known = {field: {item[field] for item, _ in kept} for field in kept[0][0]}
    growth = 1.0
    if not {"clip", "track_id"} & known.keys():
        growth = max(1.0, len(asked.music) / len(one.asked(BUNDLED).music))
    total = 0.0
    for item in items:
        same = [f for f, value in item.items() if value in known.get(f, ())]
        alike = [cost for other, cost in kept if all(other[f] == item[f] for f in same)]
        total += float(np.mean(alike or [cost for _, cost in kept]))
    return growth * total / 3600.0


def _measured(one: _Evidence, asked: Parameters, item: Item) -> dict[str, Any]:
    """Measure an item in this process.

    Returns:
        As JSON: kinds of `columns`, `csv`, number of `rows`, `seconds`, and `by`: what took part.
    """
    started = _processor_seconds()
    try:
        found = one.experiment.measure(asked, item)
    except MusiclibError as error:
        raise EvidenceError(f"{one.name}, {_words(item)}: {error}") from error

    import pandas as pd

    table = found if isinstance(found, pd.DataFrame) else pd.DataFrame(list(found))
    if table.empty:
        raise EvidenceError(f"{one.name}, {_words(item)}: no rows came of it")
    columns = {str(name): _kind(table[name]) for name in table}
    text = _as_csv(table, one.experiment.digits)
    seconds = _processor_seconds() - started
    if TRAINING_S in table:  # a training that was found in the cache has its cost all the same
        seconds = max(seconds, float(table[TRAINING_S].max()))
    by = asdict(Provenance())
    return {"columns": columns, "csv": text, "rows": len(table), "seconds": seconds, "by": by}


def _processor_seconds() -> float:
    """Return the processor time of this process and its children, which no other work lengthens."""
    return sum(os.times()[:4])


def _traced(
    one: _Evidence, asked: Parameters, cache_folder: str | None, item: Item
) -> dict[str, Any]:
    """Measure an item in a process that is there for that alone, and tell what took part."""
    trace(one.own)
    if cache_folder is not None:
        os.environ["MUSICLIB_CACHE"] = cache_folder
    return {**_measured(one, asked, item), "by": asdict(took_part(one.own))}


def _journal(one: _Evidence, path: Path, asked: Parameters) -> Journal:
    """Open a journal of results; those of other code, models or libraries are measured again."""
    known: dict[str, bool] = {}

    def usable(result: Mapping[str, Any]) -> bool:
        key = key_of(result["by"])
        if key not in known:
            known[key] = not Provenance.of(result["by"]).changed(one.own)
        return known[key]

    return Journal(path, [_FORMAT, data_digest(asked.music)], usable)


def _results(
    one: _Evidence, items: Sequence[Item], jobs: int, scheduler: str | None, progress: bool
) -> list[dict[str, Any]]:
    """Measure items of the bundled music for a table that is to be kept."""
    asked = one.asked(BUNDLED)
    for item in items:
        if not one.experiment.measurable(item):
            raise EvidenceError(f"{one.name}, {_words(item)}: this machine cannot measure it")
    journal = _journal(one, one.hidden("jsonl"), asked)
    if journal.dropped:  # what made those may have left something in the cache
        shutil.rmtree(one.hidden("cache"), ignore_errors=True)
    results = work_through(
        partial(_traced, one, asked, None if one.experiment.trains else str(one.hidden("cache"))),
        items,
        journal,
        jobs=jobs,
        scheduler=scheduler,
        progress=one.name if progress else "",
    )
    late = len(items) - len(
        _journal(one, one.hidden("jsonl"), asked).done.keys() & set(map(key_of, items))
    )
    if late:
        raise EvidenceError(
            f"{one.name}: code changed while it was measured, and {late} of {len(items)} items are "
            "of the older one. Run the command again: it measures these."
        )
    return results


_LIVE: dict[tuple[_Evidence, Parameters], pd.DataFrame] = {}


def _live(one: _Evidence, asked: Parameters, jobs: int | None) -> pd.DataFrame:
    """Measure for a chapter that is run with other music, or find it in the cache."""
    if (one, asked) not in _LIVE:
        items = [item for item in one.items(asked) if one.experiment.measurable(item)]
        if jobs is None:
            jobs = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
        if asked.profile == "smoke":
            results = [_measured(one, asked, item) for item in items]
        else:
            from musiclib.datasets import cache_root

            key = hashlib.sha256(f"{one.folder} {asked}".encode()).hexdigest()[:16]
            path = cache_root() / "evidence" / f"{one.name}-{key}.jsonl"
            path.parent.mkdir(parents=True, exist_ok=True)
            if one.record.is_file() and not path.exists():
                hours = _expected_hours(one, asked, items)
                sys.stdout.write(
                    f"{one.name}: {len(items)} pieces of work, about {hours:.2g} hours of one core "
                    f"in {jobs} processes; an interrupted run goes on where it stopped.\n"
                )
                sys.stdout.flush()
            with FileLock(path.with_suffix(".lock")):  # a second chapter waits, and finds it done
                journal = _journal(one, path, asked)
                results = work_through(
                    partial(_traced, one, asked, None), items, journal, jobs=jobs
                )
        _LIVE[one, asked] = _parsed(*_joined(results, str(one.code)))
    return _LIVE[one, asked]


# Rows as text and back.


def _kind(column: pd.Series) -> str:
    import pandas as pd

    if pd.api.types.is_bool_dtype(column):
        return "bool"
    if pd.api.types.is_integer_dtype(column):
        return "int"
    return "float" if pd.api.types.is_float_dtype(column) else "str"


def _as_csv(table: pd.DataFrame, digits: int) -> str:
    return str(table.to_csv(index=False, float_format=f"%.{digits}g", lineterminator="\n"))


def _parsed(columns: Mapping[str, str], text: str) -> pd.DataFrame:
    import pandas as pd

    floats = {name: [""] for name, kind in columns.items() if kind == "float"}
    return pd.read_csv(
        io.StringIO(text), dtype=dict(columns), keep_default_na=False, na_values=floats
    )


def _joined(results: Sequence[Mapping[str, Any]], where: str) -> tuple[dict[str, str], str]:
    """Put the rows of all items under each other; whole numbers become floats where some are."""
    columns = dict(results[0]["columns"])
    for result in results:
        if list(result["columns"]) != list(columns):
            raise EvidenceError(
                f"{where}: items have different columns, {columns} and {result['columns']}"
            )
        for name, kind in result["columns"].items():
            if kind != columns[name]:
                if {kind, columns[name]} != _NUMBERS:
                    raise EvidenceError(
                        f"{where}: the column {name} is {columns[name]} for some items and {kind} "
                        "for others"
                    )
                columns[name] = "float"
    head = results[0]["csv"].partition("\n")[0] + "\n"
    return columns, head + "".join(result["csv"].partition("\n")[2] for result in results)


def _parts(told: Mapping[str, Any]) -> list[slice]:
    """Return which rows belong to each item."""
    ends = np.cumsum([rows for _, rows, _ in told["items"]]).tolist()
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def _compare(
    one: _Evidence,
    item: Item,
    kept: pd.DataFrame,
    result: Mapping[str, Any],
    told: Mapping[str, Any],
) -> None:
    """Hold rows measured again against the kept ones.

    Raises:
        EvidenceError: A value lies outside its tolerance.
    """
    where = f"{one.table}, {_words(item)}"
    again = _parsed(result["columns"], result["csv"])
    if list(kept) != list(again) or len(kept) != len(again):
        raise EvidenceError(
            f"{where}: {len(kept)} rows of {list(kept)} are kept, and measured again it has "
            f"{len(again)} of {list(again)}"
        )
    limits = {name: Tolerance(**limit) for name, limit in told["tolerance"].items()}
    for name, kind in told["columns"].items():
        first, second = kept[name].to_numpy(), again[name].to_numpy()
        if kind in _NUMBERS:
            other = FLOATS if kind == "float" else Tolerance()
            tidy = name == "value" and "metric" in kept
            within = [
                next((limit for word, limit in limits.items() if fnmatchcase(key, word)), other)
                for key in (kept["metric"] if tidy else [name] * len(kept))
            ]
            absolute, relative = np.array([(w.absolute, w.relative) for w in within]).T
            apart = np.abs(second - first) > absolute + relative * np.abs(first)
            differs = (np.isnan(first) != np.isnan(second)) | apart
        else:
            differs = first != second
        if differs.any():
            row = int(np.argmax(differs))
            line = ", ".join(f"{key} {value}" for key, value in kept.iloc[row].items())
            raise EvidenceError(
                f"{where}: {name} is {first[row]} in the table and {second[row]} measured again "
                f"({int(differs.sum())} of {len(kept)} rows differ; here: {line})"
            )


def _covering(items: Sequence[Item]) -> list[Item]:
    """Draw a tenth of the items, and more until each word in each field is there."""

    def words(item: Item) -> set[tuple[str, str]]:
        return {(name, value) for name, value in item.items() if isinstance(value, str)}

    order = np.random.default_rng(0).permutation(len(items)).tolist()
    count = math.ceil(VERIFIED_SHARE * len(items))
    chosen = [items[number] for number in order[:count]]
    seen = set().union(*map(words, chosen))
    for number in order[count:]:
        if not seen >= words(items[number]):
            chosen.append(items[number])
            seen |= words(items[number])
    return chosen


def _words(item: Item) -> str:
    return ", ".join(f"{key} {value}" for key, value in item.items())

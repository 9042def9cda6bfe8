"""Make single faults in the package, and say which ones the tests catch.

    python scripts/mutate.py                     # all of scripts/mutants.toml, in about ten minutes
    python scripts/mutate.py jackknife-factor    # some

Each fault is made in a copy of the tree, where the tests that the list names for it run until one
fails. Tests that do not come to an end or cannot be collected have caught nothing. The exit status
is 1 if fewer than nine tenths are caught, and 2 if the list does not fit the package any more, or
the tests fail without a fault.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MUTANTS = ROOT / "scripts" / "mutants.toml"
NOT_COPIED = (".git", ".venv", "build")
LARGE = ("data", "checkpoints")  # read only: linked
TIME_LIMIT_S = 600.0
OUTCOMES = {0: "survived", 1: "caught"}  # by pytest's exit status


@dataclass(frozen=True)
class Mutant:
    """A fault.

    Attributes:
        name: What it is called in the list.
        file: Where it is made, from the root of the repository.
        text: The text as it stands, once in the file.
        fault: What it becomes.
        tests: Arguments of pytest.
        why: What the fault would do.
    """

    name: str
    file: str
    text: str
    fault: str
    tests: tuple[str, ...]
    why: str

    def problem(self, root: Path = ROOT) -> str:
        """Return why the fault cannot be made, or nothing."""
        missing = [name for name in (self.file, *self.tests) if not (root / name).is_file()]
        if missing:
            return f"{self.name}: there is no {missing[0]}"
        times = (root / self.file).read_text(encoding="utf-8").count(self.text)
        return "" if times == 1 else f"{self.name}: its text is {times} times in {self.file}"


def read_mutants() -> list[Mutant]:
    """Return the list."""
    listed = tomllib.loads(MUTANTS.read_text(encoding="utf-8"))
    return [
        Mutant(name, **{**fields, "tests": tuple(fields["tests"])})
        for name, fields in listed.items()
    ]


@contextmanager
def tree_copy() -> Iterator[Path]:
    """Give a copy of the tree, compiled files included."""

    def left_out(folder: str, names: list[str]) -> set[str]:
        # `tests/data` has the name of a folder at the root, and is copied.
        return {*NOT_COPIED, *LARGE}.intersection(names) if Path(folder) == ROOT else set()

    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder, "tree")
        shutil.copytree(ROOT, copy, ignore=left_out)
        for name in LARGE:
            (copy / name).symlink_to(ROOT / name)
        yield copy


def run_tests(copy: Path, tests: Sequence[str]) -> str:
    """Run tests in a copy: `caught`, `survived`, or why neither can be said."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command,
            cwd=copy,
            env={**os.environ, "PYTHONPATH": str(copy)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "took too long"
    return OUTCOMES.get(done.returncode, f"pytest ended with {done.returncode}")


def outcome(mutant: Mutant, copy: Path) -> str:
    """Make a fault in a copy, run its tests, and undo it."""
    file = copy / mutant.file
    text, times = file.read_text(encoding="utf-8"), file.stat()
    file.write_text(text.replace(mutant.text, mutant.fault), encoding="utf-8")
    try:
        return run_tests(copy, mutant.tests)
    finally:
        file.write_text(text, encoding="utf-8")
        # Compiled files are known by the time of their source.
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what became of each fault; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="faults to make; all by default")
    parser.add_argument("--least", type=float, default=0.9, help="share that must be caught")
    args = parser.parse_args(arguments)
    known = read_mutants()
    chosen = [mutant for mutant in known if mutant.name in args.names or not args.names]
    problems = [problem for mutant in known if (problem := mutant.problem())]
    problems += [f"{name}: not in the list" for name in set(args.names) - {m.name for m in known}]
    if problems:
        print("\n".join(problems), file=sys.stderr)
        return 2
    caught = 0
    with tree_copy() as copy:
        for name in sorted({name for mutant in chosen for name in mutant.tests}):
            if (found := run_tests(copy, [name])) != "survived":
                print(f"{name}, without a fault: {found}", file=sys.stderr)
                return 2
        for mutant in chosen:
            found = outcome(mutant, copy)
            caught += found == "caught"
            print(f"{found:10} {mutant.name}: {mutant.why}", flush=True)
    print(f"{caught} of {len(chosen)} caught")
    return 0 if caught >= args.least * len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())

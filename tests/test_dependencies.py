"""What code rests on: comments and places do not count, all that may run does."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from musiclib import dependencies
from musiclib.dependencies import Code, Sources, code_digest

PACKAGE = {
    "__init__.py": "",
    "maths.py": '''
"""Words."""

import numpy as np

from small.tools import scale as by

FACTOR = 2
TABLE = {"double": lambda x: FACTOR * x}


def double(x: int) -> int:
    """Words on the function."""
    total = by(x, FACTOR)
    return total


def rms(x):
    return np.sqrt(np.mean(x**2))


def lazy(x):
    from small import other

    return other.run(x)


def shadow(FACTOR):
    return FACTOR


class Meter:
    size: int = 3

    def read(self, x):
        return rms(x)
''',
    "tools.py": "def scale(x, by):\n    return x * by\n\n\ndef unused():\n    return 0\n",
    "other.py": "import small.maths as m\nm.TABLE['run'] = len\n\n\ndef run(x):\n    return x\n",
    "front/__init__.py": "from ..tools import scale\n",
}
DOUBLE = "from small.maths import double\nprint(double(3))\n"


def package(folder: Path, **changes: tuple[str, str]) -> Sources:
    """Write the package, with `module=(before, after)` replaced, and read it."""
    root = folder / "small"
    for name, text in PACKAGE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before, after = changes.get(path.stem, ("", ""))
        assert before in text
        path.write_text(text.replace(before, after) if before else text)
    return Sources(root)


def state(sources: Sources, source: str) -> dict[str, str]:
    """Return the digests of all that code rests on, by name."""
    return {name: sources.digest((m, name)) for m, name in sources.reached([Code.of(source)])}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        (DOUBLE, {"double", "scale", "FACTOR"}),
        ("import small.maths as m\nm.rms([1])", {"rms"}),
        ("from small.front import scale\nscale(1, 2)", {"scale"}),
        ("from small import maths\nmaths.Meter().read([1])", {"Meter", "rms"}),
        ("from small.maths import TABLE\nTABLE['double'](1)", {"TABLE", "FACTOR"}),
        ("from small.maths import shadow\nshadow(1)", {"shadow"}),
    ],
)
def test_names_lead_to_what_they_stand_for(tmp_path, source, names):
    assert set(state(package(tmp_path), source)) == names


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Words on the function", "Other words"),
        ('    """Words on the function."""\n', ""),
        ("    total = by", "    # why\n    total = by"),
        ("by(x, FACTOR)", "by(\n        x, FACTOR\n    )"),
        ("x: int) -> int", "x: float) -> float"),
        ("np.mean(x**2)", "np.mean(x**3)"),
    ],
)
def test_what_does_nothing_changes_no_digest(tmp_path, before, after):
    first = state(package(tmp_path / "a"), DOUBLE)
    assert state(package(tmp_path / "b", maths=(before, after)), DOUBLE) == first


@pytest.mark.parametrize(
    ("module", "before", "after", "changed"),
    [
        ("maths", "FACTOR = 2", "FACTOR = 2.0", "FACTOR"),
        ("maths", "by(x, FACTOR)", "by(FACTOR, x)", "double"),
        ("maths", "x: int) -> int", "x: int = 1) -> int", "double"),
        ("maths", "from small.tools import scale as by", "from numpy import sum as by", "double"),
        ("tools", "x * by", "by * x", "scale"),
        ("tools", "def scale(x, by)", "def scale(by, x)", "scale"),
    ],
)
def test_what_does_something_changes_the_digest_of_its_definition(
    tmp_path, module, before, after, changed
):
    first = state(package(tmp_path / "a"), DOUBLE)
    second = state(package(tmp_path / "b", **{module: (before, after)}), DOUBLE)
    assert {n for n in first.keys() & second.keys() if first[n] != second[n]} == {changed}


def test_a_definition_that_moves_keeps_its_digest(tmp_path):
    first = package(tmp_path / "a")
    rms = PACKAGE["maths.py"][PACKAGE["maths.py"].index("def rms") :].partition("\n\n\n")[0]
    second = package(tmp_path / "b", maths=(rms, "from small.levels import rms"))
    (tmp_path / "b/small/levels.py").write_text(
        f"import numpy as jax\n\n\n{rms}\n".replace("np", "jax")
    )
    second = Sources(second.folder)
    assert second.resolve("small.maths", "rms") == ("small.levels", "rms")
    assert second.digest(("small.levels", "rms")) == first.digest(("small.maths", "rms"))
    assert second.digest(("small.maths", "Meter")) == first.digest(("small.maths", "Meter"))


def test_digests_do_not_depend_on_the_order_of_sets():
    source = "a, b = f()\nb, c = g()\na = h()\nc, a = k()\nprint(a, b, c)\n"
    script = (
        "from pathlib import Path; from musiclib.dependencies import Code, Sources; "
        f"print(Sources(Path('nowhere')).digest_of(Code.of({source!r})))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(found) == 1


def test_the_text_of_a_definition_is_as_it_is_written(tmp_path):
    sources = package(tmp_path)
    assert sources.text(("small.tools", "unused")) == "def unused():\n    return 0"
    assert sources.label(("small.tools", "unused")) == "small/tools.py: unused"
    assert sources.place("small/tools.py: unused") == ("small.tools", "unused")


def test_a_key_of_the_cache_follows_code_and_the_libraries_that_compute(tmp_path, monkeypatch):
    found = set()
    for module, change in (("maths", ("x**2", "x**3")), ("tools", ("x * by", "by * x"))):
        for number, changes in enumerate(({}, {module: change})):
            there = package(tmp_path / f"{module}{number}", **changes).folder
            monkeypatch.setattr(dependencies, "_PACKAGE", there)
            found.add(code_digest("small.maths"))
    assert len(found) == 3
    for name in dependencies.COMPUTING:
        monkeypatch.setattr(dependencies, "version", lambda asked, name=name: str(asked == name))
        found.add(code_digest("small.maths"))
    assert len(found) == 3 + len(dependencies.COMPUTING)


DISPATCH = """
import dataclasses, functools, types
from dispatch import lazy as lazily
from dispatch.plain import Base, helper, registry

TABLE = {"triple": lambda x: triple(x)}


def triple(x):
    return 3 * x


def twice(function):
    @functools.wraps(function)
    def inner(*given):
        return function(*given) + function(*given)

    return inner


@twice
def decorated(x):
    return helper(x)


def produced(x):
    yield from map(functools.partial(added, 1), range(x))


def added(a, b):
    return a + b


def by_name(module, x):
    return getattr(module, "renamed")(x)


@dataclasses.dataclass
class Meter(Base):
    values: list = dataclasses.field(default_factory=lambda: defaults())

    @property
    def total(self):
        return sum(self.values) + self.offset()


def defaults():
    return [1, 2]


def run(x):
    from dispatch import plain

    total = TABLE["triple"](x) + decorated(x) + sum(produced(x)) + Meter().total
    return total + lazily(x) + registry["square"](x) + by_name(plain, x)
"""
PLAIN = """
registry = {}


def registered(function):
    registry[function.__name__] = function
    return function


@registered
def square(x):
    return x * x


def helper(x):
    return x


def renamed(x):
    return -x


class Base:
    def offset(self):
        return helper(1)
"""
TOP = """
def __getattr__(name):
    from dispatch.other import lazy

    return lazy
"""


def test_all_that_runs_counts_however_it_is_called(tmp_path, monkeypatch):
    folder = tmp_path / "dispatch"
    folder.mkdir()
    other = "def lazy(x):\n    return x\n\n\ndef idle():\n    return 0\n"
    texts = {"__init__": TOP, "main": DISPATCH, "plain": PLAIN, "other": other}
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    ran = set()

    def note(frame, event, _argument):
        code = frame.f_code
        name = code.co_qualname.split(".")[0]
        if event == "call" and code.co_filename.startswith(str(folder)) and name[0] != "<":
            ran.add((f"dispatch.{Path(code.co_filename).stem}".removesuffix(".__init__"), name))

    run = importlib.import_module("dispatch.main").run
    sys.setprofile(note)
    run(3)
    sys.setprofile(None)
    for name in [name for name in sys.modules if name.partition(".")[0] == "dispatch"]:
        monkeypatch.delitem(sys.modules, name)
    assert len(ran) > 10
    reached = Sources(folder).reached([Code.of("from dispatch.main import run\nrun(3)")])
    assert ran <= reached
    assert ("dispatch.other", "idle") not in reached


WATCH = """
import sys, threading
from pathlib import Path
import librosa, numba, torch  # unwatched, since importing them takes long
import musiclib
from musiclib import evidence
from musiclib.datasets import Dataset
from musiclib.provenance import _IDLE, took_part, trace

root = Path(musiclib.__file__).parent
ran = set()

def note(frame, event, argument):
    code = frame.f_code
    if event == "call" and code.co_filename.startswith(f"{root}/"):
        inside = Path(code.co_filename).relative_to(root)
        name = code.co_qualname.split(".")[0]
        module = ".".join(["musiclib", *inside.with_suffix("").parts])
        # What runs while a module is imported and nobody uses later has no part in a result.
        while frame and frame.f_code.co_name != "<module>":
            frame = frame.f_back
        # A module's own `__getattr__` imports what is first asked for; digests leave imports out.
        importing = name == "__getattr__" or (
            frame and frame.f_code.co_filename.startswith(f"{root}/")
        )
        if name[0] != "<" and not importing and not f"{module}.".startswith(_IDLE):
            ran.add(f"musiclib/{inside.as_posix()}: {name}")

one = evidence._Evidence.of("killer", None)
asked = one.asked(evidence.BUNDLED)
items = one.items(asked)
whole = Dataset.clip
Dataset.clip = lambda self, name: whole(self, name, duration_s=0.5)
trace(one.own)
threading.setprofile(note)
sys.setprofile(note)
one.experiment.measure(asked, items[-1])
sys.setprofile(None)
assert len(ran) > 30, ran
print(sorted(ran - took_part(one.own).code.keys()))
"""


def test_all_that_runs_while_a_table_is_measured_counts():
    command = [sys.executable, "-c", WATCH]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.stdout == "[]\n", done.stderr[-2000:]

"""Kept evidence: measured in pieces, refused when stale, caught when tampered with."""

import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from filelock import FileLock

from musiclib import evidence, resumable
from musiclib.audio import save
from musiclib.cli.main import main
from musiclib.datasets import open_dataset
from musiclib.errors import EvidenceError
from musiclib.evidence import Parameters
from musiclib.resumable import Journal, work_through
from musiclib.training import checkpoint
from tests.codec_signals import RATE, music

NAME = "made-up"
DECLARATION = '''
"""Lengths of names, dearly measured."""

import math
import time
from pathlib import Path

from musiclib.evidence import Experiment, Tolerance

SEEN = Path(__file__).with_name("seen")
PAUSE = 0.0


def items(parameters):
    clips = list(parameters.clips.tracks.index[:4])
    return [{"system": name, "clip": clip} for name in ("one", "three") for clip in clips]


def measure(parameters, item):
    with SEEN.open("a") as file:
        file.write(f"{item['system']} {item['clip']}\\n")
    time.sleep(PAUSE)
    # The quality of a system is the length of its name, and of the seed a little.
    quality = len(item["system"]) + math.pi * parameters.seed
    size = {"system": item["system"], "clip": item["clip"], "bytes": len(item["clip"])}
    return [
        {**size, "metric": "quality", "value": quality / 3, "reason": ""},
        {**size, "metric": "defined", "value": math.nan, "reason": "NA"},
    ]


EXPERIMENT = Experiment(items, measure, {"quality": Tolerance(0.01)})
'''


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder whose experiment was measured once; tests work on copies."""
    folder = tmp_path_factory.mktemp("evidence")
    (folder / f"{NAME}.py").write_text(DECLARATION)
    assert evidence.measure(NAME, folder=folder) == 16
    return folder


@pytest.fixture
def folder(kept, tmp_path):
    copy = tmp_path / "evidence"
    shutil.copytree(kept, copy)
    (copy / "seen").unlink()
    return copy


class InThisProcess(Executor):
    """Works at once and here: new processes take seconds, and few tests are about them."""

    def submit(self, function, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture
def here(monkeypatch):
    """Measure in this process."""
    monkeypatch.setenv("MUSICLIB_CACHE", os.environ.get("MUSICLIB_CACHE", ""))
    monkeypatch.setattr(resumable, "_executor", lambda *_: nullcontext(InThisProcess()))


def seen(folder):
    path = folder / "seen"
    return path.read_text().splitlines() if path.exists() else []


def edit(folder, old, new):
    path = folder / f"{NAME}.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def change_record(folder, **values):
    path = folder / f"{NAME}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_the_table_is_what_was_measured(kept):
    table = evidence.read(NAME, folder=kept)
    clips = list(open_dataset("mini").part("test").tracks.index[:4])
    assert list(table["clip"][:8:2]) == clips
    assert list(table["system"][::2]) == 4 * ["one"] + 4 * ["three"]
    assert table["value"][0] == pytest.approx(1.0)
    assert table["value"][8] == pytest.approx(5 / 3, abs=1e-8)
    assert table["value"][1::2].isna().all()
    # What looks like a missing value and is a word stays a word.
    assert list(table["reason"][:2]) == ["", "NA"]
    assert table["bytes"].dtype == np.int64
    assert sorted(set(seen(kept))) == sorted(seen(kept))
    assert not [path for path in kept.iterdir() if path.name.endswith((".jsonl", ".cache"))]


def test_the_record_says_what_took_part_and_nothing_of_the_place(kept):
    record = evidence.record(NAME, folder=kept)
    text = (kept / f"{NAME}.json").read_text()
    assert record["rows"] == 16
    assert record["tolerance"] == {"quality": {"absolute": 0.01, "relative": 0.0}}
    assert f"evidence/{NAME}.py" in record["code"]
    modules = {label.partition(":")[0] for label in record["code"]}
    assert "musiclib/datasets/clips.py" in modules
    assert "musiclib/codecs/traditional.py" not in modules
    assert "musiclib/evidence.py" not in modules
    assert set(record["libraries"]) >= {"numpy", "pandas"}
    assert "torch" not in record["libraries"]
    for private in (str(kept), str(Path.home()), platform.node()):
        assert private not in text
    assert evidence.stale(NAME, folder=kept) == []


def test_a_run_that_is_killed_loses_no_more_than_what_it_was_at(tmp_path, here):
    (tmp_path / f"{NAME}.py").write_text(DECLARATION.replace("PAUSE = 0.0", "PAUSE = 0.3"))
    command = [sys.executable, "-m", "musiclib.cli.main", "evidence", "measure", NAME]
    process = subprocess.Popen([*command, "--folder", str(tmp_path)], stderr=subprocess.PIPE)
    journal = tmp_path / f".{NAME}.jsonl"
    while not journal.exists() or journal.read_bytes().count(b"\n") < 4:
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stderr is not None
    process.stderr.close()
    assert not (tmp_path / f"{NAME}.csv").exists()
    done = journal.read_bytes().count(b"\n") - 1
    assert evidence.measure(NAME, folder=tmp_path) == 16
    # When the run died one item was in work, and one perhaps on its way to the journal.
    assert len(seen(tmp_path)) <= 8 + 2
    assert done >= 3
    assert len(set(seen(tmp_path))) == 8
    assert len(evidence.read(NAME, folder=tmp_path)) == 16


def test_comments_words_and_layout_make_nothing_stale(folder):
    edit(folder, '"""Lengths of names, dearly measured."""', '"""Something else."""')
    edit(folder, "# The quality", "# Quality, that")
    edit(folder, 'len(item["system"]) + math.pi', "(\n  len(item['system'])\n ) + math.pi")
    assert evidence.stale(NAME, folder=folder) == []
    assert len(evidence.read(NAME, folder=folder)) == 16


def test_other_code_is_refused_and_named(folder):
    edit(folder, "quality / 3", "quality / 4")
    with pytest.raises(EvidenceError, match=rf"evidence/{NAME}\.py.*make evidence"):
        evidence.read(NAME, folder=folder)
    with pytest.raises(EvidenceError, match="other code"):
        evidence.check_sample(NAME, folder=folder)
    edit(folder, "quality / 4", "quality / 3")
    record = evidence.record(NAME, folder=folder)
    change_record(folder, code=record["code"] | {"musiclib/files.py: sha256_of": "0" * 16})
    with pytest.raises(EvidenceError, match=r"other code \(musiclib/files.py: sha256_of\)"):
        evidence.read(NAME, folder=folder)
    change_record(folder, code=record["code"] | {"musiclib/gone.py: gone": "0" * 16})
    with pytest.raises(EvidenceError, match=r"musiclib/gone.py: gone"):
        evidence.read(NAME, folder=folder)


def test_other_libraries_are_told_but_leave_the_verdict_to_the_sample(folder):
    change_record(folder, libraries={"numpy": "1.0"})
    assert evidence.stale(NAME, folder=folder) == ["other libraries (numpy)"]
    assert evidence.check_sample(NAME, folder=folder) == 16


def test_other_data_are_refused(folder, tmp_path):
    text = (open_dataset("mini").root / "tracks.csv").read_text()
    copy, other = (Parameters(data_root=str(tmp_path / name)) for name in ("copy", "other"))
    for elsewhere, content in ((copy, text), (other, text.replace("39377a3c", "00000000"))):
        root = Path(elsewhere.data_root)
        root.mkdir()
        (root / "tracks.csv").write_text(content)
    assert len(evidence.read(NAME, copy, folder=folder)) == 16
    with pytest.raises(EvidenceError, match=r"other data \(mini\)"):
        evidence.read(NAME, other, folder=folder)


def test_models_and_tables_that_were_opened_take_part(tmp_path, monkeypatch, here):
    models = tmp_path / "models"
    monkeypatch.setenv("MUSICLIB_CHECKPOINTS", str(models))
    record = {"model": {"kind": "x"}, "step": 1}
    for name, value in (("used", 1.0), ("unused", 2.0)):
        checkpoint.save(models / name, {"model.weight": torch.full((3,), value)}, record)
    np.savez(models / "table.npz", numbers=np.arange(3))
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "models.py").write_text(
        """
import numpy as np
from musiclib.evidence import Experiment
from musiclib.training.checkpoint import load
from musiclib.training.trained import find_shipped, shipped_folder

def items(parameters):
    return [{"item": 1}]

def measure(parameters, item):
    np.load(shipped_folder() / "table.npz")["numbers"]
    weights = load(find_shipped("used.safetensors")).model_tensors["weight"]
    return [{"sum": float(weights.sum())}]

EXPERIMENT = Experiment(items, measure)
"""
    )
    evidence.measure("models", folder=folder)
    kept = evidence.record("models", folder=folder)
    assert set(kept["models"]) == {"used.safetensors"}
    assert "checkpoints/table.npz" in kept["files"]
    assert evidence.read("models", folder=folder)["sum"].tolist() == [3.0]
    checkpoint.save(models / "unused", {"model.weight": torch.zeros(3)}, record)
    checkpoint.save(models / "used", {"model.weight": torch.ones(3)}, {**record, "step": 2})
    assert evidence.stale("models", folder=folder) == []
    checkpoint.save(models / "used", {"model.weight": torch.zeros(3)}, record)
    with pytest.raises(EvidenceError, match=r"other models \(used.safetensors\)"):
        evidence.read("models", folder=folder)
    with pytest.raises(EvidenceError, match="Measure it anew"):
        evidence.verify("models", folder=folder)
    checkpoint.save(models / "used", {"model.weight": torch.ones(3)}, record)
    np.savez(models / "table.npz", numbers=np.arange(4))
    with pytest.raises(EvidenceError, match=r"other files \(checkpoints/table.npz\)"):
        evidence.read("models", folder=folder)


def tamper(folder, old, new):
    """Change a value as somebody would who also knows of the digest."""
    path = folder / f"{NAME}.csv"
    text = path.read_text()
    assert old in text
    text = text.replace(old, new)
    path.write_text(text)
    change_record(folder, table=hashlib.sha256(text.encode()).hexdigest())


def test_a_table_that_is_not_that_of_the_record_is_refused(folder):
    path = folder / f"{NAME}.csv"
    record, wrong = folder / f"{NAME}.json", path.read_text().replace("1.66666667", "1.67", 1)
    for change, problem in (
        (lambda: path.write_text(wrong), "restore both"),
        (path.unlink, "restore both"),
        (lambda: record.write_text("{"), "damaged"),
        (record.unlink, f"make evidence NAMES={NAME}"),
    ):
        change()
        with pytest.raises(EvidenceError, match=problem):
            evidence.read(NAME, folder=folder)


def test_a_sample_catches_values_that_are_not_so(folder):
    for old, new, caught in (
        ("1.66666667", "1.68", "value is 1.68 in the table and 1.66666667"),
        (",5,", ",6,", "bytes is 6 in the table and 5"),
        (",NA", ",NB", "reason is NB in the table and NA"),
        ("defined,,", "defined,0.5,", "value is 0.5 in the table and nan"),
    ):
        tamper(folder, old, new)
        assert len(evidence.read(NAME, folder=folder)) == 16
        with pytest.raises(EvidenceError, match=f"clip t0.*{caught}|{caught}.*clip t0"):
            evidence.check_sample(NAME, folder=folder)
        tamper(folder, new, old)
    tamper(folder, "1.66666667", "1.67")  # within the tolerance
    assert evidence.check_sample(NAME, folder=folder) == 16


def test_a_sample_costs_what_it_may(folder):
    items = [[item, rows, 1.5] for item, rows, _ in evidence.record(NAME, folder=folder)["items"]]
    change_record(folder, items=items)
    assert evidence.check_sample(NAME, seconds=3.5, folder=folder) == 2 * 2
    first = seen(folder)
    assert evidence.check_sample(NAME, seconds=0.1, folder=folder) == 2
    assert seen(folder)[2:] == first[:1]
    assert evidence.check_sample(NAME, rows=5, folder=folder) == 6
    items[0][2] = 1000.0
    change_record(folder, items=items)
    (folder / "seen").unlink()
    assert evidence.check_sample(NAME, seconds=999.0, folder=folder) == 14
    expensive = f"{items[0][0]['system']} {items[0][0]['clip']}"
    assert expensive not in seen(folder)


def test_verifying_renews_what_only_looks_stale(folder, here):
    edit(folder, 'len(item["system"]) + math', 'sum(1 for _ in item["system"]) + math')
    measured = {"date": "2020-02-02", "seconds": 9}
    change_record(folder, measured=measured)
    before = (folder / f"{NAME}.csv").read_bytes()
    rows = evidence.verify(NAME, folder=folder)
    # Each of two systems and four clips is in it.
    assert 4 * 2 <= rows < 16
    assert (folder / f"{NAME}.csv").read_bytes() == before
    assert len(evidence.read(NAME, folder=folder)) == 16
    record = evidence.record(NAME, folder=folder)
    (entry,) = record["verified"]
    assert entry["rows"] == rows
    assert record["measured"] == measured
    assert {line.split()[0] for line in seen(folder)} == {"one", "three"}
    assert len({line.split()[1] for line in seen(folder)}) == 4


def test_verifying_measures_what_is_new_and_drops_what_is_gone(folder, here):
    edit(folder, '("one", "three")', '("three", "seven")')
    evidence.verify(NAME, folder=folder)
    table = evidence.read(NAME, folder=folder)
    assert list(table["system"][::2]) == 4 * ["three"] + 4 * ["seven"]
    assert sorted(line for line in seen(folder) if "seven" in line) == sorted(
        f"seven {clip}" for clip in table["clip"].unique()
    )
    assert evidence.check_sample(NAME, folder=folder) == 16


@pytest.mark.filterwarnings("ignore:all")
def test_other_music_is_measured_live_and_kept_in_the_cache(folder, here, tmp_path, monkeypatch):
    monkeypatch.setenv("MUSICLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for number in range(6):
        place = tmp_path / "songs" / f"genre{number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        save(place / f"artist{number} - song.wav", music(0.5, seed=number), RATE)
    songs = Parameters("folder", str(tmp_path / "songs"))
    table = evidence.read(NAME, songs, folder=folder)
    clips = set(songs.clips.tracks.index)
    assert set(table["clip"]) == clips
    assert len(table) == 2 * 2 * len(clips)
    assert evidence.check_sample(NAME, songs, folder=folder) == len(table)
    measured = seen(folder)
    evidence._LIVE.clear()
    pd.testing.assert_frame_equal(evidence.read(NAME, songs, folder=folder), table)
    assert seen(folder) == measured
    evidence._LIVE.clear()
    edit(folder, "quality / 3", "quality / 4")
    assert evidence.read(NAME, songs, folder=folder)["value"].max() < table["value"].max()


def test_another_seed_is_live_unless_it_does_not_matter(folder, here, tmp_path, monkeypatch):
    monkeypatch.setenv("MUSICLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    other = evidence.read(NAME, Parameters(seed=1), folder=folder)
    assert other["value"][0] == pytest.approx((3 + np.pi) / 3)
    edit(folder, '{"quality": Tolerance(0.01)})', '{"quality": Tolerance(0.01)}, seeded=False)')
    evidence.verify(NAME, folder=folder)
    (folder / "seen").unlink()
    assert evidence.read(NAME, Parameters(seed=1), folder=folder)["value"][0] == pytest.approx(1.0)
    assert seen(folder) == []


def test_two_runs_at_once_are_one_too_many(folder):
    with (
        FileLock(folder / f".{NAME}.lock"),
        pytest.raises(EvidenceError, match="another process"),
    ):
        evidence.measure(NAME, folder=folder)


def test_a_process_that_is_killed_is_told_of(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl", "header", lambda _: True)
    with pytest.raises(EvidenceError, match="fewer --jobs"):
        work_through(_dies, ["a", "b", "c"], journal)
    with (tmp_path / "journal.jsonl").open("ab") as file:
        file.write(b'{"item": "c", "res')
    again = Journal(tmp_path / "journal.jsonl", "header", lambda result: result == "B")
    assert again.done == {'"b"': "B"}
    assert again.dropped == 2
    assert Journal(tmp_path / "journal.jsonl", "other", lambda _: True).done == {}


def _dies(item: str) -> str:
    if item == "c":
        time.sleep(0.2)  # the others' results are on their way
        os.kill(os.getpid(), signal.SIGKILL)
    return item.upper()


def test_a_scheduler_without_its_library_is_refused_with_the_remedy(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EvidenceError, match="pip install distributed"):
        evidence.measure(NAME, scheduler="tcp://127.0.0.1:1", folder=folder)


def test_wrong_declarations_are_told_of(tmp_path, here):
    for text, told in [
        ("pass", "EXPERIMENT"),
        (DECLARATION.replace("clips = list(", "clips = [] and list("), "nothing to measure"),
        (DECLARATION.replace('"three")', '"one")'), "listed twice"),
        (DECLARATION.replace("    return [\n", "    return []\n    [\n"), "no rows"),
        (DECLARATION.replace('"bytes": len(item["clip"])', 'item["clip"]: 1'), "different columns"),
    ]:
        (tmp_path / "wrong.py").write_text(text)
        with pytest.raises(EvidenceError, match=told):
            evidence.measure("wrong", folder=tmp_path)
    for name in ("missing", "../wrong"):
        with pytest.raises(EvidenceError, match="wrong"):
            evidence.read(name, folder=tmp_path)


def test_the_book_reads_its_tables_without_any_command_on_the_path(monkeypatch):
    monkeypatch.setenv("PATH", "")
    evidence._declared.cache_clear()
    for name in evidence.names():
        assert evidence.declaration(name).EXPERIMENT.items
    evidence._declared.cache_clear()


def test_the_command_measures_what_is_stale(folder, here, capsys):
    there = ["--folder", str(folder)]
    assert main(["evidence", "list", *there]) == 0
    assert "16 rows" in capsys.readouterr().out
    assert main(["evidence", "measure", *there]) == 0
    assert "up to date" in capsys.readouterr().err
    assert seen(folder) == []
    edit(folder, "quality / 3", "quality / 4")
    assert main(["evidence", "list", *there]) == 1
    record = (folder / f"{NAME}.json").read_bytes()
    assert main(["evidence", "verify", NAME, *there]) == 2
    assert (folder / f"{NAME}.json").read_bytes() == record
    assert "musiclib: error:" in capsys.readouterr().err
    assert main(["evidence", "measure", *there]) == 0
    assert "16 rows" in capsys.readouterr().err
    assert main(["evidence", "list", *there]) == 0


@pytest.mark.parametrize("name", evidence.names())
def test_kept_tables_of_the_book_stand(name):
    """Each is of the present code, data and models, and of the locked libraries."""
    assert evidence.stale(name) == []

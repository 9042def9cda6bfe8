"""The recipes of CONTRIBUTING.md, followed to the letter."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import papermill
import pytest
import torch

from musiclib.book.layout import clean, find_book, problems
from musiclib.metrics import METRICS
from musiclib.models import MODELS
from tests.book_fixture import write_book

ROOT = Path(__file__).parent.parent


def follow(recipe: str) -> dict[str, Any]:
    """Execute a recipe's code here, and return what it defines."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {recipe}\n")[2].partition("\n## ")[0]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found, f"CONTRIBUTING.md has no code under {recipe!r}"
    defined: dict[str, Any] = {"__name__": "recipe"}
    exec(compile(found[1], f"CONTRIBUTING.md, {recipe}", "exec", dont_inherit=True), defined)
    return defined


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder with a song, where commands run."""
    clip = sorted((ROOT / "data" / "mini").rglob("*.flac"))[0]
    shutil.copy(clip, tmp_path / "song.flac")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def values(table: Any) -> list[float]:
    """Return the values of a table, by rising bitrate."""
    return list(table.sort_values("kbps")["value"])


@pytest.mark.usefixtures("folder")
def test_codec() -> None:
    table = follow("A codec")["table"]
    opus, mu_law = values(table)
    assert mu_law > 30.0 > opus
    assert table["kbps"].max() == pytest.approx(8 * 24.0, rel=1e-3)


@pytest.mark.usefixtures("folder")
def test_metric() -> None:
    coarse, fine = values(follow("A metric")["table"])
    assert 0.0 < fine < coarse
    del METRICS["level_error"]


def test_model(folder: Path) -> None:
    found = follow("A model")
    assert found["latents"].shape[0] == 16
    assert (folder / "tied.safetensors").is_file()
    model = MODELS.pop("frames_tied")(found["TiedConfig"](latent=16))
    rows = torch.randn(1, 3, 513)
    assert model.decode_rows(model.encode_rows(rows)).shape == rows.shape


def test_chapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_book(tmp_path)
    monkeypatch.chdir(tmp_path)
    follow("A chapter")
    toc = Path("_toc.yml")
    toc.write_text(
        toc.read_text().replace("part/sound\n", "part/sound\n      - file: book/counting\n")
    )
    (chapter,) = find_book(tmp_path).select(["counting"])
    assert clean([chapter.source]) == [chapter.source]
    assert not problems(chapter.source)
    made = tmp_path / "made.ipynb"
    papermill.execute_notebook(chapter.source, made, progress_bar=False, kernel_name="python3")
    assert "folk" in made.read_text()

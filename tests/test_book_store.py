"""What calls for another run of a chapter."""

from pathlib import Path

import pytest

from musiclib.book.store import code_fingerprint


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MUSICLIB_CHECKPOINTS", str(tmp_path))
    (tmp_path / "one.safetensors").write_bytes(b"weights")
    return tmp_path


def test_the_same_models_give_the_same_hash(models: Path) -> None:
    before = code_fingerprint()
    (models / "one.safetensors").touch()
    assert code_fingerprint() == before


def test_other_weights_call_for_another_run(models: Path) -> None:
    before = code_fingerprint()
    (models / "one.safetensors").write_bytes(b"Weights")
    assert code_fingerprint() != before


def test_another_model_calls_for_another_run(models: Path) -> None:
    before = code_fingerprint()
    (models / "two.safetensors").write_bytes(b"weights")
    assert code_fingerprint() != before


@pytest.mark.parametrize("name", ["codec-tables.npz", "codec-tables-static.npz"])
def test_other_tables_of_an_entropy_coder_call_for_another_run(models: Path, name: str) -> None:
    first = code_fingerprint()
    (models / name).write_bytes(b"counts")
    second = code_fingerprint()
    (models / name).write_bytes(b"Counts")
    assert len({first, second, code_fingerprint()}) == 3


def test_a_training_on_its_way_changes_nothing(models: Path) -> None:
    before = code_fingerprint()
    (models / "two.last.safetensors").write_bytes(b"weights")
    (models / "two.json").write_text("{}")
    assert code_fingerprint() == before


def test_of_what_makes_the_site_only_claims_are_part_of_a_chapter(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package"
    for name in ("book/claims.py", "book/build.py", "cli/main.py", "mdct.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("before")
    monkeypatch.setattr("musiclib.__file__", str(package / "__init__.py"))
    before = code_fingerprint()
    for name in ("book/build.py", "cli/main.py"):
        (package / name).write_text("after")
    assert code_fingerprint() == before
    for name in ("book/claims.py", "mdct.py"):
        (package / name).write_text("after")
        assert code_fingerprint() != before
        (package / name).write_text("before")

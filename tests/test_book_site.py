"""From sources to a site: jupyter-book's warnings, copies for Colab, and the local web server."""

import asyncio
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import yaml
from IPython.core.inputtransformer2 import TransformerManager
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from musiclib.book.layout import find_book
from musiclib.book.site import (
    application,
    assemble,
    build_site,
    serve,
    write_launch_copies,
)
from musiclib.cli.main import main
from musiclib.errors import BookError
from tests.book_fixture import REPOSITORY, write_book

SOUND = bytes(range(256)) * 40


@pytest.mark.slow
def test_warning_of_jupyter_book_is_an_error(tmp_path: Path) -> None:
    root = write_book(tmp_path / "source")
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/index\n", encoding="utf-8")
    text = "# A page\n\nSee {ref}`nowhere` and {cite:t}`nobody2020`; $\\nonsense$.\n"
    (root / "book" / "index.md").write_text(text, encoding="utf-8")
    assemble(find_book(root), {}, tmp_path / "work")
    with pytest.raises(BookError) as caught:
        build_site(tmp_path / "work", tmp_path / "jupyter-book.log")
    message = str(caught.value)
    assert "book/index.md:3: WARNING: undefined label: 'nowhere'" in message
    assert "nobody2020" in message
    assert "nonsense" in message
    assert str(tmp_path / "jupyter-book.log") in message


@pytest.mark.parametrize(
    ("url", "branch", "colab"),
    [
        ("https://github.com/someone/book.git", "launch", True),
        ("https://gitlab.com/someone/book", "main", False),
    ],
)
def test_colab_and_binder_open_the_branch_whose_chapters_install_what_they_need(
    tmp_path: Path, url: str, branch: str, colab: bool
) -> None:
    assemble(find_book(write_book(tmp_path / "source")), {}, tmp_path / "work", url)
    config = yaml.safe_load((tmp_path / "work" / "_config.yml").read_text(encoding="utf-8"))
    assert config["repository"]["branch"] == branch
    assert not config["repository"]["url"].endswith(".git")
    assert bool(config["launch_buttons"]["colab_url"]) == colab


def test_copies_differ_from_the_chapters_by_one_cell(tmp_path: Path) -> None:
    command = ["book", "launch", "--repository-url", "https://github.com/a/b", "--out"]
    assert main([*command, str(tmp_path), "--source", str(REPOSITORY)]) == 0
    chapters = find_book(REPOSITORY).select([])
    assert {p.name for p in tmp_path.rglob("*.*")} == {c.source.name for c in chapters}
    for chapter in chapters:
        copy = json.loads((tmp_path / f"{chapter.docname}.ipynb").read_text(encoding="utf-8"))
        cell = "".join(copy["cells"].pop(1)["source"])
        assert copy == json.loads(chapter.source.read_text(encoding="utf-8")), chapter.docname
        assert "https://github.com/a/b.git" in cell
    compile(TransformerManager().transform_cell(cell), "first cell", "exec")


def test_an_address_that_nobody_can_clone_is_refused(tmp_path: Path) -> None:
    book = find_book(write_book(tmp_path / "source"))
    for address in ("here", "git@github.com:a/b.git", "https://github.com/"):
        with pytest.raises(BookError, match="address of a repository"):
            write_launch_copies(book, address, tmp_path / "out")


def test_binder_installs_the_lock_and_the_package() -> None:
    folder = REPOSITORY / ".binder"
    lines = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    named = [line.removeprefix("-r ") for line in lines if line.startswith("-r ")]
    assert [(folder / name).resolve() for name in named] == [REPOSITORY / "requirements.txt"]
    assert (folder / "runtime.txt").read_text(encoding="utf-8") == "python-3.11\n"
    assert "--no-deps" in (folder / "postBuild").read_text(encoding="utf-8")
    assert os.access(folder / "postBuild", os.X_OK)
    subprocess.run(["bash", "-n", str(folder / "postBuild")], check=True)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("served")
    (root / "secret.txt").write_text("not part of the site")
    site = root / "site"
    site.mkdir()
    (site / "index.html").write_text("<p>front page</p>")
    (site / "tone.flac").write_bytes(SOUND)
    loop = asyncio.new_event_loop()
    (socket,) = bind_sockets(0, "127.0.0.1")

    async def begin() -> None:
        HTTPServer(application(site)).add_sockets([socket])

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


def get(url: str, **headers: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, headers=headers, timeout=10)


def test_a_player_can_seek(address: str) -> None:
    assert "front page" in get(f"{address}/").text
    whole = get(f"{address}/tone.flac")
    assert whole.content == SOUND
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = get(f"{address}/tone.flac", Range="bytes=100-199")
    assert part.status_code == 206
    assert part.content == SOUND[100:200]
    assert part.headers["Content-Range"].endswith(f"/{len(SOUND)}")


def test_nothing_outside_the_site_is_served(address: str) -> None:
    assert get(f"{address}/gone.html").status_code == 404
    for path in ("%2e%2e/secret.txt", "..%2fsecret.txt"):
        answer = get(f"{address}/{path}")
        assert answer.status_code in (403, 404)
        assert "not part" not in answer.text


def test_what_cannot_be_served_is_named(tmp_path: Path) -> None:
    with pytest.raises(BookError, match="no site here"):
        serve(tmp_path, port=0)
    (tmp_path / "index.html").write_text("x")
    (socket,) = bind_sockets(0, "127.0.0.1")
    try:
        with pytest.raises(BookError, match="not free"):
            serve(tmp_path, port=socket.getsockname()[1])
    finally:
        socket.close()

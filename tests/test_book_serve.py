"""The local web server: ranges, so that a player can seek, and nothing outside the site."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from musiclib.book.serve import application, serve
from musiclib.errors import BookError

SOUND = bytes(range(256)) * 40


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
    ready = threading.Event()

    async def run() -> None:
        server = HTTPServer(application(site))
        server.add_sockets([socket])
        ready.set()

    def work() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(run())
        loop.run_forever()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert ready.wait(10)
    yield f"http://127.0.0.1:{socket.getsockname()[1]}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


def get(url: str, **headers: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, headers=headers, timeout=10)


def test_front_page(address: str) -> None:
    answer = get(f"{address}/")
    assert answer.status_code == 200
    assert "front page" in answer.text


def test_whole_file_announces_ranges(address: str) -> None:
    answer = get(f"{address}/tone.flac")
    assert answer.content == SOUND
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=100-199", SOUND[100:200]),
        ("bytes=-16", SOUND[-16:]),
        ("bytes=10000-", SOUND[10000:]),
    ],
)
def test_range(address: str, asked: str, expected: bytes) -> None:
    answer = get(f"{address}/tone.flac", Range=asked)
    assert answer.status_code == 206
    assert answer.content == expected
    assert answer.headers["Content-Range"].endswith(f"/{len(SOUND)}")


def test_missing_file(address: str) -> None:
    assert get(f"{address}/gone.html").status_code == 404


def test_nothing_outside_the_site(address: str) -> None:
    for path in ("%2e%2e/secret.txt", "..%2fsecret.txt"):
        answer = get(f"{address}/{path}")
        assert answer.status_code in (403, 404)
        assert "not part" not in answer.text


def test_folder_without_a_site(tmp_path: Path) -> None:
    with pytest.raises(BookError, match="no site here"):
        serve(tmp_path, port=0)


def test_port_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("x")
    (socket,) = bind_sockets(0, "127.0.0.1")
    try:
        with pytest.raises(BookError, match="not free"):
            serve(tmp_path, port=socket.getsockname()[1])
    finally:
        socket.close()

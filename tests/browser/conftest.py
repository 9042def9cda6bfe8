"""A headless Chromium, a server with range requests, and pages that note what went wrong."""

import asyncio
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, StaticFileHandler

REPOSITORY = Path(__file__).resolve().parents[2]
STATIC = REPOSITORY / "book" / "_static"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZES = {"desktop": (1280, 900), "phone": (360, 740)}
# Sound plays without a click and without a sound device; nothing calls home.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_browser() -> str | None:
    """The program named by ``MUSICLIB_BROWSER``, or the first Chromium on the path."""
    named = os.environ.get("MUSICLIB_BROWSER")
    return named or next(filter(None, map(shutil.which, PROGRAMS)), None)


@dataclass
class Opened:
    """A page in the browser, and what the browser complained about while it was open."""

    page: object
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def browser():
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium here: install the package chromium, or set MUSICLIB_BROWSER")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., str]]:
    """Serve a folder: ``serve(folder, prefix="/book/")`` gives its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def begin(folder: Path, prefix: str) -> str:
        options = {"path": str(folder), "default_filename": "index.html"}
        sockets = bind_sockets(0, "127.0.0.1")
        server = HTTPServer(Application([(rf"{prefix}(.*)", StaticFileHandler, options)]))
        server.add_sockets(sockets)
        return f"http://127.0.0.1:{sockets[0].getsockname()[1]}{prefix}"

    def run(folder: Path, prefix: str = "/") -> str:
        return asyncio.run_coroutine_threadsafe(begin(folder, prefix), loop).result(10)

    yield run
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


@pytest.fixture
def open_page(browser) -> Iterator[Callable[..., Opened]]:
    """Open an address: ``open_page(url, size="phone", dark=True, script=False)``.

    Requests that leave this machine are blocked and noted as problems.
    """
    contexts = []

    def run(url: str, size: str = "desktop", *, dark: bool = False, script: bool = True) -> Opened:
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            has_touch=size == "phone",
        )
        contexts.append(context)
        page = context.new_page()
        opened = Opened(page)
        base = "/".join(url.split("/")[:3])

        def route(handled) -> None:
            address = handled.request.url
            if address.startswith((f"{base}/", "data:", "blob:")):
                handled.continue_()
            else:
                opened.problems.append(f"asks another host: {address}")
                handled.abort()

        context.route("**/*", route)
        page.on("request", lambda request: opened.requests.append(request.url))
        page.on("pageerror", lambda error: opened.problems.append(f"script error: {error}"))
        page.on(
            "console",
            lambda message: (
                opened.problems.append(f"console {message.type}: {message.text}")
                if message.type in ("error", "warning")
                else None
            ),
        )
        page.on("requestfailed", lambda r: opened.problems.append(f"failed: {r.url} {r.failure}"))
        page.on(
            "response",
            lambda response: (
                opened.problems.append(f"status {response.status}: {response.url}")
                if response.status >= 400
                else None
            ),
        )
        page.goto(url, wait_until="load")
        return opened

    yield run
    for context in contexts:
        context.close()


@pytest.fixture
def demo(tmp_path, serve) -> Callable[[str], str]:
    """Serve a bare page with the book's own styles and scripts: ``demo(html)`` gives its address.

    Media go to ``tmp_path / "site" / "media"``, which the page addresses as ``media``.
    """

    def run(body: str) -> str:
        site = tmp_path / "site"
        shutil.copytree(STATIC, site / "_static", dirs_exist_ok=True)
        styles = "".join(
            f'<link rel="stylesheet" href="_static/{path.name}">'
            for path in sorted(STATIC.glob("*.css"))
        )
        scripts = "".join(
            f'<script defer src="_static/{path.name}"></script>'
            for path in sorted(STATIC.glob("*.js"))
        )
        head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        head += '<title>Demonstration</title><link rel="icon" href="data:,">'
        (site / "index.html").write_text(
            f'<!doctype html><html lang="en" data-theme="light"><head>{head}{styles}{scripts}'
            f'</head><body><main class="bd-content"><h1>Demonstration</h1>{body}</main></body>'
            "</html>",
            encoding="utf-8",
        )
        return serve(site) + "index.html"

    return run

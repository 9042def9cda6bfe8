"""A headless Chromium, a server with range requests, and pages that note what went wrong.

A test of the built site takes the fixture `site`. It skips where no site of the present sources is;
`make book` builds one, and MUSICLIB_SITE names another. Where CI is set it fails instead.
"""

import asyncio
import faulthandler
import functools
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, StaticFileHandler

from musiclib.book.check import NOT_FOUND
from musiclib.book.layout import find_book
from musiclib.book.pdf import BROWSERS
from musiclib.book.store import REPORT, SOURCES_KEY, sources_fingerprint
from musiclib.listen import MediaStore
from musiclib.listen.sounds import STATIC as SCRIPTS

REPOSITORY = Path(__file__).resolve().parents[2]
STATIC = (REPOSITORY / "book" / "_static", SCRIPTS)
PATIENCE_MS = 60_000  # what takes a moment takes long where other things run too
SIZES = {"desktop": (1280, 900), "phone": (360, 740)}
# Sound plays without a click and without a sound device; nothing calls home, and no host but this
# machine can be reached.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
WATCHDOG_S = 600


def find_browser() -> str | None:
    """The program named by ``MUSICLIB_BROWSER``, or the first Chromium on the path."""
    named = os.environ.get("MUSICLIB_BROWSER")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


@functools.cache  # one site for the length of a run, whatever is edited meanwhile
def find_site() -> tuple[Path | None, str]:
    """The built site to test, or None and why there is none."""
    if named := os.environ.get("MUSICLIB_SITE"):
        found = Path(named).resolve()
        if not (found / "index.html").is_file():
            raise pytest.UsageError(f"MUSICLIB_SITE={named}: no site there")
        return found, ""
    found = REPOSITORY / "build" / "book"
    record = found / REPORT
    built_from = json.loads(record.read_text("utf-8"))[SOURCES_KEY] if record.is_file() else None
    if built_from != sources_fingerprint(find_book(REPOSITORY)):
        return None, "there is no site of the present sources to test; run `make book`"
    return found, ""


@dataclass
class Opened:
    """A page in the browser, what it asked for, and what the browser complained about.

    Attributes:
        received: Sizes of what arrived, in bytes, where they are counted.
    """

    page: object
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    received: list[float] = field(default_factory=list)


def new_context(browser, size: str, *, script: bool = True):
    """A context of the browser: its own cache and storage, and a window's size."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        java_script_enabled=script,
        has_touch=size == "phone",
    )
    context.set_default_timeout(PATIENCE_MS)
    return context


def watched(page, base: str) -> Opened:
    """Note what goes wrong in a page from now on; `base` is the address of its host."""
    opened = Opened(page)

    def request(request) -> None:
        opened.requests.append(request.url)
        if not request.url.startswith((f"{base}/", "data:", "blob:", "file:")):
            opened.problems.append(f"asks another host: {request.url}")

    def console(message) -> None:
        if message.type in ("error", "warning"):
            opened.problems.append(f"console {message.type}: {message.text}")

    def failed(request) -> None:
        # What the page itself gave up is no failure: a reader who goes on to another page, a
        # player that has enough of a file.
        if "ERR_ABORTED" not in str(request.failure):
            opened.problems.append(f"failed: {request.url} {request.failure}")

    def response(response) -> None:
        if response.status >= 400:
            opened.problems.append(f"status {response.status}: {response.url}")

    page.on("request", request)
    page.on("pageerror", lambda error: opened.problems.append(f"script error: {error}"))
    page.on("console", console)
    page.on("requestfailed", failed)
    page.on("response", response)
    return opened


@pytest.fixture(autouse=True)
def watchdog() -> Iterator[None]:
    """End a test that the browser never answers, with a traceback, rather than wait for ever."""
    faulthandler.dump_traceback_later(WATCHDOG_S, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


# Of the package, not of the session: while playwright runs, no other test could run an event loop.
@pytest.fixture(scope="package")
def browser():
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium here: install the package chromium, or set MUSICLIB_BROWSER")
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture(scope="package")
def serve() -> Iterator[Callable[..., str]]:
    """Serve a folder: ``serve(folder, prefix="/book/")`` gives its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    servers: list[HTTPServer] = []

    async def begin(folder: Path, prefix: str) -> str:
        options = {"path": str(folder), "default_filename": "index.html"}
        sockets = bind_sockets(0, "127.0.0.1")
        server = HTTPServer(
            Application([(rf"{prefix}(.*)", StaticFileHandler, options)], compress_response=True)
        )
        server.add_sockets(sockets)
        servers.append(server)
        return f"http://127.0.0.1:{sockets[0].getsockname()[1]}{prefix}"

    async def end() -> None:
        for server in servers:
            server.stop()
            await server.close_all_connections()

    def run(folder: Path, prefix: str = "/") -> str:
        return asyncio.run_coroutine_threadsafe(begin(folder, prefix), loop).result(30)

    yield run
    asyncio.run_coroutine_threadsafe(end(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture(scope="package")
def contexts(browser) -> Iterator[Callable[..., object]]:
    """A context for each size, with and without scripts, shared as one reader shares it."""
    made: dict[tuple[str, bool], object] = {}

    def run(size: str, *, script: bool = True):
        if (size, script) not in made:
            made[size, script] = new_context(browser, size, script=script)
        return made[size, script]

    yield run
    for context in made.values():
        context.close()


@pytest.fixture
def open_page(contexts) -> Iterator[Callable[..., Opened]]:
    """Open an address: ``open_page(url, size="phone", dark=True, script=False)``.

    Nothing comes from the browser's cache. Requests to other hosts fail, and are noted as problems.
    """
    pages = []

    def run(url: str, size: str = "desktop", *, dark: bool = False, script: bool = True) -> Opened:
        context = contexts(size, script=script)
        pages.append(page := context.new_page())
        context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
        page.emulate_media(color_scheme="dark" if dark else "light")
        opened = watched(page, "/".join(url.split("/")[:3]))
        page.goto(url, wait_until="load")
        return opened

    yield run
    for page in pages:
        page.close()


@pytest.fixture(scope="package")
def site() -> Path:
    """Folder of the built site."""
    found, reason = find_site()
    if found is None:
        if os.environ.get("CI") and find_browser():
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="package")
def site_base(site) -> str:
    """Path of the site on the host that it was built for, `/` where it was built for none.

    Only the page for missing pages depends on it, which a server shows in any folder.
    """
    found = re.search(r'data-content_root="([^"]*)"', (site / NOT_FOUND).read_text("utf-8"))
    assert found is not None
    return found[1]


@pytest.fixture(scope="package")
def site_url(browser, serve, site) -> str:
    """Address of the site, below a folder as on a host that has other sites too."""
    return serve(site, "/music/book/")


@pytest.fixture(scope="package")
def not_found_url(browser, serve, site, site_base) -> str:
    """Address of the site where it was built to be."""
    return serve(site, site_base)


@pytest.fixture
def visit(site_url, not_found_url, contexts) -> Iterator[Callable[..., Opened]]:
    """Open a page of the site: ``visit("book/index.html", "phone", dark=True)``."""
    pages = []

    def run(name: str, size: str = "desktop", *, dark: bool = False) -> Opened:
        page = contexts(size).new_page()
        pages.append(page)
        page.emulate_media(color_scheme="dark" if dark else "light")
        base = not_found_url if name == NOT_FOUND else site_url
        opened = watched(page, "/".join(base.split("/")[:3]))
        page.goto(base + name, wait_until="load")
        return opened

    yield run
    for page in pages:
        page.close()


class Demo(NamedTuple):
    """A bare page with the book's own styles and scripts: its address and its folder."""

    url: str
    folder: Path


@pytest.fixture(scope="package")
def demo(tmp_path_factory, serve) -> Callable[..., Demo]:
    """Serve ``make(store, *arguments)``, the HTML of a page whose media go into the store.

    Each page is made once and shared, so tests leave its files as they are.
    """
    made: dict[tuple[object, ...], Demo] = {}

    def run(make: Callable[..., str], *arguments: object) -> Demo:
        key = (make, *arguments)
        if key not in made:
            folder = tmp_path_factory.mktemp("demo")
            body = make(MediaStore(folder / "media", "media"), *arguments)
            for source in STATIC:
                shutil.copytree(source, folder / "_static", dirs_exist_ok=True)
            settings = yaml.safe_load((REPOSITORY / "_config.yml").read_text(encoding="utf-8"))
            names = settings["sphinx"]["config"]
            files = [*names["html_css_files"], *(name for name, _ in names["html_js_files"])]
            head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            head += '<title>Demonstration</title><link rel="icon" href="data:,">'
            for name in files:
                if name.endswith(".css"):
                    head += f'<link rel="stylesheet" href="_static/{name}">'
                elif name.endswith(".js"):
                    head += f'<script defer src="_static/{name}"></script>'
            (folder / "index.html").write_text(
                f'<!doctype html><html lang="en" data-theme="light"><head>{head}</head><body>'
                f'<main class="bd-content"><h1>Demonstration</h1>{body}</main></body></html>',
                encoding="utf-8",
            )
            made[key] = Demo(serve(folder) + "index.html", folder)
        return made[key]

    return run

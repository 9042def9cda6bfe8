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
from axe_playwright_python.sync_playwright import Axe
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, StaticFileHandler

from musiclib.book.check import NOT_FOUND
from musiclib.book.layout import find_book
from musiclib.book.pdf import BROWSERS
from musiclib.book.store import REPORT, SOURCES_KEY, sources_fingerprint
from musiclib.listen.sounds import MEDIA_URL
from musiclib.listen.sounds import STATIC as SCRIPTS
from musiclib.plot.published import MEDIA_DIR

REPOSITORY = Path(__file__).resolve().parents[2]
STATIC = (REPOSITORY / "book" / "_static", SCRIPTS)
PATIENCE_MS = 60_000  # what takes a moment takes long where other things run too
SIZES = {"desktop": (1280, 900), "phone": (360, 740)}
OWN = ("http://127.0.0.1:", "about:", "data:", "blob:", "file:")
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


@dataclass(eq=False)
class Opened:
    """A page in the browser, what it asked for, and what went wrong in it.

    Attributes:
        received: Sizes of what arrived, in bytes, where they are counted.
    """

    page: object
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    received: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        def request(request) -> None:
            self.requests.append(request.url)
            if not request.url.startswith(OWN):
                self.problems.append(f"asks another host: {request.url}")

        def console(message) -> None:
            if message.type in ("error", "warning"):
                self.problems.append(f"console {message.type}: {message.text}")

        def failed(request) -> None:
            # What the page itself gave up is no failure: a reader who goes on to another page, a
            # player that has enough of a file.
            if "ERR_ABORTED" not in str(request.failure):
                self.problems.append(f"failed: {request.url} {request.failure}")

        def response(response) -> None:
            if response.status >= 400:
                self.problems.append(f"status {response.status}: {response.url}")

        self.page.on("request", request)
        self.page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        self.page.on("console", console)
        self.page.on("requestfailed", failed)
        self.page.on("response", response)


def barriers(page, within: str | None = None, **options: object) -> list[str]:
    """What axe-core finds that keeps readers out."""
    # Else it fetches what style sheets import, as if the addresses were seen from the page.
    options |= {"resultTypes": ["violations"], "preload": False}
    found = Axe().run(page, within, options).response["violations"]
    return [
        f"{fault['impact']} fault {fault['id']}: {node['html'][:160]} at {node['target']}: "
        + " ".join(node["failureSummary"].split())
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"][:3]
    ]


def darken(page) -> None:
    """Show a demonstration in its dark theme."""
    page.evaluate(
        "document.documentElement.dataset.theme = 'dark';"
        "document.body.style.cssText = 'background: #14181e; color: #ced6dd'"
    )


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


def new_page(browser, size: str, *, script: bool = True) -> Opened:
    """A page with a cache and a storage of its own."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        java_script_enabled=script,
        has_touch=size == "phone",
    )
    context.set_default_timeout(PATIENCE_MS)
    return Opened(context.new_page())


@pytest.fixture(scope="package")
def open_page(browser) -> Callable[..., Opened]:
    """Open an address: ``open_page(url, "phone", script=False, cached=True)``.

    There is one page for each size, with and without scripts, which goes from test to test: to make
    a new one costs more than most tests.
    """
    made: dict[tuple[str, bool], Opened] = {}
    devtools: dict[Opened, object] = {}

    def run(
        url: str, size: str = "desktop", *, script: bool = True, cached: bool = False
    ) -> Opened:
        if (size, script) not in made:
            made[size, script] = opened = new_page(browser, size, script=script)
            devtools[opened] = opened.page.context.new_cdp_session(opened.page)
        opened = made[size, script]
        devtools[opened].send("Network.setCacheDisabled", {"cacheDisabled": not cached})
        page, (width, height) = opened.page, SIZES[size]
        page.goto("about:blank")
        page.unroute_all()
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(media="null", color_scheme="light", reduced_motion="null")
        page.mouse.move(0, 0)
        opened.problems, opened.requests = [], []
        if url != "about:blank":
            page.goto(url)
        return opened

    return run


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
def site_url(browser, serve, site) -> str:
    """Address of the site, below a folder as on a host that has other sites too."""
    return serve(site, "/music/book/")


@pytest.fixture(scope="package")
def not_found_url(browser, serve, site) -> str:
    """Address of the page for missing pages, where the site was built to be.

    It alone depends on the site's path on its host, since a server shows it in any folder.
    """
    found = re.search(r'data-content_root="([^"]*)"', (site / NOT_FOUND).read_text("utf-8"))
    assert found is not None
    return serve(site, found[1]) + NOT_FOUND


@pytest.fixture
def visit(site_url, open_page) -> Callable[..., Opened]:
    """Open a page of the site: ``visit("book/index.html", "phone")``."""
    return lambda name, size="desktop": open_page(site_url + name, size, cached=True)


class Demo(NamedTuple):
    """A bare page with the book's own styles and scripts: its address and its folder."""

    url: str
    folder: Path


@pytest.fixture(scope="package")
def demo(tmp_path_factory, serve) -> Callable[..., Demo]:
    """Serve ``make(*arguments)``, the HTML of a page whose media become files.

    Each page is made once and shared, so tests leave its files as they are.
    """
    made: dict[tuple[object, ...], Demo] = {}

    def run(make: Callable[..., str], *arguments: object) -> Demo:
        key = (make, *arguments)
        if key not in made:
            folder = tmp_path_factory.mktemp("demo")
            with pytest.MonkeyPatch.context() as environment:
                environment.setenv(MEDIA_DIR, str(folder / "media"))
                environment.setenv(MEDIA_URL, "media")
                body = make(*arguments)
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

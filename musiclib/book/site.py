"""The site from executed chapters: laid out for jupyter-book, built with warnings as errors."""

import asyncio
import filecmp
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import yaml
from nbformat.v4 import new_code_cell
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, StaticFileHandler

from musiclib.book.check import NOT_FOUND
from musiclib.book.layout import BOOK_FOLDER, CONFIG_NAME, TOC_NAME, Book, read
from musiclib.book.run import plain
from musiclib.book.store import Stored, installed_libraries
from musiclib.errors import BookError
from musiclib.files import replace_file, sha256_of
from musiclib.listen.sounds import STATIC

LAUNCH_BRANCH = "launch"
"""Branch for Binder and Colab: chapters there begin with a cell from `write_launch_copies`."""
_FIRST_CELL = """\
# Where musiclib is installed already, this cell does nothing. Elsewhere, as on Colab, it fetches
# the book's repository and installs what the chapters need, which takes a few minutes.
import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("musiclib") is None:
    !git clone --quiet --depth 1 {address} {folder}
    %pip install --quiet --editable './{folder}[book]'
    sys.path.insert(0, str(Path("{folder}").resolve()))  # this kernel sees no new editable package
"""
_BUILT = "_build"
_COMPLAINT = re.compile(
    r"^.*(?:WARNING|ERROR|CRITICAL).*$|^(?:Sphinx|Extension|Theme|Exception)[\w ]*:\s*\n.*$",
    re.MULTILINE,
)


def assemble(
    book: Book,
    chapters: Mapping[str, Stored],
    folder: Path,
    repository_url: str | None = None,
    site_url: str | None = None,
) -> None:
    """Lay out the sources for jupyter-book: prose as written, notebooks as executed, media.

    Where the folder has an earlier layout, files that did not change stay as they are, so that
    Sphinx need not read their pages again.

    Args:
        book: The book.
        chapters: Executed chapters by docname; jupyter-book reports any that is missing.
        folder: Folder to fill.
        repository_url: Address of the repository, for links to it, to Binder and to Colab.
        site_url: Address where the site will be, for the site map and what sharers see.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as new:
        _lay_out(book, chapters, Path(new), repository_url, site_url)
        _update(folder, Path(new))


def _lay_out(
    book: Book,
    chapters: Mapping[str, Stored],
    folder: Path,
    repository_url: str | None,
    site_url: str | None,
) -> None:
    copy_sources(book, folder)
    shutil.copytree(STATIC, folder / BOOK_FOLDER / "_static", dirs_exist_ok=True)
    for notebook in (folder / BOOK_FOLDER).rglob("*.ipynb"):
        notebook.unlink()
    config = yaml.safe_load((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    settings = config["sphinx"]["config"]
    if repository_url:
        # The theme knows three hosts by name and asks which of them any other is like.
        provider = next((p for p in ("gitlab", "bitbucket") if p in repository_url), "github")
        github = "github.com/" in repository_url
        url = repository_url.rstrip("/").removesuffix(".git")
        branch = LAUNCH_BRANCH if github else "main"
        config["repository"] = {"url": url, "branch": branch, "path_to_book": ""}
        config["html"].update(use_repository_button=True, use_issues_button=True)
        settings["html_theme_options"]["repository_provider"] = provider
        config["launch_buttons"] = {
            "notebook_interface": "jupyterlab",
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com" if github else "",
        }
    if site_url:
        address = f"{site_url.rstrip('/')}/"
        config["html"]["baseurl"] = settings["ogp_site_url"] = address
        settings["ogp_social_cards"]["enable"] = True
        settings["notfound_urls_prefix"] = urlsplit(address).path
        config["sphinx"]["extra_extensions"].append("sphinx_sitemap")
        settings["sitemap_url_scheme"] = "{link}"
        settings["sitemap_excludes"] = ["search.html", "genindex.html", NOT_FOUND]
    (folder / CONFIG_NAME).write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    for chapter in book.chapters:
        if chapter.docname in chapters:
            stored = chapters[chapter.docname]
            shutil.copy2(stored.notebook, folder / f"{chapter.docname}.ipynb")
            media = folder / BOOK_FOLDER / "_static" / chapter.media_folder
            shutil.copytree(stored.media, media, dirs_exist_ok=True)


def _update(folder: Path, new: Path) -> None:
    """Make a folder like a new one; only files that differ get a new time of change."""
    for old in folder.rglob("*"):
        name = old.relative_to(folder)
        if name.parts[0] != _BUILT and old.is_file() and not (new / name).is_file():
            old.unlink()
    for file in filter(Path.is_file, new.rglob("*")):
        target = folder / file.relative_to(new)
        if not target.is_file() or not filecmp.cmp(file, target, shallow=False):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def copy_sources(book: Book, folder: Path) -> None:
    """Copy the book's folder and settings, without what editors leave behind."""
    ignore = shutil.ignore_patterns(".*", "_build")
    shutil.copytree(book.root / BOOK_FOLDER, folder / BOOK_FOLDER, ignore=ignore)
    for name in (CONFIG_NAME, TOC_NAME):
        shutil.copy2(book.root / name, folder / name)


def build_site(source: Path, log: Path) -> Path:
    """Build the site with jupyter-book.

    Every page is written, but only pages whose sources changed are read, unless the last build
    failed or had other settings.

    Raises:
        BookError: A warning or an error; the message lists them.
    """
    html = source / _BUILT / "html"
    stamp = source / _BUILT / "settings"
    settings = _settings(source)
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != settings:
        shutil.rmtree(source / _BUILT, ignore_errors=True)
    stamp.unlink(missing_ok=True)
    shutil.rmtree(html, ignore_errors=True)
    # The package has no `python -m`, and its script may not be on the path.
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    command += ["build", str(source), "-W", "-n", "--keep-going"]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    text = plain(done.stdout.decode(errors="replace"))
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(text, encoding="utf-8")
    # jupyter-book has left with 0 though Sphinx had stopped, so its words are read as well.
    complaints = [line.strip() for line in _COMPLAINT.findall(text)]
    if done.returncode != 0 or complaints or not (html / "index.html").is_file():
        shown = complaints or text.splitlines()[-12:]
        listed = "\n".join(f"  - {line.replace(f'{source}/', '')}" for line in shown)
        raise BookError(f"jupyter-book reports:\n{listed}\nIts whole report is in {log}")
    stamp.write_text(settings, encoding="utf-8")
    for leftover in (html / ".buildinfo", *(html / "_static").glob("*webpack-macros.html")):
        leftover.unlink(missing_ok=True)
    return html


def _settings(source: Path) -> str:
    """What decides how Sphinx reads all pages: settings, references, libraries, the extension."""
    files = [source / CONFIG_NAME, source / TOC_NAME, *sorted(source.rglob("*.bib"))]
    files.append(Path(__file__).with_name("extension.py"))
    return "\n".join([*map(sha256_of, files), installed_libraries()])


def write_launch_copies(book: Book, repository_url: str, out: Path) -> list[Path]:
    """Write copies of the executed chapters whose first cell installs musiclib.

    Raises:
        BookError: The address is none of a repository on the web, or a chapter is not readable.
    """
    parts = urlsplit(repository_url)
    path = parts.path.strip("/").removesuffix(".git")
    if parts.scheme not in ("http", "https") or not parts.hostname or not path:
        raise BookError(
            f"{repository_url!r} is no address of a repository on the web. "
            "Give one such as https://github.com/owner/name."
        )
    address = f"https://{parts.netloc}/{path}.git"
    source = _FIRST_CELL.format(address=address, folder=path.rpartition("/")[2])
    written = []
    for chapter in book.select([]):
        notebook = read(chapter.source)
        # Below the title.
        notebook.cells.insert(1, new_code_cell(source, id="install-musiclib"))  # type: ignore[no-untyped-call]
        target = out / f"{chapter.docname}.ipynb"
        text = nbformat.writes(notebook, version=4)  # type: ignore[no-untyped-call]
        replace_file(target, f"{text.rstrip()}\n".encode())
        written.append(target)
    return written


def application(root: Path) -> Application:
    """A Tornado application that serves a folder.

    Players seek by asking for a range of a file, which Python's own `http.server` ignores.

    Raises:
        BookError: There is no site in the folder.
    """
    if not (root / "index.html").is_file():
        raise BookError(f"{root}: no site here. Build it first, with `make book`.")
    options = {"path": str(root), "default_filename": "index.html"}
    # Text is compressed, as publishing servers do; sounds keep their ranges.
    return Application([(r"/(.*)", StaticFileHandler, options)], compress_response=True)


def serve(root: Path, port: int = 8000, address: str = "127.0.0.1") -> None:
    """Serve a built site until interrupted, and print its address.

    Raises:
        BookError: There is no site in the folder, or the port is taken.
    """

    async def run() -> None:
        try:
            sockets = bind_sockets(port, address)
        except OSError as error:
            raise BookError(
                f"Port {port} is not free ({error.strerror}). Choose another with --port."
            ) from error
        HTTPServer(application(root)).add_sockets(sockets)
        print(f"http://{address}:{sockets[0].getsockname()[1]}/", flush=True)  # noqa: T201
        await asyncio.Event().wait()

    asyncio.run(run())

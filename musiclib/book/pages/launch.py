"""Links that run a chapter elsewhere: Binder and Colab, from the repository's own address.

Binder builds the environment of `.binder/` and opens the chapter as it is in the repository. Colab
has an environment of its own and opens a copy whose first cell installs musiclib; such copies
are on the branch `launch`, which the publishing workflow writes. Without an address of a
repository, and where a service cannot read it, there is no link.
"""

import tomllib
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote, urlsplit

import nbformat
from bs4 import BeautifulSoup, Tag
from nbformat.v4 import new_code_cell
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from musiclib.book import notebooks
from musiclib.book.layout import Book, Chapter
from musiclib.book.pages.page import Facts, SitePage
from musiclib.errors import BookError
from musiclib.files import replace_file

BRANCH = "main"
LAUNCH_BRANCH = "launch"
BINDER = "https://mybinder.org/v2"
COLAB = "https://colab.research.google.com/github"
CELL_ID = "install-musiclib"
# They make the site, or belong to the place where a notebook runs: a chapter does without them.
_NOT_FOR_CHAPTERS = {
    "brotli",
    "fonttools",
    "ipykernel",
    "ipywidgets",
    "jupyter-book",
    "latex2mathml",
    "papermill",
    "tinycss2",
    "torch",
    "tornado",
    "ziafont",
    "ziamath",
}
_ALSO = ("myst-nb",)  # jupyter-book brings it elsewhere
_FIRST_CELL = '''\
# Where musiclib is installed already, this cell does nothing. Elsewhere, as on Colab, it fetches
# the book's repository and installs what the chapters need, which takes a few minutes.
import importlib.util
import subprocess
import sys
from pathlib import Path

if importlib.util.find_spec("musiclib") is None:
    repository = Path({folder!r}).resolve()
    if not repository.is_dir():
        address = {address!r}
        subprocess.run(["git", "clone", "--depth", "1", address, str(repository)], check=True)
    libraries = """
{libraries}
    """.split("\\n")
    install = [sys.executable, "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, *filter(None, map(str.strip, libraries))], check=True)
    subprocess.run([*install, "--no-deps", "--editable", str(repository)], check=True)
    sys.path.insert(0, str(repository))  # a kernel that runs does not see a new editable package
    importlib.invalidate_caches()
'''
_NOTE = """\
# Copies of the book's chapters for Colab

These notebooks are made from the branch `{branch}`. The first cell of each installs `musiclib`
where it is missing. Change the chapters there, not here: every publication replaces this branch.
"""


@dataclass(frozen=True)
class Repository:
    """A repository on the web.

    Attributes:
        host: Host of the address, with its port if it names one, such as `github.com`.
        path: Path of the repository on it, such as `owner/name`.
    """

    host: str
    path: str

    @property
    def url(self) -> str:
        """Its address without `.git`."""
        return f"https://{self.host}/{self.path}"


def read_address(url: str | None) -> Repository | None:
    """Read the address of a repository.

    Args:
        url: An address such as `https://github.com/owner/name.git`, or None.

    Returns:
        The repository; None where the address is none that services on the web could reach.
    """
    if not url:
        return None
    parts = urlsplit(url.strip())
    path = parts.path.strip("/").removesuffix(".git")
    if parts.scheme not in ("http", "https") or not parts.hostname or not path:
        return None
    host = parts.hostname + (f":{parts.port}" if parts.port else "")
    return Repository(host, path)


def binder_url(repository: Repository, chapter: Chapter) -> str:
    """Address that opens a chapter on Binder.

    Args:
        repository: Where the book is.
        chapter: An executed chapter.

    Returns:
        An address of mybinder.org, for GitHub, GitLab and any other host of git.
    """
    if repository.host == "github.com":
        place = f"gh/{quote(repository.path)}"
    elif repository.host == "gitlab.com":
        place = f"gl/{quote(repository.path, safe='')}"
    else:
        place = f"git/{quote(f'{repository.url}.git', safe='')}"
    opened = quote(f"{chapter.docname}.ipynb", safe="/")
    return f"{BINDER}/{place}/{BRANCH}?labpath={opened}"


def colab_url(repository: Repository, chapter: Chapter) -> str | None:
    """Address that opens a chapter on Colab.

    Args:
        repository: Where the book is.
        chapter: An executed chapter.

    Returns:
        An address of Colab; None where the book is not on GitHub, since Colab reads no other host.
    """
    if repository.host != "github.com" or repository.path.count("/") != 1:
        return None
    return f"{COLAB}/{quote(repository.path)}/blob/{LAUNCH_BRANCH}/{quote(chapter.docname)}.ipynb"


def add_launch_links(page: SitePage, facts: Facts) -> None:
    """Offer Binder and Colab at the top of an executed chapter, and in its box on running it again.

    Args:
        page: The page.
        facts: The site; without the address of a repository the page stays as it is.
    """
    repository = read_address(facts.repository_url)
    chapter = page.chapter
    if repository is None or chapter is None or not chapter.executed:
        return
    offers = {"Binder": binder_url(repository, chapter), "Colab": colab_url(repository, chapter)}
    links = [_link(page, name, url) for name, url in offers.items() if url]
    _add_menu(page, offers)
    box = page.soup.select_one(".ml-rerun")
    line = page.soup.new_tag("p", attrs={"class": "ml-launch"})
    line.append("Or run it in the browser, with nothing installed: ")
    for number, link in enumerate(links):
        if number:
            line.append(" or ")
        line.append(link)
    line.append(". Setting up takes a few minutes there.")
    if box is not None:
        box.append(line)
    elif (title := page.soup.select_one("article h1")) is not None:
        title.insert_after(line)
    else:
        raise BookError(f"{page.path}: no title to put the launch links below.")


def _add_menu(page: SitePage, offers: dict[str, str | None]) -> None:
    """A menu among the theme's buttons, in the form of its menu of downloads."""
    buttons = page.soup.select_one(".article-header-buttons")
    if buttons is None:  # the theme leaves them out where a page has none
        return
    items = "".join(
        f'<li><a class="btn btn-sm dropdown-item" href="{escape(url)}" rel="noopener">'
        f'<span class="btn__text-container">Run on {name}</span></a></li>'
        for name, url in offers.items()
        if url
    )
    menu = BeautifulSoup(
        '<div class="dropdown dropdown-launch-buttons">'
        '<button class="btn dropdown-toggle" type="button" data-bs-toggle="dropdown" '
        'aria-expanded="false" aria-label="Run this chapter in the browser">'
        '<i class="fas fa-rocket" aria-hidden="true"></i></button>'
        f'<ul class="dropdown-menu">{items}</ul></div>',
        "html.parser",
    )
    buttons.insert(0, menu)


def _link(page: SitePage, name: str, url: str) -> Tag:
    link = page.soup.new_tag("a", href=url, attrs={"class": "ml-launch-link", "rel": "noopener"})
    link.string = name
    return link


def chapter_requirements(pyproject: Path) -> list[str]:
    """Libraries that a chapter needs beside PyTorch, which every place with notebooks has.

    Args:
        pyproject: The package's `pyproject.toml`.

    Returns:
        Requirements such as `av>=15`, sorted.

    Raises:
        BookError: The file cannot be read.
    """
    try:
        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    except (OSError, ValueError, KeyError) as error:
        raise BookError(f"{pyproject}: cannot read the package's needs ({error}).") from error
    needs = [Requirement(text) for text in project["dependencies"]]
    kept = [str(need) for need in needs if canonicalize_name(need.name) not in _NOT_FOR_CHAPTERS]
    return sorted([*kept, *_ALSO], key=str.lower)


def first_cell(repository: Repository, requirements: list[str]) -> str:
    """Source of the cell that installs musiclib where it is missing.

    Args:
        repository: Where the book is.
        requirements: From `chapter_requirements`.

    Returns:
        Python code. Running it again does nothing, also after an interruption.
    """
    return _FIRST_CELL.format(
        folder=repository.path.rsplit("/", 1)[-1],
        address=f"{repository.url}.git",
        libraries="\n".join(f"        {requirement}" for requirement in requirements),
    )


def write_launch_copies(book: Book, repository_url: str, out: Path) -> list[Path]:
    """Write copies of the executed chapters whose first cell installs musiclib.

    Args:
        book: The book.
        repository_url: Address of its repository.
        out: Folder for the copies, which become the branch `launch`.

    Returns:
        The files that were written.

    Raises:
        BookError: The address is none of a repository on the web, or a chapter is not readable.
    """
    repository = read_address(repository_url)
    if repository is None:
        raise BookError(
            f"{repository_url!r} is no address of a repository on the web. "
            "Give one such as https://github.com/owner/name."
        )
    source = first_cell(repository, chapter_requirements(book.root / "pyproject.toml"))
    written = []
    for chapter in book.select([]):
        notebook = notebooks.read(chapter.source)
        cell = new_code_cell(source, id=CELL_ID)  # type: ignore[no-untyped-call]
        notebook.cells.insert(1, cell)  # below the title
        target = out / f"{chapter.docname}.ipynb"
        text = nbformat.writes(notebook, version=4)  # type: ignore[no-untyped-call]
        replace_file(target, f"{text.rstrip()}\n".encode())
        written.append(target)
    readme = out / "README.md"
    replace_file(readme, _NOTE.format(branch=BRANCH).encode())
    return [*written, readme]

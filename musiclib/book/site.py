"""The site from executed chapters: jupyter-book with warnings as errors, and no remote scripts."""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from musiclib.book.layout import BOOK_FOLDER, CONFIG_NAME, TOC_NAME, Book
from musiclib.book.postprocess import plain
from musiclib.book.store import Stored
from musiclib.errors import BookError
from musiclib.listen.sounds import STATIC

_COMPLAINT = re.compile(
    r"^.*(?:WARNING|ERROR|CRITICAL).*$|^(?:Sphinx|Extension|Theme|Exception)[\w ]*:\s*\n.*$",
    re.MULTILINE,
)


def assemble(
    book: Book, chapters: Mapping[str, Stored], folder: Path, repository_url: str | None
) -> None:
    """Lay out the sources for jupyter-book: prose as written, notebooks as executed, media.

    Args:
        book: The book.
        chapters: Executed chapters by docname; notebooks that are not among them are left out of
            the table of contents' folder, so jupyter-book reports them.
        folder: Folder to fill; it must not exist.
        repository_url: Address of the repository for the pages' links to it, or None.
    """
    copy_sources(book, folder)
    shutil.copytree(STATIC, folder / BOOK_FOLDER / "_static", dirs_exist_ok=True)
    for notebook in (folder / BOOK_FOLDER).rglob("*.ipynb"):
        notebook.unlink()
    config = yaml.safe_load((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    if repository_url:
        config["repository"] = {"url": repository_url, "branch": "main", "path_to_book": ""}
        config["html"].update(use_repository_button=True, use_issues_button=True)
        # The theme knows three hosts by name and asks which of them any other is like.
        provider = next((p for p in ("gitlab", "bitbucket") if p in repository_url), "github")
        config["sphinx"]["config"]["html_theme_options"]["repository_provider"] = provider
    (folder / CONFIG_NAME).write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    for chapter in book.chapters:
        if chapter.docname in chapters:
            stored = chapters[chapter.docname]
            shutil.copy2(stored.notebook, folder / f"{chapter.docname}.ipynb")
            media = folder / BOOK_FOLDER / "_static" / chapter.media_folder
            shutil.copytree(stored.media, media, dirs_exist_ok=True)


def copy_sources(book: Book, folder: Path) -> None:
    """Copy the book's folder and settings, without what editors leave behind."""
    ignore = shutil.ignore_patterns(".*", "_build")
    shutil.copytree(book.root / BOOK_FOLDER, folder / BOOK_FOLDER, ignore=ignore)
    for name in (CONFIG_NAME, TOC_NAME):
        shutil.copy2(book.root / name, folder / name)


def build_site(source: Path, log: Path) -> Path:
    """Build the site with jupyter-book.

    Args:
        source: Folder from `assemble`.
        log: File that receives what jupyter-book says.

    Returns:
        Folder of the built site.

    Raises:
        BookError: A warning or an error; the message lists them.
    """
    html = source / "_build" / "html"
    # The package has no `python -m`, and its script may not be on the path.
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    command += ["build", str(source), "-W", "-n", "--keep-going", "--all"]
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
    (source / "_build" / "html" / ".buildinfo").unlink(missing_ok=True)
    return html

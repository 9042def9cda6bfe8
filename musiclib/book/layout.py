"""Which chapters the book has, and where their sources are."""

from dataclasses import dataclass
from pathlib import Path

from musiclib.errors import BookError

CONFIG_NAME = "_config.yml"
TOC_NAME = "_toc.yml"
BOOK_FOLDER = "book"
_SUFFIXES = (".ipynb", ".md")


@dataclass(frozen=True)
class Chapter:
    """One page of the book.

    Attributes:
        docname: Name in the table of contents, such as `book/approach/metric`.
        source: File that the page is made from.
    """

    docname: str
    source: Path

    @property
    def name(self) -> str:
        """Short name, without the book's folder, such as `approach/metric`."""
        return self.docname.removeprefix(f"{BOOK_FOLDER}/")

    @property
    def executed(self) -> bool:
        """Whether the page is a notebook, which papermill runs."""
        return self.source.suffix == ".ipynb"

    @property
    def media_folder(self) -> str:
        """Place of the chapter's media below the site's `_static` folder."""
        return f"media/{self.name}"

    @property
    def media_url(self) -> str:
        """The same place as seen from the chapter's page, such as `../../_static/media/...`."""
        return f"{'../' * self.docname.count('/')}_static/{self.media_folder}"


@dataclass(frozen=True)
class Book:
    """The sources of a book.

    Attributes:
        root: Folder with `_config.yml`, `_toc.yml` and the folder `book`.
        chapters: Pages in reading order; the first is the front page.
    """

    root: Path
    chapters: tuple[Chapter, ...]

    def select(self, names: list[str]) -> list[Chapter]:
        """Executed chapters by name.

        Args:
            names: Names such as `introduction`, `approach/metric` or
                `book/approach/metric.ipynb`; an empty list selects all.

        Returns:
            Chapters in reading order.

        Raises:
            BookError: A name that is not an executed chapter.
        """
        executed = [chapter for chapter in self.chapters if chapter.executed]
        if not names:
            return executed
        wanted = {n.removesuffix(".ipynb").removeprefix(f"{BOOK_FOLDER}/") for n in names}
        known = {chapter.name for chapter in executed}
        if unknown := sorted(wanted - known):
            raise BookError(
                f"No executed chapter named {', '.join(unknown)}. "
                f"Choose from: {', '.join(sorted(known))}."
            )
        return [chapter for chapter in executed if chapter.name in wanted]


def find_book(start: Path) -> Book:
    """Find the book in a folder or in one above it.

    Args:
        start: Folder to begin in.

    Returns:
        The book with its chapters.

    Raises:
        BookError: No book there, or its table of contents is not usable.
    """
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / TOC_NAME).is_file() and (folder / CONFIG_NAME).is_file():
            return Book(folder, _chapters(folder))
    raise BookError(
        f"{start}: no {TOC_NAME} and {CONFIG_NAME} here or above. "
        "Run this in a clone of the book's repository, or name its folder with --source."
    )


def _chapters(root: Path) -> tuple[Chapter, ...]:
    from sphinx_external_toc.parsing import parse_toc_yaml

    toc = root / TOC_NAME
    try:
        site_map = parse_toc_yaml(toc)
    except Exception as error:  # the parser and YAML each have their own kinds
        raise BookError(f"{toc}: {error}") from error
    names = [site_map.root.docname, *(name for name in site_map if name != site_map.root.docname)]
    return tuple(_chapter(root, name) for name in names)


def _chapter(root: Path, docname: str) -> Chapter:
    docname = docname.removesuffix(".ipynb").removesuffix(".md")
    for suffix in _SUFFIXES:
        source = root / f"{docname}{suffix}"
        if source.is_file():
            return Chapter(docname, source)
    raise BookError(
        f"{root / TOC_NAME} names {docname}, but there is no {docname}.ipynb or {docname}.md."
    )

"""The last hand on the built pages: each page is read once, changed step by step, and written.

A step changes one page. What Sphinx and its extensions can do is left to them; a step does what
needs to know the whole site, the run of the chapters, or the published address.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bs4 import BeautifulSoup

from musiclib.book.layout import Book, Chapter
from musiclib.book.store import Stored
from musiclib.files import replace_file


@dataclass(frozen=True)
class Facts:
    """What is known of a site besides its pages.

    Attributes:
        book: The sources of the book.
        html: Folder of the built site.
        chapters: Executed chapters by docname.
        repository_url: Address of the repository, without a slash at its end, or None.
        site_url: Address where the site will be, with a slash at its end, or None.
    """

    book: Book
    html: Path
    chapters: Mapping[str, Stored] = field(default_factory=dict)
    repository_url: str | None = None
    site_url: str | None = None


@dataclass
class SitePage:
    """A built page.

    Attributes:
        path: Its place in the site, such as `book/introduction.html`.
        soup: Its elements, to be changed in place.
        chapter: The chapter that it was made from; None for search, index of terms and forwards.
    """

    path: Path
    soup: BeautifulSoup
    chapter: Chapter | None

    @property
    def root(self) -> str:
        """The site's folder as seen from the page: `../` for each folder above it."""
        return "../" * (len(self.path.parts) - 1)


Step = Callable[[SitePage, Facts], None]

STEPS: tuple[Step, ...] = ()
"""Done to every page, in this order."""


def finish(facts: Facts, steps: tuple[Step, ...] = STEPS) -> None:
    """Do every step to every page of a built site.

    Args:
        facts: The site and what is known of it.
        steps: What to do, in order.
    """
    chapters = {f"{chapter.docname}.html": chapter for chapter in facts.book.chapters}
    for file in sorted(facts.html.rglob("*.html")):
        path = file.relative_to(facts.html)
        soup = BeautifulSoup(file.read_bytes(), "html.parser")
        page = SitePage(path, soup, chapters.get(path.as_posix()))
        for step in steps:
            step(page, facts)
        replace_file(file, str(page.soup).encode())

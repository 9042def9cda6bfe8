"""A built page on its way to the reader, and what is known of the site around it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from bs4 import BeautifulSoup

from musiclib.book.layout import CONFIG_NAME, Book, Chapter
from musiclib.book.store import Stored


@dataclass(frozen=True)
class Facts:
    """What is known of a site besides its pages.

    Attributes:
        book: The sources of the book.
        html: Folder of the built site.
        chapters: Executed chapters by docname.
        repository_url: Address of the repository, without a slash at its end, or None.
        site_url: Address where the site will be, with a slash at its end, or None.
        pdf: Place of the book's PDF in the site, or None where none is made.
        record: What the site was made with, from `musiclib.book.record.run_record`.
    """

    book: Book
    html: Path
    chapters: Mapping[str, Stored] = field(default_factory=dict)
    repository_url: str | None = None
    site_url: str | None = None
    pdf: str | None = None
    record: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def config(self) -> Mapping[str, str]:
        """The book's `title` and `author`, empty where its settings do not say."""
        config = yaml.safe_load((self.book.root / CONFIG_NAME).read_text(encoding="utf-8"))
        return {key: str(config.get(key, "")) for key in ("title", "author")}


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

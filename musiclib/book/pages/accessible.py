"""What the theme leaves out for readers with a screen reader or a keyboard."""

import re

from musiclib.book.pages.page import Facts, SitePage

_ICON = re.compile("^fa-")


def mend_theme(page: SitePage, facts: Facts) -> None:  # noqa: ARG001
    """Name landmarks, and drop roles that say nothing.

    Args:
        page: The page.
        facts: Unused.
    """
    soup = page.soup
    if sidebar := soup.find(id="pst-primary-sidebar"):
        # The title and the search stand beside the contents, in no landmark of their own.
        sidebar["role"], sidebar["aria-label"] = "complementary", "Book"
    for entry in soup.find_all(role="doc-biblioentry"):
        del entry["role"]
    for entries in soup.find_all(class_="citation-list", role="list"):
        del entries["role"]
    for icon in soup.find_all(["i", "span"], class_=_ICON):
        if not icon.get_text(strip=True):
            icon["aria-hidden"] = "true"
            icon.attrs.pop("title", None)

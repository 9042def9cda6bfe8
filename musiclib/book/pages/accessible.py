"""What the theme leaves out for readers with a screen reader or a keyboard."""

import re

from musiclib.book.pages.page import Facts, SitePage

_ICON = re.compile("^fa-")
# The theme's script lets the keyboard reach an element of this class while it is wider than its
# place, so that the arrow keys can move it sideways.
SCROLLABLE = "pst-scrollable-table-container"


def mend_theme(page: SitePage, facts: Facts) -> None:  # noqa: ARG001
    """Name landmarks, let the keyboard reach wide figures, and drop roles that say nothing.

    Args:
        page: The page.
        facts: Unused.
    """
    soup = page.soup
    if sidebar := soup.find(id="pst-primary-sidebar"):
        # The title and the search stand beside the contents, in no landmark of their own.
        sidebar["role"], sidebar["aria-label"] = "complementary", "Book"
    for figure in soup.find_all("figure"):
        classes = [str(name) for name in figure.get("class") or []]
        picture = figure.find("img")
        own = picture is not None and picture.find_parent("figure") is figure
        # The players' and the maps' own figures fit every width.
        if own and figure.find(["audio", "svg"]) is None and SCROLLABLE not in classes:
            figure["class"] = " ".join([*classes, SCROLLABLE])
    for entry in soup.find_all(role="doc-biblioentry"):
        del entry["role"]
    for entries in soup.find_all(class_="citation-list", role="list"):
        del entries["role"]
    for icon in soup.find_all(["i", "span"], class_=_ICON):
        if not icon.get_text(strip=True):
            icon["aria-hidden"] = "true"
            icon.attrs.pop("title", None)

"""What the theme leaves out for readers with a screen reader or a keyboard."""

from musiclib.book.pages import Facts, SitePage

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
    for sidebar in soup.select("#pst-primary-sidebar"):
        # The title and the search stand beside the contents, in no landmark of their own.
        sidebar["role"], sidebar["aria-label"] = "complementary", "Book"
    for figure in soup.select(".cell_output figure:has(> img, > a > img)"):
        classes = figure.get_attribute_list("class")
        if SCROLLABLE not in classes:
            figure["class"] = " ".join([*map(str, filter(None, classes)), SCROLLABLE])
    for entry in soup.select('[role="doc-biblioentry"], .citation-list[role="list"]'):
        del entry["role"]
    for icon in soup.select("i[class*='fa-'], span[class*='fa-']"):
        if not icon.get_text(strip=True):
            icon["aria-hidden"] = "true"
            icon.attrs.pop("title", None)

"""The page that a server shows for an address that does not exist: `404.html`."""

import re
from urllib.parse import urljoin, urlsplit

from bs4 import BeautifulSoup

from musiclib.book.loading import NOT_FOUND, SEARCH_SCRIPTS
from musiclib.book.pages.page import Facts
from musiclib.errors import BookError
from musiclib.files import replace_file

_SOURCE = "search.html"
_ADDRESSES = ("href", "src", "action", "data-content_root")


def base_path(site_url: str | None) -> str:
    """Path of the site on its host: `/` or, for example, `/book/`.

    Args:
        site_url: Address of the site, or None for the top of a host.

    Returns:
        A path that begins and ends with a slash.
    """
    path = urlsplit(site_url).path.strip("/") if site_url else ""
    return f"/{path}/" if path else "/"


def write_not_found(facts: Facts) -> None:
    """Make the page from the page for the search, whose field stays.

    A server shows it in place of pages in any folder, so its addresses begin at the host.

    Args:
        facts: The finished site.

    Raises:
        BookError: The site has no page for the search.
    """
    source = facts.html / _SOURCE
    if not source.is_file():
        raise BookError(f"The built site has no {_SOURCE}, which {NOT_FOUND} is made from.")
    soup = BeautifulSoup(source.read_bytes(), "html.parser")
    base = base_path(facts.site_url)
    for tag in soup.select("script"):
        # The search page puts the cursor into its field and looks for words in the address.
        if re.search(SEARCH_SCRIPTS, str(tag.get("src", ""))) or "searchInput" in tag.get_text():
            tag.decompose()
    for tag in soup.select("#search-results, noscript .admonition, link[rel=canonical]"):
        tag.decompose()
    for tag in soup.select('meta[property="og:url"], link[rel=search][href="#"]'):
        tag.decompose()
    for form in soup.select("form.bd-search"):
        form["action"] = _SOURCE
    for tag in soup.find_all(True):
        for key in _ADDRESSES:
            value = tag.get(key)
            if isinstance(value, str) and not value.startswith("#"):
                tag[key] = urljoin(base, value) if value not in (".", "./") else base
    _say(soup, facts, base)
    replace_file(facts.html / NOT_FOUND, str(soup).encode())


def _say(soup: BeautifulSoup, facts: Facts, base: str) -> None:
    heading = soup.select_one(".bd-search-container h1")
    if heading is None:
        raise BookError(f"{_SOURCE} has no heading to replace for {NOT_FOUND}.")
    heading.string = "There is no such page"
    text = BeautifulSoup(
        "<p>Chapters may have moved. Begin at the <a>front page</a>, "
        "choose a chapter from the contents, or search the book.</p>",
        "html.parser",
    )
    if text.a is not None:
        text.a["href"] = urljoin(base, f"{facts.book.chapters[0].docname}.html")
    heading.insert_after(text)
    if soup.title is not None:
        rest = soup.title.get_text().partition(" - ")[2] or soup.title.get_text()
        soup.title.string = f"There is no such page - {rest}"
    for tag in soup.select('meta[property="og:title"]'):
        tag["content"] = heading.get_text()
    robots = soup.new_tag("meta", attrs={"name": "robots", "content": "noindex"})
    if soup.head is not None:
        soup.head.append(robots)

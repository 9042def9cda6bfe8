"""Words of the glossary in the text: a link at the first mention, and the meaning on hover."""

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString

from musiclib.book.pages.page import Facts, SitePage

GLOSSARY = "book/glossary"
"""The page with the glossary."""
_TEXT = "article p, article li"
_OTHER = ["a", "code", "math", "figure", "table", "details", "button", "label", "kbd", "audio"]


def explain_terms(page: SitePage, facts: Facts) -> None:
    """Link the first mention of each term of the glossary in a chapter's running text.

    Args:
        page: The page.
        facts: The site, whose glossary is read.
    """
    terms = glossary(facts.html / f"{GLOSSARY}.html")
    if page.chapter is None or page.chapter.docname == GLOSSARY or not terms:
        return
    open_terms = dict(terms)
    for text in _running_text(page.soup):
        while text is not None and (found := _first(str(text), open_terms)):
            word, start, end = found
            anchor, meaning = open_terms[word]
            open_terms = {k: v for k, v in open_terms.items() if v[1] != meaning}
            address = f"{page.root}{GLOSSARY}.html#{anchor}"
            link = page.soup.new_tag("a", href=address, title=meaning, string=text[start:end])
            link["class"] = "ml-term"
            before, after = text[:start], NavigableString(text[end:])
            text.replace_with(NavigableString(before), link, after)
            text = after


@lru_cache(maxsize=4)
def glossary(file: Path) -> dict[str, tuple[str, str]]:
    """Return the anchor and the meaning of each term; nothing where there is no such page."""
    if not file.is_file():
        return {}
    soup = BeautifulSoup(file.read_bytes(), "html.parser")
    return {
        str(next(term.stripped_strings)): (str(term["id"]), " ".join(meaning.get_text().split()))
        for meaning in soup.select("dl.glossary > dd")
        for term in _names(meaning)
    }


def _names(meaning: Tag) -> Iterator[Tag]:
    for sibling in meaning.find_previous_siblings():
        if sibling.name != "dt":
            return
        yield sibling


def _running_text(soup: BeautifulSoup) -> Iterator[NavigableString]:
    for part in soup.select(_TEXT):
        for text in list(part.find_all(string=True)):
            if type(text) is NavigableString and not text.find_parent(_OTHER):
                yield text


def _first(text: str, terms: dict[str, tuple[str, str]]) -> tuple[str, int, int] | None:
    """Return the term that comes first in a text, the longest one at a place, and where it is."""
    found = []
    for word in terms:
        flags = re.IGNORECASE if word.islower() else 0
        if match := re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text, flags):
            found.append((match.start(), -len(word), word, match.end()))
    if not found:
        return None
    start, _, word, end = min(found)
    return word, start, end

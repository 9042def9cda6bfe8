"""A result of the search leads to the section that holds the words, by Sphinx's own script."""

import json
import shutil
from pathlib import Path

import pytest
import sphinx

from tests.browser.conftest import REPOSITORY

SPHINX = Path(sphinx.__file__).parent / "themes" / "basic" / "static"
INDEX = {
    "docnames": ["page"],
    "filenames": ["page.md"],
    "titles": ["Animals"],
    "terms": {"walrus": 0, "seal": 0, "tusk": 0, "begin": 0},
    "titleterms": {"anim": 0},
    "alltitles": {"Animals": [[0, "animals"]]},
    "indexentries": {},
    "objects": {},
    "objnames": {},
    "objtypes": {},
}
PAGE = """<html><body><main role="main"><section id="animals"><h1>Animals</h1><p>They begin.</p>
<section id="small"><h2>Small ones<a class="headerlink" href="#small">#</a></h2><p>A seal.</p>
</section>
<section id="large"><h2>Large ones<a class="headerlink" href="#large">#</a></h2><p>Seals, too.</p>
<section id="teeth"><h3>Their teeth</h3><p>The walrus and its tusks.</p></section></section>
</section></main></body></html>"""
WORDS = (
    "var stopwords = []; var Stemmer = function () { this.stemWord = (w) => w.replace(/s$/, ''); }"
)
SCRIPTS = ("documentation_options", "doctools", "sphinx_highlight", "language_data")


@pytest.fixture(scope="module")
def address(serve, tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    for name in ("doctools", "sphinx_highlight", "searchtools"):
        shutil.copy(SPHINX / f"{name}.js", folder)
    shutil.copy(REPOSITORY / "book" / "_static" / "search.js", folder)
    options = {"BUILDER": "html", "FILE_SUFFIX": ".html", "LINK_SUFFIX": ".html", "LANGUAGE": "en"}
    options |= {"SHOW_SEARCH_SUMMARY": True, "HAS_SOURCE": True, "VERSION": ""}
    options |= {"NAVIGATION_WITH_KEYS": False, "ENABLE_SEARCH_SHORTCUTS": False}
    (folder / "documentation_options.js").write_text(
        f"const DOCUMENTATION_OPTIONS = {json.dumps(options)};"
    )
    (folder / "language_data.js").write_text(WORDS)
    (folder / "searchindex.js").write_text(f"Search.setIndex({json.dumps(INDEX)})")
    (folder / "page.html").write_text(PAGE)
    scripts = "".join(
        f'<script defer src="{name}.js"></script>'
        for name in (*SCRIPTS, "searchtools", "search", "searchindex")
    )
    (folder / "search.html").write_text(
        f'<!doctype html><html lang="en" data-content_root="./"><head><title>Search</title>'
        f'<link rel="icon" href="data:,">{scripts}</head><body><div id="search-progress"></div>'
        '<div id="search-results"></div></body></html>'
    )
    return serve(folder) + "search.html"


@pytest.mark.parametrize(
    ("words", "anchor", "title"),
    [
        ("walrus", "#teeth", "Animals > Their teeth"),
        ("seal", "#small", "Animals > Small ones"),
        ("tusk walrus", "#teeth", "Animals > Their teeth"),
        ("begin", "", "Animals"),
    ],
)
def test_a_result_leads_to_the_section_of_the_words(address, open_page, words, anchor, title):
    opened = open_page(f"{address}?q={words}")
    page = opened.page
    page.locator("#search-results p.context").wait_for()
    link = page.locator("#search-results a")
    assert link.evaluate("a => a.href") == address.replace("search.html", f"page.html{anchor}")
    assert link.inner_text() == title
    assert opened.problems == []

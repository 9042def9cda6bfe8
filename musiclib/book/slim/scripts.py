"""Each page loads the scripts and styles that something on it needs, and no script holds it up."""

import re
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag

from musiclib.book.loading import SEARCH_SCRIPTS
from musiclib.book.pages.page import Facts, SitePage

# What a file serves: a pattern of its name, and a selector of the elements that need it. An empty
# selector stands for what no page of a static site needs.
NEEDED_FOR = (
    (r"labels[\w-]*\.(js|css)", "[data-ml-labels]"),
    (r"map[\w-]*\.(js|css)", "[data-ml-map]"),
    (r"(listen|player|blind)[\w-]*\.(js|css)", "audio, video, .ml-comparison, [data-ml-map]"),
    (r"explorer[\w-]*\.(js|css)", ".mx"),
    (r"(copybutton[\w-]*|clipboard\.min)\.(js|css)", "div.highlight pre"),
    (r"design-tabs\.js", ".sd-tab-set"),
    (r"sphinx-design[\w.-]*\.css", '[class*="sd-"]'),
    (r"togglebutton\.(js|css)", ".toggle, .admonition.dropdown"),
    (SEARCH_SCRIPTS, "#search-results"),
    (r"sphinx-thebe\.(js|css)", ""),
    # The theme's style sheet already draws its icons with a font. This script draws the same icons
    # a second time and weighs more than all the rest of a page.
    (r"fontawesome\.js", ""),
)
_SEARCH = ("search", "searchtools")  # ours adds to Sphinx's, which the theme puts behind it
_IDLE_SETTINGS = re.compile(
    r"^\s*(DOCUMENTATION_OPTIONS\.(pagename|search_as_you_type) =|kernelName =|const THEBE_JS_URL)"
)
_TOGGLE_SETTINGS = re.compile(r"^\s*(let toggle(Hint|Open)\w+ =|var togglebuttonSelector =)")
_THEME_SETTING = "document.documentElement.dataset.theme"
# Sets the reader's theme before the first paint. The theme's own line leaves both values empty for
# a new reader, which paints the light theme first and is an error in the browser's console.
THEME_START = """(() => {
  const page = document.documentElement.dataset;
  let mode = null;
  try { mode = localStorage.getItem("mode"); } catch { /* storage is switched off */ }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  page.mode = ["light", "dark"].includes(mode) ? mode : "auto";
  page.theme = page.mode === "auto" ? dark : page.mode;
})();"""


def slim_scripts(page: SitePage, facts: Facts) -> None:  # noqa: ARG001
    """Leave out what the page does not need, and load its scripts beside the reading.

    Args:
        page: The page; one without a style sheet, such as a forward, is left alone.
        facts: Unused.
    """
    soup = page.soup
    head = soup.head
    if head is None or head.find("link", rel="stylesheet") is None:
        return
    needed: dict[str, bool] = {}
    for tag in [*head.find_all(["script", "link"]), *_last_scripts(soup)]:
        if _idle(tag, soup, needed):
            tag.decompose()
    _settings(page)
    # All scripts in the order of the page, after it was parsed; browsers look ahead for them.
    for tag in [*head.find_all("script", src=True), *_last_scripts(soup)]:
        tag["defer"] = ""
        head.append(tag.extract())
    search = {name: head.find("script", src=re.compile(rf"/{name}\.js")) for name in _SEARCH}
    if search["searchtools"] and search["search"]:
        search["searchtools"].insert_after(search["search"].extract())


def _last_scripts(soup: BeautifulSoup) -> list[Tag]:
    """Scripts that the theme puts after the content."""
    return soup.body.find_all("script", src=True, recursive=False) if soup.body else []


def _idle(tag: Tag, soup: BeautifulSoup, needed: dict[str, bool]) -> bool:
    if tag.name == "link" and "preload" in tag.get_attribute_list("rel"):
        return True
    address = str(tag.get("src") or tag.get("href") or "")
    name = PurePosixPath(urlsplit(address).path).name
    for pattern, selector in NEEDED_FOR:
        if re.fullmatch(pattern, name):
            if selector not in needed:
                needed[selector] = bool(selector) and soup.select_one(selector) is not None
            return not needed[selector]
    return False


def _settings(page: SitePage) -> None:
    toggles = page.soup.select_one(".toggle, .admonition.dropdown") is not None
    for tag in page.soup.find_all("script", src=False):
        text = tag.get_text()
        if tag.get("type") == "text/x-thebe-config":
            tag.decompose()
        elif _THEME_SETTING in text:
            tag.string = THEME_START
        elif _IDLE_SETTINGS.match(text) or (_TOGGLE_SETTINGS.match(text) and not toggles):
            tag.decompose()
    if page.soup.html is not None:
        # What the script above sets, for readers without scripts.
        page.soup.html["data-mode"], page.soup.html["data-theme"] = "auto", "light"
    head = page.soup.head
    if head is not None:
        for tag in [
            *head.find_all("meta", attrs={"name": "viewport"})[1:],
            *head.find_all("meta", content=""),
        ]:
            tag.decompose()

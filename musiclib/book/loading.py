"""What a page of a built site refers to, and what a browser loads for it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

NOT_FOUND = "404.html"
"""The page that a server shows for an address that does not exist."""
SEARCH_SCRIPTS = r"(search|searchtools|language_data|searchindex)\.js"
"""Pattern of the scripts that only the page for the search needs."""
DARK_TWIN = "ml-dark"
"""Class of a figure for the dark theme, which is hidden in the light one and not loaded there."""

_CSS_URL = re.compile(r"""url\(\s*['"]?([^'")]+)['"]?\s*\)""")
_CSS_IMPORT = re.compile(r"""@import\s+['"](?P<address>[^'"]+)['"]""")
_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}")
_FILE_DATA = re.compile(
    r"^[^\s{}\[\]<>]+\.(ogg|opus|oga|flac|wav|mp3|m4a|png|svg|jpe?g|webp|json)$"
)
# What a browser fetches before the reader does anything.
_EAGER_LINKS = frozenset({"stylesheet", "preload", "modulepreload", "icon", "shortcut icon"})


@dataclass(frozen=True)
class Reference:
    """An address in a page.

    Attributes:
        where: Tag and attribute, such as `img src`.
        address: As written.
        eager: Whether a browser fetches it before anything is played or clicked.
        late: Whether it does so only when the reader comes near it.
        link: Whether it is only followed when the reader clicks on it.
    """

    where: str
    address: str
    eager: bool
    link: bool
    late: bool = False


class Page:
    """One parsed page of a site."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")

    @cached_property
    def anchors(self) -> frozenset[str]:
        """Names that a link can point at."""
        tags = self.soup.find_all(True)
        return frozenset(
            str(tag[key]) for tag in tags for key in ("id", "name") if tag.get(key) is not None
        )

    @property
    def redirect(self) -> str | None:
        """Address that the page forwards to at once, or None."""
        for tag in self.soup.find_all("meta", attrs={"http-equiv": re.compile("refresh", re.I)}):
            _, _, address = str(tag.get("content", "")).partition("=")
            return address.strip("'\" ") or None
        return None

    @property
    def base(self) -> str:
        """Path of the site on its host as the page says it; `/` when its addresses are relative."""
        root = str(self.soup.html.get("data-content_root", "")) if self.soup.html else ""
        return root if root.startswith("/") else "/"

    def references(self) -> Iterator[Reference]:
        """All addresses of the page."""
        if self.redirect:
            yield Reference("meta refresh", self.redirect, eager=True, link=False)
        for tag in self.soup.find_all(True):
            yield from _references(tag)


def loaded_files(page: Page, root: Path, *, scrolled: bool = True) -> set[Path]:
    """Files that a browser loads for a page before anything is played.

    Fonts and pictures that style sheets name count too, each font in its first format. Nothing
    is compressed in this count; a web server that compresses sends less.

    Args:
        page: The page.
        root: Folder of the site.
        scrolled: Whether the reader has seen the whole page, so that all pictures were loaded.

    Returns:
        Paths, with the page itself and, for a page that forwards at once, its target.
    """
    files = {page.path}
    for reference in page.references():
        target = local_file(reference.address, page.path, root, page.base)
        wanted = reference.eager and (scrolled or not reference.late)
        if not wanted or target is None or not target.is_file():
            continue
        files.add(target)
        if reference.where == "meta refresh" and target != page.path:
            files |= loaded_files(Page(target), root, scrolled=scrolled)
        if target.suffix == ".css":
            files |= {f for f in style_files(target, root) if f.is_file()}
    return files


def _references(tag: Tag) -> Iterator[Reference]:
    name = tag.name
    for key, value in tag.attrs.items():
        text = " ".join(value) if isinstance(value, list) else str(value)
        where = f"{name} {key}"
        if key == "href":
            relation = " ".join(tag.get_attribute_list("rel")) if tag.get("rel") else ""
            eager = name == "link" and relation in _EAGER_LINKS
            link = name in ("a", "area") or (name == "link" and not eager)
            yield Reference(where, text, eager, link)
        elif key in ("src", "poster", "data") and name != "param":
            yield Reference(where, text, _eager_source(tag), False, tag.get("loading") == "lazy")
        elif key == "srcset":
            for candidate in text.split(","):
                late = tag.get("loading") == "lazy"
                # A browser loads one of a figure's pictures, and they weigh about the same.
                one_of = name == "source" and tag.find_parent("picture") is not None
                yield Reference(where, candidate.split()[0], not one_of, False, late)
        elif key.startswith("data-") and _FILE_DATA.match(text):
            yield Reference(where, text, eager=False, link=False)
        elif key == "style":
            for address in _CSS_URL.findall(text):
                yield Reference(where, address, eager=True, link=False)


def _eager_source(tag: Tag) -> bool:
    if DARK_TWIN in (tag.get("class") or []):
        return False  # a browser loads one of a figure's two pictures, and they weigh the same
    if tag.get("loading") == "lazy" and tag.find_parent("details", open=False):
        return False  # a browser loads it when the reader unfolds it
    row = tag.find_parent("tr", attrs={"data-ml-group": True})
    if row is not None and tag.get("loading") == "lazy" and not row.has_attr("data-tiles"):
        cell = tag.find_parent("td")
        if cell is not None and cell.find_previous_sibling("td") is not None:
            return False  # stages load the picture of a system when it is chosen
    player = tag if tag.name in ("audio", "video") else tag.find_parent(["audio", "video"])
    # Without the attribute a browser decides, so the whole file counts.
    return player is None or player.get("preload") != "none"


def local_file(address: str, source: Path, root: Path, base: str = "/") -> Path | None:
    """File that an address means.

    Args:
        address: As written.
        source: File that has it.
        root: Folder of the site.
        base: Path of the site on its host, which absolute addresses begin with.

    Returns:
        Path, of which nobody knows yet whether it exists; None for what is no file of a site.
    """
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not parts.path:
        return None
    path = unquote(parts.path)
    if path.startswith("/"):
        # What is not below the site is outside its folder, which does not exist.
        inside = path.startswith(base)
        target = root / path.removeprefix(base) if inside else root.parent / path.lstrip("/")
    else:
        target = source.parent / path
    target = target.resolve()
    return target / "index.html" if target.is_dir() else target


def style_addresses(text: str) -> Iterator[str]:
    """Addresses in a style sheet: those of fonts and pictures, and of other style sheets."""
    yield from _CSS_URL.findall(text)
    yield from (match["address"] for match in _CSS_IMPORT.finditer(text))


def style_files(path: Path, root: Path) -> set[Path]:
    """Files that a style sheet may load; of each font its first format."""
    text = path.read_text(encoding="utf-8")
    first_fonts = [_CSS_URL.findall(block)[:1] for block in _FONT_FACE.findall(text)]
    addresses = [address for block in first_fonts for address in block]
    addresses += list(style_addresses(_FONT_FACE.sub("", text)))
    targets = (local_file(address, path, root) for address in addresses)
    return {target for target in targets if target is not None}

"""Checks of a built site: what a reader would stumble over.

Every link, source and anchor leads somewhere, every picture has an alternative text and every
player a name, nothing that reading needs comes from another host, no traceback is printed, and
the front page is light.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

MAX_FIRST_PAGE_BYTES = 1_500_000
FIRST_PAGE = "index.html"

_IMAGE_NAME = re.compile(r"\.(png|svg|jpe?g|gif|webp)$", re.IGNORECASE)
_CSS_URL = re.compile(r"""url\(\s*['"]?([^'")]+)['"]?\s*\)""")
_CSS_IMPORT = re.compile(r"""@import\s+['"](?P<address>[^'"]+)['"]""")
_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}")
_FILE_DATA = re.compile(
    r"^[^\s{}\[\]<>]+\.(ogg|opus|oga|flac|wav|mp3|m4a|png|svg|jpe?g|webp|json)$"
)
# What a browser fetches before the reader does anything.
_EAGER_LINKS = frozenset({"stylesheet", "preload", "modulepreload", "icon", "shortcut icon"})
_TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class Reference:
    """An address in a page.

    Attributes:
        where: Tag and attribute, such as `img src`.
        address: As written.
        eager: Whether a browser fetches it before anything is played or clicked.
        link: Whether it is only followed when the reader clicks on it.
    """

    where: str
    address: str
    eager: bool
    link: bool


@dataclass(frozen=True)
class SiteReport:
    """Result of `check_site`.

    Attributes:
        findings: One sentence for each problem; empty for a good site.
        weights: Bytes that each page loads before any sound is played.
        links: Addresses on other hosts that readers can follow.
    """

    findings: tuple[str, ...]
    weights: dict[str, int]
    links: tuple[str, ...]


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

    def references(self) -> Iterator[Reference]:
        """All addresses of the page."""
        if self.redirect:
            yield Reference("meta refresh", self.redirect, eager=True, link=False)
        for tag in self.soup.find_all(True):
            yield from _references(tag)


def check_site(root: Path, max_first_page_bytes: int = MAX_FIRST_PAGE_BYTES) -> SiteReport:
    """Check every page of a built site.

    Args:
        root: Folder of the site.
        max_first_page_bytes: Weight that the front page may have.

    Returns:
        Findings, weights and outgoing links.
    """
    root = root.resolve()
    pages = {path: Page(path) for path in sorted(root.rglob("*.html"))}
    findings: list[str] = []
    links: set[str] = set()
    for path, page in pages.items():
        name = path.relative_to(root).as_posix()
        findings += [f"{name}: {problem}" for problem in _content_problems(page)]
        for reference in page.references():
            if _remote(reference.address):
                if reference.link:
                    links.add(reference.address)
                else:
                    findings.append(
                        f"{name}: {reference.where} needs another host: {reference.address}"
                    )
            elif problem := _broken(reference.address, path, root, pages):
                findings.append(f"{name}: {reference.where}: {problem}")
    for path in sorted(root.rglob("*.css")):
        findings += _style_problems(path, root)
    weights = {
        path.relative_to(root).as_posix(): sum(f.stat().st_size for f in loaded_files(page, root))
        for path, page in pages.items()
    }
    if FIRST_PAGE not in weights:
        findings.append(f"{FIRST_PAGE}: there is no front page")
    elif weights[FIRST_PAGE] > max_first_page_bytes:
        findings.append(
            f"{FIRST_PAGE}: loads {weights[FIRST_PAGE]:,} bytes before any sound is played; "
            f"at most {max_first_page_bytes:,}"
        )
    return SiteReport(tuple(findings), weights, tuple(sorted(links)))


def loaded_files(page: Page, root: Path) -> set[Path]:
    """Files that a browser loads for a page before anything is played.

    Fonts and pictures that style sheets name count too, each font in its first format. Nothing
    is compressed in this count; a web server that compresses sends less.

    Args:
        page: The page.
        root: Folder of the site.

    Returns:
        Paths, with the page itself and, for a page that forwards at once, its target.
    """
    files = {page.path}
    for reference in page.references():
        target = _local(reference.address, page.path, root)
        if not reference.eager or target is None or not target.is_file():
            continue
        files.add(target)
        if reference.where == "meta refresh" and target != page.path:
            files |= loaded_files(Page(target), root)
        if target.suffix == ".css":
            files |= {f for f in _style_files(target, root) if f.is_file()}
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
            yield Reference(where, text, _eager_source(tag), link=False)
        elif key == "srcset":
            for candidate in text.split(","):
                yield Reference(where, candidate.split()[0], eager=True, link=False)
        elif key.startswith("data-") and _FILE_DATA.match(text):
            yield Reference(where, text, eager=False, link=False)
        elif key == "style":
            for address in _CSS_URL.findall(text):
                yield Reference(where, address, eager=True, link=False)


def _eager_source(tag: Tag) -> bool:
    player = tag if tag.name in ("audio", "video") else tag.find_parent(["audio", "video"])
    # Without the attribute a browser decides, so the whole file counts.
    return player is None or player.get("preload") != "none"


def _content_problems(page: Page) -> Iterator[str]:
    soup = page.soup
    for image in soup.find_all("img"):
        alternative = str(image.get("alt") or "").strip()
        source = str(image.get("src", ""))
        if not alternative:
            yield f"picture without an alternative text: {source}"
        elif alternative == source or _IMAGE_NAME.search(alternative):
            yield f"picture with a file name as its alternative text: {source}"
    for player in soup.find_all(["audio", "video"]):
        labelled = str(player.get("aria-labelledby") or "").split()
        named = str(player.get("aria-label") or player.get("title") or "").strip()
        if not named and not any(label in page.anchors for label in labelled):
            child = player.find("source")
            address = player.get("src") or (child.get("src") if child else "") or "no source"
            yield f"player without a name (aria-label): {address}"
        if not player.get("src") and player.find("source") is None:
            yield f"player without a source: {named or 'unnamed'}"
    for chart in soup.select("[data-ml-map]"):
        yield from _map_problems(chart)
    if _TRACEBACK in soup.get_text() or soup.select(".output.traceback"):
        yield "a traceback is printed"
    if page.redirect is None:
        if not soup.title or not soup.title.get_text(strip=True):
            yield "no title"
        if soup.html is None or not soup.html.get("lang"):
            yield "no language on the html element"


def _map_problems(chart: Tag) -> Iterator[str]:
    """Problems of a map of sounds: the script finds a point's sound by its number."""
    points, sounds = chart.select(".ml-point"), chart.select("[data-ml-sound]")
    if not points or len(points) != len(sounds):
        yield f"map of sounds with {len(points)} points and {len(sounds)} sounds"
    if any(not str(point.get("aria-label") or "").strip() for point in points):
        yield "map of sounds with a point without a name (aria-label)"
    if any(sound.name == "a" and not sound.get("href") for sound in sounds):
        yield "map of sounds with a point without a sound"


def _remote(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("http", "https", "ws", "wss") or address.startswith("//")


def _local(address: str, source: Path, root: Path) -> Path | None:
    """File that an address means, or None when it is not a file of the site."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not parts.path:
        return None
    path = unquote(parts.path)
    target = root / path.lstrip("/") if path.startswith("/") else source.parent / path
    target = target.resolve()
    return target / "index.html" if target.is_dir() else target


def _broken(address: str, source: Path, root: Path, pages: dict[Path, Page]) -> str | None:
    parts = urlsplit(address)
    if parts.scheme in ("data", "mailto", "blob"):
        return None
    if parts.scheme:
        return f"unknown kind of address: {address[:80]}"
    if not address.strip():
        return "empty address"
    target = _local(address, source, root) or source
    if not target.is_relative_to(root):
        return f"leads out of the site: {address}"
    if not target.is_file():
        return f"no such file: {address}"
    anchor = unquote(parts.fragment)
    # An empty fragment is the top of the page in every browser.
    if anchor and target in pages and anchor not in pages[target].anchors:
        return f"no such place in that page: {address}"
    return None


def _style_addresses(text: str) -> Iterator[str]:
    yield from _CSS_URL.findall(text)
    yield from (match["address"] for match in _CSS_IMPORT.finditer(text))


def _style_problems(path: Path, root: Path) -> list[str]:
    found = []
    name = path.relative_to(root).as_posix()
    for address in _style_addresses(path.read_text(encoding="utf-8")):
        if _remote(address):
            found.append(f"{name}: needs another host: {address}")
        elif problem := _broken(address, path, root, {}):
            found.append(f"{name}: {problem}")
    return found


def _style_files(path: Path, root: Path) -> set[Path]:
    text = path.read_text(encoding="utf-8")
    first_fonts = [_CSS_URL.findall(block)[:1] for block in _FONT_FACE.findall(text)]
    addresses = [address for block in first_fonts for address in block]
    addresses += list(_style_addresses(_FONT_FACE.sub("", text)))
    targets = (_local(address, path, root) for address in addresses)
    return {target for target in targets if target is not None}

"""Checks of a built site: what a reader would stumble over.

Every link, source and anchor leads somewhere, every picture has an alternative text and every
player a name, nothing that reading needs comes from another host, and every page is light: its
weight is what a server sends, compressed, before anything is played. What only a browser can tell,
such as whether the players sound, is left to the tests of the site.
"""

import gzip
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

from musiclib.book.store import Remember, remember_nothing
from musiclib.files import sha256_of

MAX_PAGE_BYTES = 400_000
FIRST_PAGE = "index.html"
NOT_FOUND = "404.html"
"""The page that a server shows for an address that does not exist."""

_IMAGE_NAME = re.compile(r"\.(png|svg|jpe?g|gif|webp)$", re.IGNORECASE)
_CSS_URL = re.compile(r"""url\(\s*['"]?([^'")]+)['"]?\s*\)|@import\s+['"]([^'"]+)['"]""")
_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}")
_FILE_DATA = re.compile(
    r"[^\s{}\[\]<>]+\.(ogg|opus|oga|flac|wav|mp3|m4a|png|svg|jpe?g|webp|json)", re.IGNORECASE
)
# What a browser fetches before the reader does anything.
_EAGER_LINKS = frozenset({"stylesheet", "preload", "modulepreload", "icon", "shortcut icon"})
_COMPRESSED = frozenset({".html", ".css", ".js", ".json", ".svg", ".txt"})


@dataclass(frozen=True)
class SiteReport:
    """Result of `check_site`.

    Attributes:
        findings: One sentence for each problem; empty for a good site.
        weights: Bytes that a server sends for each page, compressed, before any sound is played
            and before the reader moves down.
    """

    findings: tuple[str, ...]
    weights: dict[str, int]


@dataclass(frozen=True)
class Reference:
    """An address in a page.

    Attributes:
        where: Tag and attribute, such as `img src`.
        address: As written.
        eager: Whether a browser fetches it before anything is played, clicked or scrolled.
        link: Whether it is only followed when the reader clicks on it.
    """

    where: str
    address: str
    eager: bool
    link: bool


@dataclass(frozen=True)
class Page:
    """What the checks know of a page.

    Attributes:
        redirect: Address that it forwards to at once; else empty.
        base: Path of the site on its host as the page says it; `/` when its addresses are relative.
        anchors: Names that a link can point at.
        references: All addresses in it.
        problems: What is wrong with the page itself.
    """

    redirect: str
    base: str
    anchors: frozenset[str]
    references: list[Reference]
    problems: list[str]


def read_pages(root: Path, remember: Remember = remember_nothing) -> dict[Path, Page]:
    """Read all pages of a site, by their files."""
    code = sha256_of(Path(__file__))
    raw = {path: path.read_bytes() for path in sorted(root.rglob("*.html"))}
    return {path: remember((text, code), partial(_page, text)) for path, text in raw.items()}


def _page(raw: bytes) -> Page:
    soup = BeautifulSoup(raw, "html.parser")
    refresh = soup.find("meta", attrs={"http-equiv": re.compile("refresh", re.IGNORECASE)})
    _, _, address = str(refresh.get("content", "") if refresh else "").partition("=")
    redirect = address.strip("'\" ")
    root = str(soup.html.get("data-content_root", "")) if soup.html else ""
    tags = soup.find_all(True)
    anchors = frozenset(str(tag[key]) for tag in tags for key in ("id", "name") if tag.get(key))
    references = [Reference("meta refresh", redirect, True, False)] if redirect else []
    references += [reference for tag in tags for reference in _references(tag)]
    problems = [*_content_problems(soup, anchors)]
    return Page(redirect, root if root.startswith("/") else "/", anchors, references, problems)


def check_site(
    root: Path, max_page_bytes: int = MAX_PAGE_BYTES, remember: Remember = remember_nothing
) -> SiteReport:
    """Check every page of a built site."""
    root = root.resolve()
    pages = read_pages(root, remember)
    found = {path: [*page.problems] for path, page in pages.items()}
    references = {path: page.references for path, page in pages.items()}
    for path in sorted(root.rglob("*.css")):
        addresses = _addresses(path.read_text(encoding="utf-8"))
        references[path] = [Reference("style", address, True, False) for address in addresses]
        found[path] = []
    for path, each in references.items():
        faults = ((reference.where, _fault(reference, path, root, pages)) for reference in each)
        found[path] += [f"{where}: {fault}" for where, fault in faults if fault]
    weights = {}
    transferred = cache(_transferred)
    for path in pages:
        weight = sum(map(transferred, loaded_files(path, root, pages)))
        weights[path.relative_to(root).as_posix()] = weight
        if weight > max_page_bytes:
            found[path].append(
                f"loads {weight:,} bytes before any sound is played and before the reader "
                f"moves down; at most {max_page_bytes:,}"
            )
    findings = [
        f"{path.relative_to(root).as_posix()}: {one}" for path in found for one in found[path]
    ]
    if FIRST_PAGE not in weights:
        findings.append(f"{FIRST_PAGE}: there is no front page")
    return SiteReport(tuple(findings), weights)


def loaded_files(path: Path, root: Path, pages: dict[Path, Page]) -> set[Path]:
    """Files that a browser loads for a page before anything is played or scrolled.

    Fonts and pictures that style sheets name count too, each font in its first format.

    Returns:
        Paths, with the page itself and, for a page that forwards at once, what its target loads.
    """
    page = pages[path]
    files = {path}
    for reference in page.references:
        target = _local_file(reference.address, path, root, page.base)
        if not reference.eager or target is None or not target.is_file():
            continue
        files.add(target)
        if reference.address == page.redirect and target != path:
            files |= loaded_files(target, root, pages)
        if target.suffix == ".css":
            files |= _style_files(target, root)
    return files


def _transferred(file: Path) -> int:
    """Size of a file as a web server sends it."""
    if file.suffix not in _COMPRESSED:
        return file.stat().st_size
    return len(gzip.compress(file.read_bytes(), 6))


def _references(tag: Tag) -> Iterator[Reference]:
    name = tag.name
    for key, value in tag.attrs.items():
        text = " ".join(value) if isinstance(value, list) else str(value)
        where = f"{name} {key}"
        if key == "href":
            eager = name == "link" and " ".join(tag.get_attribute_list("rel")) in _EAGER_LINKS
            yield Reference(where, text, eager, name in ("a", "area", "link") and not eager)
        elif key in ("src", "poster", "data") and name != "param":
            yield Reference(where, text, _eager(tag), False)
        elif key == "srcset":
            # A browser loads one of a figure's pictures, and they weigh about the same.
            eager = _eager(tag) and name != "source"
            yield from (Reference(where, c.split()[0], eager, False) for c in text.split(","))
        elif key.startswith("data-") and _FILE_DATA.fullmatch(text):
            yield Reference(where, text, False, False)
        elif key == "style":
            yield from (Reference(where, address, True, False) for address in _addresses(text))


def _eager(tag: Tag) -> bool:
    player = tag if tag.name in ("audio", "video") else tag.find_parent(["audio", "video"])
    # Without the attribute a browser decides, so the whole file counts.
    silent = player is not None and player.get("preload") == "none"
    return not silent and tag.get("loading") != "lazy"


def _local_file(address: str, source: Path, root: Path, base: str = "/") -> Path | None:
    """File that an address means, whether it exists or not; None for what is no file of a site."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc or not parts.path:
        return None
    path = unquote(parts.path)
    if not path.startswith("/"):
        target = source.parent / path
    elif path.startswith(base):
        target = root / path.removeprefix(base)
    else:  # outside of the site
        target = root.parent / path.lstrip("/")
    target = Path(os.path.normpath(target))
    return target / "index.html" if target.is_dir() else target


def _addresses(style: str) -> Iterator[str]:
    """Addresses in a style sheet: of fonts and pictures, and of other style sheets."""
    yield from ("".join(match) for match in _CSS_URL.findall(style))


def _style_files(path: Path, root: Path) -> set[Path]:
    """Files that a style sheet may load; of each font its first format."""
    text = path.read_text(encoding="utf-8")
    first = [address for face in _FONT_FACE.findall(text) for address in [*_addresses(face)][:1]]
    rest = _addresses(_FONT_FACE.sub("", text))
    targets = {_local_file(address, path, root) for address in (*first, *rest)}
    return {target for target in targets if target is not None and target.is_file()}


def _content_problems(soup: BeautifulSoup, anchors: frozenset[str]) -> Iterator[str]:
    for image in soup("img"):
        alternative, source = str(image.get("alt") or "").strip(), str(image.get("src", ""))
        if not alternative:
            yield f"picture without an alternative text: {source}"
        elif alternative == source or _IMAGE_NAME.search(alternative):
            yield f"picture with a file name as its alternative text: {source}"
    for player in soup(["audio", "video"]):
        labelled = str(player.get("aria-labelledby") or "").split()
        named = str(player.get("aria-label") or player.get("title") or "").strip()
        child = player.find("source")
        address = str(player.get("src") or (child.get("src") if child else "") or "no source")
        if not named and not anchors.intersection(labelled):
            yield f"player without a name (aria-label): {address}"
        if address == "no source":
            yield f"player without a source: {named or 'unnamed'}"


def _remote(address: str) -> bool:
    scheme = urlsplit(address).scheme
    return scheme in ("http", "https", "ws", "wss") or address.startswith("//")


def _fault(reference: Reference, source: Path, root: Path, pages: dict[Path, Page]) -> str | None:
    """What is wrong with an address in a page or a style sheet, or None."""
    address = reference.address
    parts = urlsplit(address)
    if _remote(address):
        return None if reference.link else f"needs another host: {address}"
    if address.startswith("/") and source != root / NOT_FOUND:
        return f"begins at the host, so it breaks where the site is in a folder: {address}"
    if parts.scheme in ("data", "mailto", "blob"):
        return None
    if parts.scheme:
        return f"unknown kind of address: {address[:80]}"
    if not address.strip():
        return "empty address"
    base = pages[source].base if source in pages else "/"
    target = _local_file(address, source, root, base) or source
    if not target.is_relative_to(root):
        return f"leads out of the site: {address}"
    if not target.is_file():
        return f"no such file: {address}"
    anchor = unquote(parts.fragment)
    # An empty fragment is the top of the page in every browser.
    if anchor and target in pages and anchor not in pages[target].anchors:
        return f"no such place in that page: {address}"
    return None

"""Checks of a built site: what a reader would stumble over.

Every link, source and anchor leads somewhere, every picture has an alternative text and every
player a name, nothing that reading needs comes from another host, no traceback is printed, and
every page is light.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import Tag

from musiclib.book.loading import NOT_FOUND, Page, loaded_files, local_file, style_addresses

MAX_PAGE_BYTES = 1_000_000
MAX_REQUESTS = 200
FIRST_PAGE = "index.html"

_IMAGE_NAME = re.compile(r"\.(png|svg|jpe?g|gif|webp)$", re.IGNORECASE)
_TRACEBACK = "Traceback (most recent call last)"


@dataclass(frozen=True)
class SiteReport:
    """Result of `check_site`.

    Attributes:
        findings: One sentence for each problem; empty for a good site.
        weights: Bytes that each page loads before any sound is played, with all its pictures.
        links: Addresses on other hosts that readers can follow.
    """

    findings: tuple[str, ...]
    weights: dict[str, int]
    links: tuple[str, ...]


def check_site(root: Path, max_page_bytes: int = MAX_PAGE_BYTES) -> SiteReport:
    """Check every page of a built site.

    Args:
        root: Folder of the site.
        max_page_bytes: Weight that a page may have before a sound is played, without the pictures
            that load when the reader comes near them.

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
            elif reference.address.startswith("/") and name != NOT_FOUND:
                findings.append(
                    f"{name}: {reference.where}: begins at the host, so it breaks where the site "
                    f"is in a folder: {reference.address}"
                )
            elif problem := _broken(reference.address, path, root, pages):
                findings.append(f"{name}: {reference.where}: {problem}")
    for path in sorted(root.rglob("*.css")):
        findings += _style_problems(path, root)
    weights = {}
    for path, page in pages.items():
        name = path.relative_to(root).as_posix()
        seen, at_first = loaded_files(page, root), loaded_files(page, root, scrolled=False)
        weights[name] = _weight(seen)
        problems = _load_problems(_weight(at_first), len(seen), max_page_bytes)
        findings += [f"{name}: {problem}" for problem in problems]
    if FIRST_PAGE not in weights:
        findings.append(f"{FIRST_PAGE}: there is no front page")
    return SiteReport(tuple(findings), weights, tuple(sorted(links)))


def _weight(files: set[Path]) -> int:
    return sum(file.stat().st_size for file in files)


def _load_problems(weight: int, requests: int, max_page_bytes: int) -> Iterator[str]:
    if weight > max_page_bytes:
        yield (
            f"loads {weight:,} bytes before any sound is played and before the reader moves down; "
            f"at most {max_page_bytes:,}"
        )
    if requests >= MAX_REQUESTS:
        yield f"loads {requests} files; fewer than {MAX_REQUESTS} are allowed"


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


def _broken(address: str, source: Path, root: Path, pages: dict[Path, Page]) -> str | None:
    parts = urlsplit(address)
    if parts.scheme in ("data", "mailto", "blob"):
        return None
    if parts.scheme:
        return f"unknown kind of address: {address[:80]}"
    if not address.strip():
        return "empty address"
    base = pages[source].base if source in pages else "/"
    target = local_file(address, source, root, base) or source
    if not target.is_relative_to(root):
        return f"leads out of the site: {address}"
    if not target.is_file():
        return f"no such file: {address}"
    anchor = unquote(parts.fragment)
    # An empty fragment is the top of the page in every browser.
    if anchor and target in pages and anchor not in pages[target].anchors:
        return f"no such place in that page: {address}"
    return None


def _style_problems(path: Path, root: Path) -> list[str]:
    found = []
    name = path.relative_to(root).as_posix()
    for address in style_addresses(path.read_text(encoding="utf-8")):
        if _remote(address):
            found.append(f"{name}: needs another host: {address}")
        elif problem := _broken(address, path, root, {}):
            found.append(f"{name}: {problem}")
    return found

"""Pictures that reserve their place on a page and load when the reader comes near them."""

import base64
import binascii
import io
import re
from pathlib import Path

from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag
from PIL import Image, UnidentifiedImageError

from musiclib.book.loading import local_file
from musiclib.book.pages.page import Facts, SitePage

# About as much text as stands above the fold: a picture after fewer characters is seen at once.
_FIRST_VIEW = 900
_DATA = re.compile(r"data:image/[\w.+-]+;base64,(.*)", re.DOTALL)
_SVG = re.compile(rb"<svg\b[^>]*>", re.DOTALL)
_LENGTH = re.compile(r"([\d.]+)(pt|px|in|cm|mm)?$")
_PIXELS = {"pt": 96 / 72, "px": 1.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4}


def settle_images(page: SitePage, facts: Facts) -> None:
    """Give every picture its size, and let those load late that are not seen at once.

    Args:
        page: The page.
        facts: The site, where the pictures are.
    """
    early = _early(page.soup)
    for image in page.soup.find_all("img"):
        if not (image.get("width") and image.get("height")):
            size = _size(str(image.get("src", "")), facts.html / page.path, facts.html)
            if size:
                image["width"], image["height"] = (str(value) for value in size)
        image["decoding"] = "async"
        if id(image) not in early:
            image["loading"] = "lazy"


def _early(soup: BeautifulSoup) -> frozenset[int]:
    """Identities of the pictures that are likely to be seen before the reader scrolls."""
    found: set[int] = set()
    before = 0
    for part in (soup.find("article") or soup.find("main") or soup).descendants:
        if isinstance(part, NavigableString):
            before += len(part.strip())
        elif isinstance(part, Tag) and part.name == "img" and not part.get("loading"):
            found.add(id(part))
        if before > _FIRST_VIEW:
            break
    return frozenset(found)


def _size(address: str, page: Path, html: Path) -> tuple[int, int] | None:
    """Width and height of a picture in CSS pixels, or None when it is not a file of the site."""
    if found := _DATA.match(address):
        try:
            data = base64.b64decode(found[1], validate=True)
        except binascii.Error:
            return None
    else:
        file = local_file(address, page, html)
        if file is None or not file.is_file():
            return None
        data = file.read_bytes()
    if svg := _SVG.search(data[:4096]):
        return _svg_size(svg[0].decode(errors="replace"))
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return picture.size
    except UnidentifiedImageError:
        return None


def _svg_size(tag: str) -> tuple[int, int] | None:
    lengths = []
    for name in ("width", "height"):
        value = re.search(rf"\b{name}=[\"']([^\"']*)[\"']", tag)
        length = _LENGTH.match(value[1]) if value else None
        if length:
            lengths.append(float(length[1]) * _PIXELS[length[2] or "px"])
    box = re.search(r"\bviewBox=[\"']([^\"']*)[\"']", tag)
    if len(lengths) < 2 and box:
        lengths = [float(value) for value in re.split(r"[\s,]+", box[1].strip())[2:]]
    return (round(lengths[0]), round(lengths[1])) if len(lengths) == 2 else None

"""Figures of a built page: their twins for the dark theme and for phones, and their SVG files."""

from pathlib import Path, PurePosixPath

from bs4 import BeautifulSoup, Tag
from PIL import Image

from musiclib.book.loading import DARK_TWIN
from musiclib.book.pages.page import Facts, SitePage
from musiclib.plot.published import DARK as DARK_FILE
from musiclib.plot.published import FIGURE_FOLDER, NARROW, PNG, SVG

# Not the theme's own `only-light` and `only-dark`: these hide a caption beside the picture too.
# With `dark-light` the theme leaves the picture's colours alone.
LIGHT, DARK, AS_DRAWN = "ml-light", DARK_TWIN, "dark-light"
"""Classes by which `book.css` shows one of two pictures and the theme filters neither."""
PHONE = "(max-width: 36rem)"
"""Where the narrow twins are shown."""


def give_figures_their_twins(page: SitePage, facts: Facts) -> None:
    """Put a figure's twins beside it, and a link to its SVG into the caption.

    The chapter's run left them in the folder of its media, named by the hash that also names the
    picture. A figure without them, such as a drawing from elsewhere, is left as it is.

    Args:
        page: The page.
        facts: The site.
    """
    if page.chapter is None:
        return
    folder = PurePosixPath("_static", page.chapter.media_folder, FIGURE_FOLDER)
    for picture in page.soup.select("img[src]"):
        name = PurePosixPath(str(picture["src"])).stem
        file = facts.html / folder / f"{name}{DARK_FILE}{PNG}"
        if file.is_file():
            dark = _add_dark(page.soup, picture, file, f"{page.root}{folder}/{file.name}")
            for image, kind in ((picture, NARROW), (dark, NARROW + DARK_FILE)):
                for suffix in (SVG, PNG):
                    if (facts.html / folder / f"{name}{kind}{suffix}").is_file():
                        _add_narrow(page.soup, image, f"{page.root}{folder}/{name}{kind}{suffix}")
        if (facts.html / folder / f"{name}{SVG}").is_file():
            _add_download(page.soup, picture, f"{page.root}{folder}/{name}{SVG}")


def _add_narrow(soup: BeautifulSoup, image: Tag, address: str) -> None:
    source = soup.new_tag("source", media=PHONE, srcset=address)
    image.wrap(soup.new_tag("picture")).insert(0, source)


def _add_dark(soup: BeautifulSoup, picture: Tag, file: Path, address: str) -> Tag:
    dark = soup.new_tag("img", alt=str(picture.get("alt", "")), src=address)
    with Image.open(file) as opened:
        width, height = opened.size
    for image, name in ((picture, LIGHT), (dark, DARK)):
        given = [str(value) for value in image.get("class") or []]
        image["class"] = " ".join([*given, name, AS_DRAWN])
        # The hidden one of the two is neither loaded nor announced; the shown one has its place
        # before it is there.
        image.attrs.update(width=str(width), height=str(height), loading="lazy")
    picture.insert_after(dark)
    return dark


def _add_download(soup: BeautifulSoup, picture: Tag, address: str) -> None:
    figure = picture.find_parent("figure")
    caption = figure.select_one("figcaption p") if figure else None
    if figure is None or caption is None:
        return
    name = str(figure.get("id") or Path(address).stem)
    add_download(soup, caption, address, f"{name}.svg", "SVG", number_of(caption, "this figure"))


def add_download(
    soup: BeautifulSoup, place: Tag, address: str, name: str, kind: str, of: str
) -> None:
    """Add a small link to a file that a reader can take away.

    Args:
        soup: The page.
        place: Element whose last child the link becomes.
        address: Of the file, as seen from the page.
        name: That the file gets on the reader's machine.
        kind: What the link says, such as `CSV`.
        of: What the file is of, such as `Table 3`, for readers who hear the link alone.
    """
    link = soup.new_tag("a", href=address, download=name)
    link["class"] = "ml-download"
    link["aria-label"] = f"{kind} of {of}"
    link.string = kind
    place.append(" ")
    place.append(link)


def number_of(caption: Tag, otherwise: str) -> str:
    """The number that a caption begins with, such as `Table 3`.

    Args:
        caption: The caption.
        otherwise: What to say where there is none.

    Returns:
        The number's text.
    """
    number = caption.select_one(".caption-number")
    return number.get_text(" ", strip=True) if number else otherwise

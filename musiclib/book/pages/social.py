"""What a page says of itself to search engines and to those who share its address."""

import io
import re
from pathlib import Path
from urllib.parse import quote, urljoin

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from bs4 import BeautifulSoup, Tag
from matplotlib.figure import Figure
from PIL import Image

from musiclib.audio import load, to_mono
from musiclib.book.loading import NOT_FOUND
from musiclib.book.pages.page import Facts, SitePage
from musiclib.files import replace_file
from musiclib.stft import StftConfig, db, stft

CARD = "_static/social-preview.png"
CARD_SIZE = (1200, 630)
_LONGEST = 160
_THEME_COLOURS = {"light": "#ffffff", "dark": "#14181e"}
_SOUNDS = ("*.flac", "*.ogg", "*.opus", "*.mp3", "*.wav")
_NOT_LISTED = frozenset({"search.html", "genindex.html", NOT_FOUND})


def describe(page: SitePage, facts: Facts) -> None:
    """Put a description of the page into its head, and its address where that is known.

    Args:
        page: The page; one that forwards is left alone.
        facts: The site; without a `site_url` the page gets no absolute address.
    """
    soup, head = page.soup, page.soup.head
    if head is None or not soup.select_one("link[rel=stylesheet]"):
        return
    heading = soup.select_one("main h1")
    title = _words(heading) if heading else facts.config["title"]
    if heading and title == facts.config["title"] and soup.title is not None:
        soup.title.string = title  # the front page, which the theme calls by the book's name twice
    values: dict[str, str] = {"og:title": title, "og:type": "article"}
    values["og:site_name"] = facts.config["title"]
    if text := _description(soup):
        values["og:description"] = text
        _meta(soup, "name", "description", text)
    if facts.site_url:
        address = urljoin(facts.site_url, quote(page.path.as_posix()))
        canonical = soup.new_tag("link", attrs={"rel": "canonical", "href": address})
        head.append(canonical)
        values["og:url"] = address
        values["og:image"] = urljoin(facts.site_url, CARD)
        values["og:image:width"], values["og:image:height"] = map(str, CARD_SIZE)
        values["og:image:alt"] = f"{facts.config['title']}: a spectrogram of music from the book."
    _meta(soup, "name", "twitter:card", "summary_large_image" if facts.site_url else "summary")
    for key, value in values.items():
        _meta(soup, "property", key, value)
    for scheme, colour in _THEME_COLOURS.items():
        tag = _meta(soup, "name", "theme-color", colour)
        tag["media"] = f"(prefers-color-scheme: {scheme})"


def _meta(soup: BeautifulSoup, kind: str, key: str, value: str) -> Tag:
    tag = soup.new_tag("meta", attrs={kind: key, "content": value})
    if soup.head is not None:
        soup.head.append(tag)
    return tag


def _words(tag: Tag) -> str:
    copy = BeautifulSoup(str(tag), "html.parser")
    for part in copy.select(".headerlink, .section-number, script, style"):
        part.decompose()
    for formula in copy.select("math"):
        formula.replace_with(str(formula.get("alttext", "")))
    return " ".join(copy.get_text().split())


def _description(soup: BeautifulSoup) -> str:
    """Text of the first paragraphs, cut at the end of a sentence or a word."""
    text = ""
    for paragraph in soup.select("article section > p"):
        text = f"{text} {_words(paragraph)}".strip()
        if len(text) > _LONGEST // 2:
            break
    if len(text) <= _LONGEST:
        return text
    ends = [found.end(1) for found in re.finditer(r"([.?!])\s", text[: _LONGEST + 1])]
    if ends and ends[-1] > _LONGEST // 3:
        return text[: ends[-1]]
    return text[: text.rindex(" ", 0, _LONGEST - 1)].rstrip(" ,;:") + "…"


def draw_card(facts: Facts) -> None:
    """Draw the picture that stands beside a shared link: the title over a sound of the book.

    The sound is the largest of the originals that players compare with, or of all sounds where none
    is called so. A book without sounds gets the title alone.

    Args:
        facts: The site.
    """
    with mpl.rc_context({"font.family": "DejaVu Sans", "svg.hashsalt": "card"}):
        figure = Figure(figsize=(CARD_SIZE[0] / 100, CARD_SIZE[1] / 100), dpi=100)
        figure.set_facecolor("#14181e")
        if sound := _sound(facts):
            axes = figure.add_axes((0, 0, 1, 0.6))
            axes.imshow(_spectrogram(sound), origin="lower", aspect="auto", cmap="magma")
            axes.set_axis_off()
        words = _two_lines(facts.config["title"])
        figure.text(0.05, 0.93, words, color="white", size=42, weight="bold", va="top")
        figure.text(0.052, 0.635, facts.config["author"], color="#c9d1d9", size=20, va="bottom")
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", facecolor=figure.get_facecolor())
    picture = Image.open(drawn).convert("RGB").quantize(128)
    written = io.BytesIO()
    picture.save(written, format="png", optimize=True)
    replace_file(facts.html / CARD, written.getvalue())


def _two_lines(title: str) -> str:
    if len(title) <= 30:
        return title
    places = [place for place, letter in enumerate(title) if letter == " "]
    middle = min(places, key=lambda place: abs(place - len(title) / 2), default=len(title))
    return f"{title[:middle]}\n{title[middle + 1 :]}"


def _sound(facts: Facts) -> Path | None:
    media = facts.html / "_static"
    files = sorted(file for pattern in _SOUNDS for file in media.rglob(pattern))
    originals = [file for file in files if "original" in file.stem]
    return max(originals or files, key=lambda file: file.stat().st_size, default=None)


def _spectrogram(sound: Path) -> npt.NDArray[np.float32]:
    import torch

    audio, _ = load(sound, duration_s=10.0)
    spectrum = stft(torch.from_numpy(to_mono(audio)), StftConfig())
    return np.asarray(db(spectrum, -70.0).numpy(), dtype=np.float32)


def list_pages(facts: Facts) -> None:
    """Write `sitemap.xml` and `robots.txt` for a site whose address is known.

    Args:
        facts: The site; without a `site_url` nothing is written.
    """
    if not facts.site_url:
        return
    addresses = []
    for file in sorted(facts.html.rglob("*.html")):
        name = file.relative_to(facts.html).as_posix()
        forwards = b'http-equiv="refresh"' in file.read_bytes()[:2000].lower()
        if name not in _NOT_LISTED and not forwards:
            addresses.append(urljoin(facts.site_url, quote(name)))
    entries = "".join(f"  <url><loc>{address}</loc></url>\n" for address in addresses)
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    text = f'{head}<urlset xmlns="{space}">\n{entries}</urlset>\n'
    replace_file(facts.html / "sitemap.xml", text.encode())
    robots = f"User-agent: *\nAllow: /\n\nSitemap: {urljoin(facts.site_url, 'sitemap.xml')}\n"
    replace_file(facts.html / "robots.txt", robots.encode())

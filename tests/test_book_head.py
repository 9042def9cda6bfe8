"""What pages say to search engines and sharers, the page for missing pages, and pictures."""

import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from bs4 import BeautifulSoup
from PIL import Image

from musiclib.book.layout import Book, Chapter
from musiclib.book.pages.images import settle_images
from musiclib.book.pages.not_found import base_path, write_not_found
from musiclib.book.pages.page import Facts, SitePage
from musiclib.book.pages.social import CARD, CARD_SIZE, describe, draw_card, list_pages
from musiclib.errors import BookError

SITE = "https://example.org/some/book/"
PAGE = """<!DOCTYPE html><html data-content_root="../" lang="en"><head><title>T - Book</title>
<link href="../_static/site.css" rel="stylesheet"/></head><body><main><article><section>
<h1>A title<a class="headerlink" href="#x">#</a></h1>{}</section></article></main></body></html>"""


DOT = "data:image/png;base64,"
DOT += (
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAAAAADRSSBWAAAAC0lEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC"
)


def facts(tmp_path: Path, site_url: str | None = None) -> Facts:
    (tmp_path / "_config.yml").write_text("title: A small book\nauthor: Someone\n")
    html = tmp_path / "html"
    html.mkdir(exist_ok=True)
    front = Chapter("book/index", tmp_path / "book" / "index.md")
    return Facts(Book(tmp_path, (front,)), html, site_url=site_url)


def described(tmp_path: Path, body: str, site_url: str | None = None) -> dict[str, str]:
    soup = BeautifulSoup(PAGE.format(body), "html.parser")
    describe(SitePage(Path("book/page one.html"), soup, None), facts(tmp_path, site_url))
    tags = soup.select("meta")
    said = {str(t.get("name") or t.get("property")): str(t["content"]) for t in tags}
    if canonical := soup.select_one("link[rel=canonical]"):
        said["canonical"] = str(canonical["href"])
    return said


def test_page_of_a_published_site_has_absolute_addresses(tmp_path: Path) -> None:
    said = described(tmp_path, "<p>Words.</p>", SITE)
    assert said["canonical"] == said["og:url"] == f"{SITE}book/page%20one.html"
    assert said["og:image"] == SITE + CARD
    assert (said["og:title"], said["og:site_name"]) == ("A title", "A small book")


def test_the_front_page_has_the_name_of_the_book_once(tmp_path: Path) -> None:
    for heading, title in (("A small book", "A small book"), ("A title", "T - Book")):
        soup = BeautifulSoup(PAGE.replace("A title", heading), "html.parser")
        describe(SitePage(Path("book/x.html"), soup, None), facts(tmp_path))
        assert soup.title is not None
        assert soup.title.get_text() == title


def test_page_without_a_known_address_has_none(tmp_path: Path) -> None:
    said = described(tmp_path, "<p>Words.</p>")
    assert said["description"] == said["og:description"] == "Words."
    assert not {"canonical", "og:url", "og:image"} & set(said)
    assert not any("://" in value for value in said.values())


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<p>One <b>bold</b>\nword.</p>", "One bold word."),
        (f"<p>{'A sentence of words. ' * 20}</p>", ("A sentence of words. " * 7).strip()),
        (f"<p>{'word ' * 60}</p>", "word " * 30 + "word…"),
        ('<p>For <math alttext="x_1"><mi>x</mi></math>.</p>', "For x_1."),
    ],
)
def test_description_is_whole_words_of_the_first_paragraph(
    tmp_path: Path, body: str, text: str
) -> None:
    assert described(tmp_path, body)["description"] == text
    assert len(text) <= 160


def test_page_that_forwards_is_left_alone(tmp_path: Path) -> None:
    text = '<html><head><meta http-equiv="refresh" content="0; url=x"/></head></html>'
    soup = BeautifulSoup(text, "html.parser")
    describe(SitePage(Path("index.html"), soup, None), facts(tmp_path, SITE))
    assert soup == BeautifulSoup(text, "html.parser")


def test_sitemap_lists_what_is_read(tmp_path: Path) -> None:
    html = facts(tmp_path).html
    (html / "book").mkdir()
    for name in ("book/index.html", "book/a b.html", "search.html", "genindex.html", "404.html"):
        (html / name).write_text("<p>x</p>")
    (html / "index.html").write_text('<meta http-equiv="Refresh" content="0; url=book/" />')
    list_pages(facts(tmp_path))
    assert not (html / "sitemap.xml").exists()
    assert not (html / "robots.txt").exists()
    list_pages(facts(tmp_path, SITE))
    found = re.findall("<loc>(.*)</loc>", (html / "sitemap.xml").read_text())
    assert found == [
        f"{SITE}book/a%20b.html",
        f"{SITE}book/index.html",
    ]
    assert f"Sitemap: {SITE}sitemap.xml" in (html / "robots.txt").read_text()


def test_preview_shows_a_sound_of_the_book(tmp_path: Path) -> None:
    given = facts(tmp_path)
    draw_card(given)
    plain = np.asarray(Image.open(given.html / CARD).convert("RGB"))
    assert plain.shape == (CARD_SIZE[1], CARD_SIZE[0], 3)
    media = given.html / "_static" / "media"
    media.mkdir(parents=True)
    tone = 0.5 * np.sin(2 * np.pi * 6000 * np.arange(48_000) / 24_000)
    soundfile.write(media / "tone-original.flac", tone, 24_000)
    soundfile.write(media / "noise.flac", np.random.default_rng(0).normal(0, 0.1, 96_000), 24_000)
    draw_card(given)
    drawn = np.asarray(Image.open(given.html / CARD).convert("RGB")).astype(int).sum(axis=2)
    sound = drawn[-round(0.6 * CARD_SIZE[1]) :].mean(axis=1)
    # The tone at half of the highest frequency is a bright line at half of the height.
    assert abs(int(sound.argmax()) - sound.size / 2) < 3
    title = np.abs(drawn[:150] - plain[:150].astype(int).sum(axis=2))
    assert title.mean() < 5  # the two differ by their palettes alone


SEARCH = """<!DOCTYPE html><html data-content_root="./" lang="en"><head><title>Search - Book</title>
<link href="_static/site.css?v=1" rel="stylesheet"/>
<script defer="" src="_static/searchtools.js"></script>
<script defer="" src="_static/doctools.js"></script></head><body>
<a href="#main">Skip</a><a href="book/index.html">Home</a><a href="https://example.net/">Far</a>
<div class="bd-search-container"><h1>Search</h1><form action="#" class="bd-search"></form>
<div id="search-results"></div></div><script>let searchInput = 1;</script></body></html>"""


@pytest.mark.parametrize(("site_url", "base"), [(None, "/"), (SITE, "/some/book/")])
def test_page_for_missing_pages_works_at_any_depth(
    tmp_path: Path, site_url: str | None, base: str
) -> None:
    given = facts(tmp_path, site_url)
    (given.html / "search.html").write_text(SEARCH)
    write_not_found(given)
    soup = BeautifulSoup((given.html / "404.html").read_text(), "html.parser")
    assert base_path(site_url) == base
    addresses = {str(tag.get("href") or tag.get("src")) for tag in soup.select("[href], [src]")}
    assert addresses == {
        "#main",
        "https://example.net/",
        f"{base}book/index.html",
        f"{base}_static/site.css?v=1",
        f"{base}_static/doctools.js",
    }
    form, html = soup.form, soup.html
    assert form is not None
    assert html is not None
    assert (form["action"], html["data-content_root"]) == (f"{base}search.html", base)
    assert "no such page" in soup.get_text()
    assert "Search" not in str(soup.title)


def test_site_without_a_search_cannot_have_a_page_for_missing_pages(tmp_path: Path) -> None:
    with pytest.raises(BookError, match=r"search\.html"):
        write_not_found(facts(tmp_path))


def settled(tmp_path: Path, body: str) -> list[dict[str, str]]:
    given = facts(tmp_path)
    Image.new("RGB", (40, 30)).save(given.html / "a.png")
    svg = '<svg xmlns="http://www.w3.org/2000/svg" {}></svg>'
    (given.html / "points.svg").write_text(svg.format('width="72pt" height="36pt"'))
    (given.html / "box.svg").write_text(svg.format('viewBox="0 0 20 10"'))
    soup = BeautifulSoup(f"<main><article>{body}</article></main>", "html.parser")
    settle_images(SitePage(Path("index.html"), soup, None), given)
    return [{key: str(value) for key, value in tag.attrs.items()} for tag in soup.select("img")]


@pytest.mark.parametrize(
    ("address", "size"),
    [
        ("a.png", ("40", "30")),
        ("points.svg", ("96", "48")),
        ("box.svg", ("20", "10")),
        (
            DOT,
            ("2", "1"),
        ),
        ("https://example.org/x.png", (None, None)),
    ],
)
def test_pictures_reserve_their_place(
    tmp_path: Path, address: str, size: tuple[str | None, str | None]
) -> None:
    (image,) = settled(tmp_path, f'<img src="{address}"/>')
    assert (image.get("width"), image.get("height")) == size


def test_pictures_below_the_first_view_load_late(tmp_path: Path) -> None:
    body = f'<img src="a.png"/><p>{"word " * 300}</p><img src="a.png"/>'
    early, late = settled(tmp_path, body)
    assert "loading" not in early
    assert late["loading"] == "lazy"
    assert early["decoding"] == late["decoding"] == "async"


def test_given_sizes_stay(tmp_path: Path) -> None:
    (image,) = settled(tmp_path, '<img src="a.png" width="4" height="3" loading="lazy"/>')
    assert (image["width"], image["height"], image["loading"]) == ("4", "3", "lazy")

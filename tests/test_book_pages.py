"""What is done to the built pages: figures' twins, tables' files, the box to rerun, the record."""

import csv
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from musiclib.book.layout import Book, Chapter
from musiclib.book.pages import (
    Page,
    Site,
    adapt_theme,
    add_rerun_box,
    explain_terms,
    fill_record,
    give_tables_their_files,
    link_pdf,
    optimise_images,
    run_record,
    show_twins,
)
from musiclib.book.store import Stored
from musiclib.errors import BookError

CHAPTER = Chapter("book/part/sound", Path("sound.ipynb"))
TABLE = '<table class="dataframe"{}><thead><tr><th></th><th>kbps</th></tr></thead><tbody>'
TABLE += "<tr><th>Opus</th><td>7.4</td></tr></tbody></table>"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "site" / "book" / "part").mkdir(parents=True)
    stored = {CHAPTER.docname: Stored(tmp_path / "stored", 192.0)}
    return Site(Book(tmp_path, (CHAPTER,)), tmp_path / "site", stored)


def page(body: str, chapter: Chapter | None = CHAPTER) -> Page:
    html = f"<html><body><nav class='bd-links'></nav><article><section>{body}</section></article>"
    return Page(Path("book/part/sound.html"), BeautifulSoup(html, "html.parser"), chapter)


def media(site: Site, kind: str) -> Path:
    folder = site.html / "_static" / CHAPTER.media_folder / kind
    folder.mkdir(parents=True)
    return folder


def figure(name: str) -> str:
    caption = '<figcaption><p><span class="caption-number">Fig. 3 </span>A line.</p></figcaption>'
    picture = f'<img alt="A line" src="../../_images/{name}.png"/>'
    return f'<figure id="fig-line">{picture}{caption}</figure>'


def test_a_figure_gets_its_dark_twin_and_its_svg(site: Site) -> None:
    name = hashlib.sha256(b"picture").hexdigest()
    folder = media(site, "figures")
    Image.new("P", (96, 48)).save(folder / f"{name}-dark.png")
    for kind in ("", "-narrow", "-narrow-dark"):
        (folder / f"{name}{kind}.svg").write_text("<svg/>")
    made = page(figure(name))
    show_twins(made, site)
    light, dark = made.soup.select("picture > img")
    phone = made.soup.select("picture > source")
    assert ["dark" in str(source["srcset"]) for source in phone] == [False, True]
    assert {source["media"] for source in phone} == {"(max-width: 36rem)"}
    assert all((site.html / "book" / "part" / str(one["srcset"])).is_file() for one in phone)
    assert light["alt"] == dark["alt"] == "A line"
    assert (light["width"], dark["height"]) == ("96", "48")
    assert "ml-light" in str(light["class"])
    assert "ml-dark" in str(dark["class"])
    assert dark["loading"] == "lazy"
    assert (site.html / "book" / "part" / str(dark["src"])).is_file()
    link = made.soup.select_one("figcaption a")
    assert link is not None
    assert link["download"] == "fig-line.svg"
    assert link["aria-label"] == "SVG of Fig. 3"
    assert (site.html / "book" / "part" / str(link["href"])).is_file()


def test_a_picture_without_twins_is_left_alone(site: Site) -> None:
    made = page(figure("drawing"))
    before = str(made.soup)
    show_twins(made, site)
    assert str(made.soup) == before


def values(made: Page) -> list[list[str]]:
    link = made.soup.select_one("a[download$='.csv']")
    assert link is not None
    text = made.files[str(link["href"]).removeprefix("../../")].decode()
    return list(csv.reader(text.splitlines()))


def test_a_table_gets_the_file_that_its_chapter_left(site: Site) -> None:
    (media(site, "tables") / "ab.csv").write_text("codec,kbps\nOpus,7.4210\n")
    made = page(TABLE.format(' data-ml-csv="ab.csv"'))
    give_tables_their_files(made, site)
    assert values(made) == [["codec", "kbps"], ["Opus", "7.4210"]]
    assert "data-ml-csv" not in str(made.soup)


def test_a_table_without_a_file_gets_what_it_shows(site: Site) -> None:
    made = page(TABLE.format(""))
    give_tables_their_files(made, site)
    assert values(made) == [["", "kbps"], ["Opus", "7.4"]]


def test_a_table_scrolls_in_a_named_region_with_scoped_headings(site: Site) -> None:
    made = page(TABLE.format(""))
    give_tables_their_files(made, site)
    region = made.soup.select_one(".ml-scroll")
    assert region is not None
    assert region["role"] == "region"
    assert region["tabindex"] == "0"
    assert region["aria-label"]
    assert [cell["scope"] for cell in made.soup.select("th")] == ["col", "row"]


def test_a_long_table_is_folded_and_a_short_one_is_not(site: Site) -> None:
    row = "<tr><th>Opus</th><td>7.4</td></tr>"
    for rows, folds in ((10, 0), (11, 1)):
        made = page(f"<table><tbody>{row * rows}</tbody></table>")
        give_tables_their_files(made, site)
        assert len(made.soup.select("details > .ml-scroll > table")) == folds
        assert len(values(made)) == rows
        assert not made.soup.select("details a[download]")  # the file is there without unfolding


def test_players_are_no_tables_of_data(site: Site) -> None:
    made = page(f'<div class="ml-comparison">{TABLE.format("")}</div>')
    give_tables_their_files(made, site)
    assert made.soup.select("a, .ml-scroll") == []


def test_a_missing_file_of_a_table_is_named(site: Site) -> None:
    with pytest.raises(BookError, match="Run the chapter again"):
        give_tables_their_files(page(TABLE.format(' data-ml-csv="gone.csv"')), site)


def test_the_box_has_the_command_of_the_run_and_its_time(site: Site) -> None:
    notebook = site.html / "_sources" / "book" / "part" / "sound.ipynb"
    notebook.parent.mkdir(parents=True)
    notebook.write_text("{}")
    made = page("<h1>Sound</h1>")
    add_rerun_box(made, site)
    box = made.soup.select_one("details.ml-rerun")
    assert box is not None
    assert "papermill book/part/sound.ipynb my-sound.ipynb" in box.get_text()
    assert "3 min 12 s" in box.get_text()
    link = box.select_one("a[download]")
    assert link is not None
    assert link["href"] == "../../_sources/book/part/sound.ipynb"


def test_the_command_is_safe_for_a_shell(site: Site) -> None:
    given = {"dataset": "folder", "data_root": "my music; rm", "profile": "smoke", "seed": 3}
    made = page("<h1>Sound</h1>")
    add_rerun_box(made, replace(site, record={"parameters": given}))
    shown = made.soup.select_one("pre")
    assert shown is not None
    assert "-p data_root 'my music; rm'" in shown.get_text()
    assert shown.get_text().endswith("-p profile smoke -p seed 3")


def test_the_record_fills_the_page_and_shows_no_place(site: Site, tmp_path: Path) -> None:
    parameters = {"dataset": "mini", "data_root": None, "profile": "smoke", "seed": 5}
    record = run_record(site.book, parameters, site.chapters, ())
    known = Site(site.book, site.html, site.chapters, record)
    places = ("versions", "machine", "parameters", "times", "total", "music", "models", "commit")
    made = page("".join(f'<div data-ml-fill="{name}"></div>' for name in (*places, "report")))
    fill_record(made, known)
    text = made.soup.get_text(" ")
    for words in ("numpy", "GiB", "smoke", "3 min 12 s", "part/sound", "wideband-64"):
        assert words in text
    assert "data-ml-fill" not in str(made.soup)
    assert str(tmp_path) not in str(made.soup)


def test_the_first_mention_of_a_term_is_explained(site: Site) -> None:
    (site.html / "book" / "glossary.html").write_text(
        '<dl class="glossary"><dt id="term-LSD">log-spectral distance</dt><dt id="term-1">LSD</dt>'
        "<dd><p>Of log spectra, in dB.</p></dd>"
        '<dt id="term-log">log</dt><dd><p>A logarithm.</p></dd></dl>'
    )
    made = page(
        "<h1>LSD</h1><p>The <code>LSD</code> and a catalog, then the Log-spectral distance, "
        "<em>LSD</em> and the log.</p><p>LSD again.</p>"
    )
    explain_terms(made, site)
    links = [(link.get_text(), link["href"], link["title"]) for link in made.soup.select("a")]
    assert links == [
        ("Log-spectral distance", "../../book/glossary.html#term-LSD", "Of log spectra, in dB."),
        ("log", "../../book/glossary.html#term-log", "A logarithm."),
    ]
    assert made.soup.select_one("p").get_text() == (
        "The LSD and a catalog, then the Log-spectral distance, LSD and the log."
    )


def test_the_pdf_is_linked_where_one_is_made(site: Site) -> None:
    made = page("<h1>Front</h1>")
    link_pdf(made, site)
    assert made.soup.select("a") == []
    link_pdf(made, Site(site.book, site.html, pdf="book.pdf"))
    assert [link["href"] for link in made.soup.select("a")] == ["../../book.pdf"] * 2


def settled(site: Site, body: str) -> list[dict[str, str]]:
    Image.new("RGB", (40, 30)).save(site.html / "a.png")
    svg = '<svg xmlns="http://www.w3.org/2000/svg" {}></svg>'
    (site.html / "points.svg").write_text(svg.format('width="72pt" height="36pt"'))
    (site.html / "box.svg").write_text(svg.format('viewBox="0 0 20 10"'))
    soup = BeautifulSoup(f"<main><article>{body}</article></main>", "html.parser")
    optimise_images(Page(Path("index.html"), soup, None), site)
    return [{key: str(value) for key, value in tag.attrs.items()} for tag in soup.select("img")]


@pytest.mark.parametrize(
    ("address", "size"),
    [
        ("a.png", ("40", "30")),
        ("points.svg", ("96", "48")),
        ("box.svg", ("20", "10")),
        ("https://example.org/x.png", (None, None)),
    ],
)
def test_pictures_reserve_their_place(
    site: Site, address: str, size: tuple[str | None, str | None]
) -> None:
    (image,) = settled(site, f'<img src="{address}"/>')
    assert (image.get("width"), image.get("height")) == size


def test_pictures_below_the_first_view_load_late_and_given_sizes_stay(site: Site) -> None:
    body = f'<img src="a.png"/><p>{"word " * 300}</p><img src="a.png" width="4" height="3"/>'
    early, late = settled(site, body)
    assert "loading" not in early
    assert (late["loading"], late["width"], late["height"]) == ("lazy", "4", "3")


def mended(site: Site, html: str, name: str = "book/part/sound.html") -> BeautifulSoup:
    soup = BeautifulSoup(html, "html.parser")
    adapt_theme(Page(Path(name), soup, None), site)
    return soup


def test_what_the_theme_leaves_out_is_there_for_a_screen_reader(site: Site) -> None:
    soup = mended(
        site,
        '<div id="pst-primary-sidebar">x</div>'
        '<div class="citation-list" role="list"><div role="doc-biblioentry">x</div></div>'
        '<i class="fa-solid fa-sun" title="Light"></i><i class="fa-x">word</i>',
    )
    sidebar, *_ = soup.select("div")
    assert (sidebar["role"], sidebar["aria-label"]) == ("complementary", "Book")
    assert len(soup.select("[role]")) == 1
    icon, word = soup.select("i")
    assert icon["aria-hidden"] == "true"
    assert not icon.has_attr("title")
    assert not word.has_attr("aria-hidden")


def test_only_the_search_loads_the_words_of_the_book(site: Site) -> None:
    scripts = ("searchtools.js", "searchindex.js?v=1", "scripts/fontawesome.js", "doctools.js")
    head = "".join(f'<script src="../_static/{name}"></script>' for name in scripts)
    assert len(mended(site, head).select("script")) == 1
    assert len(mended(site, f'{head}<div id="search-results"></div>').select("script")) == 3

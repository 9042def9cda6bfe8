"""What is done to the built pages: figures' twins, tables' files, the box to rerun, the record."""

import csv
import hashlib
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from musiclib.book.layout import Book, Chapter
from musiclib.book.pages.figures import give_figures_their_twins
from musiclib.book.pages.page import Facts, SitePage
from musiclib.book.pages.reproducibility import fill_places
from musiclib.book.pages.rerun import add_rerun_box, command, duration
from musiclib.book.pages.tables import give_tables_their_files
from musiclib.book.pages.terms import explain_terms
from musiclib.book.pdf import link_pdf
from musiclib.book.record import commit, fingerprint, run_record
from musiclib.book.store import Stored
from musiclib.errors import BookError

CHAPTER = Chapter("book/part/sound", Path("sound.ipynb"))
TABLE = '<table class="dataframe"{}><thead><tr><th></th><th>kbps</th></tr></thead><tbody>'
TABLE += "<tr><th>Opus</th><td>7.4</td></tr></tbody></table>"


@pytest.fixture
def facts(tmp_path: Path) -> Facts:
    (tmp_path / "site" / "book" / "part").mkdir(parents=True)
    stored = {CHAPTER.docname: Stored(tmp_path / "stored", 192.0)}
    return Facts(Book(tmp_path, (CHAPTER,)), tmp_path / "site", stored)


def page(body: str, chapter: Chapter | None = CHAPTER) -> SitePage:
    html = f"<html><body><nav class='bd-links'></nav><article><section>{body}</section></article>"
    return SitePage(Path("book/part/sound.html"), BeautifulSoup(html, "html.parser"), chapter)


def media(facts: Facts, kind: str) -> Path:
    folder = facts.html / "_static" / CHAPTER.media_folder / kind
    folder.mkdir(parents=True)
    return folder


def figure(name: str) -> str:
    caption = '<figcaption><p><span class="caption-number">Fig. 3 </span>A line.</p></figcaption>'
    picture = f'<img alt="A line" src="../../_images/{name}.png"/>'
    return f'<figure id="fig-line">{picture}{caption}</figure>'


def test_a_figure_gets_its_dark_twin_and_its_svg(facts: Facts) -> None:
    name = hashlib.sha256(b"picture").hexdigest()
    folder = media(facts, "figures")
    Image.new("P", (96, 48)).save(folder / f"{name}-dark.png")
    for kind in ("", "-narrow", "-narrow-dark"):
        (folder / f"{name}{kind}.svg").write_text("<svg/>")
    made = page(figure(name))
    give_figures_their_twins(made, facts)
    light, dark = made.soup.select("picture > img")
    phone = made.soup.select("picture > source")
    assert ["dark" in str(source["srcset"]) for source in phone] == [False, True]
    assert {source["media"] for source in phone} == {"(max-width: 36rem)"}
    assert all((facts.html / "book" / "part" / str(one["srcset"])).is_file() for one in phone)
    assert light["alt"] == dark["alt"] == "A line"
    assert (light["width"], dark["height"]) == ("96", "48")
    assert "ml-light" in light["class"]
    assert "ml-dark" in dark["class"]
    assert dark["loading"] == "lazy"
    assert (facts.html / "book" / "part" / str(dark["src"])).is_file()
    link = made.soup.select_one("figcaption a")
    assert link is not None
    assert link["download"] == "fig-line.svg"
    assert link["aria-label"] == "SVG of Fig. 3"
    assert (facts.html / "book" / "part" / str(link["href"])).is_file()


def test_a_picture_without_twins_is_left_alone(facts: Facts) -> None:
    made = page(figure("drawing"))
    before = str(made.soup)
    give_figures_their_twins(made, facts)
    assert str(made.soup) == before


def values(facts: Facts, made: SitePage) -> list[list[str]]:
    link = made.soup.select_one("a[download$='.csv']")
    assert link is not None
    file = facts.html / "book" / "part" / str(link["href"])
    return list(csv.reader(file.read_text(encoding="utf-8").splitlines()))


def test_a_table_gets_the_file_that_its_chapter_left(facts: Facts) -> None:
    (media(facts, "tables") / "ab.csv").write_text("codec,kbps\nOpus,7.4210\n")
    made = page(TABLE.format(' data-ml-csv="ab.csv"'))
    give_tables_their_files(made, facts)
    assert values(facts, made) == [["codec", "kbps"], ["Opus", "7.4210"]]
    assert "data-ml-csv" not in str(made.soup)


def test_a_table_without_a_file_gets_what_it_shows(facts: Facts) -> None:
    made = page(TABLE.format(""))
    give_tables_their_files(made, facts)
    assert values(facts, made) == [["", "kbps"], ["Opus", "7.4"]]


def test_a_table_scrolls_in_a_named_region_with_scoped_headings(facts: Facts) -> None:
    made = page(TABLE.format(""))
    give_tables_their_files(made, facts)
    region = made.soup.select_one(".ml-scroll")
    assert region is not None
    assert region["role"] == "region"
    assert region["tabindex"] == "0"
    assert region["aria-label"]
    assert [cell["scope"] for cell in made.soup.select("th")] == ["col", "row"]


def test_a_long_table_is_folded_and_a_short_one_is_not(facts: Facts) -> None:
    row = "<tr><th>Opus</th><td>7.4</td></tr>"
    for rows, folds in ((10, 0), (11, 1)):
        made = page(f"<table><tbody>{row * rows}</tbody></table>")
        give_tables_their_files(made, facts)
        assert len(made.soup.select("details > .ml-scroll > table")) == folds
        assert len(values(facts, made)) == rows
        assert not made.soup.select("details a[download]")  # the file is there without unfolding


def test_a_numbered_table_has_its_link_in_the_caption(facts: Facts) -> None:
    caption = '<figcaption><p><span class="caption-number">Table 2 </span>Rates.</p></figcaption>'
    made = page(f'<figure id="tab-rates">{caption}{TABLE.format("")}</figure>')
    give_tables_their_files(made, facts)
    link = made.soup.select_one("figcaption a")
    assert link is not None
    assert link["download"] == "tab-rates.csv"
    assert link["aria-label"] == "CSV of Table 2"


def test_players_are_no_tables_of_data(facts: Facts) -> None:
    made = page(f'<div class="ml-comparison">{TABLE.format("")}</div>')
    give_tables_their_files(made, facts)
    assert made.soup.select("a, .ml-scroll") == []


def test_a_missing_file_of_a_table_is_named(facts: Facts) -> None:
    with pytest.raises(BookError, match="Run the chapter again"):
        give_tables_their_files(page(TABLE.format(' data-ml-csv="gone.csv"')), facts)


def test_the_box_has_the_command_of_the_run_and_its_time(facts: Facts) -> None:
    notebook = facts.html / "_sources" / "book" / "part" / "sound.ipynb"
    notebook.parent.mkdir(parents=True)
    notebook.write_text("{}")
    made = page("<h1>Sound</h1>")
    add_rerun_box(made, facts)
    box = made.soup.select_one("details.ml-rerun")
    assert box is not None
    assert "papermill book/part/sound.ipynb my-sound.ipynb" in box.get_text()
    assert "3 min 12 s" in box.get_text()
    link = box.select_one("a[download]")
    assert link is not None
    assert link["href"] == "../../_sources/book/part/sound.ipynb"


def test_pages_of_prose_have_no_box(facts: Facts) -> None:
    made = page("<h1>Words</h1>", Chapter("book/words", Path("words.md")))
    add_rerun_box(made, facts)
    assert made.soup.select(".ml-rerun") == []


def test_the_command_is_safe_for_a_shell() -> None:
    given = {"dataset": "folder", "data_root": "my music; rm", "profile": "smoke", "seed": 3}
    shown = command(CHAPTER, given)
    assert "-p data_root 'my music; rm'" in shown
    assert shown.endswith("-p profile smoke -p seed 3")


@pytest.mark.parametrize(
    ("seconds", "words"), [(47.6, "48 s"), (192, "3 min 12 s"), (3840, "1 h 4 min")]
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_record_fills_the_page_and_shows_no_place(facts: Facts, tmp_path: Path) -> None:
    parameters = {"dataset": "mini", "data_root": None, "profile": "smoke", "seed": 5}
    record = run_record(facts.book, parameters, facts.chapters, ())
    known = Facts(facts.book, facts.html, facts.chapters, record=record)
    places = ("versions", "machine", "parameters", "times", "total", "music", "models", "commit")
    made = page("".join(f'<div data-ml-fill="{name}"></div>' for name in (*places, "report")))
    fill_places(made, known)
    text = made.soup.get_text(" ")
    for words in ("numpy", "GiB", "smoke", "3 min 12 s", "part/sound", "wideband-64"):
        assert words in text
    assert "data-ml-fill" not in str(made.soup)
    assert str(tmp_path) not in str(made.soup)


def test_a_place_that_nothing_fills_is_named(facts: Facts) -> None:
    with pytest.raises(BookError, match="weather"):
        fill_places(page('<p data-ml-fill="weather"></p>'), facts)


def test_a_fingerprint_depends_on_names_and_contents_alone(tmp_path: Path) -> None:
    for folder, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x").write_bytes(content)
    one, same, other = (fingerprint([("x", tmp_path / name / "x")]) for name in "abc")
    assert one == same != other
    assert fingerprint([("y", tmp_path / "a" / "x")]) != one


def test_a_folder_outside_of_git_has_no_commit(tmp_path: Path) -> None:
    assert commit(tmp_path) is None


def test_the_first_mention_of_a_term_is_explained(facts: Facts) -> None:
    (facts.html / "book" / "glossary.html").write_text(
        '<dl class="glossary"><dt id="term-LSD">log-spectral distance</dt><dt id="term-1">LSD</dt>'
        "<dd><p>Of log spectra, in dB.</p></dd>"
        '<dt id="term-log">log</dt><dd><p>A logarithm.</p></dd></dl>'
    )
    made = page(
        "<h1>LSD</h1><p>The <code>LSD</code> and a catalog, then the Log-spectral distance, "
        "<em>LSD</em> and the log.</p><p>LSD again.</p>"
    )
    explain_terms(made, facts)
    links = [(link.get_text(), link["href"], link["title"]) for link in made.soup.select("a")]
    assert links == [
        ("Log-spectral distance", "../../book/glossary.html#term-LSD", "Of log spectra, in dB."),
        ("log", "../../book/glossary.html#term-log", "A logarithm."),
    ]
    assert made.soup.select_one("p").get_text() == (
        "The LSD and a catalog, then the Log-spectral distance, LSD and the log."
    )


def test_without_a_glossary_the_text_stays(facts: Facts) -> None:
    made = page("<p>The LSD.</p>")
    explain_terms(made, facts)
    assert not made.soup.select("a")


def test_the_pdf_is_linked_where_one_is_made(facts: Facts) -> None:
    made = page("<h1>Front</h1>")
    link_pdf(made, facts)
    assert made.soup.select("a") == []
    link_pdf(made, Facts(facts.book, facts.html, pdf="book.pdf"))
    assert [link["href"] for link in made.soup.select("a")] == ["../../book.pdf"] * 2

"""A whole small book, built once: what a reader gets, and that a second build reuses the first."""

import json
import re
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup

from musiclib.book.build import LONGEST, Options, _begun_first, build
from musiclib.book.check import check_site
from musiclib.book.layout import find_book
from musiclib.book.pdf import find_browser, write_pdf
from musiclib.errors import BookError
from tests.book_fixture import REPOSITORY, write_book, write_music

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Options:
    folder = tmp_path_factory.mktemp("book")
    music = write_music(folder / "my music", clips=8, seconds=1.0)
    root = write_book(folder / "source")
    return Options(
        source=root,
        dataset="folder",
        data_root=str(music),
        profile="smoke",
        seed=3,
        repository_url="https://example.org/book",
    )


@pytest.fixture(scope="module")
def site(options: Options) -> Path:
    said: list[str] = []
    front = build(options, said.append)
    names = [chapter.docname for chapter in find_book(options.source).chapters if chapter.executed]
    for name in names:
        begun, ended = (
            next(n for n, line in enumerate(said) if re.match(rf"{word} +{name}\b", line))
            for word in ("running", "ran")
        )
        assert begun < ended
    return front.parent


def page(site: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((site / name).read_text(encoding="utf-8"), "html.parser")


def test_site_stands_alone(site: Path) -> None:
    report = check_site(site)
    assert report.findings == ()
    assert set(report.weights) >= {"index.html", "book/index.html", "book/part/sound.html"}
    # Loading is complete in this count: the theme alone has more than a hundred kilobytes.
    assert 100_000 < report.weights["index.html"] < 1_500_000


def test_figure_has_number_caption_and_text(site: Path) -> None:
    figure = page(site, "book/chapter.html").select_one("figure#fig-line")
    assert figure is not None
    assert figure.img is not None
    assert figure.img["alt"] == "A line that rises from left to right."
    assert "Fig. 1.1 A rising line." in figure.get_text(" ", strip=True).replace("  ", " ")
    for name in ("book/index.html", "book/part/sound.html"):
        links = [link.get_text() for link in page(site, name).select('a[href$="#fig-line"]')]
        assert links == ["Fig. 1.1"], name


def test_a_table_has_a_number_a_caption_and_a_file(site: Path) -> None:
    figure = page(site, "book/chapter.html").select_one("figure#tab-rates")
    assert figure is not None
    assert "Table 1.1 Rates of two systems." in figure.get_text(" ", strip=True).replace("  ", " ")
    links = page(site, "book/index.html").select('a[href$="#tab-rates"]')
    assert [link.get_text() for link in links] == ["Table 1.1"]
    file = site / "_static" / "tables" / "chapter" / "tab-rates.csv"
    assert file.read_text(encoding="utf-8").splitlines()[1:] == ["Opus,7.50", "Autoencoder,3.25"]


def test_chapters_are_numbered_in_reading_order_through_all_parts(site: Path) -> None:
    entries = page(site, "book/index.html").select(".bd-docs-nav .toctree-l1 > a")
    words = [" ".join(entry.get_text().split()) for entry in entries]
    assert words == ["A small book", "1. What is here?", "2. What is here?", "References"]
    heading = page(site, "book/part/sound.html").select_one("article h1")
    assert heading is not None
    assert heading.get_text().startswith("2. What is here?")


def test_the_book_numbers_all_chapters_but_the_back_matter() -> None:
    parts = yaml.safe_load((REPOSITORY / "_toc.yml").read_text("utf-8"))["parts"]
    numbered = {part["caption"]: part["numbered"] for part in parts}
    assert numbered.pop("Back matter") is False
    assert set(numbered.values()) == {1}


def test_a_chapter_says_how_to_run_it_again(site: Path) -> None:
    box = page(site, "book/part/sound.html").select_one(".ml-rerun")
    assert box is not None
    assert "papermill book/part/sound.ipynb" in box.get_text()
    assert "-p data_root 'my music'" in box.get_text()


def test_the_site_prints_as_one_pdf(options: Options, site: Path, tmp_path: Path) -> None:
    try:
        find_browser()
    except BookError as error:
        pytest.skip(str(error))
    write_pdf(site, find_book(options.source), tmp_path / "book.pdf")
    printed = (tmp_path / "book.pdf").read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 6  # title, contents, four pages


def test_glued_value_follows_the_seed(site: Path) -> None:
    assert "The answer is 9.2." in re.sub(r"\s+", " ", page(site, "book/index.html").get_text())


def test_citation_leads_to_the_bibliography(site: Path) -> None:
    link = page(site, "book/index.html").select_one('a[href^="references.html#"]')
    assert link is not None
    references = page(site, "book/references.html").get_text()
    assert "A mathematical theory of communication" in references


def test_sound_is_a_file_of_the_site(site: Path) -> None:
    player = page(site, "book/part/sound.html").find("audio")
    assert player is not None
    source = (site / "book" / "part" / str(player["src"])).resolve()
    assert source.is_file()
    assert source.is_relative_to(site / "_static" / "media" / "part" / "sound")


def test_formulas_are_drawn_without_another_host(site: Path) -> None:
    chapter = page(site, "book/chapter.html")
    assert chapter.select("math msqrt")
    assert not any("mathjax" in str(tag.get("src")) for tag in chapter.select("script"))


def test_parameters_are_injected_and_hidden(site: Path) -> None:
    chapter = page(site, "book/chapter.html")
    for box in chapter.select(".ml-rerun"):  # it says how to give other parameters
        box.decompose()
    assert "data_root" not in chapter.get_text()
    published = json.loads((site / "_sources" / "book" / "chapter.ipynb").read_text("utf-8"))
    sources = "\n".join("".join(cell["source"]) for cell in published["cells"])
    assert "seed = 3" in sources
    assert 'dataset = "folder"' in sources


def test_no_trace_of_the_run_is_published(options: Options, site: Path) -> None:
    private = [str(options.source), str(options.data_root), str(site.parent)]
    for path in site.rglob("*"):
        if path.suffix in {".html", ".ipynb", ".json", ".js", ".md"}:
            text = path.read_text(encoding="utf-8")
            assert not [folder for folder in private if folder in text], path
    published = json.loads((site / "_sources" / "book" / "chapter.ipynb").read_text("utf-8"))
    assert set(published["metadata"]) == {"kernelspec", "language_info"}
    assert all(set(cell["metadata"]) <= {"tags", "mystnb"} for cell in published["cells"])


def test_run_report(site: Path) -> None:
    report = json.loads((site / "run-report.json").read_text(encoding="utf-8"))
    assert report["parameters"] == {
        "dataset": "folder",
        "data_root": "my music",
        "profile": "smoke",
        "seed": 3,
    }
    assert set(report["chapters"]) == {"book/chapter", "book/part/sound"}
    assert all(entry["seconds"] > 0 for entry in report["chapters"].values())
    assert re.fullmatch(r"[0-9a-f]{64}", report["data_fingerprint"])


def test_repository_is_linked(site: Path) -> None:
    assert "https://example.org/book" in check_site(site).links


def test_the_longest_chapters_are_chapters_and_begin_first() -> None:
    chapters = [chapter for chapter in find_book(REPOSITORY).chapters if chapter.executed]
    names = [chapter.docname for chapter in sorted(chapters, key=_begun_first)]
    assert tuple(names[: len(LONGEST)]) == LONGEST

"""A whole small book, built once: what a reader gets."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup

from musiclib.book.build import LONGEST, Options, _begun_first, build
from musiclib.book.check import MAX_PAGE_BYTES, check_site
from musiclib.book.layout import find_book
from tests.book_fixture import REPOSITORY, write_book, write_music

pytestmark = pytest.mark.slow
SITE = "https://example.org/site/"


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Options:
    folder = tmp_path_factory.mktemp("book")
    return Options(
        source=write_book(folder / "source"),
        dataset="folder",
        data_root=str(write_music(folder / "my music", clips=8, seconds=1.0)),
        profile="smoke",
        seed=3,
        repository_url="https://github.com/someone/book",
        site_url=SITE,
    )


@pytest.fixture(scope="module")
def site(options: Options) -> Path:
    said: list[str] = []
    front = build(options, said.append)
    for name in ("book/chapter", "book/part/sound"):
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
    assert 100_000 < report.weights["index.html"] < MAX_PAGE_BYTES
    assert page(site, "book/index.html").select('a[href="https://github.com/someone/book"]')


def test_figures_and_tables_have_numbers_captions_and_references(site: Path) -> None:
    chapter = page(site, "book/chapter.html")
    figure, table = chapter.select("figure#fig-line, figure#tab-rates")
    assert figure.select_one("img")["alt"] == "A line that rises from left to right."
    assert "Fig. 1.1 A rising line." in " ".join(figure.get_text(" ").split())
    assert "Table 1.1 Rates of two systems." in " ".join(table.get_text(" ").split())
    for name, anchor, text in (
        ("book/index.html", "fig-line", "Fig. 1.1"),
        ("book/index.html", "tab-rates", "Table 1.1"),
        ("book/part/sound.html", "fig-line", "Fig. 1.1"),
    ):
        links = page(site, name).select(f'a[href$="#{anchor}"]')
        assert [link.get_text() for link in links] == [text]
    file = site / "_static" / "tables" / "chapter" / "tab-rates.csv"
    assert file.read_text(encoding="utf-8").splitlines()[1:] == ["Opus,7.50", "Autoencoder,3.25"]


def test_chapters_are_numbered_in_reading_order_through_all_parts(site: Path) -> None:
    entries = page(site, "book/index.html").select(".bd-docs-nav .toctree-l1 > a")
    words = [" ".join(entry.get_text().split()) for entry in entries]
    assert words == ["A small book", "1. What is here?", "2. What is here?", "References"]
    parts = yaml.safe_load((REPOSITORY / "_toc.yml").read_text("utf-8"))["parts"]
    numbered = {part["caption"]: part["numbered"] for part in parts}
    assert numbered.pop("Back matter") is False
    assert set(numbered.values()) == {1}


def test_values_citations_sounds_and_formulas(site: Path) -> None:
    front = page(site, "book/index.html")
    assert "The answer is 9.2." in re.sub(r"\s+", " ", front.get_text())
    assert front.select_one('a[href^="references.html#"]') is not None
    assert "A mathematical theory" in page(site, "book/references.html").get_text()
    player = page(site, "book/part/sound.html").select_one("audio")
    assert player is not None
    source = (site / "book" / "part" / str(player["src"])).resolve()
    assert source.is_relative_to(site / "_static" / "media" / "part" / "sound")
    chapter = page(site, "book/chapter.html")
    assert chapter.select("math msqrt")
    assert not any("mathjax" in str(tag.get("src")) for tag in chapter.select("script"))


def test_parameters_are_injected_and_hidden(site: Path) -> None:
    chapter = page(site, "book/chapter.html")
    (box,) = chapter.select(".ml-rerun")  # it says how to give other parameters
    assert "-p data_root 'my music'" in box.extract().get_text()
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
    report = json.loads((site / "run-report.json").read_text(encoding="utf-8"))
    assert report["parameters"] == {**options.parameters, "data_root": "my music"}
    assert set(report["chapters"]) == {"book/chapter", "book/part/sound"}
    assert re.fullmatch(r"[0-9a-f]{64}", report["data_fingerprint"])


def test_a_page_tells_sharers_and_search_engines_where_and_what_it_is(site: Path) -> None:
    head = page(site, "book/part/sound.html").head
    assert head is not None
    address = f"{SITE}book/part/sound.html"
    assert [link["href"] for link in head.select("link[rel=canonical]")] == [address]
    said = {str(tag["property"]): str(tag["content"]) for tag in head.select("meta[property]")}
    assert said["og:url"] == address
    assert said["og:title"].endswith("What is here?")
    card = said["og:image"].removeprefix(SITE)
    assert (site / card).is_file()
    assert head.select_one("meta[name=description]")
    listed = re.findall("<loc>(.*?)</loc>", (site / "sitemap.xml").read_text(encoding="utf-8"))
    assert address in listed
    assert f"{SITE}404.html" not in listed


def test_the_page_for_missing_pages_works_in_any_folder(site: Path) -> None:
    missing = page(site, "404.html")
    tags = missing.select("[href], [src], form[action]")
    addresses = {str(tag.get("href") or tag.get("src") or tag.get("action")) for tag in tags}
    local = {one for one in addresses if not one.startswith(("#", "https:"))}
    assert "/site/book/part/sound.html" in local
    assert all(one.startswith("/site/") for one in local), local
    assert "no such page" in missing.get_text()


def test_a_chapter_that_runs_is_offered_on_binder_and_colab(site: Path) -> None:
    menu = ".dropdown-launch-buttons .dropdown-menu a"
    links = [str(link["href"]) for link in page(site, "book/part/sound.html").select(menu)]
    assert len(links) == 2
    assert all("/launch" in link and link.endswith("book/part/sound.ipynb") for link in links)
    assert not page(site, "book/index.html").select(menu)


def test_a_later_build_reads_what_changed_and_gives_what_a_clean_one_gives(
    options: Options, site: Path
) -> None:
    chapter = options.source / "book" / "part" / "sound.ipynb"
    text = chapter.read_text(encoding="utf-8")
    work = options.source / "build" / "work"
    outs = [site.with_name(name) for name in ("later", "clean")]
    try:
        chapter.write_text(
            text.replace("What is here?", "What is heard?").replace("The line", "That line")
        )
        for out in outs:
            build(replace(options, out=out), lambda _: None)
            log = (work / "logs" / "jupyter-book.log").read_text(encoding="utf-8")
            assert ("0 added, 1 changed" in log) == (out.name == "later")
            shutil.rmtree(work / "site")
            shutil.rmtree(work / "memory")
    finally:
        chapter.write_text(text)
    later, clean = (
        {path.relative_to(out): path for path in out.rglob("*") if path.is_file()} for out in outs
    )
    assert later.keys() == clean.keys()
    differing = [name for name in later if later[name].read_bytes() != clean[name].read_bytes()]
    assert differing == []
    assert "What is heard?" in (outs[0] / "book" / "index.html").read_text(encoding="utf-8")


def test_the_longest_chapters_are_chapters_and_begin_first() -> None:
    chapters = [chapter for chapter in find_book(REPOSITORY).chapters if chapter.executed]
    names = [chapter.docname for chapter in sorted(chapters, key=_begun_first)]
    assert tuple(names[: len(LONGEST)]) == LONGEST

"""Tables of a built page: a file of the values, room to scroll, and headings that say what for."""

import csv
import io
from pathlib import Path

from bs4 import BeautifulSoup, Tag

from musiclib.book.pages.figures import add_download, number_of
from musiclib.book.pages.page import Facts, SitePage
from musiclib.errors import BookError
from musiclib.files import replace_file
from musiclib.plot.published import FILE_ATTRIBUTE, TABLE_FOLDER

TABLES = "_static/tables"
"""Folder of the tables' files in the site."""

_NO_DATA = frozenset(
    {"ml-comparison", "ml-player", "ml-explorer", "ml-map", "ml-no-file", "highlight"}
)
_MANY_ROWS = 10
_THEME_SCROLLER = "pst-scrollable-table-container"


def give_tables_their_files(page: SitePage, facts: Facts) -> None:
    """Link each table of data to a CSV file, let wide ones scroll and fold long ones.

    The file has the values as the chapter computed them where its run left them beside the
    table, else the table's own text.

    Args:
        page: The page.
        facts: The site.

    Raises:
        BookError: A table names a file that the chapter's run did not leave.
    """
    article = page.soup.select_one("article")
    if page.chapter is None or article is None:
        return
    number = 0
    for table in article.select("table"):
        no_data = _is_no_data(table) or table.find_parent(_is_no_data) is not None
        if no_data or table.find_parent("table"):
            continue
        number += 1
        _scoped_headings(table)
        figure = table.find_parent("figure")
        caption = figure.select_one("figcaption p") if figure else table.select_one("caption")
        label = str((figure or table).get("id") or f"table-{number}")
        name = f"{label.removeprefix('T_')}.csv"
        target = f"{TABLES}/{page.chapter.name}/{name}"
        replace_file(facts.html / target, _values(table, page, facts).encode())
        named = number_of(caption, f"table {number} of this page") if caption else None
        region = _region(page.soup, table, named or f"Table {number} of this page")
        if caption is None:
            caption = page.soup.new_tag("p")
            caption["class"] = "ml-table-file"
            region.insert_after(caption)
        what = named or f"table {number} of this page"
        add_download(page.soup, caption, f"{page.root}{target}", name, "CSV", what)
        rows = len(table.select("tbody > tr"))
        if rows > _MANY_ROWS:
            fold = region.wrap(page.soup.new_tag("details"))
            fold["class"] = "ml-long"
            fold.insert(0, page.soup.new_tag("summary", string=f"All {rows} rows"))


def _is_no_data(tag: Tag) -> bool:
    return bool(_NO_DATA & set(tag.get("class") or []))


def _values(table: Tag, page: SitePage, facts: Facts) -> str:
    name = table.get(FILE_ATTRIBUTE)
    if name is None or page.chapter is None:
        return _text(table)
    del table[FILE_ATTRIBUTE]
    file = facts.html / "_static" / page.chapter.media_folder / TABLE_FOLDER / Path(str(name)).name
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise BookError(
            f"{page.path}: a table's file is not among the chapter's media ({error}). "
            "Run the chapter again, with --force."
        ) from error


def _text(table: Tag) -> str:
    """What a table shows, as CSV; a cell over several columns fills them all."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    for row in table.select("tr"):
        cells: list[str] = []
        for cell in row.find_all(["th", "td"]):
            span = int(str(cell.get("colspan", "1")))
            cells += [" ".join(cell.get_text(" ", strip=True).split())] * span
        writer.writerow(cells)
    return lines.getvalue()


def _scoped_headings(table: Tag) -> None:
    for cell in table.select("thead th"):
        if cell.get_text(strip=True):
            cell["scope"] = "colgroup" if int(str(cell.get("colspan", "1"))) > 1 else "col"
        else:
            cell.name = "td"  # the empty corner heads nothing
            del cell["scope"]
    for cell in table.select("tbody th"):
        cell["scope"] = "row"
    for cell in table.select("[border]"):
        del cell["border"]
    del table["border"]


def _region(soup: BeautifulSoup, table: Tag, name: str) -> Tag:
    """The element that scrolls; it can be reached and moved by keyboard."""
    parent = table.parent
    if parent is not None and _THEME_SCROLLER in (parent.get("class") or []):
        region = parent
    else:
        region = soup.new_tag("div")
        table.wrap(region)
    region.attrs.update({"class": "ml-scroll", "role": "region", "tabindex": "0"})
    region["aria-label"] = name
    return region

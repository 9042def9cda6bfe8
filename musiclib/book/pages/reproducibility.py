"""The page on reproducibility, filled from the record of the build.

The page's source has places such as `<div data-ml-fill="versions"></div>`. Nothing in them is
typed by hand: what a place shows comes from the record, and a place that nothing fills fails the
build.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bs4 import BeautifulSoup, Tag

from musiclib.book.pages.page import Facts, SitePage
from musiclib.book.pages.rerun import duration
from musiclib.errors import BookError

PLACE = "data-ml-fill"
"""Attribute of a place to fill; its value says with what."""

Rows = Sequence[tuple[str, ...]]
_HASH_SHOWN = 16
_HASH = re.compile(r"[0-9a-f]{64}")


def fill_places(page: SitePage, facts: Facts) -> None:
    """Fill the places of a page.

    Args:
        page: The page.
        facts: The site, with the record of its build.

    Raises:
        BookError: A place that nothing is known for.
    """
    for place in page.soup.select(f"[{PLACE}]"):
        name = str(place[PLACE])
        if name not in _FILLERS:
            raise BookError(f"{page.path}: nothing is known to fill {PLACE}={name!r} with.")
        del place[PLACE]
        if facts.record:
            _FILLERS[name](page, facts, place)
        else:
            place.string = "not recorded"


def _table(place: Tag, soup: BeautifulSoup, name: str, head: Sequence[str], rows: Rows) -> None:
    table = soup.new_tag("table")
    table["class"] = "table ml-record"
    table["id"] = f"table-{name}"  # the section has the plain name
    caption = soup.new_tag("thead")
    table.append(caption)
    caption.append(_row(soup, head, "th"))
    body = soup.new_tag("tbody")
    table.append(body)
    for row in rows:
        body.append(_row(soup, row, "td"))
    place.clear()
    place.append(table)


def _row(soup: BeautifulSoup, cells: Sequence[str], kind: str) -> Tag:
    row = soup.new_tag("tr")
    for cell in cells:
        tag = soup.new_tag(kind)
        inside = tag
        if _HASH.fullmatch(cell):
            inside = soup.new_tag("code")
            tag.append(inside)
        inside.string = cell
        row.append(tag)
    return row


def _versions(page: SitePage, facts: Facts, place: Tag) -> None:
    versions: Mapping[str, str] = facts.record["versions"]
    _table(place, page.soup, "versions", ("software", "version"), list(versions.items()))


def _machine(page: SitePage, facts: Facts, place: Tag) -> None:
    machine: Mapping[str, Any] = facts.record["machine"]
    rows: Rows = [
        ("processor", str(machine["processor"])),
        ("architecture", str(machine["architecture"])),
        ("cores", str(machine["cores"])),
        ("memory", f"{machine['memory_gib']} GiB"),
        ("system", str(machine["system"])),
    ]
    _table(place, page.soup, "machine", ("part", "what it is"), rows)


def _parameters(page: SitePage, facts: Facts, place: Tag) -> None:
    parameters: Mapping[str, object] = facts.record["parameters"]
    rows = [(name, "none" if value is None else str(value)) for name, value in parameters.items()]
    _table(place, page.soup, "parameters", ("parameter", "value"), rows)


def _times(page: SitePage, facts: Facts, place: Tag) -> None:
    rows = [
        (
            name.removeprefix("book/"),
            duration(chapter["seconds"]),
            "for this build" if chapter["run_now"] else "kept from an earlier build",
        )
        for name, chapter in _chapters(facts).items()
    ]
    _table(place, page.soup, "times", ("notebook", "run time", "run"), rows)


def _total(page: SitePage, facts: Facts, place: Tag) -> None:  # noqa: ARG001
    seconds = {name: one["seconds"] for name, one in _chapters(facts).items()}
    if not seconds:
        place.string = "No notebook was run."
        return
    longest = max(seconds, key=lambda name: seconds[name])
    place.string = (
        f"All {len(seconds)} notebooks take {duration(sum(seconds.values()))} one after the other; "
        f"the longest, {longest.removeprefix('book/')}, takes {duration(seconds[longest])}."
    )


def _chapters(facts: Facts) -> Mapping[str, dict[str, Any]]:
    found: Mapping[str, dict[str, Any]] = facts.record["chapters"]
    return found


def _music(page: SitePage, facts: Facts, place: Tag) -> None:
    music: Mapping[str, Any] = facts.record["music"]
    rows: Rows = [
        ("tracks", str(music["tracks"])),
        ("size", f"{music['bytes'] / 1e6:.1f} MB"),
        ("SHA-256 of the table of tracks", str(music["table_sha256"])),
        ("SHA-256 of all files", str(music["files_sha256"] or "not computed: too large")),
    ]
    _table(place, page.soup, "music", ("what", "value"), rows)


def _models(page: SitePage, facts: Facts, place: Tag) -> None:
    models: Mapping[str, str] = facts.record["models"]
    head = ("model", "SHA-256 of the checkpoint")
    _table(place, page.soup, "models", head, list(models.items()))


def _commit(page: SitePage, facts: Facts, place: Tag) -> None:
    name = facts.record.get("commit")
    place.clear()
    if not name:
        place.string = "These pages were not built from a git checkout."
        return
    place.append("These pages were built from commit ")
    digest, _, rest = str(name).partition(" ")
    code = page.soup.new_tag("code", string=digest[:_HASH_SHOWN])
    if facts.repository_url and not rest:
        link = page.soup.new_tag("a", href=f"{facts.repository_url}/commit/{digest}")
        link.append(code)
        place.append(link)
    else:
        place.append(code)
    place.append(f" {rest}." if rest else ".")


def _report(page: SitePage, facts: Facts, place: Tag) -> None:  # noqa: ARG001
    link = page.soup.new_tag("a", href=f"{page.root}run-report.json", string="run-report.json")
    place.clear()
    place.append(link)


_FILLERS: dict[str, Callable[[SitePage, Facts, Tag], None]] = {
    "versions": _versions,
    "machine": _machine,
    "parameters": _parameters,
    "times": _times,
    "total": _total,
    "music": _music,
    "models": _models,
    "commit": _commit,
    "report": _report,
}

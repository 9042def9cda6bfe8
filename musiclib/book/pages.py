"""Built pages finished: what needs the whole site or the run of the chapters.

What Sphinx and its extensions can do is left to them. Here figures get their twins for the dark
theme and for phones and their SVG, tables their CSV, terms their links to the glossary, chapters
the box to run them again, and the page on reproducibility the record of the build.
"""

import csv
import hashlib
import io
import os
import platform
import re
import shlex
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString
from PIL import Image

from musiclib.book.check import NOT_FOUND
from musiclib.book.layout import Book, Chapter
from musiclib.book.store import Remember, Stored, installed_libraries, remember_nothing
from musiclib.errors import BookError
from musiclib.files import replace_file, sha256_of
from musiclib.plot import published


@dataclass(frozen=True)
class Site:
    """A built site and what is known of it.

    Attributes:
        book: The sources of the book.
        html: Folder of the built site.
        chapters: Executed chapters by docname.
        record: What the site was made with, from `run_record`.
        repository_url: Address of the repository, or None.
        pdf: Place of the book's PDF in the site, or None where none is made.
    """

    book: Book
    html: Path
    chapters: Mapping[str, Stored] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    repository_url: str | None = None
    pdf: str | None = None


@dataclass(frozen=True)
class Page:
    """A built page.

    Attributes:
        path: Its place in the site, such as `book/introduction.html`.
        soup: Its elements, to be changed in place.
        chapter: The chapter that it was made from; None for search, index of terms and forwards.
        files: What else is written with the page, by its place in the site.
    """

    path: Path
    soup: BeautifulSoup
    chapter: Chapter | None
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """The site's folder as seen from the page: `../` for each folder above it."""
        return "../" * (len(self.path.parts) - 1)


def finish(site: Site, remember: Remember = remember_nothing) -> None:
    """Finish every page of a site in place.

    Args:
        site: The site as jupyter-book left it.
        remember: What earlier builds made of the same pages.

    Raises:
        BookError: A page asks for what nothing is known of.
    """
    chapters = {f"{chapter.docname}.html": chapter for chapter in site.book.chapters}
    glossary = site.html / f"{GLOSSARY}.html"
    terms = glossary.read_bytes() if glossary.is_file() else b""
    for file in sorted(site.html.rglob("*.html")):
        path = file.relative_to(site.html)
        raw = file.read_bytes()
        chapter = chapters.get(path.as_posix())
        key = (raw, terms, *_surroundings(site, path, raw, chapter))
        for name, data in remember(key, partial(_finished, site, path, raw, chapter)).items():
            replace_file(site.html / name, data)


def _finished(site: Site, path: Path, raw: bytes, chapter: Chapter | None) -> dict[str, bytes]:
    page = Page(path, BeautifulSoup(raw, "html.parser"), chapter)
    for step in STEPS:
        step(page, site)
    return {path.as_posix(): str(page.soup).encode(), **page.files}


def _surroundings(site: Site, path: Path, raw: bytes, chapter: Chapter | None) -> Iterator[object]:
    """What decides how a page is finished, beside its text and the glossary."""
    files = [(site.html / path).parent / unquote(name.decode()) for name in _PICTURE.findall(raw)]
    if chapter:
        media = site.html / "_static" / chapter.media_folder
        for name in (published.FIGURE_FOLDER, published.TABLE_FOLDER):
            files += sorted((media / name).glob("*"))
        stored = site.chapters.get(chapter.docname)
        yield chapter.docname, stored and stored.seconds, chapter == site.book.chapters[0]
    yield [(file.name, sha256_of(file)) for file in files if file.is_file()]
    yield path.as_posix(), site.repository_url, site.pdf, (site.html / _REPRODUCIBILITY).is_file()
    yield site.record if b"data-ml-fill" in raw else site.record.get("parameters")
    yield [sha256_of(Path(module)) for module in (__file__, published.__file__)]
    yield installed_libraries()


def _new(html: str) -> Tag:
    """The one element of some HTML."""
    tag = BeautifulSoup(html, "html.parser").find()
    assert isinstance(tag, Tag)
    return tag


# What was computed: figures, tables, the record of the build.

PHONE = "(max-width: 36rem)"
"""Where the narrow twins of figures are shown."""
DARK_TWIN = "ml-dark"
"""Class of a figure for the dark theme, which is hidden in the light one and not loaded there."""


def show_twins(page: Page, site: Site) -> None:
    """Put a figure's twins beside it, and a link to its SVG into the caption.

    The chapter's run left them in the folder of its media, named by the hash that also names the
    picture. A figure without them, such as a drawing from elsewhere, is left as it is.
    """
    if page.chapter is None:
        return
    folder = PurePosixPath("_static", page.chapter.media_folder, published.FIGURE_FOLDER)
    there = {file.name for file in (site.html / folder).glob("*")}
    for picture in page.soup.select("img[src]"):
        name = PurePosixPath(str(picture["src"])).stem
        address = f"{page.root}{folder}/{name}"
        if (dark := f"{name}{published.DARK}{published.PNG}") in there:
            twin = _new(f'<img alt="{escape(str(picture.get("alt", "")))}">')
            twin["src"] = f"{page.root}{folder}/{dark}"
            with Image.open(site.html / folder / dark) as opened:
                size = dict(zip(("width", "height"), map(str, opened.size), strict=True))
            # With `dark-light` the theme leaves the picture's colours alone. Loaded late, the
            # hidden one of the two is not loaded at all.
            for image, kind in ((picture, "ml-light"), (twin, DARK_TWIN)):
                given = " ".join(image.get_attribute_list("class"))
                image["class"] = f"{given} {kind} dark-light".strip()
                image.attrs |= {**size, "loading": "lazy"}
            picture.insert_after(twin)
            for image, kind in ((picture, ""), (twin, published.DARK)):
                for suffix in (published.SVG, published.PNG):
                    if f"{name}{published.NARROW}{kind}{suffix}" in there:
                        narrow = f"{address}{published.NARROW}{kind}{suffix}"
                        source = _new(f'<source media="{PHONE}" srcset="{narrow}">')
                        image.wrap(page.soup.new_tag("picture")).insert(0, source)
        figure = picture.find_parent("figure")
        caption = figure.select_one("figcaption p") if figure else None
        if figure and caption and f"{name}{published.SVG}" in there:
            saved = f"{figure.get('id') or name}{published.SVG}"
            _add_download(caption, address + published.SVG, saved, "SVG", "this figure")


def _add_download(caption: Tag, address: str, name: str, kind: str, otherwise: str) -> None:
    """Add a small link to a file; a screen reader says what it is of, such as `Table 3`."""
    number = caption.select_one(".caption-number")
    of = number.get_text(" ", strip=True) if number else otherwise
    link = f'<a class="ml-download" href="{address}" download="{name}" aria-label="{kind} of {of}">'
    caption.append(" ")
    caption.append(_new(f"{link}{kind}</a>"))


TABLES = "_static/tables"
"""Folder of the tables' files in the site."""
_NO_DATA = ".ml-comparison, .ml-player, .ml-explorer, .ml-map, .ml-no-file, .highlight"
_MANY_ROWS = 10


def give_tables_their_files(page: Page, site: Site) -> None:
    """Link each table of data to a CSV file, let wide ones scroll and fold long ones.

    The file has the values as the chapter computed them where its run left them beside the table,
    else the table's own text.
    """
    if page.chapter is None:
        return
    others = {id(table) for part in page.soup.select(_NO_DATA) for table in part("table")}
    others |= {id(table) for table in page.soup.select(f"table:is({_NO_DATA}), table table")}
    tables = [table for table in page.soup.select("article table") if id(table) not in others]
    for number, table in enumerate(tables, 1):
        _scope_headings(table)
        figure = table.find_parent("figure")
        caption = figure.select_one("figcaption p") if figure else table.select_one("caption")
        label = str((figure or table).get("id") or f"table-{number}").removeprefix("T_")
        target = f"{TABLES}/{page.chapter.name}/{label}.csv"
        page.files[target] = _values(table, page, site).encode()
        what = f"table {number} of this page"
        scroller = table.find_parent(class_="pst-scrollable-table-container")
        scroller = scroller or table.wrap(page.soup.new_tag("div"))
        number_of = caption and caption.select_one(".caption-number")
        scroller.attrs.update({"class": "ml-scroll", "role": "region", "tabindex": "0"})
        scroller["aria-label"] = number_of.get_text(" ", strip=True) if number_of else what.title()
        if caption is None:
            caption = _new('<p class="ml-table-file"></p>')
            scroller.insert_after(caption)
        _add_download(caption, f"{page.root}{target}", f"{label}.csv", "CSV", what)
        if (rows := len(table.select("tbody > tr"))) > _MANY_ROWS:
            fold = scroller.wrap(page.soup.new_tag("details", attrs={"class": "ml-long"}))
            fold.insert(0, _new(f"<summary>All {rows} rows</summary>"))


def _values(table: Tag, page: Page, site: Site) -> str:
    """Text of a table's file: the one that the chapter left, or what the table shows."""
    name = table.attrs.pop(published.FILE_ATTRIBUTE, None)
    if name is not None and page.chapter is not None:
        media = site.html / "_static" / page.chapter.media_folder
        try:
            return (media / published.TABLE_FOLDER / str(name)).read_text(encoding="utf-8")
        except OSError as error:
            raise BookError(
                f"{page.path}: a table's file is not among the chapter's media ({error}). "
                "Run the chapter again, with --force."
            ) from error
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    for row in table.select("tr"):
        cells: list[str] = []
        for cell in row(["th", "td"]):
            text = " ".join(cell.get_text(" ", strip=True).split())
            cells += [text] * int(str(cell.get("colspan", "1")))
        writer.writerow(cells)
    return lines.getvalue()


def _scope_headings(table: Tag) -> None:
    for cell in table.select("thead th"):
        if cell.get_text(strip=True):
            cell["scope"] = "colgroup" if int(str(cell.get("colspan", "1"))) > 1 else "col"
        else:
            cell.name = "td"  # the empty corner heads nothing
    for cell in table.select("tbody th"):
        cell["scope"] = "row"
    for cell in (table, *table.select("[border]")):
        del cell["border"]


_PACKAGES = (
    *("musiclib", "numpy", "scipy", "torch", "librosa", "av", "soundfile", "soxr", "constriction"),
    *("zimtohrli", "visqol-python", "scikit-learn", "umap-learn", "pandas", "matplotlib"),
    *("papermill", "jupyter-book", "sphinx"),
)
MAX_HASHED_BYTES = 2 * 2**30
"""Music above this size is not read once more for its fingerprint."""


def run_record(
    book: Book,
    parameters: Mapping[str, object],
    chapters: Mapping[str, Stored],
    fresh: Collection[str],
    data: str | None = None,
) -> dict[str, Any]:
    """Describe a build: names and contents only, never a place on the machine."""
    from musiclib.datasets import open_dataset
    from musiclib.training import shipped_files

    root = parameters.get("data_root")
    dataset = open_dataset(
        str(parameters["dataset"]),
        data_root=None if root is None else str(root),
        seed=int(str(parameters["seed"])),
    )
    files = {str(name): Path(dataset.root, str(name)) for name in dataset.tracks["path"]}
    size = sum(path.stat().st_size for path in files.values())
    return {
        # The name of a reader's folder is enough; its place on the machine is nobody's business.
        "parameters": {**parameters, "data_root": Path(str(root)).name if root else None},
        "data_fingerprint": data,
        "music": {
            "tracks": len(files),
            "bytes": size,
            "table_sha256": hashlib.sha256(dataset.tracks.to_csv().encode()).hexdigest(),
            "files_sha256": _sha256_of_all(files) if size <= MAX_HASHED_BYTES else None,
        },
        "models": {path.stem: sha256_of(path) for path in shipped_files()},
        "commit": commit(book.root),
        "versions": {"python": platform.python_version(), **dict(map(_version, _PACKAGES))},
        "machine": {
            "processor": _processor(),
            "architecture": platform.machine(),
            "cores": os.cpu_count(),
            "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB",
            "system": _system(),
        },
        "chapters": {
            name: {"seconds": round(stored.seconds, 1), "run_now": name in fresh}
            for name, stored in sorted(chapters.items())
        },
    }


def _sha256_of_all(files: Mapping[str, Path]) -> str:
    """SHA-256 over names and contents of files, in the order of their names."""
    lines = (f"{name} {sha256_of(path)}\n" for name, path in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def commit(root: Path) -> str | None:
    """The commit of a checkout, with a remark if files differ from it; None outside of git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    if not (root / ".git").exists():
        return None
    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + (" (with changes)" if changed else "")
    except (OSError, subprocess.CalledProcessError):  # no git here, or no commit yet
        return None


def _version(name: str) -> tuple[str, str]:
    try:
        return name, version(name)
    except PackageNotFoundError:
        return name, "not installed"


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.is_file() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return model[1] if model else platform.processor() or platform.machine()


def fill_record(page: Page, site: Site) -> None:
    """Fill the places of a page, such as `<div data-ml-fill="versions"></div>`, from the record."""
    places = page.soup.select("[data-ml-fill]")
    known = _record_as_html(page, site) if places and site.record else {}
    for place in places:
        name = str(place.attrs.pop("data-ml-fill"))
        if name not in known:
            raise BookError(f"{page.path}: nothing is known to fill {name!r} with.")
        place.clear()
        place.append(BeautifulSoup(known[name], "html.parser"))


def _record_as_html(page: Page, site: Site) -> dict[str, str]:
    record = site.record
    chapters = {name.removeprefix("book/"): each for name, each in record["chapters"].items()}
    seconds = {name: each["seconds"] for name, each in chapters.items()}
    longest = max(seconds, key=lambda name: seconds[name], default="")
    states = {True: "for this build", False: "kept from an earlier build"}
    times = [
        (n, duration(each["seconds"]), states[each["run_now"]]) for n, each in chapters.items()
    ]
    music = record["music"]
    digest, _, remark = (record["commit"] or "").partition(" ")
    made_from = f"<code>{digest[:16]}</code>"
    if site.repository_url and not remark:
        address = f"{site.repository_url.rstrip('/')}/commit/{digest}"
        made_from = f'<a href="{address}">{made_from}</a>'
    tables = {
        "versions": (("software", "version"), record["versions"].items()),
        "machine": (("part", "what it is"), record["machine"].items()),
        "parameters": (
            ("parameter", "value"),
            [(name, "none" if v is None else v) for name, v in record["parameters"].items()],
        ),
        "times": (("notebook", "run time", "run"), times),
        "music": (
            ("what", "value"),
            [
                ("tracks", music["tracks"]),
                ("size", f"{music['bytes'] / 1e6:.1f} MB"),
                ("SHA-256 of the table of tracks", music["table_sha256"]),
                ("SHA-256 of all files", music["files_sha256"] or "not computed: too large"),
            ],
        ),
        "models": (("model", "SHA-256 of the checkpoint"), record["models"].items()),
    }
    return {
        **{name: _table(name, head, rows) for name, (head, rows) in tables.items()},
        "total": f"All {len(seconds)} notebooks take {duration(sum(seconds.values()))} one after "
        f"the other; the longest, {longest}, takes {duration(seconds[longest])}."
        if seconds
        else "No notebook was run.",
        "commit": f"These pages were built from commit {made_from}{remark and f' {remark}'}."
        if digest
        else "These pages were not built from a git checkout.",
        "report": f'<a href="{page.root}run-report.json">run-report.json</a>',
    }


def _table(name: str, head: Sequence[str], rows: Collection[tuple[object, ...]]) -> str:
    def row(cells: Sequence[object], tag: str) -> str:
        texts = (escape(str(cell)) for cell in cells)
        code = (f"<code>{t}</code>" if re.fullmatch("[0-9a-f]{64}", t) else t for t in texts)
        return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in code)}</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    return (
        f'<table class="table ml-record" id="table-{name}"><thead>{row(head, "th")}</thead>'
        f"<tbody>{body}</tbody></table>"
    )


def duration(seconds: float) -> str:
    """A time in words: `48 s`, `3 min 12 s`, `1 h 4 min`."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


# What helps to read on.

GLOSSARY = "book/glossary"
_REPRODUCIBILITY = "book/reproducibility.html"
_NO_TERMS = ["a", "code", "math", "figure", "table", "details", "button", "label", "kbd", "audio"]


def explain_terms(page: Page, site: Site) -> None:
    """Link the first mention of each term of the glossary, with its meaning as the link's title."""
    if page.chapter is None or page.chapter.docname == GLOSSARY:
        return
    terms = dict(_glossary(site.html / f"{GLOSSARY}.html"))
    for text in _running_text(page.soup):
        while terms and (found := _any_of(tuple(terms)).search(text)):
            word = next(name for name in terms if name in (found[0], found[0].lower()))
            anchor, meaning = terms[word]
            terms = {name: one for name, one in terms.items() if one[1] != meaning}
            address = f"{page.root}{GLOSSARY}.html#{anchor}"
            link = page.soup.new_tag("a", href=address, title=meaning, string=found[0])
            link["class"] = "ml-term"
            after = NavigableString(text[found.end() :])
            text.replace_with(NavigableString(text[: found.start()]), link, after)
            text = after


@lru_cache(maxsize=4)
def _glossary(file: Path) -> dict[str, tuple[str, str]]:
    """Anchor and meaning of each term; nothing where there is no such page."""
    if not file.is_file():
        return {}
    found: dict[str, tuple[str, str]] = {}
    names: list[Tag] = []
    soup = BeautifulSoup(file.read_bytes(), "html.parser")
    for part in soup.select("dl.glossary > dt, dl.glossary > dd"):
        if part.name == "dt":
            names.append(part)
            continue
        meaning = " ".join(part.get_text().split())
        found |= {str(next(n.stripped_strings)): (str(n["id"]), meaning) for n in names}
        names = []
    return found


def _running_text(soup: BeautifulSoup) -> Iterator[NavigableString]:
    for part in soup.select("article p, article li"):
        for text in list(part.find_all(string=True)):
            if type(text) is NavigableString and not text.find_parent(_NO_TERMS):
                yield text


@lru_cache
def _any_of(terms: tuple[str, ...]) -> re.Pattern[str]:
    """Match any term, the longest one at a place; capitals count where the term has some."""
    longest_first = sorted(terms, key=len, reverse=True)
    words = (f"(?i:{re.escape(w)})" if w.islower() else re.escape(w) for w in longest_first)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(words)})(?![\w-])")


def add_rerun_box(page: Page, site: Site) -> None:
    """Say at the end of a chapter that papermill ran how to run it again, and how long it took."""
    chapter, article = page.chapter, page.soup.select_one("article")
    if chapter is None or not chapter.executed or article is None:
        return
    stored = site.chapters.get(chapter.docname)
    took = f" For this page it took {duration(stored.seconds)}." if stored else ""
    given = {"dataset": "mini", "profile": "mini", "seed": 0, **site.record.get("parameters", {})}
    root = given.get("data_root")
    where = f" -p data_root {shlex.quote(str(root))}" if root else ""
    command = (
        f"papermill {chapter.docname}.ipynb my-{chapter.source.stem}.ipynb \\\n"
        f"  -p dataset {shlex.quote(str(given['dataset']))}{where} \\\n"
        f"  -p profile {given['profile']} -p seed {given['seed']}"
    )
    notebook = f"_sources/{chapter.docname}.ipynb"
    links = ""
    if (site.html / notebook).is_file():
        links += f'<a href="{page.root}{notebook}" download>Download the notebook</a> '
    if (site.html / _REPRODUCIBILITY).is_file():
        links += f'<a href="{page.root}{_REPRODUCIBILITY}">Versions, machine, seeds</a>'
    box = _new(
        '<details class="ml-rerun"><summary>Rerun this chapter</summary>'
        f"<p>In a clone of the repository, with the book's environment.{took}</p>"
        '<div class="highlight-bash notranslate"><div class="highlight">'
        f"<pre>{escape(command, quote=False)}</pre></div></div>"
        "<p>Give it your own music: -p dataset folder -p data_root FOLDER.</p>"
        f'<p class="ml-rerun-links">{links}</p></details>'
    )
    (article.select_one("section") or article).append(box)


def link_pdf(page: Page, site: Site) -> None:
    """Link the PDF below the contents of every page, and at the end of the front page."""
    if site.pdf is None or page.chapter is None:
        return
    places = [page.soup.select_one("nav.bd-links")]
    if page.chapter == site.book.chapters[0]:
        places.append(page.soup.select_one("article section"))
    for place in filter(None, places):
        link = f'<a href="{page.root}{site.pdf}">The whole book as PDF</a>'
        place.append(_new(f'<p class="ml-pdf">{link}</p>'))


# How a page loads, and what the theme leaves out.

# Not of scripts: every edit changes the search's index, which every page names.
_PICTURE = re.compile(rb'\bsrc="([^"]+\.(?:png|svg|webp|jpe?g|gif))"')
_LARGE_PNG = 40_000  # bytes
_FIRST_VIEW = 900  # characters: a picture after fewer of them is seen at once


def optimise_images(page: Page, site: Site) -> None:
    """Give every picture its size, few bytes, and let those load late that are not seen at once."""
    early: set[int] = set()
    before = 0
    for part in (page.soup.find("article") or page.soup).descendants:
        if isinstance(part, NavigableString):
            before += len(part.strip())
        elif isinstance(part, Tag) and part.name == "img" and not part.get("loading"):
            early.add(id(part))
        if before > _FIRST_VIEW:
            break
    same: dict[str, str] = {}
    for image in page.soup("img"):
        source = str(image.get("src", ""))
        file = (site.html / page.path).parent / source
        # The theme's own pictures, in its menus, have their sizes from its style.
        if file.is_file() and image.find_parent("article"):
            # A sound that stands in two groups has one picture.
            image["src"] = source = same.setdefault(sha256_of(file), source)
            large = file.suffix == ".png" and file.stat().st_size > _LARGE_PNG
            if large and (smaller := _as_webp(file)):
                image["src"] = f"{source.removesuffix('.png')}.webp"
                name = file.resolve().relative_to(site.html.resolve()).with_suffix(".webp")
                page.files[name.as_posix()] = smaller
            if not image.get("width"):
                image["width"], image["height"] = map(str, _size(file))
        image["decoding"] = "async"
        if id(image) not in early:
            image["loading"] = "lazy"


def _as_webp(file: Path) -> bytes | None:
    """A PNG as WebP without loss, if that is smaller."""
    data = io.BytesIO()
    with Image.open(file) as picture:
        colours = picture.convert("RGBA" if "transparency" in picture.info else "RGB")
        colours.save(data, format="webp", lossless=True, method=4)
    return data.getvalue() if len(data.getvalue()) < file.stat().st_size else None


def _size(file: Path) -> tuple[int, int]:
    """Width and height of a picture in CSS pixels."""
    if file.suffix != ".svg":
        with Image.open(file) as picture:
            return picture.size
    tag = re.search(r"<svg\b[^>]*>", file.read_text(encoding="utf-8"))
    text = tag[0] if tag else ""
    found = re.findall(r"\b(?:width|height)=[\"']([\d.]+)(pt)?", text)
    if len(found) < 2:
        box = re.search(r"viewBox=[\"'][-\d.]+[\s,]+[-\d.]+[\s,]+([\d.]+)[\s,]+([\d.]+)", text)
        found = [(size, "") for size in box.groups()] if box else [("300", ""), ("150", "")]
    width, height = (round(float(size) * (96 / 72 if unit else 1)) for size, unit in found[:2])
    return width, height


_IDLE = re.compile(r'/fontawesome\.js|thebe|rel="preload"')
_NEEDED_FOR = {
    r"labels\.(js|css)": "[data-ml-labels]",
    r"map\.(js|css)": "[data-ml-map]",
    r"explorer\.(js|css)": ".mx",
    r"(listen|player|blind)\.(js|css)": "audio, video, .mx, [data-ml-group], [data-ml-map]",
    r"(copybutton|clipboard\.min)\.(js|css)": "div.highlight pre",
    r"design-tabs\.js": ".sd-tab-set",
    r"search\.js|searchtools\.js|language_data\.js|searchindex\.js": "#search-results",
}
"""Scripts and styles, by what a page has where it needs them."""


def adapt_theme(page: Page, site: Site) -> None:
    """Name landmarks, drop roles that say nothing, and leave out what only loads."""
    soup = page.soup
    if sidebar := soup.find(id="pst-primary-sidebar"):
        # The title and the search stand beside the contents, in no landmark of their own.
        sidebar["role"], sidebar["aria-label"] = "complementary", "Book"
    for tag in soup.select("[role=doc-biblioentry], .citation-list[role=list]"):
        del tag["role"]
    for icon in soup.select("i[class*=fa-], span[class*=fa-]"):
        if not icon.get_text(strip=True):
            icon["aria-hidden"] = "true"
            icon.attrs.pop("title", None)
    # Half a megabyte that draws the icons which a font draws already, code cells that run by a
    # remote script, and what serves other pages.
    absent = [names for names, needed_by in _NEEDED_FOR.items() if not soup.select_one(needed_by)]
    needless = re.compile(rf"[\"/]({'|'.join(absent)})[\"?]") if absent else re.compile(r"(?!)")
    for tag in soup(["script", "link"]):
        if _IDLE.search(str(tag)) or needless.search(str(tag)):
            tag.decompose()
    if soup.select_one("meta[http-equiv=Refresh]") and not soup.select_one("link"):
        # Else browsers look for an icon at the host's top.
        soup.append(_new(f'<link href="{page.root}_static/favicon.svg" rel="icon"/>'))
    favicon = soup.select_one("link[rel=icon]")
    if page.path.name == NOT_FOUND and favicon is not None and soup.html is not None:
        # A server shows this page in any folder, so its addresses begin at the host.
        soup.html["data-content_root"] = str(favicon["href"]).partition("_static/")[0]
    heading = soup.select_one("article h1")
    if page.chapter == site.book.chapters[0] and heading is not None and soup.title is not None:
        # The theme calls the front page by the book's name twice.
        soup.title.string = "".join(heading.find_all(string=True, recursive=False)).strip()


Step = Callable[[Page, Site], None]
STEPS: tuple[Step, ...] = (
    fill_record,
    show_twins,
    give_tables_their_files,
    explain_terms,
    add_rerun_box,
    link_pdf,
    optimise_images,
    adapt_theme,
)
"""Done to every page, in this order."""

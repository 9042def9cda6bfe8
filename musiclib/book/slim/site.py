"""The theme of a built site, cut down to what its pages use.

The theme comes with every part that some book might need: ten times the bytes of a page. Here the
style sheets that all pages share become one, without the rules that match nothing, and the icon
fonts keep the icons that are drawn.
"""

import hashlib
import posixpath
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from musiclib.book.loading import local_file
from musiclib.book.slim.fonts import icon_codes, subset
from musiclib.book.slim.styles import Vocabulary, slim_style
from musiclib.files import replace_file

STYLE = "_static/site.css"
_STYLE_LINK = re.compile(r"<link\b(?=[^>]*\brel=\"stylesheet\")[^>]*>")
_HREF = re.compile(r"\bhref=\"([^\"]*)\"")
_MEDIA = re.compile(r"\bmedia=\"([^\"]*)\"")
_SCRIPT_SOURCE = re.compile(r"<script\b[^>]*\bsrc=\"([^\"]*)\"")
_URL = re.compile(r"""url\(\s*(['"]?)(?!data:|#)([^'")]+)\1\s*\)""")
_IMPORT = re.compile(r"""@import\s+['"]([^'"]+)['"]\s*;""")
_CHARSET = re.compile(r"""@charset\s+"[^"]*"\s*;""", re.IGNORECASE)
_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}")
_OTHER_FORMATS = re.compile(r""",\s*url\([^)]*\)\s*format\(["']?(?!woff2)[\w-]+["']?\)""")
_ICON_FONTS = "fontawesome/"
# What is in the theme's folders but no part of a site: maps from its scripts to their sources,
# templates, translations that are in the pages already, and fonts in formats of old browsers.
_LEFTOVERS = ("**/*.map", "**/*webpack-macros.html", "vendor/**/*.ttf")
_LEFTOVER_FOLDERS = ("locales",)


def slim_site(html: Path) -> None:
    """Replace the styles and fonts of a site by what its pages use.

    Args:
        html: Folder of a finished site, whose pages do not change any more.
    """
    pages = {path: path.read_text(encoding="utf-8") for path in sorted(html.rglob("*.html"))}
    vocabulary, scripts = Vocabulary(), _scripts(html, pages)
    for text in pages.values():
        vocabulary.add_page(text)
    for script in scripts:
        vocabulary.add_script(script.read_text(encoding="utf-8"))
    shared = _shared_styles(html, pages)
    own = _linked_styles(html, pages) - {name for name, _ in shared}
    for name in own:
        vocabulary.add_style((html / name).read_text(encoding="utf-8"))
    if shared:
        text = "".join(_inlined(html, *name) for name in shared)
        style = slim_style(text, vocabulary)
        texts = [*pages.values(), style, *(s.read_text(encoding="utf-8") for s in scripts)]
        style = _slim_fonts(html, style, icon_codes(texts))
        replace_file(html / STYLE, style.encode())
        vocabulary.add_style(style)
        digest = hashlib.sha256(style.encode()).hexdigest()[:8]
        for path, text in pages.items():
            slimmer = _one_link(html, path, text, {name for name, _ in shared}, digest)
            if slimmer != text:
                replace_file(path, slimmer.encode())
                pages[path] = slimmer
    for name in sorted(own):
        style = slim_style((html / name).read_text(encoding="utf-8"), vocabulary)
        replace_file(html / name, style.encode())
    _sweep(html, pages, scripts)


def _scripts(html: Path, pages: dict[Path, str]) -> list[Path]:
    """Scripts that pages load, without the index of words for the search."""
    names = {
        _name(html, path, address)
        for path, text in pages.items()
        for address in _SCRIPT_SOURCE.findall(text)
    }
    return [html / name for name in sorted(filter(None, names)) if name != "searchindex.js"]


def _name(html: Path, page: Path, address: str) -> str | None:
    """Place in the site of a local address, or None."""
    root = html.resolve()
    target = local_file(address, page, root)
    if target is None or not target.is_file() or not target.is_relative_to(root):
        return None
    return target.relative_to(root).as_posix()


def _links(html: Path, page: Path, text: str) -> Iterator[tuple[str, str, str]]:
    """Style sheets of a page: the link, its place in the site, and the media that it is for."""
    for link in _STYLE_LINK.findall(text):
        href, media = _HREF.search(link), _MEDIA.search(link)
        name = _name(html, page, href[1]) if href else None
        if name:
            yield link, name, media[1] if media else ""


def _shared_styles(html: Path, pages: dict[Path, str]) -> list[tuple[str, str]]:
    """Style sheets that all pages load, in their order, with their media."""
    lists = [[(name, media) for _, name, media in _links(html, p, t)] for p, t in pages.items()]
    lists = [names for names in lists if names]
    return [name for name in lists[0] if all(name in names for names in lists)] if lists else []


def _linked_styles(html: Path, pages: dict[Path, str]) -> set[str]:
    return {name for path, text in pages.items() for _, name, _ in _links(html, path, text)}


def _inlined(html: Path, name: str, media: str = "") -> str:
    """A style sheet with what it imports, addresses as seen from the shared style sheet."""
    text = _CHARSET.sub("", (html / name).read_text(encoding="utf-8"))
    folder, here = posixpath.dirname(name), posixpath.dirname(STYLE)

    def moved(found: re.Match[str]) -> str:
        place = posixpath.join(folder, found[2])
        return f'url("{posixpath.relpath(place, here)}")'

    def imported(found: re.Match[str]) -> str:
        return _inlined(html, posixpath.normpath(posixpath.join(folder, found[1])))

    text = _IMPORT.sub(imported, _URL.sub(moved, text))
    return f"@media {media}{{{text}}}\n" if media and media != "all" else f"{text}\n"


def _one_link(html: Path, page: Path, text: str, shared: set[str], digest: str) -> str:
    """A page with one link in place of those to the shared style sheets."""
    root = posixpath.relpath(html.as_posix(), page.parent.as_posix())
    new = f'<link href="{posixpath.join(root, STYLE)}?v={digest}" rel="stylesheet"/>'
    for link, name, _ in list(_links(html, page, text)):
        if name in shared:
            text, new = text.replace(link, new, 1), ""
    return text


def _slim_fonts(html: Path, style: str, codes: frozenset[int]) -> str:
    """Cut the icon fonts of a style sheet down; drop faces of which no icon is used."""

    def slim(found: re.Match[str]) -> str:
        face = _OTHER_FORMATS.sub("", found[0])
        source = _URL.search(face)
        if source is None or _ICON_FONTS not in source[2]:
            return found[0]
        font = (html / STYLE).parent / source[2]
        if subset(font, font, codes):
            return face
        font.unlink()
        return ""

    return _FONT_FACE.sub(slim, style)


def _sweep(html: Path, pages: dict[Path, str], scripts: list[Path]) -> None:
    """Remove what no page loads any more."""
    static = html / "_static"
    for pattern in _LEFTOVERS:
        for file in static.glob(pattern):
            file.unlink()
    for name in _LEFTOVER_FOLDERS:
        shutil.rmtree(static / name, ignore_errors=True)
    # A script may load another one by its name.
    words = "".join(script.read_text(encoding="utf-8") for script in scripts)
    styles = _linked_styles(html, pages)
    for file in [*static.glob("**/*.js"), *static.glob("**/*.css")]:
        name = file.relative_to(html).as_posix()
        if file not in scripts and name not in styles and file.name not in words:
            file.unlink()

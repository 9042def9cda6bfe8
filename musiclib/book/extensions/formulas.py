"""Formulas as MathML, made while the site is built, in place of a script that draws them.

A Sphinx extension, by its name in `extensions`, with `html_math_renderer = "mathml"`.
Browsers draw MathML themselves, with no script and no waiting. latex2mathml translates; what it
leaves to a browser that the browsers do otherwise than TeX is mended here: the space around names
of functions and bars, letters of other alphabets, limits under operators.
"""

import html
import re
import unicodedata
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, tostring

from docutils import nodes
from latex2mathml.converter import Converter
from sphinx.application import Sphinx
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

from musiclib.book.slim.fonts import subset

FONT = "_static/fonts/stix-two-math.woff2"
"""The font of the formulas, as `book/_static/book.css` names it."""

_PARTS = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "mover": 2, "munder": 2}
_PARTS |= {"msubsup": 3, "munderover": 3}
_LIMITS = frozenset({"max", "min", "sup", "inf", "lim", "argmax", "argmin"})
_LARGE = frozenset("∑∏∐⋂⋃⨁⨂")
_BARS = frozenset("|‖")
_TIGHT = frozenset("|‖/…")
_SIGNS = frozenset("+−±∓")
_CLOSING = frozenset(")]}⟩⌋⌉|‖!")
_THIN = "0.1667em"
# Forms for indices, and flat or dotless ones for accents: all that browsers use in formulas.
_FEATURES = ("ssty", "flac", "dtls")
_logger = logging.getLogger(__name__)


class FormulaError(ValueError):
    """A formula that cannot be translated; the message says which part of it."""


def mathml(latex: str, *, display: bool) -> str:
    r"""Translate a formula.

    Args:
        latex: The formula without dollars; several lines with `\\` and `&` are aligned.
        display: Whether it stands on lines of its own.

    Returns:
        A `math` element, with the formula as its alternative text.

    Raises:
        FormulaError: A command is unknown, or the formula is not complete.
    """
    source = latex.strip()
    text = re.sub(r"\\(begin|end)\{aligned\}", r"\\\1{split}", source)
    if r"\\" in text and r"\begin" not in text:
        text = rf"\begin{{split}}{text}\end{{split}}"
    bare = re.sub(r"\\[{}\\]", "", text)
    if bare.count("{") != bare.count("}"):
        raise FormulaError(f"braces do not match in {source!r}")
    try:
        math = Converter(display="block" if display else "inline").convert_to_element(text)
    except Exception as error:
        # The library's errors have no common parent and often no message.
        raise FormulaError(f"{type(error).__name__} {error} in {source!r}".strip()) from error
    for element in math.iter():
        element.text = html.unescape(element.text or "") or None
    for element in math.iter():
        _mend(element, source)
    for element in math.iter():
        _space(element)
        _put_limits_below(element)
    math.set("alttext", " ".join(source.split()))
    return tostring(math, encoding="unicode")


def _mend(element: Element, source: str) -> None:
    text = element.text or ""
    if "\\" in text or text == "&":
        raise FormulaError(f"{text!r} is not understood in {source!r}")
    if len(element) != _PARTS.get(element.tag, len(element)):
        raise FormulaError(f"something is missing in {source!r}")
    variant = element.get("mathvariant", "normal")
    if variant != "normal":
        del element.attrib["mathvariant"]
        element.text = "".join(_letter(c, variant) if c.isalnum() else c for c in text)
    elif element.tag == "mi" and re.fullmatch("[\u0391-\u03a9]", text):
        element.set("mathvariant", "normal")  # capital Greek letters are upright in TeX
    if element.tag == "mo" and (text in _TIGHT or text.isalpha()):
        # Names of functions get their space below, the others have none.
        element.attrib.update({"lspace": "0", "rspace": "0"})
        element.attrib.setdefault("stretchy", "false")
    if element.tag == "mo" and "minsize" in element.attrib:
        # Brackets of a chosen size: browsers grow only those that they know to stand at an end.
        form = "postfix" if text in _CLOSING else "prefix"
        element.attrib.update({"stretchy": "true", "symmetric": "true", "form": form})
    if element.tag in _PARTS and "minsize" in element[0].attrib:
        # With an index the bracket would be as small as its row; an empty name makes it a row.
        bracket, row = element[0], Element("mrow")
        row.extend([Element("mi"), bracket])
        element[0] = row
    accented = "".join(element[0].itertext()) if element.get("accent") and len(element) else ""
    if len(accented) == 1 and element[-1].text == "^":
        element[-1].text = "\u02c6"  # the other one is as wide as a letter


def _letter(character: str, variant: str) -> str:
    """A letter of another alphabet, such as a bold one; browsers know them as characters only."""
    name = unicodedata.name(character, "")
    found = re.fullmatch(r"(?:LATIN|GREEK) (SMALL|CAPITAL) LETTER (\w+)", name)
    style = variant.upper().replace("-", " ")
    wanted = f"MATHEMATICAL {style} {found[1]} {found[2]}" if found else ""
    wanted = f"MATHEMATICAL {style} {name}" if name.startswith("DIGIT") else wanted
    try:
        return unicodedata.lookup(wanted)
    except KeyError:
        raise FormulaError(f"there is no {variant} form of {character!r}") from None


def _base(element: Element) -> Element:
    """What the indices and exponents of an element stand at."""
    while element.tag in ("msub", "msup", "msubsup", "munder", "munderover") and len(element):
        element = element[0]
    return element


def _is_name(element: Element) -> bool:
    """Whether an element is the name of a function such as log or max."""
    base = _base(element)
    text = (base.text or "").replace("\u2009", "")
    return base.tag in ("mi", "mo") and text.isalpha() and text.isascii() and len(text) > 1


def _space(row: Element) -> None:
    """A thin space between the name of a function and a neighbour that is no operator."""
    children = list(row)
    if row.tag in _PARTS or not children:
        return
    for child in children:
        row.remove(child)
    before: Element | None = None
    for child in children:
        if before is not None and _parted(before, child):
            row.append(Element("mspace", {"width": _THIN}))
        text = child.text or ""
        if child.tag == "mo" and text in _SIGNS and (before is None or _opens(before)):
            child.set("form", "prefix")
        row.append(child)
        before = child


def _opens(element: Element) -> bool:
    """Whether a sign after this element belongs to what follows, as after an equals sign."""
    return element.tag == "mo" and (element.text or "") not in _CLOSING


def _parted(before: Element, after: Element) -> bool:
    """Whether a name of a function has a neighbour that TeX keeps away from it."""
    if _is_name(before):
        first = after[0] if after.tag == "mrow" and len(after) else _base(after)
        return _is_name(after) or first.tag not in ("mo", "mspace") or first.text in _BARS
    closed = _base(before).tag == "mo" and _base(before).text in _CLOSING
    return _is_name(after) and (closed or _base(before).tag not in ("mo", "mspace"))


def _put_limits_below(element: Element) -> None:
    """Limits stand below and above their operator; browsers move them aside within a line."""
    name = (element[0].text or "").replace("\u2009", "") if len(element) else ""
    if element.tag in ("msub", "msubsup") and (name in _LIMITS or name in _LARGE):
        element.tag = {"msub": "munder", "msubsup": "munderover"}[element.tag]
    if element.tag in ("munder", "munderover") and name in _LIMITS:
        element[0].set("movablelimits", "true")


def characters(text: str) -> frozenset[int]:
    """Code points that a browser needs to draw the formulas of a page.

    Args:
        text: The page.

    Returns:
        Code points of all `math` elements; empty for a page without formulas.
    """
    found: set[int] = set()
    for formula in re.findall(r"<math\b.*?</math>", text, re.DOTALL):
        for character in html.unescape(re.sub(r"<[^>]*>", "", formula)):
            found.add(ord(character))
            if character.isalpha():
                # A name of one letter is drawn in italics, which are characters of their own.
                found |= _italics(character)
        if "<msqrt" in formula or "<mroot" in formula:
            found.add(ord("√"))
    if ord("-") in found:
        found.add(ord("−"))
    return frozenset(found)


def _italics(character: str) -> set[int]:
    if character == "h":
        return {0x210E}
    try:
        return {ord(_letter(character, "italic"))}
    except FormulaError:
        return set()


def add_font(site: Path) -> None:
    """Put the font of the formulas into a site, with the characters that its formulas use.

    Args:
        site: Folder of the site; nothing is written when it has no formula.
    """
    pages = (page.read_text(encoding="utf-8") for page in site.rglob("*.html"))
    codes = frozenset().union(*map(characters, pages))
    source = files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf"
    subset(Path(str(source)), site / FONT, codes, _FEATURES)


def _visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(f"{_translated(node.astext(), node, display=False)}</span>")
    raise nodes.SkipNode


def _visit_display(self: HTML5Translator, node: nodes.math_block) -> None:
    self.body.append(self.starttag(node, "div", CLASS="math notranslate nohighlight"))
    if node["number"]:
        number = get_node_equation_number(self, node)
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    # The theme's script lets the keyboard reach a wide one of this class, to move it sideways.
    self.body.append('<div class="ml-formula pst-scrollable-table-container">')
    for part in filter(str.strip, node.astext().split("\n\n")):
        self.body.append(_translated(part, node, display=True))
    self.body.append("</div></div>\n")
    raise nodes.SkipNode


def _translated(latex: str, node: nodes.Node, *, display: bool) -> str:
    try:
        return mathml(latex, display=display)
    except FormulaError as error:
        # Sphinx adds the page and goes on, so that one build lists all such formulas.
        _logger.error("formula: %s", error, location=node)
        return f"<code>{html.escape(latex)}</code>"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer with Sphinx.

    Args:
        app: The application.

    Returns:
        What Sphinx wants to know of an extension.
    """
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_display, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

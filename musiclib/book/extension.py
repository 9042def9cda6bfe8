"""What the book adds to Sphinx: tables with numbers, and formulas as MathML.

A Sphinx extension, by its name in `extensions`.

MyST-NB wraps the outputs of a cell into a figure when the cell's metadata say so. A cell that shows
a table does the same, with a name that begins with `tab-`:

    "mystnb": {"figure": {"caption": "...", "name": "tab-rates", "caption_before": true}}

Such a figure becomes a table here: it counts with the tables, its caption begins with "Table 3",
and so does a reference to it by the role `numref`.

Formulas are MathML, made while the site is built, which browsers draw with no script and no
waiting (`html_math_renderer = "mathml"`). latex2mathml translates; mended here is what browsers do
otherwise than TeX with its result: the space around names of functions and bars, limits under
operators.
"""

import html
import re
from typing import Any, ClassVar
from xml.etree.ElementTree import Element, tostring

from docutils import nodes
from latex2mathml.converter import Converter
from sphinx.application import Sphinx
from sphinx.locale import _
from sphinx.transforms import SphinxTransform
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

from musiclib.book.layout import TABLE_PREFIX

_logger = logging.getLogger(__name__)


class NumberedTable(nodes.figure):  # type: ignore[misc]
    """Outputs of a cell that count as a table."""


class TablesOfCells(SphinxTransform):
    """Turn figures whose name begins with `tab-` into tables."""

    # After MyST-NB has put the outputs into the page, before Sphinx collects what is numbered.
    default_priority: ClassVar[int] = 850

    def apply(self, **kwargs: Any) -> None:  # noqa: ARG002
        """Change the page's tree in place."""
        for figure in list(self.document.findall(nodes.figure)):
            if not any(str(name).startswith(TABLE_PREFIX) for name in figure["ids"]):
                continue
            table = NumberedTable(figure.rawsource, *figure.children, **figure.attributes)
            table.source, table.line = figure.source, figure.line
            figure.replace_self(table)
            for name in table["ids"]:
                self.document.ids[name] = table


def _visit_table(translator: HTML5Translator, node: nodes.Element) -> None:
    node["classes"].append("ml-numbered-table")
    translator.visit_figure(node)


_PARTS = {"mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "mover": 2, "munder": 2}
_PARTS |= {"msubsup": 3, "munderover": 3}
_LIMITS = frozenset({"max", "min", "sup", "inf", "lim", "argmax", "argmin"})
_LARGE = frozenset("∑∏⋂⋃")
_BARS = frozenset("|‖")
_SIGNS = frozenset("+−±∓")
_CLOSING = frozenset(")]}⟩⌋⌉|‖!")


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
        name = _text(element[0]) if element.tag in ("msub", "msubsup") else ""
        if name in _LIMITS or name in _LARGE:
            element.tag = {"msub": "munder", "msubsup": "munderover"}[element.tag]
            # Within a line they stand aside.
            element[0].set("movablelimits", "true")
    math.set("alttext", " ".join(source.split()))
    return tostring(math, encoding="unicode")


def _text(element: Element) -> str:
    return (element.text or "").replace("\u2009", "")


def _mend(element: Element, source: str) -> None:
    text = element.text or ""
    if "\\" in text or text == "&":
        raise FormulaError(f"{text!r} is not understood in {source!r}")
    if len(element) != _PARTS.get(element.tag, len(element)):
        raise FormulaError(f"something is missing in {source!r}")
    if element.get("mathvariant", "normal") != "normal":
        raise FormulaError(
            f"browsers have no {element.get('mathvariant')} letters in {source!r}; write the "
            "character itself, such as 𝐱 or ℒ"
        )
    if element.tag == "mi" and re.fullmatch("[\u0391-\u03a9]", text):
        element.set("mathvariant", "normal")  # capital Greek letters are upright in TeX
    if element.tag == "mo" and (text in {*_BARS, "/", "…"} or text.isalpha()):
        # Names of functions get their space in `_space`, the others have none.
        element.attrib.update({"lspace": "0", "rspace": "0"})
        element.attrib.setdefault("stretchy", "false")
    if (
        element.tag == "mover"
        and element[1].text == "^"
        and len("".join(element[0].itertext())) == 1
    ):
        element[1].text = "\u02c6"  # the other one is as wide as a letter


def _space(row: Element) -> None:
    """Put a thin space between the name of a function and a neighbour that is no operator."""
    children = list(row)
    if row.tag in _PARTS or not children:
        return
    for child in children:
        row.remove(child)
    before: Element | None = None
    for child in children:
        if before is not None and _parted(before, child):
            row.append(Element("mspace", {"width": "0.1667em"}))
        opens = before is None or (before.tag == "mo" and _text(before) not in _CLOSING)
        if child.tag == "mo" and _text(child) in _SIGNS and opens:
            child.set("form", "prefix")  # a sign that belongs to what follows
        row.append(child)
        before = child


def _parted(before: Element, after: Element) -> bool:
    """Whether a name of a function has a neighbour that TeX keeps away from it."""
    if _is_name(before):
        first = after[0] if after.tag == "mrow" and len(after) else _base(after)
        return _is_name(after) or first.tag not in ("mo", "mspace") or first.text in _BARS
    last = _base(before)
    return _is_name(after) and (last.tag not in ("mo", "mspace") or last.text in _CLOSING)


def _base(element: Element) -> Element:
    """What the indices and exponents of an element stand at."""
    while element.tag in ("msub", "msup", "msubsup", "munder", "munderover"):
        element = element[0]
    return element


def _is_name(element: Element) -> bool:
    """Whether an element is the name of a function such as log or max."""
    base = _base(element)
    text = _text(base)
    return base.tag in ("mi", "mo") and text.isalpha() and text.isascii() and len(text) > 1


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


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both with Sphinx."""
    app.add_enumerable_node(
        NumberedTable, "table", html=(_visit_table, HTML5Translator.depart_figure)
    )
    app.add_transform(TablesOfCells)
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

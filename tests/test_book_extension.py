"""Formulas become MathML that browsers draw as TeX would, or the build stops."""

from xml.etree.ElementTree import Element, fromstring

import pytest
from fontTools.ttLib import TTFont

from musiclib.book.extension import FormulaError, mathml
from tests.book_fixture import REPOSITORY

SPACE = "{http://www.w3.org/1998/Math/MathML}"


def tree(latex: str, display: bool = True) -> Element:
    root = fromstring(mathml(latex, display=display))
    for element in root.iter():
        element.tag = element.tag.removeprefix(SPACE)
    return root


def first(latex: str, tag: str) -> Element:
    return next(tree(latex).iter(tag))


def test_formula_says_what_it_is_and_how_it_stands() -> None:
    root = tree("a < b")
    assert (root.tag, root.get("display"), root.get("alttext")) == ("math", "block", "a < b")
    assert tree("a", display=False).get("display") == "inline"
    assert "".join(root.itertext()) == "a<b"


@pytest.mark.parametrize(
    ("latex", "tag", "text"),
    [
        (r"\frac{a}{b}", "mfrac", "ab"),
        (r"\sqrt[3]{x}", "mroot", "x3"),
        ("x_i^2", "msubsup", "xi2"),
        (r"\hat{x}", "mover", "xˆ"),
        (r"\sum_{k=0}^{n} k", "munderover", "∑k=0n"),
        (r"\max_x f", "munder", "maxx"),
        (r"\begin{pmatrix}1 & 2\\3 & 4\end{pmatrix}", "mtable", "1234"),
        (r"\begin{aligned}a &= b\\ &= c\end{aligned}", "mtable", "a=b=c"),
        (r"a &= b \\ &= c", "mtable", "a=b=c"),
        (r"\operatorname{Var}(x)", "mo", "Var"),
        (r"\text{SI-SDR in dB}", "mtext", "SI-SDR\N{NO-BREAK SPACE}in\N{NO-BREAK SPACE}dB"),
    ],
)
def test_construct(latex: str, tag: str, text: str) -> None:
    assert "".join(first(latex, tag).itertext()) == text


def test_names_of_functions_stand_apart_from_letters_but_not_from_brackets() -> None:
    assert [child.tag for child in tree(r"20 \log x")[0]] == ["mn", "mspace", "mi", "mspace", "mi"]
    assert [child.tag for child in tree(r"\log(x)")[0]] == ["mi", "mo", "mi", "mo"]
    assert first(r"\max(x)", "mo").get("rspace") == "0"


def test_bars_are_brackets_of_one_height() -> None:
    for bar in (e for e in tree(r"2 |X| + \lVert x \rVert").iter("mo") if e.text in ("|", "‖")):
        assert (bar.get("lspace"), bar.get("stretchy")) == ("0", "false")


def test_sign_after_a_relation_belongs_to_what_follows() -> None:
    signs = [e.get("form") for e in tree("x = - a - b").iter("mo") if e.text == "−"]
    assert signs == ["prefix", None]


def test_capital_greek_letters_are_upright() -> None:
    assert first(r"\Delta", "mi").get("mathvariant") == "normal"
    assert first(r"\theta", "mi").get("mathvariant") is None


@pytest.mark.parametrize(
    "latex", [r"\nonsense x", r"\frac{a}", "x_{1", r"\left( a", "a & b", r"\boldsymbol{\theta}"]
)
def test_what_is_not_understood_is_an_error(latex: str) -> None:
    with pytest.raises(FormulaError) as caught:
        mathml(latex, display=True)
    assert latex.replace("\\", "\\\\") in str(caught.value)


def test_the_fonts_of_the_site_have_what_it_draws() -> None:
    static = REPOSITORY / "book" / "_static"
    with TTFont(static / "fonts" / "stix-two-math.woff2") as font:
        assert {ord(c) for c in "√(−)=ℎ𝑥𝜃𝜀ΔΣ∑‖⟨←ˆ0"} <= set(font.getBestCmap())
        # Taller forms of a bracket have no character of their own.
        assert font["MATH"].table.MathVariants.VertGlyphCoverage.glyphs
    with TTFont(static / "vendor/fontawesome/webfonts/fa-solid-900.woff2") as font:
        assert {0xF002, 0xF019, 0xF042, 0xF065, 0xF0C9, 0xF135} <= set(font.getBestCmap())

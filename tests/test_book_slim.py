"""Slimming keeps what pages and scripts use, and drops the rest."""

from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont

from musiclib.book.layout import Book
from musiclib.book.pages.page import Facts, SitePage
from musiclib.book.slim.fonts import icon_codes, subset
from musiclib.book.slim.scripts import slim_scripts
from musiclib.book.slim.site import STYLE, slim_site
from musiclib.book.slim.styles import Vocabulary, slim_style

PAGE = """<!DOCTYPE html><html lang="en"><head><title>A page</title>{head}</head>
<body class="dark"><main id="main" data-theme="x"><p class="used">Text</p>{body}</main>
</body></html>
"""


@pytest.fixture
def vocabulary() -> Vocabulary:
    found = Vocabulary()
    found.add_page(PAGE.format(head="", body='<details><a href="#main">x</a></details>'))
    found.add_script(
        'e.classList.add("show", "tip-" + side); e.dataset.barMode = "on"; go("--made")'
    )
    return found


@pytest.mark.parametrize(
    "rule",
    [
        ".used{color:red}",
        "p.used>a:hover{color:red}",
        "main#main{color:red}",
        '[data-theme=x] .used::before{content:"a  b"}',
        ".used:not(.gone){color:red}",
        "details[open]>a{color:red}",
        ":is(.gone,.used) a{color:red}",
        "main:has(.used){color:red}",
        ".show{display:block}",
        ".tip-left{left:0}",
        "[data-bar-mode]{color:red}",
        "html,body,*{margin:0}",
        "@media (max-width:9rem){.used{color:red}}",
        '@font-face{font-family:x;src:url("x.woff2")}',
        ".used{width:calc(1px + 2px)}",
        ".dark .used{color:red}",
    ],
)
def test_rule_that_may_match_stays(vocabulary: Vocabulary, rule: str) -> None:
    assert slim_style(f"/* why */ {rule}\n", vocabulary) == rule


@pytest.mark.parametrize(
    "rule",
    [
        ".gone{color:red}",
        ".used .gone{color:red}",
        "#gone{color:red}",
        "[data-gone]{color:red}",
        "table{color:red}",
        ":is(.gone,#gone) a{color:red}",
        "main:has(.gone){color:red}",
        "@media print{.gone{color:red}}",
        ".used{}",
    ],
)
def test_rule_that_matches_nothing_goes(vocabulary: Vocabulary, rule: str) -> None:
    assert slim_style(rule, vocabulary) == ""


def test_only_the_selector_that_matches_nothing_goes(vocabulary: Vocabulary) -> None:
    assert slim_style(".gone, .used , .gone a {color : red;}", vocabulary) == ".used{color :red}"


def test_properties_and_key_frames_stay_as_far_as_something_asks(vocabulary: Vocabulary) -> None:
    text = (
        "html{--a:var(--b);--b:1px;--c:var(--d);--d:2px;--made:3px;--other:4px}"
        "p{width:var(--a);animation:spin 1s}"
        "@keyframes spin{to{color:red}}@keyframes gone{to{color:red}}"
    )
    vocabulary.add_style("a { height: var(--other, 1px) }")
    assert slim_style(text, vocabulary) == (
        "html{--a:var(--b);--b:1px;--made:3px;--other:4px}"
        "p{width:var(--a);animation:spin 1s}@keyframes spin{to{color:red}}"
    )


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def icon_font(path: Path) -> None:
    """An icon font: the theme's own, at the place that the theme gives it."""
    import pydata_sphinx_theme

    theme = Path(pydata_sphinx_theme.__file__).parent
    source = next(theme.rglob("fa-solid-900.woff2"))
    path.parent.mkdir(parents=True)
    path.write_bytes(source.read_bytes())


def test_site_gets_one_style_sheet_with_addresses_that_work(tmp_path: Path) -> None:
    static = tmp_path / "_static"
    icon_font(static / "vendor" / "fontawesome" / "webfonts" / "solid.woff2")
    face = "@font-face{font-family:i;src:url(../vendor/fontawesome/webfonts/solid.woff2)}"
    icons = r'.used::before{content:"\f019"}.gone::before{content:"\f00d"}'
    write(static / "styles" / "theme.css", f'@charset "UTF-8";@import "../basic.css";{face}{icons}')
    write(static / "basic.css", "p{background:url(dot.png)}table{color:red}")
    write(static / "own.css", "p{color:blue}.gone{color:red}")
    write(static / "print.css", "p{color:black}")
    write(static / "unused.js", "")
    write(static / "unused.css", "")
    links = '<link href="{0}_static/styles/theme.css?v=1" rel="stylesheet"/>'
    links += '<link href="{0}_static/print.css" media="print" rel="stylesheet"/>'
    write(tmp_path / "index.html", PAGE.format(head=links.format(""), body=""))
    own = '<link href="../_static/own.css" rel="stylesheet"/>'
    page = tmp_path / "part" / "page.html"
    write(page, PAGE.format(head=links.format("../") + own, body=""))
    slim_site(tmp_path)
    style = (tmp_path / STYLE).read_text(encoding="utf-8")
    assert style.startswith('p{background:url("dot.png")}@font-face')
    assert 'url("vendor/fontawesome/webfonts/solid.woff2")' in style
    assert "@media print{p{color:black}}" in style
    assert "gone" not in style
    assert (static / "own.css").read_text(encoding="utf-8") == "p{color:blue}"
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    shared, single = (str(link["href"]) for link in soup.select("link"))
    assert shared.startswith(f"../{STYLE}?v=")
    assert single == "../_static/own.css"
    assert not list(static.rglob("unused.*"))
    with TTFont(static / "vendor" / "fontawesome" / "webfonts" / "solid.woff2") as font:
        assert set(font.getBestCmap()) == {0xF019}


def test_icons_are_found_in_styles_scripts_and_pages() -> None:
    assert icon_codes([r'a{content:"\f019"}', r'x = "\uf00d"', "<i>\uf0c5</i>"]) == {
        0xF019,
        0xF00D,
        0xF0C5,
    }


def test_font_without_a_used_character_is_not_written(tmp_path: Path) -> None:
    icon_font(tmp_path / "in" / "font.woff2")
    assert subset(tmp_path / "in" / "font.woff2", tmp_path / "out.woff2", {0x41F}) == set()
    assert not (tmp_path / "out.woff2").exists()


def slimmed(tmp_path: Path, head: str, body: str) -> BeautifulSoup:
    link = '<link href="_static/site.css" rel="stylesheet"/>'
    soup = BeautifulSoup(PAGE.format(head=link + head, body=body), "html.parser")
    page = SitePage(Path("index.html"), soup, None)
    slim_scripts(page, Facts(Book(tmp_path, ()), tmp_path))
    return soup


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("labels-result.js", "<div data-ml-labels></div>"),
        ("map.js", "<figure data-ml-map></figure>"),
        ("player.js", '<audio src="a.flac"></audio>'),
        ("blind.js", '<div class="ml-comparison"></div>'),
        ("explorer.js", '<div class="mx"></div>'),
        ("copybutton.js", '<div class="highlight"><pre>x</pre></div>'),
        ("searchindex.js", '<div id="search-results"></div>'),
        ("design-tabs.js", '<div class="sd-tab-set"></div>'),
    ],
)
def test_scripts_are_on_the_pages_that_need_them(tmp_path: Path, name: str, body: str) -> None:
    head = f'<script src="_static/{name}?v=1"></script>'
    assert slimmed(tmp_path, head, "").select("script") == []
    (script,) = slimmed(tmp_path, head, body).select("script")
    assert script.has_attr("defer")


def test_scripts_keep_their_order_and_wait_for_the_page(tmp_path: Path) -> None:
    head = '<script src="a.js"></script><link rel="preload" as="script" href="c.js"/>'
    soup = slimmed(tmp_path, head + '<script src="b.js"></script>', "")
    body = soup.body
    assert body is not None
    body.append(BeautifulSoup('<script defer="" src="c.js"></script>', "html.parser"))
    slim_scripts(SitePage(Path("index.html"), soup, None), Facts(Book(tmp_path, ()), tmp_path))
    scripts = soup.select("head > script")
    assert [script["src"] for script in scripts] == ["a.js", "b.js", "c.js"]
    assert all(script.has_attr("defer") for script in scripts)
    assert soup.select("[rel=preload]") == []


def test_theme_is_chosen_before_the_page_is_drawn(tmp_path: Path) -> None:
    theme = 'document.documentElement.dataset.theme = localStorage.getItem("theme") || "";'
    soup = slimmed(tmp_path, f"<script>{theme}</script>", "")
    assert "prefers-color-scheme" in str(soup.select("script")[0])
    html = soup.html
    assert html is not None
    assert (html["data-theme"], html["data-mode"]) == ("light", "auto")


def test_settings_of_absent_scripts_go_and_others_stay(tmp_path: Path) -> None:
    head = "<script>let toggleHintShow = 'x';</script><script>const mine = 1;</script>"
    assert [s.get_text() for s in slimmed(tmp_path, head, "").select("script")] == [
        "const mine = 1;"
    ]
    assert len(slimmed(tmp_path, head, '<div class="toggle"></div>').select("script")) == 2

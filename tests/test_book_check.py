"""The checks of a built site: each kind of problem is found, and a good site has none."""

from pathlib import Path

import pytest

from musiclib.book.check import check_site, loaded_files, read_pages

PAGE = '<!doctype html><html lang="en"><head><title>A page</title></head><body>{}</body></html>'


def write_site(root: Path, body: str, name: str = "index.html") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PAGE.format(body), encoding="utf-8")
    return root


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a tone.flac").write_bytes(b"x" * 1000)
    (tmp_path / "picture.png").write_bytes(b"x" * 100)
    return write_site(tmp_path, '<h2 id="here">Here</h2>', "part/page.html")


GOOD = """
<a href="part/page.html#here">a place</a> <a href="#">top</a>
<a href="https://example.org/paper">a paper</a> <a href="mailto:someone@example.org">mail</a>
<img src="picture.png" alt="A picture"><img src="data:image/png;base64,AA==" alt="A dot">
<audio controls preload="none" aria-label="A tone" src="media/a%20tone.flac"></audio>
<p id="name">Another tone</p>
<audio preload="none" aria-labelledby="name"><source src="media/a tone.flac"></audio>
<button data-picture="picture.png" data-words="a.b c.png">play</button>
"""


def test_good_site_has_no_findings(site: Path) -> None:
    assert check_site(write_site(site, GOOD)).findings == ()


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        ('<a href="gone.html">x</a>', "no such file: gone.html"),
        ('<a href="part/page.html#gone">x</a>', "no such place in that page"),
        ('<a href="#gone">x</a>', "no such place in that page: #gone"),
        ('<a href="">x</a>', "empty address"),
        ('<a href="../outside.html">x</a>', "leads out of the site"),
        ('<a href="file:///etc/hosts">x</a>', "unknown kind of address"),
        ('<img src="picture.png">', "without an alternative text: picture.png"),
        ('<img src="picture.png" alt=" ">', "without an alternative text: picture.png"),
        ('<img src="picture.png" alt="_images/0f3a.png">', "a file name as its alternative text"),
        ('<img src="gone.png" alt="x">', "no such file: gone.png"),
        ('<img srcset="picture.png 1x, gone.png 2x" src="picture.png" alt="x">', "gone.png"),
        ('<video poster="gone.png" title="x" src="picture.png"></video>', "gone.png"),
        ('<audio src="media/a tone.flac"></audio>', "player without a name"),
        ('<audio aria-labelledby="gone" src="media/a tone.flac"></audio>', "without a name"),
        ('<audio aria-label="x" src="media/gone.flac"></audio>', "no such file: media/gone.flac"),
        ('<audio aria-label="x"><source src="gone.flac"></audio>', "no such file: gone.flac"),
        ('<audio aria-label="x"></audio>', "player without a source"),
        ('<button data-sound="media/gone.flac">x</button>', "no such file: media/gone.flac"),
        ('<div style="background: url(gone.png)">x</div>', "no such file: gone.png"),
        ('<script src="https://example.org/x.js"></script>', "needs another host"),
        ('<script src="//example.org/x.js"></script>', "needs another host"),
        ('<link rel="stylesheet" href="https://example.org/x.css">', "needs another host"),
        ('<img src="https://example.org/x.png" alt="x">', "needs another host"),
        ('<a href="/part/page.html">x</a>', "breaks where the site is in a folder"),
    ],
)
def test_problem_is_found(site: Path, body: str, finding: str) -> None:
    findings = check_site(write_site(site, body)).findings
    assert len(findings) == 1, findings
    assert finding in findings[0]
    assert findings[0].startswith("index.html: ")


def test_styles_are_checked(site: Path) -> None:
    write_site(site, "")
    style = '@import "https://example.org/x.css"; a { background: url("gone.png") }'
    (site / "style.css").write_text(style, encoding="utf-8")
    findings = check_site(site).findings
    assert any("needs another host: https://example.org/x.css" in f for f in findings)
    assert any("no such file: gone.png" in f for f in findings)
    assert len(findings) == 2


def names(site: Path) -> set[str]:
    files = loaded_files(site / "index.html", site, read_pages(site))
    return {path.name for path in files}


def test_what_plays_later_weighs_nothing(site: Path) -> None:
    body = '<audio {} aria-label="x" src="media/a tone.flac"></audio>'
    for preload, loaded in (('preload="none"', False), ('preload="auto"', True), ("", True)):
        assert ("a tone.flac" in names(write_site(site, body.format(preload)))) == loaded


def test_text_weighs_what_a_server_sends(site: Path) -> None:
    light = check_site(write_site(site, "")).weights["index.html"]
    assert check_site(write_site(site, "word " * 10_000)).weights["index.html"] < light + 500
    picture = '<img src="picture.png" alt="x">'
    assert check_site(write_site(site, picture)).weights["index.html"] >= light + 100


def test_weight_follows_styles_and_counts_a_file_once(site: Path) -> None:
    (site / "one.woff2").write_bytes(b"x" * 50)
    (site / "one.ttf").write_bytes(b"x" * 70)
    style = "@font-face { src: url(one.woff2), url(one.ttf) } a { background: url(picture.png) }"
    (site / "style.css").write_text(style, encoding="utf-8")
    body = '<link rel="stylesheet" href="style.css"><img src="picture.png" alt="x">'
    write_site(site, body)
    assert names(site) == {"index.html", "style.css", "one.woff2", "picture.png"}


def test_heavy_front_page_is_found_through_a_redirect(site: Path) -> None:
    (site / "index.html").write_text(
        '<meta http-equiv="Refresh" content="0; url=part/page.html">', encoding="utf-8"
    )
    write_site(site, '<img src="../big.png" alt="x">', "part/page.html")
    (site / "big.png").write_bytes(b"x" * 2000)
    assert check_site(site, max_page_bytes=3000).findings == ()
    first, second = check_site(site, max_page_bytes=2000).findings
    assert first.startswith("index.html: loads ")
    assert second.startswith("part/page.html: loads ")
    assert "before any sound is played" in first


def test_pictures_that_load_late_and_narrow_twins_do_not_weigh(site: Path) -> None:
    late = '<img src="picture.png" alt="x" loading="lazy">'
    assert names(write_site(site, late)) == {"index.html"}
    body = '<picture><source srcset="{}"><img src="picture.png" alt="x"></picture>'
    (site / "narrow.png").write_bytes(b"x" * 2000)
    assert names(write_site(site, body.format("narrow.png"))) == {"index.html", "picture.png"}
    (finding,) = check_site(write_site(site, body.format("gone.png"))).findings
    assert "gone.png" in finding


def test_addresses_from_the_host_belong_to_the_page_for_missing_pages(site: Path) -> None:
    body = '<a href="/book/part/page.html#here">x</a>'
    write_site(site, "")
    text = PAGE.format(body).replace("<html ", '<html data-content_root="/book/" ')
    (site / "404.html").write_text(text, encoding="utf-8")
    assert check_site(site).findings == ()
    for wrong in ("/part/page.html", "/book/gone.html", "/book/part/page.html#gone"):
        (site / "404.html").write_text(text.replace("/book/part/page.html#here", wrong))
        assert len(check_site(site).findings) == 1, wrong

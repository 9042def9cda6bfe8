"""The last hand on the built pages: each page is read once, changed step by step, and written.

A step changes one page. What Sphinx and its extensions can do is left to them; a step does what
needs to know the whole site, the run of the chapters, or the published address.
"""

from collections.abc import Callable

from bs4 import BeautifulSoup

from musiclib.book.extensions.formulas import add_font
from musiclib.book.pages.accessible import mend_theme
from musiclib.book.pages.figures import give_figures_their_twins
from musiclib.book.pages.images import settle_images
from musiclib.book.pages.launch import add_launch_links
from musiclib.book.pages.not_found import write_not_found
from musiclib.book.pages.page import Facts, SitePage
from musiclib.book.pages.reproducibility import fill_places
from musiclib.book.pages.rerun import add_rerun_box
from musiclib.book.pages.social import describe, draw_card, list_pages
from musiclib.book.pages.tables import give_tables_their_files
from musiclib.book.pages.terms import explain_terms
from musiclib.book.pdf import link_pdf
from musiclib.book.slim.scripts import slim_scripts
from musiclib.book.slim.site import slim_site
from musiclib.files import replace_file

__all__ = ["STEPS", "Facts", "SitePage", "Step", "finish"]


Step = Callable[[SitePage, Facts], None]


def _give_forward_an_icon(page: SitePage, facts: Facts) -> None:
    """Name the icon in a page that only leads on; else browsers look for one at the host's top."""
    if page.soup.select_one("meta[http-equiv=Refresh]") and not page.soup.select_one("link"):
        icon = page.soup.new_tag("link", href=f"{page.root}_static/favicon.svg", rel="icon")
        if (facts.html / "_static" / "favicon.svg").is_file():
            page.soup.append(icon)


STEPS: tuple[Step, ...] = (
    _give_forward_an_icon,
    fill_places,
    give_figures_their_twins,
    give_tables_their_files,
    explain_terms,
    describe,
    add_rerun_box,
    add_launch_links,
    link_pdf,
    settle_images,
    mend_theme,
    slim_scripts,
)
"""Done to every page, in this order: first what changes the content, then what slims the page."""


def finish(facts: Facts, steps: tuple[Step, ...] = STEPS) -> None:
    """Do every step to every page of a built site, then slim what the pages share.

    Args:
        facts: The site and what is known of it.
        steps: What to do, in order.
    """
    chapters = {f"{chapter.docname}.html": chapter for chapter in facts.book.chapters}
    for file in sorted(facts.html.rglob("*.html")):
        path = file.relative_to(facts.html)
        soup = BeautifulSoup(file.read_bytes(), "html.parser")
        page = SitePage(path, soup, chapters.get(path.as_posix()))
        for step in steps:
            step(page, facts)
        replace_file(file, str(page.soup).encode())
    add_font(facts.html)
    slim_site(facts.html)
    write_not_found(facts)
    draw_card(facts)
    list_pages(facts)

"""The box at the end of each executed chapter: how to run it again, and how long that took."""

import shlex

from musiclib.book.layout import Chapter
from musiclib.book.pages.page import Facts, SitePage

REPRODUCIBILITY = "book/reproducibility"
"""Page on versions, machine and fingerprints."""


def add_rerun_box(page: SitePage, facts: Facts) -> None:
    """Put the box at the end of a chapter that papermill ran.

    Args:
        page: The page.
        facts: The site; its record has the parameters of the published run.
    """
    chapter, article = page.chapter, page.soup.select_one("article")
    if chapter is None or not chapter.executed or article is None:
        return
    section = article.select_one("section") or article
    soup = page.soup
    box = soup.new_tag("details")
    box["class"] = "ml-rerun"
    box.append(soup.new_tag("summary", string="Rerun this chapter"))
    box.append(soup.new_tag("p", string=_said(chapter, facts)))
    code = soup.new_tag("div")
    code["class"] = "highlight-bash notranslate"
    inner = soup.new_tag("div")
    inner["class"] = "highlight"
    inner.append(soup.new_tag("pre", string=command(chapter, facts.record.get("parameters", {}))))
    code.append(inner)
    box.append(code)
    hint = "Give it your own music: -p dataset folder -p data_root FOLDER."
    box.append(soup.new_tag("p", string=hint))
    links = soup.new_tag("p")
    links["class"] = "ml-rerun-links"
    for label, address, name in _links(page, facts):
        link = soup.new_tag("a", href=address, string=label)
        if name:
            link["download"] = name
        links.append(link)
        links.append(" ")
    box.append(links)
    section.append(box)


def command(chapter: Chapter, parameters: object) -> str:
    """The papermill command of a chapter, as the published page was run.

    Args:
        chapter: An executed chapter.
        parameters: Of the run: `dataset`, `data_root`, `profile` and `seed`.

    Returns:
        Three lines for a shell in the root of the repository.
    """
    given = parameters if isinstance(parameters, dict) else {}
    values = {"dataset": "mini", "profile": "mini", "seed": 0, **given}
    root = values.get("data_root")
    where = f" -p data_root {shlex.quote(str(root))}" if root else ""
    stem = chapter.source.stem
    return (
        f"papermill {shlex.quote(f'{chapter.docname}.ipynb')} my-{stem}.ipynb \\\n"
        f"  -p dataset {shlex.quote(str(values['dataset']))}{where} \\\n"
        f"  -p profile {values['profile']} -p seed {values['seed']}"
    )


def duration(seconds: float) -> str:
    """A time in words: `48 s`, `3 min 12 s`, `1 h 4 min`.

    Args:
        seconds: In seconds.
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min"


def _said(chapter: Chapter, facts: Facts) -> str:
    stored = facts.chapters.get(chapter.docname)
    took = f" For this page it took {duration(stored.seconds)}." if stored else ""
    return f"In a clone of the repository, with the book's environment.{took}"


def _links(page: SitePage, facts: Facts) -> list[tuple[str, str, str | None]]:
    found: list[tuple[str, str, str | None]] = []
    chapter = page.chapter
    if chapter is not None:
        notebook = f"_sources/{chapter.docname}.ipynb"
        if (facts.html / notebook).is_file():
            name = chapter.source.name
            found.append(("Download the notebook", f"{page.root}{notebook}", name))
    if (facts.html / f"{REPRODUCIBILITY}.html").is_file():
        found.append(("Versions, machine, seeds", f"{page.root}{REPRODUCIBILITY}.html", None))
    return found

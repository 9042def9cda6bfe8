"""Whether a built site was made from the sources as they are now."""

import hashlib
import json
from pathlib import Path

import musiclib
from musiclib.book.layout import BOOK_FOLDER, CONFIG_NAME, TOC_NAME, Book
from musiclib.errors import BookError
from musiclib.files import sha256_of

REPORT = "run-report.json"
SOURCES_KEY = "sources_fingerprint"
# Of models and music their tables are enough: each names its files' digests. What an entropy
# coder knows has no such table and counts itself.
_SINGLE = (CONFIG_NAME, TOC_NAME, "requirements.txt", "data/mini/tracks.csv")
_NO_SOURCE = {"__pycache__", "_build"}


def sources_fingerprint(book: Book) -> str:
    """Hash of everything that a site is made from.

    These are the chapters with their style and scripts, the settings, the package, the lock, and
    the tables of the bundled music and of the shipped models.

    Args:
        book: The book.

    Returns:
        A hexadecimal hash.
    """
    package = Path(musiclib.__file__).parent
    files = [(f"package/{name}", path) for name, path in _below(package)]
    files += [(f"book/{name}", path) for name, path in _below(book.root / BOOK_FOLDER)]
    files += [(name, book.root / name) for name in _SINGLE]
    folder = book.root / "checkpoints"
    models = [*sorted(folder.glob("*.json")), *sorted(folder.glob("*.npz"))]
    files += [(f"checkpoints/{path.name}", path) for path in models if ".last." not in path.name]
    digest = hashlib.sha256()
    for name, path in files:
        if path.is_file():
            digest.update(f"{name} {sha256_of(path)}\n".encode())
    return digest.hexdigest()


def _below(folder: Path) -> list[tuple[str, Path]]:
    """Files of a folder, without what Python, editors and systems leave behind."""
    found = []
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part in _NO_SOURCE for part in parts)
        if path.is_file() and not hidden and path.suffix != ".pyc":
            found.append(("/".join(parts), path))
    return found


def why_stale(site: Path, book: Book) -> str | None:
    """Why a site does not show the present sources, or None where it does.

    Args:
        site: Folder of a built site.
        book: The book.

    Returns:
        A reason that ends with the remedy, or None.

    Raises:
        BookError: The site's record of its build is damaged.
    """
    record = site / REPORT
    if not record.is_file():
        return f"there is no site in {site.name}/; run `make book`"
    try:
        built_from = json.loads(record.read_text(encoding="utf-8")).get(SOURCES_KEY)
    except (ValueError, AttributeError) as error:
        raise BookError(f"{record}: not a build's record ({error}). Run `make book`.") from error
    if built_from != sources_fingerprint(book):
        return "the site was built from other sources; run `make book`"
    return None

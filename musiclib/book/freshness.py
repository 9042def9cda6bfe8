"""What a site is made from; a built site tells by it whether it shows the present sources."""

import hashlib
from pathlib import Path

import musiclib
from musiclib.book.layout import BOOK_FOLDER, CONFIG_NAME, TOC_NAME, Book
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

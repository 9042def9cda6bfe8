"""Tables of data on a page, each with a file of its values that a reader can take away.

In the book's build a shown data frame is also written as CSV into the folder of the chapter's
media, and the shown table names the file. The site's last step makes a link of it.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import Any, Final

import pandas as pd

from musiclib.figures.published import MEDIA_DIR
from musiclib.files import replace_file

FOLDER: Final = "tables"
"""Folder of the files below that of a chapter's media."""
FILE_ATTRIBUTE: Final = "data-ml-csv"
"""Attribute of a shown table with the name of its file."""

_VALUES: Final = "musiclib_values"
_STYLE = re.compile(r"<style scoped>.*?</style>\s*", re.DOTALL)


def with_values(shown: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    """A table for a page whose file holds the values as they were computed.

    Args:
        shown: The table as it is shown, rounded or in words.
        values: The same table before that, with the headings that its file is to have.

    Returns:
        The shown table, with the values attached as text.
    """
    marked = shown.copy()
    marked.attrs[_VALUES] = csv_text(values)
    return marked


def csv_text(frame: pd.DataFrame) -> str:
    """A data frame as CSV, with a heading for its rows where it has one.

    Args:
        frame: Any data frame.

    Returns:
        Comma-separated lines, numbers in full precision.
    """
    names = [name for name in frame.index.names if name is not None]
    # Chapters put the name of the rows into the corner, where pandas keeps that of the columns.
    label = None if names or frame.columns.nlevels > 1 else frame.columns.name
    named = isinstance(frame.index, pd.RangeIndex) and not names and label is None
    return str(frame.to_csv(index=not named, index_label=label))


def published_html(shown: Any) -> str:
    """A data frame as HTML; its values become a file of the chapter.

    Args:
        shown: A data frame, or its Styler.

    Returns:
        An HTML table whose attribute ``data-ml-csv`` names a file in the folder ``tables`` below
        ``MUSICLIB_MEDIA_DIR``.
    """
    frame = shown if isinstance(shown, pd.DataFrame) else shown.data
    text = str(frame.attrs.get(_VALUES) or csv_text(frame))
    name = f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.csv"
    replace_file(Path(os.environ[MEDIA_DIR], FOLDER, name), text.encode())
    html = _STYLE.sub("", str(shown._repr_html_()))
    return html.replace("<table ", f'<table {FILE_ATTRIBUTE}="{name}" ', 1)


def show_published_tables(display_formatter: Any) -> None:
    """Let a notebook show data frames by :func:`published_html`, in the book's build alone.

    Args:
        display_formatter: Of the running shell.
    """
    if os.environ.get(MEDIA_DIR):
        formatter = display_formatter.formatters["text/html"]
        formatter.for_type(pd.DataFrame, published_html)
        formatter.for_type_by_name("pandas.io.formats.style", "Styler", published_html)

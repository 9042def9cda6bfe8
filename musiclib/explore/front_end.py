"""Widgets where somebody can move them, else a page that needs no kernel."""

import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Final

from musiclib.errors import BookError
from musiclib.explore.model import Explorer
from musiclib.explore.page import page
from musiclib.figures.published import MEDIA_DIR
from musiclib.listen import Rendered
from musiclib.listen.media import MediaStore, page_store

if TYPE_CHECKING:
    from ipywidgets import Box

WIDGETS: Final = "MUSICLIB_WIDGETS"


def explore(
    explorer: Explorer, store: MediaStore | None = None, live: bool | None = None
) -> "Rendered | Box":
    """Show an explorer, as the last expression of a cell.

    Args:
        explorer: What can be explored.
        store: Where its files go; by default where the environment says.
        live: Whether to make widgets; by default what `is_live` says.

    Returns:
        Widgets, or a piece of a page whose files hold all settings.

    Raises:
        BookError: If the explorer is not well formed, or widgets cannot be made.
    """
    if is_live() if live is None else live:
        from musiclib.explore.live import widgets

        return widgets(explorer)
    return page(explorer, store or page_store())


def is_live() -> bool:
    """Whether explorers shall be widgets, whose settings a kernel computes when they are asked for.

    Never in a build of the book (``MUSICLIB_MEDIA_DIR`` is set): nobody could answer a published
    widget. Else the environment variable ``MUSICLIB_WIDGETS`` decides, 1 for yes and 0 for no.
    Without it, widgets are chosen in a notebook that somebody has opened: in Jupyter and on Binder,
    on Colab and in VS Code. Papermill and nbconvert get the version without a kernel.

    Raises:
        BookError: ``MUSICLIB_WIDGETS`` is neither 0 nor 1, or 1 without ipywidgets.
    """
    if os.environ.get(MEDIA_DIR):
        return False
    wish = os.environ.get(WIDGETS, "")
    if wish not in ("", "0", "1"):
        raise BookError(f"{WIDGETS} is {wish!r}: set it to 1 for widgets, to 0 for none")
    installed = importlib.util.find_spec("ipywidgets") is not None
    if wish == "1" and not installed:
        raise BookError(f"{WIDGETS} is 1, but ipywidgets is missing: pip install ipywidgets")
    return wish == "1" or (wish == "" and installed and _is_opened())


def _is_opened() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):
        return False
    return (
        "google.colab" in sys.modules
        or "JPY_SESSION_NAME" in os.environ  # set by a Jupyter server for an opened notebook
        or "__vsc_ipynb_file__" in shell.user_ns  # set by VS Code
    )

"""Explorers as widgets in a live notebook, and as a static page elsewhere."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any, Final

from musiclib.errors import BookError
from musiclib.explore.explorer import Control, Explorer, Setting, Value
from musiclib.explore.page import STYLE, Files, frame_html, page
from musiclib.listen import MediaStore, Rendered, page_store
from musiclib.listen.sounds import inline_assets
from musiclib.plot.published import MEDIA_DIR

if TYPE_CHECKING:
    from ipywidgets import Box

WIDGETS: Final = "MUSICLIB_WIDGETS"


def explore(explorer: Explorer) -> Rendered | Box:
    """Show an explorer, as the last expression of a cell.

    Args:
        explorer: What can be explored.

    Returns:
        Widgets where `is_live` says so, else a piece of a page whose files hold all settings.

    Raises:
        BookError: If the explorer is not well formed, or widgets cannot be made.
    """
    return _Live(explorer).box if is_live() else page(explorer, page_store())


def is_live() -> bool:
    """Return whether explorers are shown as widgets, which compute a setting when it is chosen.

    ``MUSICLIB_WIDGETS`` decides: 1 for yes, 0 for no. Without it, widgets are shown in a notebook
    that is open in Jupyter, Binder, Colab or VS Code, and not under papermill or nbconvert. A build
    of the book (``MUSICLIB_MEDIA_DIR`` is set) never shows widgets.

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


class _Live:
    """An explorer as a box of controls and of HTML that follows them."""

    def __init__(self, explorer: Explorer) -> None:
        import ipywidgets

        self.explorer = explorer
        self.settings = explorer.settings()
        self.files = Files(explorer, MediaStore())
        self.stage = ipywidgets.HTML()
        self.inputs = [_input(control) for control in explorer.controls]
        self.offering = False
        self.show()
        for widget in self.inputs:
            widget.observe(lambda _: None if self.offering else self.show(), "value")
        row = [self.stage]
        if explorer.always.panes:
            always = frame_html(explorer.always, "", self.files, axes=True)
            row.insert(0, ipywidgets.HTML(_framed(always), layout={"flex": "1 1 18rem"}))
        title = f'<p class="mx-title">{escape(explorer.title)}</p>'
        caption = f'<p class="mx-caption">{escape(explorer.caption)}</p>'
        self.box = ipywidgets.VBox(
            [
                ipywidgets.HTML(inline_assets("listen.css", STYLE) + _framed(title)),
                *(widget for widget, control in self.pairs() if len(control.values) > 1),
                ipywidgets.HBox(row, layout={"flex_flow": "row wrap", "align_items": "flex-end"}),
                ipywidgets.HTML(_framed(caption)),
            ]
        )

    def pairs(self) -> Iterator[tuple[Any, Control]]:
        """Return widgets with their controls."""
        return zip(self.inputs, self.explorer.controls, strict=True)

    def offer(self) -> Setting:
        """Let every control offer what exists with the values of those before it; gives them."""
        self.offering = True
        left, setting = self.settings, {}
        for widget, control in self.pairs():
            exist = {each[control.name] for each in left}
            offered = [value for value in control.values if value in exist]
            value = nearest(widget.value, offered)
            # The value goes in with the options: between the two, a selection may be invalid.
            options = tuple((control.text(each), each) for each in offered)
            if tuple(widget.options) != options:
                widget.options = options
            widget.value = setting[control.name] = value
            left = [each for each in left if each[control.name] == value]
        self.offering = False
        return setting

    def show(self) -> None:
        setting = self.offer()
        words = self.explorer.text(setting)
        try:
            frame = self.explorer.at(setting)
            body = frame_html(frame, words, self.files, axes=True)
            self.stage.layout.flex = f"{len(frame.panes)} 1 18rem"
        except Exception as error:  # whatever went wrong, the reader of a widget sees no traceback
            reason = escape(f"{error}" or type(error).__name__)
            body = f'<p class="mx-error" role="alert">This setting cannot be computed: {reason}</p>'
        self.stage.value = _framed(f'<p class="mx-setting">{escape(words)}</p>{body}')


def _framed(html: str) -> str:
    return f'<div class="mx mx-live">{html}</div>'


def nearest(value: Value, offered: list[Value]) -> Value:
    """The offered value next to a wanted one; the first where there is no distance."""
    if value in offered:
        return value
    numbers = [each for each in offered if not isinstance(each, str)]
    if isinstance(value, str) or len(numbers) < len(offered):
        return offered[0]
    return min(numbers, key=lambda each: abs(each - value))


def _input(control: Control) -> Any:
    import ipywidgets

    kind = ipywidgets.SelectionSlider if control.slides else ipywidgets.ToggleButtons
    slider = {"layout": {"width": "min(32rem, 100%)"}, "continuous_update": False}
    return kind(
        options=[(control.text(value), value) for value in control.values],
        value=control.begin(),
        description=control.label,
        style={"description_width": "initial"},
        **(slider if control.slides else {}),
    )

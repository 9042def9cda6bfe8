"""Explorers as widgets in a live notebook, and as a static page elsewhere."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from musiclib.errors import BookError
from musiclib.explore.explorer import Control, Explorer, Setting, Value
from musiclib.explore.page import STYLE, Files, frame_html, page
from musiclib.listen import MediaStore, Rendered, page_store
from musiclib.listen.sounds import escape, inline_assets
from musiclib.plot.published import MEDIA_DIR

if TYPE_CHECKING:
    from ipywidgets import Box

WIDGETS: Final = "MUSICLIB_WIDGETS"


def explore(
    explorer: Explorer, store: MediaStore | None = None, live: bool | None = None
) -> Rendered | Box:
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
        return widgets(explorer)
    return page(explorer, store or page_store())


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


def widgets(explorer: Explorer) -> Box:
    """An explorer as widgets.

    Returns:
        A box of controls and of HTML that follows them. Where a setting cannot be computed, the
        HTML says why.
    """
    return _Live(explorer).box


class _Live:
    def __init__(self, explorer: Explorer) -> None:
        import ipywidgets

        self.explorer = explorer
        self.values: dict[str, Value] = {c.name: c.begin() for c in explorer.controls}
        self.files = Files(explorer, MediaStore())
        self.stage = ipywidgets.HTML()
        self.inputs = {c.name: _input(c) for c in explorer.controls}
        self.offering = False
        self.offer()
        for name, widget in self.inputs.items():
            widget.observe(self.changed(name), "value")
        shown = [self.inputs[c.name] for c in explorer.controls if len(c.values) > 1]
        first = frame_html(explorer.always, "", self.files, axes=True)
        always = ipywidgets.HTML(_framed(first)) if explorer.always.panes else None
        self.box = ipywidgets.VBox(
            [
                ipywidgets.HTML(
                    inline_assets("listen.css", STYLE)
                    + _framed(f'<p class="mx-title">{escape(explorer.title)}</p>')
                ),
                *shown,
                ipywidgets.HBox(
                    [always, self.stage] if always else [self.stage],
                    layout=ipywidgets.Layout(flex_flow="row wrap", align_items="flex-end"),
                ),
                ipywidgets.HTML(_framed(f'<p class="mx-caption">{escape(explorer.caption)}</p>')),
            ]
        )
        if always:
            always.layout.flex = "1 1 18rem"
        self.show()

    def changed(self, name: str) -> Any:
        def run(change: Any) -> None:
            if self.offering:
                return
            self.values[name] = change["new"]
            self.offer()
            self.show()

        return run

    def offer(self) -> None:
        """Let every control offer what exists with the values of the controls before it."""
        self.offering = True
        try:
            for number, control in enumerate(self.explorer.controls):
                before = {c.name: self.values[c.name] for c in self.explorer.controls[:number]}
                offered = [v for v in control.values if self._exists({**before, control.name: v})]
                self.values[control.name] = nearest(self.values[control.name], offered)
                widget = self.inputs[control.name]
                # The value goes in with the options: between the two, a selection may be invalid.
                options = tuple((control.text(value), value) for value in offered)
                if tuple(widget.options) != options:
                    widget.options = options
                widget.value = self.values[control.name]
        finally:
            self.offering = False

    def _exists(self, fixed: Setting) -> bool:
        """Whether some setting that begins like this exists."""
        open_controls = [c for c in self.explorer.controls if c.name not in fixed]
        if not open_controls:
            return self.explorer.exists(**fixed)
        first = open_controls[0]
        return any(self._exists({**fixed, first.name: value}) for value in first.values)

    def show(self) -> None:
        setting = dict(self.values)
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
    if isinstance(value, str) or any(isinstance(each, str) for each in offered):
        return offered[0]
    numbers = [each for each in offered if not isinstance(each, str)]
    return min(numbers, key=lambda each: abs(each - value))


def _input(control: Control) -> Any:
    import ipywidgets

    options = [(control.text(value), value) for value in control.values]
    settings: dict[str, Any] = {
        "options": options,
        "value": control.begin(),
        "description": control.label,
        "style": {"description_width": "initial"},
    }
    if control.slides:
        layout = ipywidgets.Layout(width="min(32rem, 100%)")
        return ipywidgets.SelectionSlider(**settings, layout=layout, continuous_update=False)
    return ipywidgets.ToggleButtons(**settings)

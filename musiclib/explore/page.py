"""An explorer on a page without a kernel: every setting as files, in a list that a script lifts."""

import hashlib
import itertools
import json
from collections.abc import Mapping
from html import escape
from typing import Final

from musiclib.explore.explorer import Control, Explorer, Frame, Pane, Picture, Setting
from musiclib.listen import MediaStore, Rendered, encode_flac
from musiclib.listen.sounds import inline_assets, slug

STYLE: Final = "explorer.css"
_ASSETS: Final = ("listen.css", STYLE, "listen.js", "explorer.js")
_numbers = itertools.count(1)


def page(explorer: Explorer, store: MediaStore) -> Rendered:
    """An explorer without a kernel.

    Returns:
        HTML: the setting at the start, and a folded list of all settings with their pictures,
        figures and players. ``explorer.js`` puts controls in front of it, and loads what is shown.
    """
    key = f"mx-{next(_numbers)}"
    files = Files(explorer, store)
    settings = explorer.settings()
    start = explorer.start()
    controls = [
        {
            "label": control.label,
            "texts": [control.text(value) for value in control.values],
            "slides": control.slides,
        }
        for control in explorer.controls
    ]
    items = "".join(
        f'<li data-mx-at="{_place(explorer, setting)}"><p class="mx-setting">'
        f"{escape(explorer.text(setting))}</p>"
        f"{frame_html(explorer.at(setting), explorer.text(setting), files)}</li>"
        for setting in settings
    )
    panes = len(explorer.always.panes) + len(explorer.at(start).panes)
    count = f"All {len(settings)} settings" if len(settings) > 1 else "The one setting"
    html = (
        f'<section class="mx" id="{key}-{slug(explorer.name)}" aria-labelledby="{key}-title" '
        f'data-mx="{escape(json.dumps(controls, ensure_ascii=False))}" '
        f'data-mx-start="{_place(explorer, start)}" data-mx-seconds="{_seconds(explorer):.3f}">'
        f'<p class="mx-title" id="{key}-title">{escape(explorer.title)}</p>'
        f'<div class="mx-stage" data-mx-panes="{panes}">{_stage(explorer, start, files)}</div>'
        f'<details class="mx-list"><summary>{count} as a list</summary><ul>{items}</ul></details>'
        f'<p class="mx-caption">{escape(explorer.caption)}</p></section>'
    )
    text = "\n".join(
        [f"{explorer.title}: {len(settings)} settings"]
        + [f"{explorer.text(each)}: {_words(explorer.at(each))}" for each in settings]
    )
    return Rendered(html + (inline_assets(*_ASSETS) if store.embeds else ""), text)


class Files:
    """Files of one explorer; the same picture or sound is kept once."""

    def __init__(self, explorer: Explorer, store: MediaStore) -> None:
        self._name = explorer.name
        self._store = store
        self._known: dict[str, str] = {}

    def add(self, words: str, suffix: str, data: bytes) -> str:
        """Keep a file, and return its address."""
        digest = hashlib.sha256(data).hexdigest() + suffix
        if digest not in self._known:
            name = slug(f"{self._name} {words}")[:60]
            self._known[digest] = self._store.add(name, suffix, data)
        return self._known[digest]


def frame_html(frame: Frame, words: str, files: Files, *, axes: bool = False) -> str:
    """A frame as HTML.

    Args:
        frame: What to show.
        words: Its setting in words, for names of files and of players.
        files: Where its files go.
        axes: Whether the ends of the pictures' axes are written on them.

    Returns:
        HTML without anything that needs a script.
    """
    panes = "".join(_pane(pane, words, files, axes=axes) for pane in frame.panes)
    return f'<div class="mx-panes">{panes}</div>{_facts(frame.facts)}'


def _stage(explorer: Explorer, start: Setting, files: Files) -> str:
    first = frame_html(explorer.always, "", files, axes=True) if explorer.always.panes else ""
    always = f'<div class="mx-always">{first}</div>' if first else ""
    words = explorer.text(start)
    return (
        f'{always}<div class="mx-now"><p class="mx-setting">{escape(words)}</p>'
        f"{frame_html(explorer.at(start), words, files, axes=True)}</div>"
    )


def _pane(pane: Pane, words: str, files: Files, *, axes: bool) -> str:
    name = f"{words} {pane.label}" if words else pane.label
    sound = ""
    if pane.audio is not None:
        source = files.add(name, ".flac", encode_flac(pane.audio, pane.sample_rate)[0])
        title = f"{pane.label}, {words}" if words else pane.label
        sound = (
            f'<audio controls preload="none" src="{escape(source)}" aria-label="{escape(title)}">'
            "</audio>"
        )
    image = _picture(pane.picture, files.add(name, ".png", pane.picture.data), axes=axes)
    return (
        f'<div class="mx-pane"><p class="mx-label">{escape(pane.label)}</p>{image}{sound}'
        f"{_facts(pane.facts)}</div>"
    )


def _picture(picture: Picture, source: str, *, axes: bool) -> str:
    kind = ' class="mx-chart"' if picture.chart else ""
    image = (
        f'<img{kind} src="{escape(source)}" alt="{escape(picture.alt)}" width="{picture.width}" '
        f'height="{picture.height}" loading="lazy">'
    )
    if picture.chart or not axes:
        return image
    top = f"<span>{escape(picture.top)}</span>" if picture.top else ""
    return (
        f'<div class="mx-picture">{image}<p class="mx-axes" aria-hidden="true">{top}'
        f"<span>{picture.seconds:.3g} s</span></p></div>"
    )


def _facts(facts: Mapping[str, str]) -> str:
    pairs = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in facts.items()
    )
    return f'<dl class="mx-facts">{pairs}</dl>' if pairs else ""


def _seconds(explorer: Explorer) -> float:
    """Length of the sounds, for a page that has not loaded any."""
    panes = (*explorer.always.panes, *explorer.at(explorer.start()).panes)
    lengths = (p.audio.shape[-1] / p.sample_rate for p in panes if p.audio is not None)
    return max(lengths, default=0.0)


def _place(explorer: Explorer, setting: Setting) -> str:
    def index(control: Control) -> int:
        return control.values.index(setting[control.name])

    return " ".join(str(index(control)) for control in explorer.controls)


def _words(frame: Frame) -> str:
    panes = [(pane.label, pane.facts) for pane in frame.panes if pane.facts]
    groups = [*panes, ("", frame.facts)]
    parts = [
        f"{label} {name} {value}".strip()
        for label, facts in groups
        for name, value in facts.items()
    ]
    return ", ".join(parts)

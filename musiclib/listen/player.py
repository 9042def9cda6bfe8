"""The same clips through several systems, side by side.

Rows are clips and columns are systems, the reference first. The table is plain HTML with the
browser's own players. Where ``player.js`` runs, each row becomes a stage: a tile for each system
with its name, bitrate and measured figures, which plays it, one large spectrogram with a cursor,
and a blind test. Switching keeps the position to the sample, without a gap.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

from musiclib.audio import FloatArray, resample
from musiclib.errors import AudioError
from musiclib.listen.sounds import (
    MediaStore,
    Sound,
    clipping_text,
    encode_flac,
    figure_pairs,
    figure_texts,
    kbps_text,
    page_store,
    seconds_text,
    slug,
)
from musiclib.plot.sounds import THUMBNAIL, spectrogram_thumbnail, stft_power

TILES: Final = 4
"""Up to so many systems a stage shows all their pictures, in tiles: of more there would be more
pictures than sound."""

_numbers = itertools.count(1)
_RATE_AT_END = re.compile(r"(?<=\S),? *\d+(\.\d+)? ?kbps$")
_LEVELS = "Sounds are 16-bit FLAC at the levels that were measured: nothing is normalised."


@dataclass(frozen=True)
class Rendered:
    """A piece of a page that a notebook shows by itself.

    Attributes:
        html: The piece of the page.
        text: What is shown where HTML is not, such as a terminal.
    """

    html: str
    text: str

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Row:
    """One clip of a comparison.

    Attributes:
        title: Title of the clip, which also names its files.
        sounds: The clip through each system, the reference first.
        note: Words below the title, such as artist and genre.
        tab: What the button says that shows this clip, by default its title.
    """

    title: str
    sounds: Sequence[Sound] = field(repr=False)
    note: str = ""
    tab: str = ""


def comparison(rows: Sequence[Row], caption: str, *, tabs: bool = False) -> Rendered:
    """A table of players: a row for each clip, a column for each system.

    Args:
        rows: Clips, each through the same systems in the same order, the reference first.
        caption: Caption of the table: what is compared, and how the sounds were made.
        tabs: Whether to show one clip at a time, with a button for each. Without scripts all are
            shown.

    Returns:
        An object that a notebook shows as HTML. Files are named ``<title>-<system>``. All
        spectrograms of a clip share one colour scale and one frequency range, which are the
        reference's. How sounds and pictures were made is said once on a page.

    Raises:
        AudioError: If there are no clips, if they do not share their systems, or if two systems
            have the same label.
    """
    labels = _shared_labels(rows)
    store = page_store()
    number = next(_numbers)
    caption_id, group = f"ml-comparison-{number}", f"ml-group-{number}"
    heads = "".join(
        f'<th role="columnheader" scope="col">{escape(_header(rows, column))}</th>'
        for column in range(len(labels))
    )
    body = "".join(
        _row_html(row, f"{group}-{index}", store) for index, row in enumerate(rows, start=1)
    )
    told = store.once(_legend(rows)) + store.once(f'<span class="ml-note">{_LEVELS}</span>')
    html = (
        f'<div class="ml-comparison"{" data-tabs" if tabs else ""}>'
        f'<table role="table" aria-labelledby="{caption_id}">'
        f'<caption id="{caption_id}">{escape(caption)}{told}</caption>'
        f'<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Clip</th>'
        f'{heads}</tr></thead><tbody role="rowgroup">{body}</tbody></table></div>'
    )
    lines = [f"Comparison: {caption}"]
    lines += [f"  {row.title}: {'; '.join(_plain(sound) for sound in row.sounds)}" for row in rows]
    return Rendered(html, "\n".join(lines))


def _shared_labels(rows: Sequence[Row]) -> list[str]:
    if not rows or not rows[0].sounds:
        raise AudioError("a comparison needs at least one clip with at least one sound")
    labels = [sound.label for sound in rows[0].sounds]
    for row in rows:
        found = [sound.label for sound in row.sounds]
        if found != labels:
            raise AudioError(
                f"every clip of a comparison needs the same systems in the same order: "
                f"{row.title!r} has {found}, {rows[0].title!r} has {labels}"
            )
    if len({slug(label) for label in labels}) < len(labels):
        raise AudioError(f"two systems of the comparison have the same name: {labels}")
    return labels


def _header(rows: Sequence[Row], column: int) -> str:
    sounds = [row.sounds[column] for row in rows]
    rates = [sound.kbps for sound in sounds if sound.kbps is not None]
    if len(rates) < len(sounds):
        return sounds[0].label
    mean = "mean " if len(rates) > 1 else ""
    return f"{sounds[0].label} ({mean}{kbps_text(sum(rates) / len(rates))})"


def _row_html(row: Row, group: str, store: MediaStore) -> str:
    power = float(stft_power(row.sounds[0].audio).max())
    cells = [_cell_html(row, column, store, power) for column in range(len(row.sounds))]
    note = f'<span class="ml-note">{escape(row.note)}</span>' if row.note else ""
    tiles = " data-tiles" if len(row.sounds) <= TILES else ""
    return (
        f'<tr role="row" id="{group}" data-ml-group{tiles} data-systems="{len(row.sounds)}" '
        f'data-tab="{escape(row.tab or row.title)}">'
        f'<th role="rowheader" scope="row">'
        f'<span class="ml-title">{escape(row.title)}</span> {note}</th>{"".join(cells)}</tr>'
    )


def _cell_html(row: Row, column: int, store: MediaStore, power: float) -> str:
    """A system's picture, player and facts; `power` is that of the picture's lightest colour."""
    sound = row.sounds[column]
    name = f"{slug(row.title)}-{slug(sound.label)}"
    title = f"{row.title}: {sound.label}"
    player, clipped = audio_element(sound, title, name, store)
    rate = row.sounds[0].sample_rate
    shown = resample(sound.audio, sound.sample_rate, rate)
    picture = _picture(shown, rate, title, name, store, power)
    # What was not coded has no bitrate, but for the reference.
    kbps = sound.pcm_kbps if sound.kbps is None and column == 0 else sound.kbps
    short = kbps_text(kbps) if kbps is not None else ""
    pcm = " as 16-bit PCM" if sound.kbps is None else ""
    facts = f'<li class="ml-bitrate">{short}{pcm}</li>' if short else ""
    for label, value in figure_pairs(sound):
        facts += f"<li>{f'{escape(label)} ' if label else ''}<b>{escape(value)}</b></li>"
    if clipped:
        facts += f"<li>{clipping_text(sound, clipped)}</li>"
    # Without a bitrate at its end, where the measured one stands beside it.
    plain = _RATE_AT_END.sub("", sound.label) if sound.kbps is not None else sound.label
    return (
        f'<td role="cell" data-label="{escape(sound.label)}" data-name="{escape(plain)}" '
        f'data-rate="{short}">{picture}{player}<ul class="ml-facts">{facts}</ul></td>'
    )


def _picture(
    audio: FloatArray, sample_rate: int, title: str, name: str, store: MediaStore, power: float
) -> str:
    """The ``<img>`` element of a sound's spectrogram; ``data-khz`` tells its highest frequency."""
    data, suffix = spectrogram_thumbnail(audio, power)
    source = store.add(name, suffix, data)
    width, height = THUMBNAIL
    khz = f"{sample_rate / 2000:g}"
    alt = f"Spectrogram of {title}, 0 to {khz} kHz"
    return (
        f'<img class="ml-spectrogram" src="{escape(source)}" alt="{escape(alt)}" '
        f'width="{width}" height="{height}" data-khz="{khz}" '
        'loading="lazy" decoding="async">'
    )


def _legend(rows: Sequence[Row]) -> str:
    tops = sorted({row.sounds[0].sample_rate / 2000 for row in rows})
    text = " or ".join(f"{top:g}" for top in tops)
    return (
        f' <span class="ml-note">Spectrograms: time to the right, 0 to {text} kHz upwards, '
        "colours over 80 dB below the loudest point of the reference.</span>"
    )


def _plain(sound: Sound) -> str:
    facts = [seconds_text(sound), *([kbps_text(sound.kbps)] if sound.kbps is not None else [])]
    return f"{sound.label} ({', '.join([*facts, *figure_texts(sound)])})"


def audio_element(sound: Sound, title: str, name: str, store: MediaStore) -> tuple[str, int]:
    """The ``<audio>`` element of a sound.

    Returns:
        HTML, and the number of samples that were clipped. Nothing is loaded before it is played.
        ``data-seconds`` tells the length, which a script needs before the file is there.
    """
    data, clipped = encode_flac(sound.audio, sound.sample_rate)
    source = store.add(name, ".flac", data)
    label = f"{title}, {seconds_text(sound)}"
    html = (
        f'<audio controls preload="none" src="{escape(source)}" aria-label="{escape(label)}" '
        f'data-seconds="{sound.seconds:.6g}"></audio>'
    )
    return html, clipped

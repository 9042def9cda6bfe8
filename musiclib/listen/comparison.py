"""The same clips through several systems, side by side.

Rows are clips and columns are systems, the reference first. The table is plain HTML with the
browser's own players. Where ``player.js`` runs, each row becomes a stage: a tile for each system
with its name, bitrate and measured figures, which plays it, one large spectrogram with a cursor,
and a blind test. Switching keeps the position to the sample, without a gap.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from musiclib.audio import resample
from musiclib.errors import AudioError
from musiclib.figures.levels import stft_power
from musiclib.listen.media import MediaStore, page_store, slug
from musiclib.listen.player import Rendered, audio_element, picture_element
from musiclib.listen.sound import (
    Sound,
    clipping_text,
    escape,
    figure_pairs,
    figure_texts,
    kbps_text,
    seconds_text,
)

TILES: Final = 4
"""Up to so many systems a stage shows all their pictures, in tiles: of more there would be more
pictures than sound."""

_numbers = itertools.count(1)
_RATE_AT_END = re.compile(r"(?<=\S),? *\d+(\.\d+)? ?kbps$")
_LEVELS = "Sounds are 16-bit FLAC at the levels that were measured: nothing is normalised."


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


def comparison(
    rows: Sequence[Row],
    caption: str,
    *,
    spectrograms: bool = True,
    tabs: bool = False,
    store: MediaStore | None = None,
) -> Rendered:
    """A table of players: a row for each clip, a column for each system.

    Args:
        rows: Clips, each through the same systems in the same order, the reference first.
        caption: Caption of the table: what is compared, and how the sounds were made.
        spectrograms: Whether to show each sound's spectrogram. All those of a clip share one
            colour scale and one frequency range, which are the reference's.
        tabs: Whether to show one clip at a time, with a button for each. Without scripts all are
            shown.
        store: Where sounds and pictures go; by default where the environment says.

    Returns:
        An object that a notebook shows as HTML. Files are named ``<title>-<system>``. How sounds
        and pictures were made is said once on a page.

    Raises:
        AudioError: If there are no clips, if they do not share their systems, or if two systems
            have the same label.
    """
    labels = _shared_labels(rows)
    store = store or page_store()
    number = next(_numbers)
    caption_id, group = f"ml-comparison-{number}", f"ml-group-{number}"
    heads = "".join(
        f'<th role="columnheader" scope="col">{escape(_header(rows, column))}</th>'
        for column in range(len(labels))
    )
    body = "".join(
        _row_html(row, f"{group}-{index}", spectrograms, store)
        for index, row in enumerate(rows, start=1)
    )
    legend = _legend(rows) if spectrograms else ""
    legend = store.once(legend) + store.once(f'<span class="ml-note">{_LEVELS}</span>')
    html = (
        f'<div class="ml-comparison"{" data-tabs" if tabs else ""}>'
        f'<table role="table" aria-labelledby="{caption_id}">'
        f'<caption id="{caption_id}">{escape(caption)}{legend}</caption>'
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


def _row_html(row: Row, group: str, spectrograms: bool, store: MediaStore) -> str:
    reference = row.sounds[0]
    power = float(stft_power(reference.audio).max()) if spectrograms else 0.0
    cells = []
    for column, sound in enumerate(row.sounds):
        name = f"{slug(row.title)}-{slug(sound.label)}"
        title = f"{row.title}: {sound.label}"
        element, clipped = audio_element(sound, title, name, store)
        picture = ""
        if spectrograms:
            at_reference_rate = replace(
                sound,
                audio=resample(sound.audio, sound.sample_rate, reference.sample_rate),
                sample_rate=reference.sample_rate,
            )
            picture = picture_element(at_reference_rate, title, name, store, power)
        facts = [*figure_pairs(sound), (clipping_text(sound, clipped), "")]
        items = "".join(_fact(label, value) for label, value in facts if label or value)
        if words := _rate(sound, is_reference=column == 0):
            items = f'<li class="ml-bitrate">{words}</li>{items}'
        rate = _short_rate(sound, is_reference=column == 0)
        cells.append(
            f'<td role="cell" data-label="{escape(sound.label)}" '
            f'data-name="{escape(_name(sound))}" data-rate="{rate}">'
            f'{picture}{element}<ul class="ml-facts">{items}</ul></td>'
        )
    note = f'<span class="ml-note">{escape(row.note)}</span>' if row.note else ""
    tiles = " data-tiles" if len(row.sounds) <= TILES else ""
    return (
        f'<tr role="row" id="{group}" data-ml-group{tiles} data-systems="{len(row.sounds)}" '
        f'data-tab="{escape(row.tab or row.title)}">'
        f'<th role="rowheader" scope="row">'
        f'<span class="ml-title">{escape(row.title)}</span> {note}</th>{"".join(cells)}</tr>'
    )


def _fact(label: str, value: str) -> str:
    words = [escape(label)] if label else []
    words += [f"<b>{escape(value)}</b>"] if value else []
    return f"<li>{' '.join(words)}</li>"


def _name(sound: Sound) -> str:
    """The label without a bitrate at its end, where the measured one stands beside it."""
    return _RATE_AT_END.sub("", sound.label) if sound.kbps is not None else sound.label


def _rate(sound: Sound, *, is_reference: bool) -> str:
    if sound.kbps is not None:
        return kbps_text(sound.kbps)
    return f"{kbps_text(sound.pcm_kbps)} as 16-bit PCM" if is_reference else ""


def _short_rate(sound: Sound, *, is_reference: bool) -> str:
    """The bitrate for a button; empty where none was measured."""
    if sound.kbps is not None:
        return kbps_text(sound.kbps)
    return kbps_text(sound.pcm_kbps) if is_reference else ""


def _legend(rows: Sequence[Row]) -> str:
    tops = sorted({row.sounds[0].sample_rate / 2000 for row in rows})
    text = " or ".join(f"{top:g}" for top in tops)
    return (
        f' <span class="ml-note">Spectrograms: time to the right, 0 to {text} kHz upwards, '
        "colours over 80 dB below the loudest point of the reference.</span>"
    )


def _plain(sound: Sound) -> str:
    facts = [seconds_text(sound), kbps_text(sound.kbps) if sound.kbps is not None else ""]
    facts += figure_texts(sound)
    return f"{sound.label} ({', '.join(fact for fact in facts if fact)})"

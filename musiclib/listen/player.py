"""One sound as a player on a page.

It is the browser's own, so that it works without any script. Where ``player.js`` runs,
it becomes a stage: a spectrogram with a cursor that can be moved, a button and the time.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from musiclib.audio import FloatArray
from musiclib.figures.thumbnails import spectrogram_thumbnail
from musiclib.listen.media import MediaStore, encode_flac, page_store, slug
from musiclib.listen.sound import (
    Sound,
    clipping_text,
    escape,
    figure_texts,
    kbps_text,
    level_text,
    seconds_text,
)

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Rendered:
    """A piece of a page that a notebook shows by itself.

    Attributes:
        html: The piece of the page.
        text: What is shown where HTML is not, such as a terminal.
    """

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}

    def __str__(self) -> str:
        return self.text


def player(
    audio: FloatArray,
    sample_rate: int,
    label: str,
    *,
    name: str | None = None,
    kbps: float | None = None,
    figures: Mapping[str, float | str] | None = None,
    spectrogram: bool = False,
    store: MediaStore | None = None,
) -> Rendered:
    """A sound with a caption: label, length, level and what was measured.

    Args:
        audio: Samples at their true level, shape ``(N,)`` or ``(C, N)``.
        sample_rate: Samples a second.
        label: What the listener reads and a screen reader says.
        name: Stem of the sound's file name; made from the label by default.
        kbps: Measured bitrate, from the bytes of the coded sound.
        figures: Measured figures by name, as for :class:`musiclib.listen.Sound`.
        spectrogram: Whether to show a spectrogram above the player.
        store: Where the sound goes; by default where the environment says.

    Returns:
        An object that a notebook shows as HTML.

    Raises:
        AudioError: If the sound cannot be played by browsers.
    """
    sound = Sound(label, audio, sample_rate, kbps, figures or {})
    store = store or page_store()
    name = slug(name or label)
    element, clipped = audio_element(sound, label, name, store)
    picture = ""
    if spectrogram:
        picture = picture_element(sound, label, name, store)
    facts = [seconds_text(sound)]
    facts += [kbps_text(kbps)] if kbps is not None else []
    facts += [*figure_texts(sound), level_text(sound), clipping_text(sound, clipped)]
    facts = [fact for fact in facts if fact]
    caption_id = f"ml-caption-{next(_numbers)}-{name}"
    html = (
        f'<figure class="ml-player" aria-labelledby="{caption_id}">{picture}{element}'
        f'<figcaption id="{caption_id}"><span class="ml-label">{escape(label)}</span> '
        f'<span class="ml-facts">{escape("; ".join(facts))}</span></figcaption></figure>'
    )
    return Rendered(html, f"Sound: {label} ({'; '.join(facts)})")


def audio_element(sound: Sound, title: str, name: str, store: MediaStore) -> tuple[str, int]:
    """The ``<audio>`` element of a sound.

    Args:
        sound: The sound.
        title: What a screen reader says for it.
        name: Stem of its file name.
        store: Where the file goes.

    Returns:
        HTML, and the number of samples that were clipped. Nothing is loaded before it is played.
        ``data-seconds`` tells the length, which a script needs before the file is there.
    """
    encoded = encode_flac(sound.audio, sound.sample_rate)
    source = store.add(name, ".flac", encoded.data)
    label = f"{title}, {seconds_text(sound)}"
    html = (
        f'<audio controls preload="none" src="{escape(source)}" aria-label="{escape(label)}" '
        f'data-seconds="{sound.seconds:.6g}"></audio>'
    )
    return html, encoded.clipped


def picture_element(
    sound: Sound, title: str, name: str, store: MediaStore, reference_power: float | None = None
) -> str:
    """The ``<img>`` element of a sound's spectrogram.

    Args:
        sound: The sound.
        title: What the alternative text calls it.
        name: Stem of its file name.
        store: Where the file goes.
        reference_power: Power of the lightest colour; that of the loudest bin by default.

    Returns:
        HTML with an alternative text. The picture is loaded when it comes into view.
        ``data-khz`` tells the highest frequency.
    """
    picture = spectrogram_thumbnail(sound.audio, reference_power)
    source = store.add(name, picture.suffix, picture.data)
    khz = f"{sound.sample_rate / 2000:g}"
    alt = f"Spectrogram of {title}, 0 to {khz} kHz"
    return (
        f'<img class="ml-spectrogram" src="{escape(source)}" alt="{escape(alt)}" '
        f'width="{picture.width}" height="{picture.height}" data-khz="{khz}" '
        'loading="lazy" decoding="async">'
    )

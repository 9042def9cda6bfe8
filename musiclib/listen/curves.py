"""Curves of quality over bitrate whose dots play: each is a file, and sounds as that file does.

It is made of the same pieces as a map of sounds (:mod:`musiclib.listen.map`), with axes, and the
same scripts play it. Without them it is a picture, and a list of players.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.ticker import MaxNLocator

from musiclib.errors import AudioError
from musiclib.figures.style import series_styles
from musiclib.listen import map_parts
from musiclib.listen.colouring import Colouring
from musiclib.listen.map import ASSETS
from musiclib.listen.map_parts import GRID, Axes, Layout
from musiclib.listen.markers import SHAPES, mark
from musiclib.listen.media import MediaStore, encode_flac, inline_assets, page_store, slug
from musiclib.listen.player import Rendered
from musiclib.listen.sound import (
    Sound,
    clipping_text,
    figure_texts,
    kbps_text,
    number_text,
)

_MOST_TICKS: Final = 9
_numbers = itertools.count(1)


def playing_curves(
    systems: Mapping[str, Sequence[Sound]],
    quality: str,
    *,
    caption: str,
    name: str,
    ylabel: str,
    xlabel: str = "Bitrate of the file (kbps)",
    original: Sound | None = None,
    store: MediaStore | None = None,
) -> Rendered:
    """Quality over bitrate of one clip through several systems; a dot plays what it stands for.

    Args:
        systems: One clip at several rates, by the name of each system. Each sound has its bitrate,
            and the quality among its figures.
        quality: Name of the figure that lies upwards, such as ``"two_f_mushra"``.
        caption: What the curves show.
        name: Stem of the files' names, ``<name>-<label>-<kbps>``.
        ylabel: Text of the vertical axis.
        xlabel: Text of the horizontal axis, which is logarithmic.
        original: The clip as it was, for a mark in the upper right corner.
        store: Where sounds go; by default where the environment says.

    Returns:
        An object that a notebook shows as HTML. Sounds are 16-bit FLAC at their true level, and
        load when they are played. Going from dot to dot, the clip goes on.

    Raises:
        AudioError: If there is no sound, or one without a bitrate above 0 or without the quality.
    """
    systems = {system: sounds for system, sounds in systems.items() if sounds}
    dots = [(system, sound) for system, sounds in systems.items() for sound in sounds]
    for _, sound in dots:
        if not sound.kbps or not np.isfinite(float(sound.figures.get(quality, np.nan))):
            raise AudioError(f"{sound.label!r} needs a bitrate and a figure {quality!r}")
    if not dots:
        raise AudioError("curves that play need at least one sound")
    store = store or page_store()
    kbps = np.array([sound.kbps for _, sound in dots], float)
    worth = np.array([float(sound.figures[quality]) for _, sound in dots])
    xticks, across = _by_factors(kbps)
    yticks, upwards = _evenly(worth)
    places = np.column_stack([across(kbps), upwards(worth)])
    names = list(systems)
    of = [names.index(system) for system, _ in dots]
    palette = [mpl.colors.to_hex(style["color"]) for style in series_styles(names)]
    lines = [(palette[n], places[np.array(of) == n]) for n in range(len(names))]
    if original is not None:
        names, of = [*names, "Original"], [*of, len(names)]
        palette.append("#808080")  # neither black nor white, which is the ground in the dark
        dots.append(("Original", original))
        places = np.vstack([places, (GRID, 0)])
    shapes = dict(zip(names, itertools.cycle(SHAPES), strict=False))
    # The script knows what shapes stand for by this name.
    colours = Colouring("genre", tuple(palette), tuple(of), tuple(names))
    titles, details, sources = [], [], []
    for _, sound in dots:
        encoded = encode_flac(sound.audio, sound.sample_rate)
        rate = kbps_text(sound.kbps or sound.pcm_kbps)
        titles.append(f"{sound.label}, {rate}{'' if sound.kbps else ' as 16-bit PCM'}")
        said = [*figure_texts(sound), clipping_text(sound, encoded.clipped)]
        details.append("; ".join(text for text in said if text) or "nothing coded")
        sources.append(store.add(f"{slug(name)}-{slug(titles[-1])}", ".flac", encoded.data))
    key = f"ml-curves-{next(_numbers)}"
    labels = [f"{title}, {detail}" for title, detail in zip(titles, details, strict=True)]
    layout = Layout("", places)
    axes = Axes(xlabel, ylabel, xticks, yticks, lines)
    marks = [mark(shapes[system], "filled") for system, _ in dots]
    html = "".join(
        [
            f'<figure class="ml-map" data-ml-map data-one-clip aria-labelledby="{key}-caption">',
            map_parts.controls(key, [layout], [colours]),
            map_parts.plot(
                labels, labels, marks, layout, colours, of, name=f"{ylabel}, {xlabel}", axes=axes
            ),
            map_parts.genre_legend(colours, shapes, "Systems"),
            map_parts.listing(titles, details, sources, players=True),
            map_parts.caption(f"{key}-caption", caption, "Sounds are 16-bit FLAC."),
            "</figure>",
            inline_assets(*ASSETS) if store.embeds else "",
        ]
    )
    listed = [f"  {label}" for label in labels]
    return Rendered(html, "\n".join([f"Curves that play: {caption}", *listed]))


Ticks: TypeAlias = tuple[dict[int, str], Callable[[npt.ArrayLike], npt.NDArray[np.int64]]]


def _by_factors(values: npt.NDArray[np.float64]) -> Ticks:
    """Ticks by factors of two or four on a logarithmic axis, and what puts values on its grid."""
    low, high = np.log2(values.min()) - 0.3, np.log2(values.max()) + 0.3
    octaves = np.arange(np.ceil(low), np.floor(high) + 1)
    step = 1 + len(octaves) // (_MOST_TICKS + 1)

    def put(given: npt.ArrayLike) -> npt.NDArray[np.int64]:
        return _whole((np.log2(given) - low) / (high - low))

    chosen = 2.0 ** octaves[octaves % step == 0]
    return {int(put(one)): f"{one:g}" for one in chosen}, put


def _evenly(values: npt.NDArray[np.float64]) -> Ticks:
    """Ticks at round numbers on an axis upwards, and what puts values on its grid."""
    ticks = MaxNLocator(5).tick_values(values.min(), values.max())
    low, high = ticks[0], ticks[-1]

    def put(given: npt.ArrayLike) -> npt.NDArray[np.int64]:
        return _whole((high - np.asarray(given)) / (high - low))

    return {int(put(one)): number_text(one, 0 if high - low > 4 else 1) for one in ticks}, put


def _whole(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.asarray(np.round(GRID * shares), np.int64)

"""Points that play: maps of sounds, such as tracks in a latent space, and dots on curves.

Without any script both are pictures whose points have names, and a list of the sounds. Where
``map.js`` runs, a point plays when it is clicked, arrow keys move between points, and colours and
layouts can be chosen. A point that has a path walks along it while its sound plays.

A point's shape repeats what its colour says, so that a map can be read in print and by readers who
see fewer colours.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final, TypeAlias

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.ticker import MaxNLocator

from musiclib.audio import FloatArray, loudness_lufs, validate
from musiclib.audio.samples import BLOCK_SECONDS
from musiclib.errors import AudioError
from musiclib.listen.player import Rendered
from musiclib.listen.sounds import (
    Sound,
    clipping_text,
    encode_flac,
    encode_mp3,
    figure_texts,
    inline_assets,
    kbps_text,
    page_store,
    slug,
)
from musiclib.plot.style import assigned, genre_colours, number_text, series_colours

FILE_KBPS: Final = 48
"""Bitrate of a map's sounds in files: 24 KB for 4 s, and a band of 12 kHz."""
EMBEDDED_KBPS: Final = 24
"""Bitrate of sounds inside a page, which all load with it: 16 KB for 4 s."""
OTHER: Final = "#9b9b9b"
"""Colour of points that have no value, or a rare one."""

_ASSETS: Final = ("listen.css", "map.css", "listen.js", "map.js")
_FADE_SECONDS: Final = 0.02
_WIDTH, _HEIGHT, _MARGIN = 720, 504, 18
_ROOM: Final = (44, 32, 22, 52)  # pixels for the numbers of axes: left, top, right and bottom
_GRID: Final = 1000  # places are whole numbers, which take a few characters each
_OUTSIDE: Final = 0.01  # share of the steps of paths that lie on the edge at either side
_STEPS: Final = 16  # of a scale of colours
_SCALE_END: Final = 0.9  # the lightest tenth of the scale can hardly be seen on white
_MOST_TICKS: Final = 9
# Those of Okabe and Ito (2008) without grey, then of Tol ("Colour Schemes", 2021), whose lightness
# differs from theirs.
_COLOURS: Final = (
    "#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9",
    "#882255", "#999933", "#332288", "#44aa99",
)  # fmt: skip
# Outlines as SVG paths around (0, 0), about as large as a circle of radius 5.
_SHAPES: Final = {
    "circle": "M-5,0A5,5 0 1 1 5,0A5,5 0 1 1-5,0Z",
    "square": "M4.4,4.4L-4.4,4.4L-4.4,-4.4L4.4,-4.4Z",
    "triangle": "M0,-6.6L5.7,3.3L-5.7,3.3Z",
    "diamond": "M6.6,0L0,6.6L-6.6,0L0,-6.6Z",
    "down": "M0,6.6L-5.7,-3.3L5.7,-3.3Z",
    "plus": "M6,-2L6,2L2,2L2,6L-2,6L-2,2L-6,2L-6,-2L-2,-2L-2,-6L2,-6L2,-2Z",
    "star": "M0,-7.2L1.9,-2.6L6.8,-2.2L3.1,1L4.2,5.8L0,3.2L-4.2,5.8L-3.1,1L-6.8,-2.2L-1.9,-2.6Z",
    "pentagon": "M0,-6L5.7,-1.9L3.5,4.9L-3.5,4.9L-5.7,-1.9Z",
    "cross": "M5.8,3L3,5.8L0,2.8L-3,5.8L-5.8,3L-2.8,0L-5.8,-3L-3,-5.8L0,-2.8L3,-5.8L5.8,-3L2.8,0Z",
}
_GENRE_SHAPES: Final = {
    "orchestral": "circle",
    "folk_world": "triangle",
    "rock_metal": "square",
    "electronic": "diamond",
    "ambient": "down",
    "chiptune": "plus",
    "jazz_lounge": "star",
}
_numbers = itertools.count(1)

Places: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MapPoint:
    """A sound of a map.

    Attributes:
        title: Title of the track, which also names its file.
        artist: Artist of the track; may be empty.
        genre: Genre of the track, which gives the point its colour and its shape.
        audio: The sound, shape ``(N,)`` or ``(C, N)``. It is heard in mono, from its start.
        sample_rate: Samples a second, 8,000 to 96,000.
    """

    title: str
    artist: str
    genre: str
    audio: FloatArray = field(repr=False)
    sample_rate: int


@dataclass(frozen=True, eq=False)
class _Dot:
    """A point as a page has it; its source is the address of its sound."""

    title: str
    about: str
    shape: str
    source: str
    note: str = ""

    @property
    def label(self) -> str:
        """All that is said of the point in one line."""
        return _listed(self.title, self.about)


def _listed(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def words(name: str) -> str:
    """A genre for the reader: "folk_world" as "folk world"."""
    return name.replace("_", " ")


def latent_map(
    points: Sequence[MapPoint],
    *,
    caption: str,
    name: str,
    layouts: Mapping[str, npt.ArrayLike],
    colour_by: Sequence[str] = ("genre", "artist", "loudness"),
    notes: Mapping[str, str] | None = None,
    paths: Mapping[str, Sequence[npt.ArrayLike]] | None = None,
    nearest: Sequence[Sequence[int]] = (),
    seconds: float = 4.0,
) -> Rendered:
    """A map of sounds that plays them.

    Args:
        points: The sounds with their names.
        caption: What the map shows. How long the sounds are and how they are coded is added to it.
        name: Stem of the files' names, ``<name>-<title>``. Maps of a page that have the same name
            and sounds share their files.
        layouts: Places of the points by the name of each layout, such as ``{"PCA": xy}``, shape
            ``(points, 2)``: to the right and upwards. One layout is shown at a time.
        colour_by: What colours can mean, the first one at the start: "genre", "artist" or
            "loudness", which is measured on the sound (BS.1770, LUFS).
        notes: A few words for each layout by its name, such as "k-NN purity 0.61".
        paths: Where each point is while its sound plays, by the name of a layout: an array
            ``(steps, 2)`` a point, at equal distances of time from the start of the sound that is
            heard to its end, or ``(0, 2)`` for a point that stays. Where ``map.js`` runs, a point
            that plays walks along it. The outermost hundredth of steps is drawn at the edge.
        nearest: For each point the numbers of those that are nearest to it in the whole space, the
            nearest first. Where ``map.js`` runs, lines lead to them; the list names the nearest.
        seconds: Longest sound; what follows is left out.

    Returns:
        An object that a notebook shows as HTML. In the book the sounds are files, which load when
        they are played; elsewhere they are embedded at a lower bitrate, with the script.

    Raises:
        AudioError: If there is no point, if a layout, its paths or `nearest` do not fit the points
            or are not finite, or if a sound cannot be played.
    """
    placed = _layouts(points, layouts, notes or {}, paths or {})
    if nearest and len(nearest) != len(points):
        raise AudioError(f"`nearest` has {len(nearest)} lists for {len(points)} points")
    store = page_store()
    kbps = EMBEDDED_KBPS if store.embeds else FILE_KBPS
    cuts = [_cut(point, seconds) for point in points]
    colourings = [_colouring(points, cuts, key) for key in colour_by]
    shapes = assigned(sorted({point.genre for point in points}), _GENRE_SHAPES, _SHAPES)
    near = [f"nearest: {points[each[0]].title}" if len(each) else "" for each in nearest]
    dots = []
    for point, cut, note in zip(points, cuts, near or [""] * len(points), strict=True):
        encoded = encode_mp3(cut, point.sample_rate, kbps)
        source = store.add(f"{slug(name)}-{slug(point.title)}", ".mp3", encoded)
        about = _listed(point.artist, words(point.genre))
        dots.append(_Dot(point.title, about, shapes[point.genre], source, note))
    lengths = [cut.shape[-1] / point.sample_rate for point, cut in zip(points, cuts, strict=True)]
    longest = number_text(max(lengths)).removesuffix(".0")
    told = (
        f"Sounds of {'up to ' if min(lengths) < max(lengths) - 0.05 else ''}{longest} s, coded as "
        f"MP3 at {kbps} kbps: enough to find one's way, not to judge sound quality."
    )
    html = _figure(
        dots, placed, colourings, _colouring(points, cuts, "genre"), key=f"ml-map-{next(_numbers)}",
        caption=caption, note=told, legend="Genres", name=f"Map of {_count(len(dots))}",
        nearest=nearest, players=store.embeds, embedded=store.embeds,
    )  # fmt: skip
    return Rendered(html, _text(f"Map of {len(points)} sounds: {caption}", dots))


def playing_curves(
    systems: Mapping[str, Sequence[Sound]],
    quality: str,
    *,
    caption: str,
    name: str,
    ylabel: str,
    original: Sound | None = None,
) -> Rendered:
    """Quality over bitrate of one clip through several systems; a dot plays what it stands for.

    Args:
        systems: One clip at several rates, by the name of each system. Each sound has its bitrate,
            and the quality among its figures.
        quality: Name of the figure that lies upwards, such as ``"two_f_mushra"``.
        caption: What the curves show.
        name: Stem of the files' names, ``<name>-<label>-<kbps>``.
        ylabel: Text of the vertical axis.
        original: The clip as it was, for a mark in the upper right corner.

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
    store = page_store()
    kbps = np.array([sound.kbps for _, sound in dots], float)
    worth = np.array([float(sound.figures[quality]) for _, sound in dots])
    xticks, across = _by_factors(kbps)
    yticks, upwards = _evenly(worth)
    places = np.column_stack([across(kbps), upwards(worth)])
    colours = series_colours(systems)
    members = np.array([system for system, _ in dots])
    lines = [(colour, places[members == system]) for system, colour in colours.items()]
    if original is not None:
        colours["Original"] = "#808080"  # neither black nor white, which is the ground in the dark
        dots.append(("Original", original))
        places = np.vstack([places, (_GRID, 0)])
    shapes = dict(zip(colours, itertools.cycle(_SHAPES), strict=False))
    made = []
    for system, sound in dots:
        data, clipped = encode_flac(sound.audio, sound.sample_rate)
        rate = kbps_text(sound.kbps or sound.pcm_kbps)
        title = f"{sound.label}, {rate}{'' if sound.kbps else ' as 16-bit PCM'}"
        said = [*figure_texts(sound), clipping_text(sound, clipped)]
        about = "; ".join(text for text in said if text) or "nothing coded"
        source = store.add(f"{slug(name)}-{slug(title)}", ".flac", data)
        made.append(_Dot(title, about, shapes[system], source))
    of = tuple(list(colours).index(system) for system, _ in dots)
    # The script knows what shapes stand for by this name.
    colouring = _Colouring("genre", tuple(colours.values()), of, tuple(colours))
    xlabel = "Bitrate of the file (kbps)"
    html = _figure(
        made, [_Layout("", places)], [colouring], colouring, key=f"ml-curves-{next(_numbers)}",
        caption=caption, note="Sounds are 16-bit FLAC.", legend="Systems",
        name=f"{ylabel}, {xlabel}", axes=_Axes(xlabel, ylabel, xticks, yticks, lines),
        players=True, embedded=store.embeds,
    )  # fmt: skip
    return Rendered(html, _text(f"Curves that play: {caption}", made))


def _text(title: str, dots: Sequence[_Dot]) -> str:
    return "\n".join([title, *(f"  {dot.label}" for dot in dots)])


@dataclass(frozen=True, eq=False)
class _Layout:
    """Places of all points on a grid of 1,000 steps, shape ``(points, 2)``: right and down.

    Paths are where each point walks while its sound plays, shape ``(steps, 2)``: none at all, or
    one a point, without steps for those that stay.
    """

    name: str
    places: Places
    note: str = ""
    paths: Sequence[Places] = ()


def _layouts(
    points: Sequence[MapPoint],
    layouts: Mapping[str, npt.ArrayLike],
    notes: Mapping[str, str],
    paths: Mapping[str, Sequence[npt.ArrayLike]],
) -> list[_Layout]:
    if not points or not layouts:
        raise AudioError("a map needs at least one point and one layout")
    if unknown := sorted({*notes, *paths} - {*layouts}):
        raise AudioError(f"there are notes or paths for {unknown}, which are no layouts")
    placed = []
    for name, values in layouts.items():
        places = np.asarray(values, dtype=np.float64)
        if places.shape != (len(points), 2) or not np.isfinite(places).all():
            raise AudioError(
                f"the layout {name!r} has the shape {places.shape}: it needs finite places of the "
                f"shape ({len(points)}, 2)"
            )
        walks = [np.asarray(path, dtype=np.float64) for path in paths.get(name, ())]
        if len(walks) not in (0, len(points)):
            raise AudioError(f"the layout {name!r} has {len(walks)} paths for {len(points)} points")
        for point, path in zip(points, walks, strict=False):
            if path.shape[1:] != (2,) or len(path) == 1 or not np.isfinite(path).all():
                raise AudioError(
                    f"the path of {point.title!r} in {name!r} has the shape {path.shape}: it needs "
                    "finite places of the shape (steps, 2) with two steps or more, or none"
                )
        grid, steps = _on_the_grid(places, walks)
        placed.append(_Layout(name, grid, notes.get(name, ""), steps))
    return placed


def _on_the_grid(
    places: npt.NDArray[np.float64], paths: Sequence[npt.NDArray[np.float64]]
) -> tuple[Places, list[Places]]:
    """Places and paths right and down, from 0; distances keep their proportions.

    All but the outermost hundredth of the paths' steps has room; those lie on the edge.
    """
    turned = np.concatenate([places, *paths]) * (1.0, -1.0)
    framed, steps = np.split(turned, [len(places)])
    if len(steps):
        least = np.quantile(steps, _OUTSIDE, axis=0, method="lower", keepdims=True)
        most = np.quantile(steps, 1.0 - _OUTSIDE, axis=0, method="higher", keepdims=True)
        framed = np.concatenate([framed, least, most])
    low, high = framed.min(axis=0), framed.max(axis=0)
    shifted = np.clip(turned, low, high) - low
    grid = np.asarray(np.round(shifted / ((high - low).max() or 1.0) * _GRID), dtype=np.int64)
    first, *rest = np.split(grid, np.cumsum([len(places), *map(len, paths)])[:-1])
    return first, rest


def _cut(point: MapPoint, seconds: float) -> FloatArray:
    """The start of a sound, faded at both ends so that it does not click."""
    validate(point.audio, f"the sound of {point.title!r}")
    cut = np.array(point.audio[..., : max(round(seconds * point.sample_rate), 1)], np.float32)
    length = min(round(_FADE_SECONDS * point.sample_rate), cut.shape[-1] // 2)
    ramp = np.linspace(0.0, 1.0, length, dtype=np.float32)
    cut[..., :length] *= ramp
    cut[..., cut.shape[-1] - length :] *= ramp[::-1]
    return cut


@dataclass(frozen=True)
class _Colouring:
    """Colours of points by one property of theirs.

    Attributes:
        label: The property, such as "genre".
        palette: Colours as ``#rrggbb``.
        of: For each point the index of its colour in the palette.
        names: What each colour of the palette stands for; empty for a scale.
        ends: Least and largest value of a scale as texts; None for names.
        kin: For each point a number that points of one artist share; -1 for unknown ones.
    """

    label: str
    palette: tuple[str, ...]
    of: tuple[int, ...]
    names: tuple[str, ...] = ()
    ends: tuple[str, str] | None = None
    kin: tuple[int, ...] = ()


def _colouring(points: Sequence[MapPoint], cuts: Sequence[FloatArray], key: str) -> _Colouring:
    if key == "genre":
        colours = genre_colours(point.genre for point in points)
        names = sorted(colours)
        of = tuple(names.index(point.genre) for point in points)
        return _Colouring(key, tuple(colours[name] for name in names), of, tuple(names))
    if key == "artist":
        return _by_artist([point.artist for point in points])
    if key == "loudness":
        rates = [point.sample_rate for point in points]
        return _by_loudness(
            [
                loudness_lufs(cut, rate) if cut.shape[-1] >= BLOCK_SECONDS * rate else np.nan
                for cut, rate in zip(cuts, rates, strict=True)
            ]
        )
    raise AudioError(f"points cannot be coloured by {key!r}: give genre, artist or loudness")


def _by_artist(artists: Sequence[str]) -> _Colouring:
    """Up to ten artists have colours; of more, the ten with most points, of two or more."""
    known = ["" if one.strip().casefold() in ("", "unknown") else one for one in artists]
    counts = Counter(one for one in known if one)
    kept = sorted(counts, key=lambda one: (-counts[one], one))
    if len(kept) > len(_COLOURS):
        kept = [one for one in kept if counts[one] > 1][: len(_COLOURS)]
    of = tuple(kept.index(one) if one in kept else len(kept) for one in known)
    names, palette = [*kept], [*_COLOURS[: len(kept)]]
    if rest := set(known) - set(kept):
        names.append("unknown" if rest == {""} else "others")
        palette.append(OTHER)
    numbers = {one: index for index, one in enumerate(sorted(set(known)))}
    kin = tuple(numbers[one] if one else -1 for one in known)
    return _Colouring("artist", tuple(palette), of, tuple(names), kin=kin)


def _by_loudness(values: Sequence[float]) -> _Colouring:
    """A scale whose lightness grows evenly, from the least to the largest; grey for silence."""
    numbers = np.asarray(values, dtype=np.float64)
    known = np.isfinite(numbers)
    if not known.any():
        return _Colouring("loudness", (OTHER,), (0,) * len(numbers), ("unknown",))
    low, high = float(numbers[known].min()), float(numbers[known].max())
    share = np.where(known, numbers - low, 0.0) / ((high - low) or 1.0)
    steps = np.where(known, np.minimum((share * _STEPS).astype(int), _STEPS - 1), _STEPS)
    scale = mpl.colormaps["viridis"](np.linspace(0, _SCALE_END, _STEPS))
    palette = (*(mpl.colors.to_hex(colour) for colour in scale), OTHER)
    ends = (f"{number_text(low)} LUFS", f"{number_text(high)} LUFS")
    return _Colouring("loudness", palette, tuple(steps.tolist()), ends=ends)


_Ticks: TypeAlias = tuple[dict[int, str], Callable[[npt.ArrayLike], Places]]


def _by_factors(values: npt.NDArray[np.float64]) -> _Ticks:
    """Ticks by factors of two or four on a logarithmic axis, and what puts values on its grid."""
    low, high = np.log2(values.min()) - 0.3, np.log2(values.max()) + 0.3
    octaves = np.arange(np.ceil(low), np.floor(high) + 1)
    step = 1 + len(octaves) // (_MOST_TICKS + 1)

    def put(given: npt.ArrayLike) -> Places:
        return _whole(_GRID * (np.log2(given) - low) / (high - low))

    chosen = 2.0 ** octaves[octaves % step == 0]
    return {int(put(one)): f"{one:g}" for one in chosen}, put


def _evenly(values: npt.NDArray[np.float64]) -> _Ticks:
    """Ticks at round numbers on an axis upwards, and what puts values on its grid."""
    ticks = MaxNLocator(5).tick_values(values.min(), values.max())
    low, high = ticks[0], ticks[-1]

    def put(given: npt.ArrayLike) -> Places:
        return _whole(_GRID * (high - np.asarray(given)) / (high - low))

    return {int(put(one)): number_text(one, 0 if high - low > 4 else 1) for one in ticks}, put


def _whole(values: npt.NDArray[np.float64]) -> Places:
    return np.asarray(np.round(values), np.int64)


@dataclass(frozen=True)
class _Axes:
    """Axes around points: ticks by their places on the grid, and curves by their colours."""

    xlabel: str
    ylabel: str
    xticks: Mapping[int, str]
    yticks: Mapping[int, str]
    lines: Sequence[tuple[str, Places]]

    def draw(self, put: Callable[[Places], Places]) -> str:
        """SVG of grid, numbers and curves; `put` gives pixels, and scripts move them again."""
        lines = [("ml-grid", "", np.array([(x, 0), (x, _GRID)])) for x in self.xticks]
        lines += [("ml-grid", "", np.array([(0, y), (_GRID, y)])) for y in self.yticks]
        lines += [("ml-curve", f' style="color: {colour}"', each) for colour, each in self.lines]
        drawn = [
            f'<path class="{kind}"{style} data-line="{_joined(each.ravel())}" '
            f'd="M{"L".join(f"{x} {y}" for x, y in put(each))}"/>'
            for kind, style, each in lines
        ]
        below, beside = 'y="20" text-anchor="middle"', 'x="-8" dy=".35em" text-anchor="end"'
        texts = [((x, _GRID), below, text) for x, text in self.xticks.items()]
        texts += [((0, y), beside, text) for y, text in self.yticks.items()]
        texts += [((_GRID // 2, _GRID), 'y="42" text-anchor="middle"', self.xlabel)]
        texts += [((0, 0), 'x="-34" y="-14"', self.ylabel)]
        for place, how, text in texts:
            ((x, y),) = put(np.array([place]))
            drawn.append(
                f'<text data-at="{_joined(place)}" transform="translate({x} {y})" {how}>'
                f"{escape(text)}</text>"
            )
        return f'<g class="ml-axes" aria-hidden="true">{"".join(drawn)}</g>'


def _figure(
    dots: Sequence[_Dot],
    layouts: Sequence[_Layout],
    colourings: Sequence[_Colouring],
    genre: _Colouring,
    *,
    key: str,
    caption: str,
    note: str,
    legend: str,
    name: str,
    players: bool,
    embedded: bool,
    nearest: Sequence[Sequence[int]] = (),
    axes: _Axes | None = None,
) -> str:
    """The picture of points with controls, legends and the list of their sounds.

    Of layouts and colourings the first is shown at the start. `legend` says in a word what the
    shapes stand for, whose colours `genre` has; `name` names the picture.
    """
    shapes = dict(zip(genre.of, (dot.shape for dot in dots), strict=True))
    legends = [_legend(number, one) for number, one in enumerate(colourings)]
    return (
        f'<figure class="ml-map" data-ml-map{" data-one-clip" if axes else ""} '
        f'aria-labelledby="{key}-caption">{_controls(key, layouts, colourings)}'
        f'<p class="ml-note ml-layout">{escape(layouts[0].note)}</p>'
        f"{_plot(dots, layouts[0], colourings[0], genre, name, nearest, axes)}"
        f'<ul class="ml-legend" aria-label="{legend}" data-legend="genre">'
        f"{_legend_items(genre, shapes)}</ul>{''.join(legends)}{_listing(dots, players=players)}"
        f'<figcaption id="{key}-caption">{escape(caption)} '
        f'<span class="ml-note">{escape(note)}</span></figcaption></figure>'
        f"{inline_assets(*_ASSETS) if embedded else ''}"
    )


def _controls(key: str, layouts: Sequence[_Layout], colourings: Sequence[_Colouring]) -> str:
    """Choices of layout and colour. They are hidden, since they do nothing without the script."""
    chosen = []
    for one in layouts:
        walks = ",".join(_joined(path.ravel()) for path in one.paths)
        chosen.append(
            f'data-xy="{_joined(one.places.ravel())}" '
            + (f'data-paths="{walks}" ' if one.paths else "")
            + f'data-note="{escape(one.note)}" value="{escape(one.name)}"'
        )
    coloured = [
        f'data-palette="{" ".join(one.palette)}" data-of="{_joined(one.of)}"'
        + (f' data-kin="{_joined(one.kin)}"' if one.kin else "")
        + f' value="{escape(one.label)}"'
        for one in colourings
    ]
    return (
        '<div class="ml-choices" hidden>'
        + _choice(f"{key}-layout", "Layout", chosen, [one.name for one in layouts])
        + _choice(f"{key}-colour", "Colour", coloured, [one.label for one in colourings])
        + "</div>"
    )


def _choice(name: str, title: str, attributes: Sequence[str], labels: Sequence[str]) -> str:
    buttons = "".join(
        f'<label><input type="radio" name="{name}" {one}{" checked" if index == 0 else ""}> '
        f"<span>{escape(label)}</span></label>"
        for index, (one, label) in enumerate(zip(attributes, labels, strict=True))
    )
    # A choice between one thing is none, but the script reads it.
    hidden = " hidden" if len(labels) < 2 else ""
    return f'<fieldset class="ml-choice"{hidden}><legend>{title}</legend>{buttons}</fieldset>'


def _plot(
    dots: Sequence[_Dot],
    layout: _Layout,
    colouring: _Colouring,
    genre: _Colouring,
    name: str,
    nearest: Sequence[Sequence[int]],
    axes: _Axes | None,
) -> str:
    """The picture of the points as inline SVG, each with its name."""
    reach = np.concatenate([layout.places, *layout.paths]).max(axis=0)
    extent = np.array([_GRID, _GRID]) if axes else reach
    left, top, right, bottom = _ROOM if axes else (_MARGIN,) * 4
    room = np.array([_WIDTH - left - right, _HEIGHT - top - bottom])
    scales = room / np.maximum(extent, 1)
    scale = scales if axes else scales.min()
    corner = (left, top) + (room - scale * extent) / 2

    def put(grid: Places) -> Places:
        return _whole(corner + scale * grid)

    points = "".join(
        f'<g class="ml-point" role="img" aria-label="{escape(dot.label)}" '
        f'transform="translate({x} {y})" color="{colouring.palette[colour]}">'
        f"<title>{escape(dot.label)}</title>{_mark(dot.shape)}</g>"
        for dot, (x, y), colour in zip(dots, put(layout.places), colouring.of, strict=True)
    )
    data = f'data-genres="{_joined(genre.of)}"'
    if nearest:
        data += f' data-nearest="{",".join(map(_joined, nearest))}"'
    if axes:
        data += f' data-axes="{_joined(_ROOM)}"'
    return (
        f'<div class="ml-plot"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="group" '
        f'aria-label="{escape(name)}" fill="currentColor" stroke="currentColor" {data}>'
        f"{axes.draw(put) if axes else ''}{points}</svg></div>"
    )


def _legend(number: int, colouring: _Colouring) -> str:
    """What the colours mean, hidden until they are chosen; nothing for the genre."""
    if colouring.label == "genre":
        return ""
    start = (
        f'class="ml-legend" aria-label="{escape(colouring.label)}" data-legend="{number}"'
        f"{' hidden' if number else ''}"
    )
    if not colouring.ends:
        return f"<ul {start}>{_legend_items(colouring, {})}</ul>"
    low, high = colouring.ends
    *scale, other = colouring.palette
    unknown = colouring.of.count(len(scale))
    last = f"; {_icon('circle', other)} unknown: {unknown}" if unknown else ""
    return (
        f"<p {start}>{escape(colouring.label)}: {escape(low)} "
        f'<span class="ml-ramp" style="background: linear-gradient(90deg, {", ".join(scale)})">'
        f"</span> {escape(high)}{last}</p>"
    )


def _legend_items(colouring: _Colouring, shapes: Mapping[int, str]) -> str:
    """Shape, colour and name of each value, with the number of its points."""
    return "".join(
        f"<li>{_icon(shapes.get(index, 'circle'), colour)} <span>{escape(words(name))}</span> "
        f'<span class="ml-note">{colouring.of.count(index)}</span></li>'
        for index, (name, colour) in enumerate(zip(colouring.names, colouring.palette, strict=True))
    )


def _listing(dots: Sequence[_Dot], *, players: bool) -> str:
    """All sounds as a folded list, which needs neither a script nor a mouse.

    Each has a player or, where it is a file of the page, a link may do: browsers open no link to a
    sound that is inside the page.
    """
    items = []
    for dot in dots:
        title, source = escape(dot.title), escape(dot.source)
        sound = (
            f'<b>{title}</b> <audio controls preload="none" src="{source}" '
            f'aria-label="{title}" data-ml-sound></audio>'
            if players
            else f'<a href="{source}" data-ml-sound>{title}</a>'
        )
        note = f' <span class="ml-note">{escape(dot.note)}</span>' if dot.note else ""
        items.append(f"<li>{sound} <span>{escape(dot.about)}</span>{note}</li>")
    return (
        f'<details class="ml-listing"><summary>{_count(len(dots)).capitalize()} as a list'
        f"</summary><ol>{''.join(items)}</ol></details>"
    )


def _mark(shape: str) -> str:
    """A mark as SVG, which takes its colour from the element around it."""
    return f'<path d="{_SHAPES[shape]}"/>'


def _icon(shape: str, colour: str) -> str:
    return (
        f'<svg class="ml-icon" viewBox="-8 -8 16 16" width="16" height="16" aria-hidden="true" '
        f'color="{colour}" fill="currentColor" stroke="currentColor">{_mark(shape)}</svg>'
    )


def _count(number: int) -> str:
    return f"{number:,} {'sound' if number == 1 else 'sounds'}"


def _joined(values: Iterable[int]) -> str:
    return " ".join(str(int(value)) for value in values)

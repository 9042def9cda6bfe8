"""A map of sounds: points in a plane, such as tracks in a latent space, that can be heard.

Without any script it is a picture whose points have names, and a list of the sounds. Where
``map.js`` runs, a point plays when it is clicked, arrow keys move between points, and
colours and layouts can be chosen. A point that has a path walks along it while its sound plays.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from musiclib.audio import FloatArray, loudness_lufs, validate
from musiclib.audio.samples import BLOCK_SECONDS
from musiclib.errors import AudioError
from musiclib.listen import map_parts
from musiclib.listen.colouring import Colouring, by_genre, by_number, by_word
from musiclib.listen.map_parts import Layout, words
from musiclib.listen.markers import genre_shapes, mark, part_styles
from musiclib.listen.media import MediaStore, encode_mp3, inline_assets, page_store, slug
from musiclib.listen.player import Rendered
from musiclib.listen.sound import number_text

FILE_KBPS: Final = 48
"""Bitrate of sounds in files: 24 KB for 4 s, and a band of 12 kHz."""
EMBEDDED_KBPS: Final = 24
"""Bitrate of sounds inside a page, which all load with it: 16 KB for 4 s."""

ASSETS: Final = ("map.css", "map-view.js", "map.js")
_FADE_SECONDS: Final = 0.02
_numbers = itertools.count(1)


@dataclass(frozen=True, eq=False)
class MapPoint:
    """A sound with its place on a map.

    Attributes:
        title: Title of the track, which also names its file.
        artist: Artist of the track; may be empty.
        genre: Genre of the track, which gives the point its colour and its shape.
        audio: The sound, shape ``(N,)`` or ``(C, N)``. It is heard in mono, from its start.
        sample_rate: Samples a second, 8,000 to 96,000.
        x: Place to the right; not needed where layouts are given.
        y: Place upwards; not needed where layouts are given.
        split: Part of the split, such as "train" or "test", shown by filled and open marks.
        facts: What else is said of the point, by name: numbers or words. A unit stands in
            brackets behind the name, such as "loudness (LUFS)".
    """

    title: str
    artist: str
    genre: str
    audio: FloatArray = field(repr=False)
    sample_rate: int
    x: float | None = None
    y: float | None = None
    split: str = ""
    facts: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Title, artist and genre in one line."""
        return ", ".join(part for part in (self.title, self.artist, words(self.genre)) if part)


def latent_map(
    points: Sequence[MapPoint],
    *,
    caption: str,
    name: str,
    colour_by: Sequence[str] = ("genre", "artist", "loudness"),
    layouts: Mapping[str, npt.ArrayLike] | None = None,
    notes: Mapping[str, str] | None = None,
    paths: Mapping[str, Sequence[npt.ArrayLike]] | None = None,
    nearest: Sequence[Sequence[int]] = (),
    seconds: float = 4.0,
    store: MediaStore | None = None,
) -> Rendered:
    """A map of sounds that plays them.

    Args:
        points: The sounds with their names and places.
        caption: What the map shows. How long the sounds are and how they are coded is added to it.
        name: Stem of the files' names, ``<name>-<title>``. Maps of a page that have the same name
            and sounds share their files.
        colour_by: What colours can mean, the first one at the start: "genre", "artist", or names
            of facts without their units. Where no point has a fact "loudness", it is measured on
            the sound (BS.1770, LUFS).
        layouts: Several places for the same points by the name of each layout, such as
            ``{"PCA": xy, "UMAP": xy}``, shape ``(points, 2)``: one is shown at a time. Without
            them, points are at their own ``x`` and ``y``.
        notes: A few words for each layout by its name, such as "k-NN purity 0.61".
        paths: Where each point is while its sound plays, by the name of a layout: an array
            ``(steps, 2)`` a point, at equal distances of time from the start of the sound that is
            heard to its end, or ``(0, 2)`` for a point that stays. Where ``map.js`` runs, a point
            that plays walks along it. The outermost hundredth of steps is drawn at the edge.
        nearest: For each point the numbers of those that are nearest to it in the whole space, the
            nearest first. Where ``map.js`` runs, lines lead to them; the list names the nearest.
        seconds: Longest sound; what follows is left out.
        store: Where sounds go; by default where the environment says.

    Returns:
        An object that a notebook shows as HTML. In the book the sounds are files, which load when
        they are played; elsewhere they are embedded at a lower bitrate, with the script.

    Raises:
        AudioError: If there is no point, if a place is missing or not finite, if a layout, its
            paths or `nearest` do not fit the points, if `colour_by` names what no point has, or if
            a sound cannot be played.
    """
    placed = _layouts(points, layouts, notes or {}, paths or {})
    if seconds <= 0:
        raise AudioError(f"sounds of a map need a length, not {seconds} s")
    if nearest and (
        len(nearest) != len(points)
        or any(not 0 <= int(other) < len(points) for each in nearest for other in each)
    ):
        raise AudioError(f"`nearest` needs numbers of points for each of the {len(points)} points")
    part_styles([point.split for point in points])  # refuse before files are written
    store = store or page_store()
    kbps = EMBEDDED_KBPS if store.embeds else FILE_KBPS
    cuts = [_cut(point, seconds) for point in points]
    colourings = [_colouring(points, cuts, key) for key in colour_by] or [_genre(points)]
    sources = [
        store.add(
            f"{slug(name)}-{slug(point.title)}", ".mp3", encode_mp3(cut, point.sample_rate, kbps)
        )
        for point, cut in zip(points, cuts, strict=True)
    ]
    note = (
        f"{_lengths(points, cuts)}, coded as MP3 at {kbps} kbps: enough to find one's way, "
        "not to judge sound quality."
    )
    html = _html(
        points, placed, colourings, sources, (caption, note), nearest, embedded=store.embeds
    )
    listed = [f"  {point.label}" for point in points]
    return Rendered(html, "\n".join([f"Map of {len(points)} sounds: {caption}", *listed]))


def _html(
    points: Sequence[MapPoint],
    layouts: Sequence[Layout],
    colourings: Sequence[Colouring],
    sources: Sequence[str],
    texts: tuple[str, str],
    nearest: Sequence[Sequence[int]],
    *,
    embedded: bool,
) -> str:
    key = f"ml-map-{next(_numbers)}"
    shapes = genre_shapes(point.genre for point in points)
    styles = part_styles([point.split for point in points])
    marks = [mark(shapes[point.genre], styles[point.split]) for point in points]
    details = [_details(point) for point in points]
    genre = _genre(points)
    titles = [point.title for point in points]
    labels = [point.label for point in points]
    tips = [f"{title}, {detail}" for title, detail in zip(titles, details, strict=True)]
    near = [f"nearest: {titles[each[0]]}" if len(each) else "" for each in nearest]
    return "".join(
        [
            f'<figure class="ml-map" data-ml-map aria-labelledby="{key}-caption">',
            map_parts.controls(key, layouts, colourings),
            map_parts.layout_note(layouts[0]),
            map_parts.plot(
                labels, tips, marks, layouts[0], colourings[0], genre.of, nearest=nearest
            ),
            map_parts.genre_legend(genre, shapes),
            *(map_parts.legend(number, one) for number, one in enumerate(colourings)),
            map_parts.split_legend(styles),
            map_parts.listing(titles, details, sources, embedded, near),
            map_parts.caption(f"{key}-caption", *texts),
            "</figure>",
            inline_assets(*ASSETS) if embedded else "",
        ]
    )


def _details(point: MapPoint) -> str:
    parts = [point.artist, words(point.genre)]
    for name, value in point.facts.items():
        label, unit = _name_and_unit(name)
        number = value if isinstance(value, str) else number_text(float(value))
        parts.append(f"{label} {number} {unit}".strip())
    return ", ".join(part for part in (*parts, point.split) if part)


def _name_and_unit(name: str) -> tuple[str, str]:
    label, bracket, unit = name.partition(" (")
    return (label, unit.removesuffix(")")) if bracket else (name, "")


def _cut(point: MapPoint, seconds: float) -> FloatArray:
    """The start of a sound, faded at both ends so that it does not click."""
    validate(point.audio, f"the sound of {point.title!r}")
    cut = np.array(point.audio[..., : max(round(seconds * point.sample_rate), 1)], np.float32)
    length = min(round(_FADE_SECONDS * point.sample_rate), cut.shape[-1] // 2)
    ramp = np.linspace(0.0, 1.0, length, dtype=np.float32)
    cut[..., :length] *= ramp
    cut[..., cut.shape[-1] - length :] *= ramp[::-1]
    return cut


def _lengths(points: Sequence[MapPoint], cuts: Sequence[FloatArray]) -> str:
    lengths = [cut.shape[-1] / point.sample_rate for point, cut in zip(points, cuts, strict=True)]
    longest = number_text(max(lengths)).removesuffix(".0")
    return f"Sounds of {'up to ' if min(lengths) < max(lengths) - 0.05 else ''}{longest} s"


def _genre(points: Sequence[MapPoint]) -> Colouring:
    return by_genre([point.genre for point in points])


def _colouring(points: Sequence[MapPoint], cuts: Sequence[FloatArray], key: str) -> Colouring:
    if key == "genre":
        return _genre(points)
    if key == "artist":
        return by_word(key, [point.artist for point in points])
    named = {_name_and_unit(name)[0]: name for point in points for name in point.facts}
    if key not in named and key == "loudness":
        loudness = [_loudness(cut, point) for point, cut in zip(points, cuts, strict=True)]
        return by_number("loudness", loudness, "LUFS")
    if key not in named:
        raise AudioError(
            f"no point of the map has a fact {key!r} to colour by. "
            f"There are: {', '.join(['genre', 'artist', 'loudness', *named])}."
        )
    values = [point.facts.get(named[key]) for point in points]
    if any(isinstance(value, str) for value in values):
        return by_word(key, ["" if value is None else str(value) for value in values])
    numbers = [np.nan if value is None else float(value) for value in values]
    return by_number(key, numbers, _name_and_unit(named[key])[1])


def _loudness(cut: FloatArray, point: MapPoint) -> float:
    if cut.shape[-1] < BLOCK_SECONDS * point.sample_rate:
        return np.nan
    return loudness_lufs(cut, point.sample_rate)


def _place(point: MapPoint) -> tuple[float, float]:
    if point.x is None or point.y is None:
        raise AudioError(f"{point.title!r} has no place on the map: give x and y, or layouts")
    return point.x, point.y


def _layouts(
    points: Sequence[MapPoint],
    layouts: Mapping[str, npt.ArrayLike] | None,
    notes: Mapping[str, str],
    paths: Mapping[str, Sequence[npt.ArrayLike]],
) -> list[Layout]:
    if not points:
        raise AudioError("a map needs at least one point")
    if layouts is None:
        layouts = {"": [_place(point) for point in points]}
    if not layouts:
        raise AudioError("a map needs at least one layout, or points with x and y")
    for kind, given in (("notes", notes), ("paths", paths)):
        unknown = sorted(set(given) - set(layouts))
        if unknown:
            raise AudioError(
                f"there are {kind} for {unknown}, which are no layouts: {list(layouts)}"
            )
    placed = []
    for name, values in layouts.items():
        places = np.asarray(values, dtype=np.float64)
        if places.shape != (len(points), 2):
            raise AudioError(
                f"the layout {name!r} has the shape {places.shape}, not ({len(points)}, 2)"
            )
        if not np.isfinite(places).all():
            raise AudioError(f"the layout {name!r} has places that are NaN or infinite")
        grid, walks = map_parts.whole(places, _paths(points, name, paths.get(name)))
        placed.append(Layout(name, grid, notes.get(name, ""), walks))
    return placed


def _paths(
    points: Sequence[MapPoint], layout: str, given: Sequence[npt.ArrayLike] | None
) -> list[npt.NDArray[np.float64]]:
    if given is None:
        return []
    if len(given) != len(points):
        raise AudioError(
            f"the layout {layout!r} has {len(given)} paths for {len(points)} points: give each "
            "point one, of shape (0, 2) where it stays"
        )
    walks = [np.asarray(path, dtype=np.float64) for path in given]
    for point, path in zip(points, walks, strict=True):
        if path.ndim != 2 or path.shape[1] != 2 or len(path) == 1:
            raise AudioError(
                f"the path of {point.title!r} in {layout!r} has the shape {path.shape}, not "
                "(steps, 2) with two steps or more, or none"
            )
        if not np.isfinite(path).all():
            raise AudioError(f"the path of {point.title!r} in {layout!r} is NaN or infinite")
    return walks

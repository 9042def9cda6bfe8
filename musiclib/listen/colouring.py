"""What the colours of a map's points mean: a genre, another word, or a number on a scale."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import matplotlib as mpl
import numpy as np

from musiclib.figures.style import genre_colours
from musiclib.listen.sound import number_text

OTHER: Final = "#9b9b9b"
"""Colour of points that have no value, or a rare one."""

# Those of Okabe and Ito (2008) without grey, then of Tol ("Colour Schemes", 2021), whose lightness
# differs from theirs.
_COLOURS: Final = (
    "#0072b2", "#d55e00", "#009e73", "#e69f00", "#cc79a7", "#56b4e9",
    "#882255", "#999933", "#332288", "#44aa99",
)  # fmt: skip
_STEPS: Final = 16
# The lightest tenth of the scale can hardly be seen on white.
_SCALE_END: Final = 0.9


@dataclass(frozen=True)
class Colouring:
    """Colours of points by one property of theirs.

    Attributes:
        label: The property, such as "genre", with its unit if it has one.
        palette: Colours as ``#rrggbb``.
        of: For each point the index of its colour in the palette.
        names: What each colour of the palette stands for; empty for a scale.
        ends: Least and largest value of a scale as texts; None for names.
        kin: For each point a number that points with the same value share; empty for a scale.
    """

    label: str
    palette: tuple[str, ...]
    of: tuple[int, ...]
    names: tuple[str, ...] = ()
    ends: tuple[str, str] | None = None
    kin: tuple[int, ...] = ()

    @property
    def counts(self) -> list[int]:
        """Number of points of each colour."""
        found = Counter(self.of)
        return [found[index] for index in range(len(self.palette))]


def by_genre(genres: Sequence[str]) -> Colouring:
    """Colour by genre, each in its colour of :func:`musiclib.figures.genre_colours`."""
    colours = genre_colours(genres)
    names = sorted(colours)
    of = tuple(names.index(genre) for genre in genres)
    return Colouring("genre", tuple(colours[name] for name in names), of, tuple(names), kin=of)


def by_word(label: str, words: Sequence[str]) -> Colouring:
    """Colour by a word, such as the artist.

    Args:
        label: What the word is.
        words: The word of each point; empty or "unknown" where it has none.

    Returns:
        Up to ten words have colours of their own. Of more, the ten most frequent ones that occur
        twice or more have, and all others share a grey.
    """
    words = ["" if word.strip().casefold() in ("", "unknown") else word for word in words]
    counts = Counter(word for word in words if word)
    kept = sorted(counts, key=lambda word: (-counts[word], word))
    if len(kept) > len(_COLOURS):
        kept = [word for word in kept if counts[word] > 1][: len(_COLOURS)]
    of = [kept.index(word) if word in kept else len(kept) for word in words]
    names, palette = [*kept], [*_COLOURS[: len(kept)]]
    rest = {word for word in words if word not in kept}
    if rest:
        names.append("unknown" if rest == {""} else "others")
        palette.append(OTHER)
    numbers = {word: index for index, word in enumerate(sorted(set(words)))}
    # Points of an unknown artist have nothing in common.
    kin = [numbers[word] if word else -1 for word in words]
    return Colouring(label, tuple(palette), tuple(of), tuple(names), kin=tuple(kin))


def by_number(label: str, values: Sequence[float], unit: str = "") -> Colouring:
    """Colour by a number, on the scale "viridis", whose lightness grows evenly.

    Args:
        label: What the number is.
        values: The number of each point; grey where it is not finite.
        unit: Its unit.

    Returns:
        A scale of 16 steps from the least to the largest value.
    """
    numbers = np.asarray(values, dtype=np.float64)
    known = np.isfinite(numbers)
    if not known.any():
        return Colouring(label, (OTHER,), (0,) * len(numbers), ("unknown",))
    low, high = float(numbers[known].min()), float(numbers[known].max())
    share = np.where(known, numbers - low, 0.0) / ((high - low) or 1.0)
    steps = np.minimum((share * _STEPS).astype(int), _STEPS - 1)
    scale = mpl.colormaps["viridis"](np.linspace(0, _SCALE_END, _STEPS))
    palette = tuple(mpl.colors.to_hex(colour) for colour in scale)
    return Colouring(
        label,
        (*palette, OTHER),
        tuple(int(step) for step in np.where(known, steps, _STEPS)),
        ends=(f"{number_text(low)} {unit}".strip(), f"{number_text(high)} {unit}".strip()),
    )

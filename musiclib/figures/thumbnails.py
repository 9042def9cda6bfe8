"""Spectrograms as light pictures without axes, to stand in players and explorers."""

import io
from dataclasses import dataclass
from typing import Final

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from PIL import Image

from musiclib.audio import FloatArray
from musiclib.figures import levels
from musiclib.figures.style import COLOUR_MAP

# 32 steps of 2.5 dB look the same as 256 and take half the bytes.
_COLOURS: Final = 32
# The slowest method takes twenty times as long for nothing; faster ones leave a fifth.
_WEBP: Final = {"lossless": True, "quality": 100, "method": 5}


@dataclass(frozen=True)
class Thumbnail:
    """A picture as the bytes of a file.

    Attributes:
        data: A PNG file, or a lossless WebP file where that is smaller.
        suffix: ``.png`` or ``.webp``.
        width: Pixels across.
        height: Pixels upwards.
    """

    data: bytes
    suffix: str
    width: int
    height: int


def spectrogram_thumbnail(
    audio: FloatArray,
    reference_power: float | None = None,
    *,
    width: int = 560,
    height: int = 144,
    floor_db: float = -80.0,
) -> Thumbnail:
    """Spectrogram as a light picture: time to the right, from 0 Hz up to half the sample rate.

    Used by the players and comparisons of every chapter.

    Args:
        audio: Samples, shape ``(N,)`` or ``(C, N)`` (mixed to mono).
        reference_power: Power ``|X|**2`` that gets the lightest colour; that of the loudest bin by
            default. Pictures to be compared need the same.
        width: Pixels across. Short sounds are stretched to it.
        height: Pixels upwards.
        floor_db: Level that gets the darkest colour, in dB.

    Returns:
        A picture of ``width`` by ``height`` pixels and 32 colours, as PNG or lossless WebP: the
        smaller file of the two, mostly WebP by a third.
    """
    power = levels.stft_power(audio)
    if reference_power is None:
        reference_power = float(power.max())
    decibels = levels.decibels(mean_cells(power, width, height), reference_power, floor_db)
    picture = coloured(1.0 - decibels / floor_db, width, height)
    files = (
        Thumbnail(png(picture), ".png", width, height),
        Thumbnail(_file(picture.convert("RGB"), "WEBP", **_WEBP), ".webp", width, height),
    )
    return min(files, key=lambda file: len(file.data))


def mean_cells(power: FloatArray, width: int, height: int) -> FloatArray:
    """Powers for a picture: where there are more cells than pixels, the mean of neighbours.

    Args:
        power: Powers, shape ``(F, T)``.
        width: Pixels across.
        height: Pixels upwards.

    Returns:
        Powers, shape ``(min(F, height), min(T, width))``.
    """
    # Bins become rows of pixels as frames become columns: by the mean of their powers.
    return levels.mean_power(levels.mean_power(power, width).T, height).T


def coloured(shares: npt.NDArray[np.floating], width: int, height: int) -> Image.Image:
    """Cells as rectangles in the colours of all spectrograms, low frequencies at the bottom.

    Args:
        shares: Place of each cell between the darkest colour, 0, and the lightest, 1; shape
            ``(F, T)``. What lies outside gets the nearer of the two.
        width: Pixels across.
        height: Pixels upwards.

    Returns:
        A picture of 32 colours.
    """
    indices = np.round(np.clip(shares, 0.0, 1.0) * (_COLOURS - 1)).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(indices[::-1]))
    picture = picture.resize((width, height), Image.Resampling.NEAREST)
    colours = mpl.colormaps[COLOUR_MAP](np.linspace(0.0, 1.0, _COLOURS))[:, :3]
    picture.putpalette(np.round(colours * 255).astype(np.uint8).tobytes())
    return picture


def png(picture: Image.Image) -> bytes:
    """A picture as the bytes of a PNG file."""
    return _file(picture, "PNG", optimize=True)


def _file(picture: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, format=kind, **options)
    return file.getvalue()

"""Spectrograms as light pictures without axes, to stand in players."""

import io
from dataclasses import dataclass
from typing import Final

import matplotlib as mpl
import numpy as np
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
    # Bins become rows of pixels as frames become columns: by the mean of their powers.
    rows = levels.mean_power(levels.mean_power(power, width).T, height).T
    decibels = levels.decibels(rows, reference_power, floor_db)
    shares = np.clip(1.0 - decibels / floor_db, 0.0, 1.0)
    indices = np.round(shares * (_COLOURS - 1)).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(indices[::-1]))  # low frequencies at the bottom
    picture = picture.resize((width, height), Image.Resampling.NEAREST)
    colours = mpl.colormaps[COLOUR_MAP](np.linspace(0.0, 1.0, _COLOURS))[:, :3]
    picture.putpalette(np.round(colours * 255).astype(np.uint8).tobytes())
    files = (
        Thumbnail(_file(picture, "PNG", optimize=True), ".png", width, height),
        Thumbnail(_file(picture.convert("RGB"), "WEBP", **_WEBP), ".webp", width, height),
    )
    return min(files, key=lambda file: len(file.data))


def _file(picture: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, format=kind, **options)
    return file.getvalue()

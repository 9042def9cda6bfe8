"""What a reader sees: the figures of the book.

Every function returns the figure and its axes. Call :func:`use_book_style` first.
"""

from musiclib.figures.data_frames import with_values
from musiclib.figures.hearing import masking_threshold
from musiclib.figures.signals import spectrum, waveform
from musiclib.figures.spectrograms import song_overview, spectrogram
from musiclib.figures.style import (
    CODEC_COLOURS,
    GENRE_COLOURS,
    codec_colour,
    genre_colours,
    series_styles,
    use_book_style,
)
from musiclib.figures.tables import confusion_matrix
from musiclib.figures.thumbnails import spectrogram_thumbnail

__all__ = [
    "CODEC_COLOURS",
    "GENRE_COLOURS",
    "codec_colour",
    "confusion_matrix",
    "genre_colours",
    "masking_threshold",
    "series_styles",
    "song_overview",
    "spectrogram",
    "spectrogram_thumbnail",
    "spectrum",
    "use_book_style",
    "waveform",
    "with_values",
]

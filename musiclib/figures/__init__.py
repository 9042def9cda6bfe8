"""What a reader sees: the figures of the book.

Every function returns the figure and its axes. Call :func:`use_book_style` first.
"""

from musiclib.figures.data_frames import with_values
from musiclib.figures.hearing import masking_threshold
from musiclib.figures.signals import spectrum, waveform
from musiclib.figures.spectrograms import song_overview, spectrogram, spectrogram_grid
from musiclib.figures.style import (
    CODEC_COLOURS,
    CODEC_MARKERS,
    GENRE_COLOURS,
    codec_colour,
    codec_marker,
    genre_colours,
    series_styles,
    use_book_style,
)
from musiclib.figures.tables import (
    bitrate_bars,
    confusion_matrix,
    metric_bars,
    rate_distortion,
    rate_distortion_grid,
)
from musiclib.figures.thumbnails import spectrogram_thumbnail

__all__ = [
    "CODEC_COLOURS",
    "CODEC_MARKERS",
    "GENRE_COLOURS",
    "bitrate_bars",
    "codec_colour",
    "codec_marker",
    "confusion_matrix",
    "genre_colours",
    "masking_threshold",
    "metric_bars",
    "rate_distortion",
    "rate_distortion_grid",
    "series_styles",
    "song_overview",
    "spectrogram",
    "spectrogram_grid",
    "spectrogram_thumbnail",
    "spectrum",
    "use_book_style",
    "waveform",
    "with_values",
]

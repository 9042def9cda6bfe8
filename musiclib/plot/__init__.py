"""The verb *draw*: five figures that show every result of the book, and the look of all figures.

A tidy table has one row for each number: which system, at which setting, how large, and between
which bounds. Such tables come from :func:`musiclib.evaluation` and :mod:`musiclib.stats`, and any
data frame of the same form will do. A system keeps its colour in all figures. Every function
returns the figure and its axes; call :func:`use_book_style` first.

>>> import musiclib as ml
>>> ml.plot.use_book_style()
>>> figure, axes = ml.plot.spectrogram(*ml.load("song.flac"))

=================== ===========================================================================
:func:`curves`      quality over bitrate, or any other line with an interval
:func:`forest`      differences from 0, one a row, with intervals
:func:`dots`        values by category, for one system or several side by side
:func:`loss_curves` training and validation loss over steps
:func:`spectrogram` level over time and frequency
=================== ===========================================================================
"""

from musiclib.errors import needs_extra

with needs_extra("book"):
    from musiclib.plot.charts import curves, dots, forest, loss_curves
    from musiclib.plot.sounds import masking_threshold, song_overview, spectrogram, stft_power
    from musiclib.plot.style import genre_colours, use_book_style

__all__ = [
    "curves",
    "dots",
    "forest",
    "genre_colours",
    "loss_curves",
    "masking_threshold",
    "song_overview",
    "spectrogram",
    "stft_power",
    "use_book_style",
]

"""What the tests of figures share: the book's look, and sounds whose pictures are known."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest

from musiclib import plot

RATE = 24_000


@pytest.fixture
def book_style():
    """The book's look, drawn without a screen; no figure outlives its test."""
    backend = mpl.get_backend()
    plt.switch_backend("agg")
    with mpl.rc_context():
        plot.use_book_style()
        yield
    plt.close("all")
    plt.switch_backend(backend)


def tone(hertz=3000.0, level=0.5, seconds=1.0):
    times = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def silence(seconds=1.0):
    return np.zeros(round(seconds * RATE), np.float32)

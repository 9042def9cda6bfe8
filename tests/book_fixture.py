"""A small book of three pages for the tests, written into a folder of a test."""

import shutil
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import soundfile
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PARAMETERS = 'dataset = "mini"\ndata_root = None\nprofile = "mini"\nseed = 0'
REPOSITORY = Path(__file__).resolve().parent.parent

FIGURE = """
import matplotlib.pyplot as plt

figure, axes = plt.subplots()
axes.plot([0, 1], [seed, seed + 1])
plt.show()
"""

SOUND = """
import os
from pathlib import Path

import numpy as np
import soundfile
from IPython.display import HTML, display

folder = Path(os.environ["MUSICLIB_MEDIA_DIR"])
folder.mkdir(parents=True, exist_ok=True)
soundfile.write(folder / "tone.flac", 0.2 * np.sin(np.arange(2400) * 0.1), 24_000)
url = os.environ["MUSICLIB_MEDIA_URL"]
display(HTML(f'<audio controls preload="none" aria-label="A tone" src="{url}/tone.flac"></audio>'))
"""

GLUE = """
from myst_nb import glue

glue("answer", 6.25 + seed, display=False)
"""

TABLE = """
import pandas as pd

pd.DataFrame({"kbps": [7.5, 3.25]}, index=["Opus", "Autoencoder"])
"""

FORMULA = """
See {eq}`eq-square`.

$$
x^2 = \\sqrt{2}
$$ (eq-square)
"""

TOC = """
format: jb-book
root: book/index
parts:
  - caption: One
    numbered: 1
    chapters:
      - file: book/chapter
  - caption: Two
    numbered: 1
    chapters:
      - file: book/part/sound
  - caption: Back matter
    numbered: false
    chapters:
      - file: book/references
"""

INDEX = """
# A small book

The line is in {numref}`fig-line`, the rates in {numref}`tab-rates`, in {doc}`chapter`;
the sound is in {doc}`part/sound`. The answer is {glue:text}`chapter.ipynb::answer:.1f`.
See {cite:t}`shannon1948`.
"""

BIB = """
@article{shannon1948,
  author = {Shannon, Claude E.},
  title = {A Mathematical Theory of Communication},
  journal = {Bell System Technical Journal},
  volume = {27},
  year = {1948},
}
"""


def parameters_cell() -> Any:
    """The cell that papermill overrides."""
    metadata = {"tags": ["parameters", "remove-cell"]}
    return new_code_cell(PARAMETERS, id="parameters", metadata=metadata)


def figure_cell(name: str = "fig-line") -> Any:
    """A cell that draws one figure with a caption and an alternative text."""
    settings = {
        "image": {"alt": "A line that rises from left to right."},
        "figure": {"caption": "A rising line.", "name": name},
    }
    return new_code_cell(FIGURE, id="figure", metadata={"mystnb": settings})


def table_cell() -> Any:
    """A cell that shows a table with a number and a caption."""
    figure = {"caption": "Rates of two systems.", "name": "tab-rates", "caption_before": True}
    return new_code_cell(TABLE, id="table", metadata={"mystnb": {"figure": figure}})


def notebook(*cells: Any) -> Any:
    """A chapter: a title, the parameters, then the cells."""
    title = new_markdown_cell("# What is here?", id="title")
    return new_notebook(cells=[title, parameters_cell(), *cells])


def write_notebook(path: Path, *cells: Any) -> Path:
    """Write a chapter in canonical form."""
    from musiclib.book.layout import clean

    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook(*cells), path)
    clean([path])
    return path


def write_book(root: Path) -> Path:
    """Write the book's sources, with the repository's own settings."""
    text = (REPOSITORY / "_config.yml").read_text(encoding="utf-8")
    book = root / "book"
    shutil.copytree(REPOSITORY / "book" / "_static", book / "_static")
    (root / "_config.yml").write_text(text, encoding="utf-8")
    (root / "_toc.yml").write_text(TOC, encoding="utf-8")
    (book / "index.md").write_text(INDEX, encoding="utf-8")
    (book / "references.md").write_text("# References\n\n```{bibliography}\n```\n")
    (book / "references.bib").write_text(BIB, encoding="utf-8")
    formula = new_markdown_cell(FORMULA.strip(), id="formula")
    glue = new_code_cell(GLUE, id="glue", metadata={"tags": ["remove-cell"]})
    write_notebook(book / "chapter.ipynb", figure_cell(), table_cell(), glue, formula)
    back = new_markdown_cell("The line was {numref}`fig-line` in [](../chapter.ipynb).", id="back")
    write_notebook(book / "part" / "sound.ipynb", new_code_cell(SOUND, id="sound"), back)
    return root


def write_music(folder: Path, clips: int = 20, seconds: float = 3.0) -> Path:
    """A folder of short sounds in four genres, for the data set `folder`."""
    rate = 16_000
    random = np.random.default_rng(0)
    times = np.arange(round(seconds * rate)) / rate
    for number in range(clips):
        tone = 0.2 * np.sin(2 * np.pi * (220 + 40 * number) * times)
        sound = tone * (1 + 0.3 * np.sin(2 * np.pi * 3 * times))
        sound += 0.02 * random.standard_normal(times.size)
        place = folder / f"genre{number % 4}" / f"artist{number} - piece.flac"
        place.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(place, sound.astype(np.float32), rate)
    return folder

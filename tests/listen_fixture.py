"""What the tests of players share: sounds, where media go, and a reader of HTML."""

import io
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

RATE = 24_000
VOID = {"img", "br", "hr", "input", "source"}


def tone(hertz=440.0, level=0.2, seconds=0.5, rate=RATE):
    times = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


class Page(HTMLParser):
    """Elements of a piece of HTML, which must be well formed."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.text = [], [], ""
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(set(names)) == len(names)
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The book's build: media become files."""
    folder = tmp_path / "media"
    monkeypatch.setenv("MUSICLIB_MEDIA_DIR", str(folder))
    monkeypatch.setenv("MUSICLIB_MEDIA_URL", "../_static/media/chapter")
    return folder


@pytest.fixture
def alone(monkeypatch):
    """Unless a test says otherwise, a reader runs the notebook alone."""
    monkeypatch.delenv("MUSICLIB_MEDIA_DIR", raising=False)
    monkeypatch.delenv("MUSICLIB_MEDIA_URL", raising=False)


def decoded(data):
    samples, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    return samples.T, rate

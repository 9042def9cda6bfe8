"""Sounds and small pictures for a page: what is said of them, and files beside it or inside it.

The book's build sets ``MUSICLIB_MEDIA_DIR`` (a folder) and ``MUSICLIB_MEDIA_URL`` (that folder as
the page addresses it). Then media become files there, which a page loads only when they are
played. Without them, as when a reader runs a notebook alone, media are embedded in the page.

Either way a sound is 16-bit FLAC at its true level: nothing is normalised, so that what is heard
has the levels that were measured. Only a map of many sounds (:func:`musiclib.listen.latent_map`)
has short ones as MP3, and says so.
"""

import base64
import functools
import hashlib
import io
import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

import numpy as np
import soundfile

from musiclib.audio import FloatArray, to_mono, validate
from musiclib.errors import AudioError, BookError
from musiclib.files import replace_file
from musiclib.plot.published import MEDIA_DIR
from musiclib.plot.style import number_text

MEDIA_URL: Final = "MUSICLIB_MEDIA_URL"
STATIC: Final = Path(__file__).with_name("static")
"""Styles and scripts of players, explorers and maps."""
# Browsers play FLAC within these rates; Chromium refuses lower ones.
_RATES = range(3_000, 192_001)
# Decoders overshoot by a decibel or two. A peak of 8 (18 dB) is no overshoot but a wrong scale.
_LARGEST_PEAK = 8.0
_TYPES: Final = {
    ".flac": "audio/flac",
    ".mp3": "audio/mpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}


@dataclass(frozen=True, eq=False)
class Sound:
    """A sound to listen to.

    Attributes:
        label: What the listener reads, such as "Opus 12 kbps".
        audio: Samples at their true level, shape ``(N,)`` or ``(C, N)``.
        sample_rate: Samples a second.
        kbps: Measured bitrate, from the bytes of the coded clip; None where nothing was coded.
        figures: Measured figures by name. A key of :data:`musiclib.metrics.METRICS` is shown with
            that metric's label and unit, any other name as it is. Texts are shown as they are.
    """

    label: str
    audio: FloatArray
    sample_rate: int
    kbps: float | None = None
    figures: Mapping[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        validate(self.audio, self.label)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return float(self.audio.shape[-1] / self.sample_rate)

    @property
    def pcm_kbps(self) -> float:
        """Bitrate of the sound as uncompressed 16-bit samples, in kbps."""
        channels = 1 if self.audio.ndim == 1 else self.audio.shape[0]
        return self.sample_rate * channels * 16 / 1000


def encode_flac(audio: FloatArray, sample_rate: int) -> tuple[bytes, int]:
    """Sound as 16-bit FLAC, at its true level.

    Samples are rounded to the nearest of 65,536 levels, so that a decoded sample differs from the
    given one by at most half a level. Samples outside [-1, 1], which lossy decoders produce, are
    set to full scale as any player would, and counted.

    Args:
        audio: Samples, shape ``(N,)`` or ``(C, N)``, nominally within [-1, 1].
        sample_rate: Samples a second, 3,000 to 192,000.

    Returns:
        The file's bytes, and the number of samples that were set to full scale.

    Raises:
        AudioError: If the audio is empty, not finite or far outside [-1, 1], or if browsers do not
            play the sample rate.
    """
    samples = np.atleast_2d(validate(audio))
    if sample_rate not in _RATES:
        raise AudioError(
            f"browsers play FLAC of {_RATES.start} to {_RATES.stop - 1} Hz, not {sample_rate} Hz: "
            "resample the sound before it is played"
        )
    _check_scale(samples)
    clipped = int(np.count_nonzero(np.abs(samples) > 1.0))
    levels = np.clip(np.round(samples.astype(np.float64) * 32_768.0), -32_768, 32_767)
    file = io.BytesIO()
    soundfile.write(file, levels.astype(np.int16).T, sample_rate, format="FLAC", subtype="PCM_16")
    return file.getvalue(), clipped


def encode_mp3(audio: FloatArray, sample_rate: int, kbps: float) -> bytes:
    """Sound as MP3, for pages with hundreds of short sounds.

    At low bitrates Opus and Vorbis sound better, but Safari plays them in Ogg files only since
    2025. MP3 is played by every browser.

    Args:
        audio: Samples, shape ``(N,)`` or ``(C, N)``, nominally within [-1, 1]. Channels are mixed
            to mono, and samples outside the range are set to full scale.
        sample_rate: Samples a second, 8,000 to 96,000.
        kbps: Bitrate in kbps, one that MP3 has.

    Returns:
        The bytes of a file, which declares the encoder's delay so that players remove it.

    Raises:
        AudioError: If the audio is empty, not finite or far outside [-1, 1].
        CodecError: If MP3 cannot code this rate or bitrate.
    """
    from musiclib.codecs import get_codec

    mono = to_mono(validate(audio))
    _check_scale(mono)
    return get_codec("mp3", kbps=kbps).encode(np.clip(mono, -1.0, 1.0), sample_rate)


def _check_scale(samples: FloatArray) -> None:
    largest = float(np.abs(samples).max())
    if largest > _LARGEST_PEAK:
        raise AudioError(
            f"the audio peaks at {largest:g}, but samples lie within [-1, 1]: "
            "divide integer samples by their full scale"
        )


class MediaStore:
    """Where the sounds and pictures of a page go.

    Args:
        folder: Folder for the files; None embeds media in the page.
        url: The folder as the page addresses it, such as ``_static/media/introduction``.

    Raises:
        BookError: If one of the two is given without the other.
    """

    def __init__(self, folder: Path | None = None, url: str | None = None) -> None:
        if (folder is None) != (url is None):
            raise BookError(
                f"media need a folder and its address: set both {MEDIA_DIR} and {MEDIA_URL}, "
                "or neither"
            )
        self.folder = folder
        self.url = url
        self._digests: dict[str, str] = {}
        self._said: set[str] = set()

    @property
    def embeds(self) -> bool:
        """Whether media are embedded in the page."""
        return self.folder is None

    def add(self, name: str, suffix: str, data: bytes) -> str:
        """Keep a file's bytes for the page.

        Args:
            name: Stem of the file's name, such as ``clip-system``; it is made a :func:`slug`. Where
                the page has another file of this name, a digest of the bytes is added to it.
            suffix: ``.flac``, ``.mp3``, ``.png`` or ``.webp``.
            data: The file's bytes.

        Returns:
            What to write into ``src``: the file's address, or a data URI.
        """
        if self.folder is None or self.url is None:
            return f"data:{_TYPES[suffix]};base64,{base64.b64encode(data).decode('ascii')}"
        file_name = slug(name) + suffix
        digest = hashlib.sha256(data).hexdigest()
        if self._digests.setdefault(file_name, digest) != digest:
            # Else the players made before would silently change what they play. Clips of a
            # reader's own music may well have one title, so this is no error.
            file_name = f"{slug(name)}-{digest[:12]}{suffix}"
        replace_file(self.folder / file_name, data)
        return f"{self.url.rstrip('/')}/{quote(file_name)}"

    def once(self, words: str) -> str:
        """Return some words, but in a page of files only the first time: once read is enough."""
        if words in self._said and not self.embeds:
            return ""
        self._said.add(words)
        return words


def page_store() -> MediaStore:
    """The store that the environment asks for, one and the same during the run of a page.

    Returns:
        A store of files where ``MUSICLIB_MEDIA_DIR`` and ``MUSICLIB_MEDIA_URL`` are set, else one
        that embeds media.

    Raises:
        BookError: If one of the two is set without the other.
    """
    return _store(os.environ.get(MEDIA_DIR) or None, os.environ.get(MEDIA_URL) or None)


@functools.cache
def _store(folder: str | None, url: str | None) -> MediaStore:
    return MediaStore(Path(folder) if folder else None, url)


def inline_assets(*names: str) -> str:
    """Styles and scripts inside the page, for notebooks outside the book.

    Args:
        names: Files of `STATIC`, in the order that the page gets them.
    """
    tags = [(name, "style" if name.endswith(".css") else "script") for name in names]
    texts = ((tag, (STATIC / name).read_text(encoding="utf-8")) for name, tag in tags)
    return "".join(f"<{tag}>{text}</{tag}>" for tag, text in texts)


def slug(text: str) -> str:
    """Words of a title as a file name: lower-case ASCII letters, digits and hyphens.

    Args:
        text: Any text.

    Returns:
        The name, not empty: text without a usable character becomes a digest of itself.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    name = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:80].strip("-")
    return name or hashlib.sha256(text.encode()).hexdigest()[:12]


def seconds_text(sound: Sound) -> str:
    """Length of a sound in words, such as "10.0 s"."""
    return f"{sound.seconds:.1f} s" if sound.seconds >= 1 else f"{sound.seconds:.2f} s"


def kbps_text(kbps: float) -> str:
    """A bitrate in words, such as "12.4 kbps" or "384 kbps"."""
    return f"{kbps:.0f} kbps" if kbps >= 100 else f"{kbps:.1f} kbps"


def clipping_text(sound: Sound, clipped: int) -> str:
    """Notice that samples were clipped; empty where none was."""
    if not clipped:
        return ""
    verb = "sample" if clipped == 1 else "samples"
    return f"{clipped:,} of {sound.audio.size:,} {verb} clipped"


def figure_pairs(sound: Sound) -> list[tuple[str, str]]:
    """Measured figures as names and values, such as "LSD" and "7.20 dB"."""
    from musiclib.metrics import METRICS

    pairs = []
    for name, value in sound.figures.items():
        metric = METRICS.get(name)
        label, unit = (metric.label, metric.unit) if metric else (name, "")
        label = label.removeprefix("Predicted quality, ")  # there is little room beside a sound
        digits = 0 if isinstance(value, str) else 1 if abs(value) >= 10 else 2
        number = value if isinstance(value, str) else number_text(float(value), digits)
        # A number and its unit stay on one line.
        pairs.append((label, f"{number}\N{NO-BREAK SPACE}{unit}" if unit else number))
    return pairs


def figure_texts(sound: Sound) -> list[str]:
    """Measured figures in words, such as "LSD 7.2 dB"."""
    return [f"{label} {value}".strip() for label, value in figure_pairs(sound)]

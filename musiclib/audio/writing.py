"""Audio files written, whole or piece by piece; they appear complete or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import suppress
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from musiclib.audio.samples import FloatArray, check_rate, validate
from musiclib.errors import AudioError, AudioFileError

DEFAULT_SUBTYPE = {".wav": "PCM_16", ".flac": "PCM_16", ".ogg": "VORBIS"}
FLOAT_SUBTYPES = frozenset({"FLOAT", "DOUBLE"})
# libsndfile's Vorbis encoder overflows its stack on very long single writes.
WRITE_FRAMES = 1 << 16
# Tags that libsndfile writes, and what it calls them.
TAGS = {
    **{name: name for name in ("title", "artist", "album", "date", "genre", "license")},
    "copyright": "copyright",
    "comment": "comment",
    "track": "tracknumber",
}


def save(
    path: str | PathLike[str],
    audio: npt.ArrayLike,
    sample_rate: int,
    subtype: str | None = None,
) -> None:
    """Write a WAV, FLAC or Ogg Vorbis file. The file appears complete or not at all.

    PCM of 16 or 24 bits is rounded with full scale at 2^15 or 2^23, so that samples read from
    such a file are written back bit for bit.

    >>> import musiclib as ml
    >>> audio, rate = ml.load("song.flac", start_s=1.0, duration_s=2.0)
    >>> ml.save("cut.wav", audio, rate)

    Args:
        path: Where to write; the suffix `.wav`, `.flac` or `.ogg` decides the format.
        audio: `(N,)` or `(C, N)`.
        sample_rate: Sampling rate in Hz.
        subtype: libsndfile's name, for example `PCM_24`, `FLOAT`; 16 bit or Vorbis by default.

    Raises:
        AudioError: If the audio cannot be used, exceeds 1 (unless the subtype is floating point),
            or if format, subtype and rate do not go together.
        AudioFileError: If the file cannot be written.
    """
    target = Path(path)
    samples = validate(audio, f"The audio for {target}")
    _, subtype = output_format(target, subtype)
    if subtype not in FLOAT_SUBTYPES:
        highest = float(max(samples.max(), -samples.min()))
        if highest > 1.0:
            raise AudioError(
                f"The audio for {target} peaks at {highest:.3f} and would clip. Scale it down, or "
                "write the subtype FLOAT."
            )
    channels = np.atleast_2d(samples)
    with AudioWriter(target, sample_rate, len(channels), subtype) as writer:
        writer.write(channels)


class AudioWriter:
    """A WAV, FLAC or Ogg Vorbis file that is being written.

    Use it as a context manager: the file is moved into place at the end, and is gone after
    an error. Samples beyond full scale are clipped, and counted, unless the subtype is a float.

    Attributes:
        clipped: Samples beyond full scale so far.
        n_samples: Samples of a channel so far.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        sample_rate: int,
        channels: int,
        subtype: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self._target = Path(path)
        self._rate, self._channels = check_rate(sample_rate), channels
        self._suffix, self._subtype = output_format(self._target, subtype)
        if not self._target.parent.is_dir():
            raise AudioFileError(
                f"{self._target.parent} is not a folder. Create it before writing {self._target}."
            )
        self._tags = dict(tags or {})
        self._temporary = self._target.with_name(f".{secrets.token_hex(8)}{self._suffix}")
        self.clipped = self.n_samples = 0

    def __enter__(self) -> AudioWriter:
        try:
            self._file = soundfile.SoundFile(
                str(self._temporary),
                "w",
                self._rate,
                self._channels,
                self._subtype,
                format=self._suffix[1:].upper(),
            )
            for name, value in self._tags.items():
                if name in TAGS:
                    setattr(self._file, TAGS[name], value)
        except (soundfile.SoundFileError, OSError) as error:
            self._temporary.unlink(missing_ok=True)
            raise self._failure(error) from error
        return self

    def write(self, audio: FloatArray) -> None:
        """Append samples `(C, n)`."""
        self.n_samples += audio.shape[1]
        if self._subtype not in FLOAT_SUBTYPES:
            self.clipped += int(np.count_nonzero(np.abs(audio) > 1.0))
            audio = np.clip(audio, -1.0, 1.0)
        frames = quantise(audio, self._subtype).T
        try:
            for begin in range(0, len(frames), WRITE_FRAMES):
                self._file.write(np.ascontiguousarray(frames[begin : begin + WRITE_FRAMES]))
        except (soundfile.SoundFileError, OSError) as error:
            raise self._failure(error) from error

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._file.close()
                self._temporary.replace(self._target)
            else:
                with suppress(soundfile.SoundFileError, OSError):
                    self._file.close()
        except (soundfile.SoundFileError, OSError) as failure:
            raise self._failure(failure) from failure
        finally:
            self._temporary.unlink(missing_ok=True)

    def _failure(self, error: Exception) -> AudioFileError:
        return AudioFileError(
            f"{self._target} cannot be written ({error}). Check the folder, and that "
            f"{self._suffix} allows {self._rate} Hz."
        )


def output_format(target: Path, subtype: str | None) -> tuple[str, str]:
    """Return suffix and libsndfile's subtype for a file name."""
    suffix = target.suffix.lower()
    if suffix not in DEFAULT_SUBTYPE:
        raise AudioError(f"{target}: cannot write '{suffix}'. Use .wav, .flac or .ogg.")
    found = (subtype or DEFAULT_SUBTYPE[suffix]).upper()
    if not soundfile.check_format(suffix[1:].upper(), found):
        known = ", ".join(soundfile.available_subtypes(suffix[1:].upper()))
        raise AudioError(f"{target}: {suffix} cannot hold {found}. Use one of: {known}.")
    return suffix, found


def quantise(samples: FloatArray, subtype: str) -> npt.NDArray[np.generic]:
    """Round to the integers of the file; libsndfile alone would scale by 2^n - 1."""
    bits = {"PCM_16": 16, "PCM_24": 24}.get(subtype)
    if bits is None:
        return samples
    scale = 2.0 ** (bits - 1)
    levels = np.clip(np.rint(samples.astype(np.float64) * scale), -scale, scale - 1.0)
    if bits == 16:
        return levels.astype(np.int16)
    return levels.astype(np.int32) << 8

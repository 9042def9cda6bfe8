"""Cut one clip of the bundled music: mono, house rate, one loudness, stored with its credits.

Used by `scripts/cut_mini.py`; needs mutagen, which nothing else in the package does.
"""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.signal
import soundfile
from mutagen.flac import FLAC
from mutagen.ogg import OggPage
from mutagen.oggvorbis import OggVorbis

from musiclib.audio import HOUSE_RATE, FloatArray, load, loudness_lufs
from musiclib.errors import AudioError

CLIP_SECONDS = 30
CLIP_SAMPLES = CLIP_SECONDS * HOUSE_RATE
# The clip with the highest peak over its loudness has 22.7 dB; at -24 LUFS every clip stays below
# full scale by one gain and no limiter, with 1 dB left for what lossy coding adds to peaks.
TARGET_LUFS = -24.0
HIGHEST_PEAK = 0.95
# Some sources carry an offset of up to a quarter of full scale, the electronic ones above all.
# It is inaudible, but it wastes headroom and would tell genres apart. 20 Hz loses 0.3 dB.
DC_BLOCK_HZ = 5.0
# Vorbis lowers or raises loudness by up to about 0.1 LU; a second gain takes that out.
LOUDNESS_TOLERANCE = 0.02
# About 75 kbps for 24 kHz mono.
VORBIS_QUALITY = 0.75
# 16-bit rounding has no dither: its error lies some 75 dB below the music, while dither would put
# noise into digital silence and cost lossless coding more bits.
FULL_SCALE_16 = 32768


def mix(stems: Sequence[FloatArray]) -> FloatArray:
    """Sum of stems `(N,)`; in floating point, so a sum above full scale is not clipped."""
    return np.asarray(np.sum(np.stack(stems), axis=0), dtype=np.float32)


def block_dc(audio: FloatArray) -> FloatArray:
    """Take out constant and very slow offsets from a clip `(N,)`, without delay.

    A first-order high-pass runs forwards and backwards. Subtracting the mean would not do: where
    an offset comes and goes with the notes, it would leave one in the pauses.
    """
    sos = scipy.signal.butter(1, DC_BLOCK_HZ, "highpass", fs=HOUSE_RATE, output="sos")
    padding = min(HOUSE_RATE, len(audio) - 1)
    return np.asarray(scipy.signal.sosfiltfilt(sos, audio, padlen=padding), dtype=np.float32)


def level(audio: FloatArray, lufs: float = TARGET_LUFS) -> tuple[FloatArray, float]:
    """Bring a clip `(N,)` to one integrated loudness (EBU R128) by a single gain.

    Returns:
        The clip and the gain in dB, rounded as `tracks.csv` records it.

    Raises:
        AudioError: The clip is silent, or would come too near full scale at that loudness.
    """
    before = loudness_lufs(audio, HOUSE_RATE)
    if not np.isfinite(before):
        raise AudioError("a silent clip has no loudness: choose another start")
    gain_db = round(lufs - before, 3)
    louder = np.asarray(audio * 10 ** (gain_db / 20), dtype=np.float32)
    highest = float(np.max(np.abs(louder)))
    if highest > HIGHEST_PEAK:
        raise AudioError(f"peak {highest:.2f} at {lufs:.2f} LUFS: choose a lower target loudness")
    return louder, gain_db


def to_16_bit(audio: FloatArray) -> npt.NDArray[np.int16]:
    """Round samples in [-1, 1] to 16 bits; 1.0 would be 32768, one step too many."""
    return np.clip(np.rint(audio * FULL_SCALE_16), -32768, 32767).astype(np.int16, copy=False)


def excerpt(sources: Sequence[Path], start_s: float) -> FloatArray:
    """30 s of a piece in mono at 24 kHz; several sources are stems and are summed.

    Returns:
        Samples `(720000,)` at the level of the source, without offset.

    Raises:
        AudioError: A source ends before the excerpt does.
    """
    stems = []
    for source in sources:
        audio, _ = load(
            source, sample_rate=HOUSE_RATE, mono=True, start_s=start_s, duration_s=CLIP_SECONDS
        )
        if len(audio) < CLIP_SAMPLES:
            raise AudioError(f"{source}: only {len(audio)} samples from {start_s} s on")
        stems.append(audio[:CLIP_SAMPLES])
    return block_dc(mix(stems))


def comments(row: Mapping[str, str]) -> dict[str, str]:
    """What a clip's file says about itself. No genre: a file must not carry its label."""
    inner = f", {row['inner_path']}" if row["inner_path"] else ""
    stem = f" + {Path(row['stem_path']).name}" if row["stem_path"] else ""
    return {
        "TITLE": row["title"],
        "ARTIST": row["artist"],
        "LICENSE": row["licence"],
        "SOURCE": f"Debian package {row['package']} {row['version']}: {row['path']}{inner}{stem}",
        "COMMENT": f"Excerpt of {CLIP_SECONDS} s from {row['start_s']} s, mixed to mono, "
        f"{HOUSE_RATE} Hz, {TARGET_LUFS:g} LUFS",
    }


def store(path: Path, audio: FloatArray, tags: Mapping[str, str]) -> float:
    """Level a clip and write it as FLAC or Ogg Vorbis, by suffix.

    Returns:
        The gain in dB that was applied.

    Raises:
        AudioError: The clip does not fit under full scale.
    """
    levelled, gain_db = level(audio)
    write_clip(path, levelled, tags)
    off = loudness_lufs(soundfile.read(path, dtype="float32")[0], HOUSE_RATE) - TARGET_LUFS
    if abs(off) > LOUDNESS_TOLERANCE:
        levelled, gain_db = level(audio, TARGET_LUFS - off)
        write_clip(path, levelled, tags)
    return gain_db


def write_clip(path: Path, audio: FloatArray, tags: Mapping[str, str]) -> None:
    """Write samples `(N,)` at the house rate; equal input gives equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.stem}.part{path.suffix}")
    if path.suffix == ".flac":
        pcm = to_16_bit(audio)
        soundfile.write(partial, pcm, HOUSE_RATE, subtype="PCM_16", compression_level=1.0)
        _tag(FLAC(partial), tags)  # type: ignore[no-untyped-call]
    else:
        with soundfile.SoundFile(
            partial, "w", HOUSE_RATE, 1, "VORBIS", compression_level=1.0 - VORBIS_QUALITY
        ) as stream:
            # One second at a time: libsndfile gives libvorbis a block whole, on the stack.
            for start in range(0, len(audio), HOUSE_RATE):
                stream.write(audio[start : start + HOUSE_RATE])
        _tag(OggVorbis(partial), tags)  # type: ignore[no-untyped-call]
        _fix_serial(partial, zlib.crc32(path.stem.encode()))
    partial.replace(path)


def _tag(opened: Any, tags: Mapping[str, str]) -> None:
    if opened.tags is None:
        opened.add_tags()
    opened.tags.clear()
    opened.update(tags)
    opened.save(padding=lambda _: 0)


def _fix_serial(path: Path, serial: int) -> None:
    """Give an Ogg stream a fixed serial number; libsndfile draws it at random."""
    pages: list[Any] = []
    with path.open("rb") as stream:
        while True:
            try:
                pages.append(OggPage(stream))  # type: ignore[no-untyped-call]
            except EOFError:
                break
    for page in pages:
        page.serial = serial
    path.write_bytes(b"".join(page.write() for page in pages))

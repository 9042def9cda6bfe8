"""Stored `.mlc` files and what they decode to. Run as a module, this writes them anew.

They must decode to the same sound for ever: a change of the format adds files and keeps these. So
nobody should have to run it again, except to add a case: cases that are there are left alone.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from musiclib.audio import resample
from musiclib.codecs.melic import MelicCodec, open_model
from musiclib.codecs.melic.bitstream import Reader
from musiclib.codecs.melic.entropy import FrameDecoder
from musiclib.datasets import open_dataset

FOLDER = Path(__file__).with_name("data") / "melic"
TABLE = FOLDER / "golden.json"
# Largest difference of a decoded sample between processors, beside the rounding of 16-bit FLAC.
TOLERANCE = 1e-4


def integers_sha256(data: bytes) -> str:
    """SHA-256 of everything that the entropy decoder reads: scale factors and spectral values."""
    reader = Reader(io.BytesIO(data))
    decoder = FrameDecoder(open_model().tables, reader.header.coded_channels)
    total = hashlib.sha256()
    for number, block in enumerate(reader):
        frames = reader.header.frames_of(number)
        for numbers in decoder.decode(block.payload, frames, block.gain):
            total.update(np.ascontiguousarray(numbers, dtype="<i4").data)
    return total.hexdigest()


def _clip(track_id: str, rate: int, start_s: float, seconds: float) -> npt.NDArray[np.float32]:
    # Only music of the training part: the test part is kept for measurements.
    clip = open_dataset("mini").part("train").clip(track_id, 24_000, start_s, seconds)
    return resample(clip.audio, 24_000, rate)


def _tags(*track_ids: str) -> dict[str, str]:
    rows = [open_dataset("mini").row(track_id) for track_id in track_ids]
    names = {"title": "title", "artist": "artist", "license": "licence"}
    return {tag: " + ".join(dict.fromkeys(row[n] for row in rows)) for tag, n in names.items()}


def _cases() -> dict[str, tuple[MelicCodec, npt.NDArray[np.float32], int, dict[str, str]]]:
    guitars, drums = _clip("t0807", 44_100, 8.0, 2.5), _clip("t0444", 44_100, 4.0, 2.5)
    pair = np.stack([0.6 * guitars + 0.3 * drums, 0.2 * guitars + 0.5 * drums])
    left = _clip("t0324", 48_000, 10.0, 2.0)
    return {
        "mono-two-blocks-2kbps": (
            MelicCodec(2),
            _clip("t0499", 24_000, 2.0, 12.0),
            24_000,
            _tags("t0499"),
        ),
        "stereo-24kbps": (MelicCodec(24), pair, 44_100, _tags("t0807", "t0444")),
        "stereo-one-coded-6kbps": (
            MelicCodec(6),
            np.stack([0.8 * left, 0.35 * left]),
            48_000,
            _tags("t0324"),
        ),
        "mono-plain-gain-120": (
            MelicCodec(gain=120, restore=False),
            _clip("t0285", 11_025, 5.0, 2.0),
            11_025,
            _tags("t0285"),
        ),
    }


def main() -> None:
    """Write the cases that are not there yet."""
    table: dict[str, Any] = json.loads(TABLE.read_text()) if TABLE.is_file() else {}
    for name, (codec, audio, rate, tags) in _cases().items():
        if name in table:
            continue
        data = codec.encode(audio, rate, tags)
        decoded, decoded_rate = codec.decode(data)
        assert np.abs(decoded).max() < 1.0
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{name}.mlc").write_bytes(data)
        soundfile.write(FOLDER / f"{name}.flac", decoded.T, decoded_rate, subtype="PCM_16")
        table[name] = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "integers_sha256": integers_sha256(data),
            "source_rate": rate,
            "source_samples": audio.shape[-1],
            "tags": tags,
        }
    TABLE.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

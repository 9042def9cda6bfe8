"""Encoded files for tests, made by FFmpeg."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from musiclib.audio import FloatArray


def encode(
    target: Path | BinaryIO,
    audio: FloatArray,
    sample_rate: int,
    codec: str,
    container: str | None = None,
    kbps: int | None = None,
    tags: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    variable: bool = False,
) -> None:
    """Encode `(N,)` or `(C, N)` with any encoder and container that FFmpeg has."""
    channels = audio[np.newaxis] if audio.ndim == 1 else audio
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(channels)]
    file = str(target) if isinstance(target, Path) else target
    with av.open(file, "w", format=container, container_options=options or {}) as output:
        output.metadata.update(tags or {})
        stream = output.add_stream(codec, rate=sample_rate, layout=layout)
        if kbps is not None:
            stream.bit_rate = 1000 * kbps
        if variable:
            stream.codec_context.qscale = True
            stream.codec_context.global_quality = 0
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(channels), format="fltp", layout=layout
        )
        frame.sample_rate = sample_rate
        frame.pts = 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)


def encode_bytes(
    audio: FloatArray, sample_rate: int, codec: str, container: str, kbps: int | None = None
) -> bytes:
    """The same, as bytes."""
    buffer = io.BytesIO()
    encode(buffer, audio, sample_rate, codec, container, kbps)
    return buffer.getvalue()

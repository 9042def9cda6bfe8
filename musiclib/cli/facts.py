"""`musiclib info`: what a file is, and what it costs."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from musiclib.errors import AudioFileError, BitstreamError

# FFmpeg lists what describes the file itself among the tags.
FORMAT_TAGS = {"major_brand", "minor_version", "compatible_brands", "language", "encoder"}


def run(args: argparse.Namespace) -> int:
    """Print the facts of a file."""
    data = _read(args.source)

    from musiclib.codecs import identify

    try:
        name = identify(data)
    except BitstreamError:  # another format, such as FLAC
        name = ""
    if name == "melic":
        result = _melic_facts(args.source, data)
    elif name == "autoencoder":
        result = _latent_facts(args, data)
    else:
        result = _facts(args.source, data)
    if args.json:
        print(json.dumps(result, indent=2, ensure_ascii=False))
        return 0
    result["kbps"] = f"{result['kbps']:.3f}"
    result["overhead_bytes"] = f"{result['overhead_bytes']} (headers, tags and tables)"
    for key, value in result.items():
        if key != "tags":
            print(f"{key.replace('_', ' '):<16}{value}")
    for key, value in result["tags"].items():
        print(f"{'tag ' + key:<15} {value}")
    return 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise AudioFileError(f"{path} cannot be read: {error.strerror}.") from error


def _melic_facts(source: Path, data: bytes) -> dict[str, Any]:
    from musiclib.audio import HOUSE_RATE
    from musiclib.codecs.melic import describe
    from musiclib.metrics import bitrate_kbps

    try:
        found = describe(data)
    except BitstreamError as error:
        raise BitstreamError(f"{source}: {error}") from error
    header, contents = found.header, found.contents
    gains = sorted({contents.lowest_gain, contents.highest_gain})
    return {
        "file": str(source),
        "container": "mlc",
        "codec": "melic",
        "model": header.model.hex(),
        "restored": header.restored,
        "sample_rate": header.sample_rate,
        "coded_rate": HOUSE_RATE,
        "channels": header.channels,
        "coded_channels": header.coded_channels,
        "seconds": round(header.seconds, 6),
        "bytes": len(data),
        "kbps": round(bitrate_kbps(len(data), header.seconds), 3),
        "overhead_bytes": len(data) - contents.payload_bytes,
        "blocks": contents.n_blocks,
        "gain": " to ".join(map(str, gains)),
        "tags": dict(header.tags),
    }


def _latent_facts(args: argparse.Namespace, data: bytes) -> dict[str, Any]:
    from musiclib.codecs.latent import describe
    from musiclib.metrics import bitrate_kbps

    try:
        found = describe(data, args.checkpoints)
    except BitstreamError as error:
        raise BitstreamError(f"{args.source}: {error}") from error
    return {
        "file": str(args.source),
        "container": "mla",
        "codec": "autoencoder",
        "model": found.model,
        "step": found.step,
        "sample_rate": found.sample_rate,
        "channels": found.channels,
        "seconds": round(found.seconds, 6),
        "bytes": len(data),
        "kbps": round(bitrate_kbps(len(data), found.seconds), 3),
        "overhead_bytes": len(data) - found.payload_bytes,
        "tags": {},
    }


def _facts(source: Path, data: bytes) -> dict[str, Any]:
    from musiclib.audio import probe
    from musiclib.codecs import get_codec, identify
    from musiclib.codecs.container import container_name, packet_bytes
    from musiclib.metrics import bitrate_kbps

    facts = probe(source)
    rate, seconds = facts.sample_rate, facts.duration_s
    try:
        # Headers round durations or count padding; decoding gives the exact length.
        audio, rate = get_codec(identify(data)).decode(data)
        seconds = audio.shape[-1] / rate
    except BitstreamError:
        # Another format such as FLAC, or a file that only a lenient player accepts.
        seconds = facts.duration_s
    return {
        "file": str(source),
        "container": container_name(data),
        "codec": facts.codec,
        "sample_rate": rate,
        "channels": facts.channels,
        "seconds": round(seconds, 6),
        "bytes": len(data),
        "kbps": round(bitrate_kbps(len(data), seconds), 3),
        "overhead_bytes": len(data) - packet_bytes(data),
        "tags": {key: value for key, value in facts.tags.items() if key not in FORMAT_TAGS},
    }

"""Codecs: audio to bytes and back, behind one protocol.

What `encode` returns are the bytes of a file that other players open. Bitrates are never typed:
they are the length of those bytes over the clip's duration.

>>> import musiclib as ml
>>> audio, rate = ml.load("song.flac")
>>> codec = ml.codecs.get_codec("opus", kbps=12)
>>> data = codec.encode(audio, rate)
>>> audio, rate = codec.decode(data)
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from musiclib.codecs.base import LATENT_MAGIC, MELIC_MAGIC, Codec, FileCodec, identify
from musiclib.codecs.container import packet_bytes
from musiclib.codecs.simple import DownsampleCodec
from musiclib.codecs.traditional import (
    AacCodec,
    HeAacCodec,
    HeAacV2Codec,
    Mp3Codec,
    OpusCodec,
    VorbisCodec,
    fdkaac_available,
    opus_bandwidth,
)
from musiclib.errors import CodecError

if TYPE_CHECKING:
    from musiclib.codecs.latent import AutoencoderCodec
    from musiclib.codecs.melic import MelicCodec

_BY_COMMAND: tuple[type[FileCodec], ...] = (HeAacCodec, HeAacV2Codec)
_BUILT_IN: tuple[type[FileCodec], ...] = (
    *(Mp3Codec, AacCodec, OpusCodec, VorbisCodec),
    DownsampleCodec,
)
_CODECS: dict[str, type[FileCodec]] = {codec.name: codec for codec in (*_BUILT_IN, *_BY_COMMAND)}
# Codecs whose encoder is a command that cannot be shipped; see `available`.
COMMAND_CODEC_NAMES = tuple(codec.name for codec in _BY_COMMAND)
AUTOENCODER, MELIC = "autoencoder", "melic"
CODEC_TITLES = {
    **{name: codec.title for name, codec in _CODECS.items()},
    AUTOENCODER: "Autoencoder",
    MELIC: "Melic",
}

__all__ = [
    "CODEC_TITLES",
    "COMMAND_CODEC_NAMES",
    "AutoencoderCodec",
    "Codec",
    "FileCodec",
    "MelicCodec",
    "OpusCodec",
    "available",
    "get_codec",
    "identify",
    "opus_bandwidth",
    "parse_codecs",
    "payload_bytes",
    "supported_kbps",
]


def get_codec(name: str, kbps: float | None = None, **options: Any) -> Codec:
    """Return a codec by name.

    Args:
        name: One of `CODEC_TITLES`.
        kbps: Wanted bitrate in kbps, all channels together. Decoding needs none.
        options: Options of the codec, for example `factor=8` for `downsample`, `quality=0.5` for
            `vorbis`, `application="audio"` for `opus`,
            `checkpoint=...` and `step=-8` for `autoencoder`, `restore=False` for `melic`.

    Raises:
        CodecError: If the name or an option is unknown, or the codec has no such bitrate.
    """
    kind = _codec_class(name)
    known = [option for option in inspect.signature(kind).parameters if option != "kbps"]
    for option in options:
        if option not in known:
            raise CodecError(
                f"{kind.title} has no option {option!r}. It has: {', '.join(['kbps', *known])}."
            )
    return kind(kbps=kbps, **options)


def available(name: str) -> bool:
    """Return whether a codec can encode here; only `COMMAND_CODEC_NAMES` may be unable to."""
    return name not in COMMAND_CODEC_NAMES or fdkaac_available()


def _codec_class(name: str) -> type[FileCodec] | type[AutoencoderCodec]:
    # Models bring PyTorch, which takes seconds to import. The other codecs do without it.
    if name == AUTOENCODER:
        from musiclib.codecs.latent import AutoencoderCodec

        return AutoencoderCodec
    if name == MELIC:
        from musiclib.codecs.melic import MelicCodec

        return MelicCodec
    if name not in _CODECS:
        raise CodecError(f"There is no codec {name!r}. Use one of: {', '.join(CODEC_TITLES)}.")
    return _CODECS[name]


_LAZY = {"AutoencoderCodec": AUTOENCODER, "MelicCodec": MELIC}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return _codec_class(_LAZY[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def supported_kbps(name: str, sample_rate: int, channels: int = 1) -> list[float]:
    """Return bitrates in kbps that a codec can be asked for, rising.

    MP3 has these and no others; the others take any value between the first and the last.

    Args:
        name: One of `CODEC_TITLES`, but for `autoencoder`.
        sample_rate: Sampling rate of the audio in Hz; it matters for downsampling alone.
        channels: 1 or 2.

    Raises:
        CodecError: If the name is unknown.
    """
    kind = _codec_class(name)
    if not issubclass(kind, FileCodec):
        raise CodecError(f"{kind.title} has a bitrate for each model and clip; ask it for one.")
    return kind.supported_kbps(sample_rate, channels)


_LETTERS = {"/": "factor", "q": "quality", "s": "step", "g": "gain"}
_WHOLE = frozenset({"step", "gain"})
_TRUTH = {"true": True, "false": False}


def parse_codecs(specs: str | Iterable[str]) -> list[Codec]:
    """Read codecs from words.

    A word is `NAME:SETTING,SETTING,...`, one codec a setting. A setting is a bitrate in kbps
    (`opus:6,12`), a factor of downsampling (`downsample:/8`), a quality (`vorbis:q0.5`), a gain
    (`melic:g120`) or a step (`autoencoder/wideband-64:s-8`). An autoencoder's name goes on with
    that of a shipped model, or the path of a checkpoint. Options that all settings share are named
    (`opus:6,12,frame_ms=20`).

    Args:
        specs: One word, or several.

    Raises:
        CodecError: If one cannot be read, or a codec has no such setting.
    """
    words = [specs] if isinstance(specs, str) else list(specs)
    return [codec for word in words for codec in _parse(word)]


def _parse(spec: str) -> list[Codec]:
    name, colon, text = spec.partition(":")
    parts = text.split(",")
    settings = [part for part in parts if "=" not in part]
    if not colon or not text or not settings:
        raise CodecError(
            f"{spec!r} is not a codec with settings, such as opus:6,12. Name files first."
        )
    name, _, model = name.partition("/")
    shared = dict(_option(spec, part) for part in parts if "=" in part)
    if name == AUTOENCODER:
        from musiclib.codecs.latent import open_checkpoint

        if not model:
            raise CodecError(f"{spec!r} names no model, as autoencoder/wideband-64:3 does.")
        shared["checkpoint"] = open_checkpoint(model)
    elif model:
        raise CodecError(f"{spec!r}: only an autoencoder has a model after a /.")
    return [get_codec(name, **_setting(spec, setting), **shared) for setting in settings]


def _setting(spec: str, setting: str) -> dict[str, float]:
    key = _LETTERS.get(setting[:1], "kbps")
    text = setting if key == "kbps" else setting[1:]
    try:
        return {key: int(text) if key in _WHOLE else float(text)}
    except ValueError:
        raise CodecError(
            f"{spec!r}: {setting!r} is not a bitrate in kbps (such as 12), "
            "a factor (/8), a quality (q0.5), a gain (g120) or a step (s-8)."
        ) from None


def _option(spec: str, part: str) -> tuple[str, Any]:
    key, _, text = part.partition("=")
    if not key or not text:
        raise CodecError(f"{spec!r}: {part!r} is not an option, such as frame_ms=20.")
    if text in _TRUTH:
        return key, _TRUTH[text]
    for kind in (int, float):
        try:
            return key, kind(text)
        except ValueError:
            continue
    return key, text


def payload_bytes(data: bytes) -> int:
    """Return how many bytes of a file code audio; headers, tags, tables and checksums do not.

    Raises:
        BitstreamError: If the file is foreign, truncated or damaged.
    """
    if data.startswith(LATENT_MAGIC):
        from musiclib.codecs.latent.bitstream import unpack

        return sum(map(len, unpack(data).payloads))
    if data.startswith(MELIC_MAGIC):
        from musiclib.codecs.melic import describe

        return describe(data).payload_bytes
    return packet_bytes(data)

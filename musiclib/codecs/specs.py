"""Codecs written as words, such as `opus:6,12` or `autoencoder/wideband-64:s-8`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from musiclib.codecs.base import Codec
from musiclib.errors import CodecError

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
    from musiclib.codecs import AUTOENCODER, get_codec

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

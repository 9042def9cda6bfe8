"""Tags of a piece in few bytes: title, artist and the like."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from musiclib.errors import BitstreamError

# The order in which tags are stored and shown.
KEPT = (
    *("title", "artist", "album", "album_artist", "track", "date", "genre", "composer"),
    *("license", "copyright", "comment"),
)
# FFmpeg and libsndfile know some tags by other names.
SYNONYMS = {
    "licence": "license",
    "tracknumber": "track",
    "year": "date",
    "albumartist": "album_artist",
    "description": "comment",
}
MAX_CHARACTERS = 2000
MAX_BYTES = 1 << 16
_END = b"\0"
# Words that tags are made of; the compressor refers to them.
_WORDS = (
    b"Creative Commons Attribution-ShareAlike 4.0 International http://creativecommons.org/"
    b"licenses/by-sa/3.0/ https://creativecommons.org/publicdomain/zero/1.0/ CC-BY-SA CC0 "
    b"Soundtrack Electronic Ambient Classical Jazz Rock Game 201920202021\0comment\0copyright"
    b"\0license\0composer\0genre\0date\0track\0album_artist\0album\0artist\0title\0"
)


def kept_tags(found: Mapping[str, str]) -> dict[str, str]:
    """Return those tags of a file that are kept, by their usual names, in order.

    A value of more than 2,000 characters is cut there.
    """
    renamed = {SYNONYMS.get(key.lower(), key.lower()): key for key in reversed(list(found))}
    tags = {}
    for name in KEPT:
        value = found[renamed[name]] if name in renamed else ""
        value = value.replace("\0", " ").strip()[:MAX_CHARACTERS]
        if value:
            tags[name] = value
    return tags


def pack_tags(tags: Mapping[str, str]) -> bytes:
    """Return tags as compressed UTF-8, nothing for none."""
    if not tags:
        return b""
    text = _END.join(part.encode("utf-8", "replace") for pair in tags.items() for part in pair)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_DEFAULT_STRATEGY, _WORDS)
    return packer.compress(text) + packer.flush()


def unpack_tags(data: bytes) -> dict[str, str]:
    """Undo `pack_tags`, in bounded memory.

    Raises:
        BitstreamError: The bytes are damaged, or stand for more than 64 KiB.
    """
    opener = zlib.decompressobj(-15, _WORDS)
    try:
        text = opener.decompress(data, MAX_BYTES)
        parts = [part.decode("utf-8") for part in text.split(_END)]
    except (zlib.error, UnicodeDecodeError) as error:
        raise _damaged(str(error)) from error
    if not opener.eof or opener.unused_data or len(parts) % 2:
        raise _damaged("they do not end where they should")
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _damaged(reason: str) -> BitstreamError:
    return BitstreamError(
        f"The tags of this .mlc file are damaged ({reason}). Fetch or encode it again."
    )

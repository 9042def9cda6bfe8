"""Fonts with the characters that a site uses, and no others."""

import io
import re
from collections.abc import Iterable
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from musiclib.files import replace_file

_PRIVATE = re.compile(r"[\ue000-\uf8ff]")
_ESCAPE = re.compile(r"\\+u?([ef][0-9a-f]{3})\b", re.IGNORECASE)


def icon_codes(texts: Iterable[str]) -> frozenset[int]:
    r"""Characters of icon fonts in texts: as such, or as `\f00d` in styles and scripts.

    Args:
        texts: Pages, styles and scripts.

    Returns:
        Code points of the private use area.
    """
    found: set[int] = set()
    for text in texts:
        found |= {ord(character) for character in _PRIVATE.findall(text)}
        found |= {int(code, 16) for code in _ESCAPE.findall(text)}
    return frozenset(found)


def subset(
    source: Path, target: Path, codes: Iterable[int], features: Iterable[str] = ()
) -> frozenset[int]:
    """Write a WOFF2 font with some characters of another font.

    The variants that a table `MATH` names stay: without them roots and brackets would not grow with
    what they hold. So do the names of the owner and the licence.

    Args:
        source: Font in any format.
        target: Font to write.
        codes: Code points to keep; those that the font lacks are passed over.
        features: OpenType features to keep.

    Returns:
        The code points that the new font has. When there is none, nothing is written.
    """
    options = Options(layout_features=list(features), hinting=False, name_IDs=[0, 1, 2, 4, 13, 14])
    with TTFont(source) as font:
        have = frozenset(codes) & frozenset(font.getBestCmap())
        if not have:
            return have
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=have)
        subsetter.subset(font)
        font.flavor = "woff2"
        written = io.BytesIO()
        font.save(written)
    target.parent.mkdir(parents=True, exist_ok=True)
    replace_file(target, written.getvalue())
    return have

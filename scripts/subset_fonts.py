"""Cut the fonts of the site down to the characters that it draws, into `book/_static`.

The theme's icons are 300 kB of fonts, of which a page draws two dozen, and the font of the formulas
is 500 kB. Run this where the theme's release has other icons or a formula needs another character.
What is written takes the place of the theme's own files.
"""

from pathlib import Path

import pydata_sphinx_theme
import ziamath
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

STATIC = Path(__file__).resolve().parent.parent / "book" / "_static"
THEME = Path(pydata_sphinx_theme.__file__).parent / "theme" / "pydata_sphinx_theme" / "static"
ICON_FONTS = Path("vendor", "fontawesome", "webfonts")
# Buttons, menus, signs of admonitions and arrows of the theme; then GitHub, GitLab, Bitbucket.
ICONS = {
    "fa-solid-900.woff2": (
        0xF002, 0xF00C, 0xF00D, 0xF010, 0xF015, 0xF019, 0xF03A, 0xF03B, 0xF040, 0xF042, 0xF04B,
        0xF057, 0xF05A, 0xF060, 0xF061, 0xF062, 0xF065, 0xF071, 0xF0C9, 0xF0EB, 0xF0F3, 0xF104,
        0xF105, 0xF106, 0xF107, 0xF121, 0xF135, 0xF15B, 0xF15C, 0xF185, 0xF186, 0xF1C1, 0xF303,
        0xF35D, 0xF066, 0xF078,
    ),
    "fa-brands-400.woff2": (0xF092, 0xF09B, 0xF171, 0xF174, 0xF296),
}  # fmt: skip
FORMULAS = [
    *range(0x20, 0x7F),
    *map(ord, "±×·÷¬′…‖−∓∗⋅√∞∂∑∏∫∼≈≠≤≥∈→←⟨⟩⌊⌋⌈⌉ℎℝˆ˜¯\N{THIN SPACE}"),
    *(code for code in range(0x391, 0x3CA) if code != 0x3A2),
    *range(0x1D434, 0x1D468),  # Latin letters in italics
    *range(0x1D6FC, 0x1D715),  # small Greek letters in italics
    0x1D716,  # and another epsilon
]
# Forms for indices, and flat or dotless ones for accents: all that browsers use in formulas.
FEATURES = ("ssty", "flac", "dtls")


def subset(source: Path, target: Path, codes: list[int], features: tuple[str, ...] = ()) -> None:
    """Write a WOFF2 font with some characters of another, and the names of owner and licence."""
    options = Options(
        layout_features=list(features), hinting=False, name_IDs=[0, 1, 2, 4, 13, 14], flavor="woff2"
    )
    with TTFont(source) as font:
        subsetter = Subsetter(options)
        subsetter.populate(unicodes=codes)
        subsetter.subset(font)
        font.flavor = "woff2"
        target.parent.mkdir(parents=True, exist_ok=True)
        font.save(target)
    print(f"{target.stat().st_size:7,} bytes  {target.relative_to(STATIC)}")


if __name__ == "__main__":
    for name, icons in ICONS.items():
        subset(THEME / ICON_FONTS / name, STATIC / ICON_FONTS / name, list(icons))
    stix = Path(ziamath.__file__).parent / "fonts" / "STIXTwoMath-Regular.ttf"
    subset(stix, STATIC / "fonts" / "stix-two-math.woff2", FORMULAS, FEATURES)

"""Explorers: controls with pictures, sounds and figures that follow them.

Where a kernel lives they are widgets, and a setting is computed when it is asked for. On a
published page all settings of a small grid are there as files, and a script shows the one that the
sliders say. Without the script they are a list.
"""

from musiclib.errors import needs_extra

with needs_extra("book"):
    from musiclib.explore.explorer import (
        Control,
        Explorer,
        Frame,
        Pane,
        chart_picture,
        picture,
        power_picture,
        sound_picture,
        wave_picture,
    )
    from musiclib.explore.widgets import explore, is_live

__all__ = [
    "Control",
    "Explorer",
    "Frame",
    "Pane",
    "chart_picture",
    "explore",
    "is_live",
    "picture",
    "power_picture",
    "sound_picture",
    "wave_picture",
]

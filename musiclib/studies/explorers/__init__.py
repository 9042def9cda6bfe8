"""What the chapters' explorers compute: each frame for a setting, from one excerpt of a clip."""

from musiclib.studies.explorers.bitrates import bitrates
from musiclib.studies.explorers.bottleneck import bottleneck
from musiclib.studies.explorers.windows import windows

__all__ = ["bitrates", "bottleneck", "windows"]

"""What the chapters' explorers compute: each frame for a setting, from one excerpt of a clip."""

from musiclib.studies.explorers.bottleneck import bottleneck
from musiclib.studies.explorers.repair import repair

__all__ = ["bottleneck", "repair"]

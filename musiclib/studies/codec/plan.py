"""Which rates the chapter compares, and how much music each experiment takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from musiclib.codecs import Codec, get_codec
from musiclib.studies.excerpts import StudySize, study_size

MELIC, PLAIN = "melic", "network-free"
"""Systems in the tables: the codec, and the same one with nothing learned in its decoder."""
RIVALS = ("opus", "mp3", "aac", "vorbis")

_KBPS = (1.0, 1.5, 3.0, 6.0, 9.0, 12.0, 16.0, 20.0, 24.0)
_PLAIN_KBPS = (1.0, 3.0, 12.0)
# From the lowest that each codec offers, or that is in use, to the highest of Melic.
_SETTINGS: Mapping[str, tuple[int, ...]] = {
    "opus": (6, 8, 12, 16, 24),
    "mp3": (8, 16, 24),
    "aac": (8, 16, 24),
    "vorbis": (16, 24),
}
_SMOKE_KBPS, _SMOKE_SETTINGS = (3.0, 12.0), {"opus": (8, 16), "mp3": (8, 16)}


@dataclass(frozen=True)
class Plan:
    """Rates and sizes of a profile.

    Attributes:
        kbps: Bitrates of Melic.
        plain_kbps: Some of them, for the codec without its network.
        settings: Bitrates in kbps of the other codecs, by name.
        size: Test clips for everything that compares codecs.
        ablation_size: Validation clips for the parts of the codec.
        gains: Sizes of quantiser steps that the parts are compared at, fine to coarse.
        listening_s: Seconds of a clip to listen to.
        failures: Clips to listen to of those that the codec serves worst.
        speed_s: Seconds of audio that codecs are timed with.
        speed_runs: Times that each is run; the fastest counts.
    """

    kbps: tuple[float, ...]
    plain_kbps: tuple[float, ...]
    settings: Mapping[str, tuple[int, ...]]
    size: StudySize
    ablation_size: StudySize
    gains: tuple[int, ...]
    listening_s: float
    failures: int
    speed_s: float
    speed_runs: int

    @classmethod
    def of(cls, profile: str) -> Plan:
        """Return the plan of a profile.

        Raises:
            DatasetError: If there is no such profile.
        """
        smoke = profile == "smoke"
        return cls(
            kbps=_SMOKE_KBPS if smoke else _KBPS,
            plain_kbps=_SMOKE_KBPS if smoke else _PLAIN_KBPS,
            settings=_SMOKE_SETTINGS if smoke else _SETTINGS,
            size=study_size(profile, clips=14, seconds=5.0),
            ablation_size=study_size(profile, clips=7, seconds=4.0),
            gains=(90, 150) if smoke else (80, 115, 150, 185),
            listening_s=2.0 if smoke else 6.0,
            failures=1 if smoke else 3,
            speed_s=2.0 if smoke else 10.0,
            speed_runs=1 if smoke else 3,
        )

    def rivals(self) -> list[Codec]:
        """The other codecs with all their settings."""
        return [
            get_codec(name, kbps) for name, several in self.settings.items() for kbps in several
        ]


def nearest(kbps: Sequence[float], wanted: float) -> float:
    """The bitrate of several that is nearest to a wanted one by its ratio."""
    return min(kbps, key=lambda one: max(one / wanted, wanted / one))

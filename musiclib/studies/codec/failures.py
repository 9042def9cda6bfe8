"""Clips to listen to, chosen by rule, and their sounds through several codecs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from musiclib.codecs import Codec, get_codec
from musiclib.datasets import Clip
from musiclib.errors import CodecError
from musiclib.evaluate import align
from musiclib.listen import Row, Sound
from musiclib.metrics import METRICS, bitrate_kbps
from musiclib.studies.codec.measuring import Make
from musiclib.studies.codec.plan import Plan
from musiclib.studies.introduction.material import excerpt

METRIC = "zimtohrli_mos"
SHOWN = (METRIC, "log_spectral_distance")


def ranked(pairs: pd.DataFrame, rival: str = "opus", metric: str = METRIC) -> pd.Series:
    """How much better the codec is than a rival at equal bytes, clip by clip.

    Args:
        pairs: Of :class:`musiclib.studies.codec.measuring.Measured`.
        rival: Value of the column `rival_codec`.
        metric: A metric of which more is better.

    Returns:
        Mean difference over the rival's settings by track, the worst first.
    """
    part = pairs[pairs["rival_codec"] == rival]
    gains = part[metric] - part[f"rival_{metric}"]
    return gains.groupby(part["track_id"]).mean().sort_values(kind="stable").rename("difference")


def chosen(order: pd.Series, worst: int) -> dict[str, str]:
    """Clips to listen to: those that fare worst, the middle one, and the one that fares best.

    Args:
        order: From :func:`ranked`.
        worst: How many of the worst.

    Returns:
        By track, why it is there; no track twice.
    """
    places = {place: "worst" if place == 0 else f"{place + 1}. worst" for place in range(worst)}
    places = {place: why for place, why in places.items() if place < len(order)}
    for place, why in ((len(order) // 2, "middle"), (len(order) - 1, "best")):
        places.setdefault(place, why)
    return {str(order.index[place]): why for place, why in sorted(places.items())}


_OURS, _OTHERS = (1.0, 3.0, 6.0, 12.0, 24.0), {"opus": (6, 12, 24), "mp3": (24,)}
_BESIDE = (1.0, 3.0, 6.0)


def heard(neural: Make, plan: Plan) -> dict[str, Codec]:
    """Codecs of the listening room: Melic at several bitrates, Opus and MP3.

    With the reference there are ten sounds a row, as many as a player has keys for.
    """
    ours = [neural(kbps) for kbps in _OURS if kbps in plan.kbps]
    others = [get_codec(name, kbps) for name, several in _OTHERS.items() for kbps in several]
    return {codec.label: codec for codec in [*ours, *others]}


def beside(neural: Make, plain: Make, plan: Plan) -> dict[str, Codec]:
    """The codec without and with its network, at the same bitrates."""
    rates = [kbps for kbps in _BESIDE if kbps in plan.kbps]
    return {
        f"{kbps:g} kbps, {words}": make(kbps)
        for kbps in rates
        for make, words in ((plain, "no network"), (neural, "restored"))
    }


def cut(clip: Clip, seconds: float) -> Clip:
    """The middle of a clip, for listening."""
    return excerpt(clip, seconds)


def coded_rows(
    clips: Sequence[Clip],
    titles: Mapping[str, str],
    notes: Mapping[str, str],
    codecs: Mapping[str, Codec],
) -> list[Row]:
    """Rows of a comparison: each clip, and what comes out of real files.

    A codec that has no such bitrate for one of the clips, because it is short, is left out.

    Args:
        clips: Mono clips.
        titles: By track.
        notes: By track: a few words for the row.
        codecs: Codecs by what a listener reads.
    """
    files: dict[str, list[bytes]] = {}
    for label, codec in codecs.items():
        try:
            files[label] = [codec.encode(clip.audio, clip.sample_rate) for clip in clips]
        except CodecError:
            continue
    rows = []
    for number, clip in enumerate(clips):
        sounds = [Sound("Reference", clip.audio, clip.sample_rate)]
        for label, several in files.items():
            codec, data = codecs[label], several[number]
            decoded = align(*codec.decode(data), clip.audio, clip.sample_rate)
            values = {name: METRICS[name](clip.audio, decoded, clip.sample_rate) for name in SHOWN}
            rate = bitrate_kbps(len(data), clip.seconds)
            sounds.append(Sound(label, decoded, clip.sample_rate, rate, values))
        rows.append(Row(titles[clip.track_id], sounds, note=notes[clip.track_id]))
    return rows

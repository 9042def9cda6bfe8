"""Parts of Melic: what each is worth, one changed at a time, on one clip an artist.

All variants share the gain of the quantiser, so most share the whole numbers too, and differ in how
these are written down or in what a decoder makes of them. Rates count the coded numbers, without
the header of a file: bytes that the entropy coder wrote, and for the three simple coders their
ideal code lengths.
"""

from collections.abc import Iterator
from functools import lru_cache

import torch

from musiclib.audio import FloatArray
from musiclib.codecs.melic import open_model
from musiclib.codecs.melic.entropy import (
    ContextTables,
    FrameEncoder,
    StaticTables,
    raw_bits,
    unmixed,
)
from musiclib.datasets import EXCERPT_S
from musiclib.evaluation import TOLERANCE, judge
from musiclib.evidence import BUNDLED, Experiment, Item, Parameters
from musiclib.mdct import mdct
from musiclib.models import PostFilter
from musiclib.models.learned_transform import LearnedTransform
from musiclib.models.transform import Frames, QuantiserSetting, quantised, synthesise
from musiclib.threads import one_thread
from musiclib.training.trained import trained

JUDGES: dict[str, float | None] = {"two_f_mushra": None, "zimtohrli_mos": EXCERPT_S}
"""With the seconds that each hears: all of a clip, or, where that takes long, the beginning."""
GAINS = (80, 105, 130, 155, 180, 205)  # about 21, 14, 7.5, 4, 2 and 1 kbps
BASE = "Melic without network"
NETWORKS = {
    "Melic": "codec-restorer",
    "Smaller network": "codec-restorer-128",
    "Smaller network, log spectra alone": "codec-restorer-128-log",
    "Smaller network, samples alone": "codec-restorer-128-waveform",
    "Smallest network": "codec-restorer-32",
}


def items(parameters: Parameters) -> list[Item]:
    """List each clip at each gain."""
    gains = GAINS[1:5] if parameters.profile == "smoke" else GAINS
    clips = parameters.slow_clips.tracks.index
    return [{"gain": gain, "clip": clip} for clip in clips for gain in gains]


def measure(parameters: Parameters, item: Item) -> Iterator[dict[str, object]]:
    """Code one clip with every variant at one gain, and let the judges hear each sound once."""
    gain = int(item["gain"])
    longest = parameters.seconds if parameters == BUNDLED else min(parameters.seconds, EXCERPT_S)
    clip = parameters.music.clip(str(item["clip"]), duration_s=longest)
    for bits, sound in variants(clip.audio, gain, parameters):
        heard = judge(JUDGES, clip, sound)
        for system, spent in bits.items():
            about = {
                "codec": "melic",
                "system": system,
                "setting": f"gain {gain}",
                "clip": clip.track_id,
                "artist": clip.unit,
                "genre": clip.genre,
                "seconds": clip.seconds,
                "kbps": spent / clip.seconds / 1000.0,
            }
            for said in heard:
                yield {**about, "metric": said["metric"], "value": said["value"]}


def variants(
    audio: FloatArray, gain: int, parameters: Parameters
) -> Iterator[tuple[dict[str, float], FloatArray]]:
    """Yield the bits of all variants that sound the same, and that sound."""
    spectrum, length, chosen = mdct(audio), len(audio), QuantiserSetting(gain)
    tables, blank = open_model().tables, ContextTables.untrained()

    def written(frames: Frames, known: ContextTables) -> float:
        return 8.0 * len(FrameEncoder(known).encode(frames.levels[None], frames.values[None], gain))

    frames = quantised(spectrum, chosen)
    alone = FrameEncoder(unmixed(tables))
    coders = {
        BASE: written(frames, tables),
        "Raw indices": raw_bits(frames),
        "Static histogram": StaticTables.shipped().bits(frames, gain),
        "One adaptive context": alone.cost(frames.levels[None], frames.values[None], gain),
        "Mixing from nothing": written(frames, blank),
    }
    yield coders, synthesise(frames, gain, length)
    for system, name in NETWORKS.items():
        network = _network(name, parameters)
        assert isinstance(network, PostFilter)
        with one_thread():
            repaired = network.synthesise(frames, gain, length)
        yield {system: coders[BASE]}, repaired
    for system, setting in (
        ("No dead zone", QuantiserSetting(gain, dead_zone=0.0)),
        ("Scale factors not smoothed", QuantiserSetting(gain, smoothing=0.0)),
    ):
        other = quantised(spectrum, setting)
        yield {system: written(other, tables)}, synthesise(other, gain, length)
    transform = _network("learned-transform", parameters)
    assert isinstance(transform, LearnedTransform)
    with one_thread():
        other = transform.analyse(audio, gain)
        sound = transform.synthesise(other, gain, length)
    # The trained tables know the numbers of the MDCT alone.
    yield {"Learned transform, mixing from nothing": written(other, blank)}, sound


@lru_cache(maxsize=8)
def _network(name: str, parameters: Parameters) -> torch.nn.Module:
    return trained(name, parameters.music).build_any().float()


EXPERIMENT = Experiment(items, measure, TOLERANCE, seeded=False, digits=6)

"""Causes: what is due to the music learned from, to the entropy coder, and to the network.

Melic and the spectrogram autoencoder are measured with each, on one clip an artist. All cells of a
codec share the settings of its quantiser. Rates count the coded numbers, without the header of a
file; those of histograms in Melic are ideal code lengths, all others bytes.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from musiclib.audio import FloatArray
from musiclib.codecs import payload_bytes
from musiclib.codecs.latent import AutoencoderCodec, open_checkpoint
from musiclib.codecs.melic import Model, open_model
from musiclib.codecs.melic.entropy import ContextTables, FrameEncoder, StaticTables
from musiclib.datasets import EXCERPT_S, Clip
from musiclib.evaluation import TOLERANCE, align, judge
from musiclib.evidence import BUNDLED, Experiment, Item, Parameters
from musiclib.mdct import mdct
from musiclib.models.transform import QuantiserSetting, quantised, synthesise
from musiclib.threads import one_thread
from musiclib.training.trained import shipped_folder

JUDGES: dict[str, float | None] = {"two_f_mushra": None, "zimtohrli_mos": EXCERPT_S}
"""With the seconds that each hears: all of a clip, or, where that takes long, the beginning."""
MELIC, AUTOENCODER = "Melic", "Spectrogram autoencoder"
HISTOGRAM, MIXING = "histogram", "mixing"
HOURS = (1, 29)
SETTINGS = {MELIC: (80, 105, 130, 155, 180, 205), AUTOENCODER: (-8, -5, -2, 1, 4, 7)}
AUTOENCODERS = {1: "rate-18-hour", 29: "rate-18"}


def items(parameters: Parameters) -> list[Item]:
    """List each clip with each setting of either codec."""
    chosen = slice(1, 5) if parameters.profile == "smoke" else slice(None)
    return [
        {"codec": codec, "setting": setting, "clip": clip}
        for clip in parameters.slow_clips.tracks.index
        for codec, settings in SETTINGS.items()
        for setting in settings[chosen]
    ]


def measure(parameters: Parameters, item: Item) -> Iterator[dict[str, object]]:
    """Code one clip in every cell at one setting, and let the judges hear each sound once."""
    longest = parameters.seconds if parameters == BUNDLED else min(parameters.seconds, EXCERPT_S)
    clip = parameters.music.clip(str(item["clip"]), duration_s=longest)
    codec, setting = str(item["codec"]), int(item["setting"])
    for bits, network, sound in (_melic if codec == MELIC else _autoencoder)(clip, setting):
        heard = judge(JUDGES, clip, sound)
        for (hours, entropy), spent in bits.items():
            about = {
                "codec": codec,
                "system": name(codec, hours, entropy, network),
                "music_hours": hours,
                "entropy": entropy,
                "network": network,
                "setting": f"{'gain' if codec == MELIC else 'step'} {setting}",
                "clip": clip.track_id,
                "artist": clip.unit,
                "genre": clip.genre,
                "seconds": clip.seconds,
                "kbps": spent / clip.seconds / 1000.0,
            }
            for said in heard:
                yield {**about, "metric": said["metric"], "value": said["value"]}


def name(codec: str, hours: int, entropy: str, network: bool) -> str:
    """Return what a cell is called in the column `system`."""
    parts = [codec, "1 hour" if hours == 1 else f"{hours} hours", entropy]
    return ", ".join([*parts, "network"] if network else parts)


Bits = Mapping[tuple[int, str], float]  # by hours and entropy coder


def _melic(clip: Clip, gain: int) -> Iterator[tuple[Bits, bool, FloatArray]]:
    """Yield bits of the cells that sound the same, whether a network works there, and the sound."""
    frames = quantised(mdct(clip.audio), QuantiserSetting(gain))
    bits = {}
    for hours in HOURS:
        model, histogram = _model(hours)
        written = FrameEncoder(model.tables).encode(frames.levels[None], frames.values[None], gain)
        bits[hours, HISTOGRAM] = histogram.bits(frames, gain)
        bits[hours, MIXING] = 8.0 * len(written)
    yield bits, False, synthesise(frames, gain, len(clip.audio))
    for hours in HOURS:
        with one_thread():
            sound = _model(hours)[0].post_filter.synthesise(frames, gain, len(clip.audio))
        own = {cell: spent for cell, spent in bits.items() if cell[0] == hours}
        yield own, True, sound


def _autoencoder(clip: Clip, step: int) -> Iterator[tuple[Bits, bool, FloatArray]]:
    for hours, model in AUTOENCODERS.items():
        checkpoint, bits = open_checkpoint(model), {}
        for entropy, kind in ((HISTOGRAM, "tables"), (MIXING, "mixing")):
            codec = AutoencoderCodec(checkpoint, step, entropy=kind)
            data = codec.encode(clip.audio, clip.sample_rate)
            bits[hours, entropy] = 8.0 * payload_bytes(data)
        yield bits, False, align(*codec.decode(data), clip.audio, clip.sample_rate)


@lru_cache(maxsize=2)
def _model(hours: int) -> tuple[Model, StaticTables]:
    """Return tables and network of Melic, and histograms, that learned from as much music."""
    if hours == HOURS[-1]:
        return open_model(), StaticTables.shipped()
    tables = ContextTables.load(shipped_folder() / "codec-tables-hour.npz")
    histogram = StaticTables.shipped("codec-tables-hour-static")
    return Model(tables, open_checkpoint("codec-restorer-hour")), histogram


EXPERIMENT = Experiment(items, measure, TOLERANCE, seeded=False, digits=6)

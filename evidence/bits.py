"""Bits: quality, genre and track identification from the same files, at several rates.

An item is a coder at one setting. All tracks of the scored genres are written as files, by models
that have heard no artist of the bundled music. What a file holds is shown to the classifier of
genre without decoding it to sound. Rates and quality are those of the test part, since the tables
and the network of Melic have heard the other artists; the judges hear one clip an artist.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.codecs.latent import AutoencoderCodec, open_checkpoint
from musiclib.codecs.melic import MelicCodec
from musiclib.datasets import EXCERPT_S, Clip
from musiclib.evaluation import TOLERANCE, align, judge
from musiclib.evidence import BUNDLED, Experiment, Item, Parameters, Tolerance
from musiclib.features import RICH, CodedFrames, InMemory, pooled
from musiclib.features.pooling import identified
from musiclib.features.representations import peak_normalize
from musiclib.genre.crossval import cross_validate, hits
from musiclib.genre.systems import BEST, DEALINGS, PIECE_S, encoder, tracks_with_folds
from musiclib.mdct import SIZE

JUDGES: Final[dict[str, float | None]] = {"two_f_mushra": None, "zimtohrli_mos": EXCERPT_S}
SETTINGS: Final = {
    "Spectrogram autoencoder": (-8, -4, 0, 4, 8, 12),  # steps in quarters of an octave
    "Residual vector quantiser": (-26, -16, -8, -4, -2, -1),  # stages
    "Melic": (80, 105, 130, 155, 180, 205),  # gains
}
MODELS: Final = {"Spectrogram autoencoder": BEST, "Residual vector quantiser": "rvq"}


def items(parameters: Parameters) -> list[Item]:
    """List coders and settings."""
    if parameters.profile == "smoke":
        return [{"system": "Melic", "setting": gain} for gain in SETTINGS["Melic"][2:4]]
    return [{"system": s, "setting": one} for s, some in SETTINGS.items() for one in some]


def measure(parameters: Parameters, item: Item) -> Iterator[dict[str, object]]:
    """Write all files of one setting, read them, recognise, and let the judges hear some."""
    tracks, setting = tracks_with_folds(parameters), int(item["setting"])
    test = tracks[tracks["split"] == "test"]
    heard = set(test.index[~test["artist_group"].duplicated()])
    values: dict[str, FloatArray] = {}
    rows: list[tuple[str, str, float]] = []
    for name in map(str, tracks.index):
        clip = parameters.music.clip(name, HOUSE_RATE, duration_s=parameters.seconds)
        data, values[name], decode = _coded(str(item["system"]), setting, clip)
        if name in test.index:
            rows.append((name, "kbps", 8.0 * len(data) / clip.seconds / 1000.0))
        if name in heard:
            sound = align(*decode(), clip.audio, clip.sample_rate)
            said = judge(JUDGES, clip, sound)
            rows += [(name, str(one["metric"]), float(str(one["value"]))) for one in said]
    found = InMemory(tracks, values, _rate(str(item["system"])), str(item["system"]))
    pieces = pooled(found, PIECE_S, RICH)
    names, starts = pieces.rows["track_id"].to_numpy(), pieces.rows["start_s"].to_numpy()
    own, _ = identified(pieces.values, names, starts, 1.01 * PIECE_S, names)
    shares = pd.Series(own).groupby(names).mean().dropna()
    rows += [(str(name), "track", float(value)) for name, value in shares.items()]
    dealings = [tracks_with_folds(parameters, number) for number in range(DEALINGS)]
    said = pd.concat([cross_validate(lambda _: pieces, one) for one in dealings]).reset_index()
    genre = hits(said.assign(system=""), tracks)[""]
    rows += [(str(name), "genre", float(value)) for name, value in genre.items()]
    for name, metric, value in rows:
        yield {**item, "track_id": name, "metric": metric, "value": value}


def _coded(system: str, setting: int, clip: Clip) -> tuple:
    """Return a file, what it holds as a sequence, and how to decode it to sound."""
    if system == "Melic":
        of, codec = CodedFrames(setting), _melic(setting)
        data = codec.encode(peak_normalize(clip.audio), HOUSE_RATE)
        gain = float(np.abs(peak_normalize(clip.audio)).max() / max(np.abs(clip.audio).max(), 1e-9))

        def decode() -> tuple[FloatArray, int]:
            sound, rate = codec.decode(data)
            return (sound / np.float32(gain)).astype(np.float32), rate

        return data, of(clip.audio), decode
    codec = _autoencoder(MODELS[system], setting)
    data = codec.encode(clip.audio, HOUSE_RATE)
    return data, codec.decode_latents(data), lambda: codec.decode(data)


def _rate(system: str) -> float:
    """Return the frames in a second of what a coder's files hold."""
    if system == "Melic":
        return HOUSE_RATE / SIZE
    return HOUSE_RATE / encoder(BUNDLED, MODELS[system], 1).build().latent_hop


@lru_cache(maxsize=2)
def _melic(gain: int) -> MelicCodec:
    return MelicCodec(gain=gain)


@lru_cache(maxsize=2)
def _autoencoder(name: str, step: int) -> AutoencoderCodec:
    return AutoencoderCodec(open_checkpoint(f"{name}-apart"), step=step)


TOLERANCES = {
    **TOLERANCE,
    "genre": Tolerance(absolute=0.5),
    "track": Tolerance(absolute=0.2),
    "kbps": Tolerance(relative=0.02),
}

EXPERIMENT = Experiment(items, measure, TOLERANCES, seeded=False, digits=5)

"""The codec with one part changed at a time, at equal quantiser settings: rates and sounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from musiclib.audio import FloatArray
from musiclib.codecs import Codec
from musiclib.codecs.melic.entropy import ContextTables, FrameEncoder
from musiclib.codecs.melic.entropy.baselines import StaticTables, raw_bits, unmixed
from musiclib.datasets import Clip
from musiclib.evaluate import align
from musiclib.mdct import imdct, mdct
from musiclib.metrics import METRICS
from musiclib.models.learned_transform import LearnedTransform
from musiclib.models.restorer import Restorer, spectrum_batch
from musiclib.models.transform import Frames, Setting, dequantise, quantised, synthesise
from musiclib.studies.rate_tables import measure_clip
from musiclib.training.recipes import RESTORER

METRIC_NAMES = ("zimtohrli_mos", "log_spectral_distance")
BASE = "network-free"
RESTORED = f"restored: {RESTORER}"
"""Variant with the codec's own network."""
ROUNDING, UNSMOOTHED = "plain rounding", "levels not smoothed"
RAW, STATIC, ADAPTIVE, UNTRAINED, TRAINED = "raw", "static", "adaptive", "mixing", "trained"
ENTROPY_NAMES = {
    RAW: "raw indices",
    STATIC: "static tables",
    ADAPTIVE: "adaptive contexts",
    UNTRAINED: "mixing, from nothing",
    TRAINED: "mixing, trained",
}
"""What a reader calls the entropy models."""
# What adapts where nothing is mixed: of levels the band and how long it has not changed, of values
# the sizes around a value, near and far.
_LEVEL_CONTEXT, _VALUE_CONTEXT = 0, 6


@dataclass(frozen=True, eq=False)
class Parts:
    """What the variants are put together from.

    Attributes:
        trained: The entropy coder's statistics as they are shipped.
        untrained: The same before any music.
        restorers: Restoring networks by the names of their recipes, in evaluation mode.
        transforms: Learned transforms, likewise.
        static: Counts of training music that do not adapt.
    """

    trained: ContextTables
    untrained: ContextTables
    restorers: Mapping[str, Restorer]
    transforms: Mapping[str, LearnedTransform]
    static: StaticTables


def coded_bytes(frames: Frames, gain: int, tables: ContextTables) -> tuple[int, float]:
    """Bytes of a piece that the entropy coder writes, and the ideal bits of its model."""
    levels, values = frames.levels[None], frames.values[None]
    ideal = FrameEncoder(tables).cost(levels, values, gain)
    return len(FrameEncoder(tables).encode(levels, values, gain)), ideal


def restored(restorer: Restorer, frames: Frames, gain: int, n_samples: int) -> FloatArray:
    """Decoded sound `(N,)` with a restoring network."""
    spectrum = dequantise(frames.values, frames.levels, gain)
    with torch.inference_mode():
        repaired = restorer(spectrum_batch([spectrum], [frames.levels]))[0].numpy()
    return imdct(repaired, n_samples)


def compare_parts(clips: Iterable[Clip], gains: Sequence[int], parts: Parts) -> pd.DataFrame:
    """Every variant of the transform coder on every clip, at the same gains.

    Sizes are those of the entropy coder's bytes (of ideal code lengths for the simple models),
    without the few bytes of a file's header.

    Args:
        clips: Mono clips at 24 kHz.
        gains: Of the quantiser.
        parts: What there is to choose from.

    Returns:
        One row for each clip, variant and gain: `track_id`, `genre`, `codec` (the variant),
        `setting` and `label`, `gain`, `seconds`, `kbps`, `ideal_kbps` (of the mixing models) and
        :data:`METRIC_NAMES`. Variants are :data:`BASE` (mixing, trained, no network),
        :data:`ROUNDING`, :data:`UNSMOOTHED`, `restored: <name>` for each network,
        `transform: <name>` for each learned transform (mixing, untrained, since the tables were
        trained on the MDCT) and `entropy: <name>` for each of :data:`ENTROPY_NAMES`, all but the
        third kind without network.
    """
    rows: list[dict[str, object]] = []
    for clip in clips:
        spectrum = mdct(clip.audio)
        for gain in gains:
            rows += _at_gain(clip, spectrum, gain, parts)
    return pd.DataFrame(rows)


def _at_gain(clip: Clip, spectrum: FloatArray, gain: int, parts: Parts) -> list[dict[str, object]]:
    n_samples = len(clip.audio)
    plain = Setting(gain)
    frames = quantised(spectrum, plain)
    n_bytes, ideal = coded_bytes(frames, gain, parts.trained)
    fresh_bytes, fresh_ideal = coded_bytes(frames, gain, parts.untrained)
    base = _quality(clip, synthesise(frames, gain, n_samples))
    rows = [_row(clip, BASE, gain, 8.0 * n_bytes, base)]
    for name, setting in (
        (ROUNDING, replace(plain, dead_zone=0.0)),
        (UNSMOOTHED, replace(plain, smoothing=0.0)),
    ):
        other = quantised(spectrum, setting)
        size, _ = coded_bytes(other, gain, parts.trained)
        quality = _quality(clip, synthesise(other, gain, n_samples))
        rows.append(_row(clip, name, gain, 8.0 * size, quality))
    for name, restorer in parts.restorers.items():
        quality = _quality(clip, restored(restorer, frames, gain, n_samples))
        rows.append(_row(clip, f"restored: {name}", gain, 8.0 * n_bytes, quality))
    for name, transform in parts.transforms.items():
        other = transform.analyse(clip.audio, gain)
        size, _ = coded_bytes(other, gain, parts.untrained)
        quality = _quality(clip, transform.synthesise(other, gain, n_samples))
        rows.append(_row(clip, f"transform: {name}", gain, 8.0 * size, quality))
    alone = unmixed(parts.untrained, _LEVEL_CONTEXT, _VALUE_CONTEXT)
    bits = {
        RAW: raw_bits(frames),
        STATIC: parts.static.bits(frames, gain),
        ADAPTIVE: FrameEncoder(alone).cost(frames.levels[None], frames.values[None], gain),
        UNTRAINED: 8.0 * fresh_bytes,
        TRAINED: 8.0 * n_bytes,
    }
    ideals = {UNTRAINED: fresh_ideal, TRAINED: ideal}
    rows += [
        _row(clip, entropy(name), gain, spent, base, ideals.get(name, spent))
        for name, spent in bits.items()
    ]
    return rows


def compare_codecs(clips: Iterable[Clip], codecs: Mapping[str, Sequence[Codec]]) -> pd.DataFrame:
    """Other representations as codecs, in rows like those of :func:`compare_parts`.

    Args:
        clips: Mono clips.
        codecs: Settings of a codec by what it is called.
    """
    rows = []
    for clip in clips:
        for name, several in codecs.items():
            measured, _ = measure_clip(clip, several, METRIC_NAMES)
            rows += [row | {"codec": name} for row in measured]
    return pd.DataFrame(rows)


def entropy(name: str) -> str:
    """The variant of an entropy model."""
    return f"entropy: {name}"


def called(table: pd.DataFrame) -> dict[str, str]:
    """What a reader calls the variants of a table."""
    names = {}
    for variant in table["codec"].unique():
        kind, _, name = str(variant).partition(": ")
        words = {
            "restored": f"restored by {name}",
            "transform": f"{name} (mixing from nothing)",
            "entropy": f"MDCT, {ENTROPY_NAMES.get(name, name)}",
        }
        names[str(variant)] = words.get(kind, kind)
    names[BASE] = "MDCT, without network"
    names[ROUNDING] = "MDCT, no dead zone"
    names[UNSMOOTHED] = "MDCT, levels not smoothed"
    return {variant: words for variant, words in names.items() if variant in set(table["codec"])}


def drawn(table: pd.DataFrame) -> dict[str, str]:
    """Variants for a figure of quality, by their names: all whose sound differs.

    Of several restoring networks the codec's own is taken.
    """
    return {
        variant: words
        for variant, words in called(table).items()
        if not variant.startswith(("entropy: ", "restored: ")) or variant == RESTORED
    }


def restorers(table: pd.DataFrame) -> dict[str, str]:
    """Variants with a restoring network, by the names of their recipes."""
    return {
        variant: variant.removeprefix("restored: ")
        for variant in map(str, table["codec"].unique())
        if variant.startswith("restored: ")
    }


def ablation(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Pairs of a variant and what it is fairly compared with.

    Args:
        table: Of :func:`compare_parts`, joined with that of :func:`compare_codecs`.
    """
    there = [str(name) for name in table["codec"].unique()]
    kinds = {name: name.partition(": ")[0] for name in there}
    nothing = entropy(UNTRAINED)
    others = [
        name
        for name in there
        if kinds[name] not in ("restored", "transform", "entropy")
        and name not in (BASE, ROUNDING, UNSMOOTHED)
    ]
    restored_ones = [name for name in there if kinds[name] == "restored"]
    return [
        *((name, BASE) for name in others),
        *((name, nothing) for name in there if kinds[name] == "transform"),
        *((name, BASE) for name in restored_ones),
        *((name, BASE) for name in (ROUNDING, UNSMOOTHED)),
        *((entropy(TRAINED), entropy(name)) for name in (STATIC, ADAPTIVE, UNTRAINED)),
        *((name, nothing) for name in restored_ones),
    ]


def _quality(clip: Clip, sound: FloatArray) -> dict[str, float]:
    decoded = align(sound, clip.sample_rate, clip.audio, clip.sample_rate)
    return {name: METRICS[name](clip.audio, decoded, clip.sample_rate) for name in METRIC_NAMES}


def _row(
    clip: Clip,
    variant: str,
    gain: int,
    bits: float,
    quality: Mapping[str, float],
    ideal_bits: float = np.nan,
) -> dict[str, object]:
    return {
        "track_id": clip.track_id,
        "genre": clip.genre,
        "codec": variant,
        "setting": f"gain {gain}",
        "label": f"{variant}, gain {gain}",
        "gain": gain,
        "seconds": clip.seconds,
        "kbps": bits / clip.seconds / 1000.0,
        "ideal_kbps": ideal_bits / clip.seconds / 1000.0,
        **quality,
    }

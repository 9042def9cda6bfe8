"""The models as codecs: real bytes, the error of decoded magnitudes, and sounds."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from musiclib.audio import FloatArray
from musiclib.codecs.latent import AutoencoderCodec
from musiclib.datasets import Clip
from musiclib.evaluate import align
from musiclib.listen import Rendered, Row, Sound, comparison
from musiclib.metrics import bitrate_kbps, log_spectral_distance, zimtohrli_mos
from musiclib.models.frames import FrameAutoencoder
from musiclib.models.losses import DB_PER_NEPER
from musiclib.stats import Interval, mean_interval
from musiclib.stft import log_magnitude
from musiclib.studies.roche.models import BASELINE, LABELS, Key
from musiclib.studies.roche.tables import difference, signed
from musiclib.training.checkpoint import Checkpoint

CODED = ("pca", "deep", "lstm", "vae")
SIZES = (16, 64)
STEPS = (-20, -16, -12, -8)
"""Steps of the quantiser, fine to coarse, in quarters of an octave."""


def magnitude_rmse_db(clip: Clip, magnitudes: FloatArray, model: FrameAutoencoder) -> float:
    """Error of decoded magnitudes, as the chapter measures unquantised models.

    Args:
        clip: The original.
        magnitudes: Decoded ones at the clip's level, ``(F, T)``.
        model: Whose STFT, level and offset are used.

    Returns:
        RMSE of log magnitudes in dB.
    """
    with torch.inference_mode():
        levelled, gain = model.levelled(torch.tensor(clip.audio)[None])
        target = model.spectrogram.logs(levelled)[0]
        found = log_magnitude(torch.from_numpy(magnitudes) * gain[0], model.spectrogram.offset)
        return float((found - target).square().mean().sqrt()) * DB_PER_NEPER


def coding_table(
    checkpoints: Mapping[Key, Checkpoint],
    models: Mapping[Key, FrameAutoencoder],
    clips: Mapping[str, Clip],
    steps: Sequence[int] = STEPS,
) -> pd.DataFrame:
    """Real bitrate and error of decoded magnitudes for several steps of the quantiser.

    Args:
        checkpoints: Of the models to code with.
        models: The same models, built.
        clips: By track identifier.
        steps: In quarters of an octave.

    Returns:
        One row for each model, step and clip: ``family``, ``size``, ``step``, ``track_id``,
        ``artist``, ``kbps``, ``rmse_db``.
    """
    rows = []
    for (family, size), checkpoint in checkpoints.items():
        for step in steps:
            codec = AutoencoderCodec(checkpoint, step=step)
            for name, clip in clips.items():
                data = codec.encode(clip.audio, clip.sample_rate)
                decoded = codec.decode_magnitudes(data)
                rows.append(
                    {
                        "family": family,
                        "size": size,
                        "step": step,
                        "track_id": name,
                        "artist": clip.unit,
                        "kbps": bitrate_kbps(len(data), clip.seconds),
                        "rmse_db": magnitude_rmse_db(clip, decoded, models[family, size]),
                    }
                )
    return pd.DataFrame(rows)


def at_equal_rate(
    coded: pd.DataFrame, family: str, size: int, step: int, baseline: str = BASELINE
) -> Interval | None:
    """Error of a family minus that of the baseline, at the baseline's own bytes.

    For each clip the family's error is read off the line through its steps, at the bitrate that
    the baseline has at one step. Where its steps don't reach that rate on all clips, there is no
    interval.

    Args:
        coded: Result of :func:`coding_table`, with several steps.
        family: A family.
        size: Values for a frame.
        step: Step of the baseline.
        baseline: Another family.

    Returns:
        Interval of the paired difference in dB; None where no clip is left.
    """
    part = coded[coded["size"] == size]
    gaps = {}
    for name, clip in part.groupby(["artist", "track_id"]):
        base = clip[(clip["family"] == baseline) & (clip["step"] == step)].iloc[0]
        line = clip[clip["family"] == family].sort_values("kbps")
        own = np.interp(np.log(base["kbps"]), np.log(line["kbps"]), line["rmse_db"], np.nan, np.nan)
        gaps[name] = float(own) - float(base["rmse_db"])
    known = {name: gap for name, gap in gaps.items() if np.isfinite(gap)}
    if not known:
        return None
    found = mean_interval(list(known.values()), [artist for artist, _ in known])
    if len(known) < len(gaps):
        return Interval(found.mean, math.nan, math.nan, found.n)
    return found


def inner_steps(coded: pd.DataFrame) -> list[int]:
    """Steps of a coding table without the finest and the coarsest, fine to coarse.

    Only there do the curves of other models reach the bitrates of one of them.
    """
    steps = sorted(int(step) for step in coded["step"].unique())
    return steps[1:-1] or steps


def equal_rate_table(
    coded: pd.DataFrame, exact: pd.DataFrame, baseline: str = BASELINE
) -> pd.DataFrame:
    """Differences to the baseline before quantisation and at its bytes, for the same clips.

    Args:
        coded: Result of :func:`coding_table`.
        exact: Result of :func:`musiclib.studies.roche.spectra.clip_table`, with these clips.
        baseline: A family.

    Returns:
        One row for each other family and size. Columns: ``not quantised``, and one for each inner
        step with the baseline's mean bitrate, as texts.
    """
    same = exact[exact["track_id"].isin(coded["track_id"])]
    rows = {}
    for family, size in _others(coded, baseline):
        cells = {"not quantised": _text(difference(same, family, baseline, size))}
        chosen = coded[(coded["family"] == baseline) & (coded["size"] == size)]
        for number, step in enumerate(inner_steps(coded), start=1):
            kbps = chosen[chosen["step"] == step]["kbps"].mean()
            gap = at_equal_rate(coded, family, size, step, baseline)
            cells[f"step {number}"] = (
                "not comparable" if gap is None else f"{_text(gap)} at {kbps:.1f} kbps"
            )
        rows[f"{LABELS[family]}, {size} values"] = cells
    return pd.DataFrame.from_dict(rows, orient="index")


def survival(coded: pd.DataFrame, exact: pd.DataFrame, baseline: str = BASELINE) -> dict[str, str]:
    """Whether a family's standing against the baseline survives quantisation, in words.

    Args:
        coded: Result of :func:`coding_table`.
        exact: Result of :func:`musiclib.studies.roche.spectra.clip_table`, with these clips.
        baseline: A family.

    Returns:
        A sentence without its full stop for each other family.
    """
    same = exact[exact["track_id"].isin(coded["track_id"])]
    before: dict[str, list[int]] = {}
    after: dict[str, list[int]] = {}
    for family, size in _others(coded, baseline):
        before.setdefault(family, []).append(difference(same, family, baseline, size).sign)
        found = [at_equal_rate(coded, family, size, step, baseline) for step in inner_steps(coded)]
        after.setdefault(family, []).extend(gap.sign for gap in found if gap is not None)
    return {
        family: f"without quantisation it is {_counted(before[family])} sizes, and at equal bytes "
        f"{_counted(after[family])} settings"
        for family in before
    }


def _others(coded: pd.DataFrame, baseline: str) -> list[Key]:
    pairs = coded[coded["family"] != baseline][["size", "family"]].drop_duplicates()
    return [
        (str(row.family), int(row.size_))
        for row in pairs.set_axis(["size_", "family"], axis=1)
        .sort_values("size_", kind="stable")
        .itertuples()
    ]


def _counted(signs: Sequence[int]) -> str:
    words = {-1: "better", 1: "worse", 0: "not settled"}
    parts = [f"{word} at {signs.count(value)}" for value, word in words.items() if value in signs]
    return f"{' and '.join(parts) or 'comparable at none'} of {len(signs)}"


def _text(interval: Interval) -> str:
    ends = f" [{signed(interval.low)},\N{NO-BREAK SPACE}{signed(interval.high)}]"
    return signed(interval.mean) + ("" if np.isnan(interval.low) else ends)


def players(
    checkpoints: Mapping[Key, Checkpoint],
    clips: Mapping[str, Clip],
    titles: Mapping[str, str],
    kbps: float,
    caption: str,
) -> Rendered:
    """Clips through each model as a codec, at one bitrate.

    Args:
        checkpoints: A model of each family, in the order of the columns.
        clips: By track identifier.
        titles: Title of each clip.
        kbps: Highest bitrate of each file.
        caption: What is compared.

    Returns:
        An object that a notebook shows.
    """
    rows = []
    for name, clip in clips.items():
        sounds = [Sound("Original", clip.audio, clip.sample_rate)]
        for (family, size), checkpoint in checkpoints.items():
            codec = AutoencoderCodec(checkpoint, kbps=kbps)
            data = codec.encode(clip.audio, clip.sample_rate)
            decoded = align(*codec.decode(data), clip.audio, clip.sample_rate)
            figures = {
                "log_spectral_distance": log_spectral_distance(clip.audio, decoded),
                "zimtohrli_mos": zimtohrli_mos(clip.audio, decoded, clip.sample_rate),
            }
            rate = bitrate_kbps(len(data), clip.seconds)
            sounds.append(
                Sound(f"{LABELS[family]}, {size}", decoded, clip.sample_rate, rate, figures)
            )
        rows.append(Row(titles[name], sounds, note=f"{clip.artist}, {clip.genre}"))
    return comparison(rows, caption)


def spread(clips: Mapping[str, Clip], count: int) -> dict[str, Clip]:
    """Some clips, of each genre in turn.

    Args:
        clips: By track identifier.
        count: Largest number.

    Returns:
        A part of the clips, in their order.
    """
    seen: dict[str, int] = {}
    turns = {}
    for name, clip in clips.items():
        turns[name] = seen[clip.genre] = seen.get(clip.genre, -1) + 1
    chosen = sorted(clips, key=lambda name: turns[name])[:count]
    return {name: clip for name, clip in clips.items() if name in chosen}


def bright_clips(clips: Mapping[str, Clip], count: int) -> dict[str, Clip]:
    """Clips to listen to: of the genres in turn, the one with the most energy above 2 kHz.

    Dull clips hardly show what a model of spectra does.

    Args:
        clips: By track identifier.
        count: Largest number.

    Returns:
        A part of the clips, of different genres as far as there are as many.
    """
    bright = {name: _brightness(clip) for name, clip in clips.items()}
    ranked = sorted(clips, key=lambda name: -bright[name])
    chosen: list[str] = []
    for name in ranked:
        genres = {clips[other].genre for other in chosen}
        if len(chosen) < count and clips[name].genre not in genres:
            chosen.append(name)
    chosen += [name for name in ranked if name not in chosen][: count - len(chosen)]
    return {name: clips[name] for name in chosen}


def _brightness(clip: Clip) -> float:
    power = np.abs(np.fft.rfft(clip.audio.astype(np.float64))) ** 2
    hertz = np.fft.rfftfreq(len(clip.audio), 1.0 / clip.sample_rate)
    return float(power[hertz > 2000.0].sum() / max(float(power.sum()), 1e-30))

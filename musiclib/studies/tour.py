"""The front page's tour: one clip, a traditional codec, an autoencoder and the book's own codec.

All write no more bytes than the traditional one.

The clip is the typical one: the one whose difference between the two is the median of all clips
of the tour. So it was chosen by a rule, and flatters neither.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from musiclib import figures
from musiclib.codecs import CODEC_TITLES, MELIC, Codec, get_codec
from musiclib.codecs.latent import AutoencoderCodec
from musiclib.datasets import Clip, Dataset
from musiclib.evaluate import align
from musiclib.listen import Rendered, Row, Sound, comparison
from musiclib.metrics import METRICS, bitrate_kbps
from musiclib.stats import Interval, mean_interval
from musiclib.studies.compression import rates
from musiclib.studies.excerpts import excerpts, study_size, titles
from musiclib.studies.rate_tables import rate_distortion, summarise
from musiclib.training.checkpoint import Checkpoint
from musiclib.training.trained import trained

MODEL = "wideband-64"
RIVAL = ("opus", 8)
METRIC = "zimtohrli_mos"
MEASURES = (METRIC, "log_spectral_distance", "si_sdr")

_SETTINGS = {"opus": (6, 8, 12, 16, 24), "mp3": (8, 16, 24)}
_STEPS, _KBPS = (-28, -20, -12, -6), (1.5, 6.0, 16.0)
_SMOKE_SETTINGS, _SMOKE_STEPS, _SMOKE_KBPS = {"opus": (8, 16), "mp3": (16,)}, (-12,), (6.0,)
_CLIPS, _SECONDS = 8, 4.0


@dataclass(frozen=True)
class Tour:
    """What the tour measured.

    Attributes:
        clip: The typical clip.
        title: Its title.
        table: Every clip through every codec, from `musiclib.studies.rate_tables.rate_distortion`.
        pairs: One row for each clip, the autoencoder within the bytes of the rival, from
            `musiclib.studies.compression.rates.matched`.
        checkpoint: The autoencoder.
    """

    clip: Clip
    title: str
    table: pd.DataFrame
    pairs: pd.DataFrame
    checkpoint: Checkpoint

    @property
    def clips(self) -> int:
        """Number of clips."""
        return len(self.pairs)

    def gain(self, metric: str = METRIC) -> Interval:
        """The autoencoder's mean less the rival's, with a 95 % interval over artists.

        Args:
            metric: One of `MEASURES`.
        """
        ours, theirs = self.pairs[metric], self.pairs[f"rival_{metric}"]
        known = ours.notna() & theirs.notna()  # SI-SDR is not defined everywhere
        return mean_interval((ours - theirs)[known], self.pairs["artist"][known])


def take(dataset: Dataset, profile: str, seed: int) -> Tour:
    """Measure what the tour shows.

    Args:
        dataset: All its splits; clips come from the test part.
        profile: `smoke`, `mini` or `retrain`.
        seed: Seed of training, where the profile trains.

    Returns:
        The tour.

    Raises:
        DatasetError: No test clip is usable, or there is no such profile.
    """
    found = excerpts(dataset, study_size(profile, _CLIPS, _SECONDS))
    clips = list(found.values())
    checkpoint = trained(MODEL, dataset, profile, seed)
    table = rate_distortion(_codecs(checkpoint, profile), clips, MEASURES)
    rival = get_codec(*RIVAL)
    pairs = rates.matched({MODEL: checkpoint}, [rival], clips, math.inf, MEASURES, table)
    typical = clips[_typical((pairs[METRIC] - pairs[f"rival_{METRIC}"]).to_numpy(float))]
    return Tour(typical, titles(found)[typical.track_id], table, pairs, checkpoint)


def picture(tour: Tour) -> tuple[Figure, Axes]:
    """Predicted quality over the real bitrate, with 95 % intervals over artists.

    Args:
        tour: From `take`.
    """
    return figures.rate_distortion(summarise(tour.table), METRIC)


def three_sounds(tour: Tour) -> Rendered:
    """The typical clip through three codecs, after its reference: rival, autoencoder, neural.

    Args:
        tour: From `take`.
    """
    clip, rival = tour.clip, get_codec(*RIVAL)
    first = rival.encode(clip.audio, clip.sample_rate)
    budget = bitrate_kbps(len(first), clip.seconds)
    learned, neural = AutoencoderCodec(tour.checkpoint, kbps=budget), get_codec(MELIC, budget)
    sounds = [
        Sound("Reference", clip.audio, clip.sample_rate),
        _sound(rival.label, rival, first, clip),
        _sound("Autoencoder", learned, learned.encode(clip.audio, clip.sample_rate), clip),
        _sound(CODEC_TITLES[MELIC], neural, neural.encode(clip.audio, clip.sample_rate), clip),
    ]
    said = (
        f"{clip.seconds:.0f} s of a test clip. The autoencoder and {CODEC_TITLES[MELIC]}, the "
        f"neural codec of this book, may write no more bytes than the file of {rival.label} has."
    )
    row = Row(tour.title, sounds, note=f"{clip.artist}, {clip.genre.replace('_', ' ')}")
    return comparison([row], said, spectrograms=True)


def heard(tour: Tour) -> str:
    """What the listening model says of the two at the same bytes, in two sentences of Markdown."""
    gain = tour.gain()
    verdict = {
        1: "rates the autoencoder higher",
        -1: f"rates {get_codec(*RIVAL).label} higher",
        0: "does not settle which of the two is better",
    }[gain.sign]
    between = f" (95 % interval {_signed(gain.low)} to {_signed(gain.high)})"
    exact = tour.gain("si_sdr")
    return (
        f"Over {_clips(tour)}, a model of hearing {verdict}: the mean difference is "
        f"**{_signed(gain.mean)}** of 5{'' if math.isnan(gain.low) else between}. "
        "Sample by sample the verdict is another: the autoencoder sends no phase, and its "
        "signal-to-distortion ratio differs from the codec's by "
        f"{_signed(exact.mean, 0)} dB."
    )


def seen(tour: Tour) -> str:
    """Where each system wins in the picture, in Markdown."""
    summary = summarise(tour.table)
    learned = summary[summary["codec"] == AutoencoderCodec.name]
    neural = summary[summary["codec"] == MELIC].sort_values("kbps")
    others = summary[~summary["codec"].isin([AutoencoderCodec.name, MELIC])]
    best, least = learned.loc[learned[METRIC].idxmax()], learned.loc[learned["kbps"].idxmin()]
    above = others[others[METRIC] > best[METRIC]].sort_values("kbps")
    text = (
        f"The smallest file of the autoencoder has {least['kbps']:.2f} kbps and "
        f"{least[METRIC]:.2f} of 5; its best has {best['kbps']:.1f} kbps and {best[METRIC]:.2f}. "
    )
    if above.empty:
        text += "No traditional codec in the picture is better than that."
    else:
        first = above.iloc[0]
        text += (
            f"{first['label']} needs {first['kbps']:.1f} kbps and is better ({first[METRIC]:.2f}); "
            "the autoencoder gets there at none of its settings."
        )
    places = [f"{row[METRIC]:.2f} at {row['kbps']:.1f} kbps" for _, row in neural.iterrows()]
    return f"{text} Melic has {', '.join(places)}."


def numbers(tour: Tour) -> dict[str, float]:
    """Numbers for the text: how many clips, and the mean bitrates of the two.

    Args:
        tour: From `take`.
    """
    return {
        "clips": float(tour.clips),
        "seconds": tour.clip.seconds,
        "rival_kbps": float(tour.pairs["rival_kbps"].mean()),
        "kbps": float(tour.pairs["kbps"].mean()),
    }


def _codecs(checkpoint: Checkpoint, profile: str) -> list[Codec]:
    smoke = profile == "smoke"
    settings = _SMOKE_SETTINGS if smoke else _SETTINGS
    steps = _SMOKE_STEPS if smoke else _STEPS
    rates_kbps = _SMOKE_KBPS if smoke else _KBPS
    files = [get_codec(name, kbps) for name, several in settings.items() for kbps in several]
    learned = [AutoencoderCodec(checkpoint, step=step) for step in steps]
    return [*files, *learned, *(get_codec(MELIC, kbps) for kbps in rates_kbps)]


def _typical(gains: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]]) -> int:
    """Place of the value nearest the median; the first of equals."""
    values = np.asarray(gains, dtype=np.float64)
    return int(np.argmin(np.abs(values - np.median(values))))


def _sound(label: str, codec: Codec, data: bytes, clip: Clip) -> Sound:
    decoded = align(*codec.decode(data), clip.audio, clip.sample_rate)
    values = {
        name: METRICS[name](clip.audio, decoded, clip.sample_rate)
        for name in (METRIC, "log_spectral_distance")
    }
    return Sound(label, decoded, clip.sample_rate, bitrate_kbps(len(data), clip.seconds), values)


def _clips(tour: Tour) -> str:
    return f"{tour.clips} test clip{'s' if tour.clips != 1 else ''}"


def _signed(value: float, digits: int = 1) -> str:
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "\N{MINUS SIGN}")

"""Compression: every codec of the book on every test clip, as files, by every judge.

What is coded is the whole clip, mono at 24 kHz. The 2f-model and the diagnostics hear every clip as
a whole; Zimtohrli, which takes six times as long, and ViSQOL, which takes more than twenty times as
long, the first ten seconds of one clip an artist.
"""

import pandas as pd

from musiclib.codecs import available
from musiclib.codecs.traditional import fdkaac_version
from musiclib.datasets import EXCERPT_S
from musiclib.evaluation import TOLERANCE, evaluate
from musiclib.evidence import BUNDLED, Experiment, Item, Parameters

METRICS = ("two_f_mushra", "si_sdr", "log_spectral_distance")
SLOW = ("zimtohrli_mos", "visqol_mos")
NOT_SLOWLY = ("AAC-LC (FFmpeg)", "MP3", "Vorbis", "Waveform autoencoder", "Principal components")
"""Systems that slow judges do not hear: no comparison asks about them."""

_FINE = (1, 1.5, 2, 3, 4, 6, 9, 12, 16, 24, 32, 48)
_STAGES = (2, 4, 6, 9, 13, 17, 21, 26)


def _settings(codec: str, *settings: float | str, option: str = "") -> tuple[str, ...]:
    return tuple(f"{codec}:{setting}{option}" for setting in settings)


def _steps(model: str, *steps: int) -> tuple[str, ...]:
    return _settings(f"autoencoder/{model}", *(f"s{step}" for step in steps))


SYSTEMS = {
    "Opus": _settings("opus", 6, 8, 10, 12, 16, 20, 24, 32, 48, 64),
    "HE-AAC": _settings("he-aac", 12, 16, 24, 32, 48, 64),
    "AAC-LC (FFmpeg)": _settings("aac", 8, 16, 24, 32, 48, 64),
    "MP3": _settings("mp3", 8, 16, 24, 32, 48, 64),
    "Vorbis": _settings("vorbis", 16, 24, 32, 48, 64),
    "Melic": _settings("melic", *_FINE),
    "Melic without network": _settings("melic", *_FINE[:-2], option=",restore=false"),
    # A model for each price of a bit. Which of them at which step serves a rate best was read off
    # validation music.
    "Spectrogram autoencoder": (
        *_steps("rate-150", 0),
        *_steps("rate-50", 3, 0),
        *_steps("rate-18", 2, 0),
        *_steps("rate-6", 3, 0, -3, -6),
    ),
    "Residual vector quantiser": _steps("rvq", *(-stages for stages in _STAGES)),
    "Waveform autoencoder": _steps("waveform-rate", 3, 0, -3, -6),
    "Principal components": _steps("rate-18-linear", 6, 3, 0, -4),
    # The first edition's: an hour of music, and no price.
    "First autoencoder": _steps("wideband-64", -12, -15, -18, -21, -24, -28),
}
SEEDS = {
    "Spectrogram autoencoder, seed 0": _steps("rate-18", 3, 0, -3),
    "Spectrogram autoencoder, seed 1": _steps("rate-18-seed-1", 3, 0, -3),
    "Spectrogram autoencoder, seed 2": _steps("rate-18-seed-2", 3, 0, -3),
}
"""The same training from other random numbers, on one clip an artist."""


def items(parameters: Parameters) -> list[Item]:
    """List each clip with each setting; where a chapter measures live, with every third."""
    stride = 1 if parameters == BUNDLED else 3
    one_an_artist = set(parameters.slow_clips.tracks.index)
    return [
        {"system": system, "codec": spec, "clip": clip}
        for clip in parameters.clips.tracks.index
        for system, specs in {**SYSTEMS, **(SEEDS if clip in one_an_artist else {})}.items()
        for spec in specs[::stride]
        if stride == 1 or measurable({"codec": spec})
    ]


def measure(parameters: Parameters, item: Item) -> pd.DataFrame:
    """Encode, decode and judge one clip with one setting."""
    clip = parameters.music.clip(str(item["clip"]), duration_s=parameters.seconds)
    system = str(item["system"])
    slow = clip.track_id in parameters.slow_clips.tracks.index
    slow = slow and system not in (*NOT_SLOWLY, *SEEDS)
    metrics = [*METRICS, *(SLOW if slow else ())]
    codec = {system: str(item["codec"])}
    return evaluate(codec, clip, metrics, excerpt_s=dict.fromkeys(SLOW, EXCERPT_S))


def measurable(item: Item) -> bool:
    """Whether the codec's command is installed here, where it needs one."""
    return available(str(item["codec"]).partition(":")[0].partition("/")[0])


EXPERIMENT = Experiment(
    items,
    measure,
    TOLERANCE,
    measurable=measurable,
    seeded=False,
    digits=6,
    notes={"fdkaac": fdkaac_version()},
)

"""Killer sounds: twelve sounds that are hard to code, through the book's codecs and Opus."""

import pandas as pd

from musiclib.evaluation import TOLERANCE, evaluate
from musiclib.evidence import Experiment, Item, Parameters

METRICS = ("two_f_mushra", "zimtohrli_mos")
SYSTEMS = {
    "Opus": ("opus:6", "opus:12", "opus:24"),
    "Melic": ("melic:3", "melic:6", "melic:12", "melic:24"),
    "Melic without network": ("melic:3,restore=false", "melic:6,restore=false"),
    "Spectrogram autoencoder": ("autoencoder/rate-18:s0", "autoencoder/rate-6:s0"),
    "Residual vector quantiser": ("autoencoder/rvq:s-13", "autoencoder/rvq:s-26"),
}


def items(parameters: Parameters) -> list[Item]:
    """List each sound with each setting."""
    step = 5 if parameters.profile == "smoke" else 1
    codecs = [(system, codec) for system, several in SYSTEMS.items() for codec in several]
    return [
        {"clip": sound, "system": system, "codec": codec}
        for sound in parameters.clips.tracks.index
        for system, codec in codecs[::step]
    ]


def measure(parameters: Parameters, item: Item) -> pd.DataFrame:
    """Encode, decode and judge one sound with one setting."""
    clip = parameters.music.clip(str(item["clip"]))
    return evaluate({str(item["system"]): str(item["codec"])}, clip, METRICS)


EXPERIMENT = Experiment(items, measure, TOLERANCE, dataset="killer", seeded=False, digits=6)

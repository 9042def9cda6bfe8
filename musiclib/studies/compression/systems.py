"""Which systems the chapter compares, and how much music each experiment takes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from musiclib.codecs import Codec, get_codec
from musiclib.codecs.latent import AutoencoderCodec
from musiclib.datasets import Dataset
from musiclib.studies.excerpts import StudySize, study_size
from musiclib.training.checkpoint import Checkpoint
from musiclib.training.recipes import FREQUENCY_LATENTS
from musiclib.training.trained import trained

SPECTRUM_STEPS, WAVEFORM_STEPS = (-22, -16, -12, -6), (-22, -14, -8)
"""Quantiser steps: the step is ``2 ** (k / 4)`` times the model's unit."""
FEW_STEPS = (-16, -8)
NARROW_STEPS = (-24, -18, -14, -10)
MATCHED_LIMIT_KBPS = 8.0

_LADDERS = {
    "wideband-64": SPECTRUM_STEPS,
    "pca-16": FEW_STEPS,
    "deep-16": FEW_STEPS,
    "deep-64": SPECTRUM_STEPS,
    "waveform-4": WAVEFORM_STEPS[:2],
    "waveform-8": WAVEFORM_STEPS,
    "waveform-16": WAVEFORM_STEPS[:2],
    "waveform-32": WAVEFORM_STEPS[:2],
}
_SMOKE_LADDERS = {"wideband-64": (-12,), "waveform-8": (-14,)}
_SETTINGS = {
    "opus": (6, 8, 12, 16, 24, 32),
    "mp3": (8, 16, 24, 32),
    "aac": (12, 16, 24, 32),
    "vorbis": (24, 32),
}
_DOWNSAMPLING = (24, 12, 8, 4)
_NARROW_SETTINGS = {"opus": (6, 8, 12, 16), "mp3": (8, 16)}
_NARROW_DOWNSAMPLING = (16, 8, 4, 2)


@dataclass(frozen=True)
class Plan:
    """Models, settings and sizes of a profile.

    Attributes:
        latents: Latent sizes of the report's experiment, falling.
        narrow: Models at 8 kHz that become codecs, with their steps.
        ladders: Models at 24 kHz that become codecs, with their steps.
        settings: Bitrates in kbps of the codecs at 24 kHz, by name.
        report_size: Clips of the report's experiment.
        sound_s: Seconds of each of them that are decoded to sound.
        codec_size: Clips for the codecs.
        narrow_size: Clips for the codecs at 8 kHz.
        time_size: Clips for the time-domain autoencoder against downsampling.
        listening_s: Seconds of a clip to listen to.
        listening_clips: Clips to listen to.
    """

    latents: tuple[int, ...]
    narrow: Mapping[str, tuple[int, ...]]
    ladders: Mapping[str, tuple[int, ...]]
    settings: Mapping[str, tuple[int, ...]]
    report_size: StudySize
    sound_s: float
    codec_size: StudySize
    narrow_size: StudySize
    time_size: StudySize
    listening_s: float
    listening_clips: int

    @classmethod
    def of(cls, profile: str) -> "Plan":
        """Return the plan of a profile.

        Raises:
            DatasetError: If there is no such profile.
        """
        smoke = profile == "smoke"
        return cls(
            latents=(128, 32) if smoke else FREQUENCY_LATENTS,
            narrow={"frequency-128": (-14,)}
            if smoke
            else {f"frequency-{latent}": NARROW_STEPS for latent in (512, 128, 32)},
            ladders=_SMOKE_LADDERS if smoke else _LADDERS,
            settings={name: kbps[:2] if smoke else kbps for name, kbps in _SETTINGS.items()},
            report_size=study_size(profile, clips=63, seconds=8.192),
            sound_s=2.0 if smoke else 4.0,
            codec_size=study_size(profile, clips=14, seconds=5.0),
            narrow_size=study_size(profile, clips=21, seconds=5.0),
            time_size=study_size(profile, clips=63, seconds=6.0),
            listening_s=2.0 if smoke else 8.0,
            listening_clips=1 if smoke else 3,
        )

    def checkpoints(self, dataset: Dataset, profile: str, seed: int) -> dict[str, Checkpoint]:
        """Return all trained models of the plan by name."""
        names = [f"frequency-{latent}" for latent in self.latents]
        return {
            name: trained(name, dataset, profile, seed)
            for name in dict.fromkeys([*names, *self.narrow, *self.ladders])
        }


def file_codecs(settings: Mapping[str, Iterable[int]]) -> list[Codec]:
    """Codecs that others made, by name and bitrates in kbps, and downsampling at 24 kHz."""
    codecs = [get_codec(name, kbps) for name, rates in settings.items() for kbps in rates]
    return [*codecs, *(get_codec("downsample", factor=factor) for factor in _DOWNSAMPLING)]


def narrow_codecs() -> list[Codec]:
    """Codecs at 8 kHz."""
    codecs = [get_codec(name, kbps) for name, rates in _NARROW_SETTINGS.items() for kbps in rates]
    return [*codecs, *(get_codec("downsample", factor=factor) for factor in _NARROW_DOWNSAMPLING)]


def autoencoder_codecs(
    checkpoints: Mapping[str, Checkpoint], ladders: Mapping[str, Iterable[int]]
) -> list[Codec]:
    """Autoencoders as codecs.

    Args:
        checkpoints: By name of the model.
        ladders: Quantiser steps by name of the model.
    """
    return [
        AutoencoderCodec(checkpoints[name], step=step)
        for name, steps in ladders.items()
        for step in steps
    ]

"""All that the chapter on genre computes, each part when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pandas as pd

from musiclib.audio import HOUSE_RATE
from musiclib.datasets import Dataset
from musiclib.errors import DatasetError
from musiclib.genre import Score, Statistics
from musiclib.latents import CodedFrames
from musiclib.models.transform import Frames
from musiclib.studies.genre import sizes, splits
from musiclib.studies.genre import systems as names
from musiclib.studies.genre.experiment import Results, run_experiment
from musiclib.training import trained

CODED: Final = "deep-16"
_CURVES = (names.DEEP, names.MFCC_RICH, names.MEL_LOGISTIC)
_LEAKS = (names.DEEP, names.MEL_LOGISTIC)


@dataclass(frozen=True, eq=False)
class Study:
    """The experiment and what belongs to it.

    Attributes:
        music: The whole data set.
        results: Of the experiment.
        profile: As for :func:`musiclib.training.trained`.
        seed: Seed of all that is random.
    """

    music: Dataset
    results: Results
    profile: str
    seed: int

    @property
    def chance(self) -> float:
        """Accuracy of blind guesses."""
        return 1.0 / len(self.results.runs[0].genres)

    @property
    def floats(self) -> Score:
        """Score of the coded model's latents without rounding."""
        return self.results.test(names.DEEP)

    def statistics(self, name: str) -> Statistics:
        """Return a system of the experiment that takes statistics."""
        (found,) = (system for system in self.results.systems if system.name == name)
        assert isinstance(found, Statistics)
        return found

    def coded_example(self, seconds: float = 6.0) -> tuple[str, Frames]:
        """Return the title of the first test track, and what a file of its middle holds."""
        of = self.results.dataset
        audio, tested = of.cache(HOUSE_RATE), self.results.runs[0].test
        name = next(one for one in tested if one in audio and audio.length(one) > 0)
        length = min(round(seconds * HOUSE_RATE), audio.length(name))
        clip = audio.segment(name, (audio.length(name) - length) // 2, length)
        return str(of.row(name)["title"]), CodedFrames(names.FINE_GAIN).frames(clip)

    @cached_property
    def leaks(self) -> list[splits.Leak]:
        """Scores on leaking splits."""
        of = self.results
        return [splits.measure_leak(self.statistics(name), of.dataset, of.runs) for name in _LEAKS]

    @cached_property
    def curve(self) -> pd.DataFrame:
        """Scores with fewer training tracks."""
        systems = [self.statistics(name) for name in _CURVES]
        return splits.learning_curve(systems, self.results.dataset, self.results.runs)

    @cached_property
    def weighing(self) -> splits.Weighing | None:
        """Scores with and without weights of genres."""
        system = self.statistics(names.DEEP)
        return splits.measure_weights(system, self.music, len(self.results.runs), self.seed)

    @cached_property
    def sizes(self) -> pd.DataFrame:
        """Scores by size of the latent."""
        of = self.results
        table = sizes.size_systems(self.music, self.profile, self.seed)
        return sizes.scored(table, of.dataset, of.runs)

    @cached_property
    def bitrates(self) -> pd.DataFrame:
        """Scores by bitrate."""
        of = self.results
        checkpoint = trained(CODED, self.music, self.profile, self.seed)
        steps = sizes.STEPS[1:3] if self.profile == "smoke" else sizes.STEPS
        table = sizes.bitrate_systems(checkpoint, of.dataset, of.runs, steps)
        return sizes.scored(table, of.dataset, of.runs)

    @cached_property
    def coded(self) -> pd.DataFrame:
        """Scores by bitrate of the neural codec."""
        of = self.results
        gains = sizes.GAINS[:2] if self.profile == "smoke" else sizes.GAINS
        table = sizes.coded_systems(of.dataset, of.runs, gains)
        return sizes.scored(table, of.dataset, of.runs)


def study(music: Dataset, profile: str = "mini", seed: int = 0) -> tuple[Study | None, str]:
    """Run the experiment, or say why it cannot be run.

    Args:
        music: Any data set.
        profile: As for :func:`musiclib.training.trained`.
        seed: Seed of all that is random.

    Returns:
        The study and no words; or None and the reason in words.
    """
    import torch

    # A process a core is faster than a thread a core: most systems have too little to share.
    jobs = 1 if profile == "smoke" else torch.get_num_threads()
    try:
        return Study(music, run_experiment(music, profile, seed, jobs), profile, seed), ""
    except DatasetError as error:
        return None, f"Genres of this music were not recognised: {error}."

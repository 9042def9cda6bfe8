"""All that the chapter on genre shows, from predictions that are kept or made at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from musiclib import evidence
from musiclib.audio import HOUSE_RATE
from musiclib.datasets import Dataset
from musiclib.errors import DatasetError
from musiclib.evidence import Parameters
from musiclib.genre import Score, TrackGuesses, score
from musiclib.latents import CodedFrames
from musiclib.metrics import bitrate_kbps
from musiclib.models.transform import Frames
from musiclib.studies.genre import predictions, sizes
from musiclib.studies.genre import systems as names
from musiclib.studies.genre.experiment import Results
from musiclib.studies.genre.predictions import Predictions
from musiclib.studies.genre.splits import Leak, Weighing, lumped

EVIDENCE, FILES = "genre", "genre-files"
"""Names of the experiments."""


@dataclass(frozen=True, eq=False)
class Study:
    """The experiment and what belongs to it.

    Attributes:
        music: The whole data set.
        results: Of the systems of the main table.
        predictions: All of them.
        files: Sizes of the files that systems read.
        parameters: Of the chapter.
    """

    music: Dataset
    results: Results
    predictions: Predictions
    files: pd.DataFrame
    parameters: Parameters

    @property
    def chance(self) -> float:
        """Accuracy of blind guesses."""
        return 1.0 / len(self.results.runs[0].genres)

    @property
    def floats(self) -> Score:
        """Score of the coded model's latents without rounding."""
        return self.results.test(names.DEEP)

    def coded_example(self, seconds: float = 6.0) -> tuple[str, Frames]:
        """Return the title of the first test track, and what a file of its middle holds."""
        of = self.results.dataset
        audio, tested = of.cache(HOUSE_RATE), self.results.runs[0].test
        name = next(one for one in tested if one in audio and audio.length(one) > 0)
        length = min(round(seconds * HOUSE_RATE), audio.length(name))
        clip = audio.segment(name, (audio.length(name) - length) // 2, length)
        return str(of.row(name)["title"]), CodedFrames(names.FINE_GAIN).frames(clip)

    @cached_property
    def leaks(self) -> list[Leak]:
        """Scores on leaking splits."""
        tracks = self.results.dataset.tracks
        return [
            Leak(
                name,
                self.results.test(name).balanced,
                lumped(self.predictions.guesses(predictions.LEAKING, name), tracks),
                self.results.scores[name]["pieces"].balanced,
                lumped(self.predictions.guesses(predictions.LEAKING_PIECES, name), tracks),
            )
            for name in predictions.LEAKS
        ]

    @cached_property
    def curve(self) -> pd.DataFrame:
        """Scores with fewer training tracks.

        Returns:
            A row for each system, size and run: `system`, `tracks` (a genre), `run`, `balanced`
            (accuracy on test tracks), `all` (whether it learned from all tracks).
        """
        tracks = self.results.dataset.tracks
        counts = {
            run.number: tracks.loc[list(run.train), "genre"].value_counts().mean()
            for run in self.results.runs
        }
        rows = []
        for name in predictions.CURVES:
            for size in predictions.sizes_of_curve(self.predictions.studies):
                of = self.predictions.guesses(predictions.CURVE.format(size), name)
                rows += [(name, size, *one, False) for one in self._by_run(of)]
            of = self.predictions.guesses(predictions.MAIN, name)
            for run, level in self._by_run(of):
                rows.append((name, round(float(counts[run])), run, level, True))
        return pd.DataFrame(rows, columns=["system", "tracks", "run", "balanced", "all"])

    def _by_run(self, guesses: TrackGuesses) -> list[tuple[int, float]]:
        numbers = guesses.table["run"].unique()
        levels = score(guesses, self.results.dataset.tracks).by_run
        return [(int(run), level) for run, level in zip(numbers, levels, strict=True)]

    @cached_property
    def weighing(self) -> Weighing | None:
        """Scores with and without weights of genres."""
        study = self.predictions.studies.get(predictions.WEIGHTED)
        if study is None:
            return None
        tracks = study.dataset.tracks
        weighted, plain = (
            score(self.predictions.guesses(name, names.DEEP), tracks)
            for name in (predictions.WEIGHTED, predictions.PLAIN)
        )
        truth = [tracks.loc[list(run.train), "genre"].value_counts() for run in study.runs]
        counts = pd.concat(truth, axis=1).mean(axis=1).reindex(list(study.runs[0].genres))
        return Weighing(weighted, plain, counts)

    @cached_property
    def sizes(self) -> pd.DataFrame:
        """Scores by size of the latent."""
        table = sizes.size_entries(self.music, self.parameters.profile, self.parameters.seed)
        found = self._scored(predictions.SIZES)
        return pd.concat([table.drop(columns="entry"), found.drop(columns="system")], axis=1)

    @cached_property
    def bitrates(self) -> pd.DataFrame:
        """Scores by bitrate."""
        return self._scored(predictions.STEPS, "step")

    @cached_property
    def coded(self) -> pd.DataFrame:
        """Scores by bitrate of Melic."""
        return self._scored(predictions.GAINS, "gain")

    def _scored(self, study: str, setting: str = "") -> pd.DataFrame:
        """Return scores of a study's systems, with the bitrate of what they read."""
        of = self.results.dataset
        rows: list[dict[str, object]] = []
        for entry in self.predictions.studies[study].entries:
            row = sizes.scores(self.predictions.guesses(study, entry.name), of)
            if setting:
                mine = (self.files["study"] == study) & (self.files["system"] == entry.name)
                files = self.files[mine]
                kbps = bitrate_kbps(int(files["file_bytes"].sum()), float(files["seconds"].sum()))
                rows.append({setting: int(entry.name), "kbps": kbps, **row})
            else:
                rows.append({"system": entry.name, **row})
        return pd.DataFrame(rows)


def study(parameters: Parameters) -> tuple[Study | None, str]:
    """Gather what the chapter shows, or say why it cannot be.

    Args:
        parameters: Of the chapter.

    Returns:
        The study and no words; or None and the reason in words.
    """
    music = parameters.music
    try:
        asked = predictions.studies(music, parameters.profile, parameters.seed)
    except DatasetError as error:
        return None, f"Genres of this music were not recognised: {error}."
    found = Predictions(asked, evidence.read(EVIDENCE, parameters))
    main = asked[predictions.MAIN]
    guesses = {one.name: found.guesses(predictions.MAIN, one.name) for one in main.entries}
    results = Results(main.dataset, list(main.runs), main.entries, guesses)
    return Study(music, results, found, evidence.read(FILES, parameters), parameters), ""


def check(parameters: Parameters) -> tuple[int, int]:
    """Measure a sample of what is kept again.

    Returns:
        How many predictions of tracks, and how many sizes of files, this machine made itself.

    Raises:
        EvidenceError: One differs.
    """
    return evidence.check_sample(EVIDENCE, parameters), evidence.check_sample(FILES, parameters)

"""One clip of each genre to listen to, with what is owed to its makers."""

import html

from musiclib.datasets import UNKNOWN, Clip, Dataset
from musiclib.errors import AudioError, DatasetError
from musiclib.listen import player
from musiclib.listen.player import Rendered
from musiclib.studies.introduction.material import excerpt


def one_of_each(
    dataset: Dataset, seconds: float = 10.0, most: int = 10, seed: int = 0
) -> list[Clip]:
    """Draw one test clip of each genre by lot, and cut its middle.

    Args:
        dataset: All splits; the test part is taken.
        seconds: Length of the excerpt.
        most: Largest number of genres.
        seed: Seed of the draw. Clips are not chosen by ear.

    Returns:
        Clips at the house rate, in the order of the genres. Files that fail are passed over.

    Raises:
        DatasetError: No test clip can be played.
    """
    test = dataset.part("test").select(per_genre=1, seed=seed).tracks.sort_values("genre")
    clips = []
    for track_id in test.index[:most]:
        try:
            clips.append(excerpt(dataset.clip(track_id), seconds))
        except AudioError:
            continue
    if not clips:
        raise DatasetError(f"none of {dataset.name}'s test clips can be decoded: replace the files")
    return clips


def credit(dataset: Dataset, track_id: str) -> str:
    """Artist, licence and source of a track, in words, as far as the table knows them."""
    row = dataset.row(track_id)
    known = {name: str(row[name]) for name in ("artist", "licence") if row[name] != UNKNOWN}
    words = [f"by {known['artist']}"] if "artist" in known else ["artist not known"]
    words += [known["licence"]] if "licence" in known else []
    if row.get("package"):
        words.append(f"Debian package {row['package']}")
    if "evidence" in row:
        words.append(f"label: {row['evidence']}, {row['confidence']} confidence")
    return "; ".join(words)


def players(dataset: Dataset, clips: list[Clip]) -> Rendered:
    """A player for each clip, headed by its genre.

    Args:
        dataset: Where the clips come from.
        clips: The excerpts.

    Returns:
        An object that a notebook shows as HTML.
    """
    parts, texts = [], []
    for clip in clips:
        genre = clip.genre.replace("_", " ")
        shown = player(
            clip.audio,
            clip.sample_rate,
            f"{genre}: {clip.title}",
            name=f"{clip.genre}-{clip.track_id}",
            spectrogram=True,
        )
        note = html.escape(credit(dataset, clip.track_id))
        parts.append(
            shown.html.replace(
                "</figcaption>", f'<br><span class="ml-facts">{note}</span></figcaption>'
            )
        )
        texts.append(f"{shown.text}; {credit(dataset, clip.track_id)}")
    return Rendered("".join(parts), "\n".join(texts))

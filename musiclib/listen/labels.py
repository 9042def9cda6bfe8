"""Labels put to the test: a reader labels tracks by ear, and sees how often the book agrees.

Without a script it is a list of tracks with the browser's own players, and the book's labels are
folded away below it. Where ``labels.js`` runs, one track at a time is heard and labelled. Titles,
artists and labels are shown at the end, beside the reader's own.
"""

import hashlib
import itertools
import json
import random
from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

import numpy as np

from musiclib.errors import AudioError
from musiclib.listen.maps import words
from musiclib.listen.player import Rendered, audio_element
from musiclib.listen.sounds import Sound, inline_assets, page_store

GUESS: Final = "guess"
"""Evidence of a label that nobody documented; every other evidence counts as documented."""

MOST_TRACKS: Final = 20
"""Tracks of one test: few readers label more."""

_ASSETS: Final = ("listen.css", "labels.css", "listen.js", "labels.js")
_numbers = itertools.count(1)


class _Answer(NamedTuple):
    """What the script shows of a track at the end; labels are numbers of choices."""

    title: str
    guessed: bool
    artist: str
    truth: int
    evidence: str
    prediction: int | None


def label_test(
    sounds: Sequence[Sound],
    choices: Sequence[str],
    truth: Sequence[str],
    evidence: Sequence[str],
    *,
    artists: Sequence[str] | None = None,
    predictions: Sequence[str] | None = None,
    title: str = "Which genre is this?",
    seed: int = 0,
) -> Rendered:
    """A test in which a reader labels tracks by ear and compares the labels with the book's.

    Tracks come one by one, without title, artist and label. At the end a table shows how often
    the reader and the book agree, for documented and for guessed labels, and every track is listed
    with all that is known of it.

    Args:
        sounds: The tracks, 2 to 20 of them. The label of each is its title, shown at the end.
        choices: Genres to choose from, such as "folk_world", shown as "folk world". Digits choose
            the first nine.
        truth: The book's label of each track, one of the choices.
        evidence: What each of these labels rests on in a word or two, such as "tag" or "credits".
            The label is counted as a guess where this is :data:`GUESS`, and as documented
            elsewhere.
        artists: Artist of each track; empty where it has none.
        predictions: What a classifier says of each track, one of the choices.
        title: Words above the test.
        seed: Seed of the order in which the tracks come. A reader who starts again gets the order
            of the next seed.

    Returns:
        An object that a notebook shows as HTML. Names of the files say nothing about the tracks.
        Where sounds are embedded, the script is part of the page too.

    Raises:
        AudioError: If there are too few or too many sounds, if a list has another length than
            `sounds`, if a label is not among the choices, or if a sound cannot be played.
    """
    tracks = _tracks(sounds, list(choices), truth, evidence, artists, predictions)
    random.Random(seed).shuffle(tracks)  # else a list in order of genre would tell the labels
    store = page_store()
    shown = [words(name) for name in choices]
    answers = [answer for _, answer in tracks]
    told = [answer._asdict() for answer in answers]
    data = {"choices": shown, "seed": seed, "tracks": told}
    title_id = f"ml-labels-{next(_numbers)}"
    players = [
        audio_element(sound, f"Track {number}", _file_name(sound), store)[0]
        for number, (sound, _) in enumerate(tracks, start=1)
    ]
    html = (
        f'<div class="ml-labels" data-ml-labels="{escape(json.dumps(data))}" role="group" '
        f'aria-labelledby="{title_id}">'
        f'<p class="ml-labels-title" id="{title_id}">{escape(title)}</p>'
        f"{_plain(answers, shown, players)}</div>"
    )
    html += inline_assets(*_ASSETS) if store.embeds else ""
    text = f"Label test of {len(tracks)} tracks: {title}\n  Choices: {', '.join(shown)}"
    return Rendered(html, text)


def _file_name(sound: Sound) -> str:
    """A name that tells nothing, and stays the same in every run."""
    samples = np.ascontiguousarray(sound.audio, dtype=np.float32)
    return f"track-{hashlib.sha256(samples.tobytes()).hexdigest()[:12]}"


def _plain(answers: Sequence[_Answer], choices: Sequence[str], players: Sequence[str]) -> str:
    """What needs no script: the sounds, and the labels folded away."""
    sounds = "".join(
        f"<li><span>Track {number}</span>{player}</li>"
        for number, player in enumerate(players, start=1)
    )
    labels = "".join(f"<li>{escape(_in_words(answer, choices))}</li>" for answer in answers)
    return (
        '<div class="ml-labels-plain"><p class="ml-note">Listen to each track, and decide what it '
        f"is: {escape(', '.join(choices))}. The book's labels are below the list.</p>"
        f'<ol class="ml-labels-sounds">{sounds}</ol>'
        f"<details><summary>The book's labels</summary><ol>{labels}</ol></details></div>"
    )


def _in_words(answer: _Answer, choices: Sequence[str]) -> str:
    name = ", ".join(part for part in (answer.title, answer.artist) if part)
    label = f"{name}: {choices[answer.truth]} ({answer.evidence})"
    if answer.prediction is None:
        return label
    return f"{label}; the classifier says {choices[answer.prediction]}"


def _tracks(
    sounds: Sequence[Sound],
    choices: list[str],
    truth: Sequence[str],
    evidence: Sequence[str],
    artists: Sequence[str] | None,
    predictions: Sequence[str] | None,
) -> list[tuple[Sound, _Answer]]:
    count = len(sounds)
    if not 2 <= count <= MOST_TRACKS:
        raise AudioError(f"a label test has 2 to {MOST_TRACKS} sounds, not {count}: draw a sample")
    by = [""] * count if artists is None else artists
    said = [None] * count if predictions is None else predictions
    columns = {"truth": truth, "evidence": evidence, "artists": by, "predictions": said}
    for name, column in columns.items():
        if len(column) != count:
            raise AudioError(
                f"`{name}` of a label test has {len(column)} entries for {count} sounds"
            )
    tracks = []
    for sound, label, reason, artist, guess in zip(sounds, truth, evidence, by, said, strict=True):
        if strangers := {label, guess} - {*choices, None}:
            raise AudioError(
                f"{strangers} of {sound.label!r} is not among the choices {', '.join(choices)}: "
                "add it to them, or leave the sound out"
            )
        prediction = None if guess is None else choices.index(guess)
        basis = reason.strip()
        guessed = basis.casefold() == GUESS
        number = choices.index(label)
        answer = _Answer(sound.label, guessed, artist.strip(), number, basis, prediction)
        tracks.append((sound, answer))
    return tracks

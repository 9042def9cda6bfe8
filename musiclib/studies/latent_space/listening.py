"""What a reader hears: the map of tracks, two paths, and pieces that drive single values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from musiclib.audio import HOUSE_RATE, FloatArray
from musiclib.listen import MapPoint, Rendered, latent_map, player
from musiclib.studies.latent_space.layout import Picture
from musiclib.studies.latent_space.material import PIECE_S, Material, loudness
from musiclib.studies.latent_space.paths import Path
from musiclib.studies.latent_space.units import extreme_pieces

MAP_S = 4.0


def title(found: Material, track_id: str) -> str:
    """Title of a track; its identifier where it has none."""
    return str(found.tracks.loc[track_id, "title"]).strip() or track_id


def piece(found: Material, track_id: str, start_s: float, seconds: float) -> FloatArray:
    """A part of a track at its true level, shape `(N,)`."""
    whole = found.music.cache().audio(track_id)
    start = min(round(start_s * HOUSE_RATE), max(0, len(whole) - 1))
    return whole[start : start + max(1, round(seconds * HOUSE_RATE))]


def points(found: Material, per_genre: int | None = None) -> tuple[list[MapPoint], list[int]]:
    """Tracks as points of a map, each with four seconds from its middle.

    Args:
        found: The material.
        per_genre: Most tracks of a genre and split; all by default.

    Returns:
        The points, and the number of each in the tracks table.
    """
    audio = found.music.cache()
    level = loudness(found)["heard_db"]
    tracks = found.tracks
    part = tracks["split"].where(tracks["split"] == "test", "train")
    order = tracks.assign(part=part).groupby(["genre", "part"]).cumcount()
    rows = np.flatnonzero(order < (per_genre or len(tracks)))
    made = []
    for row in rows:
        track_id = str(tracks.index[row])
        own = tracks.iloc[row]
        start = max(0.0, (audio.length(track_id) / HOUSE_RATE - MAP_S) / 2)
        made.append(
            MapPoint(
                title(found, track_id),
                str(own["artist"]),
                str(own["genre"]),
                piece(found, track_id, start, MAP_S),
                HOUSE_RATE,
                split=str(part.iloc[row]),
                facts={"level (dB)": float(level.iloc[row])},
            )
        )
    return made, [int(row) for row in rows]


def track_map(
    found: Material,
    pictures: Mapping[str, Picture],
    notes: Mapping[str, str],
    caption: str,
    per_genre: int | None = None,
) -> Rendered:
    """The map with all projections as its layouts.

    Args:
        found: The material.
        pictures: At least one projection.
        notes: A few words for each projection, by its name.
        caption: What the map shows.
        per_genre: As for :func:`points`.

    Returns:
        An object that a notebook shows.
    """
    made, rows = points(found, per_genre)
    return latent_map(
        made,
        caption=caption,
        name="map",
        colour_by=("genre", "artist", "level"),
        layouts={one.label: one.framed[rows] for one in pictures.values()},
        notes={pictures[name].label: words for name, words in notes.items()},
        seconds=MAP_S,
    )


def path_player(found: Material, path: Path, kind: str) -> Rendered:
    """A player for a path's track.

    Args:
        found: The material.
        path: The path.
        kind: What to call it, such as "Calm".

    Returns:
        An object that a notebook shows.
    """
    own = found.tracks.loc[path.track_id]
    name = title(found, path.track_id)
    label = f"{kind}: {name}" + (f", {own['artist']}" if str(own["artist"]).strip() else "")
    sound = piece(found, path.track_id, 0.0, path.seconds)
    steps = {"Restlessness": f"{path.restlessness:.2f}"}
    return player(sound, HOUSE_RATE, label, name=f"path-{name}", figures=steps)


def unit_players(found: Material, unit: int) -> list[Rendered]:
    """Players for the test pieces in which a value is lowest and highest.

    Args:
        found: The material.
        unit: The value, counted from 1.

    Returns:
        Two objects that a notebook shows.
    """
    players = []
    for kind, place in zip(("lowest", "highest"), extreme_pieces(found, unit), strict=True):
        own = found.tracks.loc[place[0]]
        label = f"Value {unit} {kind}: {title(found, place[0])}"
        label += f", {own['artist']}" if str(own["artist"]).strip() else ""
        sound = piece(found, *place, PIECE_S)
        name = f"value-{unit}-{kind}"
        players.append(player(sound, HOUSE_RATE, label, name=name, spectrogram=True))
    return players

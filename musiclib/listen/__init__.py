"""What a reader hears: comparisons of sounds, maps and curves that play, and a label test.

>>> import musiclib as ml
>>> audio, rate = ml.load("song.flac")
>>> opus = ml.codec("opus", kbps=12)
>>> copy, _ = opus.decode(opus.encode(audio, rate))
>>> sounds = [ml.listen.Sound("Original", audio, rate), ml.listen.Sound("Opus", copy, rate)]
>>> print(ml.listen.comparison([ml.listen.Row("Song", sounds)], "A song, and 12 kbps of it"))
Comparison: A song, and 12 kbps of it
...
"""

from musiclib.errors import needs_extra

with needs_extra("book"):
    from musiclib.listen.labels import label_test
    from musiclib.listen.maps import MapPoint, latent_map, playing_curves
    from musiclib.listen.player import Rendered, Row, comparison
    from musiclib.listen.sounds import MediaStore, Sound, encode_flac, page_store

__all__ = [
    "MapPoint",
    "MediaStore",
    "Rendered",
    "Row",
    "Sound",
    "comparison",
    "encode_flac",
    "label_test",
    "latent_map",
    "page_store",
    "playing_curves",
]

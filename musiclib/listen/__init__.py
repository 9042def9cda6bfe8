"""What a reader hears: comparisons of sounds, maps and curves that play, and a label test."""

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

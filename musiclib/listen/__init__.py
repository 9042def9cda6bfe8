"""What a reader hears: players and comparisons of sounds on a page."""

from musiclib.listen.comparison import Row, comparison
from musiclib.listen.curves import playing_curves
from musiclib.listen.labels import label_test
from musiclib.listen.map import MapPoint, latent_map
from musiclib.listen.media import MediaStore, encode_flac, page_store
from musiclib.listen.player import Rendered, player
from musiclib.listen.sound import Sound

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
    "player",
    "playing_curves",
]

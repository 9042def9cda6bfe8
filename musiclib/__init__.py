"""Music compression with deep autoencoders: the package behind the executable book.

    import musiclib as ml

    ml.encode("song.flac", "song.mlc", kbps=12)  # make a file small,
    ml.decode("song.mlc", "small.wav")  # and hear it

    ml.evaluate("opus:12,24", "song.flac", ["zimtohrli_mos", "si_sdr"])  # measure a codec: a table

    ml.latents("song.flac")  # what an autoencoder keeps of a song: (values, frames)

Each name is imported when it is first used, so that `import musiclib` takes no time.
`docs/architecture.md` describes the layers of the package.
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musiclib import codecs, listen, plot, stats
    from musiclib.audio import load, save
    from musiclib.datasets import open_dataset
    from musiclib.evaluation import evaluate
    from musiclib.verbs import codec, decode, encode, latents, load_model

try:
    __version__ = version("musiclib")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

_PLACES = {
    "codec": "musiclib.verbs",
    "decode": "musiclib.verbs",
    "encode": "musiclib.verbs",
    "evaluate": "musiclib.evaluation",
    "latents": "musiclib.verbs",
    "load": "musiclib.audio",
    "load_model": "musiclib.verbs",
    "open_dataset": "musiclib.datasets",
    "save": "musiclib.audio",
}
_MODULES = ("codecs", "listen", "plot", "stats")

__all__ = [
    "__version__",
    "codec",
    "codecs",
    "decode",
    "encode",
    "evaluate",
    "latents",
    "listen",
    "load",
    "load_model",
    "open_dataset",
    "plot",
    "save",
    "stats",
]


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    if name in _MODULES:
        return import_module(f"musiclib.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

"""Melic: a transform coder, learned probabilities, a network that restores."""

from typing import TYPE_CHECKING, Any

from musiclib.codecs.melic.bitstream import Description, describe
from musiclib.codecs.melic.codec import MelicCodec, decode_file, encode_file

if TYPE_CHECKING:
    from musiclib.codecs.melic.decoder import Model, open_model

__all__ = [
    "Description",
    "MelicCodec",
    "Model",
    "decode_file",
    "describe",
    "encode_file",
    "open_model",
]


def __getattr__(name: str) -> Any:
    # A model brings PyTorch and Numba, which take seconds to import.
    if name in ("Model", "open_model"):
        from musiclib.codecs.melic import decoder

        return getattr(decoder, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

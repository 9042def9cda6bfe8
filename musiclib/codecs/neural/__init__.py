"""The codec of this book: a transform coder, learned probabilities, a network that restores."""

from musiclib.codecs.neural.codec import Description, NeuralCodec, describe
from musiclib.codecs.neural.model import Model, open_model
from musiclib.codecs.neural.stream import decode_file, encode_file

__all__ = [
    "Description",
    "Model",
    "NeuralCodec",
    "decode_file",
    "describe",
    "encode_file",
    "open_model",
]

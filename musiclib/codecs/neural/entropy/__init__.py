"""The entropy coder of the neural codec: trained tables, a mixer that learns, arithmetic coding."""

from musiclib.codecs.neural.entropy.coder import FrameDecoder, FrameEncoder
from musiclib.codecs.neural.entropy.tables import ContextTables

__all__ = ["ContextTables", "FrameDecoder", "FrameEncoder"]

"""The entropy coder of Melic: trained tables, a mixer that learns, arithmetic coding."""

from musiclib.codecs.melic.entropy.coder import FrameDecoder, FrameEncoder
from musiclib.codecs.melic.entropy.tables import ContextTables

__all__ = ["ContextTables", "FrameDecoder", "FrameEncoder"]

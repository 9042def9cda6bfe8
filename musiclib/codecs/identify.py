"""Which codec made some bytes, told from the bytes themselves and never from a file's name."""

from musiclib.errors import BitstreamError

OGG_FIRST_PAGE = 64
ADTS_SYNC = 0xFFF0
ADTS_MASK = 0xFFF6  # sync word and the layer bits, which are zero in ADTS
MPEG_SYNC = 0xFFE0
LAYER_MASK = 0x0006
LAYER_III = 0x0002
LATENT_MAGIC = b"MLA"
MELIC_MAGIC = b"MLC"


def identify(data: bytes) -> str:
    """Return the name of the codec whose file these bytes start.

    Args:
        data: A whole file, or at least its first 64 bytes.

    Returns:
        `"mp3"`, `"aac"` (MP4 or ADTS), `"opus"`, `"vorbis"`, `"downsample"` (WAV),
        `"autoencoder"` (.mla) or `"melic"` (.mlc).

    Raises:
        BitstreamError: If the bytes are empty or of no codec that musiclib knows.
    """
    if not data:
        raise BitstreamError("There are no bytes to decode: the file is empty.")
    head = bytes(data[:OGG_FIRST_PAGE])
    if head.startswith(LATENT_MAGIC):
        return "autoencoder"
    if head.startswith(MELIC_MAGIC):
        return "melic"
    if head.startswith(b"OggS"):
        for mark, name in ((b"OpusHead", "opus"), (b"\x01vorbis", "vorbis")):
            if mark in head:
                return name
        raise BitstreamError("This Ogg file holds neither Opus nor Vorbis. Convert it first.")
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return "downsample"
    if head[4:8] == b"ftyp":
        return "aac"
    if head.startswith(b"ID3"):
        return "mp3"
    sync = int.from_bytes(head[:2], "big")
    if sync & ADTS_MASK == ADTS_SYNC:
        return "aac"
    if sync & MPEG_SYNC == MPEG_SYNC and sync & LAYER_MASK == LAYER_III:
        return "mp3"
    raise BitstreamError(
        f"These bytes (first ones: {head[:4].hex(' ')}) are not MP3, AAC, Opus, Vorbis, WAV, "
        "MLA or MLC. Check that the file is complete and of one of these formats."
    )

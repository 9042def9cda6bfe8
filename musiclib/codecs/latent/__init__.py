"""Any trained autoencoder as a codec: quantised latents, entropy coded into a small file."""

from musiclib.codecs.latent.codec import (
    AutoencoderCodec,
    describe,
    find_checkpoint,
    open_checkpoint,
)

__all__ = ["AutoencoderCodec", "describe", "find_checkpoint", "open_checkpoint"]

"""Any trained autoencoder as a codec: quantised latents, entropy coded into a small file."""

from musiclib.codecs.latent.codec import AutoencoderCodec

__all__ = ["AutoencoderCodec"]

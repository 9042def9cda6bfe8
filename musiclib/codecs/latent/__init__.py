"""Any trained autoencoder as a codec: quantised latents, entropy coded into a small file."""

from typing import TYPE_CHECKING, Any

from musiclib.codecs.latent.checkpoints import (
    Description,
    describe,
    find_checkpoint,
    open_checkpoint,
)

if TYPE_CHECKING:
    from musiclib.codecs.latent.codec import AutoencoderCodec

__all__ = ["AutoencoderCodec", "Description", "describe", "find_checkpoint", "open_checkpoint"]


def __getattr__(name: str) -> Any:
    # A model brings PyTorch and Numba, which take seconds to import.
    if name == "AutoencoderCodec":
        from musiclib.codecs.latent import codec

        return codec.AutoencoderCodec
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The recurrent autoencoder of spectral frames: LSTM layers on both sides of the encoding."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from musiclib.errors import ModelError
from musiclib.models.frames import FrameAutoencoder, FrameConfig, Spine, dense, shrink
from musiclib.models.pca import Components


@dataclass(frozen=True)
class LstmConfig(FrameConfig):
    """Configuration of `LstmAutoencoder`.

    Attributes:
        hidden: Size of the state of each LSTM layer.
        spine: Whether linear maps run beside the LSTM layers; see `DeepConfig`.
    """

    kind: ClassVar[str] = "frames_lstm"

    hidden: int = 256
    spine: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hidden < 1:
            raise ModelError(f"hidden must be positive, not {self.hidden}")


class LstmAutoencoder(FrameAutoencoder):
    """Encoding of a frame that knows the frames before it (arXiv 1806.04096, the LSTM-AE).

    Each frame has its own encoding, so the rate is that of the other frame models. Both layers run
    forward in time: a frame needs no later one.
    """

    config_type = LstmConfig

    def __init__(self, config: LstmConfig) -> None:
        super().__init__(config)
        bins, latent, hidden = config.stft.n_bins, config.latent, config.hidden
        self.encoder_lstm = nn.LSTM(bins, hidden, batch_first=True)
        self.encoder_out = dense((hidden, latent), "tanh")
        self.decoder_lstm = nn.LSTM(latent, hidden, batch_first=True)
        self.decoder_out = dense((hidden, bins), "tanh")
        self.spine = Spine(bins, latent) if config.spine else None
        if config.spine:
            shrink(self.encoder_out)
            shrink(self.decoder_out)

    def start_from(self, components: Components) -> None:
        """Set the spine, where there is one."""
        if self.spine is not None:
            self.spine.start_from(components)

    def encode_rows(self, rows: Tensor) -> Tensor:
        """Run the first LSTM over the frames."""
        latent: Tensor = self.encoder_out(_states(self.encoder_lstm, rows))
        return latent if self.spine is None else latent + self.spine.reduce(rows)

    def decode_rows(self, latent: Tensor) -> Tensor:
        """Run the second LSTM over the encodings."""
        rows: Tensor = self.decoder_out(_states(self.decoder_lstm, latent))
        return rows if self.spine is None else rows + self.spine.expand(latent)


def _states(lstm: nn.LSTM, rows: Tensor) -> Tensor:
    """Return the states of an LSTM after each row.

    On a processor always in float32: under mixed precision PyTorch would ask oneDNN for an LSTM in
    bfloat16, which it has for processors with AVX-512 alone.
    """
    on_processor = rows.device.type == "cpu"
    with torch.autocast("cpu", enabled=False) if on_processor else nullcontext():
        states: Tensor = lstm(rows.float() if on_processor else rows)[0]
    return states

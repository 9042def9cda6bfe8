"""Deep embedded clustering: an encoder that is trained to fall into groups, without labels.

Xie, Girshick and Farhadi, "Unsupervised deep embedding for clustering analysis" (ICML 2016),
sections 3.1 and 3.2. The decoder stays and goes on rebuilding its input, as in Guo, Gao, Liu and
Yin, "Improved deep embedded clustering with local structure preservation" (IJCAI 2017), section 3.
So the autoencoder remains one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from musiclib.errors import ModelError
from musiclib.models.base import Losses
from musiclib.models.frames import FrameAutoencoder, dense

_SPREAD_FLOOR = 1e-3


def soft_assignment(embedding: Tensor, centres: Tensor, degrees: float = 1.0) -> Tensor:
    """Return how much each point belongs to each cluster (Xie et al., equation 1).

    The similarity of a point and a centre is Student's t-distribution of their distance.

    Args:
        embedding: Points `(N, D)`.
        centres: Centres `(K, D)`.
        degrees: Degrees of freedom, the paper's alpha.

    Returns:
        Shares `(N, K)`, positive; each row sums to 1.
    """
    # Differences and not a matrix product: far from the origin that loses small distances.
    squares = (embedding[:, None] - centres[None]).square().sum(dim=2)
    similarity = (1.0 + squares / degrees) ** (-(degrees + 1.0) / 2.0)
    return similarity / similarity.sum(dim=1, keepdim=True)


def target_distribution(shares: Tensor) -> Tensor:
    """Return what the shares are pulled towards (Xie et al., equation 3).

    Squares favour the cluster that a point belongs to already; the division by the size of the
    cluster keeps large clusters from swallowing small ones.

    Args:
        shares: Of all points, `(N, K)`; each row sums to 1.

    Returns:
        Sharper shares `(N, K)`; each row sums to 1.
    """
    weights = shares.square() / shares.sum(dim=0)
    return weights / weights.sum(dim=1, keepdim=True)


def divergence(target: Tensor, shares: Tensor) -> Tensor:
    """Return the mean Kullback-Leibler divergence of shares from their target, in nats.

    Xie et al., equation 2, as a mean over the points `(N, K)`, so that batches of any size weigh
    alike. Not negative; 0 where both are equal.
    """
    logs = target.clamp(min=1e-12).log() - shares.clamp(min=1e-12).log()
    return (target * logs).sum(dim=1).mean()


class ClusteringBody(nn.Module, ABC):
    """An autoencoder with one embedding for a whole input.

    The embedding is standardised by constants that `calibrate` measures once, so that no dimension
    leads by its unit.

    Attributes:
        centre: Mean of the raw embeddings, `(D,)`.
        scale: Their standard deviations, `(D,)`.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(dimensions))
        self.register_buffer("scale", torch.ones(dimensions))

    @abstractmethod
    def encoded(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Encode inputs `(N, ...)`.

        Returns:
            Raw embeddings `(N, D)`, and the latents that the decoder starts from.
        """

    @abstractmethod
    def error(self, inputs: Tensor, latent: Tensor, offset: int = 0) -> Tensor:
        """Decode latents and return the mean squared error, a scalar.

        Args:
            inputs: What was encoded.
            latent: What `encoded` returned for it.
            offset: Where only a part of the input is decoded: which part.
        """

    def calibrate(self, inputs: Tensor) -> None:
        """Measure the constants of the embedding on inputs `(N, ...)`."""
        with torch.no_grad():
            raw = torch.cat([self.encoded(part)[0] for part in torch.split(inputs, 256)])
            self.centre.copy_(raw.mean(dim=0))
            spread = raw.std(dim=0, correction=0)
            self.scale.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))

    def embed(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return standardised embeddings `(N, D)` and the latents behind them."""
        raw, latent = self.encoded(inputs)
        return (raw - self.centre) / self.scale, latent


class VectorBody(ClusteringBody):
    """An autoencoder of vectors `(N, V)` with a hidden layer on both sides.

    Args:
        values: Length V of a vector.
        hidden: Size of the hidden layers.
        dimensions: Size of the embedding; 10, as Xie et al. have it (section 4).
    """

    def __init__(self, values: int, hidden: int = 128, dimensions: int = 10) -> None:
        super().__init__(dimensions)
        self.encoder = dense((values, hidden, dimensions), "gelu")
        self.decoder = dense((dimensions, hidden, values), "gelu")

    def encoded(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Encode vectors; embedding and latents are the same."""
        latent: Tensor = self.encoder(inputs)
        return latent, latent

    def error(self, inputs: Tensor, latent: Tensor, offset: int = 0) -> Tensor:
        """Mean squared error of all values."""
        del offset  # vectors are decoded whole
        return F.mse_loss(self.decoder(latent), inputs)


class FrameBody(ClusteringBody):
    """A trained autoencoder of spectra. Pieces are some of their frames, `(N, T, F)`.

    The embedding of a piece is the mean and the logarithm of the standard deviation of each
    latent over its frames, 2 values for each latent.

    Args:
        model: The autoencoder; it is trained further, so pass one that nobody else needs.
        decoded: One frame in so many is decoded in training, which halves its cost or better.
    """

    def __init__(self, model: FrameAutoencoder, decoded: int = 3) -> None:
        super().__init__(2 * model.latent_channels)
        self.model = model
        self.decoded = decoded

    def encoded(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Encode frames and pool them; the latents are `(N, T, latent)`."""
        latent = self.model.encode_rows(inputs)
        # The root of the variance has an infinite slope at zero, where a silent piece lies.
        spread = (latent.var(dim=1, correction=0) + _SPREAD_FLOOR**2).sqrt()
        return torch.cat([latent.mean(dim=1), spread.log()], dim=1), latent

    def error(self, inputs: Tensor, latent: Tensor, offset: int = 0) -> Tensor:
        """Mean squared error of normalised log magnitudes, every `decoded`th frame."""
        step = min(self.decoded, inputs.shape[1])
        chosen = slice(offset % step, None, step)
        return F.mse_loss(self.model.decode_rows(latent[:, chosen]), inputs[:, chosen])


class DeepClustering(nn.Module):
    """An autoencoder and the centres of its clusters, trained together.

    Args:
        body: The autoencoder.
        centres: First centres `(K, D)`, in units of the standardised embedding.

    Raises:
        ModelError: The centres do not fit the embedding, or there are fewer than two.
    """

    def __init__(self, body: ClusteringBody, centres: Tensor) -> None:
        super().__init__()
        if centres.ndim != 2 or len(centres) < 2 or centres.shape[1] != len(body.centre):
            raise ModelError(
                f"centres must be at least two points of {len(body.centre)} dimensions, not of "
                f"shape {tuple(centres.shape)}"
            )
        self.body = body
        self.centres = nn.Parameter(centres.detach().clone().to(torch.float32))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the shares `(N, K)` of inputs `(N, ...)`."""
        return soft_assignment(self.body.embed(inputs)[0], self.centres)

    def loss(
        self, inputs: Tensor, target: Tensor, weight: float, rebuild: bool = True, offset: int = 0
    ) -> Losses:
        """Return the reconstruction error plus `weight` times the divergence.

        Guo et al., section 3; without the error it is the loss of Xie et al.

        Args:
            inputs: A batch `(B, ...)`.
            target: Its rows of the target distribution, `(B, K)`.
            weight: Weight of the divergence, Guo et al.'s gamma.
            rebuild: Whether the reconstruction counts.
            offset: See :meth:`ClusteringBody.error`.
        """
        embedding, latent = self.body.embed(inputs)
        pull = divergence(target, soft_assignment(embedding, self.centres))
        total, terms = weight * pull, {"divergence": pull.detach()}
        if rebuild:
            error = self.body.error(inputs, latent, offset)
            total, terms = total + error, {**terms, "error": error.detach()}
        return Losses(total, terms)

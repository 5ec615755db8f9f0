"""What every layer fusion takes and returns."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from fusion_demo.config import BridgeConfig
from fusion_demo.errors import ShapeError


@dataclass(frozen=True)
class FusionOutput:
    """A text's fused states and the weights that made them.

    Attributes:
        fused: (B, T, D), zero at padding.
        layer_weights: (B, T, L), the very weights used; each real token's sum to 1, padding is zero.
            L + 1 columns, that of the embedding output first, where the fusion reads it.
    """

    fused: Tensor
    layer_weights: Tensor


class LayerFusion(nn.Module, ABC):
    """Mixes the encoder's layers: fused[t] = Σ_l α_l[t] · h_l[t] (paper, eqs 1 and 8).

    A subclass says how the weights α come about. The mix is made here, from the weights that are
    returned, so what is drawn is what was used. A subclass may mix something made from the layers
    instead of the layers as they are: it then overrides `mix`.
    """

    reads_embeddings: ClassVar[bool] = False
    """Whether the embedding output ("layer 0") is mixed too, before the L layers."""

    def __init__(self, num_layers: int, width: int) -> None:
        super().__init__()
        self.num_layers = num_layers
        self.width = width

    @classmethod
    def from_config(cls, config: BridgeConfig, num_layers: int, width: int) -> Self:
        """Build the fusion for an encoder of `num_layers` layers of `width`."""
        return cls(num_layers, width)

    @property
    def layers(self) -> list[int]:
        """Numbers of the layers that are mixed, in the order of the weights; 0: the embedding output."""
        return list(range(0 if self.reads_embeddings else 1, self.num_layers + 1))

    @abstractmethod
    def layer_weights(self, layer_states: Tensor) -> Tensor:
        """Return the weights α of the layers: (B, T, L), or any shape that broadcasts to it."""

    def mix(self, layer_states: Tensor, weights: Tensor) -> Tensor:
        """Return Σ_l α_l[t] · h_l[t]: (B, T, L, D) states and (B, T, L) weights -> (B, T, D)."""
        # A (1, L) x (L, D) matrix product for each token: a product and a sum would first write all layers
        # once more, weighted, in both directions.
        return (weights[..., None, :] @ layer_states)[..., 0, :]

    def contributions(self, layer_states: Tensor, weights: Tensor) -> Tensor:
        """Return how long the vector is that each layer adds to the fused state: (B, T, L).

        Where the layers are mixed as they are, this is α_l[t] · ‖h_l[t]‖ (Kobayashi et al. 2020, for
        attention). In general it is what `mix` returns with the weight of that layer alone, less what it
        returns with none.
        """
        rest = self.mix(layer_states, torch.zeros_like(weights))
        alone = torch.eye(weights.shape[-1], dtype=weights.dtype, device=weights.device)
        added = [self.mix(layer_states, weights * layer) - rest for layer in alone]
        return torch.stack([vector.norm(dim=-1) for vector in added], dim=-1)

    def forward(
        self, layer_states: Tensor, mask: Tensor, *, layer_mask: Tensor | None = None
    ) -> FusionOutput:
        """Fuse the layers of every real token.

        Args:
            layer_states: (B, T, L, D), or (B, T, L + 1, D) with the embedding output first for a fusion
                that reads it.
            mask: (B, T), True at real tokens.
            layer_mask: (B, L), True at the layers that may be mixed; the weights of the others become zero
                and the rest is divided by its sum. Where nothing is left, all weights are zero.

        Raises:
            ShapeError: L or D differ from those of the encoder this fusion was made for.
        """
        expected = (*mask.shape, len(self.layers), self.width)
        if tuple(layer_states.shape) != expected:
            before = "the embedding output and " if self.reads_embeddings else ""
            raise ShapeError(
                f"The layer states have shape {tuple(layer_states.shape)}, but this fusion was made for "
                f"{before}{self.num_layers} layers of width {self.width}: {expected}. "
                "Use the encoder it was trained with."
            )
        weights = self.layer_weights(layer_states).expand(expected[:3])
        if layer_mask is not None:
            weights = weights * layer_mask[:, None]
            weights = weights / weights.sum(dim=-1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)
        weights = weights * mask[..., None]
        return FusionOutput(self.mix(layer_states, weights) * mask[..., None], weights)

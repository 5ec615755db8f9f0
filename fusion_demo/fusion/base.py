"""What every layer fusion takes and returns."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

from torch import Tensor, nn

from fusion_demo.config import BridgeConfig
from fusion_demo.errors import ShapeError


@dataclass(frozen=True)
class FusionOutput:
    """A text's fused states and the weights that made them.

    Attributes:
        fused: (B, T, D), zero at padding.
        layer_weights: (B, T, L), the very weights used; each real token's sum to 1, padding is zero.
    """

    fused: Tensor
    layer_weights: Tensor


class LayerFusion(nn.Module, ABC):
    """Mixes the encoder's layers: fused[t] = Σ_l α_l[t] · h_l[t] (paper, eqs 1 and 8).

    A subclass says only how the weights α come about. The mix is made here, from the weights
    that are returned, so what is drawn is what was used.
    """

    def __init__(self, num_layers: int, width: int) -> None:
        super().__init__()
        self.num_layers = num_layers
        self.width = width

    @classmethod
    def from_config(cls, config: BridgeConfig, num_layers: int, width: int) -> Self:
        """Build the fusion for an encoder of `num_layers` layers of `width`."""
        return cls(num_layers, width)

    @abstractmethod
    def layer_weights(self, layer_states: Tensor) -> Tensor:
        """Return the weights α of the layers: (B, T, L), or any shape that broadcasts to it."""

    def forward(self, layer_states: Tensor, mask: Tensor) -> FusionOutput:
        """Fuse the layers of every real token.

        Args:
            layer_states: (B, T, L, D).
            mask: (B, T), True at real tokens.

        Raises:
            ShapeError: L or D differ from those of the encoder this fusion was made for.
        """
        expected = (*mask.shape, self.num_layers, self.width)
        if tuple(layer_states.shape) != expected:
            raise ShapeError(
                f"The layer states have shape {tuple(layer_states.shape)}, but this fusion was made for "
                f"{self.num_layers} layers of width {self.width}: {expected}. "
                "Use the encoder it was trained with."
            )
        weights = self.layer_weights(layer_states).expand(expected[:3]) * mask[..., None]
        # A product and a sum: as a batch of (1, L) x (L, D) matrix products it is 30 times slower on a CPU.
        fused = (weights[..., None] * layer_states).sum(dim=2)
        return FusionOutput(fused * mask[..., None], weights)

"""Global softmax weighting: one weight per layer, the same for every token."""

from typing import Self

import torch
from torch import Tensor, nn

from fusion_demo.config import BridgeConfig
from fusion_demo.fusion.base import LayerFusion

BASE_TEMPERATURE = 1e2
TEMPERATURE_FACTOR = 1e5
INITIAL_WEIGHT = 3e-5
INITIAL_TEMPERATURE = 1e-5


class GlobalSoftmaxFusion(LayerFusion):
    """Mix the layers with one learned weight each.

        α = softmax(τ · w),  w ∈ R^L                    (paper, eq. 2)
        τ = base_temp + factor · temp                   (paper, eq. 3)

    The constants are those of the authors' code; τ starts at 101. With slope 0 the mix starts uniform, as
    theirs; else it starts at α_l ∝ exp(slope · l), so that a short training begins with the upper layers.

    Example: with L = 2, τ = 101 and w = (0, ln(3)/101), α = (1/4, 3/4).
    """

    def __init__(self, num_layers: int, width: int, *, slope: float = 0.0) -> None:
        super().__init__(num_layers, width)
        tau = BASE_TEMPERATURE + TEMPERATURE_FACTOR * INITIAL_TEMPERATURE
        self.weights = nn.Parameter(INITIAL_WEIGHT + slope / tau * torch.arange(num_layers))
        self.temperature = nn.Parameter(torch.tensor(INITIAL_TEMPERATURE))

    @classmethod
    def from_config(cls, config: BridgeConfig, num_layers: int, width: int) -> Self:
        """Build the fusion with the config's slope of the first weights."""
        return cls(num_layers, width, slope=config.fusion_slope)

    def layer_weights(self, layer_states: Tensor) -> Tensor:
        """Return α for every token: (L,)."""
        tau = BASE_TEMPERATURE + TEMPERATURE_FACTOR * self.temperature
        return torch.softmax(tau * self.weights, dim=0)

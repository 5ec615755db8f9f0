"""Global softmax weighting: one weight per layer, the same for every token."""

import torch
from torch import Tensor, nn

from fusion_demo.fusion.base import LayerFusion

BASE_TEMPERATURE = 1e2
TEMPERATURE_FACTOR = 1e5
INITIAL_WEIGHT = 3e-5
INITIAL_TEMPERATURE = 1e-5


class GlobalSoftmaxFusion(LayerFusion):
    """Mix the layers with one learned weight each.

        α = softmax(τ · w),  w ∈ R^L                    (paper, eq. 2)
        τ = base_temp + factor · temp                   (paper, eq. 3)

    The constants are those of the authors' code. w starts equal everywhere, so the mix starts
    uniform; τ starts at 101.

    Example: with L = 2, τ = 101 and w = (0, ln(3)/101), α = (1/4, 3/4).
    """

    def __init__(self, num_layers: int, width: int) -> None:
        super().__init__(num_layers, width)
        self.weights = nn.Parameter(torch.full((num_layers,), INITIAL_WEIGHT))
        self.temperature = nn.Parameter(torch.tensor(INITIAL_TEMPERATURE))

    def layer_weights(self, layer_states: Tensor) -> Tensor:
        """Return α for every token: (L,)."""
        tau = BASE_TEMPERATURE + TEMPERATURE_FACTOR * self.temperature
        return torch.softmax(tau * self.weights, dim=0)

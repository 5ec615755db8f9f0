"""Scaling vectors: one weight per layer and dimension, the same for every token."""

import math

import torch
from torch import Tensor, nn

from fusion_demo.fusion.base import LayerFusion


class ScalingVectorsFusion(LayerFusion):
    """Scale every dimension of every layer with a learned weight of its own and sum (Liu et al. 2020).

        ŵ_ld = exp(w_ld) / Σ_l' exp(w_l'd),  w ∈ R^(L×D)    (their fine-grained layer attention)
        fused[t] = Σ_l ŵ_l ⊙ h_l[t]

    The scales of one dimension sum to 1 over the layers. A layer's weight, as it is returned and
    drawn, is the mean of its scales over the dimensions, which is how the authors draw them too:

        α_l = 1/D Σ_d ŵ_ld,  so Σ_l α_l = 1
        fused[t] = Σ_l α_l · (ŵ_l / α_l) ⊙ h_l[t]

    w starts at zero, so the mix starts uniform.

    Example: with L = D = 2 and scales ŵ_1 = (1, 1/2), ŵ_2 = (0, 1/2), α = (3/4, 1/4), and layers
    (4, 2) and (8, 6) become (4, 4).
    """

    def __init__(self, num_layers: int, width: int) -> None:
        super().__init__(num_layers, width)
        self.weights = nn.Parameter(torch.zeros(num_layers, width))

    def layer_weights(self, layer_states: Tensor) -> Tensor:
        """Return α for every token: (L,)."""
        return self._log_weights().exp()

    def mix(self, layer_states: Tensor, weights: Tensor) -> Tensor:
        """Return Σ_l α_l · (ŵ_l / α_l) ⊙ h_l[t]."""
        # In logarithms: a layer that is hardly used must not divide zero by zero.
        profiles = (self._log_scales() - self._log_weights()[:, None]).exp()
        return super().mix(profiles * layer_states, weights)

    def _log_scales(self) -> Tensor:
        return torch.log_softmax(self.weights, dim=0)

    def _log_weights(self) -> Tensor:
        return self._log_scales().logsumexp(dim=1) - math.log(self.width)

"""The baseline: the last layer only."""

import torch
from torch import Tensor

from fusion_demo.fusion.base import LayerFusion


class LastLayerFusion(LayerFusion):
    """Keep the last layer: α is one-hot on layer L (LangBridge, Yoon et al. 2024). Nothing is trained.

    Example: the states 1, 2, 3 of a token's three layers become 3.
    """

    def layer_weights(self, layer_states: Tensor) -> Tensor:
        """Return (1, 0, …, 1) for every token: (L,)."""
        weights = torch.zeros(self.num_layers, dtype=layer_states.dtype, device=layer_states.device)
        weights[-1] = 1.0
        return weights

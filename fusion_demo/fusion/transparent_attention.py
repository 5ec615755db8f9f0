"""Transparent attention: one weight per layer, the embedding output among them."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from fusion_demo.fusion.base import LayerFusion


class TransparentAttentionFusion(LayerFusion):
    """Mix the embedding output and the layers with one learned weight each (Bapna et al. 2018).

        s = softmax(w),  w ∈ R^(L+1)
        fused[t] = Σ_l s_l · h_l[t],  l = 0 … L; h_0 is the embedding output

    The formula is theirs for one decoder layer; they learn a column of w for each, and a bridge has
    one reader. w starts at zero, so the mix starts uniform.

    Example: with L = 1 and w = (0, ln 3), s = (1/4, 3/4): a quarter of the embedding output.
    """

    reads_embeddings: ClassVar[bool] = True

    def __init__(self, num_layers: int, width: int) -> None:
        super().__init__(num_layers, width)
        self.weights = nn.Parameter(torch.zeros(num_layers + 1))

    def layer_weights(self, layer_states: Tensor) -> Tensor:
        """Return s for every token: (L+1,)."""
        return torch.softmax(self.weights, dim=0)

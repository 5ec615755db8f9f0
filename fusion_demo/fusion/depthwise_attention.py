"""Depth-wise attention: a token's last layer asks, and every layer answers with a value of its own."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusion_demo.fusion.base import LayerFusion

KEY_WIDTH = 24
BOTTLENECK = 0.5


class DepthwiseAttentionFusion(LayerFusion):
    """Attend over depth from the last layer (DWAtt, ElNokrashy et al. 2022).

        f(x) = W · LN(gelu(U x))                        U: D -> D/2, W: D/2 -> D
        q[t] = 1 + elu(h_L[t] + f_Q(h_L[t]))            the query, from the last layer
        k_l = W_K p_l,  p_l ∈ R^24                      a key for each layer, learned, of no token
        v_l[t] = LN_l(f_l(h_l[t]))                      a value for each layer, from its state
        a[t] = softmax_l(q[t] · k_l)
        fused[t] = h_L[t] + Σ_l a_l[t] · v_l[t]

    The formulas, the sizes 24 and 1/2 and the start of p between 0 and 1 are the authors'. W_K starts
    small, so the weights start nearly uniform: they sum up over D dimensions of q and would
    otherwise start at one layer.

    The returned weights are a. They say whose values were added, and not how much of the last layer
    is in the sum: that one stands in it once more, as it is.
    """

    def __init__(self, num_layers: int, width: int) -> None:
        super().__init__(num_layers, width)
        self.query = _bottleneck(width)
        self.positions = nn.Parameter(torch.rand(num_layers, KEY_WIDTH))
        self.key = nn.Linear(KEY_WIDTH, width, bias=False)
        nn.init.normal_(self.key.weight, std=1 / width)
        self.values = nn.ModuleList(
            nn.Sequential(_bottleneck(width), nn.LayerNorm(width)) for _ in range(num_layers)
        )

    def layer_weights(self, layer_states: Tensor) -> Tensor:
        """Return a[t] for every token: (B, T, L)."""
        last = layer_states[:, :, -1]
        query = 1 + functional.elu(last + self.query(last))
        return torch.softmax(query @ self.key(self.positions).T, dim=-1)

    def mix(self, layer_states: Tensor, weights: Tensor) -> Tensor:
        """Return h_L[t] + Σ_l a_l[t] · v_l[t]."""
        values = [value(layer_states[:, :, layer]) for layer, value in enumerate(self.values)]
        return layer_states[:, :, -1] + super().mix(torch.stack(values, dim=2), weights)


def _bottleneck(width: int) -> nn.Sequential:
    """Return f: R^D -> R^D with half the width inside."""
    inner = max(1, round(width * BOTTLENECK))
    return nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.LayerNorm(inner), nn.Linear(inner, width))

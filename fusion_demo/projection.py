"""From the encoder's space into the LLM's input space, and the vector that closes the text."""

import math
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusion_demo.config import BridgeConfig


class Projection(nn.Module):
    """Map fused states into the LLM's input space and hold the boundary vector.

        e[t] = W_p x[t] + b_p ∈ R^E,  x[t] = norm(fused[t])                   (paper, eq. 9; the norm is ours)
        e[t] = W_p relu(W_h x[t] + b_h) + b_p                               (MindMerger's two-layer map)

    The layer norm lets the map train at a learning rate of 1e-3 whatever the encoder's scale;
    `norm=False` gives the paper's plain map. With the norm, the first soft tokens have the
    root mean square of the LLM's own input embeddings, the scale which the LLM can read.

    Args:
        width: D, width of the encoder.
        llm_width: E, width of the LLM.
        embedding_rms: Root mean square of the LLM's input embeddings.
        norm: Whether a layer norm stands before the map.
        hidden_width: Width of the hidden layer; 0: no hidden layer, one linear map.
    """

    def __init__(
        self, width: int, llm_width: int, *, embedding_rms: float, norm: bool = True, hidden_width: int = 0
    ) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.hidden = nn.Linear(width, hidden_width) if hidden_width else None
        self.linear = nn.Linear(hidden_width or width, llm_width)
        self.boundary = nn.Parameter(torch.randn(llm_width) * embedding_rms)
        nn.init.normal_(self.linear.weight, std=embedding_rms / math.sqrt(hidden_width or width))
        nn.init.zeros_(self.linear.bias)
        if self.hidden is not None:
            # He et al. (2015): the root mean square behind the ReLU is that before the map.
            nn.init.normal_(self.hidden.weight, std=math.sqrt(2 / width))
            nn.init.zeros_(self.hidden.bias)

    @classmethod
    def from_config(cls, config: BridgeConfig, width: int, llm_width: int, *, embedding_rms: float) -> Self:
        """Build the projection that the config names; a hidden layer is by default 2 D wide."""
        hidden_width = (config.projection_width or 2 * width) if config.projection == "mlp" else 0
        return cls(
            width,
            llm_width,
            embedding_rms=embedding_rms,
            norm=config.projection_norm,
            hidden_width=hidden_width,
        )

    def forward(self, fused: Tensor) -> Tensor:
        """Map (…, D) to (…, E)."""
        states = self.norm(fused)
        if self.hidden is not None:
            states = functional.relu(self.hidden(states))
        return self.linear(states)

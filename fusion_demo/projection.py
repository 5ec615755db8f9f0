"""From the encoder's space into the LLM's input space, and the vector that closes the text."""

import math

import torch
from torch import Tensor, nn


class Projection(nn.Module):
    """Map fused states into the LLM's input space and hold the boundary vector.

        e[t] = W_p norm(fused[t]) + b_p ∈ R^E           (paper, eq. 9; the norm is ours)

    The layer norm lets the map train at a learning rate of 1e-3 whatever the encoder's scale;
    `norm=False` gives the paper's plain map. With the norm, the first soft tokens have the
    root mean square of the LLM's own input embeddings, the scale which the LLM can read.

    Args:
        width: D, width of the encoder.
        llm_width: E, width of the LLM.
        embedding_rms: Root mean square of the LLM's input embeddings.
        norm: Whether a layer norm stands before the map.
    """

    def __init__(self, width: int, llm_width: int, *, embedding_rms: float, norm: bool = True) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.linear = nn.Linear(width, llm_width)
        self.boundary = nn.Parameter(torch.randn(llm_width) * embedding_rms)
        nn.init.normal_(self.linear.weight, std=embedding_rms / math.sqrt(width))
        nn.init.zeros_(self.linear.bias)

    def forward(self, fused: Tensor) -> Tensor:
        """Map (…, D) to (…, E)."""
        return self.linear(self.norm(fused))

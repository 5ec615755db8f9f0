"""How two texts stand to one another, as one vector that the LLM can read."""

import math

import torch
from torch import Tensor, nn

DROPOUT = 0.2


class RelationToken(nn.Module):
    """Make one soft token out of the means u and v of a pair's fused states.

        r = W_2 dropout(gelu(W_1 [û; v̂; |û − v̂|; û · v̂] + b_1)) + b_2 ∈ R^E

    û and v̂ are layer-normalised. The four features are those of InferSent (Conneau et al. 2017, fig. 1): a
    frozen encoder that reads each text alone has no other place where the two meet before the LLM. The
    first tokens have about the root mean square of the LLM's own input embeddings.

    Args:
        width: D, width of the encoder.
        llm_width: E, width of the LLM.
        embedding_rms: Root mean square of the LLM's input embeddings.
    """

    def __init__(self, width: int, llm_width: int, *, embedding_rms: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(4 * width, llm_width)
        self.dropout = nn.Dropout(DROPOUT)
        self.output = nn.Linear(llm_width, llm_width)
        # gelu of a standard normal variable has a mean square of 0.425.
        nn.init.normal_(self.hidden.weight, std=1 / math.sqrt(4 * width))
        nn.init.zeros_(self.hidden.bias)
        nn.init.normal_(self.output.weight, std=embedding_rms / math.sqrt(0.425 * llm_width))
        nn.init.zeros_(self.output.bias)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Map two means (…, D) to one soft token (…, E)."""
        u, v = self.norm(first), self.norm(second)
        features = torch.cat([u, v, (u - v).abs(), u * v], dim=-1)
        return self.output(self.dropout(nn.functional.gelu(self.hidden(features))))

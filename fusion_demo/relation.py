"""How two texts stand to one another, as one vector that the LLM can read."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusion_demo.config import BridgeConfig
from fusion_demo.pooling import mean_parts

DROPOUT = 0.2

FIRST_TEMPERATURE = 3.0
"""Of the attention between two texts, as a logarithm: a cosine counts 20 times at the start."""


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

    def forward(self, states: Tensor, mask: Tensor, parts: Tensor, *, noise: float = 0.0) -> Tensor:
        """Map pairs of texts to one soft token each.

        Args:
            states: (B, T, D) fused states.
            mask: (B, T), True at real tokens.
            parts: (B, T), 0 at the tokens of the first text, 1 at those of the second.
            noise: Standard deviation of Gaussian noise on the means, relative to each one's own.

        Returns:
            (B, E).
        """
        means, _ = mean_parts(states, mask, parts)
        if noise:
            means = means + noise * means.detach().std(dim=-1, keepdim=True) * torch.randn_like(means)
        u, v = self.norm(means[:, 0]), self.norm(means[:, 1])
        features = torch.cat([u, v, (u - v).abs(), u * v], dim=-1)
        return self.output(self.dropout(functional.gelu(self.hidden(features))))


class AttentiveRelationToken(nn.Module):
    """Make one soft token out of a pair's fused states, in which each token meets those of the other text.

        x = norm(h),   s[t, t'] = exp(τ) · cos(W_a x[t], W_a x[t'])
        v = W_v x,     o[t] = Σ_{t' in the other text} softmax_t'(s[t, t']) v[t']
        c[t] = dropout(gelu(W_c [v; o; |v − o|; v · o] + b_c))
        r = W_2 dropout(gelu(W_1 [mean c; max c of the first; mean c; max c of the second] + b_1)) + b_2 ∈ R^E

    Attend, compare, aggregate (Parikh et al., 2016), with the features and the two poolings of ESIM (Chen et
    al., 2017). A frozen encoder that reads each text alone has told nobody which word of the one stands
    against which of the other; of two means the LLM cannot learn it.

    Args:
        width: D, width of the encoder; half of it is that of the comparisons.
        llm_width: E, width of the LLM.
        embedding_rms: Root mean square of the LLM's input embeddings.
    """

    def __init__(self, width: int, llm_width: int, *, embedding_rms: float) -> None:
        super().__init__()
        inner = width // 2
        self.norm = nn.LayerNorm(width)
        self.attend = nn.Linear(width, inner)
        self.value = nn.Linear(width, inner)
        self.temperature = nn.Parameter(torch.tensor(FIRST_TEMPERATURE))
        self.compare = nn.Linear(4 * inner, inner)
        self.hidden = nn.Linear(4 * inner, inner)
        self.dropout = nn.Dropout(DROPOUT)
        self.output = nn.Linear(inner, llm_width)
        nn.init.normal_(self.output.weight, std=embedding_rms / math.sqrt(0.425 * inner))
        nn.init.zeros_(self.output.bias)

    def forward(self, states: Tensor, mask: Tensor, parts: Tensor, *, noise: float = 0.0) -> Tensor:
        """Map pairs of texts to one soft token each, (B, E), as `RelationToken.forward`.

        Here the noise is on the normalised states.
        """
        x = self.norm(states)
        if noise:
            x = x + noise * torch.randn_like(x)
        own = functional.normalize(self.attend(x), dim=-1)
        scores = self.temperature.exp() * (own @ own.transpose(1, 2))
        others = (parts[:, :, None] != parts[:, None, :]) & mask[:, None, :]
        lowest = torch.finfo(scores.dtype).min
        value = self.value(x)
        other = scores.masked_fill(~others, lowest).softmax(dim=-1) @ value
        features = torch.cat([value, other, (value - other).abs(), value * other], dim=-1)
        compared = self.dropout(functional.gelu(self.compare(features)))
        means, _ = mean_parts(compared, mask, parts)
        largest = [
            compared.masked_fill(~(mask & (parts == part))[..., None], lowest).amax(dim=1) for part in (0, 1)
        ]
        pooled = torch.cat([means[:, 0], largest[0], means[:, 1], largest[1]], dim=-1)
        return self.output(self.dropout(functional.gelu(self.hidden(pooled))))


def build_relation(
    config: BridgeConfig, width: int, llm_width: int, *, embedding_rms: float
) -> RelationToken | AttentiveRelationToken | None:
    """Build what makes the relation token, as the config asks; None where there is none."""
    if not config.relation_token:
        return None
    kind = AttentiveRelationToken if config.relation_states == "attention" else RelationToken
    return kind(width, llm_width, embedding_rms=embedding_rms)

"""A whole text as a few soft tokens, made from its pooled states by a map of their own.

Word tokens fit English best and travel worst. The mean of a sentence encoder's states is what it was trained
to make alike in all of its languages, so what is made from that travels.
"""

import math
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusion_demo.config import BridgeConfig

QUERY_SCALE = 0.02
"""Standard deviation of the queries at the start: each attends nearly alike to all tokens."""


class SentenceTokens(nn.Module):
    """Make K soft tokens out of a text's states: their mean, and Q learned summaries of them.

        x = (mean_t h[t] − μ) / σ,   a_q = (Σ_t softmax_t(q · x[t]) h[t] − μ) / σ      x[t] = (h[t] − μ) / σ
        e[1..K] = rms · norm(W_2 gelu(W_1 [x; a_1; …; a_Q] + b_1) + b_2) ∈ R^{K×E}

    A two-layer map from a retriever's vector to tokens of a frozen LLM is xRAG's (Cheng et al., 2024), there
    with K = 1. μ and σ are the mean and the spread of English texts' mean states, see `standardise`: the
    means of a sentence encoder lie in a narrow cone. The norm's scale starts at the root mean square of the
    LLM's input embeddings, which is what the LLM can read, however far a vector lies from those of training.

    Args:
        width: D, width of the encoder.
        llm_width: E, width of the LLM.
        tokens: K.
        queries: Q; 0: the mean alone.
        hidden_width: Width of the hidden layer.
        embedding_rms: Root mean square of the LLM's input embeddings.
    """

    mean: Tensor
    spread: Tensor

    def __init__(
        self,
        width: int,
        llm_width: int,
        *,
        tokens: int,
        queries: int,
        hidden_width: int,
        embedding_rms: float,
    ) -> None:
        super().__init__()
        self.tokens = tokens
        self.queries = nn.Parameter(QUERY_SCALE * torch.randn(queries, width)) if queries else None
        self.hidden = nn.Linear((1 + queries) * width, hidden_width)
        self.output = nn.Linear(hidden_width, tokens * llm_width)
        self.norm = nn.LayerNorm(llm_width)
        nn.init.normal_(self.hidden.weight, std=1 / math.sqrt(self.hidden.in_features))
        nn.init.zeros_(self.hidden.bias)
        nn.init.normal_(self.output.weight, std=1 / math.sqrt(hidden_width))
        nn.init.zeros_(self.output.bias)
        nn.init.constant_(self.norm.weight, embedding_rms)
        # Part of the trained state, though not learned by gradients.
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))

    @classmethod
    def from_config(
        cls, config: BridgeConfig, width: int, llm_width: int, *, embedding_rms: float
    ) -> Self | None:
        """Build the map that the config asks for; None where the sentence tokens have none of their own."""
        if not config.maps_sentences:
            return None
        return cls(
            width,
            llm_width,
            tokens=config.sentence_tokens,
            queries=config.sentence_queries,
            hidden_width=config.sentence_width,
            embedding_rms=embedding_rms,
        )

    @torch.no_grad()
    def standardise(self, means: Tensor) -> None:
        """Take mean and spread from N English texts' mean states, (N, D)."""
        self.mean.copy_(means.mean(dim=0))
        self.spread.copy_(means.std(dim=0).clamp(min=1e-6))

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        """Return what the map reads, standardised: (B, T, D) states, (B, T) mask -> (B, 1 + Q, D).

        A row without any token gives finite numbers, which mean nothing.
        """
        real = mask[..., None].to(states.dtype)
        pooled = (states * real).sum(dim=1, keepdim=True) / real.sum(dim=1, keepdim=True).clamp(min=1)
        if self.queries is not None:
            scores = self.standardised(states) @ self.queries.T
            weights = scores.masked_fill(~mask[..., None], torch.finfo(scores.dtype).min).softmax(dim=1)
            pooled = torch.cat([pooled, weights.transpose(1, 2) @ states], dim=1)
        return self.standardised(pooled)

    def forward(self, pooled: Tensor, *, noise: float = 0.0) -> Tensor:
        """Map what `pool` returns, (B, 1 + Q, D), to soft tokens, (B, K, E).

        Args:
            pooled: Of B texts.
            noise: Each text's noise has a standard deviation of its own, drawn between 0 and this.
        """
        if noise:
            level = noise * torch.rand(len(pooled), 1, 1, device=pooled.device)
            pooled = pooled + level * torch.randn_like(pooled)
        tokens = self.output(functional.gelu(self.hidden(pooled.flatten(1))))
        return self.norm(tokens.unflatten(1, (self.tokens, -1)))

    def standardised(self, states: Tensor) -> Tensor:
        """Return states (…, D) around the mean of English texts, in units of their spread."""
        return (states - self.mean) / self.spread

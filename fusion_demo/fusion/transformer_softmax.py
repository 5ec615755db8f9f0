"""Transformer softmax weighting: the weights of the layers are chosen for each token."""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from fusion_demo.config import BridgeConfig
from fusion_demo.errors import ConfigError
from fusion_demo.fusion.base import LayerFusion


class DepthBlock(nn.Module):
    """One post-norm Transformer encoder block over a token's L+1 vectors (Vaswani et al. 2017).

    Its parameters and results are those of `torch.nn.TransformerEncoderLayer`. It exists
    because the last block is asked for one position only: keys and values are needed at
    every layer, but query, feed-forward and norms at q alone.
    """

    def __init__(self, width: int, heads: int, feedforward_width: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.attention_output = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width)
        self.feedforward = nn.Sequential(
            nn.Linear(width, feedforward_width),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(feedforward_width, width),
        )
        self.feedforward_norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.attention_dropout = dropout

    def forward(self, sequence: Tensor, positions: int) -> Tensor:
        """Return the block's output at the first `positions` vectors.

        Args:
            sequence: (N, L+1, D), one row for each token.
            positions: How many leading positions are wanted.

        Returns:
            (N, positions, D).
        """
        asked = sequence[:, :positions]
        query = self._split(self.query(asked))
        key, value = (self._split(part) for part in self.key_value(sequence).chunk(2, dim=-1))
        attended = functional.scaled_dot_product_attention(
            query, key, value, dropout_p=self.attention_dropout if self.training else 0.0
        )
        attended = self.attention_output(attended.transpose(1, 2).flatten(2))
        states = self.attention_norm(asked + self.dropout(attended))
        return self.feedforward_norm(states + self.dropout(self.feedforward(states)))

    def _split(self, states: Tensor) -> Tensor:
        return states.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class TransformerSoftmaxFusion(LayerFusion):
    """Choose the weights of the layers for each token with a small Transformer over depth.

        H[t] = (h_1[t] … h_L[t])                        (paper, eq. 4)
        X[t] = [q ; h_1[t] ; … ; h_L[t]]                (eq. 5)
        Z[t] = TransformerEncoder(X[t] + P)             (eq. 6)
        a[t] = softmax(W z_q[t] + b)                    (eq. 7)
        fused[t] = Σ_l a_l[t] · h_l[t]                  (eq. 8, in `LayerFusion`)

    q is learned and starts at zero; the positions P are added to the L layer states, not to q;
    z_q is the output at q. Tokens do not see one another. `slope` is added to b for each layer, so that the
    weights start near α_l ∝ exp(slope · l) and a short training begins with the upper layers.

    Raises:
        ConfigError: the encoder's width cannot be split into the heads.
    """

    def __init__(
        self,
        num_layers: int,
        width: int,
        *,
        blocks: int = 1,
        heads: int = 4,
        feedforward: float = 2.0,
        dropout: float = 0.1,
        slope: float = 0.0,
    ) -> None:
        super().__init__(num_layers, width)
        if width % heads:
            raise ConfigError(
                f"'fusion_heads' is {heads}, which does not divide the encoder's width {width}. "
                "Give a divisor of it."
            )
        self.query = nn.Parameter(torch.zeros(width))
        self.positions = nn.Parameter(torch.randn(num_layers, width) * 0.02)
        self.blocks = nn.ModuleList(
            DepthBlock(width, heads, round(width * feedforward), dropout) for _ in range(blocks)
        )
        self.score = nn.Linear(width, num_layers)
        with torch.no_grad():
            self.score.bias += slope * torch.arange(num_layers)

    @classmethod
    def from_config(cls, config: BridgeConfig, num_layers: int, width: int) -> Self:
        """Build the fusion with the config's blocks, heads, feed-forward width, dropout and slope."""
        return cls(
            num_layers,
            width,
            blocks=config.fusion_blocks,
            heads=config.fusion_heads,
            feedforward=config.fusion_feedforward,
            dropout=config.fusion_dropout,
            slope=config.fusion_slope,
        )

    def layer_weights(self, layer_states: Tensor) -> Tensor:
        """Return a[t] for every token: (B, T, L)."""
        layers = (layer_states + self.positions).flatten(0, 1)
        query = self.query.to(layers.dtype).expand(len(layers), 1, -1)
        sequence = torch.cat([query, layers], dim=1)
        for block in self.blocks[:-1]:
            sequence = block(sequence, positions=sequence.shape[1])
        at_query = self.blocks[-1](sequence, positions=1).squeeze(1)
        weights = torch.softmax(self.score(at_query), dim=-1)
        return weights.unflatten(0, layer_states.shape[:2])

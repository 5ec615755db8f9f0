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
    because the last block is asked for one position only, see `at_query`: several times less work.
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
        self.attention_dropout = nn.Dropout(dropout)

    def forward(self, sequence: Tensor) -> Tensor:
        """Return the block's output at every position: (N, L+1, D) -> (N, L+1, D)."""
        split = [self._split(part) for part in self.key_value(sequence).chunk(2, dim=-1)]
        attended = functional.scaled_dot_product_attention(
            self._split(self.query(sequence)),
            *split,
            dropout_p=self.attention_dropout.p if self.training else 0.0,
        )
        return self._finish(sequence, attended.transpose(1, 2).flatten(2))

    def at_query(self, query: Tensor, layers: Tensor, positions: Tensor | None) -> Tensor:
        """Return the block's output at q alone, the first vector of the sequence [q ; layers + positions].

        With one position asked for, keys and values need not be made for each layer:

            q_h · (W_k x_l) = (W_kᵀ q_h) · x_l,    Σ_l p_l (W_v x_l) = W_v Σ_l p_l x_l

        So two products of (heads, D) with each layer take the place of two of (D, D), and the layers are read
        where they lie. The numbers are those of `forward` at the first position, up to rounding.

        Args:
            query: (N, D), or (1, D) where all rows have the same.
            layers: (N, L, D).
            positions: (L, D), added to the layers; None: nothing is added.

        Returns:
            (N, D).
        """
        heads, width = self.heads, query.shape[-1]
        key_weight, value_weight = (w.unflatten(0, (heads, -1)) for w in self.key_value.weight.chunk(2))
        _, value_bias = self.key_value.bias.chunk(2)
        asked = self.query(query).unflatten(-1, (heads, -1)) * (width // heads) ** -0.5
        # What a vector is multiplied with for its score, each head: (N or 1, heads, D); the bias of the keys
        # adds the same to all scores of a head, which a softmax passes over.
        probe = torch.einsum("nhd,hde->nhe", asked, key_weight)
        scores = layers @ probe[0].T if len(probe) == 1 else layers @ probe.transpose(1, 2)
        scores = scores.transpose(1, 2)
        if positions is not None:
            scores = scores + probe @ positions.T
        own = (probe * query[:, None]).sum(dim=-1, keepdim=True).expand(len(layers), -1, -1)
        attention = self.attention_dropout(torch.softmax(torch.cat([own, scores], dim=-1), dim=-1))
        at_layers = attention[..., 1:]
        seen = at_layers @ layers + attention[..., :1] * query[:, None]
        if positions is not None:
            seen = seen + at_layers @ positions
        values = torch.einsum("nhe,hde->nhd", seen, value_weight)
        values = values + attention.sum(dim=-1, keepdim=True) * value_bias.unflatten(0, (heads, -1))
        return self._finish(query, values.flatten(1))

    def _finish(self, asked: Tensor, attended: Tensor) -> Tensor:
        states = self.attention_norm(asked + self.dropout(self.attention_output(attended)))
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
        layers = layer_states.flatten(0, 1)
        query, positions = self.query.to(layers.dtype)[None], self.positions
        if len(self.blocks) > 1:
            first = query[:, None].expand(len(layers), -1, -1)
            sequence = torch.cat([first, layers + positions], dim=1)
            for block in self.blocks[:-1]:
                sequence = block(sequence)
            query, layers, positions = sequence[:, 0], sequence[:, 1:], None
        at_query = self.blocks[-1].at_query(query, layers, positions)
        weights = torch.softmax(self.score(at_query), dim=-1)
        return weights.unflatten(0, layer_states.shape[:2])

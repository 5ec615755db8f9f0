"""Attention of heads that share keys and values, without copies for each head.

Ainslie et al., 2023, "GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints".
"""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

GROUPED = "sdpa_grouped"
"""Name by which transformers knows it, beside its own "sdpa"."""

SPECIAL = ("position_bias", "softcap", "cache")
"""Options that transformers' own function applies, or refuses."""


def share_keys(model: PreTrainedModel) -> None:
    """Let an LLM on a CPU read shared keys and values where they are.

    Where there is a mask, transformers copies them for each head: on a GPU, PyTorch has a fast kernel for
    groups of heads only without one. On a CPU it has both. Nothing but time and memory changes. A model
    whose heads share nothing, or that does not attend by `sdpa`, is left as it is. transformers' own switch,
    `TRANSFORMERS_SDPA_FORCE_GQA`, is one for the whole process, GPUs included.

    Args:
        model: Changed in place.
    """
    config = model.config.get_text_config()
    heads = getattr(config, "num_attention_heads", None)
    shared = getattr(config, "num_key_value_heads", None) or heads
    if shared != heads and config._attn_implementation == "sdpa":
        model.set_attn_implementation(GROUPED)


def grouped_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attend, by transformers' interface.

    Args:
        module: The layer that attends.
        query: (B, H, S, D).
        key: (B, H / G, P + S, D), for groups of G heads each.
        value: (B, H / G, P + S, D).
        attention_mask: (B or 1, H or 1, S, P + S), booleans or numbers that are added; None: causal.
        dropout: Chance of an attention weight to be zero.
        scaling: Of the products of queries and keys; None: 1 / √D.
        options: What else transformers' `sdpa` takes.

    Returns:
        (B, S, H, D), and None in place of attention weights.
    """
    # One query alone is rearranged by transformers, without a copy.
    one, elsewhere = query.shape[2] == 1, query.device.type != "cpu"
    special = any(options.get(name) is not None for name in SPECIAL)
    if one or elsewhere or attention_mask is None or special:
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **options
        )
    mixed = functional.scaled_dot_product_attention(
        query, key, value, attn_mask=attention_mask, dropout_p=dropout, scale=scaling, enable_gqa=True
    )
    return mixed.transpose(1, 2).contiguous(), None


AttentionInterface.register(GROUPED, grouped_attention)
AttentionMaskInterface.register(GROUPED, sdpa_mask)

"""Means over tokens: of a whole text, of each text of a pair, of each word."""

from collections.abc import Sequence

import torch
from torch import Tensor

from fusion_demo.tokens import Token


def mean_parts(states: Tensor, mask: Tensor, parts: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean state of each part of each text.

    Args:
        states: (B, T, D).
        mask: (B, T), True at real tokens.
        parts: (B, T), number of the part that a token belongs to, counted from 0.

    Returns:
        (B, P, D) means, zero where a text has no such part, and (B, P), True where it has.
    """
    numbers = torch.arange(int(parts.max()) + 1, device=parts.device)
    belongs = (mask[:, None] & (parts[:, None] == numbers[:, None])).to(states.dtype)
    counts = belongs.sum(dim=-1, keepdim=True)
    return belongs @ states / counts.clamp(min=1), counts[..., 0] > 0


def pool_words(states: Tensor, tokens: Sequence[Sequence[Token]]) -> tuple[Tensor, Tensor]:
    """Return the mean state of each word; a special token stays alone.

    A foreign word is often cut into three to five pieces where an English one is whole; pooled, a text has
    about as many soft tokens in one language as in another.

    Args:
        states: (B, T, D).
        tokens: The tokens of each text, in the order of T, without padding.

    Returns:
        (B, W, D) and (B, W), True where a word stands.

    Example: the tokens <s>, good, da, y, </s> with words -1, 0, 1, 1, -1 -> four means, the third of two.
    """
    groups = [word_groups(row) for row in tokens]
    counts = torch.tensor([row[-1] + 1 if row else 0 for row in groups], device=states.device)
    words = torch.arange(int(counts.max()), device=states.device)
    index = torch.full(states.shape[:2], -1, device=states.device)
    for row, group in enumerate(groups):
        index[row, : len(group)] = torch.tensor(group, device=states.device)
    belongs = (index[:, None] == words[:, None]).to(states.dtype)
    pooled = belongs @ states / belongs.sum(dim=-1, keepdim=True).clamp(min=1)
    return pooled, words < counts[:, None]


def word_groups(tokens: Sequence[Token]) -> list[int]:
    """Return the number of each token's word among the words and special tokens, counted from 0.

    Example: the tokens <s>, good, da, y, </s> with words -1, 0, 1, 1, -1 -> [0, 1, 2, 2, 3].
    """
    groups: list[int] = []
    for i, token in enumerate(tokens):
        same = i > 0 and not token.special and token.word == tokens[i - 1].word
        groups.append(groups[-1] + (not same) if groups else 0)
    return groups

"""Continuations of a text side by side, none of which sees another: where they stand, and who sees whom."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

TEXT = -1
"""In the place of a branch's number: what all branches see."""


def positions_behind(mask: Tensor, past: int) -> Tensor:
    """Return the positions (B, S) of what is read behind `past` tokens.

    Masked places take none, so that padding changes nothing.

    Example: the mask 0, 1, 1 behind 5 tokens -> 5, 5, 6.
    """
    return past + (mask.long().cumsum(dim=1) - 1).clamp(min=0)


def branch_positions(mask: Tensor, past: int, lengths: Sequence[int]) -> Tensor:
    """Return the positions of a text and its branches, each where it would stand alone.

    Args:
        mask: (B, S), False at positions to be passed over; the last one is True.
        past: P, tokens before the text.
        lengths: Tokens of each branch, N in all.

    Returns:
        (B, S + N).
    """
    text = positions_behind(mask, past)
    steps = [step for length in lengths for step in range(1, length + 1)]
    return torch.cat([text, text[:, -1:] + torch.tensor(steps, dtype=torch.long, device=mask.device)], dim=1)


def branch_attention(mask: Tensor, past: int, lengths: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return what is added to the attention's scores: 0 where one sees another, else the lowest number.

    A branch sees the prefix, the text and its own beginning.

    Args:
        mask: (B, S), False at positions to be passed over.
        past: P, tokens before the text, which all see.
        lengths: Tokens of each branch, N in all.
        dtype: Of the scores.

    Returns:
        (B, 1, S + N, P + S + N).
    """
    branches = [number for number, length in enumerate(lengths) for _ in range(length)]
    own = torch.tensor([TEXT] * mask.shape[1] + branches, device=mask.device)
    sees = ((own == TEXT) | (own == own[:, None])).tril()
    real = functional.pad(mask, (0, len(branches)), value=True)
    # A padded position sees itself: an empty row of attention would turn into NaN.
    sees = sees & (real[:, None, :] | torch.eye(len(own), dtype=torch.bool, device=mask.device))
    sees = functional.pad(sees, (past, 0), value=True)[:, None]
    attention = torch.zeros(sees.shape, dtype=dtype, device=mask.device)
    return attention.masked_fill_(~sees, torch.finfo(dtype).min)

"""Rows of token ids of unlike length, as one tensor."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

IGNORED = -100
"""Fills up short rows; torch's losses pass over it."""


def pad(rows: Sequence[Sequence[int]], device: torch.device, side: str = "right") -> Tensor:
    """Stack rows of ids, filled up with `IGNORED` on one side: (B, N), N the longest row's length."""
    padded = [torch.tensor(list(row), dtype=torch.long, device=device) for row in rows]
    return nn.utils.rnn.pad_sequence(padded, batch_first=True, padding_value=IGNORED, padding_side=side)

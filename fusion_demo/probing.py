"""What the probes of both frozen models share: when two results are one, and where positions end."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

ROUGH_TOLERANCE = 0.1
"""What two ways of computing may differ by in half precision, relative to the result's root mean square."""


def close(ours: Tensor, theirs: Tensor, tolerance: float) -> bool:
    """Tell whether two ways of computing the same came to the same.

    Args:
        ours: What one way gives.
        theirs: What the other gives, of the same shape; its number format is the computation's.
        tolerance: In single precision: root mean square of the difference, relative to that of `theirs`.
    """
    if theirs.dtype in (torch.float16, torch.bfloat16):
        tolerance = ROUGH_TOLERANCE
    ours, theirs = ours.float(), theirs.float()
    return bool((ours - theirs).pow(2).mean().sqrt() <= tolerance * theirs.pow(2).mean().sqrt())


def reason_of(error: Exception) -> str:
    """Return the first line of what an error says, or its kind if it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


class PositionTables(TorchDispatchMode):
    """While it is open, finds tables of positions: those that a text's tokens look up in order.

    Attributes:
        rooms: For each such lookup, how many tokens find a place in its table. Its first rows may belong to
            none: in RoBERTa and others, positions begin behind the padding's id.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rooms: list[int] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: Any = None) -> Any:
        """Look at a lookup, and do it."""
        if function is torch.ops.aten.embedding.default:
            table, indices = args[:2]
            row = indices.reshape(-1, indices.shape[-1])[0] if indices.dim() else indices[None]
            if len(row) > 2 and bool((row.diff() == 1).all()):
                self.rooms.append(len(table) - int(row[0]))
        return function(*args, **(kwargs or {}))

"""AdamW over the trained parts, and how its learning rate rises and falls."""

import math
from typing import Any

import torch
from torch import nn

from fusion_demo.config import TrainConfig


def build_optimizer(
    parameters: dict[str, nn.Parameter], config: TrainConfig, learning_rate: float
) -> torch.optim.AdamW:
    """Return AdamW; every group remembers its peak rate.

    The fusion may learn at its own rate. Vectors (biases, norms, one weight per layer) are not decayed.

    Args:
        parameters: What is trained, by name.
        config: Gives the fusion's rate, the decays and the moments.
        learning_rate: Peak rate of all else.
    """
    rates = {True: config.fusion_learning_rate or learning_rate, False: learning_rate}
    groups: list[dict[str, Any]] = []
    for of_fusion, rate in rates.items():
        named = [p for n, p in parameters.items() if n.startswith("fusion.") == of_fusion]
        for decayed in (True, False):
            chosen = [p for p in named if (p.ndim > 1) == decayed]
            decay = config.weight_decay if decayed else 0.0
            if chosen:
                groups.append({"params": chosen, "lr": rate, "peak": rate, "weight_decay": decay})
    return torch.optim.AdamW(groups, betas=(config.adam_beta1, config.adam_beta2))


def set_rate(optimizer: torch.optim.Optimizer, update: int, total: int, warmup_fraction: float) -> None:
    """Set every group's learning rate for an update: linear warm-up, then a cosine to zero.

    Example: 100 updates, a warm-up fraction of 0.1 -> a tenth of the peak at update 0, all of it at 10.
    """
    warmup = max(1, round(total * warmup_fraction))
    if update < warmup:
        factor = (update + 1) / warmup
    else:
        factor = 0.5 * (1 + math.cos(math.pi * min(1.0, (update - warmup) / max(1, total - warmup))))
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor

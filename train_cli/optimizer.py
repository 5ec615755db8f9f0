"""AdamW over the trained parts, and how its learning rate rises and falls."""

import math
from typing import Any

import torch
from torch import nn

from fusion_demo.config import TrainConfig

GLOBAL_SOFTMAX = ("fusion.weights", "fusion.temperature")
"""Both scalars of a layer's score τ · w_l, see `fusion_demo.fusion.global_softmax`."""


def build_optimizer(
    parameters: dict[str, nn.Parameter], config: TrainConfig, learning_rate: float
) -> torch.optim.AdamW:
    """Return AdamW; every group remembers its peak rate.

    The fusion may learn at its own rate. Vectors (biases, norms, one weight per layer) are not decayed.

    AdamW moves every number by about its rate, whatever it means. In global softmax τ, above 100, multiplies
    the weights' steps, and τ itself is 1e5 times its parameter: at a rate of 1e-4 it moves by 10 an update,
    and within some hundred updates the mix is one layer and jumps to another. So `fusion_score_rate` slows
    the weights, and its square the temperature.

    Args:
        parameters: What is trained, by name.
        config: Gives the fusion's rate, the decays and the moments.
        learning_rate: Peak rate of all else.
    """
    fusion_rate = config.fusion_learning_rate or learning_rate
    scalars = GLOBAL_SOFTMAX if GLOBAL_SOFTMAX[1] in parameters else ()
    grouped: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in parameters.items():
        rate = fusion_rate if name.startswith("fusion.") else learning_rate
        if name in scalars:
            rate *= config.fusion_score_rate ** (1 + scalars.index(name))
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        grouped.setdefault((rate, decay), []).append(parameter)
    groups: list[dict[str, Any]] = [
        {"params": chosen, "lr": rate, "peak": rate, "weight_decay": decay}
        for (rate, decay), chosen in grouped.items()
    ]
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

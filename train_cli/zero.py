"""Frozen models in shares by DeepSpeed (Rajbhandari et al., 2020, "ZeRO: Memory Optimizations Toward
Training Trillion Parameter Models", stage 3).

PyTorch's own way is in `train_cli.sharding`. This one shares embeddings and output layers, too, and its
options can leave shares in main memory or on an NVMe disk.
"""

import importlib.util
import json
import logging
import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fusion_demo.errors import ConfigError

SECTIONS = ("zero_optimization", "aio", "comms_logger", "wall_clock_breakdown", "steps_per_print")
"""What a file of options may hold: all that concerns frozen weights. Nothing is trained by DeepSpeed."""


def read_zero_options(path: Path) -> dict[str, Any]:
    """Read DeepSpeed's options for the frozen models.

    Args:
        path: JSON, as DeepSpeed documents it.

    Raises:
        ConfigError: DeepSpeed is not installed, or the file cannot be read, has options of a training, or
            another stage than 3.
    """
    if not importlib.util.find_spec("deepspeed"):
        raise ConfigError(
            "--deepspeed needs one more package. Run: pip install -r requirements-deepspeed.txt"
        )
    try:
        options = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"Cannot read DeepSpeed's options from {path}: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not valid JSON: {error}") from None
    zero = options.get("zero_optimization") if isinstance(options, dict) else None
    if not isinstance(zero, dict) or zero.get("stage") != 3:
        raise ConfigError(
            f'{path} must say "zero_optimization": {{"stage": 3, …}}: no other stage of ZeRO shares what is '
            "frozen. configs/zero3.json is an example."
        )
    if others := sorted(set(options) - set(SECTIONS)):
        raise ConfigError(
            f"{path}: DeepSpeed holds the frozen models alone, so {', '.join(others)} would do nothing. "
            "Leave it out; the training has options of its own: python -m train_cli train --help."
        )
    return options


def check_process_group() -> None:
    """Refuse processes that were not started together.

    Raises:
        ConfigError: whoever started this process said nothing of others.
    """
    if not torch.distributed.is_initialized():
        raise ConfigError(
            "--deepspeed shares the frozen models among processes that are started together: "
            "torchrun --nproc_per_node N -m train_cli train …, with N = 1 to make use of main memory alone."
        )


def share_by_zero(model: nn.Module, options: dict[str, Any], device: torch.device) -> None:
    """Give each process 1/N of each parameter of a frozen model; it is whole while its module works.

    Args:
        model: Changed in place.
        options: What `read_zero_options` returned.
        device: Where it works.
    """
    if device.type == "cpu":  # else DeepSpeed takes a GPU wherever it sees one
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    import deepspeed  # not in requirements.txt

    logging.getLogger("DeepSpeed").setLevel(logging.WARNING)
    # The size of a batch must be said, though without a training it means nothing.
    deepspeed.initialize(model=model, config={**options, "train_micro_batch_size_per_gpu": 1})


def is_shared_by_zero(parameter: nn.Parameter) -> bool:
    """Whether DeepSpeed holds a parameter."""
    return hasattr(parameter, "ds_numel")
